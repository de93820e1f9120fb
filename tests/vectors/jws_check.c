/* SPDX-License-Identifier: MIT */
/* jws-check: whether a signature is right by the code that checks ID tokens. */
#include "base/json.h"
#include "oauth/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: jws-check <LINES\n"
    "Of each line, an object {\"jwk\": {...}, \"jws\": \"...\"}, prints `valid` or `invalid`.\n"
    "The payload may be anything. Refused on purpose: `none` and HMAC, RSA keys below 2048 bits or that ROCA breaks,\n"
    "`crit` and `b64`, keys that are for something else (use, key_ops, alg).\n";

static bool is_valid(const char *line, size_t n)
{
    CLEANUP(json_release_p) json_t *row = NULL;
    CLEANUP(json_release_p) json_t *set = NULL;
    CLEANUP(jwks_free_p) struct jwks *jwks = NULL;
    struct moidc_err err;
    const char *jws;
    bool unknown_key;
    bool valid;
    char *text;

    if (json_object_parse(line, n, "the line", &row, &err) != MOIDC_OK || (jws = json_text(row, "jws")) == NULL) {
        return false;
    }
    set = json_pack("{s:[O]}", "keys", json_object_get(row, "jwk"));
    text = set != NULL ? json_dumps(set, JSON_COMPACT) : NULL;
    if (text == NULL) {
        return false;
    }
    valid = jwks_parse(text, strlen(text), &jwks, &err) == MOIDC_OK &&
            jws_verify_signature(jws, strlen(jws), jwks, &unknown_key, &err) == MOIDC_OK;
    mem_free(text); /* jansson's memory is the core's */
    return valid;
}

int main(int count, char **words)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    (void)words;
    if (count > 1) {
        fputs(HELP, stdout);
        return 0;
    }
    while ((n = getline(&line, &size, stdin)) > 0) {
        puts(is_valid(line, (size_t)n) ? "valid" : "invalid");
        fflush(stdout);
    }
    free(line);
    return 0;
}
