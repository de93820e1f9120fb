/* SPDX-License-Identifier: MIT */
/* Which server a request goes to, and with which settings. */
#include "base/text.h"
#include "flow/client.h"
#include "flow/met.h"
#include "flow/settings_file_find.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>

enum { STRANGER_MS = 2000, WARNED_MOST = 32 };

/* Each warning once, however often settings are read. */
static void warn_once(void *ctx, const char *text)
{
    struct moidc_client *client = ctx;

    for (size_t i = 0; i < client->warned_count; i++) {
        if (strcmp(client->warned[i], text) == 0) {
            return;
        }
    }
    if (client->warned_count < WARNED_MOST) {
        char *copy = mem_strdup(text);

        if (copy != NULL) {
            client->warned[client->warned_count++] = copy;
        }
        notices_add(&client->notices, MOIDC_WARNING, "%s", text);
    }
}

/* The part of a request's URI that is its server: what comes before MLflow's API paths; else all of `server_uri`, or the
 * origin alone of a request that nothing more is known of. *ret is the caller's. */
static enum moidc_code server_of(const struct moidc_lookup *lookup, const struct url *request, char **ret,
                                 struct moidc_err *err)
{
    static const char *const marks[] = {"/api/", "/ajax-api/"};
    struct url url = *request;
    const char *end = NULL;

    if (lookup->server_uri != NULL && !url_parse(lookup->server_uri, &url)) {
        url = *request;
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *mark = memmem(url.path, url.path_length, marks[i], strlen(marks[i]));

        end = mark != NULL && (end == NULL || mark < end) ? mark : end;
    }
    if (end != NULL) {
        url.path_length = (size_t)(end - url.path);
    } else if (lookup->server_uri == NULL) {
        url.path_length = 0;
    }
    *ret = url_normalised(&url);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}

/* True for what is meant as an http(s) URI, whether or not url_parse() takes it. */
static bool is_meant_as_http(const char *uri)
{
    uri += strspn(uri, " \t\r\n\v\f");
    return text_begins_nocase(uri, "http:", 5) || text_begins_nocase(uri, "https:", 6);
}

/* What the variables describe (contract: "The variables describe ..."): *ret borrows from client or lookup. `request`
 * is NULL where no request is made. */
