/* SPDX-License-Identifier: MIT */
/* The inside of struct settings_file, for the files of this folder. */
#ifndef CONFIG_SETTINGS_FILE_H
#define CONFIG_SETTINGS_FILE_H

#include "config/setting_value.h"
#include "config/settings.h"

/* What a block says for one setting; nothing was judged yet. */
struct block_value {
    int line; /* 0: the key is not there */
    enum toml_kind kind;
    char *text; /* NULL for a secret */
    struct secret *secret;
    size_t length;
};

struct settings_block {
    int line;
    char *uri; /* normalised */
    struct block_value values[SETTING_COUNT];
};

struct settings_file {
    char *path;
    bool project; /* a pyproject.toml, which may be a stranger's; else the user's own file */
    bool has_table;
    char shown[256]; /* the path as messages show it: the end of a long one */
    struct settings_block *blocks;
    size_t count;
    size_t size;
    char *warnings[16]; /* more would not be read */
    size_t warning_count;
};

/* What the block says for `info`; false when it says nothing. *ret borrows from the file. */
bool settings_file_value(const struct settings_file *file, const struct settings_block *block,
                         const struct setting_info *info, struct setting_value *ret);

#endif
