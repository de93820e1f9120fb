/* SPDX-License-Identifier: MIT */
#include "oauth/token_request.h"

#include "check.h"
#include "oauth/fail_memory.h"

static struct secret *code;
static struct secret *verifier;
static struct secret *refresh_token;
static struct secret *client_secret;

static struct http_request *make(const struct client *client, const struct token_grant *grant)
{
    struct http_request *request = NULL;
    struct moidc_err err;

    CHECK(token_request_new("https://h/token", client, grant, &request, &err) == MOIDC_OK);
    CHECK_TEXT(request->url, "https://h/token");
    return request;
}

static void check_body(const struct client *client, const struct token_grant *grant, const char *body,
                       const char *authorization, bool repeatable)
{
    CLEANUP(http_request_free_p) struct http_request *request = make(client, grant);

    CHECK_TEXT(secret_reveal(request->body), body);
    CHECK(request->repeatable == repeatable);
    if (authorization == NULL) {
        CHECK(request->authorization == NULL);
    } else {
        CHECK_TEXT(request->authorization != NULL ? secret_reveal(request->authorization) : NULL, authorization);
    }
}

static void test_public_client_sends_its_id_alone(void)
{
    struct client client = {.client_id = "my app"};
    struct token_grant grant = {
        .grant = GRANT_CODE, .code = code, .verifier = verifier, .redirect_uri = "http://[::1]:1/c"};

    check_body(&client, &grant,
               "grant_type=authorization_code&code=c%2Fd%3D&code_verifier=v-1&redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D"
               "%3A1%2Fc&client_id=my+app",
               NULL, false);
}

static void test_code_is_never_sent_twice(void)
{
    struct client client = {.client_id = "a", .client_secret = client_secret, .auth = CLIENT_AUTH_POST};
    struct token_grant grant = {
        .grant = GRANT_CODE, .code = code, .verifier = verifier, .redirect_uri = "r", .audience = "api"};

    check_body(&client, &grant,
               "grant_type=authorization_code&code=c%2Fd%3D&code_verifier=v-1&redirect_uri=r&audience=api&client_id=a&"
               "client_secret=s%3A+%25%C3%A4%2B",
               NULL, false);
}

static void test_refresh_and_client_credentials_say_what_they_must(void)
{
    struct client client = {.client_id = "a", .client_secret = client_secret, .auth = CLIENT_AUTH_POST};
    struct token_grant refresh = {.grant = GRANT_REFRESH, .refresh_token = refresh_token};
    struct token_grant credentials = {.grant = GRANT_CLIENT_CREDENTIALS, .scope = "read write", .audience = ""};

    check_body(&client, &refresh,
               "grant_type=refresh_token&refresh_token=r%26t&client_id=a&client_secret=s%3A+%25%C3%A4%2B", NULL, true);
    check_body(&client, &credentials,
               "grant_type=client_credentials&scope=read+write&client_id=a&client_secret=s%3A+%25%C3%A4%2B", NULL,
               true);
}

/* RFC 9126 §2.1: as it would stand in the address, with the client authenticated as at the token endpoint */
static void test_pushed_request_names_the_client_once(void)
{
    struct client public_client = {.client_id = "a"};
    struct client post = {.client_id = "a", .client_secret = client_secret, .auth = CLIENT_AUTH_POST};
    struct client basic = {.client_id = "a", .client_secret = client_secret, .auth = CLIENT_AUTH_BASIC};
    struct authz_request authorization = {
        .client_id = "a", .redirect_uri = "r", .code_challenge = "ch", .audience = "api", .resource = "urn:x urn:y"};
    struct token_grant grant = {.grant = GRANT_PUSH, .authorization = &authorization};
#define PUSHED                                                                                                         \
    "response_type=code&client_id=a&redirect_uri=r&code_challenge=ch&code_challenge_method=S256&audience=api"          \
    "&resource=urn%3Ax&resource=urn%3Ay"

    check_body(&public_client, &grant, PUSHED, NULL, true);
    check_body(&post, &grant, PUSHED "&client_secret=s%3A+%25%C3%A4%2B", NULL, true);
    check_body(&basic, &grant, PUSHED, "Basic YTpzJTNBKyUyNSVDMyVBNCUyQg==", true);
}

static void test_device_requests_carry_the_client_and_pkce(void)
{
    struct client public_client = {.client_id = "a"};
    struct client client = {.client_id = "a", .client_secret = client_secret, .auth = CLIENT_AUTH_POST};
    struct token_grant start = {
        .grant = GRANT_DEVICE_START, .scope = "openid x", .code_challenge = "ch", .audience = "api"};
    struct token_grant poll = {.grant = GRANT_DEVICE, .code = code, .verifier = verifier, .audience = "api"};

    check_body(&public_client, &start,
               "scope=openid+x&code_challenge=ch&code_challenge_method=S256&audience=api&client_id=a", NULL, true);
    start.code_challenge = NULL;
    check_body(&client, &start, "scope=openid+x&audience=api&client_id=a&client_secret=s%3A+%25%C3%A4%2B", NULL, true);
    /* asked again at the pace that the provider wants, not at that of other requests */
    check_body(
        &public_client, &poll,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=c%2Fd%3D&code_verifier=v-1&"
        "audience=api&client_id=a",
        NULL, false);
}

static void test_resources_go_one_by_one(void)
{
    struct client client = {.client_id = "a"};
    struct token_grant refresh = {.grant = GRANT_REFRESH, .refresh_token = refresh_token, .resource = "x:y  z:1"};

    check_body(&client, &refresh,
               "grant_type=refresh_token&refresh_token=r%26t&resource=x%3Ay&resource=z%3A1&client_id=a", NULL, true);
}

