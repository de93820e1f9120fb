/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct moidc_code_info CODES[MOIDC_CODE_COUNT] = {
    [MOIDC_OK] = {"ok", "", 0},
    [MOIDC_E_CONFIGURATION] = {"configuration", "OIDCConfigurationError", 2},
    [MOIDC_E_STORAGE] = {"storage", "OIDCStorageError", 1},
    [MOIDC_E_NETWORK] = {"network", "OIDCNetworkError", 1},
    [MOIDC_E_PROTOCOL] = {"protocol", "OIDCProtocolError", 1},
    [MOIDC_E_PROVIDER] = {"provider", "OIDCProviderError", 1},
    [MOIDC_E_LOGIN_REQUIRED] = {"login_required", "OIDCLoginRequiredError", 4},
    [MOIDC_E_TIMEOUT] = {"timeout", "OIDCTimeoutError", 1},
    [MOIDC_E_CANCELLED] = {"cancelled", "OIDCCancelledError", 2},
    [MOIDC_E_MEMORY] = {"memory", "MemoryError", 1},
    [MOIDC_E_INTERNAL] = {"internal", "OIDCInternalError", 1},
};

const struct moidc_code_info *moidc_code_info(enum moidc_code code)
{
    if ((unsigned)code >= MOIDC_CODE_COUNT) {
        code = MOIDC_E_INTERNAL;
    }
    return &CODES[code];
}

static void fill(char *field, size_t size, const char *format, va_list args)
{
    vsnprintf(field, size, format, args);
    text_make_printable(field);
}

enum moidc_code err_set(struct moidc_err *err, enum moidc_code code, const char *what, ...)
{
    va_list args;

    memset(err, 0, sizeof *err);
    err->code = code;
    va_start(args, what);
    fill(err->what, sizeof err->what, what, args);
    va_end(args);
    return code;
}

enum moidc_code err_where(struct moidc_err *err, const char *where, ...)
{
    va_list args;

    va_start(args, where);
    fill(err->where, sizeof err->where, where, args);
    va_end(args);
    return err->code;
}

enum moidc_code err_next(struct moidc_err *err, const char *next, ...)
{
    va_list args;

    va_start(args, next);
    fill(err->next, sizeof err->next, next, args);
    va_end(args);
    return err->code;
}

void err_reply(struct moidc_err *err, int http_status, const char *oauth_error)
{
    err->http_status = http_status;
    if (oauth_error != NULL) {
        snprintf(err->oauth_error, sizeof err->oauth_error, "%s", oauth_error);
        text_make_printable(err->oauth_error);
    }
}

enum moidc_code err_memory(struct moidc_err *err)
{
    return err_set(err, MOIDC_E_MEMORY, "memory is out");
}
