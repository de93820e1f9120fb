/* SPDX-License-Identifier: MIT */
#include "oauth/metadata.h"

#include "check.h"
#include "oauth/fail_memory.h"

#define TOKEN "\"token_endpoint\":\"https://h/token\""

static struct moidc_err err;

static struct metadata *parse(const char *text, const char *issuer)
{
    struct metadata *metadata = NULL;
    enum moidc_code rc;

    memset(&err, 0, sizeof err);
    rc = metadata_parse(text, strlen(text), issuer, &metadata, &err);
    CHECK(rc == err.code && (metadata != NULL) == (rc == MOIDC_OK));
    return metadata;
}

static void check_refused(const char *text, const char *issuer, const char *what)
{
    struct metadata *metadata = parse(text, issuer);

    CHECK(metadata == NULL && err.code == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.what, what);
    metadata_free(metadata);
}

static void check_accepted(const char *text, const char *issuer)
{
    struct metadata *metadata = parse(text, issuer);

    if (metadata == NULL) {
        fprintf(stderr, "%s: %s\n", text, err.what);
    }
    CHECK(metadata != NULL);
    metadata_free(metadata);
}

static void check_address(const char *issuer, bool oauth, const char *expected)
{
    CLEANUP(mem_free_p) char *url = NULL;

    CHECK(metadata_url(issuer, oauth, &url, &err) == MOIDC_OK);
    CHECK_TEXT(url, expected);
}

static void test_address_of_the_document(void)
{
    /* OIDC Discovery §4.1: a trailing slash is removed, the rest appended */
    check_address("https://h", false, "https://h/.well-known/openid-configuration");
    check_address("https://h/", false, "https://h/.well-known/openid-configuration");
    check_address("https://h:8443/realms/x", false, "https://h:8443/realms/x/.well-known/openid-configuration");
    check_address("https://h/realms/x/", false, "https://h/realms/x/.well-known/openid-configuration");
    /* RFC 8414 §3.1: between host and path */
    check_address("https://h", true, "https://h/.well-known/oauth-authorization-server");
    check_address("https://h/", true, "https://h/.well-known/oauth-authorization-server");
    check_address("https://h:8443/realms/x/", true, "https://h:8443/.well-known/oauth-authorization-server/realms/x");
}

static void test_issuer_that_is_no_uri_has_no_address(void)
{
    static const char *const issuers[] = {"", "h", "ftp://h", "https://", "https://h/a b"};
    char *url = NULL;

    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++) {
        CHECK(metadata_url(issuers[i], false, &url, &err) == MOIDC_E_CONFIGURATION && url == NULL);
        CHECK(metadata_url(issuers[i], true, &url, &err) == MOIDC_E_CONFIGURATION && url == NULL);
    }
}

static void test_members_are_taken_over(void)
{
    struct metadata *metadata =
        parse("{\"issuer\":\"https://h/\",\"authorization_endpoint\":\"https://h/auth?x=1\"," TOKEN
              ",\"jwks_uri\":\"https://keys.example/jwks\",\"revocation_endpoint\":\"https://h/revoke\","
              "\"device_authorization_endpoint\":\"https://h/device\","
              "\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\",\"client_secret_basic\"],"
              "\"authorization_response_iss_parameter_supported\":true,\"scopes_supported\":[\"openid\","
              "\"offline_access\"],\"unknown\":{\"a\":[1]}}",
              "https://h/");

    CHECK(metadata != NULL);
    if (metadata != NULL) {
        CHECK_TEXT(metadata->issuer, "https://h/");
        CHECK_TEXT(metadata->authorization_endpoint, "https://h/auth?x=1");
        CHECK_TEXT(metadata->token_endpoint, "https://h/token");
        CHECK_TEXT(metadata->jwks_uri, "https://keys.example/jwks");
        CHECK_TEXT(metadata->revocation_endpoint, "https://h/revoke");
        CHECK_TEXT(metadata->device_authorization_endpoint, "https://h/device");
        CHECK(!metadata->auth_post && metadata->auth_basic && metadata->iss_parameter && metadata->offline_access);
    }
    metadata_free(metadata);
}

