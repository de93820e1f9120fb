/* SPDX-License-Identifier: MIT */
/* struct cache_entry: made, copied, freed, and the servers that it is for. */
#include "io/cache.h"

#include <string.h>

enum { SERVERS_MOST = 64 };

struct cache_entry *cache_entry_new(void)
{
    return mem_zalloc(sizeof(struct cache_entry));
}

void cache_entry_free(struct cache_entry *entry)
{
    if (entry == NULL) {
        return;
    }
    for (size_t i = 0; i < entry->server_count; i++) {
        mem_free(entry->servers[i]);
    }
    mem_free(entry->servers);
    mem_free(entry->subject);
    mem_free(entry->nonce);
    mem_free(entry->client_auth);
    secret_free(entry->access_token);
    secret_free(entry->id_token);
    secret_free(entry->refresh_token);
    mem_free(entry);
}

bool cache_entry_serves(const struct cache_entry *entry, const char *server)
{
    for (size_t i = 0; i < entry->server_count; i++) {
        if (strcmp(entry->servers[i], server) == 0) {
            return true;
        }
    }
    return false;
}

enum moidc_code cache_entry_add_server(struct cache_entry *entry, const char *server, struct moidc_err *err)
{
    char *copy;

    if (cache_entry_serves(entry, server)) {
        return MOIDC_OK;
    }
    if (entry->servers == NULL && (entry->servers = mem_zalloc(SERVERS_MOST * sizeof *entry->servers)) == NULL) {
        return err_memory(err);
    }
    copy = mem_strdup(server);
    if (copy == NULL) {
        return err_memory(err);
    }
    if (entry->server_count == SERVERS_MOST) {
        mem_free(entry->servers[0]);
        memmove(entry->servers, entry->servers + 1, --entry->server_count * sizeof *entry->servers);
    }
    entry->servers[entry->server_count++] = copy;
    return MOIDC_OK;
}

enum moidc_code cache_entry_copy(const struct cache_entry *entry, struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *copy = cache_entry_new();
    enum moidc_code rc = MOIDC_OK;

    if (copy == NULL || (entry->subject != NULL && (copy->subject = mem_strdup(entry->subject)) == NULL) ||
        (entry->nonce != NULL && (copy->nonce = mem_strdup(entry->nonce)) == NULL) ||
        (entry->client_auth != NULL && (copy->client_auth = mem_strdup(entry->client_auth)) == NULL)) {
        return err_memory(err);
    }
    for (size_t i = 0; i < entry->server_count && rc == MOIDC_OK; i++) {
        rc = cache_entry_add_server(copy, entry->servers[i], err);
    }
    rc = rc == MOIDC_OK ? secret_copy(entry->access_token, &copy->access_token, err) : rc;
    rc = rc == MOIDC_OK ? secret_copy(entry->id_token, &copy->id_token, err) : rc;
    rc = rc == MOIDC_OK ? secret_copy(entry->refresh_token, &copy->refresh_token, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    copy->obtained_at_s = entry->obtained_at_s;
    copy->access_expires_at_s = entry->access_expires_at_s;
    copy->id_expires_at_s = entry->id_expires_at_s;
    copy->rejected_at_s = entry->rejected_at_s;
    copy->refresh_refused = entry->refresh_refused;
    copy->offline = entry->offline;
    *ret = copy;
    copy = NULL;
    return MOIDC_OK;
}
