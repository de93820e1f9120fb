/* SPDX-License-Identifier: MIT */
/* The head of a tracking server's answer: what the client gets is one head with one way to end its body. */
#include "proxy/response.h"

#include "fuzz.h"

#include <strings.h>

static void check_head(const char *head)
{
    const char *end = strstr(head, "\r\n\r\n");
    int framed = 0;

    HOLDS(strncmp(head, "HTTP/1.1 ", 9) == 0 && end != NULL && end[4] == '\0');
    for (const char *line = strstr(head, "\r\n") + 2; line < end + 2; line = strstr(line, "\r\n") + 2) {
        size_t name = strcspn(line, ":\r");

        HOLDS(name > 0 && line[name] == ':');
        for (const char *c = line; c < strstr(line, "\r\n"); c++) {
            HOLDS((unsigned char)*c >= ' ' ? *c != 0x7f : *c == '\t');
        }
        framed += (name == 14 && strncasecmp(line, "Content-Length", 14) == 0) ||
                  (name == 17 && strncasecmp(line, "Transfer-Encoding", 17) == 0);
        HOLDS(name != 7 || strncasecmp(line, "Alt-Svc", 7) != 0);
        HOLDS(name != 10 || strncasecmp(line, "Set-Cookie", 10) != 0 || strncmp(line + 12, "mlflow-oidc-", 12) != 0);
        if (name == 8 && strncasecmp(line, "Location", 8) == 0 && line[9] == ' ') {
            HOLDS(line[10] != '/'); /* neither a path of ours that was theirs, nor "//evil" */
        }
    }
    HOLDS(framed <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct response_client client = {.host = {"127.0.0.1:8080", 14}, .keep_alive = true};
    const char *rest = (const char *)data;
    struct response response;
    struct url server;
    bool good = true;

    HOLDS(url_parse("https://server.example/base", &server));
    client.server = &server;
    client.head_only = size % 3 == 0;
    client.old = size % 2 == 0;
    response_init(&response);
    while (good && size > 0) {
        const char *end = memchr(rest, '\n', size);
        size_t n = end != NULL ? (size_t)(end - rest) + 1 : size;

        good = response_take_line(&response, rest, n);
        HOLDS(good == (response.fault == NULL));
        rest += n;
        size -= n;
    }
    if (good && response.complete) {
        struct strbuf head = STRBUF_INIT(1 << 20);
        bool keep_alive = false;
        enum response_body body = response_write(&response, &client, &head, &keep_alive);

        HOLDS(!head.failed && (body != RESPONSE_CLOSE || !keep_alive) && (body != RESPONSE_CHUNKED || !client.old));
        HOLDS(response.status >= 200 && response.status <= 599);
        check_head(head.bytes);
        response_field(&response, "WWW-Authenticate");
        strbuf_free(&head);
    }
    response_clear(&response);
    return 0;
}
