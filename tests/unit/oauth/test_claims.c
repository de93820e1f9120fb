/* SPDX-License-Identifier: MIT */
#include "oauth/claims.h"

#include "base/base64url.h"

#include "check.h"

static struct moidc_err err;

/* "header.payload.signature", as a token looks; nothing is signed. */
static struct secret *token_of(const char *payload)
{
    struct strbuf text = STRBUF_INIT(64 * 1024);
    struct secret *token;

    base64url_encode(&text, (const unsigned char *)"{\"alg\":\"RS256\"}", 15);
    strbuf_add_text(&text, ".");
    base64url_encode(&text, (const unsigned char *)payload, strlen(payload));
    strbuf_add_text(&text, ".AAAA");
    token = secret_new(text.bytes, text.length);
    strbuf_free(&text);
    return token;
}

static bool read_token(const char *payload, struct claims *ret)
{
    struct secret *token = token_of(payload);
    bool readable = false;

    CHECK(claims_of_token(token, &readable, ret, &err) == MOIDC_OK);
    secret_free(token);
    return readable;
}

static void test_the_claims_of_a_token_are_read(void)
{
    struct claims claims;

    CHECK(read_token("{\"iss\":\"https://i\",\"sub\":\"1\",\"aud\":[\"a\",7,\"b\"],\"azp\":\"z\",\"exp\":9.5,\"iat\":3,"
                     "\"name\":\"A B\",\"email\":\"a@b\"}",
                     &claims));
    CHECK_TEXT(claims.issuer, "https://i");
    CHECK_TEXT(claims.subject, "1");
    CHECK_TEXT(claims.audience, "a b");
    CHECK_TEXT(claims.authorized_party, "z");
    CHECK_TEXT(claims.username, "A B");
    CHECK_TEXT(claims.email, "a@b");
    CHECK(claims.expires_at_s == 9 && claims.issued_at_s == 3);
    CHECK(read_token("{\"aud\":\"one\",\"name\":\"A B\",\"preferred_username\":\"ab\"}", &claims));
    CHECK_TEXT(claims.audience, "one");
    CHECK_TEXT(claims.username, "ab");
    CHECK_TEXT(claims.issuer, "");
    CHECK(claims.expires_at_s == 0);
}

static void test_a_token_that_is_no_jwt_is_no_failure(void)
{
    struct secret *token = secret_new_text("opaque");
    struct claims claims;
    bool readable = true;

    CHECK(claims_of_token(token, &readable, &claims, &err) == MOIDC_OK && !readable);
    secret_free(token);
    CHECK(!read_token("[1]", &claims));
}

static void test_texts_are_bounded_and_printable(void)
{
    static char payload[9000];
    struct claims claims;
    size_t n = (size_t)snprintf(payload, sizeof payload, "{\"sub\":\"\\u001b[2J\",\"aud\":[");

    for (int i = 0; i < 500; i++) {
        n += (size_t)snprintf(payload + n, sizeof payload - n, "%s\"audience-%d\"", i > 0 ? "," : "", i);
    }
    snprintf(payload + n, sizeof payload - n, "]}");
    CHECK(read_token(payload, &claims));
    CHECK_TEXT(claims.subject, "?[2J");
    CHECK(strlen(claims.audience) == sizeof claims.audience - 1);
}

static enum moidc_code read_userinfo(int status, const char *type, const char *body, const char *subject,
                                     struct claims *ret)
{
    struct http_response *reply = http_response_new(4096);
    enum moidc_code rc;

    reply->status = status;
    snprintf(reply->content_type, sizeof reply->content_type, "%s", type);
    strbuf_add_text(&reply->body, body);
    memset(&err, 0, sizeof err);
    rc = claims_of_userinfo(reply, subject, ret, &err);
    http_response_free(reply);
    return rc;
}

static void test_userinfo_is_about_the_same_person_or_refused(void)
{
    static const char json[] = "application/json";
    struct claims claims;

    CHECK(read_userinfo(200, json, "{\"sub\":\"1\",\"email\":\"a@b\"}", "1", &claims) == MOIDC_OK);
    CHECK_TEXT(claims.email, "a@b");
    CHECK(read_userinfo(200, json, "{\"sub\":\"2\"}", NULL, &claims) == MOIDC_OK);
    CHECK_TEXT(claims.subject, "2");
    CHECK(read_userinfo(200, json, "{\"sub\":\"2\"}", "1", &claims) == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.what, "\"2\"");
    CHECK_CONTAINS(err.next, "logout");
    CHECK(read_userinfo(200, json, "{\"sub\":\"\"}", NULL, &claims) == MOIDC_E_PROTOCOL);
    CHECK(read_userinfo(200, json, "{}", "1", &claims) == MOIDC_E_PROTOCOL);
    CHECK(read_userinfo(200, json, "{\"sub\":1}", "1", &claims) == MOIDC_E_PROTOCOL);
    CHECK(read_userinfo(200, json, "[]", "1", &claims) == MOIDC_E_PROTOCOL);
    CHECK(read_userinfo(200, "application/jwt", "a.b.c", "1", &claims) == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.next, "userinfo_signed_response_alg");
}

static void test_userinfo_that_refuses_is_told_by_whose_fault_it_is(void)
{
    struct claims claims;

    CHECK(read_userinfo(401, "", "", "1", &claims) == MOIDC_E_PROVIDER && err.http_status == 401);
    CHECK(read_userinfo(403, "", "", "1", &claims) == MOIDC_E_PROVIDER);
    CHECK(read_userinfo(503, "", "", "1", &claims) == MOIDC_E_PROVIDER);
    CHECK_CONTAINS(err.next, "later");
    CHECK(read_userinfo(302, "", "", "1", &claims) == MOIDC_E_PROTOCOL);
    CHECK(read_userinfo(404, "", "", "1", &claims) == MOIDC_E_PROTOCOL);
}

int main(void)
{
    RUN(test_the_claims_of_a_token_are_read);
    RUN(test_a_token_that_is_no_jwt_is_no_failure);
    RUN(test_texts_are_bounded_and_printable);
    RUN(test_userinfo_is_about_the_same_person_or_refused);
    RUN(test_userinfo_that_refuses_is_told_by_whose_fault_it_is);
    return check_summary();
}
