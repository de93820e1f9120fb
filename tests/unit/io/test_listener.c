/* SPDX-License-Identifier: MIT */
/* One thread plays both sides: what a client sent waits in its socket until listener_next() is called. */
#include "io/listener.h"

#include "check.h"
#include "io/clock.h"
#include "io/port_owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { REPLY_BYTES = 4096, BIG = 20 * 1024 };

static const char PAGE[] = "<!DOCTYPE html><title>Signed in</title>";

static int port;
static struct listener *listener;
static struct moidc_err err;

static void connect_to(int fd, int family)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ipv6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    CHECK((family == AF_INET ? connect(fd, (struct sockaddr *)&ipv4, sizeof ipv4)
                             : connect(fd, (struct sockaddr *)&ipv6, sizeof ipv6)) == 0);
}

static int client_of(int family)
{
    const struct timeval wait = {.tv_sec = 5};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    connect_to(fd, family);
    return fd;
}

static int client(void)
{
    return client_of(AF_INET);
}

/* A port that nobody has in either family. */
static int free_port(void)
{
    for (;;) {
        struct sockaddr_in6 address = {.sin6_family = AF_INET6};
        socklen_t size = sizeof address;
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int found = 0;

        if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
            found = ntohs(address.sin6_port);
        }
        close(fd);
        if (found != 0) {
            return found;
        }
    }
}

static enum moidc_code open_as(const char *host)
{
    const struct listener_address address = {
        .ipv4 = host[0] != '[', .ipv6 = host[0] != '1', .port = port, .path = "/oauth2/callback", .host = host};

    return listener_open(&address, &listener, &err);
}

static void begin(void)
{
    port = free_port();
    CHECK(open_as("127.0.0.1") == MOIDC_OK);
}

static void end(void)
{
    listener_close(listener);
    listener = NULL;
}

static void say(int fd, const char *bytes, size_t n)
{
    CHECK(send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* A GET of the path with `query`, and `fields` after Host. */
static void say_get(int fd, const char *query, const char *fields)
{
    char request[2048];

    snprintf(request, sizeof request, "GET /oauth2/callback?%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", query, port,
             fields);
    say_text(fd, request);
}

static bool is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, 0) > 0;
}

/* Lets the listener work until it hands out a request, or `fd` has something to read. */
static struct listener_request *work(int fd)
{
    struct listener_request *request = NULL;

    for (int i = 0; i < 100 && request == NULL && (fd < 0 || !is_readable(fd)); i++) {
        CHECK(listener_next(listener, 10, &request, &err) == MOIDC_OK);
    }
    return request;
}

/* Reads until the other side closes; the status of the reply, 0 for none, -1 for a reset. */
static int hear(int fd, char *reply)
{
    size_t length = 0;
    ssize_t n;

    while ((n = recv(fd, reply + length, REPLY_BYTES - 1 - length, 0)) > 0) {
        length += (size_t)n;
    }
    reply[length] = '\0';
    if (n < 0) {
        return -1;
    }
    return length > 12 && strncmp(reply, "HTTP/1.1 ", 9) == 0 ? atoi(reply + 9) : 0;
}

/* What a stranger's bytes are answered with; a request that is handed out counts as 200. */
static int status_for(const char *bytes, size_t n, char *reply)
{
    int fd = client();
    struct listener_request *request;
    int status = 200;

    say(fd, bytes, n);
    request = work(fd);
    if (request == NULL) {
        status = hear(fd, reply);
    } else {
        shutdown(fd, SHUT_WR);
        listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    }
    close(fd);
    return status;
}

static int status_for_text(const char *format)
{
    char request[2048];
    char reply[REPLY_BYTES];

    snprintf(request, sizeof request, format, port, port);
    return status_for(request, strlen(request), reply);
}

/* Shows that all is well: a browser that comes now is served. */
static void check_browser_gets_through(void)
{
    char reply[REPLY_BYTES];
    int fd = client();
    struct listener_request *request;

    say_get(fd, "code=good", "");
    request = work(-1);
    CHECK(request != NULL);
    if (request != NULL) {
        CHECK_TEXT(listener_query(request), "code=good");
        shutdown(fd, SHUT_WR);
        listener_answer(request, 200, PAGE, sizeof PAGE - 1);
        CHECK(hear(fd, reply) == 200);
        CHECK_CONTAINS(reply, PAGE);
    }
    close(fd);
}

static int descriptors(void)
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

