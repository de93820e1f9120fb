/* SPDX-License-Identifier: MIT */
#include "config/setting_local.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* A cloned repository brings its own pyproject.toml. */
static enum moidc_code refuse_project(const struct setting_value *value, const char *what, struct moidc_err *err)
{
    char fault[128];

    snprintf(fault, sizeof fault, "%s, which a pyproject.toml may not", what);
    setting_value_error(value, fault, err);
    return err_next(
        err, "move the whole block into your own mlflow-oidc-client/config.toml, as [[tracking-servers]], or set %s",
        value->info->variable);
}

enum moidc_code setting_local_ca_file(const struct setting_value *value, char **ret, struct moidc_err *err)
{
    if (value->in_project) {
        return refuse_project(value, "says which certificates to trust", err);
    }
    if (value->kind == TOML_STRING && value->length > 0 && value->text[0] != '/') {
        return setting_value_error(value, "is not an absolute path", err);
    }
    return setting_value_text(value, ret, err);
}

/* tchar of RFC 9110 §5.6.2. */
static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (; *text != '\0'; text++) {
        char c = *text;

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            strchr(others, c) == NULL) {
            return false;
        }
    }
    return true;
}

/* What frames the message, belongs to one hop (RFC 9110 §7.6.1), names the server, or is set by the client that the
 * token goes out with. */
static bool is_taken_header(const char *name)
{
    static const char *const taken[] = {"Accept",     "Accept-Encoding",
                                        "Connection", "Cookie",
                                        "Expect",     "Host",
                                        "Keep-Alive", "Proxy-Authenticate",
                                        "Set-Cookie", "TE",
                                        "Trailer",    "Transfer-Encoding",
                                        "Upgrade",    "Proxy-Connection",
                                        "User-Agent", "WWW-Authenticate",
                                        "Range",      "HTTP2-Settings",
                                        "Date",       "Origin",
                                        "Location",   "Max-Forwards",
                                        "Via",        "Forwarded"};
    static const char content[] = "Content-";

    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (text_equal_nocase(name, taken[i])) {
            return true;
        }
    }
    return text_begins_nocase(name, content, sizeof content - 1);
}

enum moidc_code setting_local_header(const struct setting_value *value, char **ret, struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *name = NULL;
    enum moidc_code rc = setting_value_text(value, &name, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (!is_token(name) || strlen(name) > 64) {
        return setting_value_error(value, "is not the name of a header (RFC 9110)", err);
    }
    if (is_taken_header(name)) {
        return setting_value_error(value, "is a header that HTTP or the client uses for something else", err);
    }
    *ret = name;
    name = NULL;
    return MOIDC_OK;
}

/* COMMAND, NULL when it cannot be one: what it starts must not depend on the working directory, which may be a cloned
 * repository. */
static const char *command_of(const char *text)
{
    size_t n;

    text += strspn(text, " ");
    n = strcspn(text, " ");
    return n > 0 && (text[0] == '/' || memchr(text, '/', n) == NULL) ? text : NULL;
}

enum moidc_code setting_local_cache(const struct setting_value *value, enum settings_cache *ret, char **helper,
                                    struct moidc_err *err)
{
    static const char prefix[] = "helper:";
    static const struct setting_choice choices[] = {
        {"file", SETTINGS_CACHE_FILE}, {"memory", SETTINGS_CACHE_MEMORY}, {"helper:COMMAND", -1}, {NULL, 0}};
    bool names_helper = value->kind == TOML_STRING && value->length >= sizeof prefix - 1 &&
                        text_begins_nocase(value->text, prefix, sizeof prefix - 1);
    CLEANUP(mem_free_p) char *text = NULL;
    const char *command = "";
    int meaning = SETTINGS_CACHE_HELPER;
    enum moidc_code rc = MOIDC_OK;

    if (names_helper) {
        if (value->in_project) {
            return refuse_project(value, "names a program to start", err);
        }
        rc = setting_value_text(value, &text, err);
        command = rc == MOIDC_OK ? command_of(text + sizeof prefix - 1) : "";
        if (command == NULL) {
            setting_value_error(value, "names no program", err);
            return err_next(err, "write helper: and an absolute path, or a name to be found in PATH");
        }
    } else {
        rc = setting_value_choice(value, choices, &meaning, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    *helper = mem_strdup(command);
    if (*helper == NULL) {
        return err_memory(err);
    }
    *ret = (enum settings_cache)meaning;
    return MOIDC_OK;
}

/* The digits as a port, 0 when they are none. */
static int port_of(const char *digits)
{
    int port = 0;

    for (size_t i = 0; digits[i] != '\0'; i++) {
        if (digits[i] < '0' || digits[i] > '9' || i == 5) {
            return 0;
        }
        port = port * 10 + (digits[i] - '0');
    }
    return port <= 65535 ? port : 0;
}

/* Takes "1.2.3.4:5" or "[::]:5" apart. */
static bool read_listen(const char *text, struct listen_address *ret)
{
    const char *colon = strrchr(text, ':');
    struct listen_address listen = {.ipv6 = text[0] == '['};
    size_t brackets = listen.ipv6 ? 1 : 0;
    unsigned char address[sizeof(struct in6_addr)];
    size_t n;

    if (colon == NULL || colon < text + 2 * brackets || (listen.ipv6 && colon[-1] != ']')) {
        return false;
    }
    n = (size_t)(colon - text) - 2 * brackets;
    if (n >= sizeof listen.host) {
        return false;
    }
    memcpy(listen.host, text + brackets, n);
    listen.port = port_of(colon + 1);
    *ret = listen;
    return listen.port > 0 && inet_pton(listen.ipv6 ? AF_INET6 : AF_INET, listen.host, address) == 1;
}

enum moidc_code setting_local_listen(const struct setting_value *value, struct listen_address *ret,
                                     struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *text = NULL;
    struct listen_address listen;
    enum moidc_code rc = setting_value_text(value, &text, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (!read_listen(text, &listen)) {
        return setting_value_error(value, "is not an IP address with a port", err);
    }
    *ret = listen;
    return MOIDC_OK;
}
