/* SPDX-License-Identifier: MIT */
/* Whose the other end of a local connection is: asked of the kernel, for a key may be stolen (a browser sends a cookie
 * to every port of the machine), and another user's process is another user's process. */
#include "io/local_peer.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#endif

/* One end of a connection; of a UNIX socket its family alone. */
union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static enum local_peer judge(uid_t user)
{
    return user == geteuid() || user == 0 ? LOCAL_PEER_OURS : LOCAL_PEER_FOREIGN;
}

static enum local_peer unix_peer(int fd)
{
#ifdef SO_PEERCRED
    struct ucred credentials;
    socklen_t size = sizeof credentials;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 ? judge(credentials.uid)
                                                                             : LOCAL_PEER_FOREIGN;
#else
    uid_t user;
    gid_t group;

    return getpeereid(fd, &user, &group) == 0 ? judge(user) : LOCAL_PEER_FOREIGN;
#endif
}

#ifdef __linux__
static in_port_t port_of(const union address *address)
{
    return address->any.sa_family == AF_INET ? address->ipv4.sin_port : address->ipv6.sin6_port;
}

static const void *host_of(const union address *address, size_t *size)
{
    bool ipv4 = address->any.sa_family == AF_INET;

    *size = ipv4 ? sizeof address->ipv4.sin_addr : sizeof address->ipv6.sin6_addr;
    return ipv4 ? (const void *)&address->ipv4.sin_addr : &address->ipv6.sin6_addr;
}

/* An end that no process holds any more has no inode: whoever it was must not pass for root by closing early. */
static enum local_peer judge_row(unsigned user, unsigned long inode)
{
    return inode != 0 ? judge((uid_t)user) : LOCAL_PEER_FOREIGN;
}

