/* SPDX-License-Identifier: MIT */
/* A setting in force as a person reads it. */
#ifndef CONFIG_SETTING_SHOW_H
#define CONFIG_SETTING_SHOW_H

#include "config/settings.h"

enum { SETTING_SHOWN_SIZE = 4200 }; /* the longest value, and a little */

/* The value of `id` in `settings`, spelt as in a file, without control characters: "" where there is none, "(set)" for a
 * secret. Written to `ret`. */
void setting_show(const struct settings *settings, enum setting_id id, char ret[SETTING_SHOWN_SIZE]);

#endif
