/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include "check.h"

/* Libraries are lent these in place of the C library's own: what holds for those holds for them. */
static void test_lent_memory_grows_and_shrinks_and_keeps_what_is_in_it(void)
{
    char *text = mem_lent_realloc(NULL, 1);

    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        text = mem_lent_realloc(text, size);
        CHECK(text != NULL);
        text[size - 1] = (char)('a' + size % 26);
        for (size_t earlier = 1; earlier <= size; earlier = earlier * 3 + 1) {
            CHECK(text[earlier - 1] == (char)('a' + earlier % 26));
        }
    }
    text = mem_lent_realloc(text, 4);
    CHECK(text[0] == 'b' && text[3] == 'e');
    mem_free_wiped(text);
    mem_free_wiped(NULL);
}

static void test_lent_memory_comes_as_it_is_asked_for(void)
{
    char *empty = mem_lent_zalloc(7, 100);
    char *copy = mem_lent_strdup("text");
    char *plain = mem_lent_alloc(10);

    for (size_t i = 0; i < 700; i++) {
        CHECK(empty[i] == '\0');
    }
    CHECK_TEXT(copy, "text");
    CHECK(plain != NULL);
    mem_free_wiped(empty);
    mem_free_wiped(copy);
    mem_free_wiped(plain);
}

int main(void)
{
    RUN(test_lent_memory_grows_and_shrinks_and_keeps_what_is_in_it);
    RUN(test_lent_memory_comes_as_it_is_asked_for);
    return check_summary();
}
