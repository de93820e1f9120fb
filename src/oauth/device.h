/* SPDX-License-Identifier: MIT */
/* What the device authorization endpoint answers (RFC 8628 §3.2), and the errors of its token requests (§3.5). The
 * requests are those of oauth/token_request.h. */
#ifndef OAUTH_DEVICE_H
#define OAUTH_DEVICE_H

#include "base/http_message.h"

enum { DEVICE_USER_CODE_MOST = 64, DEVICE_URI_MOST = 2048, DEVICE_INTERVAL_S = 5, DEVICE_INTERVAL_MOST_S = 60 };

struct device_response {
    struct secret *device_code;
    char *user_code;                 /* what the person types: printable ASCII */
    char *verification_uri;          /* where: an https URI (http on loopback, where the issuer is that too) */
    char *verification_uri_complete; /* the same with the code in it; NULL: none */
    int64_t expires_in_s;            /* from the request on, 1 s to a day */
    int64_t interval_s;              /* between two token requests: 1 to DEVICE_INTERVAL_MOST_S */
};

/* Reads the reply to a device authorization request.
 *   loopback  the issuer is http on a loopback host
 *   ret       the caller's, device_response_free()
 * MOIDC_E_PROVIDER: it refused (err->oauth_error, err->http_status set), or answers with a server error (oauth_error is
 * ""). MOIDC_E_PROTOCOL: no proper reply; a URI that a person should not be sent to. */
enum moidc_code device_response_parse(const struct http_response *reply, bool loopback, struct device_response **ret,
                                      struct moidc_err *err) MUST_CHECK;
void device_response_free(struct device_response *response);
DEFINE_CLEANUP(struct device_response *, device_response_free)

/* What a failed token request says about the next one. */
enum device_poll {
    DEVICE_WAIT,      /* authorization_pending: the person is not through yet */
    DEVICE_SLOW_DOWN, /* the same, and 5 s more between requests from now on */
    DEVICE_BACK_OFF,  /* the connection or the provider is ill: twice the pause */
    DEVICE_EXPIRED,   /* this code is over */
    DEVICE_FAILED     /* so is the sign-in */
};
enum device_poll device_poll_next(const struct moidc_err *err);

#endif
