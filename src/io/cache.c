/* SPDX-License-Identifier: MIT */
#include "io/cache.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1, SLOTS = 8 };

/* The members that name the identity, in the order of the struct. From KEY_ALWAYS on they are left out where they are
 * empty, so that the names and files of those that have none are what they were before these existed. */
static const char *const KEY_NAMES[] = {"issuer", "client_id",  "scope",    "audience",
                                        "kind",   "login_hint", "resource", "authorize_params"};
enum { KEY_COUNT = sizeof KEY_NAMES / sizeof KEY_NAMES[0], KEY_ALWAYS = 5 };

static void key_values(const struct identity *identity, const char *ret[KEY_COUNT])
{
    ret[0] = identity->issuer;
    ret[1] = identity->client_id;
    ret[2] = identity->scope;
    ret[3] = identity->audience;
    ret[4] = identity->kind;
    ret[5] = identity->login_hint;
    ret[6] = identity->resource;
    ret[7] = identity->authorize_params;
    for (size_t i = KEY_ALWAYS; i < KEY_COUNT; i++) {
        ret[i] = ret[i] != NULL ? ret[i] : "";
    }
}

/* Spreads `text` and its NUL, so that "ab","c" is not "a","bc". */
static uint64_t spread(uint64_t hash, const char *text)
{
    for (;; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
        if (*text == '\0') {
            return hash;
        }
    }
}

/* FNV-1a: spreads, and needs no library on the way that answers from the cache. It is no proof of identity: the file
 * names its identity in full, and a second one with the same name takes the next slot. */
void cache_name(const struct identity *identity, char ret[CACHE_NAME_SIZE])
{
    const char *values[KEY_COUNT];
    uint64_t hash = 0xcbf29ce484222325u;

    key_values(identity, values);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (i < KEY_ALWAYS) {
            hash = spread(hash, values[i]);
        } else if (values[i][0] != '\0') {
            hash = spread(spread(hash, KEY_NAMES[i]), values[i]);
        }
    }
    snprintf(ret, CACHE_NAME_SIZE, "tokens-%016llx", (unsigned long long)hash);
}

static void slot_name(const struct identity *identity, int slot, char ret[CACHE_NAME_SIZE])
{
    char name[CACHE_NAME_SIZE];

    cache_name(identity, name);
    if (slot == 0) {
        snprintf(ret, CACHE_NAME_SIZE, "%.32s.json", name);
    } else {
        snprintf(ret, CACHE_NAME_SIZE, "%.32s-%d.json", name, slot);
    }
}

