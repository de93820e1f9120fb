/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include "base/secret_memory.h"

#include <string.h>

enum { HIDDEN_LEAST_BYTES = 4, HIDDEN_PART_BYTES = 12, HIDDEN_MOST_BYTES = 32 * 1024 };

struct secret {
    size_t length;
    char bytes[];
};

struct secret *secret_new(const char *bytes, size_t n)
{
    struct secret *secret = secret_memory_new(sizeof *secret + n + 1);

    if (secret != NULL) {
        secret->length = n;
        memcpy(secret->bytes, bytes, n);
        secret->bytes[n] = '\0';
    }
    return secret;
}

struct secret *secret_new_text(const char *text)
{
    return secret_new(text, strlen(text));
}

enum moidc_code secret_copy(const struct secret *secret, struct secret **ret, struct moidc_err *err)
{
    struct secret *copy = NULL;

    if (secret != NULL) {
        copy = secret_new(secret->bytes, secret->length);
        if (copy == NULL) {
            return err_memory(err);
        }
    }
    *ret = copy;
    return MOIDC_OK;
}

enum moidc_code secret_prefixed(const char *prefix, const struct secret *secret, struct secret **ret,
                                struct moidc_err *err)
{
    size_t n = strlen(prefix);
    struct secret *longer = secret_memory_new(sizeof *longer + n + secret->length + 1);

    if (longer == NULL) {
        return err_memory(err);
    }
    longer->length = n + secret->length;
    memcpy(longer->bytes, prefix, n);
    memcpy(longer->bytes + n, secret->bytes, secret->length + 1);
    *ret = longer;
    return MOIDC_OK;
}

void secret_free(struct secret *secret)
{
    if (secret != NULL) {
        secret_memory_free(secret, sizeof *secret + secret->length + 1);
    }
}

const char *secret_reveal(const struct secret *secret)
{
    return secret->bytes;
}

size_t secret_length(const struct secret *secret)
{
    return secret->length;
}

bool secret_equal_bytes(const struct secret *a, const char *bytes, size_t n)
{
    volatile unsigned char difference = 0;

    if (a == NULL || a->length != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        difference = (unsigned char)(difference | (a->bytes[i] ^ bytes[i]));
    }
    return difference == 0;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return b != NULL && secret_equal_bytes(a, b->bytes, b->length);
}

void secret_hide(const struct secret *secret, char *text)
{
    size_t most = secret != NULL ? secret->length : 0;
    size_t least = most;
    size_t hidden = 0; /* how far from here */

    most = most < HIDDEN_MOST_BYTES ? most : HIDDEN_MOST_BYTES;
    least = least < HIDDEN_PART_BYTES ? least : HIDDEN_PART_BYTES;
    if (least < HIDDEN_LEAST_BYTES) {
        return;
    }
    for (size_t left = strlen(text); left > 0; left--, text++) {
        if (left >= least && memmem(secret->bytes, most, text, least) != NULL) {
            hidden = least;
        }
        if (hidden > 0) {
            *text = '*';
            hidden--;
        }
    }
}