static int64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_page_is_sent_with_the_headers_that_keep_the_code_in(void)
{
    char reply[REPLY_BYTES];
    int fd;
    struct listener_request *request;

    begin();
    fd = client();
    say_get(fd, "code=c0de&state=st4te",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
            "Sec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\nCookie: other=1\r\n");
    request = work(-1);
    CHECK(request != NULL);
    CHECK_TEXT(listener_query(request), "code=c0de&state=st4te");
    shutdown(fd, SHUT_WR);
    listener_answer(request, 400, PAGE, sizeof PAGE - 1);
    CHECK(hear(fd, reply) == 400);
    CHECK_CONTAINS(reply, "HTTP/1.1 400 Bad Request\r\n");
    CHECK_CONTAINS(reply, "\r\nContent-Type: text/html; charset=utf-8\r\n");
    CHECK_CONTAINS(reply, "\r\nContent-Length: 39\r\n");
    CHECK_CONTAINS(reply, "\r\nCache-Control: no-store\r\n");
    CHECK_CONTAINS(reply, "\r\nReferrer-Policy: no-referrer\r\n");
    CHECK_CONTAINS(reply, "\r\nX-Content-Type-Options: nosniff\r\n");
    CHECK_CONTAINS(reply, "\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; ");
    CHECK_CONTAINS(reply, "frame-ancestors 'none'\r\n");
    CHECK_CONTAINS(reply, "\r\nX-Frame-Options: DENY\r\n");
    CHECK_CONTAINS(reply, "\r\nConnection: close\r\n");
    CHECK_CONTAINS(reply, "\r\n\r\n<!DOCTYPE html><title>Signed in</title>");
    CHECK(strstr(reply, "c0de") == NULL && strstr(reply, "st4te") == NULL);
    close(fd);
    end();
}

