/* SPDX-License-Identifier: MIT */
/* The public calls, without memory and with: nothing leaks, nothing is left open. What the proxy does with requests is
 * tried in tests/functional. */
#include "proxy/proxy.h"

#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const VARIABLES[] = {"MLFLOW_TRACKING_URI=https://server.example/base",
                                        "MLFLOW_TRACKING_OIDC_ISSUER=https://issuer.example",
                                        "MLFLOW_TRACKING_OIDC_CLIENT_ID=app", "HOME=/dev/null", NULL};

struct world {
    struct moidc_env *env;
    struct moidc_client *client;
    struct moidc_server *server;
};

static void world_open(struct world *world)
{
    struct moidc_lookup lookup = {.tracking_uri = "https://server.example/base"};
    struct moidc_err err;

    CHECK(moidc_env_new(VARIABLES, &world->env, &err) == MOIDC_OK);
    CHECK(moidc_client_new("/", &world->client, &err) == MOIDC_OK);
    lookup.env = world->env;
    CHECK(moidc_server_find(world->client, lookup.tracking_uri, &lookup, &world->server, &err) == MOIDC_OK);
}

static void world_close(struct world *world)
{
    moidc_server_release(world->server);
    moidc_client_free(world->client);
    moidc_env_free(world->env);
}

static int open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count;
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_each_allocation_may_fail(void)
{
    struct world world;
    char path[128];
    int before;

    world_open(&world);
    snprintf(path, sizeof path, "/tmp/moidc-test-%ld/s", (long)getpid());
    before = open_files();
    for (int kind = 0; kind < 2; kind++) {
        struct moidc_proxy_options options = {.env = world.env, .unix_path = kind == 1 ? path : NULL};
        enum moidc_code rc = MOIDC_E_MEMORY;

        for (unsigned long n = 1; rc == MOIDC_E_MEMORY && n < 200; n++) {
            const struct moidc_ui ui = {.cancelled = at_once};
            struct moidc_proxy *proxy = NULL;
            char link[MOIDC_PROXY_LINK_BYTES];
            struct moidc_err err;

            mem_fail_at(n, 0);
            rc = moidc_proxy_new(world.server, &options, &proxy, &err);
            if (rc == MOIDC_OK) {
                rc = kind == 0 ? moidc_proxy_link(proxy, link, sizeof link, &err) : MOIDC_OK;
            }
            mem_fail_at(0, 0);
            CHECK(rc == MOIDC_OK || rc == MOIDC_E_MEMORY);
            if (proxy != NULL) {
                CHECK(moidc_proxy_run(proxy, &ui, &err) == MOIDC_OK);
            }
            moidc_proxy_free(proxy);
        }
        CHECK(rc == MOIDC_OK);
    }
    CHECK(open_files() == before);
    unlink(strcat(path, ".lock"));
    path[strlen(path) - strlen("/s.lock")] = '\0';
    CHECK(rmdir(path) == 0); /* the socket itself is gone */
    world_close(&world);
}

static void test_a_link_needs_room_and_a_browser(void)
{
    struct world world;
    struct moidc_proxy *proxy = NULL;
    struct moidc_err err;
    char link[64];

    world_open(&world);
    CHECK(moidc_proxy_new(world.server, &(struct moidc_proxy_options){.env = world.env}, &proxy, &err) == MOIDC_OK);
    CHECK(moidc_proxy_link(proxy, link, sizeof link, &err) == MOIDC_E_INTERNAL);
    CHECK(strncmp(moidc_proxy_uri(proxy), "http://127.0.0.1:", 17) == 0);
    CHECK(strstr(moidc_proxy_uri(proxy), moidc_proxy_key(proxy)) == NULL);
    moidc_proxy_free(proxy);
    moidc_proxy_free(NULL);
    world_close(&world);
}

int main(void)
{
    RUN(test_each_allocation_may_fail);
    RUN(test_a_link_needs_room_and_a_browser);
    return check_summary();
}
