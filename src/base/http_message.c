/* SPDX-License-Identifier: MIT */
#include "base/http_message.h"

enum moidc_code http_request_new(const char *url, const char *what, struct http_request **ret, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = mem_zalloc(sizeof *request);

    if (request == NULL || (request->url = mem_strdup(url)) == NULL) {
        return err_memory(err);
    }
    request->what = what;
    *ret = request;
    request = NULL;
    return MOIDC_OK;
}

void http_request_free(struct http_request *request)
{
    if (request != NULL) {
        mem_free(request->url);
        secret_free(request->body);
        secret_free(request->authorization);
        mem_free(request);
    }
}

bool http_status_is_outage(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

const char *http_status_next(int status, const char *otherwise)
{
    if (status == HTTP_NETWORK_SIGN_IN) {
        return "the network that you are in wants a sign-in of its own: open any page in a browser and sign in there; "
               "then try again";
    }
    return http_status_is_outage(status) ? "the provider has a fault of its own or is busy: try again later"
                                         : otherwise;
}

struct http_response *http_response_new(size_t most_bytes)
{
    struct http_response *response = mem_zalloc(sizeof *response);

    if (response != NULL) {
        response->body = (struct strbuf)STRBUF_INIT(most_bytes);
        response->retry_after_s = -1;
    }
    return response;
}

void http_response_free(struct http_response *response)
{
    if (response != NULL) {
        strbuf_free(&response->body);
        mem_free(response);
    }
}