static void test_request_without_query_has_an_empty_one(void)
{
    char request_text[128];
    int fd;
    struct listener_request *request;

    begin();
    fd = client();
    snprintf(request_text, sizeof request_text, "GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
    say_text(fd, request_text);
    request = work(-1);
    CHECK(request != NULL);
    CHECK_TEXT(listener_query(request), "");
    shutdown(fd, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    close(fd);
    end();
}

static void test_nothing_comes_in_time(void)
{
    struct listener_request *request = NULL;
    int64_t before_ms = real_ms();

    begin();
    CHECK(listener_next(listener, 50, &request, &err) == MOIDC_OK);
    CHECK(request == NULL);
    CHECK(real_ms() - before_ms >= 50 && real_ms() - before_ms < 10000);
    end();
}

static void test_strays_are_answered_and_never_handed_out(void)
{
#define HOST "Host: 127.0.0.1:%d\r\n"
    static const struct {
        const char *text; /* %d: the port */
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /favicon.ico HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n\r\n", 404},
        {"GET /oauth2/callback/x?code=1 HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /%%6fauth2/callback?code=1 HTTP/1.1\r\n" HOST "\r\n", 404},
        {"POST /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 405},
        {"POST /oauth2/callback HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\ncode=123", 405},
        {"HEAD /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "\r\n", 405},
        {"OPTIONS /oauth2/callback HTTP/1.1\r\n" HOST "Access-Control-Request-Private-Network: true\r\n\r\n", 405},
        {"TRACE /oauth2/callback HTTP/1.1\r\n" HOST "\r\n", 405},
        {"PUT /oauth2/callback HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 405},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n\r\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Host: evil.example\r\n\r\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\nHost: evil.example:%d\r\n\r\n", 421},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", 421},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421},
        {"GET http://evil.example:%d/oauth2/callback?code=1 HTTP/1.1\r\n" HOST "\r\n", 421},
        {"GET http://127.0.0.1:%d/oauth2/callback?code=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
        {"GET /oauth2/callback?code=1 HTTP/1.1\n" HOST "\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\n\r\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "A: b\rHost: evil.example\r\n\r\n", 400},
        {"GET /oauth2/callback?code=1\rHTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\r\n" HOST "\r\n", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 400},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: cors\r\n\r\n", 403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: no-cors\r\n\r\n", 403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: websocket\r\n\r\n", 403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n\r\n",
         403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Dest: image\r\n\r\n", 403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Mode: cors\r\n\r\n",
         403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: cors\r\nSec-Fetch-Mode: navigate\r\n\r\n",
         403},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Purpose: prefetch\r\n\r\n", 403},
        {"GET /oauth2/callback?code=1 HTTP/2.0\r\n" HOST "\r\n", 505},
        {"GET /oauth2/callback\r\n\r\n", 400},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400},
        /* And what a browser does say. */
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n\r\n", 200},
        {"GET http://127.0.0.1:%d/oauth2/callback?code=1 HTTP/1.1\r\n" HOST "\r\n", 200},
        {"GET /oauth2/callback?code=1 HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", 200},
    };
#undef HOST

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = status_for_text(rows[i].text);

        CHECK(status == rows[i].status);
        if (status != rows[i].status) {
            fprintf(stderr, "  %d, not %d: %s\n", status, rows[i].status, rows[i].text);
        }
    }
    check_browser_gets_through();
    end();
}

static void test_refused_method_hears_which_is_allowed(void)
{
    char request[128];
    char reply[REPLY_BYTES];

    begin();
    snprintf(request, sizeof request, "POST /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
    CHECK(status_for(request, strlen(request), reply) == 405);
    CHECK_CONTAINS(reply, "\r\nAllow: GET\r\n");
    CHECK_CONTAINS(reply, "\r\nConnection: close\r\n");
    CHECK_CONTAINS(reply, "405 Method Not Allowed\n");
    end();
}

static void test_head_is_answered_without_a_body(void)
{
    char request[128];
    char reply[REPLY_BYTES];

    begin();
    snprintf(request, sizeof request, "HEAD /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
    CHECK(status_for(request, strlen(request), reply) == 405);
    CHECK(strlen(reply) > 4 && strcmp(reply + strlen(reply) - 4, "\r\n\r\n") == 0);
    end();
}

static void test_nul_bytes_are_refused(void)
{
    static const char line[] = "GET /oauth2/callback\0?code=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n";
    static const char field[] = "GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1\0:1\r\n\r\n";
    static const char zeros[64];
    char reply[REPLY_BYTES];

    begin();
    CHECK(status_for(line, sizeof line - 1, reply) == 400);
    CHECK(status_for(field, sizeof field - 1, reply) == 400);
    CHECK(status_for(zeros, sizeof zeros, reply) == 400);
    end();
}

/* The reply must arrive although half of what was sent is never looked at: no reset. */
static void test_request_line_of_20_kb_is_refused(void)
{
    char reply[REPLY_BYTES];
    char *bytes = malloc(BIG);

    begin();
    memset(bytes, 'a', BIG);
    memcpy(bytes, "GET /oauth2/callback?code=", 26);
    CHECK(status_for(bytes, BIG, reply) == 414);
    check_browser_gets_through();
    end();
    free(bytes);
}

static void test_header_of_20_kb_is_refused(void)
{
    static const char start[] = "GET /oauth2/callback HTTP/1.1\r\nCookie: ";
    char reply[REPLY_BYTES];
    char *bytes = malloc(BIG);

    begin();
    memset(bytes, 'a', BIG);
    memcpy(bytes, start, sizeof start - 1);
    CHECK(status_for(bytes, BIG, reply) == 431);
    check_browser_gets_through();
    end();
    free(bytes);
}

static void test_header_of_15_kb_is_taken(void)
{
    enum { COOKIE = 15 * 1024 };
    char *bytes = malloc(COOKIE + 256);
    char reply[REPLY_BYTES];
    size_t n;

    begin();
    n = (size_t)snprintf(bytes, 256, "GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: ", port);
    memset(bytes + n, 'a', COOKIE);
    memcpy(bytes + n + COOKIE, "\r\n\r\n", 4);
    CHECK(status_for(bytes, n + COOKIE + 4, reply) == 200);
    end();
    free(bytes);
}

/* A browser that takes http for https: refused at once, not after ten seconds. */
static void test_tls_client_hello_is_refused_at_once(void)
{
    unsigned char hello[517] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
    char reply[REPLY_BYTES];
    int64_t before_ms = real_ms();

    begin();
    CHECK(status_for((const char *)hello, sizeof hello, reply) == 400);
    CHECK(real_ms() - before_ms < 8000);
    check_browser_gets_through();
    end();
}

static void open_many(int *fds, int count, const char *text)
{
    for (int i = 0; i < count; i++) {
        struct listener_request *request = NULL;

        fds[i] = client();
        say_text(fds[i], text);
        CHECK(listener_next(listener, 0, &request, &err) == MOIDC_OK && request == NULL);
    }
}

static void close_many(const int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void test_5_half_open_connections_do_not_hold_up_the_browser(void)
{
    int fds[5];

    begin();
    open_many(fds, 5, "GET /oauth2/callback?code=");
    check_browser_gets_through();
    for (int i = 0; i < 5; i++) {
        CHECK(!is_readable(fds[i])); /* none was dropped for it */
    }
    close_many(fds, 5);
    end();
}

static void test_of_100_half_open_connections_the_oldest_are_dropped(void)
{
    enum { MANY = 100, KEPT = 32 };
    int fds[MANY];
    int before;

    begin();
    before = descriptors();
    open_many(fds, MANY, "GET /");
    CHECK(descriptors() - before - MANY <= KEPT);
    for (int i = 0; i < MANY; i++) {
        CHECK(is_readable(fds[i]) == (i < MANY - KEPT));
    }
    check_browser_gets_through();
    close_many(fds, MANY);
    end();
}

static void test_100_silent_connections_do_not_hold_up_the_browser(void)
{
    enum { MANY = 100 };
    int fds[MANY];

    begin();
    open_many(fds, MANY, "");
    check_browser_gets_through();
    close_many(fds, MANY);
    end();
}

/* All at once, before the listener looks: the backlog holds them. */
static void test_browser_behind_a_crowd_is_served(void)
{
    enum { CROWD = 40 };
    int fds[CROWD];

    begin();
    for (int i = 0; i < CROWD; i++) {
        fds[i] = client();
        say_text(fds[i], "GET / HTTP/1.1\r\n\r\n");
    }
    check_browser_gets_through();
    close_many(fds, CROWD);
    end();
}

static void test_preconnect_is_served_when_it_speaks(void)
{
    struct listener_request *request = NULL;
    int silent;
    int fd;

    begin();
    silent = client();
    fd = client();
    CHECK(listener_next(listener, 20, &request, &err) == MOIDC_OK && request == NULL);
    say_get(fd, "code=1", "");
    request = work(-1);
    CHECK(request != NULL);
    shutdown(fd, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    say_get(silent, "code=2", "");
    request = work(-1);
    CHECK(request != NULL);
    CHECK_TEXT(listener_query(request), "code=2");
    shutdown(silent, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    close(silent);
    close(fd);
    end();
}

static void test_request_in_single_bytes_is_put_together(void)
{
    char text[128];
    struct listener_request *request = NULL;
    int fd;

    begin();
    fd = client();
    snprintf(text, sizeof text, "GET /oauth2/callback?code=slow HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
    for (const char *p = text; *p != '\0'; p++) {
        CHECK(request == NULL);
        say(fd, p, 1);
        CHECK(listener_next(listener, p[1] == '\0' ? 100 : 1, &request, &err) == MOIDC_OK);
    }
    CHECK(request != NULL);
    CHECK_TEXT(listener_query(request), "code=slow");
    shutdown(fd, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    close(fd);
    end();
}

#ifdef MOIDC_FAIL_ALLOC
static void test_slow_drip_ends_after_10_s(void)
{
    char reply[REPLY_BYTES];
    int fd;

    begin();
    fd = client();
    say_text(fd, "GET /");
    for (int i = 0; i < 9; i++) {
        struct listener_request *request = NULL;

        CHECK(listener_next(listener, 0, &request, &err) == MOIDC_OK && request == NULL);
        CHECK(!is_readable(fd));
        clock_shift_s(1);
        say_text(fd, "a");
    }
    clock_shift_s(2);
    CHECK(work(fd) == NULL);
    CHECK(hear(fd, reply) == 408);
    close(fd);
    check_browser_gets_through();
    end();
}

static void test_preconnect_is_closed_after_10_s_without_a_word(void)
{
    struct listener_request *request = NULL;
    char reply[REPLY_BYTES];
    int fd;

    begin();
    fd = client();
    CHECK(listener_next(listener, 0, &request, &err) == MOIDC_OK && request == NULL);
    clock_shift_s(11);
    CHECK(work(fd) == NULL);
    CHECK(hear(fd, reply) == 0);
    CHECK_TEXT(reply, "");
    close(fd);
    end();
}

/* One that was answered and does not close is forgotten after a second. */
static void test_answered_stray_that_stays_is_closed(void)
{
    struct listener_request *request = NULL;
    int before;
    int fd;

    begin();
    before = descriptors();
    fd = client();
    say_text(fd, "GET / HTTP/1.1\r\n\r\n");
    CHECK(work(fd) == NULL);
    CHECK(descriptors() == before + 2);
    clock_shift_s(2);
    CHECK(listener_next(listener, 10, &request, &err) == MOIDC_OK && request == NULL);
    CHECK(descriptors() == before + 1);
    close(fd);
    end();
}

static void test_every_failed_allocation_is_reported_and_nothing_leaks(void)
{
    int before = descriptors();
    int failures = 0;

    for (unsigned long n = 1;; n++) {
        struct listener_request *request = NULL;
        enum moidc_code rc;
        int fd;

        port = free_port();
        mem_fail_at(n, 0);
        rc = open_as("127.0.0.1");
        if (rc != MOIDC_OK) {
            mem_fail_at(0, 0);
            CHECK(rc == MOIDC_E_MEMORY && err.code == MOIDC_E_MEMORY && listener == NULL);
            failures++;
            continue;
        }
        fd = client();
        say_get(fd, "code=1", "");
        rc = listener_next(listener, 200, &request, &err);
        mem_fail_at(0, 0);
        if (rc == MOIDC_OK) {
            CHECK(request != NULL);
            shutdown(fd, SHUT_WR);
            listener_answer(request, 200, PAGE, sizeof PAGE - 1);
            close(fd);
            end();
            break;
        }
        CHECK(rc == MOIDC_E_MEMORY && request == NULL);
        failures++;
        close(fd);
        check_browser_gets_through(); /* it can go on */
        end();
    }
    CHECK(failures >= 5);
    CHECK(descriptors() == before);
}
#endif

static void test_connection_closed_in_the_middle_is_forgotten(void)
{
    struct listener_request *request = NULL;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int before;
    int fd;

    begin();
    before = descriptors();
    fd = client();
    say_text(fd, "GET /oauth2/call");
    close(fd);
    CHECK(listener_next(listener, 20, &request, &err) == MOIDC_OK && request == NULL);
    fd = client();
    say_text(fd, "GET /oauth2/call");
    CHECK(listener_next(listener, 20, &request, &err) == MOIDC_OK && request == NULL);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd); /* RST */
    CHECK(listener_next(listener, 20, &request, &err) == MOIDC_OK && request == NULL);
    CHECK(descriptors() == before);
    check_browser_gets_through();
    end();
}

/* A reset after a half-close: the next send() is an EPIPE, whose SIGPIPE would end this program. */
static void test_browser_that_left_before_the_answer_does_no_harm(void)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    begin();
    for (int i = 0; i < 2; i++) {
        int fd = client();
        struct listener_request *request;

        say_get(fd, "code=1", "");
        request = work(-1);
        CHECK(request != NULL);
        if (i == 0) {
            shutdown(fd, SHUT_WR);
        }
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
        listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    }
    check_browser_gets_through();
    end();
}

static void test_of_pipelined_requests_the_first_alone_counts(void)
{
    char reply[REPLY_BYTES];
    struct listener_request *request;
    struct listener_request *next = NULL;
    int fd;

    begin();
    fd = client();
    say_get(fd, "code=1", "");
    say_get(fd, "code=2", "");
    request = work(-1);
    CHECK(request != NULL);
    CHECK_TEXT(listener_query(request), "code=1");
    say_get(fd, "code=3", "");
    shutdown(fd, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    CHECK(hear(fd, reply) == 200);
    CHECK(strstr(reply + 1, "HTTP/1.1") == NULL);
    CHECK(listener_next(listener, 20, &next, &err) == MOIDC_OK && next == NULL);
    close(fd);
    end();
}

static void test_others_are_served_while_a_request_is_out(void)
{
    char reply[REPLY_BYTES];
    struct listener_request *request;
    int fd;

    begin();
    fd = client();
    say_get(fd, "code=1", "");
    request = work(-1);
    CHECK(request != NULL);
    CHECK(status_for_text("GET /favicon.ico HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n") == 404);
    check_browser_gets_through();
    end(); /* the request outlives its listener */
    CHECK_TEXT(listener_query(request), "code=1");
    shutdown(fd, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    CHECK(hear(fd, reply) == 200);
    close(fd);
}

static void *read_slowly(void *fd)
{
    char *bytes = malloc(4096);
    size_t length = 0;
    ssize_t n;

    usleep(100000);
    while ((n = recv(*(int *)fd, bytes, 4096, 0)) > 0) {
        length += (size_t)n;
    }
    free(bytes);
    return (void *)(n == 0 ? length : 0);
}

/* Bytes that arrive after the request, unread, would turn our close into a reset, which takes back what the other side
 * did not read yet. */
static void test_page_is_not_cut_by_bytes_that_come_late(void)
{
    enum { LARGE = 96 * 1024 };
    const int small = 4096;
    char *page = calloc(1, LARGE);
    char junk[8192] = "";
    struct listener_request *request;
    pthread_t reader;
    void *length = NULL;
    int fd;

    begin();
    fd = client();
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    say_get(fd, "code=1", "");
    request = work(-1);
    CHECK(request != NULL);
    say(fd, junk, sizeof junk);
    CHECK(pthread_create(&reader, NULL, read_slowly, &fd) == 0);
    listener_answer(request, 200, page, LARGE);
    pthread_join(reader, &length);
    CHECK((size_t)length > LARGE);
    close(fd);
    end();
    free(page);
}

/* How long answering a client takes that sends nothing more and does not close; its reply into `reply` unless NULL. */
static int64_t answering_ms(int status, const char *page, size_t n, char *reply)
{
    struct listener_request *request;
    int64_t before_ms;
    int64_t took_ms;
    int fd;

    begin();
    fd = client();
    say_get(fd, "code=1", "");
    request = work(-1);
    CHECK(request != NULL);
    before_ms = real_ms();
    listener_answer(request, status, page, n);
    took_ms = real_ms() - before_ms;
    if (reply != NULL) {
        CHECK(hear(fd, reply) == status);
    }
    close(fd);
    end();
    return took_ms;
}

/* The shortest of some, until one is as short as that: what else the machine does may delay each, but not all. */
static int64_t shortest_answering_ms(int status, const char *page, size_t n, int64_t enough_ms)
{
    int64_t shortest_ms = INT64_MAX;

    for (int i = 0; i < 10 && shortest_ms >= enough_ms; i++) {
        int64_t took_ms = answering_ms(status, page, n, NULL);

        shortest_ms = took_ms < shortest_ms ? took_ms : shortest_ms;
    }
    return shortest_ms;
}

static void test_client_that_never_closes_is_left_soon(void)
{
    char reply[REPLY_BYTES];

    answering_ms(200, PAGE, sizeof PAGE - 1, reply);
    CHECK_CONTAINS(reply, PAGE);
    CHECK(shortest_answering_ms(200, PAGE, sizeof PAGE - 1, 900) < 900);
}

static void test_client_that_does_not_read_is_left_after_a_second(void)
{
    enum { LARGE = 16 << 20 };
    char *page = calloc(1, LARGE);

    CHECK(answering_ms(200, page, LARGE, NULL) >= 900);
    CHECK(shortest_answering_ms(200, page, LARGE, 2500) < 2500);
    free(page);
}

/* Each answer holds up those that wait: strays, which anybody can send, must not cost a second each. */
static void test_stray_that_does_not_read_is_left_much_sooner(void)
{
    enum { LARGE = 16 << 20 };
    char *page = calloc(1, LARGE);

    CHECK(shortest_answering_ms(400, page, LARGE, 700) < 700);
    free(page);
}

static void handle(int number)
{
    (void)number;
}

/* Ctrl-C must not wait for the end of a long listener_next(). */
static void test_signal_brings_it_back_early(void)
{
    struct sigaction action = {.sa_handler = handle};
    struct sigaction before;
    const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    struct listener_request *request = NULL;
    int64_t before_ms = real_ms();

    begin();
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &soon, NULL);
    CHECK(listener_next(listener, 20000, &request, &err) == MOIDC_OK && request == NULL);
    CHECK(real_ms() - before_ms < 15000);
    sigaction(SIGALRM, &before, NULL);
    end();
}

enum { DESCRIPTORS = 256 };

static void note_descriptors(bool *open_before)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        open_before[fd] = fcntl(fd, F_GETFD) >= 0;
    }
}

/* Of the descriptors that are new; how many. */
static int check_flags(const bool *open_before)
{
    int count = 0;

    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags >= 0 && !open_before[fd]) {
            CHECK(flags & FD_CLOEXEC);
            CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
            count++;
        }
    }
    return count;
}

static void test_descriptors_are_close_on_exec_and_non_blocking(void)
{
    struct listener_request *request = NULL;
    bool open_before[DESCRIPTORS];
    int fd;

    note_descriptors(open_before);
    begin();
    CHECK(check_flags(open_before) == 1);
    fd = client();
    note_descriptors(open_before);
    CHECK(listener_next(listener, 20, &request, &err) == MOIDC_OK && request == NULL);
    CHECK(check_flags(open_before) == 1);
    close(fd);
    end();
}

static void test_localhost_listens_on_both_families(void)
{
    const int families[] = {AF_INET, AF_INET6};

    port = free_port();
    CHECK(open_as("localhost") == MOIDC_OK);
    for (size_t i = 0; i < 2; i++) {
        char text[128];
        int fd = client_of(families[i]);
        struct listener_request *request;

        snprintf(text, sizeof text, "GET /oauth2/callback?n HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", port);
        say_text(fd, text);
        request = work(-1);
        CHECK(request != NULL);
        shutdown(fd, SHUT_WR);
        listener_answer(request, 200, PAGE, sizeof PAGE - 1);
        close(fd);
    }
    end();
}

static void test_ipv6_address_alone(void)
{
    char text[128];
    struct listener_request *request;
    int fd;

    port = free_port();
    CHECK(open_as("[::1]") == MOIDC_OK);
    fd = client_of(AF_INET6);
    snprintf(text, sizeof text, "GET /oauth2/callback HTTP/1.1\r\nHost: [::1]:%d\r\n\r\n", port);
    say_text(fd, text);
    request = work(-1);
    CHECK(request != NULL);
    shutdown(fd, SHUT_WR);
    listener_answer(request, 200, PAGE, sizeof PAGE - 1);
    close(fd);
    end();
}

/* Somebody who listens on the port; `reuse`: with SO_REUSEADDR and SO_REUSEPORT, as one who wants to share it would. */
static int squatter(int family, bool reuse, bool listens)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int value = reuse;
    int one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ipv6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof value);
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    }
    CHECK((family == AF_INET ? bind(fd, (struct sockaddr *)&ipv4, sizeof ipv4)
                             : bind(fd, (struct sockaddr *)&ipv6, sizeof ipv6)) == 0);
    CHECK(!listens || listen(fd, 5) == 0);
    return fd;
}

static void test_a_port_that_is_taken_is_said_with_its_owner(void)
{
    char process[64];
    int before;
    int fd;

    port = free_port();
    fd = squatter(AF_INET, false, true);
    before = descriptors();
    CHECK(open_as("127.0.0.1") == MOIDC_E_NETWORK);
    CHECK(listener == NULL);
    CHECK(descriptors() == before);
#ifdef __linux__
    snprintf(process, sizeof process, " is taken by %.15s (process %d)", program_invocation_short_name, (int)getpid());
    CHECK_CONTAINS(err.what, process);
#else
    (void)process;
#endif
    CHECK_CONTAINS(err.where, "127.0.0.1:");
    CHECK(err.next[0] != '\0');
    close(fd);
}

static void test_localhost_is_taken_when_one_family_is(void)
{
    const int families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < 2; i++) {
        int before;
        int fd;

        port = free_port();
        fd = squatter(families[i], false, true);
        before = descriptors();
        CHECK(open_as("localhost") == MOIDC_E_NETWORK);
        CHECK(listener == NULL);
        CHECK_CONTAINS(err.what, " is taken by ");
        CHECK(descriptors() == before); /* the other family is given back */
        close(fd);
    }
}

static void test_two_listeners_cannot_share_a_port(void)
{
    struct listener *first;

    begin();
    first = listener;
    listener = NULL;
    CHECK(open_as("127.0.0.1") == MOIDC_E_NETWORK);
    CHECK(listener == NULL);
    CHECK_CONTAINS(err.what, " is taken by ");
    listener_close(first);
}

/* A neighbour who sets both options cannot come in beside us, nor we beside him. */
static void test_port_is_never_shared_with_one_who_wants_to(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int one = 1;
    int fd;

    port = free_port();
    fd = squatter(AF_INET, true, true);
    CHECK(open_as("127.0.0.1") == MOIDC_E_NETWORK);
    CHECK_CONTAINS(err.what, " is taken by ");
    close(fd);

    begin();
    address.sin_port = htons((uint16_t)port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK((bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 5) != 0) && errno == EADDRINUSE);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    CHECK((bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 5) != 0) && errno == EADDRINUSE);
    close(fd);
    end();
}

