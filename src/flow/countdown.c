/* SPDX-License-Identifier: MIT */
#include "flow/countdown.h"

#include "io/clock.h"

#include <stdio.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000, SECOND_MS = 1000, LINE_MOST = 200, ECHOED = 2 };

struct countdown countdown_begin(const struct moidc_ui *ui, int64_t end_ms, bool redraw)
{
    return (struct countdown){.ui = ui, .end_ms = end_ms, .redraw = redraw && ui->columns > 0};
}

/* Over the whole line but its last column, which would wrap. The cursor ends behind the text, where the terminal shows
 * what is typed meanwhile: ^C. */
static void draw(struct countdown *countdown, const char *text)
{
    char line[2 * LINE_MOST + 3];
    int width = countdown->ui->columns - 1;

    width = width < 1 ? 1 : width < LINE_MOST ? width : LINE_MOST;
    snprintf(line, sizeof line, "\r%-*.*s\r%.*s", width, width, text, width, text);
    countdown->ui->show(countdown->ui->ctx, line);
}

/* As much of it as fits; the time above all. */
static void draw_left(struct countdown *countdown, int64_t left_s)
{
    static const char *const forms[] = {"Waiting for the sign-in, %lld:%02d left (Ctrl-C ends it)",
                                        "%lld:%02d left (Ctrl-C ends it)", "%lld:%02d left"};
    char text[96];

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int n = snprintf(text, sizeof text, forms[i], (long long)(left_s / 60), (int)(left_s % 60));

        if (n + ECHOED < countdown->ui->columns) {
            break;
        }
    }
    draw(countdown, text);
}

void countdown_tick(struct countdown *countdown)
{
    int64_t now_ms = clock_steady_ms();
    int64_t left_s = (countdown->end_ms - now_ms + SECOND_MS - 1) / SECOND_MS;
    char text[96];

    if (now_ms < countdown->next_ms || left_s < 0) {
        return;
    }
    if (countdown->redraw) {
        draw_left(countdown, left_s);
        countdown->drawn = true;
        countdown->next_ms =
            now_ms + (countdown->end_ms - now_ms + SECOND_MS - 1) % SECOND_MS + 1; /* when that changes */
        return;
    }
    snprintf(text, sizeof text, "mlflow-oidc-client: waiting for the sign-in, %lld s left (Ctrl-C ends it).",
             (long long)left_s);
    countdown->ui->show(countdown->ui->ctx, text);
    countdown->next_ms = now_ms + MINUTE_MS;
}

void countdown_clear(struct countdown *countdown)
{
    if (countdown->drawn) {
        draw(countdown, "");
        countdown->drawn = false;
        countdown->next_ms = 0;
    }
}
