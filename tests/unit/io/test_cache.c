/* SPDX-License-Identifier: MIT */
#include "io/cache.h"

#include "scratch.h"

#define IDENTITY(i, c, s, a, k)                                                                                        \
    {                                                                                                                  \
        .issuer = (i), .client_id = (c), .scope = (s), .audience = (a), .kind = (k)                                    \
    }

static const struct identity ANN = IDENTITY("https://h/", "app", "openid", "app", "person");
static struct cache_dir *dir;

static void begin(void)
{
    scratch_begin();
    dir = open_scratch();
}

static void end(void)
{
    cache_dir_close(dir);
    scratch_end();
}

/* The path of the identity's file. */
static const char *path_of(const struct identity *identity)
{
    char name[CACHE_NAME_SIZE];
    char file[128];

    cache_name(identity, name);
    snprintf(file, sizeof file, "mlflow-oidc-client/%s.json", name);
    return in_scratch(file);
}

static struct cache_entry *entry_of(const char *access_token)
{
    struct cache_entry *entry = cache_entry_new();

    entry->access_token = secret_new_text(access_token);
    entry->obtained_at_s = 1700000000;
    entry->access_expires_at_s = 1700003600;
    CHECK(cache_entry_add_server(entry, "https://mlflow.example.com", &err) == MOIDC_OK);
    return entry;
}

static void write_one(const struct identity *identity, const char *access_token)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = entry_of(access_token);

    CHECK(cache_write(dir, identity, entry, &err) == MOIDC_OK);
}

/* Checks what the cache has for `identity`: that access token, or NULL for none. */
static void check_read(const struct identity *identity, const char *access_token, bool expect_damaged)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    bool damaged = false;

    memset(&err, 0, sizeof err);
    CHECK(cache_read(dir, identity, &entry, &damaged, &err) == MOIDC_OK);
    CHECK(damaged == expect_damaged && (entry != NULL) == (access_token != NULL));
    if (entry != NULL && access_token != NULL) {
        CHECK_TEXT(secret_reveal(entry->access_token), access_token);
    }
    if (damaged) {
        CHECK(err.code == MOIDC_E_STORAGE && err.what[0] != '\0' && err.where[0] != '\0' && err.next[0] != '\0');
    }
}

static void test_entry_comes_back_as_it_went_in(void)
{
    struct cache_entry *entry;
    struct cache_entry *back = NULL;
    bool damaged = false;

    begin();
    entry = entry_of("AT");
    entry->id_token = secret_new_text("a.b.c");
    entry->refresh_token = secret_new_text("RT\"\\");
    entry->subject = mem_strdup("Ann \xc3\xa4");
    entry->client_auth = mem_strdup("client_secret_basic");
    entry->id_expires_at_s = 1700000001;
    entry->offline = OFFLINE_REFUSED;
    entry->refresh_refused = true;
    CHECK(cache_write(dir, &ANN, entry, &err) == MOIDC_OK);
    CHECK(cache_read(dir, &ANN, &back, &damaged, &err) == MOIDC_OK && back != NULL && !damaged);
    CHECK(secret_equal(back->access_token, entry->access_token) && secret_equal(back->id_token, entry->id_token));
    CHECK(secret_equal(back->refresh_token, entry->refresh_token));
    CHECK_TEXT(back->subject, entry->subject);
    CHECK_TEXT(back->client_auth, "client_secret_basic");
    CHECK(back->obtained_at_s == 1700000000 && back->access_expires_at_s == 1700003600);
    CHECK(back->id_expires_at_s == 1700000001 && back->offline == OFFLINE_REFUSED);
    CHECK(back->refresh_refused);
    CHECK(back->server_count == 1 && cache_entry_serves(back, "https://mlflow.example.com"));
    cache_entry_free(entry);
    cache_entry_free(back);
    end();
}

