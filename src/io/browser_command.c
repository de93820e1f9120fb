/* SPDX-License-Identifier: MIT */
#include "io/browser_command.h"

#include <string.h>

/* In the order in which they are tried. Debian's `open` hands to a mail program what it does not know, and elsewhere it
 * is openvt: only macOS has the one that is meant. */
#ifdef __APPLE__
static const char *const openers[] = {"open"};
#else
static const char *const openers[] = {"xdg-open", "x-www-browser", "sensible-browser", "gnome-open", "wslview"};
#endif
enum { OPENERS = sizeof openers / sizeof openers[0] };

bool browser_command_desktop(const struct moidc_env *env)
{
#ifdef __APPLE__
    return env_get(env, "SSH_CONNECTION") == NULL && env_get(env, "SSH_TTY") == NULL;
#else
    return env_get(env, "DISPLAY") != NULL || env_get(env, "WAYLAND_DISPLAY") != NULL;
#endif
}

/* Reads the command at *text up to its ':' and moves *text behind it. An unreadable one (open quote, too many words)
 * comes out without words, and ends the list. */
static enum moidc_code read_command(const char **text, const char *url, struct command_line *ret, struct moidc_err *err)
{
    const struct command_line_rules rules = {.end = ':', .argument = url};
    bool has_url = false;
    size_t count = 0;
    enum moidc_code rc = command_line_read(text, &rules, ret, &has_url, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    *text += **text == ':';
    while (ret->words[count] != NULL) {
        count++;
    }
    if (count > 1 && strcmp(ret->words[count - 1], "&") == 0) { /* "firefox &": it never waits here */
        mem_free(ret->words[--count]);
        ret->words[count] = NULL;
    }
    return count > 0 && !has_url ? command_line_add(ret, url, err) : MOIDC_OK;
}

/* The n-th command of $BROWSER; empty ones ("a::b") do not count. */
static enum moidc_code nth_of_variable(const char *browser, const char *url, size_t n, bool *more,
                                       struct command_line *ret, struct moidc_err *err)
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
        command_line_clear(ret);
    }
    return MOIDC_OK;
}

static enum moidc_code nth_of_desktop(const char *url, size_t n, bool *more, struct command_line *ret,
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
                                    struct command_line *ret, struct moidc_err *err)
{
    const char *browser = env_get(env, "BROWSER");
    enum moidc_code rc;

    rc = browser != NULL ? nth_of_variable(browser, url, n, more, ret, err) : nth_of_desktop(url, n, more, ret, err);
    if (rc != MOIDC_OK || !*more) {
        return rc;
    }
    return command_line_find(env, ret, err);
}
