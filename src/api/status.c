/* SPDX-License-Identifier: MIT */
#include "flow/status.h"

void moidc_server_settings(const struct moidc_server *server,
                           void (*each)(void *ctx, const struct moidc_setting *setting), void *ctx)
{
    status_settings(server, each, ctx);
}

static struct wish wish_of(const struct moidc_server *server, const struct moidc_token_request *request)
{
    return (struct wish){
        .settings = server->settings,
        .call = {.env = request->env != NULL ? request->env : server->env, .ui = request->ui},
        .no_person = request->no_person,
    };
}

enum moidc_code moidc_server_status(struct moidc_server *server, const struct moidc_token_request *request,
                                    struct moidc_status *ret, struct moidc_err *err)
{
    struct wish wish = wish_of(server, request);

    return status_read(server, &wish, ret, err);
}

enum moidc_code moidc_userinfo(struct moidc_server *server, const struct moidc_token_request *request,
                               struct moidc_userinfo *ret, struct moidc_err *err)
{
    struct wish wish = wish_of(server, request);

    return status_userinfo(server, &wish, ret, err);
}