static enum moidc_code described_by_environment(struct moidc_client *client, const struct moidc_lookup *lookup,
                                                const struct url *request, const char **ret, struct moidc_err *err)
{
    struct url tracking;

    *ret = NULL;
    if (!settings_in_environment(lookup->env)) {
        return MOIDC_OK;
    }
    if (lookup->tracking_uri != NULL && url_parse(lookup->tracking_uri, &tracking)) {
        *ret = lookup->tracking_uri;
        return MOIDC_OK;
    }
    if (lookup->tracking_uri != NULL && is_meant_as_http(lookup->tracking_uri)) {
        return MOIDC_OK; /* that one, which no request can be matched against, and no other */
    }
    if (client->first_server == NULL && request != NULL && !url_is_ambiguous(request)) {
        enum moidc_code rc = server_of(lookup, request, &client->first_server, err);

        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    *ret = client->first_server;
    return MOIDC_OK;
}

enum moidc_code lookup_check(const struct moidc_lookup *lookup, const struct url *request, struct moidc_err *err)
{
    struct url tracking;

    if (lookup->tracking_uri == NULL || !url_parse(lookup->tracking_uri, &tracking) || !url_is_ambiguous(&tracking) ||
        tracking.userinfo || !url_same_origin(request, &tracking) || !settings_in_environment(lookup->env)) {
        return MOIDC_OK; /* user info is a credential of MLflow's own */
    }
    err_set(err, MOIDC_E_CONFIGURATION,
            "the tracking URI, which the variables describe, holds dot segments, encoded slashes or the like, which "
            "servers read in different ways");
    err_where(err, "MLFLOW_TRACKING_URI");
    return err_next(err, "write the address of the tracking server without them");
}

enum moidc_code lookup_check_unread(const struct moidc_lookup *lookup, const char *request, struct moidc_err *err)
{
    const char *tracking = lookup->tracking_uri;
    size_t n = tracking != NULL ? strlen(tracking) : 0;
    struct url url;

    while (n > 0 && tracking[n - 1] == '/') {
        n--;
    }
    if (n == 0 || strncmp(request, tracking, n) != 0 || !is_meant_as_http(tracking) || url_parse(tracking, &url) ||
        !settings_in_environment(lookup->env)) {
        return MOIDC_OK;
    }
    err_set(err, MOIDC_E_CONFIGURATION, "the tracking URI, which the variables describe, is no proper http(s) URI");
    err_where(err, "MLFLOW_TRACKING_URI");
    return err_next(err, "write a host as xn--..., what a URI cannot hold percent-encoded, and nothing around it");
}

static enum moidc_code read_files(struct moidc_client *client, const struct moidc_lookup *lookup, struct moidc_err *err)
{
    CLEANUP(settings_file_free_p) struct settings_file *project = NULL;
    CLEANUP(settings_file_free_p) struct settings_file *own = NULL;
    struct warning_sink sink = {.ctx = client, .warn = warn_once};
    enum moidc_code rc = settings_file_find_project(client->start_dir, &sink, &project, err);

    rc = rc == MOIDC_OK ? settings_file_find_own(lookup->env, &sink, &own, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    settings_file_free(client->files[0]);
    settings_file_free(client->files[1]);
    client->files[0] = project;
    client->files[1] = own;
    project = NULL;
    own = NULL;
    return MOIDC_OK;
}

static void warn_of_variables(struct moidc_client *client, const struct moidc_lookup *lookup)
{
    char text[512];

    for (size_t i = 0; settings_env_warning(lookup->env, i, text, sizeof text); i++) {
        warn_once(client, text);
    }
}

static void warn_of_clear_text(struct moidc_client *client, const struct moidc_server *server)
{
    char text[512];

    if (!server->url.https && !url_is_loopback(&server->url)) {
        /* RFC 6750 §5.3 */
        snprintf(text, sizeof text,
                 "the token for %.300s travels in clear: anybody on the way can read and use it; "
                 "have the server speak https",
                 server->settings->uri);
        warn_once(client, text);
    }
}

static enum moidc_code meet(struct moidc_client *client, const struct settings_sources *sources, const char *uri,
                            struct moidc_server **ret, struct moidc_err *err)
{
    CLEANUP(settings_free_p) struct settings *settings = NULL;
    struct moidc_server *server = NULL;
    enum moidc_code rc = settings_resolve(sources, uri, &settings, err);

    rc = rc == MOIDC_OK ? met_add(client, sources->env, &settings, &server, err) : rc;
    if (rc == MOIDC_OK) {
        warn_of_clear_text(client, server);
        *ret = server;
    }
    return rc;
}

static uint64_t fingerprint(const struct moidc_lookup *lookup)
{
    uint64_t hash = 0xcbf29ce484222325u;
    const char *variable;

    for (size_t i = 0; (variable = env_nth(lookup->env, "MLFLOW_TRACKING_", i)) != NULL; i++) {
        for (; *variable != '\0'; variable++) {
            hash = (hash ^ (unsigned char)*variable) * 0x100000001b3u;
        }
        hash = (hash ^ 0xff) * 0x100000001b3u;
    }
    for (const char *c = lookup->tracking_uri != NULL ? lookup->tracking_uri : ""; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return hash;
}

bool lookup_is_known_stranger(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url)
{
    CLEANUP(mem_free_p) char *origin = NULL;

    if (client->stranger == NULL || clock_steady_ms() > client->stranger_until_ms ||
        client->stranger_env != fingerprint(lookup)) {
        return false;
    }
    origin = url_origin(url);
    return origin != NULL && strcmp(origin, client->stranger) == 0;
}

/* True when something at the origin is described or was met. */
static bool is_known_origin(const struct moidc_client *client, const char *origin)
{
    return client->index != NULL && uri_index_any_within(client->index, origin);
}

/* After met_index(). */
static void remember_stranger(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url)
{
    mem_free(client->stranger);
    client->stranger = url_origin(url);
    if (client->stranger != NULL && is_known_origin(client, client->stranger)) {
        mem_free(client->stranger); /* another path of that origin may be somebody known */
        client->stranger = NULL;
    }
    client->stranger_env = fingerprint(lookup);
    client->stranger_until_ms = clock_steady_ms() + STRANGER_MS;
}

enum moidc_code lookup_check_odd(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url,
                                 struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *origin = url_origin(url);
    struct moidc_server *server;

    /* user info is a credential of MLflow's own */
    if (url->userinfo || origin == NULL || is_known_origin(client, origin) ||
        lookup_is_known_stranger(client, lookup, url)) {
        return MOIDC_OK;
    }
    return lookup_server(client, lookup, url, &server, err);
}

enum moidc_code lookup_sources(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url,
                               struct settings_sources *ret, struct moidc_err *err)
{
    enum moidc_code rc = read_files(client, lookup, err);

    *ret = (struct settings_sources){.env = lookup->env};
    rc = rc == MOIDC_OK ? described_by_environment(client, lookup, url, &ret->env_uri, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    ret->files[0] = client->files[0];
    ret->files[1] = client->files[1];
    warn_of_variables(client, lookup);
    return MOIDC_OK;
}

enum moidc_code lookup_server(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url,
                              struct moidc_server **ret, struct moidc_err *err)
{
    struct settings_sources sources;
    CLEANUP(mem_free_p) char *uri = NULL;
    struct moidc_server *server;
    enum moidc_code rc = lookup_sources(client, lookup, url, &sources, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    client->any_server = settings_any(&sources) || client->server_count > 0;
    rc = settings_match(&sources, url, &uri, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (uri == NULL) {
        /* a server that was met keeps its settings when they are gone, also after a failure: its requests must not
         * become those of a stranger, which go out without a token */
        server = met_longest(client, url);
    } else {
        server = met_with_uri(client, uri);
        if (server == NULL || atomic_load(&server->failed)) {
            rc = meet(client, &sources, uri, &server, err);
            if (rc != MOIDC_OK) {
                return rc;
            }
        }
    }
    rc = met_index(client, &sources, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (server == NULL) {
        remember_stranger(client, lookup, url);
    }
    *ret = server;
    return MOIDC_OK;
}
