/* SPDX-License-Identifier: MIT */
#include "flow/outage.h"

#include "base/http_message.h"

enum {
    FREE_FAILURES = 2,
    HOLD_FIRST_MS = 1000,
    HOLD_MOST_MS = 10 * 1000,
    RETRY_AFTER_MOST_S = 60,
    HURRY_MS = 60 * 1000,
    PAUSE_FIRST_MS = 5000,
    PAUSE_MOST_MS = 60 * 1000,
};

bool outage_shows(const struct moidc_err *err)
{
    return err->code == MOIDC_E_NETWORK || (err->code == MOIDC_E_PROVIDER && http_status_is_outage(err->http_status));
}

/* first_ms, doubled `times` times, most_ms at most, and up to a quarter more. */
static int64_t growing(int64_t first_ms, int times, int64_t most_ms, unsigned dice)
{
    int64_t ms = first_ms << (times < 8 ? times : 8);

    ms = ms < most_ms ? ms : most_ms;
    return ms + dice % (ms / 4);
}

int64_t outage_note(struct outage *outage, int64_t now_ms, int64_t retry_after_s, unsigned dice)
{
    int64_t asked_ms = (retry_after_s < RETRY_AFTER_MOST_S ? retry_after_s : RETRY_AFTER_MOST_S) * 1000;
    int64_t hold_ms = 0;

    outage->last_ms = now_ms;
    if (outage->failures >= FREE_FAILURES) {
        hold_ms = growing(HOLD_FIRST_MS, outage->failures - FREE_FAILURES, HOLD_MOST_MS, dice);
    }
    if (outage->failures < 1000) {
        outage->failures++;
    }
    return hold_ms > asked_ms ? hold_ms : asked_ms;
}

bool outage_hurries(const struct outage *outage, int64_t now_ms)
{
    return outage->failures > 0 && now_ms - outage->last_ms < HURRY_MS;
}

void outage_end(struct outage *outage)
{
    outage->failures = 0;
}

int64_t outage_renewal_pause_ms(int failures, unsigned dice)
{
    return growing(PAUSE_FIRST_MS, failures, PAUSE_MOST_MS, dice);
}
