/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include "message.h"

#include <stdlib.h>
#include <string.h>

/* The place of the option whose name is the first `n` bytes of `name`, or whose letter is `letter`; -1: there is none. */
static int find(const struct option_info *options, const char *name, size_t n, char letter)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (letter != 0 ? options[i].letter == letter
                        : strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int arguments_distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    int row[MOST + 1];
    size_t la = strlen(a);
    size_t lb = strlen(b);

    if (la > MOST || lb > MOST) {
        return 99;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; i <= la; i++) {
        int diagonal = row[0];

        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int least = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            least = row[j] + 1 < least ? row[j] + 1 : least;
            row[j] = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
        }
    }
    return row[lb];
}

static void nearest(const struct option_info *options, const char *name, const char **best, int *distance)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        int d = options[i].meaning != NULL ? arguments_distance(name, options[i].name) : 99;

        if (d < *distance) {
            *best = options[i].name;
            *distance = d;
        }
    }
}

static bool tell_unknown(const struct command *command, const char *word)
{
    const char *best = NULL;
    char name[33] = "";
    int distance = 4; /* further away it is a guess, not a slip */

    if (strncmp(word, "--", 2) == 0) {
        strncat(name, word + 2, strcspn(word + 2, "=") < sizeof name ? strcspn(word + 2, "=") : 0);
        distance = (int)strlen(name) / 2 + 1 < distance ? (int)strlen(name) / 2 + 1 : distance;
        nearest(command->options, name, &best, &distance);
        nearest(OPTIONS_COMMON, name, &best, &distance);
    }
    return message_usage(command, "`%s` has no option %.*s%s%s%s", command->name, (int)strcspn(word, "="), word,
                         best != NULL ? ": did you mean --" : "", best != NULL ? best : "", best != NULL ? "?" : "");
}

/* One option word at argv[*i], and its value where that is the next word. */
static bool take_option(char **argv, int *i, struct arguments *ret)
{
    const struct option_info *info = ret->command->options;
    const char **values = ret->values;
    const char *word = argv[*i];
    bool is_long = word[1] == '-';
    size_t n = is_long ? strcspn(word + 2, "=") : 0;
    const char *value = is_long ? (word[2 + n] == '=' ? word + 3 + n : NULL) : word[2] != '\0' ? word + 2 : NULL;
    int at = find(info, word + 2, n, is_long ? 0 : word[1]);

    if (at < 0) {
        info = OPTIONS_COMMON;
        values = ret->common;
        at = find(info, word + 2, n, is_long ? 0 : word[1]);
    }
    if (at < 0) {
        return tell_unknown(ret->command, word);
    }
    if (info[at].value == NULL && value != NULL) {
        return message_usage(ret->command, "--%s takes no value", info[at].name);
    }
    if (info[at].value != NULL && value == NULL && (value = argv[++*i]) == NULL) {
        return message_usage(ret->command, "--%s needs a value: --%s=%s", info[at].name, info[at].name, info[at].value);
    }
    values[at] = value != NULL ? value : "";
    return true;
}

bool arguments_read(const struct command *command, char **argv, struct arguments *ret)
{
    int i = 0;

    memset(ret, 0, sizeof *ret);
    ret->command = command;
    ret->operands = argv; /* operands are moved to the front */
    for (; argv[i] != NULL; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argv, &i, ret)) {
                return false;
            }
        } else if (command->rest) {
            break;
        } else {
            argv[ret->operand_count++] = argv[i];
        }
    }
    while (argv[i] != NULL) {
        argv[ret->operand_count++] = argv[i++];
    }
    argv[ret->operand_count] = NULL;
    if (command->operands == NULL && ret->operand_count > 0 && !arguments_have(ret, "help")) {
        return message_usage(command, "`%s` takes no argument, and there is \"%.100s\"", command->name,
                             ret->operands[0]);
    }
    return true;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    int at = find(arguments->command->options, name, strlen(name), 0);

    if (at >= 0) {
        return arguments->values[at];
    }
    at = find(OPTIONS_COMMON, name, strlen(name), 0);
    return at >= 0 ? arguments->common[at] : NULL;
}

bool arguments_have(const struct arguments *arguments, const char *name)
{
    return arguments_value(arguments, name) != NULL;
}

bool arguments_seconds(const struct arguments *arguments, const char *name, int64_t most, int64_t *ret)
{
    const char *text = arguments_value(arguments, name);
    int64_t seconds = 0;

    if (text == NULL) {
        return true;
    }
    for (const char *c = text; *c != '\0' && seconds >= 0; c++) {
        seconds = *c >= '0' && *c <= '9' && seconds <= most ? seconds * 10 + (*c - '0') : -1;
    }
    if (text[0] == '\0' || seconds < 0 || seconds > most) {
        return message_usage(arguments->command, "--%s is a number of seconds from 0 to %lld, not \"%.40s\"", name,
                             (long long)most, text);
    }
    *ret = seconds;
    return true;
}

bool arguments_at_most_one(const struct arguments *arguments, const char *const *names)
{
    const char *first = NULL;

    for (; *names != NULL; names++) {
        if (!arguments_have(arguments, *names)) {
            continue;
        }
        if (first != NULL) {
            return message_usage(arguments->command, "--%s and --%s exclude each other", first, *names);
        }
        first = *names;
    }
    return true;
}
