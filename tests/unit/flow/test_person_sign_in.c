/* SPDX-License-Identifier: MIT */
/* A person signs in by code or by pasting, through the public functions; the clock runs as fast as the calls ask whether
 * they are cancelled. Each allocation fails in turn where the build has -Dfail-alloc=true. */
#include "session_fixture.h"

enum { STEP_S = 7 };

static struct moidc_token *token;
static enum moidc_code result;
static char shown[16 * 1024]; /* all that was shown */
static char address[1024];    /* what the browser ends on */
static char pasted[1024];     /* what the person types next; "": nothing */
static bool pastes;           /* the address that a browser would end on is typed as soon as it is known */
static int asked;             /* how often cancelled() was */
static int cancel_at;         /* it says yes from then on; 0: never */

/* The person follows the address that is shown, pastes what comes of it, and once more where that was not taken. */
static void act(const char *text)
{
    const char *state = strstr(text, "&state=");

    if (state != NULL) {
        snprintf(address, sizeof address, "code=C&%.*s", (int)strcspn(state + 1, "&\n"), state + 1);
    }
    if (pastes && (state != NULL || strstr(text, "what was pasted is not") != NULL)) {
        memcpy(pasted, address, sizeof pasted);
    }
}

static void show(void *ctx, const char *text)
{
    size_t n = strlen(shown);

    (void)ctx;
    snprintf(shown + n, sizeof shown - n, "%s\n", text);
    act(text);
}

static bool cancelled(void *ctx)
{
    (void)ctx;
    clock_shift_s(STEP_S);
    return cancel_at > 0 && ++asked >= cancel_at;
}

static bool typed(void *ctx, char *line, size_t size)
{
    bool some = pasted[0] != '\0';

    (void)ctx;
    snprintf(line, size, "%s", pasted);
    pasted[0] = '\0';
    return some;
}

static void begin(const char *flow)
{
    char variables[5][128];
    const char *all[] = {variables[0],
                         variables[1],
                         variables[2],
                         variables[3],
                         variables[4],
                         "MLFLOW_TRACKING_OIDC_CLIENT_ID=app",
                         "MLFLOW_TRACKING_OIDC_USE_ID_TOKEN=false",
                         "MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT=3600",
                         "MLFLOW_TRACKING_OIDC_REDIRECT_URI=http://127.0.0.1:0/cb",
                         "LANG=C.UTF-8",
                         "no_proxy=*",
                         NULL};

    scratch_begin();
    CHECK(chdir(scratch) == 0);
    provider_reset();
    snprintf(variables[0], sizeof variables[0], "HOME=%s", scratch);
    snprintf(variables[1], sizeof variables[1], "XDG_CACHE_HOME=%s", scratch);
    snprintf(variables[2], sizeof variables[2], "XDG_CONFIG_HOME=%s", scratch);
    snprintf(variables[3], sizeof variables[3], "MLFLOW_TRACKING_OIDC_ISSUER=http://127.0.0.1:%d", provider.port);
    snprintf(variables[4], sizeof variables[4], "MLFLOW_TRACKING_OIDC_FLOW=%s", flow);
    env = env_of(all);
    open_client();
    shown[0] = pasted[0] = address[0] = '\0';
    asked = cancel_at = 0;
    pastes = strcmp(flow, "paste") == 0;
    token = NULL;
}

static void end(void)
{
    moidc_token_release(token);
    token = NULL;
    session_end();
}

static enum moidc_code sign_in(void)
{
    struct moidc_ui ui = {.show = show, .cancelled = cancelled, .columns = 100, .notebook = true};
    struct moidc_token_request request = {.env = env, .ui = &ui};

    ui.typed = pastes ? typed : NULL;
    result = moidc_token_get(server, &request, &token, &err);
    return result;
}

static void test_a_code_brings_a_token_once_the_person_is_through(void)
{
    begin("device");
    provider.pending = 3;
    CHECK(sign_in() == MOIDC_OK);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, "T4");
    CHECK_CONTAINS(shown, "https://h/device\n");
    CHECK_CONTAINS(shown, "enter the code: WDJB-MJHT");
    CHECK_CONTAINS(shown, "\rWaiting for the sign-in, ");
    CHECK_CONTAINS(shown, "\xe2\x96\x88"); /* the QR code */
    end();
}

static void test_a_cancelled_wait_ends_at_once(void)
{
    begin("device");
    provider.pending = 1000;
    cancel_at = 20;
    CHECK(sign_in() == MOIDC_E_CANCELLED);
    end();
}

static void test_codes_that_run_out_are_replaced_until_the_time_is_over(void)
{
    begin("device");
    provider.pending = 100000;
    provider.device = "{\"device_code\":\"DC\",\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://h/device\","
                      "\"expires_in\":400,\"interval\":60}";
    CHECK(sign_in() == MOIDC_E_TIMEOUT);
    CHECK_CONTAINS(shown, "that code has expired; here is another");
    CHECK_CONTAINS(err.what, "3600 s");
    end();
}

static void test_a_pasted_address_brings_a_token(void)
{
    begin("paste");
    CHECK(sign_in() == MOIDC_OK);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, "T1");
    end();
}

static void prepare_device(void)
{
    begin("device");
}

static void prepare_paste(void)
{
    begin("paste");
}

static void tidy(void)
{
    CHECK((token != NULL) == (result == MOIDC_OK));
    end();
}

/* The client is of use afterwards. */
static void tidy_and_use(void)
{
    moidc_token_release(token);
    token = NULL;
    CHECK(sign_in() == MOIDC_OK);
    end();
}

static void test_each_allocation_of_a_device_sign_in_fails_in_turn(void)
{
    fail_each(prepare_device, sign_in, tidy, 0);
    fail_each(prepare_device, sign_in, tidy, 1);
}

static void test_each_allocation_of_a_pasted_sign_in_fails_in_turn(void)
{
    fail_each(prepare_paste, sign_in, tidy_and_use, 0);
}

int main(void)
{
    provider_start();
    RUN(test_a_code_brings_a_token_once_the_person_is_through);
    RUN(test_a_cancelled_wait_ends_at_once);
    RUN(test_codes_that_run_out_are_replaced_until_the_time_is_over);
    RUN(test_a_pasted_address_brings_a_token);
    RUN(test_each_allocation_of_a_device_sign_in_fails_in_turn);
    RUN(test_each_allocation_of_a_pasted_sign_in_fails_in_turn);
    provider_end();
    return check_summary();
}