static void test_what_is_not_named_is_not_there(void)
{
    struct metadata *metadata = parse("{\"issuer\":\"https://h\"," TOKEN ",\"jwks_uri\":null,"
                                      "\"authorization_response_iss_parameter_supported\":\"true\","
                                      "\"token_endpoint_auth_methods_supported\":\"client_secret_post\"}",
                                      "https://h");

    CHECK(metadata != NULL);
    if (metadata != NULL) {
        CHECK(metadata->authorization_endpoint == NULL && metadata->jwks_uri == NULL);
        CHECK(metadata->revocation_endpoint == NULL);
        CHECK(metadata->device_authorization_endpoint == NULL);
        CHECK(!metadata->auth_post && !metadata->auth_basic && !metadata->iss_parameter && !metadata->offline_access);
    }
    metadata_free(metadata);
    metadata = parse("{\"issuer\":\"https://h\"," TOKEN ",\"revocation_endpoint\":\"\",\"userinfo_endpoint\":\"\","
                     "\"device_authorization_endpoint\":\"\",\"end_session_endpoint\":\"\"}",
                     "https://h");
    CHECK(metadata != NULL); /* some write "" for none */
    if (metadata != NULL) {
        CHECK(metadata->revocation_endpoint == NULL && metadata->userinfo_endpoint == NULL);
        CHECK(metadata->device_authorization_endpoint == NULL && metadata->end_session_endpoint == NULL);
    }
    metadata_free(metadata);
    check_refused("{\"issuer\":\"https://h\",\"token_endpoint\":\"\"}", "https://h", "token_endpoint");
    check_refused("{\"issuer\":\"https://h\"," TOKEN ",\"jwks_uri\":\"\"}", "https://h", "jwks_uri");
    check_refused("{\"issuer\":\"https://h\"," TOKEN ",\"authorization_endpoint\":\"\"}", "https://h",
                  "authorization_endpoint");
    check_refused("{\"issuer\":\"https://h\"}", "https://h", "names no token_endpoint");
    check_refused("{\"issuer\":\"https://h\",\"token_endpoint\":null}", "https://h", "names no token_endpoint");
    check_refused("{" TOKEN "}", "https://h", "names no issuer");
    check_refused("{\"issuer\":1," TOKEN "}", "https://h", "names no issuer");
    check_refused("{}", "https://h", "names no issuer");
}

static void test_issuer_must_be_the_configured_one(void)
{
    check_accepted("{\"issuer\":\"https://h\"," TOKEN "}", "https://h/");
    check_accepted("{\"issuer\":\"https://h/\"," TOKEN "}", "https://h");
    check_refused("{\"issuer\":\"https://h//\"," TOKEN "}", "https://h", "another issuer");
    check_refused("{\"issuer\":\"https://evil.example\"," TOKEN "}", "https://h",
                  "another issuer: \"https://evil.example\"");
    check_refused("{\"issuer\":\"https://H\"," TOKEN "}", "https://h", "another issuer");
    check_refused("{\"issuer\":\"http://h\"," TOKEN "}", "https://h", "another issuer");
    check_refused("{\"issuer\":\"https://h/x\"," TOKEN "}", "https://h", "another issuer");
    check_refused("{\"issuer\":\"\"," TOKEN "}", "https://h", "another issuer");
    CHECK_CONTAINS(err.next, "exactly this value");
    check_refused("{\"issuer\":\"https://\\u001b[2J\"," TOKEN "}", "https://h", "\"https://?[2J\"");
    check_refused("{\"issuer\":\"https://h/{tenantid}/v2.0\"," TOKEN "}", "https://h/common/v2.0", "{tenantid}");
    CHECK_CONTAINS(err.next, "your own tenant");
}

static void test_issuer_is_kept_as_the_document_says(void)
{
    struct metadata *metadata = parse("{\"issuer\":\"https://h\"," TOKEN "}", "https://h/");

    CHECK(metadata != NULL);
    CHECK_TEXT(metadata != NULL ? metadata->issuer : NULL, "https://h");
    metadata_free(metadata);
}

