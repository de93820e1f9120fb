/* SPDX-License-Identifier: MIT */
#include "io/page_reply.h"

#include "io/clock.h"
#include "io/loopback_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLOSE_WAIT_MS = 1000, REFUSAL_WAIT_MS = 200, CLOSE_GRACE_MS = 100, POLL_MS = 20 };

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {414, "URI Too Long"},
        {421, "Misdirected Request"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Answer";
}

static int write_head(char *head, size_t size, int status, const char *type, size_t length)
{
    return snprintf(head, size,
                    "HTTP/1.1 %d %s\r\n"
                    "Content-Type: %s; charset=utf-8\r\n"
                    "Content-Length: %zu\r\n"
                    "%s"
                    "Cache-Control: no-store\r\n"
                    "Referrer-Policy: no-referrer\r\n" /* the address holds the code */
                    "X-Content-Type-Options: nosniff\r\n"
                    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
                    "X-Frame-Options: DENY\r\n"
                    "Connection: close\r\n\r\n",
                    status, reason(status), type, length, status == 405 ? "Allow: GET\r\n" : "");
}

bool page_reply_refuse(int fd, int status, bool with_body)
{
    char reply[1024];
    char body[64];
    int n = snprintf(body, sizeof body, "%d %s\n", status, reason(status));

    n = write_head(reply, sizeof reply, status, "text/plain", (size_t)n);
    n += snprintf(reply + n, sizeof reply - (size_t)n, "%s", with_body ? body : "");
    return loopback_socket_write(fd, reply, (size_t)n) == n && shutdown(fd, SHUT_WR) == 0;
}

static bool wait_for(int fd, short events, int64_t until_ms)
{
    struct pollfd polled = {.fd = fd, .events = events};
    int64_t left = until_ms - clock_steady_ms();

    return left > 0 && (poll(&polled, 1, (int)left) >= 0 || errno == EINTR);
}

static bool send_all(int fd, const char *bytes, size_t n, int64_t until_ms)
{
    while (n > 0) {
        ssize_t sent = loopback_socket_write(fd, bytes, n);

        if (sent < 0 || (sent == 0 && !wait_for(fd, POLLOUT, until_ms))) {
            return false;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Throws away what comes until the other side closes. One that does not close, and has it all, gets a moment, so that
 * strays cannot hold up the browser. */
static void linger(int fd, int64_t until_ms)
{
    int64_t grace_ms = clock_steady_ms() + CLOSE_GRACE_MS;
    char bytes[4096];

    while (clock_steady_ms() < until_ms) {
        int64_t next_ms = clock_steady_ms() + POLL_MS;

        if (loopback_socket_read(fd, bytes, sizeof bytes) == 0 ||
            (clock_steady_ms() >= grace_ms && loopback_socket_is_delivered(fd))) {
            return;
        }
        wait_for(fd, POLLIN, next_ms < until_ms ? next_ms : until_ms);
    }
}

void page_reply_send(int fd, int status, const char *html, size_t length)
{
    /* nobody else is served meanwhile, and refusals go to strays, who may come in numbers and read nothing */
    int64_t until_ms = clock_steady_ms() + (status < 400 ? CLOSE_WAIT_MS : REFUSAL_WAIT_MS);
    char head[1024];
    int n = write_head(head, sizeof head, status, "text/html", length);

    if (send_all(fd, head, (size_t)n, until_ms) && send_all(fd, html, length, until_ms) && shutdown(fd, SHUT_WR) == 0) {
        linger(fd, until_ms);
    }
    close(fd);
}