static void test_no_identity_gets_the_token_of_another(void)
{
    const struct identity others[] = {
        IDENTITY("https://h", "app", "openid", "app", "person"),
        IDENTITY("https://h/", "App", "openid", "app", "person"),
        IDENTITY("https://h/", "app", "openid ", "app", "person"),
        IDENTITY("https://h/", "app", "openid", "", "person"),
        IDENTITY("https://h/", "app", "openid", "app", "client"),
        IDENTITY("https://h/a", "pp", "openid", "app", "person"),
    };

    begin();
    write_one(&ANN, "Ann's");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK(strcmp(path_of(&others[i]), path_of(&ANN)) != 0);
        check_read(&others[i], NULL, false);
        write_one(&others[i], "other's");
        check_read(&ANN, "Ann's", false);
    }
    end();
}

static void test_further_parts_of_an_identity_tell_it_apart(void)
{
    struct identity others[] = {ANN, ANN, ANN, ANN, ANN};

    others[0].login_hint = "bob";
    others[1].resource = "bob";
    others[2].authorize_params = "bob";
    others[3].login_hint = others[3].resource = "bob";
    others[4].login_hint = "b";
    begin();
    write_one(&ANN, "Ann's");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char token[16];

        snprintf(token, sizeof token, "token-%zu", i);
        check_read(&others[i], NULL, false);
        write_one(&others[i], token);
        check_read(&others[i], token, false);
        check_read(&ANN, "Ann's", false);
        for (size_t j = 0; j < i; j++) {
            CHECK(strcmp(path_of(&others[i]), path_of(&others[j])) != 0 && strcmp(path_of(&others[i]), path_of(&ANN)));
            check_read(&others[j], NULL, false);
        }
        CHECK(cache_remove(dir, &others[i], &(bool){false}, &err) == MOIDC_OK);
    }
    end();
}

/* As the first releases wrote it: name and members are those of an identity that has no more. */
static void test_file_of_before_there_was_more_is_found(void)
{
    static const char text[] = "{\"version\": 1, \"issuer\": \"https://h/\", \"client_id\": \"app\", "
                               "\"scope\": \"openid\", \"audience\": \"app\", \"kind\": \"person\", "
                               "\"servers\": [\"https://mlflow.example.com\"], \"access_token\": \"old\"}";
    struct identity none = ANN;
    struct identity more = ANN;

    none.login_hint = none.resource = none.authorize_params = "";
    more.login_hint = "ann";
    begin();
    CHECK(cache_dir_write(dir, "tokens-5ecaecdde9567885.json", text, sizeof text - 1, &err) == MOIDC_OK);
    CHECK_CONTAINS(path_of(&ANN), "tokens-5ecaecdde9567885.json");
    check_read(&ANN, "old", false);
    check_read(&none, "old", false);
    CHECK(rename(path_of(&ANN), path_of(&more)) == 0); /* as if both had the same hash */
    check_read(&more, NULL, false);
    end();
}

static void test_two_with_the_same_name_get_along(void)
{
    const struct identity bob = IDENTITY("https://h/", "app", "openid", "bob", "person");
    bool removed = false;

    begin();
    write_one(&ANN, "Ann's");
    CHECK(rename(path_of(&ANN), path_of(&bob)) == 0); /* as if both had the same hash */
    check_read(&bob, NULL, false);
    write_one(&bob, "Bob's");
    check_read(&bob, "Bob's", false);
    CHECK(rename(path_of(&bob), path_of(&ANN)) == 0);
    check_read(&ANN, "Ann's", false);
    CHECK(cache_remove(dir, &ANN, &removed, &err) == MOIDC_OK && removed);
    check_read(&ANN, NULL, false);
    CHECK(cache_remove(dir, &ANN, &removed, &err) == MOIDC_OK && !removed);
    end();
}

