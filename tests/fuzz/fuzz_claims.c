/* SPDX-License-Identifier: MIT */
/* An answer of the userinfo endpoint, for the person "alice". */
#include "oauth/claims.h"

#include "base/text.h"
#include "fuzz.h"

static void check_text(const char *text, size_t size)
{
    char copy[2048];

    HOLDS(memchr(text, 0, size) != NULL && size <= sizeof copy);
    memcpy(copy, text, size);
    text_make_printable(copy);
    HOLDS(strcmp(copy, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response *reply = http_response_new(1 << 20);
    struct claims claims;
    struct moidc_err err;
    enum moidc_code rc;

    HOLDS(reply != NULL);
    reply->status = 200;
    strbuf_add(&reply->body, (const char *)data, size);
    rc = claims_of_userinfo(reply, "alice", &claims, &err);
    if (rc == MOIDC_OK) {
        HOLDS(strcmp(claims.subject, "alice") == 0);
        check_text(claims.username, sizeof claims.username);
        check_text(claims.email, sizeof claims.email);
        check_text(claims.audience, sizeof claims.audience);
        check_text(claims.issuer, sizeof claims.issuer);
    } else {
        HOLDS(rc == MOIDC_E_PROTOCOL);
        fuzz_check_err(rc, &err);
    }
    http_response_free(reply);
    return 0;
}
