/* SPDX-License-Identifier: MIT */
#include "flow/sign_in_page.h"

#include "base/text.h"
#include "base/url.h"

#include <string.h>

/* Longest texts of strangers that are shown, in bytes. */
enum { ADDRESS_MOST = 200, ERROR_MOST = 64, SENTENCE_MOST = 400 };

/* Contrast is at least 4.5:1 for text and 3:1 for the mark in both schemes (WCAG 2.1 AA). */
static const char STYLE[] =
    ":root{color-scheme:light dark;"
    "--page:#f4f5f7;--card:#fff;--line:#dfe2e7;--text:#1b1f24;--soft:#57606a;--code:#f0f1f4;--mark:#1a7f37;"
    "--tint:#e3f4e7}"
    ".refused{--mark:#b42318;--tint:#fdeceb}"
    "@media(prefers-color-scheme:dark){"
    ":root{--page:#0f1216;--card:#181c22;--line:#2c333c;--text:#e8ebef;--soft:#a3adb8;--code:#242a32;--mark:#56d364;"
    "--tint:#17301f}"
    ".refused{--mark:#ff8a80;--tint:#3a1d1c}}"
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--page);"
    "color:var(--text);font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
    "main{width:100%;max-width:30rem;padding:2.25rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.875rem;box-shadow:0 1px 2px #0000000a,0 8px 24px #0000000f;overflow-wrap:anywhere}"
    "svg{display:block;width:3rem;height:3rem;margin-bottom:1.25rem}"
    "circle{fill:var(--tint)}"
    "path{fill:none;stroke:var(--mark);stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}"
    "h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}"
    "p{margin:0;text-wrap:pretty}p+p,div+p{margin-top:.75rem}"
    "dl{margin:1.25rem 0;padding:1rem 0;border:solid var(--line);border-width:1px 0;display:grid;"
    "grid-template-columns:max-content 1fr;gap:.375rem 1.25rem}"
    "dt{color:var(--soft)}dd{margin:0}"
    "code{padding:.1rem .375rem;border-radius:.3rem;background:var(--code);"
    "font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
    ".soft{color:var(--soft)}"
    "@media(max-width:26rem){body{padding:1rem}main{padding:1.5rem}"
    "dl{grid-template-columns:1fr;gap:0}dd+dt{margin-top:.5rem}}"
    "@media(forced-colors:active){path{stroke:CanvasText}}";

/* No icon of its own: else the browser asks the listener for one. */
static const char HEAD[] = "<!DOCTYPE html>\n"
                           "<html lang=\"en\">\n"
                           "<head>\n"
                           "<meta charset=\"utf-8\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<meta name=\"robots\" content=\"noindex\">\n"
                           "<link rel=\"icon\" href=\"data:,\">\n";

static const char MARK_SUCCESS[] =
    "<svg viewBox=\"0 0 48 48\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" r=\"24\"/>"
    "<path d=\"M15.5 24.5l6 6 11.5-12.5\"/></svg>\n";

static const char MARK_REFUSED[] =
    "<svg viewBox=\"0 0 48 48\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" r=\"24\"/>"
    "<path d=\"M24 14.5v11.5M24 32.8v.2\"/></svg>\n";

static void add_escaped(struct strbuf *buf, const char *text)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

    while (*text != '\0') {
        size_t plain = strcspn(text, "&<>\"'");

        strbuf_add(buf, text, plain);
        text += plain;
        for (size_t i = 0; *text != '\0' && i < sizeof entities / sizeof entities[0]; i++) {
            if (*text == entities[i].character) {
                strbuf_add_text(buf, entities[i].entity);
                text++;
                break;
            }
        }
    }
}

