/* SPDX-License-Identifier: MIT */
#include "flow/sign_in.h"

#include "base/fork_gate.h"
#include "base/text.h"
#include "flow/exchange.h"
#include "flow/person.h"
#include "flow/sign_in_page.h"
#include "io/browser.h"
#include "io/clock.h"
#include "io/listener.h"
#include "io/random.h"
#include "oauth/authz.h"
#include "oauth/pkce.h"

#include <stdio.h>
#include <string.h>

enum { LISTEN_STEP_MS = 80, REMIND_MS = 60 * 1000, PORT_STEP_MS = 100 };

/* One attempt: what was sent, and where the answer is awaited. */
struct attempt {
    struct secret *state;
    struct secret *nonce;
    struct secret *verifier;
    char *url;
    bool offline; /* it asks for offline_access */
};

static void attempt_clear(struct attempt *attempt)
{
    secret_free(attempt->state);
    secret_free(attempt->nonce);
    secret_free(attempt->verifier);
    mem_free(attempt->url);
}

static enum moidc_code unguessable(struct secret **ret, struct moidc_err *err)
{
    unsigned char bytes[PKCE_RANDOM_BYTES];
    enum moidc_code rc = random_bytes(bytes, sizeof bytes, err);

    rc = rc == MOIDC_OK ? pkce_verifier(bytes, ret, err) : rc;
    mem_wipe(bytes, sizeof bytes);
    return rc;
}

/* The user's `prompt`, and consent where offline_access is asked for, which OIDC Core §11 wants it with; `none` stays
 * alone (§3.1.2.1). */
static const char *prompt_for(const struct settings *settings, const char *scope, char *ret, size_t size)
{
    bool add = text_has_word(scope, "offline_access") && !text_has_word(settings->prompt, "consent") &&
               strcmp(settings->prompt, "none") != 0;

    snprintf(ret, size, "%s%s%s", settings->prompt, add && settings->prompt[0] != '\0' ? " " : "",
             add ? "consent" : "");
    return ret;
}

static enum moidc_code attempt_init(struct session *session, const struct wish *wish, struct attempt *attempt,
                                    struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    char challenge[PKCE_CHALLENGE_SIZE];
    char scope[4200];
    char prompt[64];
    struct authz_request request = {
        .endpoint = session->provider.metadata->authorization_endpoint,
        .client_id = settings->client_id,
        .redirect_uri = settings->redirect_uri,
        .scope = scope,
        .audience = settings->audience_set ? settings->audience : NULL,
        .code_challenge = challenge,
        .login_hint = settings->login_hint,
        .resource = settings->resource,
        .parameters = settings->authorize_params,
    };
    enum moidc_code rc;

    if (request.endpoint == NULL) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no authorization_endpoint");
        err_where(err, "%s", settings->issuer);
        return err_next(err, "this provider lets no person sign in: set client-secret");
    }
    snprintf(scope, sizeof scope, "%s%s", settings->scope, attempt->offline ? " offline_access" : "");
    request.prompt = prompt_for(settings, scope, prompt, sizeof prompt);
    rc = unguessable(&attempt->state, err);
    rc = rc == MOIDC_OK ? unguessable(&attempt->nonce, err) : rc;
    rc = rc == MOIDC_OK ? unguessable(&attempt->verifier, err) : rc;
    fork_gate_enter();
    rc = rc == MOIDC_OK ? pkce_challenge(attempt->verifier, challenge, err) : rc;
    fork_gate_leave();
    request.state = attempt->state;
    request.nonce = attempt->nonce;
    return rc == MOIDC_OK ? authz_url(&request, &attempt->url, err) : rc;
}

static void show(const struct wish *wish, const char *text)
{
    wish->call.ui->show(wish->call.ui->ctx, text);
}

/* The address is always shown: the browser may be the wrong one, or not come at all. */
static enum moidc_code show_and_open(const struct wish *wish, const struct attempt *attempt, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(64 * 1024);
    bool browser = !wish->no_browser && browser_available(wish->call.env);

    strbuf_add_format(&text,
                      "mlflow-oidc-client: to sign in to %s, open this address in a browser on this machine:\n%s",
                      wish->settings->uri, attempt->url);
    if (text.failed) {
        return strbuf_error(&text, "the authorization request", err);
    }
    show(wish, text.bytes);
    if (browser && browser_open(wish->call.env, attempt->url, err) != MOIDC_OK) {
        strbuf_free(&text);
        strbuf_add_format(&text, "mlflow-oidc-client: no browser was opened: %s", err->what);
        show(wish, strbuf_text(&text));
    }
    return MOIDC_OK;
}

