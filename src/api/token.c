/* SPDX-License-Identifier: MIT */
#include "flow/client.h"
#include "flow/worker.h"

/* Between "valid now" and more than any token lives. */
static int64_t bounded(int64_t min_valid_s)
{
    const int64_t most_s = 10 * 365 * (int64_t)86400;

    return min_valid_s < 0 ? 0 : min_valid_s < most_s ? min_valid_s : most_s;
}

void moidc_token_peek(struct moidc_server *server, int64_t min_valid_s, struct moidc_token **ret)
{
    bool ending = false;

    *ret = session_peek(server->session, server->settings, bounded(min_valid_s), NULL, &ending);
    if (ending) {
        renewer_queue(server);
    }
}

/* One that ended on its way is no matter of the server's: the next call would renew it as well. */
static const struct moidc_token *still_valid(const struct moidc_token *rejected)
{
    return rejected != NULL && token_is_valid(rejected, 0) ? rejected : NULL;
}

static struct wish wish_of(const struct moidc_server *server, const struct moidc_token_request *request)
{
    return (struct wish){
        .settings = server->settings,
        .call = {.env = request->env != NULL ? request->env : server->env, .ui = request->ui},
        .min_valid_s = bounded(request->min_valid_s),
        .rejected = still_valid(request->rejected),
        .flow = request->flow,
        .no_person = request->no_person,
        .no_browser = request->no_browser,
    };
}

static enum moidc_code obtain(struct moidc_server *server, const struct wish *wish, struct moidc_token **ret,
                              struct moidc_err *err)
{
    enum moidc_code rc = worker_obtain(server->session, wish, ret, err);

    if (rc != MOIDC_OK && rc != MOIDC_E_MEMORY && rc != MOIDC_E_CANCELLED) {
        atomic_store(&server->failed, true);
    }
    return rc;
}

enum moidc_code moidc_token_get(struct moidc_server *server, const struct moidc_token_request *request,
                                struct moidc_token **ret, struct moidc_err *err)
{
    struct wish wish = wish_of(server, request);

    return obtain(server, &wish, ret, err);
}

enum moidc_code moidc_login(struct moidc_server *server, const struct moidc_token_request *request,
                            struct moidc_token **ret, struct moidc_err *err)
{
    struct wish wish = wish_of(server, request);

    wish.anew = true;
    return obtain(server, &wish, ret, err);
}

enum moidc_code moidc_logout(struct moidc_server *server, const struct moidc_token_request *request, bool *removed,
                             struct moidc_err *err)
{
    struct wish wish = wish_of(server, request);

    *removed = false;
    return worker_forget(server->session, &wish, removed, err);
}

const char *moidc_token_reveal(const struct moidc_token *token)
{
    return secret_reveal(token_secret(token));
}

int64_t moidc_token_expires_at_s(const struct moidc_token *token)
{
    return token_expires_at_s(token);
}

struct moidc_token *moidc_token_hold(struct moidc_token *token)
{
    return token_hold(token);
}

void moidc_token_release(struct moidc_token *token)
{
    token_release(token);
}
