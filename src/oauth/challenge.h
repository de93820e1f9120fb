/* SPDX-License-Identifier: MIT */
/* Why a server refuses a token, by its own words: the Bearer challenge of WWW-Authenticate (RFC 9110 §11.6.1, RFC 6750
 * §3). */
#ifndef OAUTH_CHALLENGE_H
#define OAUTH_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

/* No more of a field is read. */
enum { CHALLENGE_MOST_BYTES = 16 * 1024 };

/* What a Bearer challenge says; "" for what it does not. The texts are UTF-8 without control characters, cut where they
 * are longer than their place. They are a stranger's words and may hold the token that it was sent. */
struct challenge {
    bool is_bearer;              /* there is such a challenge */
    char error[128];             /* RFC 6750 §3.1: "invalid_token", "insufficient_scope" ... */
    char description[512];       /* error_description */
    char scope[256];             /* that is needed */
    char realm[128];             /* RFC 9110 §11.5 */
    char resource_metadata[384]; /* RFC 9728 §5.1 */
};

/* Finds the Bearer challenge in `field`, the value of WWW-Authenticate, several joined by commas (RFC 9110 §5.3): the
 * first that names an error, else the first. What breaks the grammar is passed over; with nothing else, *ret says that
 * there is none. Takes no memory, and time in proportion to the field. */
void challenge_parse(const char *field, struct challenge *ret);

#endif