/* Appends the words of a stranger: cut at `most` bytes, without control characters, escaped. */
static void add_foreign(struct strbuf *buf, const char *text, size_t n, size_t most)
{
    char copy[SENTENCE_MOST + 1];
    bool cut = n > most;

    n = cut ? most : n;
    while (cut && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--; /* not within a character (RFC 3629 §3) */
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    text_make_printable(copy);
    add_escaped(buf, copy);
    strbuf_add_text(buf, cut ? "…" : "");
}

static void add_text(struct strbuf *buf, const char *text, size_t most)
{
    add_foreign(buf, text, strlen(text), most);
}

static bool has(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* The issuer as people know it: its host, with a port that is not the usual one. */
static void add_issuer_host(struct strbuf *buf, const char *issuer)
{
    struct url url;

    if (url_parse(issuer, &url)) {
        strbuf_add_text(buf, url.ipv6 ? "[" : "");
        add_foreign(buf, url.host, url.host_length, ADDRESS_MOST);
        strbuf_add_text(buf, url.ipv6 ? "]" : "");
        if (url.port != (url.https ? 443 : 80)) {
            strbuf_add_format(buf, ":%d", url.port);
        }
    } else {
        add_text(buf, issuer, ADDRESS_MOST);
    }
}

/* The facts, as far as they are known. */
static void add_facts(struct strbuf *buf, const struct sign_in_page *page)
{
    bool with_error = !page->success && has(page->error);

    if (!with_error && !has(page->server) && !has(page->issuer)) {
        return;
    }
    strbuf_add_text(buf, "<dl>\n");
    if (with_error) {
        strbuf_add_text(buf, "<dt>Error</dt><dd><code>");
        add_text(buf, page->error, ERROR_MOST);
        strbuf_add_text(buf, "</code></dd>\n");
    }
    if (has(page->server)) {
        strbuf_add_text(buf, "<dt>Server</dt><dd>");
        add_text(buf, page->server, ADDRESS_MOST);
        strbuf_add_text(buf, "</dd>\n");
    }
    if (has(page->issuer)) {
        strbuf_add_text(buf, "<dt>Provider</dt><dd>");
        add_issuer_host(buf, page->issuer);
        strbuf_add_text(buf, "</dd>\n");
    }
    strbuf_add_text(buf, "</dl>\n");
}

static void add_paragraph(struct strbuf *buf, const char *text)
{
    if (has(text)) {
        strbuf_add_text(buf, "<p>");
        add_text(buf, text, SENTENCE_MOST);
        strbuf_add_text(buf, "</p>\n");
    }
}

static void add_success(struct strbuf *buf, const struct sign_in_page *page)
{
    strbuf_add_text(buf, MARK_SUCCESS);
    strbuf_add_text(buf, "<div role=\"status\">\n<h1>You are signed in</h1>\n"
                         "<p>MLflow can now use the tracking server as you.</p>\n</div>\n");
    add_facts(buf, page);
    add_paragraph(buf, page->next);
    strbuf_add_text(buf, "<p class=\"soft\">You can close this tab and go back to your program.</p>\n");
}

static void add_refusal(struct strbuf *buf, const struct sign_in_page *page)
{
    strbuf_add_text(buf, MARK_REFUSED);
    strbuf_add_text(buf, "<div role=\"alert\">\n<h1>Sign-in did not succeed</h1>\n");
    add_paragraph(buf, page->description);
    strbuf_add_text(buf, "</div>\n");
    add_facts(buf, page);
    add_paragraph(buf, page->next);
    strbuf_add_text(buf, "<p class=\"soft\">You can close this tab; your program shows this message too.</p>\n");
}

void sign_in_page_render(struct strbuf *buf, const struct sign_in_page *page)
{
    strbuf_add_text(buf, HEAD);
    strbuf_add_format(buf, "<title>%s</title>\n<style>", page->success ? "Signed in" : "Sign-in did not succeed");
    strbuf_add_text(buf, STYLE);
    strbuf_add_format(buf, "</style>\n</head>\n<body%s>\n<main>\n", page->success ? "" : " class=\"refused\"");
    if (page->success) {
        add_success(buf, page);
    } else {
        add_refusal(buf, page);
    }
    strbuf_add_text(buf, "</main>\n</body>\n</html>\n");
}
