/* SPDX-License-Identifier: MIT */
#include "base/notices.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

bool notices_init(struct notices *notices)
{
    notices->ring = mem_alloc(NOTICES_MOST * sizeof *notices->ring);
    if (notices->ring == NULL) {
        return false;
    }
    pthread_mutex_init(&notices->mutex, NULL);
    atomic_init(&notices->count, 0);
    notices->first = 0;
    return true;
}

void notices_destroy(struct notices *notices)
{
    pthread_mutex_destroy(&notices->mutex);
    mem_free(notices->ring);
}

void notices_add(struct notices *notices, enum moidc_level level, const char *text, ...)
{
    struct moidc_notice notice = {.level = level};
    va_list args;

    va_start(args, text);
    vsnprintf(notice.text, sizeof notice.text, text, args);
    va_end(args);
    text_make_printable(notice.text);

    pthread_mutex_lock(&notices->mutex);
    if (level != MOIDC_DEBUG || notices->count < NOTICES_MOST * 3 / 4) {
        if (notices->count == NOTICES_MOST) {
            notices->first = (notices->first + 1) % NOTICES_MOST;
            notices->count--;
        }
        notices->ring[(notices->first + notices->count) % NOTICES_MOST] = notice;
        notices->count++;
    }
    pthread_mutex_unlock(&notices->mutex);
}

bool notices_next(struct notices *notices, struct moidc_notice *ret)
{
    bool any;

    if (atomic_load_explicit(&notices->count, memory_order_relaxed) == 0) {
        return false;
    }
    pthread_mutex_lock(&notices->mutex);
    any = notices->count > 0;
    if (any) {
        *ret = notices->ring[notices->first];
        notices->first = (notices->first + 1) % NOTICES_MOST;
        notices->count--;
    }
    pthread_mutex_unlock(&notices->mutex);
    return any;
}
