/* SPDX-License-Identifier: MIT */
#include "base/url.h"

#include "check.h"

#include <stdlib.h>

static bool parses(const char *text)
{
    char *copy = strdup(text); /* of exactly that size, for the address sanitizer */
    struct url url;
    bool rc = url_parse(copy, &url);

    free(copy);
    return rc;
}

static void check_refused(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (parses(texts[i])) {
            fprintf(stderr, "accepted: \"%s\"\n", texts[i]);
        }
        CHECK(!parses(texts[i]));
    }
}
#define CHECK_REFUSED(texts) check_refused((texts), sizeof(texts) / sizeof((texts)[0]))

static struct url url_of(const char *text)
{
    struct url url = {0};

    if (!url_parse(text, &url)) {
        fprintf(stderr, "refused: \"%s\"\n", text);
        CHECK(false);
        url = (struct url){.host = "", .path = ""};
    }
    return url;
}

static bool is_ambiguous(const char *text)
{
    struct url url = url_of(text);

    return url_is_ambiguous(&url);
}

static bool is_loopback(const char *text)
{
    struct url url = url_of(text);

    return url_is_loopback(&url);
}

static bool below(const char *text, const char *base_text)
{
    struct url url = url_of(text);
    struct url base = url_of(base_text);

    return url_is_below(&url, &base);
}

static void check_normalised(const char *text, const char *expected)
{
    struct url url = url_of(text);
    char *got = url_normalised(&url);

    CHECK_TEXT(got, expected);
    mem_free(got);
}

static void check_part(const char *part, size_t n, const char *expected)
{
    CHECK(n == strlen(expected) && memcmp(part, expected, n) == 0);
}

static void test_parts_are_those_of_rfc_3986(void)
{
    struct url url = url_of("hTTps://Me:pw@Host.Example:8443/a/b?x=1/../?y#frag?z");

    CHECK(url.https && url.userinfo && !url.ipv6 && url.port == 8443 && url.port_written && url.fragment);
    check_part(url.host, url.host_length, "Host.Example");
    check_part(url.path, url.path_length, "/a/b");
    check_part(url.query, url.query_length, "x=1/../?y");
    url = url_of("http://h");
    CHECK(!url.https && !url.userinfo && url.port == 80 && !url.port_written && !url.fragment && url.query == NULL);
    check_part(url.path, url.path_length, "");
    url = url_of("http://h?q");
    check_part(url.path, url.path_length, "");
    check_part(url.query, url.query_length, "q");
    url = url_of("http://h/?");
    CHECK(url.query != NULL && url.query_length == 0 && !url.fragment);
    url = url_of("http://h/#");
    CHECK(url.query == NULL && url.fragment);
    url = url_of("https://[2001:DB8::1]:8443/x");
    CHECK(url.ipv6 && url.port == 8443);
    check_part(url.host, url.host_length, "2001:DB8::1");
    CHECK(url_of("https://h").port == 443);
    CHECK(url_of("https://h:/").port == 443 && !url_of("https://h:/").port_written);
}

static void test_other_schemes_and_relative_forms_are_refused(void)
{
    static const char *const texts[] = {
        "",
        "h",
        "/a",
        "//h/a",
        "http:",
        "http:/h",
        "http:///a",
        "http://",
        "https://?q",
        "https://#",
        "ftp://h/",
        "httpss://h/",
        "http ://h/",
        " http://h/",
        "file:///etc/passwd",
        "ws://h/",
        "javascript:1",
        "databricks",
        "httpx://h",
        "http\x0b://h",
    };

    CHECK_REFUSED(texts);
}

static void test_characters_that_no_uri_has_are_refused(void)
{
    static const char bad[] = "\\\"<>^`{|} \t\r\n\x01\x7f";
    char text[32];

    for (const char *c = bad; *c != '\0'; c++) {
        snprintf(text, sizeof text, "http://h/a%cb", *c);
        CHECK(!parses(text));
        snprintf(text, sizeof text, "http://h/?a%cb", *c);
        CHECK(!parses(text));
        snprintf(text, sizeof text, "http://h%c.x/", *c);
        CHECK(!parses(text));
    }
    CHECK(!parses("http://h/\xc3\xa4"));
    CHECK(!parses("http://h\xef\xbc\x8f.example/")); /* a full-width slash */
    CHECK(!parses("http://h/a\r\nHost: evil"));
    CHECK(parses("http://h/!$&'()*+,;=:@-._~[]"));
}

