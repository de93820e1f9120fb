/* SPDX-License-Identifier: MIT */
#include "flow/doctor.h"

#include "base/text.h"
#include "io/clock.h"
#include "io/trust.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CERTIFICATE_SOON_S = 14 * 86400 };

static void tell(const struct doctor *doctor, const struct moidc_finding *finding)
{
    if (doctor->report != NULL) {
        doctor->report(doctor->ctx, finding);
    }
}

void doctor_tell(const struct doctor *doctor, const char *id, enum moidc_verdict verdict, const char *remedy,
                 const char *text, ...)
{
    char said[1536];
    char cure[768];
    struct moidc_finding finding = {
        .id = id,
        .verdict = verdict,
        .code = verdict == MOIDC_VERDICT_FAIL ? MOIDC_E_CONFIGURATION : MOIDC_OK,
        .text = said,
        .remedy = cure,
    };
    va_list args;

    va_start(args, text);
    vsnprintf(said, sizeof said, text, args);
    va_end(args);
    snprintf(cure, sizeof cure, "%s", remedy != NULL ? remedy : "");
    text_make_printable(said);
    text_make_printable(cure);
    tell(doctor, &finding);
}

enum moidc_code doctor_tell_error(const struct doctor *doctor, const char *id, enum moidc_verdict verdict,
                                  const struct moidc_err *err)
{
    char said[1024];
    struct moidc_finding finding = {.id = id, .verdict = verdict, .code = err->code, .text = said, .remedy = err->next};

    if (err->code == MOIDC_E_CANCELLED || err->code == MOIDC_E_MEMORY) {
        return err->code;
    }
    snprintf(said, sizeof said, "%s%s%s%s", err->what, err->where[0] != '\0' ? " [" : "", err->where,
             err->where[0] != '\0' ? "]" : "");
    tell(doctor, &finding);
    return MOIDC_OK;
}

const char *doctor_date(int64_t seconds, char ret[DOCTOR_DATE_SIZE])
{
    time_t moment = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&moment, &parts) == NULL || strftime(ret, DOCTOR_DATE_SIZE, "%Y-%m-%d %H:%M UTC", &parts) == 0) {
        snprintf(ret, DOCTOR_DATE_SIZE, "%lld", (long long)seconds);
    }
    return ret;
}

/* "dns" or "server-dns". */
static const char *id_of(const struct doctor_way *way, const char *stage, char ret[24])
{
    snprintf(ret, 24, "%s%s", way->prefix, stage);
    return ret;
}

/* The stage that failed, with the remedy for it. */
static enum moidc_code tell_stage(const struct doctor *doctor, const struct doctor_way *way, const char *stage,
                                  const char *remedy, struct moidc_err *err)
{
    char id[24];

    if (remedy != NULL) {
        err_next(err, "%s", remedy);
    }
    return doctor_tell_error(doctor, id_of(way, stage, id), MOIDC_VERDICT_FAIL, err);
}

static enum moidc_code tell_tls(const struct doctor *doctor, const struct doctor_way *way, struct moidc_err *err)
{
    CLEANUP(trust_clear) struct trust trust = {.source = ""};
    const struct http_route *route = way->route;
    int64_t left_s = route->certificate_ends_s - clock_now_s();
    char date[DOCTOR_DATE_SIZE] = "a time that is not told";
    char id[24];
    enum moidc_code rc = trust_find(doctor->wish.call.env, way->ca_file, &trust, err);

    if (rc != MOIDC_OK) {
        return doctor_tell_error(doctor, id_of(way, "tls", id), MOIDC_VERDICT_FAIL, err);
    }
    if (route->certificate_ends_s != 0) {
        doctor_date(route->certificate_ends_s, date);
    }
    doctor_tell(doctor, id_of(way, "tls", id),
                route->certificate_ends_s != 0 && left_s < CERTIFICATE_SOON_S ? MOIDC_VERDICT_WARN : MOIDC_VERDICT_FINE,
                left_s < CERTIFICATE_SOON_S ? "have the server's certificate renewed" : NULL,
                "the certificate is trusted (by %s: %s), is valid until %s and was issued by %s", trust.source,
                trust.file != NULL        ? trust.file
                : trust.directory != NULL ? trust.directory
                                          : "nothing",
                date, route->certificate_issuer);
    return MOIDC_OK;
}

enum moidc_code doctor_tell_way(const struct doctor *doctor, const struct doctor_way *way, enum moidc_code rc,
                                bool *arrived, struct moidc_err *err)
{
    const struct http_route *route = way->route;
    struct url url;
    char id[24];
    bool secure;
    bool literal;

    *arrived = false;
    if (rc == MOIDC_E_CANCELLED || rc == MOIDC_E_MEMORY) {
        return rc;
    }
    if (!url_parse(way->url, &url)) {
        return err_set(err, MOIDC_E_INTERNAL, "a checked address is none");
    }
    secure = url.https;
    literal = url.ipv6 || strspn(url.host, "0123456789.") >= url.host_length;
    *arrived = route->connected && (!secure || route->secured);
    if (!route->resolved && !route->connected) {
        return tell_stage(doctor, way, "dns", way->unreached, err);
    }
    if (!literal) {
        doctor_tell(doctor, id_of(way, "dns", id), MOIDC_VERDICT_FINE, NULL, "%.*s is found", (int)url.host_length,
                    url.host);
    }
    if (!route->connected) {
        return tell_stage(doctor, way, "tcp", way->unreached, err);
    }
    doctor_tell(doctor, id_of(way, "tcp", id), MOIDC_VERDICT_FINE, NULL, "%s answers", route->address);
    if (secure && !route->secured) {
        return tell_stage(doctor, way, "tls", trust_remedy(err->what, way->untrusted), err);
    }
    return secure ? tell_tls(doctor, way, err) : MOIDC_OK;
}

enum moidc_code doctor_examine(struct doctor *doctor, struct moidc_err *err)
{
    enum moidc_code rc;

    doctor_settings(doctor);
    rc = doctor_machine(doctor, err);
    rc = rc == MOIDC_OK ? doctor_provider(doctor, err) : rc;
    if (rc == MOIDC_OK && !doctor->no_token) {
        rc = doctor_tracking_server(doctor, err);
    }
    provider_clear(&doctor->provider);
    return rc;
}
