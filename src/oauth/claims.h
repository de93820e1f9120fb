/* SPDX-License-Identifier: MIT */
/* What a token or the userinfo endpoint says, as texts for a person: nothing here was checked, nothing is decided by it. */
#ifndef OAUTH_CLAIMS_H
#define OAUTH_CLAIMS_H

#include "base/http_message.h"

/* Texts without control characters, cut off where they are longer; "" and 0 for what is absent or of another type. */
struct claims {
    char issuer[512];
    char subject[256];   /* OIDC Core §2: at most 255 bytes */
    char audience[1024]; /* several are separated by a space */
    char authorized_party[512];
    char username[256]; /* preferred_username (OIDC Core §5.1), else name */
    char email[256];
    int64_t expires_at_s;
    int64_t issued_at_s;
};

/* Reads the payload of `token`. *readable: false for a token that is no JWT, which access tokens need not be. */
enum moidc_code claims_of_token(const struct secret *token, bool *readable, struct claims *ret,
                                struct moidc_err *err) MUST_CHECK;

/* Reads what the userinfo endpoint answered (OIDC Core §5.3.2). `subject` is that of the ID token: the answer must be
 * about the same person (§5.3.4); NULL: there was none.
 * MOIDC_E_PROVIDER: it refused; MOIDC_E_PROTOCOL: no proper answer, or one about somebody else. */
enum moidc_code claims_of_userinfo(const struct http_response *reply, const char *subject, struct claims *ret,
                                   struct moidc_err *err) MUST_CHECK;

#endif