static void test_damaged_file_is_a_miss_and_replaced(void)
{
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"version\":1}",
        "\xff\xfe",
        "{\"issuer\":\"https://h/\",\"issuer\":\"x\"}",
        "{\"version\":1,\"issuer\":\"https://h/"
        "\",\"client_id\":\"app\",\"scope\":\"openid\",\"audience\":\"app\",\"kind\":7}",
        "{\"version\":1,\"issuer\":\"https://h/\",\"client_id\":\"app\",\"scope\":\"openid\",\"audience\":\"app\"}",
    };

    begin();
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        put_file(path_of(&ANN), damaged[i], 0600);
        check_read(&ANN, NULL, true);
        write_one(&ANN, "new");
        check_read(&ANN, "new", false);
    }
    put_file(path_of(&ANN), "{}", 0622);
    check_read(&ANN, NULL, true);
    write_one(&ANN, "new");
    check_read(&ANN, "new", false);
    CHECK(mode_of(path_of(&ANN)) == 0600);
    end();
}

#define NAMES                                                                                                          \
    "\"issuer\":\"https://h/\",\"client_id\":\"app\",\"scope\":\"openid\",\"audience\":\"app\",\"kind\":\"person\""

static void test_file_of_another_release_is_a_silent_miss(void)
{
    begin();
    put_file(path_of(&ANN), "{\"version\":2," NAMES ",\"access_token\":\"AT\"}", 0600);
    check_read(&ANN, NULL, false);
    put_file(path_of(&ANN), "{\"version\":\"1\"," NAMES ",\"access_token\":\"AT\"}", 0600);
    check_read(&ANN, NULL, false);
    put_file(path_of(&ANN), "{\"version\":1," NAMES ",\"access_token\":\"AT\"}", 0600);
    check_read(&ANN, "AT", false);
    end();
}

static void test_members_of_another_type_are_not_there(void)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    bool damaged = false;

    begin();
    put_file(path_of(&ANN),
             "{\"version\":1," NAMES ",\"access_token\":7,\"id_token\":[],\"refresh_token\":{},\"subject\":1,"
             "\"servers\":{\"a\":\"https://evil\"},\"obtained_at\":\"1\",\"access_expires_at\":1e300,"
             "\"id_expires_at\":null,\"client_auth\":false,\"offline_access\":\"yes\"}",
             0600);
    CHECK(cache_read(dir, &ANN, &entry, &damaged, &err) == MOIDC_OK && entry != NULL && !damaged);
    CHECK(entry->access_token == NULL && entry->id_token == NULL && entry->refresh_token == NULL);
    CHECK(entry->subject == NULL && entry->client_auth == NULL && entry->server_count == 0);
    CHECK(entry->obtained_at_s == 0 && entry->access_expires_at_s == 0 && entry->id_expires_at_s == 0);
    CHECK(entry->offline == OFFLINE_UNKNOWN);
    end();
}

/* Whoever wrote it: what a header cannot carry, or what would begin another one, is never sent. */
static void test_tokens_that_no_header_can_carry_are_damage(void)
{
    static const char *const tokens[] = {"access_token", "id_token", "refresh_token"};
    static const char *const texts[] = {"AT\\r\\nX-Evil: 1", "A T", "", "\\u0007", "T\\u00f6ken", "\\u007f"};
    char text[512];

    begin();
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0] * (sizeof texts / sizeof texts[0]); i++) {
        snprintf(text, sizeof text, "{\"version\":1," NAMES ",\"%s\":\"%s\"}", tokens[i % 3], texts[i / 3]);
        put_file(path_of(&ANN), text, 0600);
        check_read(&ANN, NULL, true);
        CHECK_CONTAINS(err.what, tokens[i % 3]);
        CHECK(strstr(err.what, "Evil") == NULL);
        write_one(&ANN, "new");
        check_read(&ANN, "new", false);
    }
    end();
}

static void test_servers_are_compared_whole(void)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = entry_of("AT");

    CHECK(cache_entry_serves(entry, "https://mlflow.example.com"));
    CHECK(!cache_entry_serves(entry, "https://mlflow.example.com/a") && !cache_entry_serves(entry, "https://mlflow"));
    CHECK(!cache_entry_serves(entry, "") && !cache_entry_serves(entry, "http://mlflow.example.com"));
    CHECK(cache_entry_add_server(entry, "https://mlflow.example.com", &err) == MOIDC_OK && entry->server_count == 1);
}

