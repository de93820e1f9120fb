/* SPDX-License-Identifier: MIT */
/* The C++ run-time library asks for dlsym(), for a faster way to find where exceptions are caught, and for dladdr(), for the
 * names of functions in what it says when it is debugged. Nothing else in a wheel does; with these two, which know of nothing,
 * no process has to load libdl for us. Not exported. */
#include <stddef.h>

void *dlsym(void *handle, const char *name);
int dladdr(const void *address, void *info);

void *dlsym(void *handle, const char *name)
{
    (void)handle;
    (void)name;
    return NULL;
}

int dladdr(const void *address, void *info)
{
    (void)address;
    (void)info;
    return 0;
}
