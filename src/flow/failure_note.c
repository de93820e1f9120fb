/* SPDX-License-Identifier: MIT */
#include "flow/failure_note.h"

#include "base/json.h"

#include <string.h>

static const char LOGGED_OUT[] = "logged out";

void failure_note_write(struct lock *lock, const struct moidc_err *err)
{
    json_t *note;
    char *text;

    if (err->code != MOIDC_E_NETWORK && err->code != MOIDC_E_PROTOCOL && err->code != MOIDC_E_PROVIDER &&
        err->code != MOIDC_E_TIMEOUT) {
        return;
    }
    note = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "code", moidc_code_info(err->code)->name, "http_status",
                     err->http_status, "oauth_error", err->oauth_error, "what", err->what, "where", err->where, "next",
                     err->next);
    text = json_dumps(note, JSON_COMPACT);
    if (text != NULL) {
        lock_note_write(lock, text, strlen(text));
        mem_free(text);
    }
    json_decref(note);
}

static enum moidc_code code_by_name(const char *name)
{
    for (int code = MOIDC_OK + 1; name != NULL && code < MOIDC_CODE_COUNT; code++) {
        if (strcmp(moidc_code_info((enum moidc_code)code)->name, name) == 0) {
            return (enum moidc_code)code;
        }
    }
    return MOIDC_OK;
}

bool failure_note_read(struct lock *lock, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(8192);
    CLEANUP(json_release_p) json_t *note = NULL;
    struct moidc_err ignored;
    const char *text;
    int64_t status = 0;
    enum moidc_code code;

    lock_note_read(lock, &bytes);
    if (bytes.failed || bytes.length == 0 ||
        json_object_parse(bytes.bytes, bytes.length, "the note", &note, &ignored) != MOIDC_OK) {
        return false;
    }
    code = code_by_name(json_text(note, "code"));
    text = json_text(note, "what");
    if (code == MOIDC_OK || text == NULL) {
        return false;
    }
    json_seconds(note, "http_status", &status);
    err_set(err, code, "%s", text);
    text = json_text(note, "where");
    err_where(err, "%s", text != NULL ? text : "");
    text = json_text(note, "next");
    err_next(err, "%s", text != NULL ? text : "");
    err_reply(err, (int)status, json_text(note, "oauth_error"));
    return true;
}

void failure_note_clear(struct lock *lock)
{
    if (!logout_note_read(lock)) {
        lock_note_clear(lock);
    }
}

void logout_note_write(struct lock *lock)
{
    lock_note_write(lock, LOGGED_OUT, sizeof LOGGED_OUT - 1);
}

bool logout_note_read(struct lock *lock)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(8192);

    lock_note_read(lock, &bytes);
    return strcmp(strbuf_text(&bytes), LOGGED_OUT) == 0;
}

void logout_note_clear(struct lock *lock)
{
    lock_note_clear(lock);
}
