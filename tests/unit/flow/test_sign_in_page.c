/* SPDX-License-Identifier: MIT */
/* With an argument, "success" or "refused", it writes that page to stdout: script/screenshots shows what it looks like. */
#include "flow/sign_in_page.h"

#include "base/text.h"
#include "check.h"

#include <stdlib.h>

enum { PAGE_MOST_BYTES = 64 * 1024 };

static const struct sign_in_page SUCCESS = {
    .success = true,
    .server = "https://mlflow.example.com/team-a",
    .issuer = "https://auth.example.com/realms/research",
    .error = "",
    .description = "",
    .next = "",
};

static const struct sign_in_page REFUSED = {
    .success = false,
    .server = "https://mlflow.example.com/team-a",
    .issuer = "https://auth.example.com/realms/research",
    .error = "access_denied",
    .description = "The provider refused: the user is not assigned to this application.",
    .next = "Ask whoever runs the provider for access to the application, then call again.",
};

static char *render(const struct sign_in_page *page)
{
    struct strbuf buf = STRBUF_INIT(PAGE_MOST_BYTES);
    char *text;

    sign_in_page_render(&buf, page);
    CHECK(!buf.failed);
    text = strbuf_take(&buf);
    CHECK(text != NULL);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        n++;
    }
    return n;
}

static void check_is_one_plain_document(const char *text)
{
    static const char *const forbidden[] = {"<script", "<img",       "<iframe",    "<form", "<input",
                                            "<a ",     "http-equiv", "src=",       "url(",  "@import",
                                            "onload",  "onclick",    "javascript:"};

    CHECK(strncmp(text, "<!DOCTYPE html>\n<html lang=\"en\">\n", 33) == 0);
    CHECK(strcmp(text + strlen(text) - 8, "</html>\n") == 0);
    CHECK(count(text, "<h1>") == 1 && count(text, "<title>") == 1 && count(text, "<main>") == 1);
    CHECK(count(text, "<meta charset=\"utf-8\">") == 1 && count(text, "name=\"viewport\"") == 1);
    CHECK(count(text, "color-scheme:light dark") == 1);
    CHECK(count(text, "<div") == count(text, "</div>") &&
          count(text, "<p") - count(text, "<path") == count(text, "</p>"));
    CHECK(count(text, "<dt>") == count(text, "</dt>") && count(text, "<dd>") == count(text, "</dd>"));
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        CHECK(strstr(text, forbidden[i]) == NULL);
    }
    CHECK(text_is_utf8(text, strlen(text)));
}

static void test_success_tells_where_one_is_signed_in(void)
{
    char *text = render(&SUCCESS);

    check_is_one_plain_document(text);
    CHECK_CONTAINS(text, "<title>Signed in</title>");
    CHECK_CONTAINS(text, "role=\"status\"");
    CHECK_CONTAINS(text, "https://mlflow.example.com/team-a");
    CHECK_CONTAINS(text, "auth.example.com<");
    CHECK(strstr(text, "realms") == NULL);
    CHECK_CONTAINS(text, "You can close this tab");
    CHECK(strstr(text, "role=\"alert\"") == NULL && strstr(text, "Error") == NULL);
    mem_free(text);
}

static void test_refusal_tells_what_the_provider_said_and_what_to_do(void)
{
    char *text = render(&REFUSED);

    check_is_one_plain_document(text);
    CHECK_CONTAINS(text, "<title>Sign-in did not succeed</title>");
    CHECK_CONTAINS(text, "role=\"alert\"");
    CHECK_CONTAINS(text, "<code>access_denied</code>");
    CHECK_CONTAINS(text, "the user is not assigned to this application.");
    CHECK_CONTAINS(text, "Ask whoever runs the provider");
    CHECK(strstr(text, "role=\"status\"") == NULL && strstr(text, "signed in") == NULL);
    mem_free(text);
}

