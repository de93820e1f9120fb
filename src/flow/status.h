/* SPDX-License-Identifier: MIT */
/* What is known of a server's tokens, and what the provider says of the person. */
#ifndef FLOW_STATUS_H
#define FLOW_STATUS_H

#include "flow/client.h"

/* As moidc_server_settings(); `server` NULL: as moidc_settings_describe(). */
void status_settings(const struct moidc_server *server, void (*each)(void *ctx, const struct moidc_setting *setting),
                     void *ctx);

/* As moidc_server_status(). */
enum moidc_code status_read(struct moidc_server *server, const struct wish *wish, struct moidc_status *ret,
                            struct moidc_err *err) MUST_CHECK;

/* As moidc_userinfo(). */
enum moidc_code status_userinfo(struct moidc_server *server, const struct wish *wish, struct moidc_userinfo *ret,
                                struct moidc_err *err) MUST_CHECK;

#endif
