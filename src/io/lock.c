/* SPDX-License-Identifier: MIT */
#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct lock {
    int fd;
};

/* A lock of the open file and not of the process: two clients in one process exclude each other as well, and closing
 * another descriptor of the file does not end it. macOS: flock(), which is the same there. */
static int try_lock(int fd)
{
#ifdef F_OFD_SETLK
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_SETLK, &whole);
#else
    return flock(fd, LOCK_EX | LOCK_NB);
#endif
}

/* Whether somebody has it. EACCES may say so (fcntl(2); CIFS does), or that a policy denies this process all locks
 * (AppArmor, SELinux): then nobody has it, or that cannot be asked either. */
static bool is_held(int fd)
{
#ifdef F_OFD_GETLK
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
#else
    return fd >= 0; /* flock() has no such error */
#endif
}

/* 0, or errno: EAGAIN where somebody has it, whatever the system calls that. */
static int take(int fd)
{
    int error = try_lock(fd) == 0 ? 0 : errno;

    if (error == EACCES && !is_held(fd)) {
        error = try_lock(fd) == 0 ? 0 : errno; /* it may have been given up in between */
        return error == EACCES && is_held(fd) ? EAGAIN : error;
    }
    return error == EACCES || error == EWOULDBLOCK || error == EINTR ? EAGAIN : error;
}

enum lock_state lock_try(const struct cache_dir *dir, const char *name, struct lock **ret, struct moidc_err *err)
{
    struct lock *lock = mem_alloc(sizeof *lock);
    int reason;

    if (lock == NULL) {
        err_memory(err);
        return LOCK_REFUSED;
    }
    lock->fd = cache_dir_open_file(dir, name, err);
    if (lock->fd < 0) {
        mem_free(lock);
        return LOCK_REFUSED;
    }
    reason = take(lock->fd);
    if (reason == 0) {
        *ret = lock;
        return LOCK_TAKEN;
    }
    close(lock->fd);
    mem_free(lock);
    if (reason == EAGAIN) {
        return LOCK_BUSY;
    }
    err_set(err, MOIDC_E_STORAGE, "the file system gives no locks: %s", strerror(reason));
    err_where(err, "%s", cache_dir_path(dir));
    return LOCK_REFUSED;
}

void lock_release(struct lock *lock)
{
    if (lock != NULL) {
#ifdef F_OFD_SETLK
        /* said explicitly: a child that was forked a moment ago may still share the open file */
        struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

        fcntl(lock->fd, F_OFD_SETLK, &whole);
#endif
        close(lock->fd);
        mem_free(lock);
    }
}

void lock_note_write(struct lock *lock, const char *bytes, size_t n)
{
    if (ftruncate(lock->fd, 0) == 0 && pwrite(lock->fd, bytes, n, 0) != (ssize_t)n && ftruncate(lock->fd, 0) != 0) {
        return;
    }
}

void lock_note_clear(struct lock *lock)
{
    struct stat about;

    if (fstat(lock->fd, &about) != 0 || about.st_size != 0) {
        lock_note_write(lock, "", 0);
    }
}

void lock_note_read(struct lock *lock, struct strbuf *ret)
{
    char chunk[8192];
    ssize_t n = pread(lock->fd, chunk, sizeof chunk, 0);

    if (n > 0) {
        strbuf_add(ret, chunk, (size_t)n);
    }
}

void lock_forget(struct lock *lock)
{
    if (lock != NULL) {
        close(lock->fd);
        mem_free(lock);
    }
}
