/* SPDX-License-Identifier: MIT */
#include "io/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A listening socket, as /proc/net/tcp tells it. */
struct socket_row {
    unsigned long inode;
    unsigned uid;
};

static bool row_find_in(const char *file, int port, struct socket_row *ret)
{
    enum { STATE_LISTEN = 0x0a };
    FILE *table = fopen(file, "re");
    char line[512];
    bool found = false;

    while (table != NULL && !found && fgets(line, sizeof line, table) != NULL) {
        struct socket_row row;
        unsigned local_port;
        unsigned state;

        /* sl, local address:port, remote address:port, state, queues, timer, retransmits, uid, timeout, inode */
        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
        found = sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*s %lu", &local_port, &state,
                       &row.uid, &row.inode) == 4 &&
                local_port == (unsigned)port && state == STATE_LISTEN;
        if (found) {
            *ret = row;
        }
    }
    if (table != NULL) {
        fclose(table);
    }
    return found;
}

static bool process_holds(const char *pid, const char *link)
{
    char path[64];
    struct dirent *entry;
    bool found = false;
    DIR *folder;

    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    folder = opendir(path); /* another user's is closed to us */
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char target[64];
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);

        found = n > 0 && strlen(link) == (size_t)n && memcmp(target, link, (size_t)n) == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

static void describe_process(const char *pid, char *text, size_t size)
{
    char path[64];
    char name[32] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        fclose(file);
    }
    snprintf(text, size, "%s (process %.20s)", name[0] != '\0' ? name : "a program", pid);
}

void port_owner_find(int port, char *text, size_t size)
{
    struct socket_row row;
    struct dirent *entry;
    char link[48];
    DIR *processes;

    text[0] = '\0';
    if (!row_find_in("/proc/net/tcp", port, &row) && !row_find_in("/proc/net/tcp6", port, &row)) {
        return;
    }
    if (row.uid != geteuid()) {
        snprintf(text, size, "user %u's program", row.uid);
    }
    snprintf(link, sizeof link, "socket:[%lu]", row.inode);
    processes = opendir("/proc");
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && process_holds(entry->d_name, link)) {
            describe_process(entry->d_name, text, size);
            break;
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
}
