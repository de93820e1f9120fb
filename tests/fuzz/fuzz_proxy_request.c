/* SPDX-License-Identifier: MIT */
/* A request to the proxy, head and body: what goes on names one host, one way to end its body, and nothing of ours. */
#include "proxy/access.h"
#include "proxy/chunked.h"

#include "fuzz.h"

#include <strings.h>

static const struct proxy_outgoing OUTGOING = {"https://server.example/base", "https://server.example",
                                               "Authorization"};

static void check_fields(const struct strbuf *fields)
{
    const char *line = strbuf_text(fields);

    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        size_t name = strcspn(line, ":;\n");

        HOLDS(end != NULL && name > 0 && line + name < end);
        HOLDS(strcspn(line, " \t") > name);
        for (const char *c = line; c < end; c++) {
            HOLDS((unsigned char)*c >= ' ' ? *c != 0x7f : *c == '\t');
        }
        HOLDS(strncasecmp(line, "Authorization", name) != 0 || name != 13);
        HOLDS(strncasecmp(line, "Content-Length", name) != 0 || name != 14);
        HOLDS(strncasecmp(line, "Transfer-Encoding", name) != 0 || name != 17);
        HOLDS(strncasecmp(line, "Host", name) != 0 || name != 4);
        if (name == 6 && strncasecmp(line, "Cookie", 6) == 0) {
            HOLDS(strncmp(line + 8, "mlflow-oidc-", 12) != 0);
        }
        line = end + 1;
    }
}

static void check_request(const struct proxy_request *request, struct access *access)
{
    struct strbuf fields = STRBUF_INIT(1 << 20);
    char *url = NULL;
    struct moidc_err err;

    HOLDS(request->target.length > 0 && request->target.bytes[0] == '/');
    HOLDS(request->body != BODY_LENGTH || request->length >= 0);
    HOLDS(!span_is(request->line.method, "TRACE") && !span_is(request->line.method, "CONNECT"));
    HOLDS(access_check_key(access, request, false).status == 401); /* nobody guesses it */
    HOLDS(access_check_origin(access, request, false).status != 0 || span_is_nocase(request->host, "127.0.0.1:8080") ||
          span_is_nocase(request->host, "localhost:8080"));
    HOLDS(!access_link_use(access, request->target));
    proxy_request_is_for_page(request);
    proxy_request_outgoing(request, &OUTGOING, &fields);
    HOLDS(!fields.failed);
    check_fields(&fields);
    HOLDS(proxy_request_url(request, OUTGOING.server_uri, &url, &err) == MOIDC_OK);
    HOLDS(url == NULL || strncmp(url, "https://server.example/base/", 28) == 0);
    mem_free(url);
    strbuf_free(&fields);
}

/* The body is the same however it is cut. */
static void check_chunked(const char *bytes, size_t n)
{
    char *out[2] = {malloc(n + 1), malloc(n + 1)};
    struct chunked chunked[2] = {{0}, {0}};
    size_t length[2] = {0, 0};
    size_t at[2] = {0, 0};

    HOLDS(out[0] != NULL && out[1] != NULL);
    for (int i = 0; i < 2; i++) {
        size_t piece = i == 0 ? n : n % 5 + 1;
        size_t used = 1;

        while (at[i] < n && used > 0) {
            used = 0;
            length[i] += chunked_decode(&chunked[i], bytes + at[i], n - at[i] < piece ? n - at[i] : piece, &used,
                                        out[i] + length[i], piece);
            at[i] += used;
        }
    }
    HOLDS(chunked[0].state == chunked[1].state && at[0] == at[1] && length[0] == length[1] && length[0] <= n);
    HOLDS(memcmp(out[0], out[1], length[0]) == 0);
    HOLDS(chunked[0].state == CHUNKED_END || chunked[0].state == CHUNKED_BROKEN || at[0] == n);
    free(out[0]);
    free(out[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct access access;
    char *bytes = malloc(size + (size == 0));
    struct request_scan scan = {0};
    struct proxy_request request;
    struct moidc_err err;

    HOLDS(bytes != NULL);
    memcpy(bytes, data, size);
    if (access.key == NULL) {
        HOLDS(access_init(&access, "127.0.0.1", 8080, &err) == MOIDC_OK);
    }
    if (request_head_scan(&scan, bytes, size) == REQUEST_COMPLETE) {
        struct verdict verdict = proxy_request_read(bytes, scan.seen, &request);

        HOLDS((verdict.status == 0) == (verdict.why == NULL));
        if (verdict.status == 0) {
            check_request(&request, &access);
        }
        check_chunked(bytes + scan.seen, size - scan.seen);
    } else {
        check_chunked(bytes, size);
    }
    free(bytes);
    return 0;
}
