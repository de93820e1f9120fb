/* SPDX-License-Identifier: MIT */
/* JSON on the standard output, written as it comes. Texts are UTF-8; bytes that are not become U+FFFD. */
#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "mlflow_oidc.h"

#include <stdbool.h>
#include <stdint.h>

/* Each with the key of its member, NULL for an element of an array and for the whole document. The last end writes the
 * line's end. */
void json_out_object(const char *key);
void json_out_object_end(void);
void json_out_array(const char *key);
void json_out_array_end(void);
void json_out_text(const char *key, const char *text);
/* null for a text that is NULL or empty. */
void json_out_text_or_null(const char *key, const char *text);
void json_out_number(const char *key, int64_t number);
/* A time in seconds since 1970; null for 0, when nobody said. */
void json_out_time(const char *key, int64_t seconds);
void json_out_boolean(const char *key, bool value);
/* What failed, where, what to do next, and its code by name. */
void json_out_error(const char *key, const struct moidc_err *err);

#endif