static void test_percent_wants_two_hex_digits(void)
{
    static const char *const texts[] = {"http://h/%",  "http://h/%2",   "http://h/%zz", "http://h/%2g",
                                        "http://h/?%", "http://h/%%20", "http://%"};

    CHECK_REFUSED(texts);
    CHECK(parses("http://h/%20%aF%Fa"));
}

static void test_hosts_are_names_or_addresses(void)
{
    static const char *const texts[] = {
        "http://:80/",
        "http://a b/",
        "http://a%2eb/",
        "http://a!b/",
        "http://a,b/",
        "http://me@/",
        "http://me@:80/",
        "http://h:80:81/",
        "http://h:80@/",
        "http://[::1/",
        "http://::1/",
        "http://[::1]x/",
        "http://[::1]x:80/",
        "http://[]/",
        "http://[/]",
        "http://[127.0.0.1]/",
        "http://[abc]/",
        "http://[:]/",
        "http://[::1%25lo]/",
        "http://[1::2::3]/",
        "http://[::12345]/",
        "http://[v1.x]/",
        "http://[[::1]]/",
        "http://a[::1]/",
        "http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/",
    };

    CHECK_REFUSED(texts);
    CHECK(parses("http://a_b-c.d/"));
    CHECK(parses("http://[::ffff:10.0.0.1]/"));
    CHECK(parses("http://[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]/"));
}

static void test_ports_are_1_to_65535(void)
{
    static const char *const texts[] = {"http://h:0/",    "http://h:65536/",      "http://h:99999/", "http://h:-1/",
                                        "http://h:+80/",  "http://h: 80/",        "http://h:80a/",   "http://h:000/",
                                        "http://h:0x50/", "http://h:4294967376/", "http://[::1]:0/", "http://[::1]:x/"};

    CHECK_REFUSED(texts);
    CHECK(url_of("http://h:1/").port == 1 && url_of("http://h:65535/").port == 65535);
    CHECK(url_of("http://h:00080/").port == 80 && url_of("http://h:0000000443/").port == 443);
}

static void test_endless_uris_are_refused(void)
{
    size_t n = 64 * 1024;
    char *text = malloc(n + 2);

    memset(text, 'a', n + 1);
    memcpy(text, "http://h/", 9);
    text[n + 1] = '\0';
    CHECK(!parses(text));
    text[n] = '\0';
    CHECK(parses(text));
    free(text);
}

static void test_last_at_sign_ends_the_user_info(void)
{
    struct url url = url_of("http://mlflow.example.com@evil.example/");

    CHECK(url.userinfo);
    check_part(url.host, url.host_length, "evil.example");
    url = url_of("http://a@b@c/");
    check_part(url.host, url.host_length, "c");
    url = url_of("http://@h/");
    CHECK(url.userinfo);
    url = url_of("http://h/me@x");
    CHECK(!url.userinfo);
    url = url_of("http://h?me@x");
    CHECK(!url.userinfo);
    check_part(url.host, url.host_length, "h");
}

static void test_odd_paths_are_ambiguous(void)
{
    static const char *const odd[] = {
        "/.",     "/..",     "/./a",  "/../a", "/a/.",      "/a/..",  "/a/./b", "/a/../b",
        "/%2e",   "/%2E%2e", "/.%2e", "/%2e.", "/a/%2E./b", "/a%2fb", "/a%2Fb", "/%2f",
        "/a%5cb", "/%5C",    "/a%00", "/%00",  "/a//..",    "/..?q",  "/..#f",  "/a/%2e%2e?q",
    };
    static const char *const plain[] = {
        "",     "/",     "/a",    "/a/",        "/a//b", "/...",   "/a/...",  "/.a",     "/a.",    "/..a",
        "/a..", "/%2ea", "/a%2e", "/%2e%2e%2e", "/%20",  "/%252f", "?a/../b", "#a/../b", "/a?%2f", "/a?%00",
    };
    char text[64];

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        snprintf(text, sizeof text, "http://h%s", odd[i]);
        CHECK(is_ambiguous(text));
        CHECK(!below(text, "http://h/"));
        CHECK(!below("http://h/", text));
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        snprintf(text, sizeof text, "http://h%s", plain[i]);
        CHECK(!is_ambiguous(text));
        CHECK(below(text, "http://h/"));
    }
    CHECK(is_ambiguous("http://me@h/") && is_ambiguous("http://:@h/") && is_ambiguous("http://@h/"));
    CHECK(!below("http://me:pw@h/a", "http://h/a"));
}

