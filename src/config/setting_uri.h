/* SPDX-License-Identifier: MIT */
/* The rules for the two URIs of a sign-in. */
#ifndef CONFIG_SETTING_URI_H
#define CONFIG_SETTING_URI_H

#include "config/setting_value.h"
#include "config/settings.h"

/* MOIDC_OK when `issuer`, which `value` was read to, is an https URI (http on loopback) without user info, query,
 * fragment and the like (OpenID Connect Discovery 1.0 §3). */
enum moidc_code setting_uri_check_issuer(const struct setting_value *value, const char *issuer,
                                         struct moidc_err *err) MUST_CHECK;

/* Takes `uri` apart: http on 127.0.0.1, [::1] or localhost, with port and path and nothing else (RFC 8252 §7.3); port
 * 0 stands for a free one at each sign-in. The path of *ret is the caller's, mem_free(). */
enum moidc_code setting_uri_redirect(const struct setting_value *value, const char *uri, struct redirect *ret,
                                     struct moidc_err *err) MUST_CHECK;

#endif
