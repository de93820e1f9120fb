/* SPDX-License-Identifier: MIT */
/* WWW-Authenticate of a server that was sent TOKEN, and the error that is made of it. */
#include "oauth/challenge.h"

#include "flow/refusal.h"
#include "fuzz.h"

#define TOKEN "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl"
enum { TOKEN_PART = 12 };

static void check_text(const char *text, size_t size)
{
    HOLDS(memchr(text, '\0', size) != NULL && fuzz_is_printable(text));
}

static void check_parsed(const struct challenge *challenge)
{
    static const struct challenge none;

    check_text(challenge->error, sizeof challenge->error);
    check_text(challenge->description, sizeof challenge->description);
    check_text(challenge->scope, sizeof challenge->scope);
    check_text(challenge->realm, sizeof challenge->realm);
    check_text(challenge->resource_metadata, sizeof challenge->resource_metadata);
    HOLDS(challenge->is_bearer || memcmp(challenge, &none, sizeof none) == 0);
}

static size_t add_quoted(char *field, size_t n, const char *name, const char *text)
{
    n += (size_t)sprintf(field + n, ", %s=\"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            field[n++] = '\\';
        }
        field[n++] = *text;
    }
    field[n++] = '"';
    field[n] = '\0';
    return n;
}

/* What was read, written out properly and between others, is read again. */
static void check_round(const struct challenge *challenge)
{
    char field[2 * sizeof *challenge + 256] = "Negotiate YQ==, Bearer max_age=1";
    struct challenge again;
    size_t n = strlen(field);

    n = add_quoted(field, n, "error", challenge->error);
    n = add_quoted(field, n, "error_description", challenge->description);
    n = add_quoted(field, n, "scope", challenge->scope);
    n = add_quoted(field, n, "realm", challenge->realm);
    n = add_quoted(field, n, "resource_metadata", challenge->resource_metadata);
    strcpy(field + n, ", Basic realm=\"x\", error=\"y\"");
    challenge_parse(field, &again);
    HOLDS(again.is_bearer);
    HOLDS(strcmp(again.error, challenge->error) == 0 && strcmp(again.description, challenge->description) == 0);
    HOLDS(strcmp(again.scope, challenge->scope) == 0 && strcmp(again.realm, challenge->realm) == 0);
    HOLDS(strcmp(again.resource_metadata, challenge->resource_metadata) == 0);
}

static void check_refusal(const char *field)
{
    static const char *const sent[] = {TOKEN, NULL};
    struct refusal refusal = {.server_uri = "https://x", .token_hint = "aud x", .challenge = field, .sent = sent};
    struct moidc_err err;

    HOLDS(refusal_set(&refusal, &err) == MOIDC_E_PROVIDER && err.http_status == 401);
    fuzz_check_err(err.code, &err);
    for (size_t i = 0; i + TOKEN_PART < sizeof TOKEN; i++) {
        char part[TOKEN_PART + 1] = "";

        memcpy(part, TOKEN + i, TOKEN_PART);
        HOLDS(strstr(err.what, part) == NULL && strstr(err.oauth_error, part) == NULL);
    }
    HOLDS(strlen(err.what) < sizeof err.what - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct challenge challenge;
    char *field = fuzz_text(data, size);

    memset(&challenge, 0xff, sizeof challenge);
    challenge_parse(field, &challenge);
    check_parsed(&challenge);
    check_round(&challenge);
    check_refusal(field);
    free(field);
    return 0;
}
