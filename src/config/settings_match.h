/* SPDX-License-Identifier: MIT */
/* Which block covers a URI. */
#ifndef CONFIG_SETTINGS_MATCH_H
#define CONFIG_SETTINGS_MATCH_H

#include "config/settings_file.h"

struct block_match {
    const struct settings_file *file;
    const struct settings_block *block; /* NULL: none covers it */
};

/* The block with the longest URI that covers `url`; of two equal ones that of files[0], and the first of a file. */
struct block_match settings_match_block(const struct settings_sources *sources, const struct url *url);

/* True when the variables describe a server: one is set and env_uri is an http(s) URI that can be matched, then in
 * *url, which borrows from `sources`. */
bool settings_match_environment(const struct settings_sources *sources, struct url *url);

#endif
