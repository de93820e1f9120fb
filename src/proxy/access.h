/* SPDX-License-Identifier: MIT */
/* Who may use the proxy: whoever has its random key, or the cookie that a one-time link gave; and no page of another
 * origin, whoever's browser it runs in. */
#ifndef PROXY_ACCESS_H
#define PROXY_ACCESS_H

#include "base/secret.h"
#include "proxy/request.h"

#include <pthread.h>

/* Requests below it are for the proxy itself. */
#define PROXY_OWN_PATH "/.mlflow-oidc/"
#define PROXY_ENTER_PATH PROXY_OWN_PATH "enter"
#define PROXY_LINK_PATH PROXY_OWN_PATH "link"

enum { ACCESS_LINKS_MOST = 8, ACCESS_SECRET_BYTES = 32, ACCESS_SECRET_LENGTH = 43, ACCESS_LINK_VALID_S = 300 };

struct access_link {
    struct secret *once; /* NULL: none */
    int64_t until_ms;
};

struct access {
    bool open;         /* a UNIX socket: its mode and the peer's user decided already */
    char hosts[2][32]; /* what Host may be: "127.0.0.1:8080", "localhost:8080" */
    struct secret *key;
    struct secret *cookie;
    char cookie_name[32];  /* with the port in it: cookies do not know ports */
    pthread_mutex_t mutex; /* guards the links */
    struct access_link links[ACCESS_LINKS_MOST];
    unsigned next_link;
};

/* Makes the random values. `host` is "127.0.0.1" or "[::1]", NULL for a UNIX socket. */
enum moidc_code access_init(struct access *access, const char *host, int port, struct moidc_err *err) MUST_CHECK;
void access_clear(struct access *access);

/* A new random text of ACCESS_SECRET_LENGTH characters, base64url; the caller's. */
enum moidc_code access_secret(struct secret **ret, struct moidc_err *err) MUST_CHECK;

/* Judges Host, Origin, Referer and Sec-Fetch-Site: 421 where the request is for another host (DNS rebinding), 403 where
 * a page of another origin had it sent. `entering`: it is for PROXY_ENTER_PATH, where a link may lead to from anywhere. */
struct verdict access_check_origin(const struct access *access, const struct proxy_request *request, bool entering);

/* 401 where the request carries neither key nor cookie; both are compared in constant time. `by_key`: only the key
 * counts. */
struct verdict access_check_key(const struct access *access, const struct proxy_request *request, bool by_key);

/* Makes a link that is good once, for ACCESS_LINK_VALID_S, and appends its `once` to *ret. The oldest of
 * ACCESS_LINKS_MOST ends. */
enum moidc_code access_link_new(struct access *access, struct strbuf *ret, struct moidc_err *err) MUST_CHECK;

/* Uses a link up: true when `once` was good. */
bool access_link_use(struct access *access, struct span once);

#endif
