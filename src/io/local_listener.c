/* SPDX-License-Identifier: MIT */
#include "io/local_listener.h"

#include "base/text.h"
#include "io/loopback_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GOOD_PATH "~/.mlflow-oidc/proxy.sock" /* its folder is made with the right mode */

enum { BACKLOG = 128, PATH_MOST = 4096 };

struct local_listener {
    int fd;
    int lock; /* of a UNIX socket, locked while we serve it */
    int diag; /* of local_peer_find() */
    const char *host;
    int port;
    char *path;
    dev_t device; /* of the socket that we made at `path` */
    ino_t inode;
};

static enum moidc_code listener_new(struct local_listener **ret, struct moidc_err *err)
{
    struct local_listener *listener = mem_zalloc(sizeof *listener);

    if (listener == NULL) {
        return err_memory(err);
    }
    listener->fd = -1;
    listener->lock = -1;
    listener->diag = -1;
    *ret = listener;
    return MOIDC_OK;
}

/* ":8080" or nothing. */
static bool read_port(const char *text, int *ret)
{
    int port = 0;

    if (*text == '\0') {
        *ret = 0;
        return true;
    }
    text++;
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 5) {
        return false;
    }
    for (; *text != '\0'; text++) {
        port = port * 10 + (*text - '0');
    }
    *ret = port;
    return port <= 65535;
}

static bool read_address(const char *address, const char **host, int *port)
{
    static const char *const hosts[][2] = {
        {"127.0.0.1", "127.0.0.1"}, {"localhost", "127.0.0.1"}, {"[::1]", "[::1]"}, {"", "127.0.0.1"}};

    if (strspn(address, "0123456789") == strlen(address)) {
        char text[8];

        *host = hosts[0][1];
        snprintf(text, sizeof text, ":%.6s", address);
        return address[0] != '\0' && read_port(text, port);
    }
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        size_t n = strlen(hosts[i][0]);

        if (strlen(address) >= n && text_begins_nocase(address, hosts[i][0], n) &&
            (address[n] == ':' || address[n] == '\0')) {
            *host = hosts[i][1];
            return read_port(address + n, port);
        }
    }
    return false;
}

enum moidc_code local_listener_open(const char *address, struct local_listener **ret, struct moidc_err *err)
{
    CLEANUP(local_listener_close_p) struct local_listener *listener = NULL;
    enum moidc_code rc = listener_new(&listener, err);
    int error;

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (!read_address(address, &listener->host, &listener->port)) {
        err_set(err, MOIDC_E_CONFIGURATION,
                "the proxy listens on 127.0.0.1 or [::1] alone: elsewhere it would lend your token to the network");
        err_where(err, "%.200s", address);
        return err_next(err, "give a port, 127.0.0.1:PORT, [::1]:PORT or the path of a UNIX socket");
    }
    error = loopback_socket_listen(listener->host[0] == '[' ? AF_INET6 : AF_INET, NULL, &listener->port, &listener->fd);
    if (error != 0) {
        err_set(err, MOIDC_E_NETWORK, "the proxy cannot listen: %s", strerror(error));
        err_where(err, "%s:%d", listener->host, listener->port);
        return err_next(err, "give another port, or none, so that a free one is taken");
    }
    *ret = listener;
    listener = NULL;
    return MOIDC_OK;
}

static enum moidc_code error_at(const char *path, enum moidc_code code, const char *what, int error,
                                struct moidc_err *err)
{
    err_set(err, code, "%s%s%s", what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    err_where(err, "%.300s", path);
    return err_next(err, "give another path, such as " GOOD_PATH);
}

/* The directory keeps everybody else out, whatever the socket's own mode is when it is made. */
static enum moidc_code check_directory(const char *path, struct moidc_err *err)
{
    char copy[PATH_MOST];
    struct stat status;
    const char *folder;

    snprintf(copy, sizeof copy, "%s", path);
    folder = dirname(copy);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_at(folder, MOIDC_E_STORAGE, "the directory of the socket cannot be made", errno, err);
    }
    if (lstat(folder, &status) != 0) {
        return error_at(folder, MOIDC_E_STORAGE, "the directory of the socket cannot be looked at", errno, err);
    }
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
        error_at(folder, MOIDC_E_CONFIGURATION, "the directory of the socket must be yours, and closed to others", 0,
                 err);
        return err_next(err, "give a path in a folder that you alone may enter (mode 700), such as " GOOD_PATH);
    }
    return MOIDC_OK;
}