static void answer(struct listener_request *request, const struct wish *wish, enum moidc_code rc,
                   const struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf html = STRBUF_INIT(128 * 1024);
    struct sign_in_page page = {
        .success = rc == MOIDC_OK,
        .server = wish->settings->uri,
        .issuer = wish->settings->issuer,
        .error = rc == MOIDC_OK ? "" : err->oauth_error,
        .description = rc == MOIDC_OK ? "" : err->what,
        .next = rc == MOIDC_OK ? "" : err->next,
    };

    sign_in_page_render(&html, &page);
    listener_answer(request, rc == MOIDC_OK ? 200 : 400, strbuf_text(&html), html.length);
}

static void answer_stray(struct listener_request *request, const struct wish *wish)
{
    struct moidc_err err;

    err_set(&err, MOIDC_E_PROTOCOL, "This is not the answer to the sign-in that is under way.");
    err_next(&err, "Go on with the page that was opened last, or open the address that was printed.");
    answer(request, wish, err.code, &err);
}

/* The code is redeemed while the browser waits, so that its page tells how it ended. */
static enum moidc_code redeem(struct session *session, const struct wish *wish, const struct attempt *attempt,
                              const struct secret *code, const struct cache_entry *before, struct cache_entry **ret,
                              struct moidc_err *err)
{
    struct token_grant grant = {
        .grant = GRANT_CODE,
        .code = code,
        .verifier = attempt->verifier,
        .redirect_uri = wish->settings->redirect_uri,
        .audience = wish->settings->audience,
        .resource = wish->settings->resource,
    };

    return exchange(session, wish, &grant, before, attempt->nonce, ret, err);
}

static enum moidc_code waited_too_long(const struct wish *wish, struct moidc_err *err)
{
    err_set(err, MOIDC_E_TIMEOUT, "nobody signed in within %lld s", (long long)wish->settings->login_timeout_s);
    err_where(err, "%s", wish->settings->issuer);
    return err_next(err,
                    "call again and sign in with the browser; if its page showed an error, have the provider allow "
                    "the redirect URI %s",
                    wish->settings->redirect_uri);
}

/* Shows that it still waits, once a minute. */
static void remind(const struct wish *wish, int64_t left_ms, int64_t *next_ms)
{
    char text[96];

    if (clock_steady_ms() >= *next_ms) {
        *next_ms = clock_steady_ms() + REMIND_MS;
        snprintf(text, sizeof text, "mlflow-oidc-client: waiting for the sign-in, %lld s left (Ctrl-C ends it).",
                 (long long)(left_ms / 1000));
        show(wish, text);
    }
}

static enum moidc_code wait_for_answer(struct session *session, const struct wish *wish, struct listener *listener,
                                       const struct attempt *attempt, const struct cache_entry *before,
                                       struct cache_entry **ret, struct moidc_err *err)
{
    struct authz_expect expect = {
        .state = attempt->state,
        .issuer = session->provider.metadata->issuer,
        .iss_required = session->provider.metadata->iss_parameter,
    };
    int64_t end_ms = clock_steady_ms() + wish->settings->login_timeout_s * 1000;
    int64_t remind_ms = 0;

    for (;;) {
        CLEANUP(secret_free_p) struct secret *code = NULL;
        struct listener_request *request = NULL;
        int64_t left_ms = end_ms - clock_steady_ms();
        enum authz_outcome outcome;
        enum moidc_code rc;

        if (left_ms <= 0) {
            return waited_too_long(wish, err);
        }
        remind(wish, left_ms, &remind_ms);
        if (!call_wait(&wish->call, 0)) {
            return err_set(err, MOIDC_E_CANCELLED, "the sign-in was cancelled");
        }
        rc = listener_next(listener, left_ms < LISTEN_STEP_MS ? (int)left_ms : LISTEN_STEP_MS, &request, err);
        if (rc != MOIDC_OK) {
            return rc;
        }
        if (request == NULL) {
            continue;
        }
        outcome = authz_response_parse(listener_query(request), &expect, &code, err);
        if (outcome == AUTHZ_STRAY) {
            answer_stray(request, wish);
            continue;
        }
        rc = outcome == AUTHZ_CODE ? redeem(session, wish, attempt, code, before, ret, err) : err->code;
        if (outcome == AUTHZ_REFUSED) {
            err_where(err, "%s", session->provider.metadata->issuer);
        }
        answer(request, wish, rc, err);
        return rc;
    }
}

