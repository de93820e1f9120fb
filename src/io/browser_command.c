/* SPDX-License-Identifier: MIT */
#include "io/browser_command.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MOST_BYTES = 4096, WORD_MOST_BYTES = 128 * 1024 };

/* In the order in which they are tried. Debian's `open` hands to a mail program what it does not know, and elsewhere it
 * is openvt: only macOS has the one that is meant. */
#ifdef __APPLE__
static const char *const openers[] = {"open"};
#else
static const char *const openers[] = {"xdg-open", "x-www-browser", "sensible-browser", "gnome-open", "wslview"};
#endif
enum { OPENERS = sizeof openers / sizeof openers[0] };

void browser_command_clear(struct browser_command *command)
{
    mem_free(command->program);
    command->program = NULL;
    for (size_t i = 0; i < BROWSER_COMMAND_WORDS && command->words[i] != NULL; i++) {
        mem_free(command->words[i]);
        command->words[i] = NULL;
    }
}

bool browser_command_desktop(const struct moidc_env *env)
{
#ifdef __APPLE__
    return env_get(env, "SSH_CONNECTION") == NULL && env_get(env, "SSH_TTY") == NULL;
#else
    return env_get(env, "DISPLAY") != NULL || env_get(env, "WAYLAND_DISPLAY") != NULL;
#endif
}

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Finds `name` on PATH: *ret stays NULL when it is not there. Folders that are not absolute are passed over: the
 * working directory, a cloned repository, must not choose what is started. */
static enum moidc_code find_program(const struct moidc_env *env, const char *name, char **ret, struct moidc_err *err)
{
    const char *path = env_get(env, "PATH");
    char candidate[PATH_MOST_BYTES];

    if (strchr(name, '/') != NULL) {
        if (!is_program(name)) {
            return MOIDC_OK;
        }
        *ret = mem_strdup(name);
        return *ret != NULL ? MOIDC_OK : err_memory(err);
    }
    for (path = path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"; *path != '\0'; path += *path == ':') {
        size_t n = strcspn(path, ":");
        int length = *path == '/' ? snprintf(candidate, sizeof candidate, "%.*s/%s", (int)n, path, name) : 0;

        if (length > 0 && (size_t)length < sizeof candidate && is_program(candidate)) {
            *ret = mem_strdup(candidate);
            return *ret != NULL ? MOIDC_OK : err_memory(err);
        }
        path += n;
    }
    return MOIDC_OK;
}

/* Reads one word of a command: ' and " quote, \ takes the next character as it is (not within '), "%s" becomes the URL.
 * Returns where it ends: at a space, ':' or the end; NULL when a quote stays open. */
static const char *read_word(const char *text, const char *url, struct strbuf *word, bool *has_url)
{
    char quote = '\0';

    for (; *text != '\0' && (quote != '\0' || (*text != ' ' && *text != ':')); text++) {
        if (*text == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*text == '\'' || *text == '"')) {
            quote = *text;
        } else if (text[0] == '%' && text[1] == 's') {
            strbuf_add_text(word, url);
            *has_url = true;
            text++;
        } else {
            text += *text == '\\' && quote != '\'' && text[1] != '\0';
            strbuf_add(word, text, 1);
        }
    }
    return quote == '\0' ? text : NULL;
}

static enum moidc_code add_word(struct browser_command *command, size_t *count, struct strbuf *word,
                                struct moidc_err *err)
{
    char *text = strbuf_take(word);

    if (text == NULL) {
        return strbuf_error(word, "a word of BROWSER", err);
    }
    command->words[(*count)++] = text;
    return MOIDC_OK;
}

/* Reads the command at *text up to its ':' and moves *text behind it. An unreadable one (open quote, too many words)
 * comes out without words, and ends the list. */
static enum moidc_code read_command(const char **text, const char *url, struct browser_command *ret,
                                    struct moidc_err *err)
{
    const char *p = *text;
    bool has_url = false;
    size_t count = 0;
    enum moidc_code rc;

    for (p += strspn(p, " "); *p != '\0' && *p != ':'; p += strspn(p, " ")) {
        CLEANUP(strbuf_free) struct strbuf word = STRBUF_INIT(WORD_MOST_BYTES);

        p = read_word(p, url, &word, &has_url);
        if (p == NULL || count == BROWSER_COMMAND_WORDS - 1) {
            browser_command_clear(ret);
            *text = "";
            return MOIDC_OK;
        }
        rc = add_word(ret, &count, &word, err);
        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    *text = p + (*p == ':');
    if (count > 1 && strcmp(ret->words[count - 1], "&") == 0) { /* "firefox &": it never waits here */
        mem_free(ret->words[--count]);
        ret->words[count] = NULL;
    }
    if (count > 0 && !has_url) {
        CLEANUP(strbuf_free) struct strbuf word = STRBUF_INIT(WORD_MOST_BYTES);

        strbuf_add_text(&word, url);
        return add_word(ret, &count, &word, err);
    }
    return MOIDC_OK;
}

/* The n-th command of $BROWSER; empty ones ("a::b") do not count. */
static enum moidc_code nth_of_variable(const char *browser, const char *url, size_t n, bool *more,
                                       struct browser_command *ret, struct moidc_err *err)
{
    *more = false;
    while (*browser != '\0') {
        enum moidc_code rc = read_command(&browser, url, ret, err);

        if (rc != MOIDC_OK) {
            return rc;
        }
        if (ret->words[0] != NULL && n-- == 0) {
            *more = true;
            return MOIDC_OK;
        }
        browser_command_clear(ret);
    }
    return MOIDC_OK;
}

static enum moidc_code nth_of_desktop(const char *url, size_t n, bool *more, struct browser_command *ret,
                                      struct moidc_err *err)
{
    *more = n < OPENERS;
    if (!*more) {
        return MOIDC_OK;
    }
    ret->words[0] = mem_strdup(openers[n]);
    ret->words[1] = ret->words[0] != NULL ? mem_strdup(url) : NULL;
    return ret->words[1] != NULL ? MOIDC_OK : err_memory(err);
}

enum moidc_code browser_command_nth(const struct moidc_env *env, const char *url, size_t n, bool *more,
                                    struct browser_command *ret, struct moidc_err *err)
{
    const char *browser = env_get(env, "BROWSER");
    enum moidc_code rc;

    rc = browser != NULL ? nth_of_variable(browser, url, n, more, ret, err) : nth_of_desktop(url, n, more, ret, err);
    if (rc != MOIDC_OK || !*more) {
        return rc;
    }
    return find_program(env, ret->words[0], &ret->program, err);
}
