/* SPDX-License-Identifier: MIT */
/* A token against fixed keys, those of the examples of RFC 7515, 7520 and 8037: none is valid but the examples. */
#include "oauth/jws.h"

#include "fuzz.h"
#include "oauth/rfc_examples.h"

enum { EXAMPLES = sizeof RFC_EXAMPLES / sizeof RFC_EXAMPLES[0] };

static struct jwks *sets[EXAMPLES];

static void begin(void)
{
    struct moidc_err err;

    for (size_t i = 0; i < EXAMPLES && sets[i] == NULL; i++) {
        HOLDS(jwks_parse(RFC_EXAMPLES[i].jwks, strlen(RFC_EXAMPLES[i].jwks), &sets[i], &err) == MOIDC_OK);
    }
}

/* Signatures can be changed and stay right (ECDSA: n - s); what is signed cannot. */
static bool is_example(size_t i, const char *token, size_t n)
{
    const char *known = RFC_EXAMPLES[i].token;
    size_t length = (size_t)(strrchr(known, '.') + 1 - known);

    return n > length && memcmp(token, known, length) == 0;
}

static void check_set(size_t i, const char *token, size_t n)
{
    CLEANUP(json_release_p) json_t *payload = NULL;
    struct moidc_err err;
    bool unknown_key = false;
    enum moidc_code rc = jws_verify(token, n, sets[i], &unknown_key, &payload, &err);

    HOLDS((rc == MOIDC_OK) == (payload != NULL));
    if (rc == MOIDC_OK) {
        HOLDS(!unknown_key && is_example(i, token, n) && json_is_object(payload));
    } else {
        HOLDS(rc == MOIDC_E_PROTOCOL);
        fuzz_check_err(rc, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* on the heap and without a NUL, so that one byte too many is seen */
    char *token = malloc(size + (size == 0));
    CLEANUP(json_release_p) json_t *payload = NULL;
    struct moidc_err err;
    const char *hash = NULL;
    enum moidc_code rc;

    HOLDS(token != NULL);
    memcpy(token, data, size);
    begin();
    for (size_t i = 0; i < EXAMPLES; i++) {
        check_set(i, token, size);
    }
    HOLDS(jws_hash_of_token(token, size, &hash) == (hash != NULL));
    rc = jws_payload_unchecked(token, size, &payload, &err);
    HOLDS((rc == MOIDC_OK) == (payload != NULL));
    if (rc != MOIDC_OK) {
        fuzz_check_err(rc, &err);
    }
    free(token);
    return 0;
}
