/* SPDX-License-Identifier: MIT */
#include "flow/token.h"

#include "io/clock.h"

#include <stdatomic.h>

enum { MARGIN_MOST_MS = 60 * 1000 };
/* What a cache file says may be any number: no more than this is believed, so that nothing overflows below. */
static const int64_t LIFETIME_MOST_S = (int64_t)100 * 365 * 86400;

struct moidc_token {
    atomic_uint references;
    struct secret *secret;
    int64_t expires_at_s;      /* by the machine's clock; 0: nobody said */
    int64_t expires_steady_ms; /* by the clock that nobody sets back */
    int64_t lifetime_ms;
};

enum moidc_code token_new(const struct secret *secret, int64_t obtained_at_s, int64_t expires_at_s,
                          struct moidc_token **ret, struct moidc_err *err)
{
    CLEANUP(token_release_p) struct moidc_token *token = mem_zalloc(sizeof *token);
    int64_t lifetime_s = expires_at_s - obtained_at_s;
    int64_t left_s = expires_at_s - clock_now_s();
    enum moidc_code rc;

    if (token == NULL) {
        return err_memory(err);
    }
    atomic_init(&token->references, 1);
    rc = secret_copy(secret, &token->secret, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    lifetime_s = lifetime_s < 0 ? 0 : lifetime_s < LIFETIME_MOST_S ? lifetime_s : LIFETIME_MOST_S;
    /* a clock that was set back must not make a token live longer than it was given */
    left_s = left_s < lifetime_s ? left_s : lifetime_s;
    left_s = left_s > 0 ? left_s : 0;
    token->expires_at_s = expires_at_s;
    token->expires_steady_ms = clock_steady_ms() + left_s * 1000;
    token->lifetime_ms = lifetime_s * 1000;
    *ret = token;
    token = NULL;
    return MOIDC_OK;
}

struct moidc_token *token_hold(struct moidc_token *token)
{
    if (token != NULL) {
        atomic_fetch_add_explicit(&token->references, 1, memory_order_relaxed);
    }
    return token;
}

void token_release(struct moidc_token *token)
{
    if (token != NULL && atomic_fetch_sub_explicit(&token->references, 1, memory_order_acq_rel) == 1) {
        secret_free(token->secret);
        mem_free(token);
    }
}

const struct secret *token_secret(const struct moidc_token *token)
{
    return token->secret;
}

int64_t token_expires_at_s(const struct moidc_token *token)
{
    return token->expires_at_s;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t token_left_ms(const struct moidc_token *token)
{
    int64_t left_s = token->expires_at_s - clock_now_s();

    if (token->expires_at_s == 0) {
        return INT64_MAX;
    }
    left_s = left_s < 0 ? 0 : smaller(left_s, LIFETIME_MOST_S); /* what a provider says may be any number */
    return smaller(token->expires_steady_ms - clock_steady_tick_ms(), left_s * 1000);
}

bool token_is_valid(const struct moidc_token *token, int64_t min_valid_s)
{
    return token_left_ms(token) > min_valid_s * 1000;
}

bool token_is_ending(const struct moidc_token *token, int64_t margin_s)
{
    return token_is_ending_with(token, token_left_ms(token), margin_s);
}

bool token_is_ending_with(const struct moidc_token *token, int64_t left_ms, int64_t margin_s)
{
    int64_t margin_ms = margin_s > 0 ? smaller(margin_s * 1000, token->lifetime_ms / 2)
                                     : smaller(token->lifetime_ms / 5, MARGIN_MOST_MS);

    return token->expires_at_s != 0 && left_ms <= margin_ms;
}

bool token_equal(const struct moidc_token *a, const struct moidc_token *b)
{
    return a == b || (a != NULL && b != NULL && secret_equal(a->secret, b->secret));
}