/* What a server that takes parameters away, or decodes twice, would walk up. */
static void test_hidden_dot_segments_are_ambiguous(void)
{
    static const char *const odd[] = {
        "/a/..;/b",        "/..;",       "/a/.;x/b",     "/a/%2e%2e;x/b",   "/a/..%3b/b",      "/%252e",
        "/a/%252e%252e/b", "/%25252e.",  "/a/..%252fb",  "/a%252f..%252fb", "/a%255c..%255cb", "/%25%32%65/",
        "/%252525252525",  "/a/%2e%2e;", "/..%255c..%20"};
    static const char *const plain[] = {"/a;b/c",   "/a..;x",  "/...;x",  "/;..",   "/s3%253A%252F%252Fb%252Fc.txt",
                                        "/a%252eb", "/%252ea", "/100%25", "/%25zz", "/%25.%25"};
    char text[64];

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        snprintf(text, sizeof text, "http://h%s", odd[i]);
        CHECK(is_ambiguous(text));
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        snprintf(text, sizeof text, "http://h%s", plain[i]);
        CHECK(!is_ambiguous(text));
    }
}

static void test_below_ends_at_segment_boundaries(void)
{
    CHECK(below("http://h/a", "http://h/a"));
    CHECK(below("http://h/a", "http://h/a/"));
    CHECK(below("http://h/a/", "http://h/a"));
    CHECK(below("http://h/a/x", "http://h/a"));
    CHECK(below("http://h/a/x", "http://h/a//"));
    CHECK(below("http://h/a?x", "http://h/a"));
    CHECK(below("http://h/a#x", "http://h/a/"));
    CHECK(!below("http://h/ab", "http://h/a"));
    CHECK(!below("http://h/a%2fx", "http://h/a"));
    CHECK(!below("http://h/a%20", "http://h/a"));
    CHECK(!below("http://h/a;x", "http://h/a"));
    CHECK(!below("http://h/", "http://h/a"));
    CHECK(!below("http://h", "http://h/a"));
    CHECK(!below("http://h/A/x", "http://h/a")); /* paths have their case */
    CHECK(!below("http://h/b/a", "http://h/a"));
    CHECK(!below("http://h/?/a", "http://h/a"));
    CHECK(below("http://h", "http://h/"));
    CHECK(below("http://h?q", "http://h"));
}

static void test_below_means_the_same_origin(void)
{
    CHECK(below("HTTP://H.Example:80/", "http://h.example"));
    CHECK(below("https://h:443/a", "https://h/a"));
    CHECK(below("https://h:/a", "https://h/a"));
    CHECK(below("http://[2001:DB8::1]/", "http://[2001:db8::1]/"));
    CHECK(!below("https://h/", "http://h/"));
    CHECK(!below("https://h:80/", "http://h:80/"));
    CHECK(!below("http://h:8080/", "http://h/"));
    CHECK(!below("http://h.evil.example/", "http://h/"));
    CHECK(!below("http://evilh/", "http://h/"));
    CHECK(!below("http://x.h/", "http://h/"));
    CHECK(!below("http://h./", "http://h/"));
    CHECK(!below("http://h@evil.example/", "http://h/"));
    CHECK(!below("http://evil.example/http://h/", "http://h/"));
    CHECK(!below("http://evil.example?http://h/", "http://h/"));
    CHECK(!below("http://evil.example#@h/", "http://h/"));
}

static void test_paths_are_the_same_however_they_are_percent_encoded(void)
{
    static const char *const spellings[] = {"http://h/~u/[x]%C3%A9", "http://h/%7Eu/%5Bx%5D%c3%a9",
                                            "http://h/%7eu/%5b%78%5d%c3%A9"};

    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            char longer[64];

            CHECK(below(spellings[i], spellings[j]));
            snprintf(longer, sizeof longer, "%s/%%61", spellings[i]);
            CHECK(below(longer, spellings[j]) && !below(spellings[j], longer));
            snprintf(longer, sizeof longer, "%sa", spellings[i]);
            CHECK(!below(longer, spellings[j]));
        }
    }
    CHECK(!below("http://h/a%20", "http://h/a%21"));
    CHECK(!below("http://h/a%3Ab", "http://h/a:b")); /* reserved: not the same (RFC 3986 §2.2) */
    CHECK(!below("http://h/%2541", "http://h/A"));   /* once, and not twice */
    CHECK(!below("http://h/a%2Fb", "http://h/a"));
    CHECK(!below("http://h/%61", "http://h/%61b"));
    CHECK(!below("http://h/%C3", "http://h/%C3%A9"));
}

