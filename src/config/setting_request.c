/* SPDX-License-Identifier: MIT */
#include "config/setting_request.h"

#include "base/strbuf.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { PARAMS_MOST = 32 };

/* A part of some text. */
struct span {
    const char *text;
    size_t n;
};

static bool span_is(struct span span, const char *word)
{
    return strlen(word) == span.n && memcmp(word, span.text, span.n) == 0;
}

/* The word at *text, which is moved behind it; n is 0 after the last. */
static struct span next_word(const char **text)
{
    struct span word = {*text + strspn(*text, " "), 0};

    word.n = strcspn(word.text, " ");
    *text = word.text + word.n;
    return word;
}

static bool has_span(const char *list, struct span span)
{
    for (struct span word = next_word(&list); word.n > 0; word = next_word(&list)) {
        if (word.n == span.n && memcmp(word.text, span.text, span.n) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds a word to a list, unless it is there. */
static void add_word(struct strbuf *list, struct span word)
{
    if (!has_span(strbuf_text(list), word)) {
        strbuf_add_text(list, list->length > 0 ? " " : "");
        strbuf_add(list, word.text, word.n);
    }
}

static enum moidc_code take(struct strbuf *buf, char **ret, struct moidc_err *err)
{
    char *text = strbuf_take(buf);

    if (text == NULL) {
        return err_memory(err); /* what goes in was measured before */
    }
    *ret = text;
    return MOIDC_OK;
}

enum moidc_code setting_request_prompt(const struct setting_value *value, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf list = STRBUF_INIT(2 * SETTING_MOST_BYTES);
    CLEANUP(mem_free_p) char *text = NULL;
    enum moidc_code rc = setting_value_text(value, &text, err);
    const char *rest = text;

    if (rc != MOIDC_OK) {
        return rc;
    }
    for (struct span word = next_word(&rest); word.n > 0; word = next_word(&rest)) {
        if (!span_is(word, "none") && !span_is(word, "login") && !span_is(word, "consent") &&
            !span_is(word, "select_account")) {
            return setting_value_error(value, "holds another word than none, login, consent, select_account", err);
        }
        add_word(&list, word);
    }
    if (text_has_word(strbuf_text(&list), "none") && strcmp(strbuf_text(&list), "none") != 0) {
        return setting_value_error(value, "has none beside another word", err);
    }
    return take(&list, ret, err);
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_scheme(char c, bool first)
{
    return is_letter(c) || (!first && (is_digit(c) || c == '+' || c == '-' || c == '.'));
}

/* absolute-URI of RFC 3986 §4.3: a scheme (§3.1), something behind it, and no fragment. */
static bool is_absolute_uri(struct span uri)
{
    size_t scheme = 0;

    while (scheme < uri.n && is_of_scheme(uri.text[scheme], scheme == 0)) {
        scheme++;
    }
    if (scheme == 0 || scheme + 1 >= uri.n || uri.text[scheme] != ':') {
        return false;
    }
    for (size_t i = scheme + 1; i < uri.n; i++) {
        char c = uri.text[i];

        if (!is_letter(c) && !is_digit(c) && (c == '\0' || strchr("-._~:/?[]@!$&'()*+,;=%", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static enum moidc_code add_resource(const struct setting_value *value, struct span uri, struct strbuf *list,
                                    struct moidc_err *err)
{
    if (!is_absolute_uri(uri)) {
        return setting_value_error(value, "is not an absolute URI without a fragment (RFC 8707)", err);
    }
    add_word(list, uri);
    return MOIDC_OK;
}

enum moidc_code setting_request_resource(const struct setting_value *value, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf list = STRBUF_INIT(2 * SETTING_MOST_BYTES);
    CLEANUP(mem_free_p) char *text = NULL;
    const char *rest = NULL;
    enum moidc_code rc = MOIDC_OK;

    if (value->kind == TOML_LIST) {
        if (value->length == 0 || value->length > SETTING_MOST_BYTES) {
            return setting_value_error(value, value->length == 0 ? "is empty" : "is longer than 4096 bytes", err);
        }
        for (const char *item = value->text; rc == MOIDC_OK && item < value->text + value->length;) {
            struct span uri = {item, strlen(item)};

            rc = add_resource(value, uri, &list, err);
            item += uri.n + 1;
        }
        return rc == MOIDC_OK ? take(&list, ret, err) : rc;
    }
    rc = setting_value_text(value, &text, err);
    rest = text;
    for (struct span uri; rc == MOIDC_OK && (uri = next_word(&rest)).n > 0;) {
        rc = add_resource(value, uri, &list, err);
    }
    return rc == MOIDC_OK ? take(&list, ret, err) : rc;
}

/* Why this parameter is not for `authorize-params`; NULL when it is. What the request itself sets decides who gets the
 * code and what the answer is checked against: a second one of it (or all of them in a `request` object, RFC 9101)
 * would win at some providers. */
static const char *refusal_of(struct span name)
{
    static const char *const ours[] = {"response_type", "response_mode", "redirect_uri",  "scope",      "state",
                                       "nonce",         "request",       "request_uri",   "code",       "grant_type",
                                       "refresh_token", "registration",  "id_token_hint", "device_code"};
    static const char *const families[] = {"client_", "code_"}; /* client_id, client_secret ..., code_challenge ... */
    static const char *const settings[] = {"audience", "login_hint", "prompt", "resource"};

    if (name.n == 0) {
        return "has a parameter without a name";
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.text[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' &&
            c != '_') {
            return "has a parameter whose name holds more than letters, digits, '-', '.' and '_' (RFC 6749 §8.2)";
        }
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strlen(settings[i]) == name.n && text_begins_nocase(name.text, settings[i], name.n)) {
            return "has a parameter that is a setting of its own";
        }
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strlen(ours[i]) == name.n && text_begins_nocase(name.text, ours[i], name.n)) {
            return "has a parameter that is set by the sign-in itself";
        }
    }
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strlen(families[i]) <= name.n && text_begins_nocase(name.text, families[i], strlen(families[i]))) {
            return "has a parameter that is set by the sign-in itself";
        }
    }
    return NULL;
}

/* The parameters so far, in the order of their names; names and values borrowed. */
struct params {
    struct {
        struct span name;
        struct span text;
    } list[PARAMS_MOST];
    size_t count;
};

/* Puts one where its name belongs. */
static enum moidc_code add_param(const struct setting_value *value, struct params *params, struct span name,
                                 struct span text, struct moidc_err *err)
{
    const char *fault = refusal_of(name);
    size_t place = 0;

    for (; fault == NULL && place < params->count; place++) {
        struct span other = params->list[place].name;
        int order = memcmp(name.text, other.text, name.n < other.n ? name.n : other.n);

        if (order == 0 && name.n == other.n) {
            fault = "has a parameter twice";
        } else if (order < 0 || (order == 0 && name.n < other.n)) {
            break;
        }
    }
    if (fault == NULL && text.n == 0) {
        fault = "has a parameter without a value";
    }
    if (fault == NULL && params->count == PARAMS_MOST) {
        fault = "has more than 32 parameters";
    }
    if (fault == NULL) {
        fault = setting_value_wrong_text(text.text, text.n);
    }
    if (fault != NULL) {
        return setting_value_error(value, fault, err);
    }
    memmove(&params->list[place + 1], &params->list[place], (params->count - place) * sizeof params->list[0]);
    params->list[place].name = name;
    params->list[place].text = text;
    params->count++;
    return MOIDC_OK;
}

/* A table as TOML_TABLE has it. */
static enum moidc_code read_table(const struct setting_value *value, const char *table, size_t length,
                                  struct params *params, struct moidc_err *err)
{
    const char *end = table + length;
    enum moidc_code rc = MOIDC_OK;

    for (const char *p = table; rc == MOIDC_OK && p < end && p + strnlen(p, (size_t)(end - p)) + 1 < end;) {
        struct span name = {p, strlen(p)};
        struct span text = {p + name.n + 1, strlen(p + name.n + 1)};

        rc = add_param(value, params, name, text, err);
        p = text.text + text.n + 1;
    }
    return rc;
}

/* Writes one "name=value" as TOML_TABLE would have it. */
static bool add_pair(struct strbuf *table, const char *pair, size_t length)
{
    size_t name = strcspn(pair, "&=");

    if (name >= length || !strbuf_add_decoded(table, pair, name)) {
        return false;
    }
    strbuf_add(table, "", 1);
    if (!strbuf_add_decoded(table, pair + name + 1, length - name - 1)) {
        return false;
    }
    strbuf_add(table, "", 1);
    return true;
}

static enum moidc_code table_of(const struct setting_value *value, const char *form, struct strbuf *table,
                                struct moidc_err *err)
{
    while (*form != '\0') {
        size_t length = strcspn(form, "&");

        if (length > 0 && !add_pair(table, form, length) && !table->failed) {
            return setting_value_error(value, "is not of the form name=value&name=value, percent-encoded", err);
        }
        form += length;
        form += *form == '&';
    }
    return table->failed ? err_memory(err) : MOIDC_OK;
}

static enum moidc_code write_params(const struct setting_value *value, const struct params *params, char **ret,
                                    struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(4 * SETTING_MOST_BYTES);

    if (params->count == 0) {
        return setting_value_error(value, "is empty", err);
    }
    for (size_t i = 0; i < params->count; i++) {
        strbuf_add_text(&buf, i > 0 ? "&" : "");
        strbuf_add_form(&buf, params->list[i].name.text, params->list[i].name.n);
        strbuf_add_text(&buf, "=");
        strbuf_add_form(&buf, params->list[i].text.text, params->list[i].text.n);
    }
    return take(&buf, ret, err);
}

enum moidc_code setting_request_params(const struct setting_value *value, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf table = STRBUF_INIT(2 * SETTING_MOST_BYTES);
    CLEANUP(mem_free_p) char *text = NULL;
    struct params params = {.count = 0};
    enum moidc_code rc;

    if (value->in_file) {
        if (value->kind != TOML_TABLE) {
            return setting_value_wrong_kind(value, "a table of texts", err);
        }
        if (value->length > SETTING_MOST_BYTES) {
            return setting_value_error(value, "is longer than 4096 bytes", err);
        }
        rc = read_table(value, value->text, value->length, &params, err);
        return rc == MOIDC_OK ? write_params(value, &params, ret, err) : rc;
    }
    rc = setting_value_text(value, &text, err);
    rc = rc == MOIDC_OK ? table_of(value, text, &table, err) : rc;
    rc = rc == MOIDC_OK ? read_table(value, strbuf_text(&table), table.length, &params, err) : rc;
    return rc == MOIDC_OK ? write_params(value, &params, ret, err) : rc;
}
