/* SPDX-License-Identifier: MIT */
#include "io/file.h"

#include "scratch.h"

static enum moidc_code read_file(const char *path, size_t most, struct strbuf *bytes, struct file_facts *facts)
{
    *bytes = (struct strbuf)STRBUF_INIT(most);
    memset(&err, 0, sizeof err);
    return file_read(path, bytes, facts, &err);
}

static void test_bytes_and_facts_are_told(void)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);
    struct file_facts facts;

    scratch_begin();
    put_file(in_scratch("f"), "some text", 0644);
    CHECK(read_file(in_scratch("f"), 100, &bytes, &facts) == MOIDC_OK);
    CHECK_TEXT(strbuf_text(&bytes), "some text");
    CHECK(!facts.absent && facts.trusted_owner && !facts.others_can_write);
    scratch_end();
}

static void test_files_that_others_can_write_are_told(void)
{
    static const mode_t modes[] = {0660, 0606, 0666};
    struct file_facts facts;

    scratch_begin();
    put_file(in_scratch("f"), "", 0600);
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);

        CHECK(chmod(in_scratch("f"), modes[i]) == 0);
        CHECK(read_file(in_scratch("f"), 100, &bytes, &facts) == MOIDC_OK && facts.others_can_write);
    }
    if (geteuid() == 0) {
        CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);

        CHECK(chown(in_scratch("f"), 12345, 12345) == 0);
        CHECK(read_file(in_scratch("f"), 100, &bytes, &facts) == MOIDC_OK && !facts.trusted_owner);
    }
    scratch_end();
}

static void test_what_is_no_file_is_absent(void)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);
    struct file_facts facts;

    scratch_begin();
    put_file(in_scratch("f"), "x", 0600);
    CHECK(mkfifo(in_scratch("fifo"), 0600) == 0 && symlink("nowhere", in_scratch("dangling")) == 0);
    CHECK(read_file(in_scratch("none"), 100, &bytes, &facts) == MOIDC_OK && facts.absent);
    CHECK(read_file(in_scratch("f/none"), 100, &bytes, &facts) == MOIDC_OK && facts.absent);
    CHECK(read_file(in_scratch("dangling"), 100, &bytes, &facts) == MOIDC_OK && facts.absent);
    CHECK(read_file(scratch, 100, &bytes, &facts) == MOIDC_OK && facts.absent);
    CHECK(read_file(in_scratch("fifo"), 100, &bytes, &facts) == MOIDC_OK && facts.absent); /* and nobody waits */
    CHECK(read_file("/dev/zero", 100, &bytes, &facts) == MOIDC_OK && facts.absent);
    CHECK(bytes.length == 0);
    scratch_end();
}

static void test_link_to_a_file_is_followed(void)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);
    struct file_facts facts;

    scratch_begin();
    put_file(in_scratch("f"), "x", 0600);
    CHECK(symlink("f", in_scratch("link")) == 0);
    CHECK(read_file(in_scratch("link"), 100, &bytes, &facts) == MOIDC_OK && !facts.absent);
    CHECK_TEXT(strbuf_text(&bytes), "x");
    CHECK(facts.trusted_owner);
    scratch_end();
}

/* Another user cannot choose which of our files is read: one of a repository that we cloned, say. */
static void test_link_of_another_user_is_told(void)
{
    struct file_facts facts;

    if (geteuid() != 0) {
        return; /* only root can make a link of somebody else's */
    }
    scratch_begin();
    put_file(in_scratch("f"), "x", 0600);
    CHECK(mkdir(in_scratch("d"), 0700) == 0 && symlink("../f", in_scratch("d/theirs")) == 0);
    CHECK(symlink("d/theirs", in_scratch("ours")) == 0 && lchown(in_scratch("d/theirs"), 12345, 12345) == 0);
    for (size_t i = 0; i < 2; i++) {
        static const char *const names[] = {"d/theirs", "ours"};
        CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);

        CHECK(read_file(in_scratch(names[i]), 100, &bytes, &facts) == MOIDC_OK && !facts.absent);
        CHECK(facts.trusted_owner == (i == 1)); /* a link of ours is followed wherever it leads */
    }
    scratch_end();
}