static void test_loopback_is_127_and_1_and_localhost(void)
{
    CHECK(is_loopback("http://127.0.0.1/") && is_loopback("http://127.255.255.254:1/"));
    CHECK(is_loopback("http://localhost/") && is_loopback("http://LOCALHOST:5000"));
    CHECK(is_loopback("http://[::1]/") && is_loopback("http://[0:0:0:0:0:0:0:1]/") && is_loopback("http://[0::01]/"));
    CHECK(is_loopback("http://evil.example@127.0.0.1/")); /* it is: who trusts it looks at userinfo too */
}

static void test_what_only_looks_like_loopback_is_not(void)
{
    static const char *const texts[] = {
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1./",
        "http://128.0.0.1/",
        "http://12.7.0.0.1/",
        "http://127.0.0/",
        "http://127.1/",
        "http://127...1/",
        "http://127.0.0.1.1/",
        "http://127.0.0.256/",
        "http://127.0.0.999/",
        "http://127.00000000.0.1/",
        "http://127.0..1/",
        "http://127.0.0.01/",
        "http://0.0.0.0/",
        "http://10.127.0.1/",
        "http://0177.0.0.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://localhost.example.com/",
        "http://localhosts/",
        "http://alocalhost/",
        "http://sub.localhost/",
        "http://127.0.0.1@evil.example/",
        "http://[::]/",
        "http://[::2]/",
        "http://[1::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost./",
        "http://localhost../",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (is_loopback(texts[i])) {
            fprintf(stderr, "taken for loopback: %s\n", texts[i]);
        }
        CHECK(!is_loopback(texts[i]));
    }
}

static void test_one_spelling_for_one_server(void)
{
    struct url url = url_of("HTTPS://H.Example:443/a/?q");
    char *origin = url_origin(&url);

    CHECK_TEXT(origin, "https://h.example");
    mem_free(origin);
    check_normalised("HTTPS://H.Example:443/", "https://h.example");
    check_normalised("https://h:00443", "https://h");
    check_normalised("https://h:80/", "https://h:80");
    check_normalised("http://h:80//", "http://h");
    check_normalised("http://h:8080/A/b//", "http://h:8080/A/b");
    check_normalised("http://h/a//b", "http://h/a//b");
    check_normalised("http://h/a/?q=1#f", "http://h/a");
    check_normalised("http://[2001:DB8::A]:8080/x/", "http://[2001:db8::a]:8080/x");
    check_normalised("http://h/%7euser/%c3%a9%2D%20%3a/%5b%41%5d/", "http://h/~user/%C3%A9-%20%3A/[A]");
    check_normalised("http://h/%2541%25", "http://h/%2541%25");
}

static void test_normalising_tells_when_memory_is_out(void)
{
    struct url url = url_of("http://h/a");

    for (unsigned long n = 1;; n++) {
        char *text;
        unsigned long count;

        mem_fail_at(n, 1);
        text = url_normalised(&url);
        count = mem_fail_at(0, 0);
        CHECK((text == NULL) == (count >= n));
        mem_free(text);
        if (count < n) {
            break;
        }
    }
}

int main(void)
{
    RUN(test_parts_are_those_of_rfc_3986);
    RUN(test_other_schemes_and_relative_forms_are_refused);
    RUN(test_characters_that_no_uri_has_are_refused);
    RUN(test_percent_wants_two_hex_digits);
    RUN(test_hosts_are_names_or_addresses);
    RUN(test_ports_are_1_to_65535);
    RUN(test_endless_uris_are_refused);
    RUN(test_last_at_sign_ends_the_user_info);
    RUN(test_odd_paths_are_ambiguous);
    RUN(test_hidden_dot_segments_are_ambiguous);
    RUN(test_below_ends_at_segment_boundaries);
    RUN(test_below_means_the_same_origin);
    RUN(test_paths_are_the_same_however_they_are_percent_encoded);
    RUN(test_loopback_is_127_and_1_and_localhost);
    RUN(test_what_only_looks_like_loopback_is_not);
    RUN(test_one_spelling_for_one_server);
    RUN(test_normalising_tells_when_memory_is_out);
    return check_summary();
}
