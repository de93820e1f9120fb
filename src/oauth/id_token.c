/* SPDX-License-Identifier: MIT */
#include "oauth/id_token.h"

#include "base/base64url.h"
#include "oauth/jws.h"
#include "oauth/openssl.h"

#include <string.h>

enum { SUBJECT_MOST_BYTES = 255 /* OIDC Core §2 */, AT_HASH_MOST_CHARACTERS = 64 };

static const char ASK_OPERATOR[] = "ask the provider's operator: its ID tokens break OpenID Connect";
static const char CHECK_CLOCK[] = "check the clock of this machine, then sign in again";
static const char CHECK_CLIENT[] = "check that client-id is the application that the provider issues tokens for";
static const char SIGN_IN_AGAIN[] = "sign in again";

static enum moidc_code refuse(struct moidc_err *err, const char *fault, const char *next)
{
    err_set(err, MOIDC_E_PROTOCOL, "the ID token %s", fault);
    return err_next(err, "%s", next);
}

/* OIDC Core §3.1.3.7 rule 2; the comparison is byte by byte (§2). */
static enum moidc_code check_iss(const json_t *claims, const struct id_token_expect *expect, struct moidc_err *err)
{
    const char *iss = json_text(claims, "iss");

    if (iss == NULL) {
        return refuse(err, "has no issuer (iss is missing or no string)", ASK_OPERATOR);
    }
    if (strcmp(iss, expect->issuer) != 0) {
        err_set(err, MOIDC_E_PROTOCOL, "the ID token is of another issuer (iss \"%.180s\", expected \"%.180s\")", iss,
                expect->issuer);
        return err_next(err, "check that the issuer is the provider that you mean to sign in at");
    }
    return MOIDC_OK;
}

/* OIDC Core §2; in a renewal §12.2: "its sub Claim Value MUST be the same". */
static enum moidc_code check_sub(const json_t *claims, const struct id_token_expect *expect, struct moidc_err *err)
{
    const char *sub = json_text(claims, "sub");

    if (sub == NULL) {
        return refuse(err, "has no subject (sub is missing or no string)", ASK_OPERATOR);
    }
    if (*sub == '\0') {
        return refuse(err, "has an empty subject (sub)", ASK_OPERATOR);
    }
    if (strlen(sub) > SUBJECT_MOST_BYTES) {
        return refuse(err, "has a subject (sub) of more than 255 bytes", ASK_OPERATOR);
    }
    if (expect->subject != NULL && strcmp(sub, expect->subject) != 0) {
        return refuse(err, "that came with the renewal is of another subject (sub)", SIGN_IN_AGAIN);
    }
    return MOIDC_OK;
}

/* How many audiences `aud` names (RFC 7519 §4.1.3), and whether the client is one of them. False for anything but a
 * string or an array of strings. */
static bool count_audiences(const json_t *aud, const char *client_id, size_t *count, bool *has_client)
{
    const json_t *member;
    size_t i;

    *has_client = false;
    *count = 1;
    if (json_is_string(aud)) {
        *has_client = strcmp(json_string_value(aud), client_id) == 0;
        return true;
    }
    if (!json_is_array(aud)) {
        return false;
    }
    *count = json_array_size(aud);
    json_array_foreach(aud, i, member) {
        if (!json_is_string(member)) {
            return false;
        }
        *has_client = *has_client || strcmp(json_string_value(member), client_id) == 0;
    }
    return true;
}

/* OIDC Core §3.1.3.7 rule 3. */
static enum moidc_code check_aud(const json_t *claims, const char *client_id, size_t *count, struct moidc_err *err)
{
    const json_t *aud = json_object_get(claims, "aud");
    const char *first = json_string_value(json_is_array(aud) ? json_array_get(aud, 0) : aud);
    bool has_client = false;

