/* SPDX-License-Identifier: MIT */
/* The authorization response (RFC 6749 §4.1.2) that a person brings by hand: the address that the browser ended on. */
#ifndef OAUTH_PASTED_H
#define OAUTH_PASTED_H

/* The query of what was typed or pasted: the whole address, which must have `redirect_uri`'s scheme, host, port and path;
 * the same without "http://"; or the query alone, with or without its '?'.
 *   line          changed; may hold a secret
 *   redirect_uri  as it was sent; http
 *   why           what is wrong, as the rest of a sentence that begins with "what was pasted"; NULL: nothing was typed
 * Borrowed from `line`; NULL when it is none. It is as much a stranger's as one that a browser brings. */
const char *pasted_query(char *line, const char *redirect_uri, const char **why);

#endif
