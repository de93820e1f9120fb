/* SPDX-License-Identifier: MIT */
#include "flow/browser_sign_in.h"

#include "flow/attempt.h"
#include "flow/countdown.h"
#include "flow/exchange.h"
#include "flow/redirect_listener.h"
#include "flow/sign_in_page.h"
#include "io/browser.h"
#include "io/clock.h"
#include "oauth/authz.h"
#include "oauth/pasted.h"

#include <stdio.h>
#include <string.h>

enum { STEP_MS = 80, PORT_STEP_MS = 100, PORT_TOLD_MS = 2000, LINE_MOST_BYTES = 16 * 1024 };

/* What all of one sign-in need; borrowed. */
struct waiting {
    struct session *session;
    const struct wish *wish;
    const struct attempt *attempt;
    const struct cache_entry *before;
    struct listener *listener; /* NULL: none could be opened, and the address is to be pasted */
    struct authz_expect expect;
};

static void show(const struct wish *wish, const char *text)
{
    wish->call.ui->show(wish->call.ui->ctx, text);
}

/* What to do with the address where the browser that is opened does not come back to this machine. */
static void add_paste_hint(struct strbuf *text, const struct attempt *attempt, bool paste)
{
    int n = (int)strcspn(attempt->redirect_uri, "?");

    if (paste) {
        strbuf_add_format(text,
                          "\nWhen it has come to %.*s, where it may find nothing, paste the address that it "
                          "shows here:",
                          n, attempt->redirect_uri);
    } else {
        strbuf_add_format(text, "\nIf it is on another machine and finds nothing at %.*s, paste that address here.", n,
                          attempt->redirect_uri);
    }
}

/* The address is always shown: the browser may be the wrong one, or not come at all. */
static enum moidc_code show_and_open(const struct wish *wish, const struct attempt *attempt, bool paste,
                                     struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(64 * 1024);
    bool browser = !paste && !wish->no_browser && browser_available(wish->call.env);

    strbuf_add_format(&text, "mlflow-oidc-client: to sign in to %s, open this address in a browser on %s machine:\n%s",
                      wish->settings->uri, paste ? "any" : "this", attempt->url);
    if (wish->call.ui->typed != NULL) {
        add_paste_hint(&text, attempt, paste);
    }
    if (text.failed) {
        return strbuf_error(&text, "the authorization request", err);
    }
    show(wish, text.bytes);
    if (!call_wait(&wish->call, 0)) {
        return err_set(err, MOIDC_E_CANCELLED, "the sign-in was cancelled");
    }
    if (browser && browser_open(wish->call.env, attempt->url, err) != MOIDC_OK) {
        strbuf_free(&text);
        strbuf_add_format(&text, "mlflow-oidc-client: no browser was opened: %s", err->what);
        show(wish, strbuf_text(&text));
    }
    return MOIDC_OK;
}

/* The page that ends a browser's request. settings: NULL for a stranger, who is not told who signs in to what. */
static void answer(struct listener_request *request, const struct settings *settings, enum moidc_code rc,
                   const struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf html = STRBUF_INIT(128 * 1024);
    struct sign_in_page page = {
        .success = rc == MOIDC_OK,
        .server = settings != NULL ? settings->uri : "",
        .issuer = settings != NULL ? settings->issuer : "",
        .error = rc == MOIDC_OK ? "" : err->oauth_error,
        .description = rc == MOIDC_OK ? "" : err->what,
        .next = rc == MOIDC_OK ? "" : err->next,
    };

    sign_in_page_render(&html, &page);
    listener_answer(request, rc == MOIDC_OK ? 200 : 400, strbuf_text(&html), html.length);
}

static void answer_stray(struct listener_request *request)
{
    struct moidc_err err;

    err_set(&err, MOIDC_E_PROTOCOL, "This is not the answer to the sign-in that is under way.");
    err_next(&err, "Go on with the page that was opened last, or open the address that was printed.");
    answer(request, NULL, err.code, &err);
}

/* The code is redeemed while the browser waits, so that its page tells how it ended. */
static enum moidc_code redeem(const struct waiting *waiting, const struct secret *code, struct cache_entry **ret,
                              struct moidc_err *err)
{
    struct token_grant grant = {
        .grant = GRANT_CODE,
        .code = code,
        .verifier = waiting->attempt->verifier,
        .redirect_uri = waiting->attempt->redirect_uri,
        .audience = waiting->wish->settings->audience,
        .resource = waiting->wish->settings->resource,
    };

