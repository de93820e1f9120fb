/* SPDX-License-Identifier: MIT */
/* application/x-www-form-urlencoded (RFC 6749 appendix B): building bodies, reading queries. */
#ifndef OAUTH_FORM_H
#define OAUTH_FORM_H

#include "base/secret.h"
#include "base/strbuf.h"

/* Appends "name=value", with '&' before it unless the buffer is empty or ends with '?' or '&'. A NULL or "" value adds
 * nothing. */
void form_add(struct strbuf *buf, const char *name, const char *value);
void form_add_secret(struct strbuf *buf, const char *name, const struct secret *value);

/* Adds one parameter of that name for each of the words, which spaces separate. NULL or "": nothing. */
void form_add_words(struct strbuf *buf, const char *name, const char *words);

/* Adds what is form-urlencoded already. NULL or "": nothing. */
void form_add_encoded(struct strbuf *buf, const char *encoded);

/* How often the parameter `name` stands in `query`; with exactly one, *ret is its decoded value, the caller's. -1: memory
 * is out, or the value is not properly encoded, holds NUL or is no UTF-8. */
int form_get(const char *query, const char *name, struct secret **ret);

#endif