static void test_markup_of_strangers_stays_text(void)
{
#define HOSTILE "</dd></main><script>alert('1')</script><img src=x onerror=\"a\">&lt;"
    const struct sign_in_page page = {false, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE};
    const struct sign_in_page good = {true, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE};
    const struct sign_in_page *pages[] = {&page, &good};

    for (size_t i = 0; i < 2; i++) {
        char *text = render(pages[i]);

        CHECK(count(text, "<script") == 0 && count(text, "<img") == 0 && count(text, "</main>") == 1);
        CHECK_CONTAINS(text, "&lt;/dd&gt;&lt;/main&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
        CHECK_CONTAINS(text, "onerror=&quot;a&quot;&gt;&amp;lt;");
        mem_free(text);
    }
#undef HOSTILE
}

static void test_control_characters_and_broken_utf8_are_replaced(void)
{
    struct sign_in_page page = REFUSED;
    char *text;

    page.error = "a\x1b[31mb";
    page.description = "line\r\nbreak \xff \xe2\x80\xae right-to-left \xc3";
    text = render(&page);
    check_is_one_plain_document(text);
    CHECK_CONTAINS(text, "<code>a?[31mb</code>");
    CHECK_CONTAINS(text, "line??break ? ? right-to-left ?");
    mem_free(text);
}

static void test_long_texts_are_cut_between_characters(void)
{
    struct sign_in_page page = REFUSED;
    char *umlauts = malloc(100001);
    char *text;

    for (size_t i = 0; i < 100000; i += 2) {
        memcpy(umlauts + i, "\xc3\xa4", 2);
    }
    umlauts[100000] = '\0';
    for (size_t shift = 0; shift < 2; shift++) {
        umlauts[0] = shift == 0 ? '\xc3' : 'x';
        umlauts[1] = shift == 0 ? '\xa4' : 'y';
        page.description = umlauts + shift;
        page.error = umlauts + shift;
        page.server = umlauts + shift;
        page.issuer = umlauts + shift;
        page.next = umlauts + shift;
        text = render(&page);
        check_is_one_plain_document(text);
        CHECK(strlen(text) < 8192);
        CHECK(count(text, "\xc3\xa4…") == 5 && strstr(text, "?") == NULL);
        mem_free(text);
    }
    free(umlauts);
}

static void test_issuer_is_shown_by_host_and_unusual_port(void)
{
    static const struct {
        const char *issuer;
        const char *shown;
    } rows[] = {
        {"https://auth.example.com/", "<dd>auth.example.com</dd>"},
        {"https://auth.example.com:443/x", "<dd>auth.example.com</dd>"},
        {"https://auth.example.com:8443", "<dd>auth.example.com:8443</dd>"},
        {"http://localhost:8080/realms/a", "<dd>localhost:8080</dd>"},
        {"https://[2001:db8::1]:8443/", "<dd>[2001:db8::1]:8443</dd>"},
        {"https://good.example@evil.example/", "<dd>evil.example</dd>"},
        {"what is this", "<dd>what is this</dd>"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sign_in_page page = SUCCESS;
        char *text;

        page.issuer = rows[i].issuer;
        text = render(&page);
        CHECK_CONTAINS(text, rows[i].shown);
        mem_free(text);
    }
}

static void test_what_is_not_known_leaves_no_hole(void)
{
    const struct sign_in_page nothing[] = {{.success = true}, {.success = false}};

    for (size_t i = 0; i < 2; i++) {
        char *text = render(&nothing[i]);

        check_is_one_plain_document(text);
        CHECK(strstr(text, "<dl>") == NULL && strstr(text, "<p></p>") == NULL && strstr(text, "null") == NULL);
        mem_free(text);
    }
}

#ifdef MOIDC_FAIL_ALLOC
static void test_every_failed_allocation_is_seen_in_the_buffer(void)
{
    unsigned long n = 1;

    for (;; n++) {
        struct strbuf buf = STRBUF_INIT(PAGE_MOST_BYTES);
        bool failed;

        mem_fail_at(n, 0);
        sign_in_page_render(&buf, &REFUSED);
        mem_fail_at(0, 0);
        failed = buf.failed;
        strbuf_free(&buf);
        if (!failed) {
            break;
        }
    }
    CHECK(n > 2);
}
#endif

static void test_small_buffer_fails_without_harm(void)
{
    char *whole = render(&REFUSED);

    for (size_t most = 0; most < strlen(whole) + 100; most += 7) {
        struct strbuf buf = STRBUF_INIT(most);

        sign_in_page_render(&buf, &REFUSED);
        CHECK(buf.length <= most && buf.failed == (most < strlen(whole)));
        strbuf_free(&buf);
    }
    mem_free(whole);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        char *text = render(strcmp(argv[1], "success") == 0 ? &SUCCESS : &REFUSED);

        fputs(text, stdout);
        mem_free(text);
        return 0;
    }
    RUN(test_success_tells_where_one_is_signed_in);
    RUN(test_refusal_tells_what_the_provider_said_and_what_to_do);
    RUN(test_markup_of_strangers_stays_text);
    RUN(test_control_characters_and_broken_utf8_are_replaced);
    RUN(test_long_texts_are_cut_between_characters);
    RUN(test_issuer_is_shown_by_host_and_unusual_port);
    RUN(test_what_is_not_known_leaves_no_hole);
#ifdef MOIDC_FAIL_ALLOC
    RUN(test_every_failed_allocation_is_seen_in_the_buffer);
#endif
    RUN(test_small_buffer_fails_without_harm);
    return check_summary();
}
