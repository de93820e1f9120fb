/* SPDX-License-Identifier: MIT */
#define LIBRARIES_ALONE
#include "base/libraries.h"

#ifdef MOIDC_LATE

#include "base/libcurl.h"
#include "base/openssl.h"

#include <dlfcn.h>
#include <string.h>

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define NAME(name) #name,

#define OPENSSL_WANTED                                                                                                 \
    "OpenSSL " TEXT_OF(OPENSSL_SHLIB_VERSION) " (on Debian: libssl" TEXT_OF(OPENSSL_SHLIB_VERSION) ")"

struct library {
    const char *file; /* by the name that its interface has: libcurl's since 2006, OpenSSL's for each major version */
    const char *wanted;
    const char *const *names; /* of `count` functions */
    void *functions;          /* their pointers, in that order */
    size_t count;
};

struct libcurl libcurl;
struct libcrypto libcrypto;
struct libssl libssl;

static const char *const libcurl_names[] = {LIBCURL_FUNCTIONS(NAME)};
static const char *const libcrypto_names[] = {LIBCRYPTO_FUNCTIONS(NAME)};
static const char *const libssl_names[] = {LIBSSL_FUNCTIONS(NAME)};

static const struct library libraries[] = {
    {"libcurl.so.4", LIBCURL_WANTED, libcurl_names, &libcurl, sizeof libcurl / sizeof(void *)},
    {"libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION), OPENSSL_WANTED, libcrypto_names, &libcrypto,
     sizeof libcrypto / sizeof(void *)},
    {"libssl.so." TEXT_OF(OPENSSL_SHLIB_VERSION), OPENSSL_WANTED, libssl_names, &libssl,
     sizeof libssl / sizeof(void *)},
};

/* What does not fit is seen now: later it would end the process. */
static bool find_functions(const struct library *library)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    for (size_t i = 0; handle != NULL && i < library->count; i++) {
        void *function = dlsym(handle, library->names[i]);

        if (function == NULL) {
            return false;
        }
        memcpy((char *)library->functions + i * sizeof function, &function, sizeof function);
    }
    return handle != NULL;
}

enum moidc_code libraries_load(struct moidc_err *err)
{
    static bool loaded; /* the fork gate guards it */

    if (loaded) {
        return MOIDC_OK;
    }
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (!find_functions(&libraries[i])) {
            /* the loader's own words name the file */
            err_set(err, MOIDC_E_INTERNAL, "a library for the network cannot be loaded: %s", dlerror());
            return err_next(err, "install %s", libraries[i].wanted);
        }
    }
    loaded = true;
    return MOIDC_OK;
}

#elif defined(__linux__)

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* What packaging/late.py writes into a linked file of a wheel, in bytes from where the file is loaded. Nothing elsewhere. */
static const volatile struct {
    uint32_t tables; /* of libcurl and OpenSSL, constant but for the addresses in them */
    uint32_t tables_end;
    uint32_t relocations; /* which the system's loader has left for us */
    uint32_t relocation_count;
} late __attribute__((section("late_relocations"))) = {0, 0, 0, 0};

extern const char __ehdr_start[] __attribute__((visibility("hidden"))); /* where the file is loaded; of the linker */

static void relocate(uintptr_t base)
{
    const ElfW(Rela) *relocation = (const void *)(base + late.relocations);

    for (uint32_t n = late.relocation_count; n > 0; n--, relocation++) {
        *(uintptr_t *)(base + relocation->r_offset) = base + (uintptr_t)relocation->r_addend;
    }
}

/* As the loader does with tables that it relocates. Whole pages: those at both ends hold other data too. */
static void protect(uintptr_t base)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (base + late.tables + page - 1) & ~(page - 1);
    uintptr_t end = (base + late.tables_end) & ~(page - 1);

    if (start < end) {
        (void)mprotect((void *)start, end - start, PROT_READ); /* where that is refused, they work all the same */
    }
}

/* Where the loader has relocated them, as in the extension. */
static __attribute__((constructor)) void protect_at_start(void)
{
    if (late.relocation_count == 0) {
        protect((uintptr_t)__ehdr_start);
    }
}

/* Linked in, they are there. But the program leaves their tables, 300 KB of them, as the file has them until now: each page
 * that addresses are written into is a copy, and to make those takes a fifth of the time of an answer from the cache. */
enum moidc_code libraries_load(struct moidc_err *err)
{
    static bool relocated; /* the fork gate guards it */

    (void)err;
    if (!relocated && late.relocation_count > 0) {
        relocate((uintptr_t)__ehdr_start);
        protect((uintptr_t)__ehdr_start);
        relocated = true;
    }
    return MOIDC_OK;
}

#else

enum moidc_code libraries_load(struct moidc_err *err)
{
    (void)err;
    return MOIDC_OK;
}

#endif
