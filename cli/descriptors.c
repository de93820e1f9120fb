/* SPDX-License-Identifier: MIT */
#include "descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

/* poll() tells of many at once whether they are open. */
static void look(struct pollfd *at, int count)
{
    for (int i = 0; i < count; i++) {
        at[i] = (struct pollfd){.fd = i};
    }
    if (poll(at, (nfds_t)count, 0) < 0) {
        for (int i = 0; i < count; i++) {
            at[i].revents = fcntl(i, F_GETFD) < 0 ? POLLNVAL : 0;
        }
    }
}

void descriptors_note(struct descriptors *descriptors)
{
    struct rlimit limit;

    descriptors->count = DESCRIPTORS_MOST;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MOST) {
        descriptors->count = (int)limit.rlim_cur;
    }
    look(descriptors->at, descriptors->count);
}

void descriptors_close_later(struct descriptors *descriptors)
{
    for (int i = 0; i < descriptors->count; i++) {
        int flags = descriptors->at[i].revents & POLLNVAL ? fcntl(i, F_GETFD) : -1;

        if (flags >= 0) {
            fcntl(i, F_SETFD, flags | FD_CLOEXEC);
        }
    }
}