    return exchange(waiting->session, waiting->wish, &grant, waiting->before, waiting->attempt->nonce, ret, err);
}

static enum moidc_code waited_too_long(const struct wish *wish, struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    bool any = settings->redirect.port == 0; /* port 0 stands for any: another one went out each time */
    int head = (int)(strlen(settings->redirect_uri) - strlen(settings->redirect.path)) - (any ? 2 : 0); /* less ":0" */

    err_set(err, MOIDC_E_TIMEOUT, "nobody signed in within %lld s", (long long)settings->login_timeout_s);
    err_where(err, "%s", settings->issuer);
    return err_next(err,
                    "call again and sign in with the browser; if its page showed an error, have the provider allow "
                    "the redirect URI %.*s%s%s",
                    head, settings->redirect_uri, settings->redirect.path, any ? " with any port" : "");
}

/* Judges what the browser brought. False: it was none of this sign-in's. */
static bool take_request(const struct waiting *waiting, struct listener_request *request, struct cache_entry **ret,
                         struct moidc_err *err)
{
    CLEANUP(secret_free_p) struct secret *code = NULL;
    enum authz_outcome outcome = authz_response_parse(listener_query(request), &waiting->expect, &code, err);
    enum moidc_code rc;

    if (outcome == AUTHZ_STRAY) {
        answer_stray(request);
        return false;
    }
    rc = outcome == AUTHZ_CODE ? redeem(waiting, code, ret, err) : err->code;
    if (outcome == AUTHZ_REFUSED) {
        err_where(err, "%s", waiting->expect.issuer);
    }
    answer(request, waiting->wish->settings, rc, err);
    return true;
}

/* Judges what the person typed, by the same rules. False: it ends nothing, and it was said why. */
static bool take_line(const struct waiting *waiting, char *line, struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(secret_free_p) struct secret *code = NULL;
    const char *why = NULL;
    const char *query = pasted_query(line, waiting->attempt->redirect_uri, &why);
    enum authz_outcome outcome = AUTHZ_STRAY;
    char text[700];

    if (query == NULL && why == NULL) {
        return false;
    }
    if (query != NULL) {
        why = "is not the answer to this sign-in, or not all of it: its state is missing or another";
        outcome = authz_response_parse(query, &waiting->expect, &code, err);
    }
    if (outcome == AUTHZ_CODE) {
        (void)!redeem(waiting, code, ret, err);
        return true;
    }
    if (outcome == AUTHZ_REFUSED && err->code != MOIDC_E_PROTOCOL) {
        err_where(err, "%s", waiting->expect.issuer);
        return true;
    }
    if (outcome == AUTHZ_REFUSED) {
        snprintf(text, sizeof text, "mlflow-oidc-client: %s; the address may have been cut off: paste it once more.",
                 err->what);
    } else {
        snprintf(text, sizeof text, "mlflow-oidc-client: what was pasted %s; still waiting.", why);
    }
    show(waiting->wish, text);
    return false;
}

/* A line that was typed meanwhile. */
static bool look_at_terminal(const struct waiting *waiting, struct cache_entry **ret, struct moidc_err *err)
{
    const struct moidc_ui *ui = waiting->wish->call.ui;
    char line[LINE_MOST_BYTES];
    bool ended = false;

    if (ui->typed != NULL && ui->typed(ui->ctx, line, sizeof line)) {
        line[sizeof line - 1] = '\0';
        ended = take_line(waiting, line, ret, err);
        mem_wipe(line, sizeof line); /* it holds a code */
    }
    return ended;
}

/* Waits for the browser for a moment. *ended: it brought what ends the sign-in. */
static enum moidc_code look_at_listener(const struct waiting *waiting, int wait_ms, bool *ended,
                                        struct cache_entry **ret, struct moidc_err *err)
{
    struct listener_request *request = NULL;
    enum moidc_code rc;

    if (waiting->listener == NULL) {
        clock_sleep_ms(wait_ms);
        return MOIDC_OK;
    }
    rc = listener_next(waiting->listener, wait_ms, &request, err);
    if (rc == MOIDC_OK && request != NULL) {
        *ended = take_request(waiting, request, ret, err);
    }
    return rc;
}

static enum moidc_code wait_for_answer(const struct waiting *waiting, struct cache_entry **ret, struct moidc_err *err)
{
    const struct wish *wish = waiting->wish;
    int64_t end_ms = clock_steady_ms() + wish->settings->login_timeout_s * 1000;
    /* a line that is drawn anew would go over what the person types */
    struct countdown countdown = countdown_begin(wish->call.ui, end_ms, wish->call.ui->typed == NULL);
    struct cache_entry *entry = NULL;
    enum moidc_code rc = MOIDC_OK;
    bool ended = false;