/* Listens on the redirect URI's port. A sign-in of another identity that has it is waited for; any other program is
 * named (contract: Sign-in). *lock is held while the port is ours. */
static enum moidc_code listen(const struct wish *wish, struct listener **ret, struct lock **lock, struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    const struct redirect *redirect = &wish->settings->redirect;
    static const char *const hosts[] = {
        [REDIRECT_IPV4] = "127.0.0.1", [REDIRECT_IPV6] = "[::1]", [REDIRECT_LOCALHOST] = "localhost"};
    struct listener_address address = {
        .ipv4 = redirect->host != REDIRECT_IPV6,
        .ipv6 = redirect->host != REDIRECT_IPV4,
        .port = redirect->port,
        .path = redirect->path,
        .host = hosts[redirect->host],
    };
    int64_t end_ms = clock_steady_ms() + wish->settings->login_timeout_s * 1000;
    struct moidc_err ignored;
    char name[32];
    bool busy = false;
    enum moidc_code rc;

    snprintf(name, sizeof name, "port-%d.lock", redirect->port);
    if (cache_dir_open(wish->call.env, &dir, &ignored) == MOIDC_OK) {
        while (lock_try(dir, name, lock, &ignored) == LOCK_BUSY) {
            if (clock_steady_ms() > end_ms) {
                break; /* the port will say who has it */
            }
            if (!call_wait(&wish->call, PORT_STEP_MS)) {
                return err_set(err, MOIDC_E_CANCELLED, "the sign-in was cancelled");
            }
        }
    }
    rc = listener_open(&address, &busy, ret, err);
    if (rc != MOIDC_OK && err->where[0] == '\0') {
        err_where(err, "%s", wish->settings->source[SETTING_REDIRECT_URI]);
    }
    if (rc != MOIDC_OK && busy) {
        err_next(err, "end that program, or set redirect-uri to one with another port that the provider knows too");
    }
    return rc;
}

static enum moidc_code attempt_once(struct session *session, const struct wish *wish, bool offline,
                                    const struct cache_entry *before, struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(attempt_clear) struct attempt attempt = {.offline = offline};
    CLEANUP(lock_release_p) struct lock *lock = NULL;
    CLEANUP(listener_close_p) struct listener *listener = NULL;
    enum moidc_code rc = attempt_init(session, wish, &attempt, err);

    rc = rc == MOIDC_OK ? listen(wish, &listener, &lock, err) : rc;
    session->asked_person = rc == MOIDC_OK;
    rc = rc == MOIDC_OK ? show_and_open(wish, &attempt, err) : rc;
    return rc == MOIDC_OK ? wait_for_answer(session, wish, listener, &attempt, before, ret, err) : rc;
}

static bool is_about_scope(const struct moidc_err *err)
{
    return strcmp(err->oauth_error, "invalid_scope") == 0 || strcmp(err->oauth_error, "invalid_request") == 0 ||
           strcmp(err->oauth_error, "unauthorized_client") == 0 || strcmp(err->oauth_error, "consent_required") == 0;
}

enum moidc_code sign_in(struct session *session, const struct wish *wish, const struct cache_entry *before,
                        struct cache_entry **ret, struct moidc_err *err)
{
    enum offline offline = before != NULL && !wish->settings->scope_set ? before->offline : OFFLINE_UNKNOWN;
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    enum moidc_code rc = person_check(&wish->call, err);

    if (offline == OFFLINE_ASK && strcmp(wish->settings->prompt, "none") == 0) {
        offline = OFFLINE_UNKNOWN; /* nobody is to be asked for consent, which it needs */
    }
    rc = rc == MOIDC_OK ? provider_discover(&session->provider, &wish->call, err) : rc;
    rc = rc == MOIDC_OK ? attempt_once(session, wish, offline == OFFLINE_ASK, before, &entry, err) : rc;
    if (rc == MOIDC_E_PROVIDER && offline == OFFLINE_ASK && is_about_scope(err)) {
        offline = OFFLINE_REFUSED;
        rc = attempt_once(session, wish, false, before, &entry, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): MOIDC_OK comes from redeem() alone, with an entry */
    if (entry->refresh_token == NULL && !wish->settings->scope_set && session->provider.metadata->offline_access) {
        offline = offline == OFFLINE_UNKNOWN ? OFFLINE_ASK : OFFLINE_REFUSED;
    }
    entry->offline = offline;
    *ret = entry;
    entry = NULL;
    return MOIDC_OK;
}
