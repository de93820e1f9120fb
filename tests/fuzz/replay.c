/* SPDX-License-Identifier: MIT */
/* usage: <target> FILE_OR_FOLDER...
 * Feeds files to a fuzz target where libFuzzer is not there, as the ordinary test run does with the corpus. */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static int passed;

static void feed_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    uint8_t *bytes;

    HOLDS(file != NULL && fstat(fileno(file), &status) == 0);
    bytes = malloc((size_t)status.st_size + (status.st_size == 0)); /* no byte more, for the address sanitizer */
    HOLDS(bytes != NULL && fread(bytes, 1, (size_t)status.st_size, file) == (size_t)status.st_size);
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one printed is the one that failed */
    HOLDS(LLVMFuzzerTestOneInput(bytes, (size_t)status.st_size) == 0);
    free(bytes);
    passed++;
}

static void feed(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);

    if (count < 0) {
        feed_file(path);
        return;
    }
    for (int i = 0; i < count; i++) {
        char *name;

        if (names[i]->d_name[0] != '.') {
            HOLDS(asprintf(&name, "%s/%s", path, names[i]->d_name) > 0);
            feed_file(name);
            free(name);
        }
        free(names[i]);
    }
    free(names);
}

int main(int count, char **words)
{
    for (int i = 1; i < count; i++) {
        feed(words[i]);
    }
    HOLDS(LLVMFuzzerTestOneInput((const uint8_t *)"", 0) == 0);
    printf("%d passed, 0 failed\n", passed + 1);
    return 0;
}
