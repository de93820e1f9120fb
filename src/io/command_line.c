/* SPDX-License-Identifier: MIT */
#include "io/command_line.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MOST_BYTES = 4096, WORD_MOST_BYTES = 128 * 1024 };

void command_line_clear(struct command_line *line)
{
    mem_free(line->program);
    line->program = NULL;
    for (size_t i = 0; i < COMMAND_LINE_WORDS && line->words[i] != NULL; i++) {
        mem_free(line->words[i]);
        line->words[i] = NULL;
    }
}

static size_t count_words(const struct command_line *line)
{
    size_t count = 0;

    while (line->words[count] != NULL) {
        count++;
    }
    return count;
}

enum moidc_code command_line_add(struct command_line *line, const char *word, struct moidc_err *err)
{
    size_t count = count_words(line);

    line->words[count] = mem_strdup(word);
    return line->words[count] != NULL ? MOIDC_OK : err_memory(err);
}

/* Reads one word. Returns where it ends: at a space, the rules' end or the end; NULL when a quote stays open. */
static const char *read_word(const char *text, const struct command_line_rules *rules, struct strbuf *word,
                             bool *has_argument)
{
    char quote = '\0';

    for (; *text != '\0' && (quote != '\0' || (*text != ' ' && *text != rules->end)); text++) {
        if (*text == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*text == '\'' || *text == '"')) {
            quote = *text;
        } else if (rules->argument != NULL && text[0] == '%' && text[1] == 's') {
            strbuf_add_text(word, rules->argument);
            *has_argument = true;
            text++;
        } else {
            text += *text == '\\' && quote != '\'' && text[1] != '\0';
            strbuf_add(word, text, 1);
        }
    }
    return quote == '\0' ? text : NULL;
}

enum moidc_code command_line_read(const char **text, const struct command_line_rules *rules, struct command_line *ret,
                                  bool *has_argument, struct moidc_err *err)
{
    const char *p = *text;

    for (p += strspn(p, " "); *p != '\0' && *p != rules->end; p += strspn(p, " ")) {
        CLEANUP(strbuf_free) struct strbuf word = STRBUF_INIT(WORD_MOST_BYTES);
        size_t count = count_words(ret);

        p = read_word(p, rules, &word, has_argument);
        if (p == NULL || count == COMMAND_LINE_WORDS - 1) {
            command_line_clear(ret);
            *text = "";
            return MOIDC_OK;
        }
        ret->words[count] = strbuf_take(&word);
        if (ret->words[count] == NULL) {
            return strbuf_error(&word, "a word of the command", err);
        }
    }
    *text = p;
    return MOIDC_OK;
}

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static enum moidc_code take(struct command_line *line, const char *path, struct moidc_err *err)
{
    line->program = mem_strdup(path);
    return line->program != NULL ? MOIDC_OK : err_memory(err);
}

enum moidc_code command_line_find(const struct moidc_env *env, struct command_line *line, struct moidc_err *err)
{
    const char *name = line->words[0];
    const char *path = env_get(env, "PATH");
    char candidate[PATH_MOST_BYTES];

    if (strchr(name, '/') != NULL) {
        return is_program(name) ? take(line, name, err) : MOIDC_OK;
    }
    for (path = path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"; *path != '\0'; path += *path == ':') {
        size_t n = strcspn(path, ":");
        int length = *path == '/' ? snprintf(candidate, sizeof candidate, "%.*s/%s", (int)n, path, name) : 0;

        if (length > 0 && (size_t)length < sizeof candidate && is_program(candidate)) {
            return take(line, candidate, err);
        }
        path += n;
    }
    return MOIDC_OK;
}
