/* SPDX-License-Identifier: MIT */
#include "oauth/pkce.h"

#include "check.h"
#include "oauth/fail_memory.h"

/* RFC 7636 appendix B */
static const unsigned char RFC_RANDOM[PKCE_RANDOM_BYTES] = {116, 24,  223, 180, 151, 153, 224, 37,  79,  250, 96,
                                                            125, 216, 173, 187, 186, 22,  212, 37,  77,  105, 214,
                                                            191, 240, 91,  88,  5,   88,  83,  132, 141, 121};

static void test_vector_of_rfc_7636_appendix_b(void)
{
    CLEANUP(secret_free_p) struct secret *verifier = NULL;
    char challenge[PKCE_CHALLENGE_SIZE];
    struct moidc_err err;

    CHECK(pkce_verifier(RFC_RANDOM, &verifier, &err) == MOIDC_OK);
    CHECK_TEXT(secret_reveal(verifier), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    CHECK(pkce_challenge(verifier, challenge, &err) == MOIDC_OK);
    CHECK_TEXT(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void test_verifier_has_43_unreserved_characters(void)
{
    static const unsigned char ones[PKCE_RANDOM_BYTES] = {[0 ... PKCE_RANDOM_BYTES - 1] = 0xff};
    CLEANUP(secret_free_p) struct secret *verifier = NULL;
    struct moidc_err err;

    CHECK(pkce_verifier(ones, &verifier, &err) == MOIDC_OK);
    CHECK(secret_length(verifier) == 43); /* RFC 7636 §4.1: at least */
    CHECK_TEXT(secret_reveal(verifier), "__________________________________________8");
}

static enum moidc_code make(void *ctx, struct moidc_err *err)
{
    CLEANUP(secret_free_p) struct secret *verifier = NULL;
    char challenge[PKCE_CHALLENGE_SIZE];
    enum moidc_code rc = pkce_verifier(ctx, &verifier, err);

    return rc == MOIDC_OK ? pkce_challenge(verifier, challenge, err) : rc;
}

static void test_every_failing_allocation_is_told(void)
{
    fail_each_allocation(make, (void *)RFC_RANDOM, 0);
    fail_each_allocation(make, (void *)RFC_RANDOM, 1);
}

int main(void)
{
    RUN(test_vector_of_rfc_7636_appendix_b);
    RUN(test_verifier_has_43_unreserved_characters);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