static void test_endpoints_are_proper_https_uris(void)
{
    static const char *const names[] = {"authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint",
                                        "device_authorization_endpoint"};
    static const char *const bad[] = {"1",
                                      "[]",
                                      "\"/token\"",
                                      "\"ftp://h/\"",
                                      "\"javascript:1\"",
                                      "\"https://h/#f\"",
                                      "\"https://me:pw@h/\"",
                                      "\"https://h/a b\"",
                                      "\"https://h/\\r\\nX: 1\"",
                                      "\"http://h/\"",
                                      "\"http://127.0.0.1/\"",
                                      "\"http://localhost/\""};
    char text[512];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
            bool is_token = strcmp(names[i], "token_endpoint") == 0;

            snprintf(text, sizeof text, "{\"issuer\":\"https://h\",\"%s\":%s%s}", names[i], bad[j],
                     is_token ? "" : "," TOKEN);
            check_refused(text, "https://h", names[i]);
            CHECK(err.next[0] != '\0');
        }
    }
}

static void test_plain_http_is_for_loopback_issuers_alone(void)
{
    check_accepted("{\"issuer\":\"http://127.0.0.1:8080\",\"token_endpoint\":\"http://localhost:8080/t\"}",
                   "http://127.0.0.1:8080");
    check_accepted("{\"issuer\":\"http://[::1]:8080\",\"token_endpoint\":\"https://h/t\"}", "http://[::1]:8080");
    check_refused("{\"issuer\":\"http://127.0.0.1\",\"token_endpoint\":\"http://h/t\"}", "http://127.0.0.1",
                  "not https");
    check_refused("{\"issuer\":\"http://127.0.0.1\",\"token_endpoint\":\"http://127.0.0.1.example.com/t\"}",
                  "http://127.0.0.1", "not https");
    check_refused("{\"issuer\":\"https://127.0.0.1\",\"token_endpoint\":\"http://127.0.0.1/t\"}", "https://127.0.0.1",
                  "not https");
}

static void test_endless_endpoint_is_refused(void)
{
    static char text[6000];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"issuer\":\"https://h\",\"token_endpoint\":\"https://h/");

    memset(text + n, 'x', 4500);
    strcpy(text + n + 4500, "\"}");
    check_refused(text, "https://h", "token_endpoint");
}

static void test_strange_documents_are_refused(void)
{
    check_refused("", "https://h", "is not JSON");
    check_refused("<html>", "https://h", "is not JSON");
    check_refused("[]", "https://h", "is not a JSON object");
    check_refused("{\"issuer\":\"https://h\",\"issuer\":\"https://h\"," TOKEN "}", "https://h", "a key stands twice");
}

static enum moidc_code parse_one(void *ctx, struct moidc_err *failure)
{
    CLEANUP(metadata_free_p) struct metadata *metadata = NULL;

    return metadata_parse(ctx, strlen(ctx), "https://h", &metadata, failure);
}

static enum moidc_code make_address(void *ctx, struct moidc_err *failure)
{
    CLEANUP(mem_free_p) char *url = NULL;

    return metadata_url(ctx, true, &url, failure);
}

static void test_every_failing_allocation_is_told(void)
{
    char text[] =
        "{\"issuer\":\"https://h\"," TOKEN ",\"jwks_uri\":\"https://h/jwks\",\"scopes_supported\":[\"openid\"]}";

    fail_each_allocation(parse_one, text, 0);
    fail_each_allocation(parse_one, text, 1);
    fail_each_allocation(make_address, "https://h/x", 0);
}

int main(void)
{
    RUN(test_address_of_the_document);
    RUN(test_issuer_that_is_no_uri_has_no_address);
    RUN(test_members_are_taken_over);
    RUN(test_what_is_not_named_is_not_there);
    RUN(test_issuer_must_be_the_configured_one);
    RUN(test_issuer_is_kept_as_the_document_says);
    RUN(test_endpoints_are_proper_https_uris);
    RUN(test_plain_http_is_for_loopback_issuers_alone);
    RUN(test_endless_endpoint_is_refused);
    RUN(test_strange_documents_are_refused);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
