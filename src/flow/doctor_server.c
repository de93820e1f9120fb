/* SPDX-License-Identifier: MIT */
/* The tracking server and what stands before it: what it answers without a token and with it. */
#include "flow/doctor.h"
#include "flow/worker.h"

#include "io/clock.h"
#include "oauth/challenge.h"
#include "oauth/claims.h"

#include <stdio.h>
#include <string.h>

static const char LOGIN_PAGE_REMEDY[] =
    "have the proxy take bearer tokens: oauth2-proxy --skip-jwt-bearer-tokens, mod_auth_openidc AuthType auth-openidc "
    "or oauth20";
static const char MOVED_REMEDY[] = "set the tracking URI to the address that it redirects to";
static const char CALL[] = "/api/2.0/mlflow/experiments/search";
static const char CERTIFICATE_REMEDY[] = "if your organisation has a CA of its own, set "
                                         "MLFLOW_TRACKING_SERVER_CERT_PATH and SSL_CERT_FILE to its PEM bundle";

/* What came of one call. */
struct visit {
    struct http_route route;
    int status; /* 0: none came */
    bool json;
};

/* A call as MLflow makes it; `token` may be NULL. rc of http_send(). */
static enum moidc_code call_server(const struct doctor *doctor, const struct moidc_token *token, struct visit *ret,
                                   struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *response = NULL;
    CLEANUP(strbuf_free) struct strbuf url = STRBUF_INIT(16 * 1024);
    CLEANUP(http_free_p) struct http *http = NULL;
    const struct settings *settings = doctor->wish.settings;
    const struct call *call = &doctor->wish.call;
    enum moidc_code rc;

    memset(ret, 0, sizeof *ret);
    strbuf_add_format(&url, "%s%s?max_results=1", settings->uri, CALL);
    rc = url.failed ? strbuf_error(&url, "the server's address", err)
                    : http_request_new(url.bytes, "the tracking server", &request, err);
    rc = rc == MOIDC_OK ? http_new(call->env, env_get(call->env, "MLFLOW_TRACKING_SERVER_CERT_PATH"), &http, err) : rc;
    if (rc == MOIDC_OK && token != NULL) {
        rc = secret_prefixed(settings_header_prefix(settings), token_secret(token), &request->authorization, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    request->header = settings->header;
    request->route = &ret->route;
    rc = http_send(http, request, call->ui, &response, err);
    if (rc == MOIDC_OK) {
        ret->status = response->status;
        ret->json = strcmp(response->content_type, "application/json") == 0;
    }
    return rc;
}

/* True when the same call is sent on to another address, such as one at https; a login page has it in its query alone. */
static bool has_moved(const struct visit *visit)
{
    const char *location = visit->route.location;
    const char *call = strstr(location, CALL);

    return visit->status >= 300 && visit->status < 400 && call != NULL &&
           (size_t)(call - location) < strcspn(location, "?#");
}

static void tell_without_token(const struct doctor *doctor, const struct visit *visit)
{
    int status = visit->status;

    if (status == 200 && visit->json) {
        doctor_tell(doctor, "server", MOIDC_VERDICT_WARN, "put the proxy before every path of the server",
                    "it answers calls without a token: whoever reaches it can read and write");
    } else if (has_moved(visit)) {
        doctor_tell(doctor, "server", MOIDC_VERDICT_FAIL, MOVED_REMEDY, "it redirects calls (HTTP status %d, to %s)",
                    status, visit->route.location);
    } else if (status == 200 || (status >= 300 && status < 400)) {
        doctor_tell(doctor, "server", MOIDC_VERDICT_FINE, NULL,
                    "without a token it shows a web page (HTTP status %d%s%s), as for a browser", status,
                    visit->route.location[0] != '\0' ? ", to " : "", visit->route.location);
    } else if (status == 401 || status == 403) {
        doctor_tell(doctor, "server", MOIDC_VERDICT_FINE, NULL, "it refuses calls without a token (HTTP status %d)",
                    status);
    } else if (status >= 500) {
        doctor_tell(doctor, "server", MOIDC_VERDICT_FAIL, "look into the server's log",
                    "it has a fault of its own (HTTP status %d)", status);
    } else {
        doctor_tell(doctor, "server", MOIDC_VERDICT_FAIL, "check the tracking URI",
                    "there is no MLflow at this address (HTTP status %d)", status);
    }
}

/* The token's claims beside what the settings say; nothing of it is decided by, and the token is not shown. */
static enum moidc_code describe_token(const struct doctor *doctor, const struct moidc_token *token, char *ret,
                                      size_t size, struct moidc_err *err)
{
    const struct settings *settings = doctor->wish.settings;
    struct claims claims;
    char date[DOCTOR_DATE_SIZE] = "a time that it does not name";
    bool readable = false;
    enum moidc_code rc = claims_of_token(token_secret(token), &readable, &claims, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (!readable) {
        snprintf(ret, size, "the access token is opaque: only the provider can say what it is good for");
        return MOIDC_OK;
    }
    if (claims.expires_at_s != 0) {
        doctor_date(claims.expires_at_s, date);
    }
    snprintf(ret, size, "the %s has iss %.150s (settings: %.150s), aud %.150s (settings: %.150s)%s%.100s, ends %s%s",
             settings->use_id_token ? "ID token" : "access token", claims.issuer, settings->issuer, claims.audience,
             settings_token_audience(settings), claims.authorized_party[0] != '\0' ? ", azp " : "",
             claims.authorized_party, date,
             claims.expires_at_s != 0 && claims.expires_at_s <= clock_now_s() ? ", which is past" : "");
    return MOIDC_OK;
}

enum { REASON_SIZE = 820 };

/* What the challenge says, for after a sentence; the token that it may say back is written over. */
static void give_reason(const struct moidc_token *token, const struct challenge *challenge, char ret[REASON_SIZE])
{
    if (challenge->error[0] != '\0') {
        snprintf(ret, REASON_SIZE, ": %s%s%s%s%.100s", challenge->error, challenge->description[0] != '\0' ? ", " : "",
                 challenge->description, challenge->scope[0] != '\0' ? ", scope " : "", challenge->scope);
        secret_hide(token_secret(token), ret);
    }
}

/* The server does not take the token. */
static enum moidc_code tell_refusal(const struct doctor *doctor, const struct moidc_token *token,
                                    const struct visit *visit, struct moidc_err *err)
{
    struct challenge challenge;
    char reason[REASON_SIZE] = "";
    char about[900];
    char remedy[600];
    enum moidc_code rc = describe_token(doctor, token, about, sizeof about, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    challenge_parse(visit->route.challenge, &challenge);
    give_reason(token, &challenge, reason);
    /* the audience of an ID token is the client ID, whatever is set */
    snprintf(remedy, sizeof remedy, "have its proxy take %s%s, or set %saudience to what it wants",
             challenge.is_bearer ? "" : "bearer tokens (oauth2-proxy: --skip-jwt-bearer-tokens), ",
             doctor->server->token_hint, doctor->wish.settings->use_id_token ? "use-id-token = false, and " : "");
    doctor_tell(doctor, "server-token", MOIDC_VERDICT_FAIL,
                visit->status == 401 || strcmp(challenge.error, "invalid_token") == 0
                    ? remedy /* Envoy says 403 and invalid_token of another audience, for which RFC 6750 §3.1 has 401 */
                : strcmp(challenge.error, "insufficient_scope") == 0
                    ? "set scope so that the token has what the server wants, or ask its operator for the permission"
                    : "ask the server's operator for the permission",
                "it refuses the token (HTTP status %d)%s; %s", visit->status, reason, about);
    return MOIDC_OK;
}

static enum moidc_code tell_with_token(const struct doctor *doctor, const struct moidc_token *token,
                                       const struct visit *visit, struct moidc_err *err)
{
    int status = visit->status;

    if (status == 200 && visit->json) {
        doctor_tell(doctor, "server-token", MOIDC_VERDICT_FINE, NULL, "it takes the token");
    } else if (status == 401 || status == 403) {
        return tell_refusal(doctor, token, visit, err);
    } else if (has_moved(visit)) {
        doctor_tell(doctor, "server-token", MOIDC_VERDICT_FAIL, MOVED_REMEDY,
                    "it redirects the call (HTTP status %d, to %s), and a token goes to no other address", status,
                    visit->route.location);
    } else if (status == 200 || (status >= 300 && status < 400)) {
        doctor_tell(doctor, "server-token", MOIDC_VERDICT_FAIL, LOGIN_PAGE_REMEDY,
                    "it shows a web page (HTTP status %d%s%s) although the token was sent", status,
                    visit->route.location[0] != '\0' ? ", to " : "", visit->route.location);
    } else {
        doctor_tell(doctor, "server-token", MOIDC_VERDICT_FAIL, "look into the server's log",
                    "it does not answer as MLflow does (HTTP status %d)", status);
    }
    return MOIDC_OK;
}

/* A token without anybody being asked. *ret stays NULL where there is none, which has been told. */
static enum moidc_code get_token(const struct doctor *doctor, struct moidc_token **ret, struct moidc_err *err)
{
    const struct settings *settings = doctor->wish.settings;
    enum moidc_code rc = worker_obtain(doctor->server->session, &doctor->wish, ret, err);
    char date[DOCTOR_DATE_SIZE] = "the provider ends it";

    if (rc != MOIDC_OK) {
        return doctor_tell_error(doctor, "token", MOIDC_VERDICT_FAIL, err);
    }
    if (token_expires_at_s(*ret) != 0) {
        doctor_date(token_expires_at_s(*ret), date);
    }
    doctor_tell(doctor, "token", MOIDC_VERDICT_FINE, NULL, "there is a valid %s, until %s",
                settings->use_id_token ? "ID token" : "access token", date);
    return MOIDC_OK;
}

enum moidc_code doctor_tracking_server(const struct doctor *doctor, struct moidc_err *err)
{
    CLEANUP(token_release_p) struct moidc_token *token = NULL;
    struct doctor_way way = {
        .url = doctor->wish.settings->uri,
        .prefix = "server-",
        .unreached = "check the tracking URI, that the server runs, and that the network lets you reach it",
        .untrusted = CERTIFICATE_REMEDY,
        .ca_file = env_get(doctor->wish.call.env, "MLFLOW_TRACKING_SERVER_CERT_PATH"),
    };
    struct visit visit;
    bool arrived = false;
    enum moidc_code rc = get_token(doctor, &token, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = call_server(doctor, NULL, &visit, err);
    if (rc == MOIDC_E_CONFIGURATION) {
        err_next(err, "set MLFLOW_TRACKING_SERVER_CERT_PATH to a PEM file");
        return doctor_tell_error(doctor, "server-tls", MOIDC_VERDICT_FAIL, err);
    }
    way.route = &visit.route;
    rc = doctor_tell_way(doctor, &way, rc, &arrived, err);
    if (rc != MOIDC_OK || !arrived) {
        return rc;
    }
    if (visit.status == 0) {
        err_next(err, "%s", way.unreached); /* http_send() speaks of the provider there */
        return doctor_tell_error(doctor, "server", MOIDC_VERDICT_FAIL, err);
    }
    tell_without_token(doctor, &visit);
    if (token == NULL) {
        return MOIDC_OK;
    }
    rc = call_server(doctor, token, &visit, err);
    if (rc != MOIDC_OK) {
        err_next(err, "%s", way.unreached);
        return doctor_tell_error(doctor, "server-token", MOIDC_VERDICT_FAIL, err);
    }
    secret_hide(token_secret(token), visit.route.location); /* a server may say it back */
    return tell_with_token(doctor, token, &visit, err);
}
