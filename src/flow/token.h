/* SPDX-License-Identifier: MIT */
/* struct moidc_token: one token as it is sent, with its end by both clocks. */
#ifndef FLOW_TOKEN_H
#define FLOW_TOKEN_H

#include "base/secret.h"

/* A token that ends at `expires_at_s` (seconds since 1970, 0: nobody said) and was obtained at `obtained_at_s`.
 * *ret is a new reference. */
enum moidc_code token_new(const struct secret *secret, int64_t obtained_at_s, int64_t expires_at_s,
                          struct moidc_token **ret, struct moidc_err *err) MUST_CHECK;
struct moidc_token *token_hold(struct moidc_token *token);
void token_release(struct moidc_token *token);
DEFINE_CLEANUP(struct moidc_token *, token_release)

/* Borrowed from the token. */
const struct secret *token_secret(const struct moidc_token *token);
int64_t token_expires_at_s(const struct moidc_token *token);

/* Milliseconds from now to its end, by the clock that sees it sooner; INT64_MAX where nobody said when. */
int64_t token_left_ms(const struct moidc_token *token);
/* True when it stays valid for more than `min_valid_s` seconds from now. */
bool token_is_valid(const struct moidc_token *token, int64_t min_valid_s);
/* True when `margin_s` or less is left, but at most half of its lifetime: else a token would be renewed as soon as it
 * comes. 0: a fifth of the lifetime, at most 60 s. */
bool token_is_ending(const struct moidc_token *token, int64_t margin_s);
/* The same where it is known that `left_ms` are left: this is asked for by every request, and a clock costs. */
bool token_is_ending_with(const struct moidc_token *token, int64_t left_ms, int64_t margin_s);
bool token_equal(const struct moidc_token *a, const struct moidc_token *b);

#endif
