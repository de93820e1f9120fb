/* SPDX-License-Identifier: MIT */
/* The C++ run-time library would turn the name of an exception that nobody catches into a readable one, before it ends
 * the process. No exception leaves src/config/toml_shim.cpp; without the demangler a wheel's files are smaller, and start
 * with less to relocate. Not exported. */
#include <stddef.h>

char *__cxa_demangle(const char *mangled, char *output, size_t *length, int *status);

/* What the Itanium C++ ABI has for no memory: the name is then shown as it is. */
char *__cxa_demangle(const char *mangled, char *output, size_t *length, int *status)
{
    (void)mangled;
    (void)output;
    (void)length;
    if (status != NULL) {
        *status = -1;
    }
    return NULL;
}
