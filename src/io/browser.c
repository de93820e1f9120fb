/* SPDX-License-Identifier: MIT */
#include "io/browser.h"

#include "base/strbuf.h"
#include "base/url.h"
#include "io/browser_command.h"
#include "io/spawn.h"

#include <errno.h>
#include <string.h>

enum { TRIED_MOST_BYTES = 300, URL_MOST_BYTES = 192 * 1024 };

bool browser_available(const struct moidc_env *env)
{
    struct command_line command = {0};
    struct moidc_err err;
    bool found = env_get(env, "BROWSER") != NULL;
    bool more = !found && browser_command_desktop(env);

    for (size_t n = 0; more && !found; n++) {
        more = browser_command_nth(env, "http://localhost/", n, &more, &command, &err) == MOIDC_OK && more;
        found = more && command.program != NULL;
        command_line_clear(&command);
    }
    return found;
}

static void variables_free(char **variables)
{
    mem_free(variables);
}
DEFINE_CLEANUP(char **, variables_free)

/* The URL as a command gets it. The provider chose its beginning, and some openers, and commands of $BROWSER, put it
 * between the quotes of a shell: what a shell could run there is percent-encoded, which means the same (RFC 3986 §2.2
 * allows it where a sub-delimiter does not delimit). */
static enum moidc_code tame(const char *url, struct strbuf *ret, struct moidc_err *err)
{
    for (; *url != '\0'; url++) {
        if (strchr("!$'()*", *url) != NULL) {
            strbuf_add_percent(ret, url, 1);
        } else {
            strbuf_add(ret, url, 1);
        }
    }
    return ret->failed ? strbuf_error(ret, "the address to open in the browser", err) : MOIDC_OK;
}

static enum moidc_code error_none(const struct strbuf *tried, struct moidc_err *err)
{
    err_set(err, MOIDC_E_STORAGE, "no browser could be started");
    err_where(err, "%s", tried->length > 0 ? strbuf_text(tried) : "BROWSER names none");
    return err_next(err, "open the address by hand, or set BROWSER to a command that opens it");
}

enum moidc_code browser_open(const struct moidc_env *env, const char *url, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf tried = STRBUF_INIT(TRIED_MOST_BYTES);
    CLEANUP(strbuf_free) struct strbuf tamed = STRBUF_INIT(URL_MOST_BYTES);
    CLEANUP(variables_free_p) char **variables = NULL;
    struct url parts;
    bool more = true;
    enum moidc_code rc;

    /* Never "file:", "javascript:", or what a browser would read as an option. */
    if (!url_parse(url, &parts)) {
        return err_set(err, MOIDC_E_PROTOCOL, "the address to open in the browser is no http or https URL");
    }
    rc = tame(url, &tamed, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    variables = spawn_variables(env);
    if (variables == NULL) {
        return err_memory(err);
    }
    for (size_t n = 0; more; n++) {
        CLEANUP(command_line_clear) struct command_line command = {0};
        struct spawn spawn = {.words = command.words, .variables = variables, .in = -1, .out = -1};
        int error = ENOENT;

        rc = browser_command_nth(env, strbuf_text(&tamed), n, &more, &command, err);
        spawn.program = command.program;
        if (rc != MOIDC_OK || !more) {
            return rc != MOIDC_OK ? rc : error_none(&tried, err);
        }
        if (command.program != NULL && (error = spawn_detached(&spawn)) == 0) {
            return MOIDC_OK;
        }
        strbuf_add_format(&tried, "%s%s: %s", tried.length > 0 ? ", " : "", command.words[0], strerror(error));
    }
    return MOIDC_OK;
}
