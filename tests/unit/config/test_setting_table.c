/* SPDX-License-Identifier: MIT */
#include "config/setting_table.h"

#include "check.h"

static void test_every_row_stands_at_its_number_and_is_complete(void)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_info *info = setting_info((enum setting_id)i);

        CHECK(info->id == (enum setting_id)i);
        CHECK(info->variable != NULL && info->key != NULL && info->default_text != NULL && info->meaning != NULL);
    }
}

static void test_names_find_their_row(void)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_info *info = setting_info((enum setting_id)i);

        CHECK(setting_by_key(info->key) == info);
        CHECK(setting_by_variable(info->variable) == info);
        CHECK_TEXT(setting_nearest_key(info->key), info->key);
    }
    CHECK(setting_by_key("client_id") == NULL && setting_by_key("") == NULL);
    CHECK(setting_by_variable("issuer") == NULL);
}

static void test_variable_is_the_key_in_capitals(void)
{
    for (int i = SETTING_ISSUER; i < SETTING_COUNT; i++) {
        const struct setting_info *info = setting_info((enum setting_id)i);
        const char *rest = info->variable + strlen(SETTING_VARIABLES);

        CHECK(strncmp(info->variable, SETTING_VARIABLES, strlen(SETTING_VARIABLES)) == 0);
        for (size_t j = 0; j <= strlen(info->key); j++) {
            char c = info->key[j];

            CHECK(rest[j] == (c == '-' ? '_' : c == '\0' ? c : (char)(c & ~0x20)));
        }
    }
    CHECK_TEXT(setting_info(SETTING_URI)->variable, "MLFLOW_TRACKING_URI");
}

static void test_slip_has_a_nearest_key(void)
{
    CHECK_TEXT(setting_nearest_key("client_id"), "client-id");
    CHECK_TEXT(setting_nearest_key("CLIENT_SECRET"), "client-secret");
    CHECK_TEXT(setting_nearest_key("clientId"), "client-id");
    CHECK_TEXT(setting_nearest_key("isuer"), "issuer");
    CHECK_TEXT(setting_nearest_key("scopes"), "scope");
    CHECK_TEXT(setting_nearest_key("url"), "uri");
}

static void test_stranger_has_no_nearest_key(void)
{
    static char huge[100001];

    memset(huge, 'a', sizeof huge - 1);
    CHECK(setting_nearest_key("colour") == NULL);
    CHECK(setting_nearest_key("") == NULL);
    CHECK(setting_nearest_key("x") == NULL);
    CHECK(setting_nearest_key(huge) == NULL);
    CHECK(setting_nearest_variable(huge) == NULL);
}

static void test_slip_has_a_nearest_variable(void)
{
    CHECK_TEXT(setting_nearest_variable("MLFLOW_TRACKING_OIDC_CLIENTID"), "MLFLOW_TRACKING_OIDC_CLIENT_ID");
    CHECK_TEXT(setting_nearest_variable("MLFLOW_TRACKING_OIDC_SCOPES"), "MLFLOW_TRACKING_OIDC_SCOPE");
    CHECK_TEXT(setting_nearest_variable("MLFLOW_TRACKING_OIDC_URI"), "MLFLOW_TRACKING_URI");
    CHECK(setting_nearest_variable("MLFLOW_TRACKING_OIDC_COLOUR") == NULL);
    CHECK(setting_nearest_variable("ISSUER") == NULL);
}

int main(void)
{
    RUN(test_every_row_stands_at_its_number_and_is_complete);
    RUN(test_names_find_their_row);
    RUN(test_variable_is_the_key_in_capitals);
    RUN(test_slip_has_a_nearest_key);
    RUN(test_stranger_has_no_nearest_key);
    RUN(test_slip_has_a_nearest_variable);
    return check_summary();
}
