/* SPDX-License-Identifier: MIT */
/* Loaded into a process under test: a tracer that is forked off it counts its system calls, and kills it where it is
 * told to. A call that the process is killed at does not happen.
 *
 * Calls that change nothing (waits, clocks, memory) are not counted: the process might as well have been killed at the
 * one before or after, and how many there are differs from run to run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MARK = 0x6d6f6964 };

static const struct {
    long number;
    const char *name; /* NULL: not counted */
} CALLS[] = {
    {SYS_openat, "openat"},
    {SYS_mkdirat, "mkdir"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_renameat, "rename"},
    {SYS_renameat2, "rename"},
    {SYS_fchmod, "fchmod"},
    {SYS_fsync, "fsync"},
    {SYS_write, "write"},
    {SYS_pwrite64, "pwrite"},
    {SYS_ftruncate, "truncate"},
    {SYS_fcntl, "fcntl"},
    {SYS_close, "close"},
    {SYS_sendto, "send"},
    {SYS_sendmsg, "send"},
    {SYS_recvfrom, "recv"},
    {SYS_connect, "connect"},
    {SYS_socket, "socket"},
    {SYS_read, "read"},
    {SYS_pread64, "pread"},
#ifdef SYS_open
    {SYS_open, "open"},
    {SYS_mkdir, "mkdir"},
    {SYS_rename, "rename"},
    {SYS_unlink, "unlink"},
    {SYS_poll, NULL},
    {SYS_time, NULL},
#endif
    {SYS_ppoll, NULL},
    {SYS_futex, NULL},
    {SYS_clock_gettime, NULL},
    {SYS_clock_nanosleep, NULL},
    {SYS_nanosleep, NULL},
    {SYS_sched_yield, NULL},
    {SYS_brk, NULL},
    {SYS_mmap, NULL},
    {SYS_munmap, NULL},
    {SYS_mprotect, NULL},
    {SYS_madvise, NULL},
    {SYS_mremap, NULL},
    {SYS_rt_sigaction, NULL},
    {SYS_rt_sigprocmask, NULL},
    {SYS_restart_syscall, NULL},
    {SYS_gettimeofday, NULL},
    {SYS_getpgid, NULL},
    {SYS_gettid, NULL},
    {SYS_getpid, NULL},
};

/* The name under which a call is counted; NULL: it is not. */
static const char *name_of(long number)
{
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
        if (CALLS[i].number == number) {
            return CALLS[i].name;
        }
    }
    return "other";
}

/* Follows the process and its threads until it ends. Its calls from the first mark to the second are written to `log`,
 * a line each; at the n-th it is killed. */
static void trace(pid_t pid, int n, FILE *log)
{
    int count = 0;
    int begun = 0;

    for (;;) {
        struct __ptrace_syscall_info info = {0};
        int status;
        int signal_no = 0;
        pid_t who = waitpid(-1, &status, __WALL);

        if (who < 0 || (who == pid && !WIFSTOPPED(status))) {
            return;
        }
        if (!WIFSTOPPED(status)) {
            continue;
        }
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            ptrace(PTRACE_GET_SYSCALL_INFO, who, sizeof info, &info);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getpgid && info.entry.args[0] == MARK) {
                begun++;
            } else if (info.op == PTRACE_SYSCALL_INFO_ENTRY && begun == 1 && name_of((long)info.entry.nr) != NULL) {
                fprintf(log, "%s\n", name_of((long)info.entry.nr));
                fflush(log);
                if (++count == n) {
                    kill(pid, SIGKILL);
                    continue;
                }
            }
        } else if (status >> 16 == 0) {
            signal_no = WSTOPSIG(status);
        }
        ptrace(PTRACE_SYSCALL, who, 0, signal_no);
    }
}

/* The calling process is killed at the n-th call that it makes from here to moidc_test_kill_end(). 0: it can be. */
int moidc_test_kill_at(int n, const char *log_path)
{
    pid_t self = getpid();
    int ready[2];
    pid_t tracer;
    char byte = 1;

    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (pipe2(ready, O_CLOEXEC) != 0) {
        return errno;
    }
    tracer = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); /* not fork(): no handlers of anybody's run */
    if (tracer == 0) {
        FILE *log = fopen(log_path, "we");
        int status;

        if (log == NULL ||
            ptrace(PTRACE_SEIZE, self, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) != 0 ||
            ptrace(PTRACE_INTERRUPT, self, 0, 0) != 0 || waitpid(self, &status, __WALL) != self ||
            ptrace(PTRACE_SYSCALL, self, 0, 0) != 0) {
            byte = 0;
        }
        if (write(ready[1], &byte, 1) == 1 && byte == 1) {
            trace(self, n, log);
        }
        _exit(0);
    }
    if (tracer < 0 || read(ready[0], &byte, 1) != 1 || byte != 1) {
        return EPERM;
    }
    close(ready[0]);
    close(ready[1]);
    syscall(SYS_getpgid, MARK);
    return 0;
}

void moidc_test_kill_end(void)
{
    syscall(SYS_getpgid, MARK);
}
