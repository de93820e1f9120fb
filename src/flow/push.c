/* SPDX-License-Identifier: MIT */
#include "flow/push.h"

#include "flow/client.h"
#include "flow/client_auth.h"
#include "oauth/pushed.h"

struct sending {
    struct session *session;
    const struct wish *wish;
    const struct token_grant *grant;
    char **ret;
};

static enum moidc_code send(void *ctx, enum client_auth auth, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *reply = NULL;
    const struct sending *sending = ctx;
    const struct settings *settings = sending->wish->settings;
    struct provider *provider = &sending->session->provider;
    const char *endpoint = provider->metadata->pushed_endpoint;
    struct client client = {.client_id = settings->client_id, .client_secret = settings->client_secret, .auth = auth};
    enum moidc_code rc = token_request_new(endpoint, &client, sending->grant, &request, err);

    rc = rc == MOIDC_OK ? provider_send(provider, &sending->wish->call, request, &reply, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = pushed_response_parse(reply, sending->ret, err);
    notices_add(&sending->session->client->notices, MOIDC_DEBUG, "pushed.request status=%d result=%s", reply->status,
                moidc_code_info(rc)->name);
    if (rc != MOIDC_OK && rc != MOIDC_E_MEMORY) {
        client_auth_hide(settings->client_secret, err); /* some say back what they were sent */
        client_auth_hide(request->authorization, err);  /* the same in base64 */
        err_where(err, "%s", endpoint);
    }
    return rc;
}

enum moidc_code push(struct session *session, const struct wish *wish, const struct authz_request *request,
                     const char *remembered, char **ret, struct moidc_err *err)
{
    struct token_grant grant = {.grant = GRANT_PUSH, .authorization = request};
    struct sending sending = {.session = session, .wish = wish, .grant = &grant, .ret = ret};
    struct client_auth_attempt attempt = {.ctx = &sending, .send = send, .remembered = remembered};
    enum client_auth worked;

    if (session->provider.metadata->pushed_endpoint == NULL) {
        err_set(err, MOIDC_E_PROTOCOL,
                "the provider's metadata demands pushed authorization requests and names no endpoint for them "
                "(pushed_authorization_request_endpoint)");
        err_where(err, "%s", wish->settings->issuer);
        return err_next(err, "ask the provider's operator: this breaks RFC 9126 §5");
    }
    return client_auth_send(session, wish, &attempt, &worked, err);
}