    if (aud == NULL) {
        return refuse(err, "has no audience (aud is missing)", ASK_OPERATOR);
    }
    if (!count_audiences(aud, client_id, count, &has_client)) {
        return refuse(err, "has an audience (aud) that is neither a string nor an array of strings", ASK_OPERATOR);
    }
    if (!has_client) {
        err_set(err, MOIDC_E_PROTOCOL, "the ID token is for another audience (aud \"%.180s\"%s, expected \"%.180s\")",
                first != NULL ? first : "", *count > 1 ? " and others" : "", client_id);
        return err_next(err, "%s", CHECK_CLIENT);
    }
    return MOIDC_OK;
}

/* OIDC Core §3.1.3.7 rules 4 and 5; here `azp` is a must with several audiences, so that each of the others is trusted
 * only where the provider says whom it gave the token to. */
static enum moidc_code check_azp(const json_t *claims, const char *client_id, size_t audiences, struct moidc_err *err)
{
    const json_t *azp = json_member(claims, "azp");

    if (azp == NULL && audiences > 1) {
        return refuse(err, "has several audiences (aud) and no authorized party (azp)", ASK_OPERATOR);
    }
    if (azp == NULL) {
        return MOIDC_OK;
    }
    if (!json_is_string(azp)) {
        return refuse(err, "has an authorized party (azp) that is no string", ASK_OPERATOR);
    }
    if (strcmp(json_string_value(azp), client_id) != 0) {
        err_set(err, MOIDC_E_PROTOCOL,
                "the ID token was issued to another client (azp \"%.180s\", expected \"%.180s\")",
                json_string_value(azp), client_id);
        return err_next(err, "%s", CHECK_CLIENT);
    }
    return MOIDC_OK;
}

/* OIDC Core §3.1.3.7 rules 9 and 10, RFC 7519 §4.1.5 (nbf). json_seconds() bounds the numbers to ±2^53, so that adding
 * the leeway cannot overflow. */
static enum moidc_code check_times(const json_t *claims, const struct id_token_expect *expect, struct id_token *token,
                                   struct moidc_err *err)
{
    int64_t nbf;

    if (!json_seconds(claims, "exp", &token->expires_at_s)) {
        return refuse(err, "has no end (exp is missing or no number of seconds)", ASK_OPERATOR);
    }
    if (!json_seconds(claims, "iat", &token->issued_at_s)) {
        return refuse(err, "has no time of issue (iat is missing or no number of seconds)", ASK_OPERATOR);
    }
    if (token->expires_at_s <= token->issued_at_s) {
        return refuse(err, "does not end (exp) after it was issued (iat)", ASK_OPERATOR);
    }
    if (expect->now_s >= token->expires_at_s + expect->leeway_s) {
        err_set(err, MOIDC_E_PROTOCOL, "the ID token has expired: exp lies %lld s back",
                (long long)(expect->now_s - token->expires_at_s));
        return err_next(err, "%s", CHECK_CLOCK);
    }
    if (token->issued_at_s > expect->now_s + expect->leeway_s) {
        err_set(err, MOIDC_E_PROTOCOL, "the ID token was issued in the future: iat lies %lld s ahead",
                (long long)(token->issued_at_s - expect->now_s));
        return err_next(err, "%s", CHECK_CLOCK);
    }
    if (json_member(claims, "nbf") == NULL) {
        return MOIDC_OK;
    }
    if (!json_seconds(claims, "nbf", &nbf)) {
        return refuse(err, "has a beginning (nbf) that is no number of seconds", ASK_OPERATOR);
    }
    if (nbf > expect->now_s + expect->leeway_s) {
        err_set(err, MOIDC_E_PROTOCOL, "the ID token is not valid yet: nbf lies %lld s ahead",
                (long long)(nbf - expect->now_s));
        return err_next(err, "%s", CHECK_CLOCK);
    }
    return MOIDC_OK;
}

/* OIDC Core §3.1.3.7 rule 11: the token answers the request that this client sent. */
static enum moidc_code check_nonce(const json_t *claims, const struct id_token_expect *expect, struct moidc_err *err)
{
    const json_t *nonce = json_member(claims, "nonce");