/* Our side closes first, so that the connection stays in TIME_WAIT here. */
static void test_port_is_free_again_right_after_a_sign_in(void)
{
    begin();
    check_browser_gets_through();
    CHECK(status_for_text("GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n") == 404);
    end();
    CHECK(open_as("127.0.0.1") == MOIDC_OK);
    check_browser_gets_through();
    end();
}

static void test_port_0_is_a_free_one_of_both_families(void)
{
    port = 0;
    CHECK(open_as("localhost") == MOIDC_OK);
    port = listener_port(listener);
    CHECK(port > 0);
    CHECK(status_for_text("GET /oauth2/callback?code=x HTTP/1.1\r\nHost: localhost:%d\r\n\r\n") == 200);
    CHECK(status_for_text("GET /oauth2/callback?code=x HTTP/1.1\r\nHost: localhost:0\r\n\r\n") == 421);
    close(client_of(AF_INET6));
    end();
}

/* A browser on 127.0.0.1:39303, which a container's host sends on to 0.0.0.0:port within. */
static void test_listening_outside_of_loopback_the_host_is_still_that_of_the_redirect_uri(void)
{
    struct listener_address address = {
        .ipv4 = true, .port = 39303, .path = "/oauth2/callback", .host = "127.0.0.1", .outside = "0.0.0.0"};

    port = address.outside_port = free_port();
    CHECK(listener_open(&address, &listener, &err) == MOIDC_OK);
    CHECK(listener_port(listener) == 39303);
    CHECK(status_for_text("GET /oauth2/callback?code=x HTTP/1.1\r\nHost: 127.0.0.1:39303\r\n\r\n") == 200);
    CHECK(status_for_text("GET /oauth2/callback?code=x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n") == 421);
    CHECK(status_for_text("GET /oauth2/callback?code=x HTTP/1.1\r\nHost: 0.0.0.0:39303\r\n\r\n") == 421);
    end();
}

