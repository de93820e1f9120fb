/* SPDX-License-Identifier: MIT */
#include "flow/client.h"

#include <string.h>

/* URIs, gathered while the client is locked and named afterwards: whoever is told may call us. */
struct uris {
    char **list;
    size_t count;
    bool failed;
};

static void uris_free(struct uris *uris)
{
    for (size_t i = 0; i < uris->count; i++) {
        mem_free(uris->list[i]);
    }
    mem_free(uris->list);
}

static void gather(void *ctx, const char *uri)
{
    struct uris *uris = ctx;
    char **longer;

    for (size_t i = 0; i < uris->count; i++) {
        if (strcmp(uris->list[i], uri) == 0) {
            return;
        }
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is a list of pointers */
    longer = uris->failed ? NULL : mem_realloc(uris->list, (uris->count + 1) * sizeof *longer);
    if (longer != NULL) {
        uris->list = longer;
        uris->list[uris->count] = mem_strdup(uri);
    }
    uris->failed = longer == NULL || uris->list[uris->count] == NULL;
    uris->count += !uris->failed;
}

enum moidc_code moidc_servers_list(struct moidc_client *client, const struct moidc_lookup *lookup,
                                   void (*each)(void *ctx, const char *uri), void *ctx, struct moidc_err *err)
{
    CLEANUP(uris_free) struct uris uris = {.list = NULL};
    struct settings_sources sources;
    enum moidc_code rc = lookup_check_unread(lookup, lookup->tracking_uri, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    pthread_mutex_lock(&client->mutex);
    rc = lookup_sources(client, lookup, NULL, &sources, err);
    rc = rc == MOIDC_OK ? settings_each(&sources, gather, &uris, err) : rc;
    pthread_mutex_unlock(&client->mutex);
    if (rc == MOIDC_OK && uris.failed) {
        rc = err_memory(err);
    }
    for (size_t i = 0; rc == MOIDC_OK && i < uris.count; i++) {
        each(ctx, uris.list[i]);
    }
    return rc;
}