static void test_what_lies_in_a_folder_that_may_not_be_searched_is_out_of_sight(void)
{
    bool root = geteuid() == 0;
    struct file_facts facts;

    scratch_begin();
    CHECK(mkdir(in_scratch("d"), 0700) == 0);
    put_file(in_scratch("d/f"), "x", 0000);
    for (int closed = 0; closed < 2; closed++) {
        CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);
        enum moidc_code rc;

        CHECK(chmod(in_scratch("d"), closed ? 0000 : 0755) == 0 && chmod(scratch, 0755) == 0);
        CHECK(!root || seteuid(12345) == 0); /* root may search and read everything */
        rc = read_file(in_scratch("d/f"), 100, &bytes, &facts);
        CHECK(!root || seteuid(0) == 0);
        CHECK(rc == MOIDC_E_STORAGE && !facts.absent && facts.out_of_sight == (closed == 1));
    }
    CHECK(chmod(in_scratch("d"), 0700) == 0);
    scratch_end();
}

static void test_limit_holds_to_the_byte(void)
{
    struct strbuf bytes;
    struct file_facts facts;

    scratch_begin();
    put_file(in_scratch("f"), "0123456789", 0600);
    CHECK(read_file(in_scratch("f"), 10, &bytes, &facts) == MOIDC_OK);
    strbuf_free(&bytes);
    CHECK(read_file(in_scratch("f"), 9, &bytes, &facts) == MOIDC_E_CONFIGURATION);
    CHECK_TEXT(err.what, "the settings file is larger than 9 bytes");
    CHECK_TEXT(err.where, in_scratch("f"));
    CHECK(err.next[0] != '\0');
    strbuf_free(&bytes);
    mem_fail_at(1, 0);
    CHECK(read_file(in_scratch("f"), 100, &bytes, &facts) == MOIDC_E_MEMORY);
    mem_fail_at(0, 0);
    strbuf_free(&bytes);
    scratch_end();
}

static void test_links_in_a_circle_are_told(void)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(0);
    struct file_facts facts;

    scratch_begin();
    CHECK(symlink("loop", in_scratch("loop")) == 0);
    CHECK(read_file(in_scratch("loop"), 100, &bytes, &facts) == MOIDC_E_STORAGE);
    CHECK(err.where[0] != '\0' && err.next[0] != '\0');
    scratch_end();
}

static void test_working_directory_that_is_gone_is_none(void)
{
    char before[4096];
    char *path = NULL;

    scratch_begin();
    CHECK(getcwd(before, sizeof before) != NULL);
    CHECK(file_working_directory(&path, &err) == MOIDC_OK);
    CHECK_TEXT(path, before);
    mem_free(path);
    CHECK(mkdir(in_scratch("d"), 0700) == 0 && chdir(in_scratch("d")) == 0 && rmdir(in_scratch("d")) == 0);
    CHECK(file_working_directory(&path, &err) == MOIDC_OK && path == NULL);
    CHECK(chdir(before) == 0);
    scratch_end();
}

static void check_xdg(const char *const *variables, const char *expected)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);
    CLEANUP(mem_free_p) char *path = NULL;

    CHECK(file_xdg_path(env, "XDG_CONFIG_HOME", ".config", "x/y", &path, &err) == MOIDC_OK);
    if (expected != NULL) {
        CHECK_TEXT(path, expected);
    } else {
        CHECK(path == NULL || path[0] == '/'); /* the home that the system's user list names */
    }
}

static void test_xdg_path_is_absolute(void)
{
    check_xdg((const char *[]){"XDG_CONFIG_HOME=/c", "HOME=/h", NULL}, "/c/x/y");
    check_xdg((const char *[]){"HOME=/h", NULL}, "/h/.config/x/y");
    check_xdg((const char *[]){"XDG_CONFIG_HOME=", "HOME=/h", NULL}, "/h/.config/x/y");
    check_xdg((const char *[]){"XDG_CONFIG_HOME=c", "HOME=/h", NULL}, "/h/.config/x/y");
    check_xdg((const char *[]){"XDG_CONFIG_HOME=~/c", "HOME=/h", NULL}, "/h/.config/x/y");
    check_xdg((const char *[]){"HOME=relative", NULL}, NULL);
    check_xdg((const char *[]){NULL}, NULL);
}

int main(void)
{
    RUN(test_bytes_and_facts_are_told);
    RUN(test_files_that_others_can_write_are_told);
    RUN(test_what_is_no_file_is_absent);
    RUN(test_link_to_a_file_is_followed);
    RUN(test_link_of_another_user_is_told);
    RUN(test_what_lies_in_a_folder_that_may_not_be_searched_is_out_of_sight);
    RUN(test_limit_holds_to_the_byte);
    RUN(test_links_in_a_circle_are_told);
    RUN(test_working_directory_that_is_gone_is_none);
    RUN(test_xdg_path_is_absolute);
    return check_summary();
}