/* Asks for the connection as its other end sees it (sock_diag(7)). */
static enum local_peer ask_kernel(int diag, const union address *peer, const union address *own)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 ask;
    } question = {
        .head = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .ask = {.sdiag_family = (__u8)peer->any.sa_family,
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_states = ~0u,
                .id = {.idiag_sport = port_of(peer),
                       .idiag_dport = port_of(own),
                       .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    union {
        struct nlmsghdr head;
        char bytes[1024];
    } answer;
    struct sockaddr_nl from = {.nl_pid = 1};
    socklen_t from_size = sizeof from;
    struct inet_diag_msg found;
    const void *host;
    size_t size;
    ssize_t n;

    host = host_of(peer, &size);
    memcpy(question.ask.id.idiag_src, host, size);
    host = host_of(own, &size);
    memcpy(question.ask.id.idiag_dst, host, size);
    if (send(diag, &question, sizeof question, 0) != (ssize_t)sizeof question) {
        return LOCAL_PEER_UNKNOWN;
    }
    n = recvfrom(diag, &answer, sizeof answer, 0, (struct sockaddr *)&from, &from_size);
    if (n < (ssize_t)NLMSG_LENGTH(sizeof found) || answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY || from.nl_pid != 0) {
        return LOCAL_PEER_UNKNOWN; /* also where the kernel has no tcp_diag */
    }
    memcpy(&found, NLMSG_DATA(&answer.head), sizeof found);
    if (found.id.idiag_sport != port_of(peer) || found.id.idiag_dport != port_of(own)) {
        return LOCAL_PEER_UNKNOWN; /* a listener, where the connection is gone */
    }
    return judge_row(found.idiag_uid, found.idiag_inode);
}

/* "0100007F:1F90", as /proc/net/tcp writes it: words of the address in the machine's order. `mapped`: as tcp6 has it of
 * a socket for IPv6 that speaks IPv4 (Java's are). */
static void format_end(const union address *address, bool mapped, char *ret, size_t size)
{
    uint32_t words[4] = {0, 0, htonl(0xffff), 0};
    size_t bytes;
    const void *host = host_of(address, &bytes);
    size_t at = 0;

    memcpy(bytes == 4 ? &words[3] : words, host, bytes);
    for (size_t i = bytes == 4 && !mapped ? 3 : 0; i < 4; i++) {
        at += (size_t)snprintf(ret + at, size - at, "%08X", words[i]);
    }
    snprintf(ret + at, size - at, ":%04X", ntohs(port_of(address)));
}

static enum local_peer read_table(const char *path, const char *peer, const char *own)
{
    FILE *table = fopen(path, "re");
    enum local_peer result = LOCAL_PEER_UNKNOWN;
    char line[512];

    while (table != NULL && result == LOCAL_PEER_UNKNOWN && fgets(line, sizeof line, table) != NULL) {
        char local[48];
        char remote[48];
        unsigned user;
        unsigned long inode;

        /* sl, local and remote address, state, queues, timer, retransmits, uid, timeout, inode */
        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
        if (sscanf(line, " %*u: %47s %47s %*s %*s %*s %*s %u %*s %lu", local, remote, &user, &inode) == 4 &&
            strcmp(local, peer) == 0 && strcmp(remote, own) == 0) {
            result = judge_row(user, inode);
        }
    }
    if (table != NULL) {
        fclose(table);
    }
    return result;
}

/* The slow way, where the fast one is missing. An end that is in no table is gone. */
static enum local_peer search_tables(const union address *peer, const union address *own)
{
    bool ipv4 = peer->any.sa_family == AF_INET;
    enum local_peer result = LOCAL_PEER_UNKNOWN;
    char peer_text[48];
    char own_text[48];

    if (access("/proc/net/tcp", R_OK) != 0) {
        return LOCAL_PEER_UNKNOWN;
    }
    if (ipv4) {
        format_end(peer, false, peer_text, sizeof peer_text);
        format_end(own, false, own_text, sizeof own_text);
        result = read_table("/proc/net/tcp", peer_text, own_text);
    }
    if (result == LOCAL_PEER_UNKNOWN) {
        format_end(peer, ipv4, peer_text, sizeof peer_text);
        format_end(own, ipv4, own_text, sizeof own_text);
        result = read_table("/proc/net/tcp6", peer_text, own_text);
    }
    return result == LOCAL_PEER_UNKNOWN ? LOCAL_PEER_FOREIGN : result;
}

static int open_diag(void)
{
    int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct timeval patience = {.tv_sec = 1};

    if (diag >= 0) {
        setsockopt(diag, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    return diag;
}

static enum local_peer tcp_peer(int fd, const union address *own, int *diag)
{
    enum local_peer result = LOCAL_PEER_UNKNOWN;
    union address peer;
    socklen_t size = sizeof peer;

    memset(&peer, 0, sizeof peer);
    if (getpeername(fd, &peer.any, &size) != 0 || peer.any.sa_family != own->any.sa_family) {
        return LOCAL_PEER_FOREIGN;
    }
    if (*diag < 0) {
        *diag = open_diag();
    }
    if (*diag >= 0) {
        result = ask_kernel(*diag, &peer, own);
        if (result == LOCAL_PEER_UNKNOWN) { /* an answer that is late must not pass for the next one's */
            close(*diag);
            *diag = -1;
        }
    }
    return result == LOCAL_PEER_UNKNOWN ? search_tables(&peer, own) : result;
}
#else
static enum local_peer tcp_peer(int fd, const union address *own, int *diag)
{
    (void)fd;
    (void)own;
    (void)diag;
    return LOCAL_PEER_UNKNOWN;
}
#endif

enum local_peer local_peer_find(int fd, int *diag)
{
    union address own;
    socklen_t size = sizeof own;

    memset(&own, 0, sizeof own);
    if (getsockname(fd, &own.any, &size) != 0) {
        return LOCAL_PEER_FOREIGN;
    }
    return own.any.sa_family == AF_UNIX ? unix_peer(fd) : tcp_peer(fd, &own, diag);
}
