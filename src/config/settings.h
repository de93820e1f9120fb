/* SPDX-License-Identifier: MIT */
/* Which settings are in force for a request: blocks of files and MLFLOW_TRACKING_OIDC_* variables, put together. No
 * I/O: the bytes of the files and the environment are handed in. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/environment.h"
#include "base/secret.h"
#include "base/url.h"
#include "config/setting_table.h"
#include "mlflow_oidc.h"

/* Where the browser comes back to (RFC 8252 §7.3), taken apart. */
enum redirect_host { REDIRECT_IPV4, REDIRECT_IPV6, REDIRECT_LOCALHOST };
struct redirect {
    enum redirect_host host;
    int port;   /* 0: a free one at each sign-in */
    char *path; /* begins with '/', percent-encoding as written */
};

/* How the client secret is sent (RFC 6749 §2.3.1); the registered names are those of RFC 7591 §2. */
enum settings_client_auth {
    SETTINGS_AUTH_AUTO, /* as the metadata lists, and the other way once where that is refused */
    SETTINGS_AUTH_POST,
    SETTINGS_AUTH_BASIC,
    SETTINGS_AUTH_NONE /* not at all */
};

/* Where tokens are kept between calls. */
enum settings_cache { SETTINGS_CACHE_FILE, SETTINGS_CACHE_MEMORY, SETTINGS_CACHE_HELPER };

/* Where the listener listens when that is not where the redirect URI points to. */
struct listen_address {
    int port; /* 0: the redirect URI says */
    bool ipv6;
    char host[46]; /* an IP literal without brackets; "" when the redirect URI says */
};

/* The settings of one server, complete and checked. Immutable. No text is NULL but where that is said; "" is none. */
struct settings {
    char *uri;    /* normalised, see url_normalised() */
    char *issuer; /* as written */
    char *client_id;
    struct secret *client_secret; /* NULL: a public client */
    char *redirect_uri;           /* as written */
    struct redirect redirect;
    char *scope;
    bool scope_set; /* by the user, not the default */
    char *audience; /* "" sends none */
    bool audience_set;
    bool interactive;
    bool use_id_token;
    int64_t login_timeout_s;
    enum moidc_flow flow;   /* never MOIDC_FLOW_SETTINGS */
    char *login_hint;       /* UTF-8 */
    char *prompt;           /* words, separated by one space (OIDC Core §3.1.2.1) */
    char *resource;         /* URIs, separated by one space (RFC 8707 §2) */
    char *authorize_params; /* form-urlencoded, in the order of the names; none is a parameter that we set */
    enum settings_client_auth client_auth;
    char *ca_file; /* absolute */
    char *header;  /* a field name (RFC 9110 §5.1); "Authorization" without the setting */
    enum settings_cache cache;
    char *cache_helper;       /* COMMAND of SETTINGS_CACHE_HELPER */
    int64_t refresh_margin_s; /* 0: a fifth of the lifetime, at most 60 s */
    struct listen_address listen;
    bool secret_from_environment;
    /* Where each came from, for messages: "MLFLOW_TRACKING_OIDC_ISSUER", "/home/me/pyproject.toml line 7", "default" */
    char *source[SETTING_COUNT];
    char *issuer_file; /* the file that names the issuer; NULL when a variable does */
};

void settings_free(struct settings *settings);
DEFINE_CLEANUP(struct settings *, settings_free)

/* True when both ask for the same tokens in the same way: all values equal (sources do not count). */
bool settings_equal(const struct settings *a, const struct settings *b);

/* What the value of the token's header begins with: "Bearer " (RFC 6750 §2.1) or "". */
const char *settings_header_prefix(const struct settings *settings);

/* What a token that these settings ask for has as its audience, as far as they say; for messages. "": they do not. */
const char *settings_token_audience(const struct settings *settings);

/* The blocks of one file. */
struct settings_file;

/* Reads the blocks of `bytes`: the array of tables tool.mlflow-oidc-client.tracking-servers of a pyproject.toml
 * (`pyproject`), or tracking-servers of the user's own file.
 *   path  the file's name, for messages; copied
 *   ret   the caller's; NULL with MOIDC_OK when the file does not hold the table, unless it is to be warned of
 * A file larger than 256 KiB, bad TOML, a block without a proper http(s) uri: MOIDC_E_CONFIGURATION with file and line.
 * A pyproject.toml in which the bytes "mlflow-oidc-client" do not occur is not ours and is not parsed. Other faults of
 * a block (a wrong type, an unusable value) are told when its settings are asked for. */
enum moidc_code settings_file_parse(const char *bytes, size_t n, const char *path, bool pyproject,
                                    struct settings_file **ret, struct moidc_err *err) MUST_CHECK;
void settings_file_free(struct settings_file *file);
DEFINE_CLEANUP(struct settings_file *, settings_file_free)
size_t settings_file_blocks(const struct settings_file *file);
/* False when it holds warnings alone: of a key that was taken for the table, most likely. */
bool settings_file_has_table(const struct settings_file *file);
/* The i-th warning (an unknown key, with the nearest known one), borrowed; NULL after the last. */
const char *settings_file_warning(const struct settings_file *file, size_t i);

/* All that describes servers; borrowed. */
struct settings_sources {
    const struct settings_file *files[2]; /* nearest pyproject.toml, then the user's own; NULL where there is none */
    const struct moidc_env *env;
    /* The server that the variables describe, in any spelling. NULL, or text that is no http(s) URI or one that
     * url_is_ambiguous(): none. */
    const char *env_uri;
};

/* True when a MLFLOW_TRACKING_OIDC_* variable is set and not empty. */
bool settings_in_environment(const struct moidc_env *env);

/* The i-th warning about an unknown MLFLOW_TRACKING_OIDC_* variable, written to `text`; false after the last. */
bool settings_env_warning(const struct moidc_env *env, size_t i, char *text, size_t size);

/* The normalised URI of the server whose settings cover `request`: the longest of all blocks' URIs and, when a variable
 * is set, env_uri. *ret is the caller's (mem_free()), NULL when nothing covers it. */
enum moidc_code settings_match(const struct settings_sources *sources, const struct url *request, char **ret,
                               struct moidc_err *err) MUST_CHECK;

/* True when any server is described at all. */
bool settings_any(const struct settings_sources *sources);

/* Names the normalised URI of every server that is described, in the order of the sources; one that two sources describe
 * comes twice. */
enum moidc_code settings_each(const struct settings_sources *sources, void (*each)(void *ctx, const char *uri),
                              void *ctx, struct moidc_err *err) MUST_CHECK;

/* The settings in force for the server at the normalised `uri` (from settings_match()): its block (files[0] before
 * files[1] where both have one), the variables over it where env_uri is that server, setting by setting, then the
 * defaults. Variables that describe a server below a block's URI lie over that block.
 *   ret  the caller's, settings_free()
 * MOIDC_E_CONFIGURATION: two blocks of one file for this URI, missing issuer or client ID, a boolean that is none, an
 * issuer that is not https (http on loopback is fine) or has a query, fragment or user info, a redirect URI that is not
 * http on 127.0.0.1, [::1] or localhost with port and path, a value of the wrong type, an empty one in the file
 * (only `audience` may be), one longer than 4096 bytes, characters that the setting cannot have, a `ca-file` or a helper
 * for the cache that a pyproject.toml names. err->where names the
 * setting and where its value came from; err->next what to write. */
enum moidc_code settings_resolve(const struct settings_sources *sources, const char *uri, struct settings **ret,
                                 struct moidc_err *err) MUST_CHECK;

#endif