    while (rc == MOIDC_OK && !ended) {
        int64_t left_ms = end_ms - clock_steady_ms();

        if (left_ms <= 0) {
            rc = waited_too_long(wish, err);
            break;
        }
        countdown_tick(&countdown);
        if (!call_wait(&wish->call, 0)) {
            rc = err_set(err, MOIDC_E_CANCELLED, "the sign-in was cancelled");
            break;
        }
        ended = look_at_terminal(waiting, &entry, err);
        if (!ended) {
            rc = look_at_listener(waiting, left_ms < STEP_MS ? (int)left_ms : STEP_MS, &ended, &entry, err);
        }
    }
    countdown_clear(&countdown);
    if (rc == MOIDC_OK && entry == NULL) {
        rc = err->code; /* what ended it was a refusal */
    }
    if (rc == MOIDC_OK) {
        *ret = entry;
    }
    return rc;
}

static void tell_of_port(const struct wish *wish, int port)
{
    char text[100];

    snprintf(text, sizeof text, "mlflow-oidc-client: another sign-in of yours has port %d; waiting for it.", port);
    show(wish, text);
}

/* Waits for the port while a sign-in of another identity has it, and says so. *lock is held while the port is ours. */
static enum moidc_code take_port(const struct wish *wish, int port, bool wait, struct lock **lock,
                                 struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    int64_t start_ms = clock_steady_ms();
    int64_t end_ms = start_ms + wish->settings->login_timeout_s * 1000;
    struct moidc_err ignored;
    bool told = false;
    char name[32];

    snprintf(name, sizeof name, "port-%d.lock", port);
    if (wish->settings->cache == SETTINGS_CACHE_MEMORY || cache_dir_open(wish->call.env, &dir, &ignored) != MOIDC_OK) {
        return MOIDC_OK; /* the port itself says whether it is free */
    }
    while (lock_try(dir, name, lock, &ignored) == LOCK_BUSY) {
        if (!wait || clock_steady_ms() > end_ms) {
            break; /* the port will say who has it */
        }
        if (!told && clock_steady_ms() - start_ms > PORT_TOLD_MS) {
            tell_of_port(wish, port);
            told = true;
        }
        if (!call_wait(&wish->call, PORT_STEP_MS)) {
            return err_set(err, MOIDC_E_CANCELLED, "the sign-in was cancelled");
        }
    }
    return MOIDC_OK;
}

/* Listens on the redirect URI's port. A sign-in of another identity that has it is waited for; any other program is
 * named (contract: Sign-in). Where the address is pasted, neither matters. */
static enum moidc_code listen(const struct wish *wish, bool paste, struct listener **ret, struct lock **lock,
                              struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    int port = settings->listen.host[0] != '\0' ? settings->listen.port : settings->redirect.port;
    enum moidc_code rc = port != 0 ? take_port(wish, port, !paste, lock, err) : MOIDC_OK;

    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = redirect_listen(settings, ret, err);
    return rc == MOIDC_E_NETWORK && paste && settings->redirect.port != 0 ? MOIDC_OK : rc;
}

enum moidc_code browser_sign_in(struct session *session, const struct wish *wish, const struct browser_way *way,
                                const struct cache_entry *before, struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(attempt_clear)
    struct attempt attempt = {.offline = way->offline, .client_auth = before != NULL ? before->client_auth : NULL};
    CLEANUP(lock_release_p) struct lock *lock = NULL;
    CLEANUP(listener_close_p) struct listener *listener = NULL;
    const struct metadata *metadata = session->provider.metadata;
    struct waiting waiting = {.session = session, .wish = wish, .attempt = &attempt, .before = before};
    enum moidc_code rc = listen(wish, way->paste, &listener, &lock, err);

    if (rc == MOIDC_OK) {
        int port = listener != NULL ? listener_port(listener) : wish->settings->redirect.port;

        rc = attempt_init(session, wish, port, &attempt, err);
    }
    session->asked_person = rc == MOIDC_OK;
    rc = rc == MOIDC_OK ? show_and_open(wish, &attempt, way->paste, err) : rc;
    waiting.listener = listener;
    waiting.expect = (struct authz_expect){
        .state = attempt.state, .issuer = metadata->issuer, .iss_required = metadata->iss_parameter};
    return rc == MOIDC_OK ? wait_for_answer(&waiting, ret, err) : rc;
}
