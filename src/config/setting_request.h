/* SPDX-License-Identifier: MIT */
/* The settings whose values go out with requests to the provider, in a form that compares as text. */
#ifndef CONFIG_SETTING_REQUEST_H
#define CONFIG_SETTING_REQUEST_H

#include "config/setting_value.h"

/* Each checks `value` and writes it so that equal meanings are equal texts. *ret is the caller's, mem_free(). */

/* `prompt`: its words, separated by one space: `none` alone, or login, consent, select_account (OIDC Core §3.1.2.1). */
enum moidc_code setting_request_prompt(const struct setting_value *value, char **ret, struct moidc_err *err) MUST_CHECK;

/* `resource`: absolute URIs without a fragment (RFC 8707 §2), separated by one space, in their order, none twice. */
enum moidc_code setting_request_resource(const struct setting_value *value, char **ret,
                                         struct moidc_err *err) MUST_CHECK;

/* `authorize-params`: form-urlencoded in the order of the names. A name that the request sets itself or that another
 * setting has, one that RFC 6749 §8.2 does not allow, one twice (§3.1) and one without a value are errors. */
enum moidc_code setting_request_params(const struct setting_value *value, char **ret, struct moidc_err *err) MUST_CHECK;

#endif
