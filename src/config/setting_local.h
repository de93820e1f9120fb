/* SPDX-License-Identifier: MIT */
/* The settings about this machine and about what goes to the tracking server: files, programs, addresses, the header. */
#ifndef CONFIG_SETTING_LOCAL_H
#define CONFIG_SETTING_LOCAL_H

#include "config/setting_value.h"
#include "config/settings.h"

/* `ca-file`: an absolute path. Never of a pyproject.toml: whoever wrote that and sits in the network would be the
 * issuer. *ret is the caller's, mem_free(). */
enum moidc_code setting_local_ca_file(const struct setting_value *value, char **ret, struct moidc_err *err) MUST_CHECK;

/* `header`: a field name (RFC 9110 §5.1) that can carry a token, so none that HTTP itself or MLflow's client sets. *ret
 * is the caller's, mem_free(). */
enum moidc_code setting_local_header(const struct setting_value *value, char **ret, struct moidc_err *err) MUST_CHECK;

/* `cache`: file, memory or helper:COMMAND, whose COMMAND (*helper, the caller's, mem_free(); "" for the others) begins
 * with an absolute path or with a name without slashes. No COMMAND of a pyproject.toml: it would start a program. */
enum moidc_code setting_local_cache(const struct setting_value *value, enum settings_cache *ret, char **helper,
                                    struct moidc_err *err) MUST_CHECK;

/* `listen-address`: "0.0.0.0:8400" or "[::]:8400". */
enum moidc_code setting_local_listen(const struct setting_value *value, struct listen_address *ret,
                                     struct moidc_err *err) MUST_CHECK;

#endif
