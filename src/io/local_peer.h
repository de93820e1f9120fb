/* SPDX-License-Identifier: MIT */
/* Which user the other end of a local connection belongs to. */
#ifndef IO_LOCAL_PEER_H
#define IO_LOCAL_PEER_H

enum local_peer {
    LOCAL_PEER_OURS,    /* this user's, or root's */
    LOCAL_PEER_FOREIGN, /* another user's; or it is gone already, and nobody can say whose it was */
    LOCAL_PEER_UNKNOWN, /* the system does not tell (TCP elsewhere than on Linux) */
};

/* Whose the other end of the accepted connection `fd` is.
 *   diag  a descriptor that the kernel is asked by, -1 for none yet: opened when needed, and kept for the next connection
 *         as opening one takes longer than the question. The caller closes it, and asks in one thread at a time. */
enum local_peer local_peer_find(int fd, int *diag);

#endif
