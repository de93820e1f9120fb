/* SPDX-License-Identifier: MIT */
/* A reply of the token endpoint: the first byte chooses its status. */
#include "oauth/token_response.h"

#include "base/json.h"
#include "fuzz.h"

static void check_taken(const struct http_response *reply, const struct token_response *response)
{
    CLEANUP(secret_free_p) struct secret *salvaged = NULL;

    HOLDS(reply->status >= 200 && reply->status < 300);
    HOLDS(response->access_token != NULL && secret_length(response->access_token) > 0);
    for (size_t i = 0; i < secret_length(response->access_token); i++) {
        char c = secret_reveal(response->access_token)[i];

        HOLDS(c > ' ' && c <= '~');
    }
    HOLDS(response->expires_in_s >= -1);
    token_response_salvage(reply, &salvaged);
    HOLDS((salvaged != NULL) == (response->refresh_token != NULL));
    HOLDS(salvaged == NULL || secret_equal(salvaged, response->refresh_token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 401, 429, 500, 503, 302, 201};
    struct http_response reply = {
        .content_type = "application/json", .retry_after_s = -1, .body = STRBUF_INIT(1 << 20)};
    CLEANUP(token_response_free_p) struct token_response *response = NULL;
    CLEANUP(secret_free_p) struct secret *salvaged = NULL;
    struct moidc_err err;
    enum moidc_code rc;

    if (size == 0) {
        return 0;
    }
    reply.status = statuses[data[0] % 8];
    strbuf_add(&reply.body, (const char *)data + 1, size - 1);
    rc = token_response_parse(&reply, "the sign-in", &response, &err);
    HOLDS((rc == MOIDC_OK) == (response != NULL));
    if (rc == MOIDC_OK) {
        check_taken(&reply, response);
    } else {
        HOLDS(rc == MOIDC_E_PROTOCOL || rc == MOIDC_E_PROVIDER);
        fuzz_check_err(rc, &err);
        token_response_salvage(&reply, &salvaged);
    }
    strbuf_free(&reply.body);
    return 0;
}
