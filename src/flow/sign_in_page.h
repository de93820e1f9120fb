/* SPDX-License-Identifier: MIT */
/* The page that the browser ends on: self-contained, accessible, light and dark, no script, no external resource. */
#ifndef FLOW_SIGN_IN_PAGE_H
#define FLOW_SIGN_IN_PAGE_H

#include "base/strbuf.h"

/* What the page tells; the strings may come from strangers and are escaped here; borrowed. */
struct sign_in_page {
    bool success;
    const char *server; /* the tracking server's URI */
    const char *issuer;
    const char *error;       /* `error` of RFC 6749 §4.1.2.1, or ""; refusals only */
    const char *description; /* a sentence, or "" */
    const char *next;        /* what to do next, or "" */
};

/* Appends the HTML document. A failure stays in `buf`. */
void sign_in_page_render(struct strbuf *buf, const struct sign_in_page *page);

#endif
