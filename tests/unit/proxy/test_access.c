/* SPDX-License-Identifier: MIT */
#include "proxy/access.h"

#include "io/clock.h"

#include "check.h"

static struct proxy_request read_head(const char *fields)
{
    static char head[4096];
    struct proxy_request request;

    snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n%s\r\n", fields);
    CHECK(proxy_request_read(head, strlen(head), &request).status == 0);
    return request;
}

static int key_status(const struct access *access, const char *format, const struct secret *secret, bool by_key)
{
    struct proxy_request request;
    char fields[512];

    snprintf(fields, sizeof fields, format, secret_reveal(secret));
    request = read_head(fields);
    return access_check_key(access, &request, by_key).status;
}

static void test_key_and_cookie_open(void)
{
    struct access access;
    struct moidc_err err;

    CHECK(access_init(&access, "127.0.0.1", 8080, &err) == MOIDC_OK);
    CHECK(secret_length(access.key) == ACCESS_SECRET_LENGTH && !secret_equal(access.key, access.cookie));
    CHECK(key_status(&access, "Authorization: Bearer %s\r\n", access.key, true) == 0);
    CHECK(key_status(&access, "Authorization: Bearer %s\r\n", access.cookie, true) == 401);
    CHECK(key_status(&access, "Cookie: x=y; mlflow-oidc-8080=%s\r\n", access.cookie, false) == 0);
    CHECK(key_status(&access, "Cookie: x=y; mlflow-oidc-8080=%s\r\n", access.cookie, true) == 401);
    CHECK(key_status(&access, "Cookie: mlflow-oidc-8080=%s\r\n", access.key, false) == 401);
    CHECK(key_status(&access, "Cookie: mlflow-oidc-8081=%s\r\n", access.cookie, false) == 401);
    CHECK(key_status(&access, "X: %s\r\n", access.key, false) == 401);
    access_clear(&access);
}

static int origin_status(const struct access *access, const char *fields, bool entering)
{
    struct proxy_request request = read_head(fields);

    return access_check_origin(access, &request, entering).status;
}

static void test_origins_are_told_apart(void)
{
    struct access access;
    struct moidc_err err;

    CHECK(access_init(&access, "127.0.0.1", 8080, &err) == MOIDC_OK);
    CHECK(origin_status(&access, "", false) == 0);
    CHECK(origin_status(&access, "Origin: http://127.0.0.1:8080\r\n", false) == 0);
    CHECK(origin_status(&access, "Origin: http://127.0.0.1:80800\r\n", false) == 403);
    CHECK(origin_status(&access, "Origin: http://127.0.0.1:808\r\n", false) == 403);
    CHECK(origin_status(&access, "Referer: http://127.0.0.1:8080/x\r\n", false) == 0);
    CHECK(origin_status(&access, "Referer: http://127.0.0.1:8080\r\n", false) == 0);
    CHECK(origin_status(&access, "Referer: http://127.0.0.1:8080@x/\r\n", false) == 403);
    CHECK(origin_status(&access, "Sec-Fetch-Site: none\r\n", false) == 0);
    CHECK(origin_status(&access, "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n", false) == 403);
    CHECK(origin_status(&access, "Sec-Fetch-Site: cross-site\r\n", true) == 0);
    CHECK(origin_status(&access, "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n", true) == 403);
    access_clear(&access);

    CHECK(access_init(&access, "127.0.0.1", 80, &err) == MOIDC_OK);
    CHECK(origin_status(&access, "", false) == 421);
    CHECK_TEXT(access.hosts[0], "127.0.0.1");
    access_clear(&access);

    CHECK(access_init(&access, NULL, 0, &err) == MOIDC_OK);
    CHECK(origin_status(&access, "Origin: https://x\r\n", false) == 0 && access.key == NULL);
    access_clear(&access);
}

static void test_a_link_works_once_and_for_a_while(void)
{
    struct strbuf texts[ACCESS_LINKS_MOST + 1];
    struct access access;
    struct moidc_err err;

    CHECK(access_init(&access, "127.0.0.1", 8080, &err) == MOIDC_OK);
    for (int i = 0; i <= ACCESS_LINKS_MOST; i++) {
        texts[i] = (struct strbuf)STRBUF_INIT(64);
        CHECK(access_link_new(&access, &texts[i], &err) == MOIDC_OK && texts[i].length == ACCESS_SECRET_LENGTH);
    }
    CHECK(!access_link_use(&access, (struct span){"", 0}));
    CHECK(!access_link_use(&access, (struct span){texts[0].bytes, texts[0].length})); /* the newest took its place */
    CHECK(access_link_use(&access, (struct span){texts[1].bytes, texts[1].length}));
    CHECK(!access_link_use(&access, (struct span){texts[1].bytes, texts[1].length}));
    CHECK(!access_link_use(&access, (struct span){texts[2].bytes, texts[2].length - 1}));
    clock_shift_s(ACCESS_LINK_VALID_S - 1);
    CHECK(access_link_use(&access, (struct span){texts[2].bytes, texts[2].length}));
    clock_shift_s(2);
    CHECK(!access_link_use(&access, (struct span){texts[3].bytes, texts[3].length}));
    for (int i = 0; i <= ACCESS_LINKS_MOST; i++) {
        strbuf_free(&texts[i]);
    }
    access_clear(&access);
}

int main(void)
{
    RUN(test_key_and_cookie_open);
    RUN(test_origins_are_told_apart);
    RUN(test_a_link_works_once_and_for_a_while);
    return check_summary();
}
