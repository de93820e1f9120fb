/* SPDX-License-Identifier: MIT */
/* The query of a request to the redirect URI; its first byte chooses whether `iss` was promised. */
#include "oauth/authz.h"

#include "fuzz.h"
#include "oauth/form.h"

static void check_outcome(const char *query, const struct authz_expect *expect)
{
    CLEANUP(secret_free_p) struct secret *code = NULL;
    CLEANUP(secret_free_p) struct secret *state = NULL;
    CLEANUP(secret_free_p) struct secret *iss = NULL;
    struct moidc_err err;
    enum authz_outcome outcome = authz_response_parse(query, expect, &code, &err);
    bool is_ours = form_get(query, "state", &state) == 1 && secret_equal(state, expect->state);

    HOLDS((outcome == AUTHZ_CODE) == (code != NULL));
    HOLDS(outcome == AUTHZ_STRAY || is_ours);
    if (outcome == AUTHZ_CODE) {
        int count = form_get(query, "iss", &iss);

        HOLDS(secret_length(code) > 0);
        HOLDS(count == 0 ? !expect->iss_required : secret_equal_bytes(iss, expect->issuer, strlen(expect->issuer)));
    } else if (outcome == AUTHZ_REFUSED) {
        HOLDS(err.code == MOIDC_E_PROTOCOL || err.code == MOIDC_E_PROVIDER);
        fuzz_check_err(err.code, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secret *state;
    struct authz_expect expect = {.issuer = "https://op.example"};
    char *query;

    if (size == 0) {
        return 0;
    }
    if (state == NULL) {
        state = secret_new_text("st4te");
    }
    expect.state = state;
    expect.iss_required = (data[0] & 1) != 0;
    query = fuzz_text(data + 1, size - 1);
    check_outcome(query, &expect);
    free(query);
    return 0;
}
