/* SPDX-License-Identifier: MIT */
/* Each allocation fails in turn while the proxy serves a request: whoever asked gets an answer or a closed connection, and
 * the next one is served. Needs the build with -Dfail-alloc=true. */
#include "flow/session_fixture.h"

static struct moidc_proxy *proxy;
static pthread_t thread;
static atomic_bool stopped;

static bool is_stopped(void *ctx)
{
    (void)ctx;
    return atomic_load(&stopped);
}

static void *serve(void *arg)
{
    const struct moidc_ui ui = {.cancelled = is_stopped};
    struct moidc_err own;

    CHECK(moidc_proxy_run(proxy, &ui, &own) == MOIDC_OK);
    return arg;
}

/* The server is the provider too: it answers 404 to what it does not know. */
static void begin(void)
{
    char variables[5][128];
    const char *all[] = {variables[0],
                         variables[1],
                         variables[2],
                         variables[3],
                         variables[4],
                         "MLFLOW_TRACKING_OIDC_CLIENT_ID=app",
                         "MLFLOW_TRACKING_OIDC_CLIENT_SECRET=s3cr3t",
                         "no_proxy=*",
                         NULL};
    struct moidc_proxy_options options = {.grace_ms = 1000};
    struct moidc_lookup lookup = {0};

    scratch_begin();
    CHECK(chdir(scratch) == 0);
    provider_reset();
    snprintf(variables[0], sizeof variables[0], "HOME=%s", scratch);
    snprintf(variables[1], sizeof variables[1], "XDG_CACHE_HOME=%s", scratch);
    snprintf(variables[2], sizeof variables[2], "XDG_CONFIG_HOME=%s", scratch);
    snprintf(variables[3], sizeof variables[3], "MLFLOW_TRACKING_OIDC_ISSUER=http://127.0.0.1:%d", provider.port);
    snprintf(variables[4], sizeof variables[4], "MLFLOW_TRACKING_URI=http://127.0.0.1:%d/mlflow", provider.port);
    env = env_of(all);
    options.env = lookup.env = env;
    lookup.tracking_uri = strchr(variables[4], '=') + 1;
    CHECK(moidc_client_new(scratch, &client, &err) == MOIDC_OK);
    CHECK(moidc_server_find(client, lookup.tracking_uri, &lookup, &server, &err) == MOIDC_OK && server != NULL);
    CHECK(moidc_proxy_new(server, &options, &proxy, &err) == MOIDC_OK);
    stopped = false;
    CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
}

static void end(void)
{
    stopped = true;
    pthread_join(thread, NULL);
    moidc_proxy_free(proxy);
    session_end();
}

/* The status that a request is answered with; 0: the connection was closed. */
static int ask(const char *method, const char *credential)
{
    const struct timeval limit = {.tv_sec = 60};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[1024];
    char reply[8192] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got;
    int status = 0;
    int port = atoi(strrchr(moidc_proxy_uri(proxy), ':') + 1);

    address.sin_port = htons((uint16_t)port);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    snprintf(request, sizeof request,
             "%s /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Length: 5\r\n"
             "Connection: close\r\n\r\nhello",
             method, port, credential);
    CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    while ((got = recv(fd, reply + n, sizeof reply - 1 - n, 0)) > 0) {
        n += (size_t)got;
    }
    CHECK(got == 0 || errno == ECONNRESET); /* and not that nothing came for a minute */
    close(fd);
    CHECK(n == 0 || sscanf(reply, "HTTP/1.1 %d ", &status) == 1);
    CHECK(strstr(reply, "s3cr3t") == NULL && strstr(reply, "T1") == NULL);
    return status;
}

static void fail_each_of(const char *method, const char *credential, int right, int sticky)
{
    unsigned long count;
    unsigned long n = 1;

    do {
        int status;

        mem_fail_at(n, sticky);
        status = ask(method, credential);
        count = mem_fail_at(0, 0);
        if (status != right && status != 0 && status < 500) {
            fprintf(stderr, "allocation %lu: status %d\n", n, status);
        }
        CHECK(status == right || status == 0 || status >= 500);
        CHECK(status == right || count >= n);
        CHECK(ask(method, credential) == right);
    } while (count >= n++);
    CHECK(n > 2);
}

static void test_each_allocation_of_a_request_that_goes_on_may_fail(void)
{
    begin();
    CHECK(ask("POST", moidc_proxy_key(proxy)) == 404);
    CHECK(provider.token_requests == 1);
    fail_each_of("POST", moidc_proxy_key(proxy), 404, 0);
    fail_each_of("POST", moidc_proxy_key(proxy), 404, 1);
    end();
}

/* Without memory nobody gets in who would not. */
static void test_each_allocation_of_a_request_without_the_key_may_fail(void)
{
    begin();
    fail_each_of("POST", "another", 401, 0);
    fail_each_of("POST", "another", 401, 1);
    CHECK(provider.token_requests == 0);
    end();
}

int main(void)
{
    provider_start();
    RUN(test_each_allocation_of_a_request_that_goes_on_may_fail);
    RUN(test_each_allocation_of_a_request_without_the_key_may_fail);
    provider_end();
    return check_summary();
}
