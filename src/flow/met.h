/* SPDX-License-Identifier: MIT */
/* The servers that were met: their settings are kept while they work. client->mutex is held in all of these, and what they
 * return is borrowed from the client. */
#ifndef FLOW_MET_H
#define FLOW_MET_H

#include "flow/client.h"

/* The one that covers `url` for certain; NULL: look it up. Costs the same however many there are. */
struct moidc_server *met_settled(struct moidc_client *client, const struct url *url);
/* The latest one if its own URI, or the request that was noted, is spelt just so; for that `uri` need not be taken apart. */
struct moidc_server *met_settled_at(struct moidc_client *client, const char *uri);
/* Notes a request that met_settled() just found the server of: a training loop makes the same one again and again. */
void met_note_request(struct moidc_client *client, const char *uri);

/* The one with the longest URI that covers `url`, whether it works or not. NULL: none. */
struct moidc_server *met_longest(struct moidc_client *client, const struct url *url);
/* The one with the normalised `uri`. NULL: none. */
struct moidc_server *met_with_uri(struct moidc_client *client, const char *uri);

/* Adds a server with `settings`, which are taken over, in the place of the one with the same URI. After that, and before the
 * next request, met_index(). */
enum moidc_code met_add(struct moidc_client *client, const struct moidc_env *env, struct settings **settings,
                        struct moidc_server **ret, struct moidc_err *err) MUST_CHECK;

/* Puts in order what is described and what was met, so that most requests need no look at either. */
enum moidc_code met_index(struct moidc_client *client, const struct settings_sources *sources,
                          struct moidc_err *err) MUST_CHECK;

#endif