/* One process at a time serves a path. The lock file stays: removing it would let two have it. */
static enum moidc_code take_lock(struct local_listener *listener, struct moidc_err *err)
{
    char path[PATH_MOST];

    snprintf(path, sizeof path, "%s.lock", listener->path);
    listener->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (listener->lock < 0) {
        return error_at(path, MOIDC_E_STORAGE, "the lock of the socket cannot be opened", errno, err);
    }
    if (flock(listener->lock, LOCK_EX | LOCK_NB) != 0) {
        error_at(listener->path, MOIDC_E_STORAGE, "another process serves this socket", 0, err);
        return err_next(err, "end it, or give another path");
    }
    return MOIDC_OK;
}

/* Removes the socket that a process left which served it before. */
static enum moidc_code remove_stale(const char *path, struct moidc_err *err)
{
    struct stat status;

    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? MOIDC_OK : error_at(path, MOIDC_E_STORAGE, "the socket cannot be made", errno, err);
    }
    if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
        return error_at(path, MOIDC_E_CONFIGURATION, "what is there is no socket of yours", 0, err);
    }
    return unlink(path) == 0 ? MOIDC_OK
                             : error_at(path, MOIDC_E_STORAGE, "the old socket cannot be removed", errno, err);
}

static int new_unix_socket(void)
{
#ifdef __linux__
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
#endif
}

static enum moidc_code bind_unix(struct local_listener *listener, struct moidc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;

    if (strlen(listener->path) >= sizeof address.sun_path) {
        return error_at(listener->path, MOIDC_E_CONFIGURATION, "the path is too long for a UNIX socket", 0, err);
    }
    strncpy(address.sun_path, listener->path, sizeof address.sun_path - 1);
    listener->fd = new_unix_socket();
    if (listener->fd < 0 || bind(listener->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(listener->path, 0600) != 0 || listen(listener->fd, BACKLOG) != 0 || lstat(listener->path, &status) != 0) {
        return error_at(listener->path, MOIDC_E_STORAGE, "the proxy cannot listen", errno, err);
    }
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return MOIDC_OK;
}

enum moidc_code local_listener_open_unix(const char *path, struct local_listener **ret, struct moidc_err *err)
{
    CLEANUP(local_listener_close_p) struct local_listener *listener = NULL;
    enum moidc_code rc = listener_new(&listener, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    listener->path = mem_strdup(path);
    if (listener->path == NULL) {
        return err_memory(err);
    }
    if (path[0] == '\0' || path[strlen(path) - 1] == '/') {
        return error_at(path, MOIDC_E_CONFIGURATION, "this is no path of a socket", 0, err);
    }
    rc = check_directory(path, err);
    rc = rc == MOIDC_OK ? take_lock(listener, err) : rc;
    rc = rc == MOIDC_OK ? remove_stale(path, err) : rc;
    rc = rc == MOIDC_OK ? bind_unix(listener, err) : rc;
    if (rc == MOIDC_OK) {
        *ret = listener;
        listener = NULL;
    }
    return rc;
}

void local_listener_close(struct local_listener *listener)
{
    struct stat status;

    if (listener == NULL) {
        return;
    }
    if (listener->inode != 0 && lstat(listener->path, &status) == 0 && status.st_ino == listener->inode &&
        status.st_dev == listener->device) {
        unlink(listener->path);
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    if (listener->lock >= 0) {
        close(listener->lock);
    }
    if (listener->diag >= 0) {
        close(listener->diag);
    }
    mem_free(listener->path);
    mem_free(listener);
}

int local_listener_fd(const struct local_listener *listener)
{
    return listener->fd;
}

const char *local_listener_host(const struct local_listener *listener)
{
    return listener->host;
}

int local_listener_port(const struct local_listener *listener)
{
    return listener->port;
}

const char *local_listener_path(const struct local_listener *listener)
{
    return listener->path;
}

enum local_peer local_listener_peer(struct local_listener *listener, int fd)
{
    return local_peer_find(fd, &listener->diag);
}