static void test_secret_can_be_kept_back(void)
{
    struct client client = {.client_id = "a", .client_secret = client_secret, .auth = CLIENT_AUTH_NONE};
    struct token_grant grant = {.grant = GRANT_REFRESH, .refresh_token = refresh_token};

    check_body(&client, &grant, "grant_type=refresh_token&refresh_token=r%26t&client_id=a", NULL, true);
    CHECK_TEXT(client_auth_name(CLIENT_AUTH_NONE), "none");
}

static void test_revocation_names_the_kind_of_token(void)
{
    struct client client = {.client_id = "a"};
    struct token_grant grant = {.grant = GRANT_REVOCATION, .refresh_token = refresh_token};
    CLEANUP(http_request_free_p) struct http_request *request = make(&client, &grant);

    check_body(&client, &grant, "token=r%26t&token_type_hint=refresh_token&client_id=a", NULL, true);
    CHECK_TEXT(request->what, "the revocation endpoint");
}

static void test_basic_encodes_id_and_secret_first(void)
{
    /* RFC 6749 §2.3.1: "my app:1" and "s: %ä+" as form-urlencoded, joined by a colon, then base64 */
    struct client client = {.client_id = "my app:1", .client_secret = client_secret, .auth = CLIENT_AUTH_BASIC};
    struct token_grant grant = {.grant = GRANT_CLIENT_CREDENTIALS};

    check_body(&client, &grant, "grant_type=client_credentials",
               "Basic bXkrYXBwJTNBMTpzJTNBKyUyNSVDMyVBNCUyQg==", true);
}

static void test_basic_without_a_secret_is_a_public_client(void)
{
    struct client client = {.client_id = "a", .auth = CLIENT_AUTH_BASIC};
    struct token_grant grant = {.grant = GRANT_REFRESH, .refresh_token = refresh_token};

    check_body(&client, &grant, "grant_type=refresh_token&refresh_token=r%26t&client_id=a", NULL, true);
}

static void test_first_method_is_what_the_metadata_lists(void)
{
    struct metadata none = {0};
    struct metadata post = {.auth_post = true};
    struct metadata basic = {.auth_basic = true};
    struct metadata both = {.auth_post = true, .auth_basic = true};

    CHECK(client_auth_first(&none) == CLIENT_AUTH_POST && client_auth_first(&post) == CLIENT_AUTH_POST);
    CHECK(client_auth_first(&basic) == CLIENT_AUTH_BASIC && client_auth_first(&both) == CLIENT_AUTH_POST);
    CHECK_TEXT(client_auth_name(CLIENT_AUTH_BASIC), "client_secret_basic");
    CHECK_TEXT(client_auth_name(CLIENT_AUTH_POST), "client_secret_post");
}

static void test_endless_parts_are_refused(void)
{
    static char text[140 * 1024];
    CLEANUP(secret_free_p) struct secret *endless = NULL;
    struct client client = {.client_id = "a"};
    struct token_grant grant = {.grant = GRANT_REFRESH};
    struct http_request *request = NULL;
    struct moidc_err err = {0};

    memset(text, 'x', sizeof text - 1);
    endless = secret_new_text(text);
    grant.refresh_token = endless;
    CHECK(token_request_new("https://h/", &client, &grant, &request, &err) == MOIDC_E_PROTOCOL && request == NULL);
    CHECK_CONTAINS(err.what, "the token request is larger than");
    grant.refresh_token = refresh_token;
    client.client_secret = endless;
    client.auth = CLIENT_AUTH_BASIC;
    CHECK(token_request_new("https://h/", &client, &grant, &request, &err) == MOIDC_E_PROTOCOL && request == NULL);
}

static enum moidc_code make_one(void *ctx, struct moidc_err *err)
{
    const enum client_auth *auth = ctx;
    struct client client = {.client_id = "a", .client_secret = client_secret, .auth = *auth};
    struct token_grant grant = {.grant = GRANT_REFRESH, .refresh_token = refresh_token, .audience = "x"};
    CLEANUP(http_request_free_p) struct http_request *request = NULL;

    return token_request_new("https://h/token", &client, &grant, &request, err);
}

static void test_every_failing_allocation_is_told(void)
{
    for (enum client_auth auth = CLIENT_AUTH_POST; auth <= CLIENT_AUTH_BASIC; auth++) {
        fail_each_allocation(make_one, &auth, 0);
        fail_each_allocation(make_one, &auth, 1);
    }
}

int main(void)
{
    code = secret_new_text("c/d=");
    verifier = secret_new_text("v-1");
    refresh_token = secret_new_text("r&t");
    client_secret = secret_new_text("s: %\xc3\xa4+");
    RUN(test_public_client_sends_its_id_alone);
    RUN(test_code_is_never_sent_twice);
    RUN(test_refresh_and_client_credentials_say_what_they_must);
    RUN(test_pushed_request_names_the_client_once);
    RUN(test_device_requests_carry_the_client_and_pkce);
    RUN(test_resources_go_one_by_one);
    RUN(test_secret_can_be_kept_back);
    RUN(test_revocation_names_the_kind_of_token);
    RUN(test_basic_encodes_id_and_secret_first);
    RUN(test_basic_without_a_secret_is_a_public_client);
    RUN(test_first_method_is_what_the_metadata_lists);
    RUN(test_endless_parts_are_refused);
    RUN(test_every_failing_allocation_is_told);
    secret_free(code);
    secret_free(verifier);
    secret_free(refresh_token);
    secret_free(client_secret);
    return check_summary();
}
