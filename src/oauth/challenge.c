/* SPDX-License-Identifier: MIT */
#include "oauth/challenge.h"

#include "base/text.h"

#include <string.h>

/* A place in the field; `end` is behind its last byte. */
struct cursor {
    const char *at;
    const char *end;
};

/* A part of the field. `quoted`: a quoted-string without its quotes, backslashes still in it. */
struct part {
    const char *bytes;
    size_t length;
    bool quoted;
};

/* tchar of RFC 9110 §5.6.2 */
static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token68_char(char c)
{
    return (is_token_char(c) && strchr("!#$%&'*^`|", c) == NULL) || c == '/';
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t')) {
        cursor->at++;
    }
}

static bool next_is(const struct cursor *cursor, char c)
{
    return cursor->at < cursor->end && *cursor->at == c;
}

/* A token; empty where none is. */
static struct part take_token(struct cursor *cursor)
{
    struct part part = {.bytes = cursor->at};

    while (cursor->at < cursor->end && is_token_char(*cursor->at)) {
        cursor->at++;
    }
    part.length = (size_t)(cursor->at - part.bytes);
    return part;
}

/* The quoted-string (RFC 9110 §5.6.4) whose opening quote is next; one that is not closed ends with the field. */
static struct part take_quoted(struct cursor *cursor)
{
    struct part part = {.bytes = cursor->at + 1, .quoted = true};

    for (cursor->at++; cursor->at < cursor->end && *cursor->at != '"'; cursor->at++) {
        cursor->at += *cursor->at == '\\' && cursor->end - cursor->at > 1;
    }
    part.length = (size_t)(cursor->at - part.bytes);
    cursor->at += next_is(cursor, '"');
    return part;
}

/* A parameter's value, after '='. Servers write values without quotes that need them: such a one ends at a comma or a
 * space. */
static struct part take_value(struct cursor *cursor)
{
    struct part part;

    skip_space(cursor);
    if (next_is(cursor, '"')) {
        return take_quoted(cursor);
    }
    part = (struct part){.bytes = cursor->at};
    while (cursor->at < cursor->end && strchr(", \t", *cursor->at) == NULL) {
        cursor->at++;
    }
    part.length = (size_t)(cursor->at - part.bytes);
    return part;
}

/* Passes over the token68 that a challenge may have behind a space ("Negotiate YWJj=="): it is no parameter. */
static void skip_token68(struct cursor *cursor)
{
    struct cursor ahead = *cursor;

    if (!next_is(cursor, ' ')) {
        return;
    }
    skip_space(&ahead);
    while (ahead.at < ahead.end && is_token68_char(*ahead.at)) {
        ahead.at++;
    }
    while (next_is(&ahead, '=')) {
        ahead.at++;
    }
    skip_space(&ahead);
    if (ahead.at == ahead.end || *ahead.at == ',') {
        *cursor = ahead;
    }
}

static bool is_word(struct part part, const char *word)
{
    return part.length == strlen(word) && text_begins_nocase(part.bytes, word, part.length);
}

static void copy(struct part part, char *ret, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < part.length && n < size - 1; i++) {
        if (part.quoted && part.bytes[i] == '\\' && i + 1 < part.length) {
            i++;
        }
        ret[n++] = part.bytes[i];
    }
    ret[n] = '\0';
    text_make_printable(ret);
}

/* Each name stands once (RFC 9110 §11.2): the first counts. */
static void take_parameter(struct challenge *challenge, struct part name, struct part value)
{
    const struct {
        const char *name;
        char *text;
        size_t size;
    } known[] = {
        {"error", challenge->error, sizeof challenge->error},
        {"error_description", challenge->description, sizeof challenge->description},
        {"scope", challenge->scope, sizeof challenge->scope},
        {"realm", challenge->realm, sizeof challenge->realm},
        {"resource_metadata", challenge->resource_metadata, sizeof challenge->resource_metadata},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_word(name, known[i].name) && known[i].text[0] == '\0') {
            copy(value, known[i].text, known[i].size);
        }
    }
}

/* Keeps a Bearer challenge that has come to its end, and begins the next one. */
static void end_challenge(struct challenge *challenge, struct challenge *ret)
{
    if (challenge->is_bearer && (!ret->is_bearer || (ret->error[0] == '\0' && challenge->error[0] != '\0'))) {
        *ret = *challenge;
    }
    memset(challenge, 0, sizeof *challenge);
}

/* A word and what belongs to it. `begins`: it may be the name of a scheme. */
static void take_word(struct cursor *cursor, bool begins, struct challenge *challenge, struct challenge *ret)
{
    struct part word = take_token(cursor);
    struct cursor behind = *cursor;

    skip_space(&behind);
    if (next_is(&behind, '=')) {
        struct part value;

        behind.at++;
        value = take_value(&behind);
        *cursor = behind;
        if (challenge->is_bearer) {
            take_parameter(challenge, word, value);
        }
    } else if (begins) {
        end_challenge(challenge, ret);
        challenge->is_bearer = is_word(word, "Bearer");
        skip_token68(cursor);
    }
}

void challenge_parse(const char *field, struct challenge *ret)
{
    struct cursor cursor = {.at = field, .end = field + strnlen(field, CHALLENGE_MOST_BYTES)};
    struct challenge challenge = {0};
    bool begins = true;

    memset(ret, 0, sizeof *ret);
    while (cursor.at < cursor.end) {
        if (is_token_char(*cursor.at)) {
            take_word(&cursor, begins, &challenge, ret);
            begins = false;
        } else if (*cursor.at == '"') {
            take_quoted(&cursor); /* no value of ours: whatever stands in quotes is no challenge */
        } else {
            begins = begins || *cursor.at == ',';
            cursor.at++;
        }
    }
    end_challenge(&challenge, ret);
}
