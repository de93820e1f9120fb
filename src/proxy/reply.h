/* SPDX-License-Identifier: MIT */
/* What the proxy itself answers: errors in MLflow's form, which its clients show, or a page for a person. */
#ifndef PROXY_REPLY_H
#define PROXY_REPLY_H

#include "base/secret.h"
#include "proxy/request.h"

struct reply {
    int status;
    const char *message; /* sentences; nothing secret */
    /* Seconds after which to try again; 0: none are named. MLflow's client repeats what was answered with 502, 503 or
     * 504 in any case, after pauses that add up to minutes; where a person has to act first, 1 has it give up, and
     * show the message, after seconds. */
    int retry_after_s;
    bool page;       /* for a person's browser */
    bool body;       /* false: HEAD asked */
    bool keep_alive; /* the connection stays open */
};

/* Appends the whole answer. */
void reply_write(const struct reply *reply, struct strbuf *ret);

/* Appends the answer that sets the proxy's cookie and leads to "/". Where the browser came from another origin's page
 * (`by_page`) a page does the leading, for a SameSite=Strict cookie does not go along with a redirect then. */
void reply_write_entry(const char *cookie_name, const struct secret *cookie, bool by_page, struct strbuf *ret);

/* Appends the answer with that line of plain text. */
void reply_write_text(const char *text, bool keep_alive, struct strbuf *ret);

/* "Bad Request" ...; "Status" for one that is not known. */
const char *reply_reason(int status);

#endif
