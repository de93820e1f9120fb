/* SPDX-License-Identifier: MIT */
/* The error for a token that the tracking server refused, and its renewal too. */
#ifndef FLOW_REFUSAL_H
#define FLOW_REFUSAL_H

#include "base/error.h"

/* A reply of 401 (RFC 6750 §3.1); all borrowed. */
struct refusal {
    const char *server_uri;
    const char *token_hint;  /* what a token for it must carry */
    const char *challenge;   /* WWW-Authenticate of the reply, several joined by commas; NULL: none */
    const char *const *sent; /* the texts of the tokens that the server was sent, ended by NULL */
};

/* Fills err with MOIDC_E_PROVIDER and the reason that the Bearer challenge gives; what it says back of `sent` is written
 * over. MOIDC_E_MEMORY where that cannot be done. */
enum moidc_code refusal_set(const struct refusal *refusal, struct moidc_err *err);

#endif