    if (expect->nonce == NULL || (expect->renewal && nonce == NULL)) {
        return MOIDC_OK;
    }
    if (!json_is_string(nonce)) {
        return refuse(err, "does not carry the nonce of this sign-in (nonce is missing or no string)", SIGN_IN_AGAIN);
    }
    if (!secret_equal_bytes(expect->nonce, json_string_value(nonce), json_string_length(nonce))) {
        return refuse(err, "carries the nonce of another sign-in", SIGN_IN_AGAIN);
    }
    return MOIDC_OK;
}

/* The left half of the access token's hash in base64url (OIDC Core §3.1.3.6, §3.1.3.8), into `ret`. */
static enum moidc_code hash_access_token(const struct secret *access_token, const char *hash, struct strbuf *ret,
                                         struct moidc_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t n = 0;
    bool done =
        EVP_Q_digest(NULL, hash, NULL, secret_reveal(access_token), secret_length(access_token), digest, &n) == 1;
    bool memory = openssl_memory_was_out();

    if (!done) {
        return memory ? err_memory(err) : err_set(err, MOIDC_E_INTERNAL, "OpenSSL cannot compute %s", hash);
    }
    base64url_encode(ret, digest, n / 2);
    return ret->failed ? strbuf_error(ret, "at_hash", err) : MOIDC_OK;
}

/* OIDC Core §3.1.3.8; the claim may be absent in the code flow (§3.1.3.6). */
static enum moidc_code check_at_hash(const json_t *claims, const struct secret *token,
                                     const struct secret *access_token, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf expected = STRBUF_INIT(AT_HASH_MOST_CHARACTERS);
    const json_t *at_hash = json_member(claims, "at_hash");
    const char *hash = NULL;
    enum moidc_code rc;

    if (at_hash == NULL) {
        return MOIDC_OK;
    }
    if (!json_is_string(at_hash)) {
        return refuse(err, "has an at_hash that is no string", ASK_OPERATOR);
    }
    if (access_token == NULL) {
        return MOIDC_OK;
    }
    if (!jws_hash_of_token(secret_reveal(token), secret_length(token), &hash)) {
        return err_memory(err); /* nothing else can fail: jws_verify() took this header */
    }
    rc = hash_access_token(access_token, hash, &expected, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (strcmp(json_string_value(at_hash), strbuf_text(&expected)) != 0) {
        return refuse(err, "belongs to another access token (at_hash is wrong)", SIGN_IN_AGAIN);
    }
    return MOIDC_OK;
}

static enum moidc_code check_claims(const json_t *claims, const struct secret *token,
                                    const struct id_token_expect *expect, struct id_token *result,
                                    struct moidc_err *err)
{
    size_t audiences = 0;
    enum moidc_code rc = check_iss(claims, expect, err);

    rc = rc == MOIDC_OK ? check_sub(claims, expect, err) : rc;
    rc = rc == MOIDC_OK ? check_aud(claims, expect->client_id, &audiences, err) : rc;
    rc = rc == MOIDC_OK ? check_azp(claims, expect->client_id, audiences, err) : rc;
    rc = rc == MOIDC_OK ? check_times(claims, expect, result, err) : rc;
    rc = rc == MOIDC_OK ? check_nonce(claims, expect, err) : rc;
    return rc == MOIDC_OK ? check_at_hash(claims, token, expect->access_token, err) : rc;
}

enum moidc_code id_token_check(const struct secret *token, const struct jwks *jwks,
                               const struct id_token_expect *expect, bool *unknown_key, struct id_token **ret,
                               struct moidc_err *err)
{
    CLEANUP(id_token_free_p) struct id_token *result = NULL;
    CLEANUP(json_release_p) json_t *claims = NULL;
    enum moidc_code rc;

    rc = jws_verify(secret_reveal(token), secret_length(token), jwks, unknown_key, &claims, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    result = mem_zalloc(sizeof *result);
    if (result == NULL) {
        return err_memory(err);
    }
    rc = check_claims(claims, token, expect, result, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    result->subject = mem_strdup(json_text(claims, "sub"));
    if (result->subject == NULL) {
        return err_memory(err);
    }
    *ret = result;
    result = NULL;
    return MOIDC_OK;
}

void id_token_free(struct id_token *token)
{
    if (token != NULL) {
        mem_free(token->subject);
        mem_free(token);
    }
}
