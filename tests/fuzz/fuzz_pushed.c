/* SPDX-License-Identifier: MIT */
/* A reply of the pushed authorization request endpoint: the first byte chooses its status. */
#include "oauth/pushed.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {201, 200, 400, 401, 429, 500, 302, 404};
    struct http_response reply = {
        .content_type = "application/json", .retry_after_s = -1, .body = STRBUF_INIT(1 << 20)};
    CLEANUP(mem_free_p) char *uri = NULL;
    struct moidc_err err;
    enum moidc_code rc;

    if (size == 0) {
        return 0;
    }
    reply.status = statuses[data[0] % 8];
    strbuf_add(&reply.body, (const char *)data + 1, size - 1);
    rc = pushed_response_parse(&reply, &uri, &err);
    HOLDS((rc == MOIDC_OK) == (uri != NULL));
    if (rc == MOIDC_OK) {
        HOLDS(reply.status == 200 || reply.status == 201);
        HOLDS(uri[0] != '\0' && strlen(uri) <= 2048 && strchr(uri, ' ') == NULL && fuzz_is_printable(uri));
    } else {
        HOLDS(rc == MOIDC_E_PROTOCOL || rc == MOIDC_E_PROVIDER);
        fuzz_check_err(rc, &err);
        HOLDS(err.http_status == reply.status);
    }
    strbuf_free(&reply.body);
    return 0;
}
