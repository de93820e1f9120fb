/* SPDX-License-Identifier: MIT */
#include "flow/countdown.h"

#include "check.h"
#include "io/clock.h"

static char last[500];
static int shown;

static void show(void *ctx, const char *text)
{
    (void)ctx;
    snprintf(last, sizeof last, "%s", text);
    shown++;
}

static void tick_after(struct countdown *countdown, int64_t seconds)
{
    clock_shift_s(seconds);
    countdown_tick(countdown);
}

static struct countdown begin(struct moidc_ui *ui, int columns, bool redraw)
{
    *ui = (struct moidc_ui){.show = show, .columns = columns};
    shown = 0;
    return countdown_begin(ui, clock_steady_ms() + 300 * 1000, redraw);
}

static void test_without_a_terminal_it_tells_once_a_minute(void)
{
    struct moidc_ui ui;
    struct countdown countdown = begin(&ui, 0, true);

    countdown_tick(&countdown);
    CHECK(shown == 1);
    CHECK_CONTAINS(last, "300 s left");
    tick_after(&countdown, 30);
    CHECK(shown == 1);
    tick_after(&countdown, 31);
    CHECK(shown == 2);
    CHECK_CONTAINS(last, "239 s left");
    countdown_clear(&countdown);
    CHECK(shown == 2);
}

static void test_where_a_person_types_no_line_is_drawn_over(void)
{
    struct moidc_ui ui;
    struct countdown countdown = begin(&ui, 80, false);

    countdown_tick(&countdown);
    tick_after(&countdown, 5);
    CHECK(shown == 1 && strchr(last, '\r') == NULL);
}

static void test_in_a_terminal_one_line_is_drawn_anew_each_second(void)
{
    struct moidc_ui ui;
    struct countdown countdown = begin(&ui, 80, true);

    countdown_tick(&countdown);
    CHECK(shown == 1 && last[0] == '\r' && strchr(last + 1, '\r') - last == 80);
    CHECK_TEXT(last + 81, "Waiting for the sign-in, 5:00 left (Ctrl-C ends it)");
    countdown_tick(&countdown);
    CHECK(shown == 1);
    tick_after(&countdown, 1);
    CHECK(shown == 2);
    CHECK_CONTAINS(last, "4:59 left");
    tick_after(&countdown, 294);
    CHECK_CONTAINS(last, "0:05 left");
    countdown_clear(&countdown);
    CHECK(strspn(last, "\r ") == 81 && last[80] == '\r' && last[81] == '\0');
    CHECK(shown == 4);
    countdown_clear(&countdown);
    CHECK(shown == 4);
}

static void test_a_narrow_window_is_not_overrun(void)
{
    static const int widths[] = {1, 2, 7, 20, 60, 1000};

    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct moidc_ui ui;
        struct countdown countdown = begin(&ui, widths[i], true);
        int most = widths[i] > 1 ? widths[i] - 1 : 1;

        countdown_tick(&countdown);
        CHECK(last[0] == '\r' && (int)strcspn(last + 1, "\r") <= most && (int)strlen(strrchr(last, '\r')) - 1 <= most);
        CHECK(strlen(last) <= 401);
    }
}

static void test_a_narrow_window_shows_the_time_above_all(void)
{
    static const struct {
        int columns;
        const char *text;
    } cases[] = {
        {54, "Waiting for the sign-in, 5:00 left (Ctrl-C ends it)"}, /* and ^C behind it */
        {53, "5:00 left (Ctrl-C ends it)"},
        {28, "5:00 left"},
        {12, "5:00 left"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct moidc_ui ui;
        struct countdown countdown = begin(&ui, cases[i].columns, true);

        countdown_tick(&countdown);
        CHECK_TEXT(strrchr(last, '\r') + 1, cases[i].text);
    }
}

static void test_after_its_end_it_is_silent(void)
{
    struct moidc_ui ui;
    struct countdown countdown = begin(&ui, 80, true);

    tick_after(&countdown, 400);
    CHECK(shown == 0);
    countdown_clear(&countdown);
    CHECK(shown == 0);
}

int main(void)
{
    RUN(test_without_a_terminal_it_tells_once_a_minute);
    RUN(test_where_a_person_types_no_line_is_drawn_over);
    RUN(test_in_a_terminal_one_line_is_drawn_anew_each_second);
    RUN(test_a_narrow_window_is_not_overrun);
    RUN(test_a_narrow_window_shows_the_time_above_all);
    RUN(test_after_its_end_it_is_silent);
    return check_summary();
}
