/* SPDX-License-Identifier: MIT */
#include "io/cache_helper.h"

#include "io/clock.h"
#include "io/command_line.h"
#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STEP_MS = 50, END_STEP_MS = 2 };

/* One run of the helper. */
struct run {
    const struct cache_helper *helper;
    const char *program; /* for messages */
    const char *operation;
    struct spawned spawned;
    bool started;
    int in[2];  /* its standard input; our copy of the reading end stays open, so that writing never raises SIGPIPE */
    int out[2]; /* its standard output */
    const char *input;
    size_t input_left;
    struct strbuf *output;
    int64_t end_ms;
};

/* Its arguments are the user's own, and stand in no message. */
static enum moidc_code failed(const struct run *run, const char *what, struct moidc_err *err)
{
    const char *program = run->program + strspn(run->program, " ");

    err_set(err, MOIDC_E_STORAGE, "the cache helper %s", what);
    err_where(err, "`cache`: %.*s %s", (int)strcspn(program, " "), program, run->operation);
    return err_next(err, "run it by hand: see docs/cache-helper.md");
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void close_run(struct run *run)
{
    close_end(&run->in[0]);
    close_end(&run->in[1]);
    close_end(&run->out[0]);
    close_end(&run->out[1]);
}

static int open_pipe(int *ends)
{
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC);
#else
    if (pipe(ends) != 0) {
        return -1;
    }
    return fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0 ? -1 : 0;
#endif
}