static void test_an_address_of_another_machine_cannot_be_listened_on(void)
{
    struct listener_address address = {.ipv4 = true, .port = 39303, .path = "/", .host = "127.0.0.1"};

    address.outside = "192.0.2.1"; /* RFC 5737 */
    address.outside_port = free_port();
    CHECK(listener_open(&address, &listener, &err) == MOIDC_E_NETWORK);
    CHECK_CONTAINS(err.where, "192.0.2.1");
    CHECK(strstr(err.what, " is taken by ") == NULL);
}

static void test_port_without_owner_has_none(void)
{
    char text[64] = "before";

    port_owner_find(free_port(), text, sizeof text);
    CHECK_TEXT(text, "");
}

int main(void)
{
    alarm(280);
    RUN(test_page_is_sent_with_the_headers_that_keep_the_code_in);
    RUN(test_request_without_query_has_an_empty_one);
    RUN(test_nothing_comes_in_time);
    RUN(test_strays_are_answered_and_never_handed_out);
    RUN(test_refused_method_hears_which_is_allowed);
    RUN(test_head_is_answered_without_a_body);
    RUN(test_nul_bytes_are_refused);
    RUN(test_request_line_of_20_kb_is_refused);
    RUN(test_header_of_20_kb_is_refused);
    RUN(test_header_of_15_kb_is_taken);
    RUN(test_tls_client_hello_is_refused_at_once);
    RUN(test_5_half_open_connections_do_not_hold_up_the_browser);
    RUN(test_of_100_half_open_connections_the_oldest_are_dropped);
    RUN(test_100_silent_connections_do_not_hold_up_the_browser);
    RUN(test_browser_behind_a_crowd_is_served);
    RUN(test_preconnect_is_served_when_it_speaks);
    RUN(test_request_in_single_bytes_is_put_together);
#ifdef MOIDC_FAIL_ALLOC
    RUN(test_slow_drip_ends_after_10_s);
    RUN(test_preconnect_is_closed_after_10_s_without_a_word);
    RUN(test_answered_stray_that_stays_is_closed);
    RUN(test_every_failed_allocation_is_reported_and_nothing_leaks);
#endif
    RUN(test_connection_closed_in_the_middle_is_forgotten);
    RUN(test_browser_that_left_before_the_answer_does_no_harm);
    RUN(test_of_pipelined_requests_the_first_alone_counts);
    RUN(test_others_are_served_while_a_request_is_out);
    RUN(test_page_is_not_cut_by_bytes_that_come_late);
    RUN(test_client_that_never_closes_is_left_soon);
    RUN(test_client_that_does_not_read_is_left_after_a_second);
    RUN(test_stray_that_does_not_read_is_left_much_sooner);
    RUN(test_signal_brings_it_back_early);
    RUN(test_descriptors_are_close_on_exec_and_non_blocking);
    RUN(test_localhost_listens_on_both_families);
    RUN(test_ipv6_address_alone);
    RUN(test_a_port_that_is_taken_is_said_with_its_owner);
    RUN(test_localhost_is_taken_when_one_family_is);
    RUN(test_two_listeners_cannot_share_a_port);
    RUN(test_port_is_never_shared_with_one_who_wants_to);
    RUN(test_port_is_free_again_right_after_a_sign_in);
    RUN(test_port_0_is_a_free_one_of_both_families);
    RUN(test_listening_outside_of_loopback_the_host_is_still_that_of_the_redirect_uri);
    RUN(test_an_address_of_another_machine_cannot_be_listened_on);
    RUN(test_port_without_owner_has_none);
    return check_summary();
}
