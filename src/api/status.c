/* SPDX-License-Identifier: MIT */
#include "flow/doctor.h"
#include "flow/farewell.h"
#include "flow/status.h"
#include "flow/worker.h"

void moidc_server_settings(const struct moidc_server *server,
                           void (*each)(void *ctx, const struct moidc_setting *setting), void *ctx)
{
    status_settings(server, each, ctx);
}

void moidc_settings_describe(void (*each)(void *ctx, const struct moidc_setting *setting), void *ctx)
{
    status_settings(NULL, each, ctx);
}

static struct wish wish_of(const struct moidc_server *server, const struct moidc_token_request *request)
{
    return (struct wish){
        .settings = server->settings,
        .call = {.env = request->env != NULL ? request->env : server->env, .ui = request->ui},
        .no_person = request->no_person,
        .no_browser = request->no_browser,
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

enum moidc_code moidc_provider_logout(struct moidc_server *server, const struct moidc_token_request *request,
                                      struct moidc_err *err)
{
    struct wish wish = wish_of(server, request);
    enum moidc_code rc = worker_begin(server->session, &wish, err);

    if (rc == MOIDC_OK) {
        rc = farewell_end_session(server->session, &wish, err);
        worker_end(server->session);
    }
    return rc;
}

enum moidc_code moidc_cache_clear(struct moidc_client *client, const struct moidc_token_request *request,
                                  size_t *removed, struct moidc_err *err)
{
    struct call call = {.env = request->env, .ui = request->ui};

    return farewell_clear_cache(client, &call, removed, err);
}

enum moidc_code moidc_doctor(struct moidc_server *server, const struct moidc_token_request *request, bool no_token,
                             void (*report)(void *ctx, const struct moidc_finding *finding), void *ctx,
                             struct moidc_err *err)
{
    struct doctor doctor = {
        .server = server,
        .wish = wish_of(server, request),
        .no_token = no_token,
        .report = report,
        .ctx = ctx,
    };

    doctor.wish.no_person = true;
    return doctor_examine(&doctor, err);
}