static bool is_of_identity(const json_t *object, const struct identity *identity)
{
    const char *values[KEY_COUNT];

    key_values(identity, values);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const char *own = json_text(object, KEY_NAMES[i]);

        if (own == NULL && i >= KEY_ALWAYS) {
            own = "";
        }
        if (own == NULL || strcmp(own, values[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_of_any_identity(const json_t *object)
{
    for (size_t i = 0; i < KEY_ALWAYS; i++) {
        if (json_text(object, KEY_NAMES[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* What `rc` comes to where the file itself is at fault: it is damaged. */
static enum moidc_code of_file(const struct cache_dir *dir, const char *name, enum moidc_code rc, struct moidc_err *err)
{
    if (rc == MOIDC_E_PROTOCOL) {
        err->code = rc = MOIDC_E_STORAGE;
        err_where(err, "%s/%s", cache_dir_path(dir), name);
        err_next(err, "nothing: it is replaced at the next sign-in");
    }
    return rc;
}

/* The file in `slot` as JSON; NULL when there is none (*absent) or it is damaged (err set, code returned). */
static enum moidc_code slot_read(const struct cache_dir *dir, const char *name, json_t **ret, bool *absent,
                                 struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(CACHE_FILE_MOST_BYTES);
    enum moidc_code rc = cache_dir_read(dir, name, &bytes, absent, err);

    if (rc != MOIDC_OK || *absent) {
        return rc;
    }
    rc = json_object_parse(strbuf_text(&bytes), bytes.length, "the cache file", ret, err);
    if (rc == MOIDC_OK && !is_of_any_identity(*ret)) {
        rc = err_set(err, MOIDC_E_PROTOCOL, "the cache file names no identity");
    }
    return of_file(dir, name, rc, err);
}

static enum moidc_code text_copy(const json_t *object, const char *key, char **ret, struct moidc_err *err)
{
    const char *text = json_text(object, key);

    if (text != NULL && (*ret = mem_strdup(text)) == NULL) {
        return err_memory(err);
    }
    return MOIDC_OK;
}

/* One that a provider's answer could have brought, for it is to stand in a header (RFC 6750 §2.1), whoever wrote this. */
static enum moidc_code token(const json_t *object, const char *key, struct secret **ret, struct moidc_err *err)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_string(value) && !text_is_visible(json_string_value(value), json_string_length(value))) {
        return err_set(err, MOIDC_E_PROTOCOL, "the cached %s is not a string of visible characters", key);
    }
    return json_secret(object, key, ret, err);
}

static enum moidc_code entry_fill(const json_t *object, struct cache_entry *entry, struct moidc_err *err)
{
    const json_t *servers = json_object_get(object, "servers");
    const char *offline = json_text(object, "offline_access");
    json_t *server;
    size_t i;
    enum moidc_code rc;

    rc = token(object, "access_token", &entry->access_token, err);
    rc = rc == MOIDC_OK ? token(object, "id_token", &entry->id_token, err) : rc;
    rc = rc == MOIDC_OK ? token(object, "refresh_token", &entry->refresh_token, err) : rc;
    rc = rc == MOIDC_OK ? text_copy(object, "subject", &entry->subject, err) : rc;
    rc = rc == MOIDC_OK ? text_copy(object, "nonce", &entry->nonce, err) : rc;
    rc = rc == MOIDC_OK ? text_copy(object, "client_auth", &entry->client_auth, err) : rc;
    json_array_foreach(servers, i, server) {
        if (rc == MOIDC_OK && json_is_string(server)) {
            rc = cache_entry_add_server(entry, json_string_value(server), err);
        }
    }
    json_seconds(object, "obtained_at", &entry->obtained_at_s);
    json_seconds(object, "access_expires_at", &entry->access_expires_at_s);
    json_seconds(object, "id_expires_at", &entry->id_expires_at_s);
    json_seconds(object, "rejected_at", &entry->rejected_at_s);
    entry->refresh_refused = json_is_true(json_object_get(object, "refresh_refused"));
    entry->offline = offline == NULL                   ? OFFLINE_UNKNOWN
                     : strcmp(offline, "ask") == 0     ? OFFLINE_ASK
                     : strcmp(offline, "refused") == 0 ? OFFLINE_REFUSED
                                                       : OFFLINE_UNKNOWN;
    return rc;
}

/* The entry that the object holds; *ret stays NULL when it is of another release. MOIDC_E_PROTOCOL: it cannot be one. */
static enum moidc_code entry_from(const json_t *object, struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    int64_t version = 0;
    enum moidc_code rc;

    if (!json_seconds(object, "version", &version) || version != FORMAT_VERSION) {
        return MOIDC_OK;
    }
    entry = cache_entry_new();
    rc = entry != NULL ? entry_fill(object, entry, err) : err_memory(err);
    if (rc == MOIDC_OK) {
        *ret = entry;
        entry = NULL;
    }
    return rc;
}

enum moidc_code cache_entry_parse(const char *bytes, size_t n, const struct identity *identity,
                                  struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *object = NULL;
    enum moidc_code rc = json_object_parse(bytes, n, "the cache entry", &object, err);

    if (rc == MOIDC_OK && !is_of_any_identity(object)) {
        rc = err_set(err, MOIDC_E_PROTOCOL, "the cache entry names no identity");
    }
    return rc == MOIDC_OK && is_of_identity(object, identity) ? entry_from(object, ret, err) : rc;
}

enum moidc_code cache_read(const struct cache_dir *dir, const struct identity *identity, struct cache_entry **ret,
                           bool *damaged, struct moidc_err *err)
{
    for (int slot = 0; slot < SLOTS; slot++) {
        CLEANUP(json_release_p) json_t *object = NULL;
        char name[CACHE_NAME_SIZE];
        bool absent = false;
        enum moidc_code rc;

        slot_name(identity, slot, name);
        rc = slot_read(dir, name, &object, &absent, err);
        if (rc == MOIDC_OK && !absent && !is_of_identity(object, identity)) {
            continue;
        }
        if (rc == MOIDC_OK && !absent) {
            rc = of_file(dir, name, entry_from(object, ret, err), err);
        }
        *damaged = *damaged || rc == MOIDC_E_STORAGE;
        return rc == MOIDC_E_STORAGE ? MOIDC_OK : rc;
    }
    return MOIDC_OK;
}

bool cache_has_changed(const struct cache_dir *dir, const struct identity *identity, struct cache_stamp *stamp)
{
    struct cache_stamp last = *stamp;
    char name[CACHE_NAME_SIZE];

    slot_name(identity, 0, name);
    cache_dir_stamp(dir, name, stamp);
    return stamp->inode != last.inode || stamp->modified_ns != last.modified_ns;
}

/* The slot that `identity` has or may take: its own, else the first free or damaged one. */
static enum moidc_code slot_find(const struct cache_dir *dir, const struct identity *identity,
                                 char ret[CACHE_NAME_SIZE], struct moidc_err *err)
{
    for (int slot = 0; slot < SLOTS; slot++) {
        CLEANUP(json_release_p) json_t *object = NULL;
        bool absent = false;
        enum moidc_code rc;

        slot_name(identity, slot, ret);
        rc = slot_read(dir, ret, &object, &absent, err);
        if (rc == MOIDC_E_MEMORY) {
            return rc;
        }
        if (rc != MOIDC_OK || absent || is_of_identity(object, identity)) {
            return MOIDC_OK;
        }
    }
    err_set(err, MOIDC_E_STORAGE, "the cache has no room for this identity beside others of the same name");
    return err_where(err, "%s", cache_dir_path(dir));
}

static void set_text(json_t *object, const char *key, const char *text, bool *failed)
{
    if (text != NULL && json_object_set_new(object, key, json_string(text)) != 0) {
        *failed = true;
    }
}

static void set_secret(json_t *object, const char *key, const struct secret *secret, bool *failed)
{
    set_text(object, key, secret != NULL ? secret_reveal(secret) : NULL, failed);
}

static void set_seconds(json_t *object, const char *key, int64_t seconds, bool *failed)
{
    if (json_object_set_new(object, key, json_integer(seconds)) != 0) {
        *failed = true;
    }
}

static json_t *entry_object(const struct identity *identity, const struct cache_entry *entry, bool *failed)
{
    static const char *const offline[] = {NULL, "ask", "refused"};
    const char *values[KEY_COUNT];
    json_t *object = json_object();
    json_t *servers = json_array();

    key_values(identity, values);
    set_seconds(object, "version", FORMAT_VERSION, failed);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        set_text(object, KEY_NAMES[i], i < KEY_ALWAYS || values[i][0] != '\0' ? values[i] : NULL, failed);
    }
    for (size_t i = 0; i < entry->server_count; i++) {
        if (json_array_append_new(servers, json_string(entry->servers[i])) != 0) {
            *failed = true;
        }
    }
    if (json_object_set_new(object, "servers", servers) != 0) {
        *failed = true;
    }
    set_text(object, "subject", entry->subject, failed);
    set_text(object, "nonce", entry->nonce, failed);
    set_secret(object, "access_token", entry->access_token, failed);
    set_secret(object, "id_token", entry->id_token, failed);
    set_secret(object, "refresh_token", entry->refresh_token, failed);
    set_seconds(object, "obtained_at", entry->obtained_at_s, failed);
    set_seconds(object, "access_expires_at", entry->access_expires_at_s, failed);
    set_seconds(object, "id_expires_at", entry->id_expires_at_s, failed);
    set_seconds(object, "rejected_at", entry->rejected_at_s, failed);
    if (entry->refresh_refused && json_object_set_new(object, "refresh_refused", json_true()) != 0) {
        *failed = true;
    }
    set_text(object, "client_auth", entry->client_auth, failed);
    set_text(object, "offline_access", offline[entry->offline], failed);
    return object;
}

static int add_chunk(const char *bytes, size_t n, void *ctx)
{
    strbuf_add(ctx, bytes, n);
    return ((struct strbuf *)ctx)->failed ? -1 : 0;
}

enum moidc_code cache_entry_text(const struct identity *identity, const struct cache_entry *entry, struct strbuf *ret,
                                 struct moidc_err *err)
{
    bool failed = false;
    CLEANUP(json_release_p) json_t *object = entry_object(identity, entry, &failed);

    if (failed || json_dump_callback(object, add_chunk, ret, JSON_COMPACT | JSON_ENSURE_ASCII) != 0) {
        return strbuf_error(ret, "what is to be cached", err);
    }
    return MOIDC_OK;
}

enum moidc_code cache_write(const struct cache_dir *dir, const struct identity *identity,
                            const struct cache_entry *entry, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(CACHE_FILE_MOST_BYTES);
    bool failed = false;
    CLEANUP(json_release_p) json_t *object = entry_object(identity, entry, &failed);
    char name[CACHE_NAME_SIZE];
    enum moidc_code rc;

    if (failed || json_dump_callback(object, add_chunk, &bytes, JSON_INDENT(2)) != 0) {
        return strbuf_error(&bytes, "what is to be cached", err);
    }
    rc = slot_find(dir, identity, name, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    /* a refresh token may be the last of its family; whatever else is lost costs one more request */
    return entry->refresh_token != NULL ? cache_dir_write_durably(dir, name, bytes.bytes, bytes.length, err)
                                        : cache_dir_write(dir, name, bytes.bytes, bytes.length, err);
}

enum moidc_code cache_remove(const struct cache_dir *dir, const struct identity *identity, bool *removed,
                             struct moidc_err *err)
{
    char name[CACHE_NAME_SIZE];
    enum moidc_code rc = slot_find(dir, identity, name, err);

    return rc == MOIDC_OK ? cache_dir_remove(dir, name, removed, err) : rc;
}