static void test_oldest_of_64_servers_goes(void)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = cache_entry_new();
    char server[32];

    for (int i = 0; i < 66; i++) {
        snprintf(server, sizeof server, "https://h%d", i);
        CHECK(cache_entry_add_server(entry, server, &err) == MOIDC_OK);
    }
    CHECK(entry->server_count == 64 && !cache_entry_serves(entry, "https://h0") &&
          !cache_entry_serves(entry, "https://h1"));
    CHECK(cache_entry_serves(entry, "https://h2") && cache_entry_serves(entry, "https://h65"));
}

static void test_what_is_too_large_is_not_kept(void)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = cache_entry_new();
    static char endless[CACHE_FILE_MOST_BYTES + 1];

    begin();
    write_one(&ANN, "old");
    memset(endless, 'x', sizeof endless - 1);
    entry->access_token = secret_new_text(endless);
    CHECK(cache_write(dir, &ANN, entry, &err) == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.what, "is larger than");
    check_read(&ANN, "old", false);
    end();
}

static void test_copy_shares_nothing(void)
{
    struct cache_entry *entry = entry_of("AT");
    struct cache_entry *copy = NULL;

    entry->subject = mem_strdup("Ann");
    entry->offline = OFFLINE_ASK;
    CHECK(cache_entry_copy(entry, &copy, &err) == MOIDC_OK);
    cache_entry_free(entry);
    CHECK_TEXT(secret_reveal(copy->access_token), "AT");
    CHECK_TEXT(copy->subject, "Ann");
    CHECK(copy->offline == OFFLINE_ASK && cache_entry_serves(copy, "https://mlflow.example.com"));
    cache_entry_free(copy);
    cache_entry_free(NULL);
}

/* Writes, reads and copies with each allocation failing in turn. */
static enum moidc_code round_trip(const struct cache_entry *entry)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *back = NULL;
    CLEANUP(cache_entry_free_p) struct cache_entry *copy = NULL;
    bool damaged = false;
    enum moidc_code rc = cache_write(dir, &ANN, entry, &err);

    rc = rc == MOIDC_OK ? cache_read(dir, &ANN, &back, &damaged, &err) : rc;
    CHECK(!damaged);
    return rc == MOIDC_OK ? cache_entry_copy(back, &copy, &err) : rc;
}

static void test_every_failing_allocation_is_told_and_spoils_nothing(void)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = entry_of("new");
    unsigned long count;
    unsigned long n = 1;

    begin();
    write_one(&ANN, "old");
    do {
        CLEANUP(cache_entry_free_p) struct cache_entry *back = NULL;
        bool damaged = false;
        enum moidc_code rc;

        mem_fail_at(n, 0);
        rc = round_trip(entry);
        count = mem_fail_at(0, 0);
        CHECK(rc == (count < n ? MOIDC_OK : MOIDC_E_MEMORY));
        CHECK(cache_read(dir, &ANN, &back, &damaged, &err) == MOIDC_OK && back != NULL && !damaged);
    } while (count >= n++);
    CHECK(n > 20 || n == 2);
    end();
}

int main(void)
{
    RUN(test_entry_comes_back_as_it_went_in);
    RUN(test_no_identity_gets_the_token_of_another);
    RUN(test_further_parts_of_an_identity_tell_it_apart);
    RUN(test_file_of_before_there_was_more_is_found);
    RUN(test_two_with_the_same_name_get_along);
    RUN(test_damaged_file_is_a_miss_and_replaced);
    RUN(test_file_of_another_release_is_a_silent_miss);
    RUN(test_members_of_another_type_are_not_there);
    RUN(test_tokens_that_no_header_can_carry_are_damage);
    RUN(test_servers_are_compared_whole);
    RUN(test_oldest_of_64_servers_goes);
    RUN(test_what_is_too_large_is_not_kept);
    RUN(test_copy_shares_nothing);
    RUN(test_every_failing_allocation_is_told_and_spoils_nothing);
    return check_summary();
}
