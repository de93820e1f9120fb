/* SPDX-License-Identifier: MIT */
/* Where the browser comes back to. */
#ifndef FLOW_REDIRECT_LISTENER_H
#define FLOW_REDIRECT_LISTENER_H

#include "config/settings.h"
#include "io/listener.h"

/* Listens on the address of `redirect-uri`, or of `listen-address` where that is set. *ret is the caller's,
 * listener_close(). MOIDC_E_NETWORK where the port is taken or not to be had; err names the setting. */
enum moidc_code redirect_listen(const struct settings *settings, struct listener **ret,
                                struct moidc_err *err) MUST_CHECK;

#endif
