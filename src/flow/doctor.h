/* SPDX-License-Identifier: MIT */
/* Examines, in this order, what a call to a tracking server needs; each part tells its findings. */
#ifndef FLOW_DOCTOR_H
#define FLOW_DOCTOR_H

#include "flow/client.h"

/* What the parts share. Borrowed but for `provider`. */
struct doctor {
    struct moidc_server *server;
    struct wish wish;
    bool no_token; /* settings, this machine and the provider alone */
    void (*report)(void *ctx, const struct moidc_finding *finding);
    void *ctx;
    struct provider provider; /* of its own: nothing that was kept is believed */
};

/* As moidc_doctor(). MOIDC_E_CANCELLED and MOIDC_E_MEMORY are all that ends it before its end. */
enum moidc_code doctor_examine(struct doctor *doctor, struct moidc_err *err) MUST_CHECK;

/* One finding; `remedy` may be NULL. */
void doctor_tell(const struct doctor *doctor, const char *id, enum moidc_verdict verdict, const char *remedy,
                 const char *text, ...) PRINTF(5, 6);
/* A failure, as its error says; MOIDC_E_CANCELLED and MOIDC_E_MEMORY are returned, else MOIDC_OK. */
enum moidc_code doctor_tell_error(const struct doctor *doctor, const char *id, enum moidc_verdict verdict,
                                  const struct moidc_err *err) MUST_CHECK;

/* "2026-11-24 03:10 UTC" into ret[DOCTOR_DATE_SIZE]; returns it. */
enum { DOCTOR_DATE_SIZE = 32 };
const char *doctor_date(int64_t seconds, char ret[DOCTOR_DATE_SIZE]);

/* The way to a host, as a request's route tells it: findings PREFIX"dns", PREFIX"tcp" and, where the URL is https,
 * PREFIX"tls". `rc` and `err` are what came of the request.
 *   arrived  set to false when the request did not get there, which has been told */
struct doctor_way {
    const char *url;
    const char *prefix;    /* "" or "server-" */
    const char *unreached; /* what to do where it is not reached; NULL: what err says */
    const char *untrusted; /* ... and where its certificate's authority is not trusted */
    const char *ca_file;   /* as for http_new() */
    const struct http_route *route;
};
enum moidc_code doctor_tell_way(const struct doctor *doctor, const struct doctor_way *way, enum moidc_code rc,
                                bool *arrived, struct moidc_err *err) MUST_CHECK;

/* The parts. */
void doctor_settings(const struct doctor *doctor);                                             /* no I/O */
enum moidc_code doctor_machine(const struct doctor *doctor, struct moidc_err *err) MUST_CHECK; /* port, cache, locks */
enum moidc_code doctor_provider(struct doctor *doctor, struct moidc_err *err) MUST_CHECK;      /* to its keys */
enum moidc_code doctor_tracking_server(const struct doctor *doctor,
                                       struct moidc_err *err) MUST_CHECK; /* and the token */

#endif
