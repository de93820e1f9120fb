/* SPDX-License-Identifier: MIT */
/* A key set, and the check of one token against it: shared by the tests of jws_verify(). */
#ifndef TESTS_UNIT_OAUTH_JWS_CHECK_H
#define TESTS_UNIT_OAUTH_JWS_CHECK_H

#include "oauth/jws.h"

#include "check.h"
#include "oauth/token_maker.h"

#define PAYLOAD_TEXT "{\"iss\":\"joe\"}"

static char *jwks_text; /* every good key, with its name as kid */
static struct jwks *all_keys;

static inline struct jwks *parse(const char *text)
{
    struct jwks *jwks = NULL;
    struct moidc_err err;

    MUST(jwks_parse(text, strlen(text), &jwks, &err) == MOIDC_OK);
    return jwks;
}

/* Makes the keys and the set of them. */
static inline void keys_begin(void)
{
    static const struct {
        enum maker_key key;
        const char *more;
    } rows[] = {
        {RSA_A, ",\"kid\":\"rsa\""},   {RSA_B, ",\"kid\":\"rsa-b\""}, {RSA_SHORT, ",\"kid\":\"short\""},
        {P256_A, ",\"kid\":\"p256\""}, {P384, ",\"kid\":\"p384\""},   {P521, ",\"kid\":\"p521\""},
        {ED_A, ",\"kid\":\"ed\""},
    };
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);

    maker_begin();
    strbuf_add_text(&buf, "{\"keys\":[");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *jwk = make_jwk(rows[i].key, rows[i].more);

        strbuf_add(&buf, ",", i > 0);
        strbuf_add_text(&buf, jwk);
    }
    strbuf_add_text(&buf, "]}");
    jwks_text = maker_take(&buf);
    all_keys = parse(jwks_text);
}

/* Checks one token of `n` bytes: `reason` NULL means that it is accepted. */
static inline void check_bytes(const char *name, const char *token, size_t n, const struct jwks *jwks,
                               const char *reason, bool expect_unknown)
{
    CLEANUP(json_release_p) json_t *payload = NULL;
    struct moidc_err err = {0};
    bool unknown_key = !expect_unknown;
    int faults = check_faults;
    enum moidc_code rc = jws_verify(token, n, jwks, &unknown_key, &payload, &err);

    if (reason == NULL) {
        CHECK(rc == MOIDC_OK);
        CHECK(payload != NULL);
    } else {
        CHECK(rc == MOIDC_E_PROTOCOL);
        CHECK(payload == NULL);
        CHECK_CONTAINS(err.what, reason);
    }
    /* of a token that names no key, a wrong signature may mean that the keys are old (test_jws.c) */
    CHECK(unknown_key == expect_unknown || (unknown_key && strstr(err.what, "signature") != NULL));
    CHECK(ERR_peek_error() == 0); /* the queue is shared with others */
    if (faults != check_faults) {
        fprintf(stderr, "row \"%s\": code %d \"%s\"\n", name, (int)rc, err.what);
    }
}

static inline void check_token(const char *name, const char *token, const char *reason)
{
    check_bytes(name, token, strlen(token), all_keys, reason, false);
}

static inline void keys_end(void)
{
    jwks_free(all_keys);
    mem_free(jwks_text);
    maker_end();
}

#endif
