/* SPDX-License-Identifier: MIT */
#include "base/secret_memory.h"

#include "base/secret.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_pieces_are_apart(void)
{
    enum { COUNT = 200 };
    char *pieces[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = secret_memory_new(1 + i * 97);
        CHECK(pieces[i] != NULL && (size_t)pieces[i] % _Alignof(size_t) == 0);
        memset(pieces[i], (int)i, 1 + i * 97);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < 1 + i * 97; j++) {
            if ((unsigned char)pieces[i][j] != i) {
                CHECK(!"overwritten");
                break;
            }
        }
        secret_memory_free(pieces[i], 1 + i * 97);
    }
    secret_memory_free(NULL, 1);
}

static void test_sizes_at_the_edges_hold_what_they_should(void)
{
    static const size_t sizes[] = {1, 1023, 1024, 1025, 16 * 1024, 16 * 1024 + 1, 1 << 20};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *p = secret_memory_new(sizes[i]);

        CHECK(p != NULL);
        p[0] = 'a';
        p[sizes[i] - 1] = 'z';
        secret_memory_free(p, sizes[i]);
    }
}

static void test_what_is_given_back_is_given_out_again(void)
{
    char *first = secret_memory_new(3000);
    char *again;

    memset(first, 'x', 3000);
    secret_memory_free(first, 3000);
    for (int i = 0; i < 10000; i++) {
        again = secret_memory_new(3000);
        CHECK(SECRET_MEMORY_IS_ORDINARY || again == first);
        CHECK(SECRET_MEMORY_IS_ORDINARY || (again[0] == '\0' && again[2999] == '\0'));
        secret_memory_free(again, 3000);
    }
}

static void test_it_can_fail_like_all_memory(void)
{
    mem_fail_at(2, 0);
    for (int i = 1; i <= 3; i++) {
        char *p = secret_memory_new(10);

        CHECK((p == NULL) == (i == 2));
        secret_memory_free(p, 10);
    }
    CHECK(mem_fail_at(0, 0) == 3);
}

static void *take_and_give(void *ctx)
{
    unsigned char mark = (unsigned char)*(int *)ctx;

    for (size_t i = 0; i < 3000; i++) {
        size_t size = 1 + i * 7 % 5000;
        unsigned char *p = secret_memory_new(size);

        if (p == NULL) {
            return "no memory";
        }
        memset(p, mark, size);
        sched_yield();
        for (size_t j = 0; j < size; j++) {
            if (p[j] != mark) {
                return "shared";
            }
        }
        secret_memory_free(p, size);
    }
    return NULL;
}

static void test_threads_never_share_a_piece(void)
{
    pthread_t threads[8];
    int marks[8];

    for (int i = 0; i < 8; i++) {
        marks[i] = i + 1;
        CHECK(pthread_create(&threads[i], NULL, take_and_give, &marks[i]) == 0);
    }
    for (int i = 0; i < 8; i++) {
        void *fault = NULL;

        pthread_join(threads[i], &fault);
        CHECK(fault == NULL);
    }
}

#if !SECRET_MEMORY_IS_ORDINARY && !defined(__SANITIZE_THREAD__)
/* Under a sanitizer a fork proves nothing: ASan's allocator keeps the locks of other threads, and the child waits for
   ever; TSan takes the parent's threads for leaks of the child, and makes cores of many GB. */

static void test_a_child_forked_while_another_thread_takes_and_gives_goes_on(void)
{
    CLEANUP(secret_free_p) struct secret *kept = secret_new_text("from before");
    pthread_t thread;
    int mark = 9;

    CHECK(pthread_create(&thread, NULL, take_and_give, &mark) == 0);
    for (int i = 0; i < 50; i++) {
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
            int own = 77;

            alarm(60);
            _exit(!secret_equal_bytes(kept, "from before", 11) || take_and_give(&own) != NULL);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        CHECK(secret_equal_bytes(kept, "from before", 11));
    }
    pthread_join(thread, NULL);
}

enum { MARK = 48, LARGE = 40 * 1024, AMID = LARGE / 2 };

/* What the child puts where; it tells the parent upside down, so that no page but the right one holds it. */
struct told {
    char in_secret[MARK];
    char in_large_secret[MARK];
    char in_ordinary[MARK];
    bool secret_is_left_out; /* as /proc/self/smaps has it */
    bool large_is_left_out;
    bool ordinary_is_left_out;
};

static void turn(struct told *told)
{
    char *bytes = (char *)told;

    for (size_t i = 0; i < sizeof *told; i++) {
        bytes[i] = (char)~bytes[i];
    }
}

