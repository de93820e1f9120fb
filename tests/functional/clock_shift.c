/* Preloaded into the processes under test: their clocks run ahead by what a shared file says, so that no test sleeps.
 * Absolute deadlines are moved back before the real call waits for them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Whole seconds by which clocks run ahead; NULL: by none. */
static const volatile struct {
    int64_t all;   /* of every clock */
    int64_t slept; /* the machine was suspended: CLOCK_MONOTONIC stood still meanwhile */
    int64_t set;   /* somebody set the machine's clock, which is CLOCK_REALTIME alone */
} *shift_s;

void moidc_test_clock_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map;

    if (fd < 0) {
        return;
    }
    map = mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) {
        shift_s = map;
    }
}

__attribute__((constructor)) static void open_from_environment(void)
{
    const char *path = getenv("MOIDC_TEST_CLOCK");

    if (path != NULL) {
        moidc_test_clock_open(path);
    }
}

static int64_t shift(clockid_t id)
{
    if (shift_s == NULL) {
        return 0;
    }
    switch (id) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW: /* which libcurl 8 reads */
        return shift_s->all;
    case CLOCK_BOOTTIME:
        return shift_s->all + shift_s->slept;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return shift_s->all + shift_s->slept + shift_s->set;
    default:
        return 0;
    }
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, id, now);

    if (rc == 0) {
        now->tv_sec += shift(id);
    }
    return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec ts;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    now->tv_sec = ts.tv_sec;
    now->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (ret != NULL) {
        *ret = ts.tv_sec;
    }
    return ts.tv_sec;
}

static struct timespec real_deadline(clockid_t id, const struct timespec *deadline)
{
    struct timespec real = *deadline;

    real.tv_sec -= shift(id);
    return real;
}

/* Which clock a condition variable goes by cannot be asked, but no machine has been up since 2001. */
static clockid_t clock_of(const struct timespec *deadline)
{
    return deadline->tv_sec > 1000000000 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    struct timespec real = real_deadline(clock_of(until), until);

    return REAL(pthread_cond_timedwait)(cond, mutex, &real);
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, clockid_t id,
                           const struct timespec *restrict until)
{
    struct timespec real = real_deadline(id, until);

    return REAL(pthread_cond_clockwait)(cond, mutex, id, &real);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    struct timespec real = real_deadline(CLOCK_REALTIME, until);

    return REAL(pthread_mutex_timedlock)(mutex, &real);
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until)
{
    struct timespec real = real_deadline(CLOCK_REALTIME, until);

    return REAL(sem_timedwait)(sem, &real);
}

int sem_clockwait(sem_t *restrict sem, clockid_t id, const struct timespec *restrict until)
{
    struct timespec real = real_deadline(id, until);

    return REAL(sem_clockwait)(sem, id, &real);
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *until, struct timespec *left)
{
    struct timespec real;

    if ((flags & TIMER_ABSTIME) == 0) {
        return REAL(clock_nanosleep)(id, flags, until, left);
    }
    real = real_deadline(id, until);
    return REAL(clock_nanosleep)(id, flags, &real, left);
}
