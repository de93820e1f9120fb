/* SPDX-License-Identifier: MIT */
#include "flow/attempt.h"

#include "base/fork_gate.h"
#include "base/text.h"
#include "flow/push.h"
#include "io/random.h"
#include "oauth/authz.h"

#include <stdio.h>
#include <string.h>

void attempt_clear(struct attempt *attempt)
{
    secret_free(attempt->state);
    secret_free(attempt->nonce);
    secret_free(attempt->verifier);
    mem_free(attempt->url);
    mem_free(attempt->redirect_uri);
}

enum moidc_code attempt_unguessable(struct secret **ret, struct moidc_err *err)
{
    unsigned char bytes[PKCE_RANDOM_BYTES];
    enum moidc_code rc = random_bytes(bytes, sizeof bytes, err);

    rc = rc == MOIDC_OK ? pkce_verifier(bytes, ret, err) : rc;
    mem_wipe(bytes, sizeof bytes);
    return rc;
}

enum moidc_code attempt_challenge(const struct secret *verifier, char ret[PKCE_CHALLENGE_SIZE], struct moidc_err *err)
{
    enum moidc_code rc;

    fork_gate_enter();
    rc = pkce_challenge(verifier, ret, err);
    fork_gate_leave();
    return rc;
}

const char *attempt_scope(const struct settings *settings, bool offline, char *ret, size_t size)
{
    snprintf(ret, size, "%s%s", settings->scope, offline ? " offline_access" : "");
    return ret;
}

/* The user's `prompt`, and consent where offline_access is asked for, which OIDC Core §11 wants it with. `none` stays
 * alone (§3.1.2.1), and so does a prompt of whoever set the scope too: at Entra ID consent is for an administrator where
 * users may give none, though it was given. */
static const char *prompt_for(const struct settings *settings, const char *scope, char *ret, size_t size)
{
    bool own = settings->scope_set && settings->prompt[0] != '\0';
    bool add = text_has_word(scope, "offline_access") && !text_has_word(settings->prompt, "consent") && !own &&
               strcmp(settings->prompt, "none") != 0;

    snprintf(ret, size, "%s%s%s", settings->prompt, add && settings->prompt[0] != '\0' ? " " : "",
             add ? "consent" : "");
    return ret;
}

/* The redirect URI as it is written; where its port is 0, with the one that is listened on (RFC 8252 §7.3). */
static enum moidc_code redirect_uri(const struct settings *settings, int port, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf uri = STRBUF_INIT(8 * 1024);
    size_t head = strlen(settings->redirect_uri) - strlen(settings->redirect.path);

    if (settings->redirect.port != 0) {
        strbuf_add_text(&uri, settings->redirect_uri);
    } else {
        strbuf_add(&uri, settings->redirect_uri, head - 1); /* less the "0" */
        strbuf_add_format(&uri, "%d%s", port, settings->redirect.path);
    }
    *ret = strbuf_take(&uri);
    return *ret != NULL ? MOIDC_OK : strbuf_error(&uri, "the redirect URI", err);
}

enum moidc_code attempt_init(struct session *session, const struct wish *wish, int port, struct attempt *attempt,
                             struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    char challenge[PKCE_CHALLENGE_SIZE];
    char scope[ATTEMPT_SCOPE_SIZE];
    char prompt[64];
    struct authz_request request = {
        .endpoint = session->provider.metadata->authorization_endpoint,
        .client_id = settings->client_id,
        .scope = attempt_scope(settings, attempt->offline, scope, sizeof scope),
        .audience = settings->audience_set ? settings->audience : NULL,
        .code_challenge = challenge,
        .login_hint = settings->login_hint,
        .resource = settings->resource,
        .parameters = settings->authorize_params,
        .prompt = prompt_for(settings, scope, prompt, sizeof prompt),
    };
    CLEANUP(mem_free_p) char *pushed = NULL;
    enum moidc_code rc;

    if (request.endpoint == NULL) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no authorization_endpoint");
        err_where(err, "%s", settings->issuer);
        return err_next(err, session->provider.metadata->device_authorization_endpoint != NULL
                                 ? "sign in with a code: set flow = \"device\""
                                 : "this provider lets no person sign in: set client-secret");
    }
    rc = redirect_uri(settings, port, &attempt->redirect_uri, err);
    rc = rc == MOIDC_OK ? attempt_unguessable(&attempt->state, err) : rc;
    rc = rc == MOIDC_OK ? attempt_unguessable(&attempt->nonce, err) : rc;
    rc = rc == MOIDC_OK ? attempt_unguessable(&attempt->verifier, err) : rc;
    rc = rc == MOIDC_OK ? attempt_challenge(attempt->verifier, challenge, err) : rc;
    request.redirect_uri = attempt->redirect_uri;
    request.state = attempt->state;
    request.nonce = attempt->nonce;
    if (rc == MOIDC_OK && session->provider.metadata->pushed_required) {
        rc = push(session, wish, &request, attempt->client_auth, &pushed, err);
    }
    return rc == MOIDC_OK ? authz_url(&request, pushed, &attempt->url, err) : rc;
}