static bool make_patient(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Starts the command with `operation` as its last argument. */
static enum moidc_code start(struct run *run, struct command_line *line, struct moidc_err *err)
{
    char **variables = spawn_variables(run->helper->env);
    struct spawn spawn = {.program = line->program, .words = line->words, .variables = variables};
    int error;

    if (variables == NULL) {
        return err_memory(err);
    }
    error = open_pipe(run->in) != 0 || open_pipe(run->out) != 0 ? errno : 0;
    if (error == 0) {
        spawn.in = run->in[0];
        spawn.out = run->out[1];
        error = spawn_watched(&spawn, &run->spawned);
    }
    mem_free(variables);
    run->started = error == 0;
    if (error != 0) {
        return failed(run, strerror(error), err);
    }
    close_end(&run->out[1]);
    if (!make_patient(run->in[1]) || !make_patient(run->out[0])) {
        return failed(run, strerror(errno), err);
    }
    return MOIDC_OK;
}

static void write_some(struct run *run)
{
    ssize_t n = write(run->in[1], run->input, run->input_left);

    if (n > 0) {
        run->input += n;
        run->input_left -= (size_t)n;
    }
    if (run->input_left == 0) {
        close_end(&run->in[1]);
    }
}

/* False at the end of the output. */
static bool read_some(struct run *run)
{
    char chunk[4096];
    ssize_t n = read(run->out[0], chunk, sizeof chunk);

    if (n > 0) {
        strbuf_add(run->output, chunk, (size_t)n);
        mem_wipe(chunk, (size_t)n);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool is_cancelled(const struct run *run)
{
    const struct moidc_ui *ui = run->helper->ui;

    return ui != NULL && ui->cancelled != NULL && ui->cancelled(ui->ctx);
}

/* MOIDC_OK as long as there is time, and room for what it says. */
static enum moidc_code check_run(const struct run *run, struct moidc_err *err)
{
    if (is_cancelled(run)) {
        return err_set(err, MOIDC_E_CANCELLED, "the call was cancelled while the cache helper was asked");
    }
    if (run->output->failed) {
        return run->output->too_long ? failed(run, "says more than 64 KiB", err) : err_memory(err);
    }
    return clock_steady_ms() < run->end_ms ? MOIDC_OK : failed(run, "did not end within 10 s", err);
}

/* Writes and reads until the output is over. A helper that ended while another process of its holds the output open is
 * over too. */
static enum moidc_code talk(struct run *run, bool *ended, int *status, struct moidc_err *err)
{
    enum moidc_code rc;

    while ((rc = check_run(run, err)) == MOIDC_OK) {
        struct pollfd fds[] = {{.fd = run->out[0], .events = POLLIN}, {.fd = run->in[1], .events = POLLOUT}};

        if (run->input_left == 0) {
            close_end(&run->in[1]);
            fds[1].fd = -1;
        }
        if (poll(fds, 2, STEP_MS) < 0 && errno != EINTR) {
            return failed(run, strerror(errno), err);
        }
        if (fds[1].fd >= 0 && fds[1].revents != 0) {
            write_some(run);
        }
        if (fds[0].revents != 0) {
            if (!read_some(run)) {
                return MOIDC_OK;
            }
        } else if (*ended) {
            return MOIDC_OK; /* there was time to read what it had written */
        } else {
            *ended = spawn_has_ended(&run->spawned, status);
        }
    }
    return rc;
}

static enum moidc_code wait_end(struct run *run, int *status, struct moidc_err *err)
{
    while (!spawn_has_ended(&run->spawned, status)) {
        enum moidc_code rc = check_run(run, err);

        if (rc != MOIDC_OK) {
            return rc;
        }
        poll(NULL, 0, END_STEP_MS);
    }
    return MOIDC_OK;
}

static enum moidc_code run_to_end(struct run *run, struct moidc_err *err)
{
    bool ended = false;
    int status = 0;
    enum moidc_code rc = talk(run, &ended, &status, err);

    if (!ended) {
        rc = rc == MOIDC_OK ? wait_end(run, &status, err) : rc;
        if (rc != MOIDC_OK) {
            spawn_kill(&run->spawned);
        }
    }
    if (rc == MOIDC_OK && status != 0) {
        char what[64];

        snprintf(what, sizeof what, "failed (exit status %d)", status);
        return failed(run, what, err);
    }
    return rc;
}

/* Runs the helper once: `input` in, what it says into `output`. */
static enum moidc_code ask(const struct cache_helper *helper, const char *operation, const struct strbuf *input,
                           struct strbuf *output, struct moidc_err *err)
{
    static const struct command_line_rules rules = {.end = '\0'};
    CLEANUP(command_line_clear) struct command_line line = {0};
    CLEANUP(close_run) struct run run = {.helper = helper, .operation = operation, .program = "", .output = output};
    const char *rest = helper->command;
    bool ignored = false;
    enum moidc_code rc = command_line_read(&rest, &rules, &line, &ignored, err);

    run.in[0] = run.in[1] = run.out[0] = run.out[1] = -1;
    run.input = strbuf_text(input);
    run.input_left = input->length;
    run.end_ms = clock_steady_ms() + CACHE_HELPER_MS;
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (line.words[0] == NULL) {
        return failed(&run, "cannot be read: a quote stays open, or there are too many words", err);
    }
    run.program = line.words[0];
    rc = command_line_add(&line, operation, err);
    rc = rc == MOIDC_OK ? command_line_find(helper->env, &line, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (line.program == NULL) {
        return failed(&run, "is not there", err);
    }
    rc = start(&run, &line, err);
    if (rc != MOIDC_OK) {
        if (run.started) {
            spawn_kill(&run.spawned);
        }
        return rc;
    }
    return run_to_end(&run, err);
}

/* Lines of "key=value" and an empty one. What stands in an identity has no line ends: the settings allow none. */
static enum moidc_code add_identity(struct strbuf *input, const struct identity *identity, struct moidc_err *err)
{
    const struct {
        const char *key;
        const char *value;
    } lines[] = {
        {"issuer", identity->issuer},     {"client_id", identity->client_id},
        {"scope", identity->scope},       {"audience", identity->audience},
        {"kind", identity->kind},         {"login_hint", identity->login_hint},
        {"resource", identity->resource}, {"authorize_params", identity->authorize_params},
    };
    char name[CACHE_NAME_SIZE];

    cache_name(identity, name);
    strbuf_add_format(input, "version=1\nname=%s\n", name);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *value = lines[i].value != NULL ? lines[i].value : "";

        if (strchr(value, '\n') != NULL) {
            return err_set(err, MOIDC_E_INTERNAL, "an identity holds a line end");
        }
        strbuf_add_format(input, "%s=%s\n", lines[i].key, value);
    }
    return input->failed ? strbuf_error(input, "what the cache helper is told", err) : MOIDC_OK;
}

/* The value of the one line "entry=...", NULL when there is none; *n is its length. */
static const char *find_entry(const struct strbuf *output, size_t *n)
{
    static const char key[] = "entry=";
    const char *line = strbuf_text(output);

    while (*line != '\0') {
        size_t length = strcspn(line, "\n");

        if (strncmp(line, key, sizeof key - 1) == 0) {
            *n = length - (sizeof key - 1);
            return line + sizeof key - 1;
        }
        line += length;
        line += *line == '\n';
    }
    return NULL;
}

enum moidc_code cache_helper_get(const struct cache_helper *helper, const struct identity *identity,
                                 struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf input = STRBUF_INIT(CACHE_HELPER_MOST_BYTES);
    CLEANUP(strbuf_free) struct strbuf output = STRBUF_INIT(CACHE_HELPER_MOST_BYTES);
    const struct run run = {.program = helper->command, .operation = "get"};
    const char *text;
    size_t n = 0;
    enum moidc_code rc = add_identity(&input, identity, err);

    strbuf_add_text(&input, "\n");
    rc = rc == MOIDC_OK ? ask(helper, "get", &input, &output, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    text = find_entry(&output, &n);
    if (text == NULL && output.length > 0 && memchr(output.bytes, '\0', output.length) != NULL) {
        return failed(&run, "says what is no text", err);
    }
    rc = text != NULL ? cache_entry_parse(text, n, identity, ret, err) : MOIDC_OK;
    return rc == MOIDC_E_PROTOCOL ? failed(&run, "gives an entry that cannot be read", err) : rc;
}

enum moidc_code cache_helper_store(const struct cache_helper *helper, const struct identity *identity,
                                   const struct cache_entry *entry, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf input = STRBUF_INIT(CACHE_HELPER_MOST_BYTES);
    CLEANUP(strbuf_free) struct strbuf output = STRBUF_INIT(CACHE_HELPER_MOST_BYTES);
    struct cache_helper patient = {.command = helper->command, .env = helper->env};
    const struct run run = {.program = helper->command, .operation = "store"};
    enum moidc_code rc = add_identity(&input, identity, err);

    strbuf_add_text(&input, "entry=");
    rc = rc == MOIDC_OK ? cache_entry_text(identity, entry, &input, err) : rc;
    strbuf_add_text(&input, "\n\n");
    if (rc == MOIDC_OK && input.failed) {
        rc = strbuf_error(&input, "what the cache helper is to store", err);
    }
    if (rc == MOIDC_E_PROTOCOL) {
        return failed(&run, "would have to keep more than 64 KiB", err);
    }
    return rc == MOIDC_OK ? ask(&patient, "store", &input, &output, err) : rc;
}

enum moidc_code cache_helper_erase(const struct cache_helper *helper, const struct identity *identity,
                                   struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf input = STRBUF_INIT(CACHE_HELPER_MOST_BYTES);
    CLEANUP(strbuf_free) struct strbuf output = STRBUF_INIT(CACHE_HELPER_MOST_BYTES);
    struct cache_helper patient = {.command = helper->command, .env = helper->env};
    enum moidc_code rc = add_identity(&input, identity, err);

    strbuf_add_text(&input, "\n");
    return rc == MOIDC_OK ? ask(&patient, "erase", &input, &output, err) : rc;
}
