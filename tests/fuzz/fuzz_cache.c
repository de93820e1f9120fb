/* SPDX-License-Identifier: MIT */
/* A file of the token cache, with whatever in it. What is read of it comes back the same when it is written again. */
#include "io/cache.h"

#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY(i, c, s, a, k)                                                                                        \
    {                                                                                                                  \
        .issuer = (i), .client_id = (c), .scope = (s), .audience = (a), .kind = (k)                                    \
    }

static const struct identity ANN = IDENTITY("https://op.example", "app", "openid", "app", "person");
static char folder[64];
static char file[160];
static struct cache_dir *dir;

static void end(void)
{
    char sub[96];

    unlink(file);
    snprintf(sub, sizeof sub, "%s/mlflow-oidc-client", folder);
    rmdir(sub);
    rmdir(folder);
}

/* In memory where the system has a place for that: thousands of files a second are written. */
static void begin(void)
{
    char variable[96];
    char name[CACHE_NAME_SIZE];
    const char *variables[] = {variable, NULL};
    struct moidc_env *env = NULL;
    struct moidc_err err;

    snprintf(folder, sizeof folder, "%s/moidc-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    HOLDS(mkdtemp(folder) != NULL);
    snprintf(variable, sizeof variable, "XDG_CACHE_HOME=%s", folder);
    HOLDS(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    HOLDS(cache_dir_open(env, &dir, &err) == MOIDC_OK);
    moidc_env_free(env);
    cache_name(&ANN, name);
    snprintf(file, sizeof file, "%s/mlflow-oidc-client/%s.json", folder, name);
    atexit(end);
}

static bool same_text(const char *a, const char *b)
{
    return (a == NULL && b == NULL) || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
    return (a == NULL && b == NULL) || secret_equal(a, b);
}

static void check_round(const struct cache_entry *entry)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *again = NULL;
    struct moidc_err err;
    bool damaged = false;
    enum moidc_code rc = cache_write(dir, &ANN, entry, &err);

    if (rc != MOIDC_OK) {
        fuzz_check_err(rc, &err);
        return;
    }
    HOLDS(cache_read(dir, &ANN, &again, &damaged, &err) == MOIDC_OK && !damaged && again != NULL);
    HOLDS(entry->server_count == again->server_count);
    for (size_t i = 0; i < entry->server_count; i++) {
        HOLDS(cache_entry_serves(again, entry->servers[i]));
    }
    HOLDS(same_text(entry->subject, again->subject) && same_text(entry->nonce, again->nonce));
    HOLDS(same_text(entry->client_auth, again->client_auth));
    HOLDS(same_secret(entry->access_token, again->access_token) && same_secret(entry->id_token, again->id_token));
    HOLDS(same_secret(entry->refresh_token, again->refresh_token));
    HOLDS(entry->obtained_at_s == again->obtained_at_s && entry->offline == again->offline);
    HOLDS(entry->refresh_refused == again->refresh_refused);
    HOLDS(entry->access_expires_at_s == again->access_expires_at_s);
    HOLDS(entry->id_expires_at_s == again->id_expires_at_s && entry->rejected_at_s == again->rejected_at_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    struct moidc_err err;
    bool damaged = false;
    int fd;

    if (dir == NULL) {
        begin();
    }
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    HOLDS(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    HOLDS(cache_read(dir, &ANN, &entry, &damaged, &err) == MOIDC_OK);
    HOLDS(!damaged || entry == NULL);
    if (damaged) {
        fuzz_check_err(MOIDC_E_STORAGE, &err);
    }
    if (entry != NULL) {
        HOLDS(entry->server_count <= 64);
        check_round(entry);
    }
    return 0;
}