static void fill(char *text)
{
    unsigned char dice[MARK];

    if (getrandom(dice, sizeof dice, 0) != sizeof dice) {
        abort();
    }
    for (size_t i = 0; i < MARK; i++) {
        text[i] = (char)('a' + dice[i] % 26);
    }
}

/* Whether the mapping that holds `p` has the flag dd: not in a core dump. */
static bool is_left_out(const void *p)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[4096];
    bool here = false;
    bool result = false;

    while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
        unsigned long begin;
        unsigned long end;

        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
            here = (unsigned long)p >= begin && (unsigned long)p < end;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            result = strstr(line, " dd") != NULL;
        }
    }
    if (smaps != NULL) {
        fclose(smaps);
    }
    return result;
}

/* In the child: has secrets, tells of them, and dies of a signal that dumps core. */
static void die(int fd)
{
    struct rlimit limit;
    struct told told;
    struct secret *secret;
    struct secret *large;
    char *text = malloc(LARGE);
    char *ordinary = malloc(MARK);

    fill(told.in_secret);
    fill(told.in_large_secret);
    fill(told.in_ordinary);
    memset(text, 'x', LARGE);
    /* not at the end, which a copy leaves in vector registers, and the dynamic linker then on the stack */
    memcpy(text + AMID, told.in_large_secret, MARK);
    secret = secret_new(told.in_secret, MARK);
    large = secret_new(text, LARGE);
    memcpy(ordinary, told.in_ordinary, MARK);
    told.secret_is_left_out = is_left_out(secret);
    told.large_is_left_out = is_left_out(secret_reveal(large) + AMID);
    told.ordinary_is_left_out = is_left_out(ordinary);
    turn(&told);
    if (write(fd, &told, sizeof told) != sizeof told) {
        _exit(1);
    }
    mem_wipe(&told, sizeof told);
    mem_wipe(text, LARGE);
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* True when core dumps go to a file in the working directory. */
static bool core_is_a_file_here(void)
{
    FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
    char pattern[256] = "|";
    bool here;

    here = file != NULL && fgets(pattern, sizeof pattern, file) != NULL && strncmp(pattern, "core", 4) == 0 &&
           strpbrk(pattern, "|/") == NULL;
    if (file != NULL) {
        fclose(file);
    }
    return here;
}

static bool holds(const char *bytes, size_t n, const char *mark)
{
    return memmem(bytes, n, mark, MARK) != NULL;
}

static void check_core(const struct told *told)
{
    FILE *pipe = popen("cat core*", "r");
    size_t most = 256u << 20;
    char *core = malloc(most);
    size_t n;

    CHECK(pipe != NULL && core != NULL);
    n = fread(core, 1, most, pipe);
    pclose(pipe);
    CHECK(n > 4 && memcmp(core, "\177ELF", 4) == 0);
    CHECK(holds(core, n, told->in_ordinary)); /* or it would prove nothing */
    CHECK(!holds(core, n, told->in_secret));
    CHECK(!holds(core, n, told->in_large_secret));
    free(core);
}

static void test_a_core_dump_holds_no_secret(void)
{
    char folder[] = "/tmp/moidc-core.XXXXXX";
    struct told told;
    int back = open(".", O_RDONLY | O_DIRECTORY);
    int ends[2];
    int status = 0;
    pid_t pid;

    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0 && pipe(ends) == 0);
    pid = fork();
    if (pid == 0) {
        die(ends[1]);
    }
    CHECK(read(ends[0], &told, sizeof told) == sizeof told);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    turn(&told);
    CHECK(told.secret_is_left_out && told.large_is_left_out && !told.ordinary_is_left_out);
    if (WCOREDUMP(status) && core_is_a_file_here()) {
        check_core(&told);
        printf("a core dump of the kernel's was read\n");
    }
    CHECK(system("rm -f core*") == 0 && fchdir(back) == 0 && rmdir(folder) == 0);
    close(back);
    close(ends[0]);
    close(ends[1]);
}

#endif

int main(void)
{
    RUN(test_pieces_are_apart);
    RUN(test_sizes_at_the_edges_hold_what_they_should);
    RUN(test_what_is_given_back_is_given_out_again);
    RUN(test_it_can_fail_like_all_memory);
    RUN(test_threads_never_share_a_piece);
#if !SECRET_MEMORY_IS_ORDINARY && !defined(__SANITIZE_THREAD__)
    RUN(test_a_child_forked_while_another_thread_takes_and_gives_goes_on);
    RUN(test_a_core_dump_holds_no_secret);
#endif
    return check_summary();
}
