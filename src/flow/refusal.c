/* SPDX-License-Identifier: MIT */
#include "flow/refusal.h"

#include "base/secret.h"
#include "base/strbuf.h"
#include "oauth/challenge.h"

enum { REASON_MOST_BYTES = 400 };

static enum moidc_code hide(const char *const *sent, struct challenge *challenge, struct moidc_err *err)
{
    for (; *sent != NULL; sent++) {
        CLEANUP(secret_free_p) struct secret *token = secret_new_text(*sent);

        if (token == NULL) {
            return err_memory(err);
        }
        secret_hide(token, challenge->error);
        secret_hide(token, challenge->description);
        secret_hide(token, challenge->scope);
    }
    return MOIDC_OK;
}

/* Cut shorter than the texts were when the tokens were looked for, so that no beginning of one is left at a cut. */
static void add_reason(struct strbuf *buf, const struct challenge *challenge)
{
    const char *separator = ": ";

    if (challenge->error[0] != '\0') {
        strbuf_add_format(buf, ": %.60s", challenge->error);
        separator = ", ";
    }
    if (challenge->description[0] != '\0') {
        strbuf_add_format(buf, "%s%.200s", separator, challenge->description);
        separator = ", ";
    }
    if (challenge->scope[0] != '\0') {
        strbuf_add_format(buf, "%sscope %.100s", separator, challenge->scope);
    }
}

enum moidc_code refusal_set(const struct refusal *refusal, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf reason = STRBUF_INIT(REASON_MOST_BYTES);
    struct challenge challenge;
    enum moidc_code rc;

    challenge_parse(refusal->challenge != NULL ? refusal->challenge : "", &challenge);
    rc = hide(refusal->sent, &challenge, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    add_reason(&reason, &challenge);
    if (reason.failed) {
        return strbuf_error(&reason, "the challenge", err);
    }
    err_set(err, MOIDC_E_PROVIDER, "the tracking server refused the token, and the renewed one too (HTTP status 401)%s",
            strbuf_text(&reason));
    err_reply(err, 401, challenge.error);
    err_where(err, "%s", refusal->server_uri);
    /* a proxy that gives no reason (RFC 6750 §3 demands one) may never have looked at the token */
    return err_next(err, "see that its proxy takes %s: %s",
                    challenge.is_bearer ? "what is sent"
                                        : "bearer tokens (oauth2-proxy: --skip-jwt-bearer-tokens), and what is sent",
                    refusal->token_hint);
}
