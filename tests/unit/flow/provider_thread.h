/* SPDX-License-Identifier: MIT */
/* A provider on a loopback port inside the test program: discovery, device codes and tokens, one request at a time. Its
 * n-th token is "T<n>". What it allocates is not counted by mem_fail_at(). */
#ifndef TESTS_UNIT_FLOW_PROVIDER_THREAD_H
#define TESTS_UNIT_FLOW_PROVIDER_THREAD_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    int socket;
    int port;
    pthread_t thread;
    atomic_bool stop;
    atomic_int token_requests;    /* that came in */
    atomic_int answered;          /* ... and were answered */
    atomic_int expires_in;        /* seconds; 0: not said */
    atomic_int delay_ms;          /* before a token request is answered */
    _Atomic(const char *) error;  /* refuses token requests with it; NULL: grants them */
    atomic_int pending;           /* so many token requests are answered with authorization_pending */
    _Atomic(const char *) device; /* what it answers a device authorization request with */
} provider;

static inline void provider_say(int fd, int status, const char *body)
{
    char reply[2048];
    int n = snprintf(
        reply, sizeof reply,
        "HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
        strlen(body), body);

    if (send(fd, reply, (size_t)n, MSG_NOSIGNAL) != n) {
        return; /* whoever asked is gone */
    }
}

static inline void provider_say_token(int fd)
{
    int n = atomic_fetch_add(&provider.token_requests, 1) + 1;
    const char *error = atomic_load(&provider.error);
    char body[512];

    if (atomic_load(&provider.pending) > 0) {
        atomic_fetch_sub(&provider.pending, 1);
        error = "authorization_pending";
    }

    usleep((useconds_t)atomic_load(&provider.delay_ms) * 1000);
    if (error != NULL) {
        snprintf(body, sizeof body, "{\"error\":\"%s\"}", error);
    } else if (atomic_load(&provider.expires_in) != 0) {
        snprintf(body, sizeof body, "{\"access_token\":\"T%d\",\"token_type\":\"Bearer\",\"expires_in\":%d}", n,
                 atomic_load(&provider.expires_in));
    } else {
        snprintf(body, sizeof body, "{\"access_token\":\"T%d\",\"token_type\":\"Bearer\"}", n);
    }
    provider_say(fd, error != NULL ? 400 : 200, body);
    atomic_fetch_add(&provider.answered, 1);
}

static inline void provider_answer(int fd)
{
    static char request[16 * 1024];
    size_t n = 0;
    char body[1024];

    for (;;) {
        const char *end;
        const char *length;
        ssize_t got = recv(fd, request + n, sizeof request - 1 - n, 0);

        if (got <= 0) {
            return;
        }
        n += (size_t)got;
        request[n] = '\0';
        end = strstr(request, "\r\n\r\n");
        length = strcasestr(request, "Content-Length:");
        if (end != NULL && n >= (size_t)(end + 4 - request) + (length != NULL ? (size_t)atoi(length + 15) : 0)) {
            break;
        }
    }
    if (strncmp(request, "GET /.well-known/openid-configuration ", 38) == 0) {
        snprintf(body, sizeof body,
                 "{\"issuer\":\"http://127.0.0.1:%d\",\"token_endpoint\":\"http://127.0.0.1:%d/token\","
                 "\"authorization_endpoint\":\"http://127.0.0.1:%d/authorize\","
                 "\"device_authorization_endpoint\":\"http://127.0.0.1:%d/device\","
                 "\"userinfo_endpoint\":\"http://127.0.0.1:%d/userinfo\","
                 "\"revocation_endpoint\":\"http://127.0.0.1:%d/revoke\","
                 "\"end_session_endpoint\":\"http://127.0.0.1:%d/logout\"}",
                 provider.port, provider.port, provider.port, provider.port, provider.port, provider.port,
                 provider.port);
        provider_say(fd, 200, body);
    } else if (strncmp(request, "POST /token ", 12) == 0 && strstr(request, "grant_type=") != NULL) {
        provider_say_token(fd);
    } else if (strncmp(request, "POST /device ", 13) == 0) {
        provider_say(fd, 200, atomic_load(&provider.device));
    } else if (strncmp(request, "GET /userinfo ", 14) == 0) {
        provider_say(fd, 200, "{\"sub\":\"248289761001\"}");
    } else if (strncmp(request, "POST /revoke ", 13) == 0) {
        provider_say(fd, 200, "");
    } else {
        provider_say(fd, 404, "{}");
    }
}

static inline void *provider_run(void *arg)
{
    while (!atomic_load(&provider.stop)) {
        struct pollfd poll_fd = {.fd = provider.socket, .events = POLLIN};

        if (poll(&poll_fd, 1, 50) > 0) {
            int fd = accept(provider.socket, NULL, NULL);

            if (fd >= 0) {
                provider_answer(fd);
                close(fd);
            }
        }
    }
    return arg;
}

/* As it is at the start of each test. */
static inline void provider_reset(void)
{
    provider.token_requests = 0;
    provider.answered = 0;
    provider.expires_in = 3600;
    provider.delay_ms = 0;
    provider.error = NULL;
    provider.pending = 0;
    provider.device = "{\"device_code\":\"DC\",\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://h/device\","
                      "\"expires_in\":600,\"interval\":5}";
}

static inline void provider_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    provider.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (provider.socket < 0 || bind(provider.socket, (struct sockaddr *)&address, size) != 0 ||
        listen(provider.socket, 64) != 0 || getsockname(provider.socket, (struct sockaddr *)&address, &size) != 0) {
        abort();
    }
    provider.port = ntohs(address.sin_port);
    provider_reset();
    if (pthread_create(&provider.thread, NULL, provider_run, NULL) != 0) {
        abort();
    }
}

static inline void provider_end(void)
{
    provider.stop = true;
    pthread_join(provider.thread, NULL);
    close(provider.socket);
}

#endif
