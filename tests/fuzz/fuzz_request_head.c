/* SPDX-License-Identifier: MIT */
/* The bytes of a connection to the loopback listener: judged alike however they are cut. */
#include "io/request_head.h"

#include "fuzz.h"

#include <strings.h>

static const struct request_served SERVED = {"/oauth2/callback", "127.0.0.1:39303", NULL};
static const struct request_served SERVED_AT_80 = {"/cb", "localhost:80", "localhost"};

static enum request_scan_state scan_in_pieces(struct request_scan *scan, const char *bytes, size_t n, size_t piece)
{
    enum request_scan_state state = REQUEST_PARTIAL;

    for (size_t came = 0; came < n && state == REQUEST_PARTIAL;) {
        came += n - came < piece ? n - came : piece;
        state = request_head_scan(scan, bytes, came);
    }
    return state;
}

static void check_judge(const struct request_served *served, const char *bytes, size_t n)
{
    const char *query = NULL;
    size_t length = 0;
    int status = request_head_judge(served, bytes, n, &query, &length);

    HOLDS(status == 200 || (status >= 400 && status < 600));
    if (status == 200) {
        const char *line_end = memchr(bytes, '\r', n);
        const char *path = memmem(bytes, (size_t)(line_end - bytes), served->path, strlen(served->path));

        HOLDS(strncmp(bytes, "GET ", 4) == 0);
        HOLDS(path == bytes + 4 || (path != NULL && strncasecmp(bytes + 4, "http://", 7) == 0));
        HOLDS(length == 0 || (query > bytes && query + length < bytes + n));
        for (size_t i = 0; i < length; i++) {
            HOLDS(query[i] > ' ' && query[i] <= '~');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + (size == 0));
    struct request_scan whole = {0};
    struct request_scan pieces = {0};
    enum request_scan_state state;

    HOLDS(bytes != NULL);
    memcpy(bytes, data, size);
    state = request_head_scan(&whole, bytes, size);
    HOLDS(whole.seen <= size && whole.line_start <= size);
    HOLDS(size == 0 || scan_in_pieces(&pieces, bytes, size, size % 3 + 1) == state);
    if (state == REQUEST_COMPLETE) {
        HOLDS(whole.seen == pieces.seen && whole.seen >= 4 && memcmp(bytes + whole.seen - 4, "\r\n\r\n", 4) == 0);
        check_judge(&SERVED, bytes, whole.seen);
        check_judge(&SERVED_AT_80, bytes, whole.seen);
    } else if (state == REQUEST_PARTIAL) {
        int status = request_head_overflow(&whole);

        HOLDS(status == 414 || status == 431);
    }
    free(bytes);
    return 0;
}
