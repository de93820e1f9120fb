/* SPDX-License-Identifier: MIT */
/* A reply of the device authorization endpoint: the first byte chooses its status and whether the issuer is loopback. */
#include "oauth/device.h"

#include "base/url.h"
#include "fuzz.h"

static void check_uri(const char *uri, bool loopback)
{
    struct url url;

    HOLDS(url_parse(uri, &url) && !url.userinfo && strlen(uri) <= DEVICE_URI_MOST);
    HOLDS(url.https || (loopback && url_is_loopback(&url)));
    HOLDS(fuzz_is_printable(uri));
}

static void check_taken(const struct device_response *response, bool loopback)
{
    HOLDS(response->device_code != NULL && secret_length(response->device_code) > 0);
    HOLDS(response->user_code != NULL && response->user_code[0] != '\0');
    HOLDS(strlen(response->user_code) <= DEVICE_USER_CODE_MOST && fuzz_is_printable(response->user_code));
    check_uri(response->verification_uri, loopback);
    if (response->verification_uri_complete != NULL) {
        check_uri(response->verification_uri_complete, loopback);
    }
    HOLDS(response->expires_in_s >= 1 && response->expires_in_s <= 86400);
    HOLDS(response->interval_s >= 1 && response->interval_s <= DEVICE_INTERVAL_MOST_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 401, 429, 500, 503, 302, 404};
    struct http_response reply = {
        .content_type = "application/json", .retry_after_s = -1, .body = STRBUF_INIT(1 << 20)};
    CLEANUP(device_response_free_p) struct device_response *response = NULL;
    struct moidc_err err;
    bool loopback;
    enum moidc_code rc;

    if (size == 0) {
        return 0;
    }
    reply.status = statuses[data[0] % 8];
    loopback = (data[0] & 8) != 0;
    strbuf_add(&reply.body, (const char *)data + 1, size - 1);
    rc = device_response_parse(&reply, loopback, &response, &err);
    HOLDS((rc == MOIDC_OK) == (response != NULL));
    if (rc == MOIDC_OK) {
        HOLDS(reply.status == 200);
        check_taken(response, loopback);
    } else {
        HOLDS(rc == MOIDC_E_PROTOCOL || rc == MOIDC_E_PROVIDER);
        fuzz_check_err(rc, &err);
        HOLDS(rc == MOIDC_E_PROVIDER || device_poll_next(&err) == DEVICE_FAILED);
    }
    strbuf_free(&reply.body);
    return 0;
}
