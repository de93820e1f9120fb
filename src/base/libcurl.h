/* SPDX-License-Identifier: MIT */
/* libcurl, by its own names; after libraries_load(). */
#ifndef BASE_LIBCURL_H
#define BASE_LIBCURL_H

#include "base/libraries.h"

#include <curl/curl.h>

/* The oldest that has all that is asked of it; meson.build and packages ask for that too. */
#define LIBCURL_OLDEST CURL_VERSION_BITS(7, 88, 0)
#define LIBCURL_WANTED "libcurl 7.88 or later (on Debian: libcurl4)"

#ifdef MOIDC_LATE

struct libcurl {
    LIBCURL_FUNCTIONS(LIBRARY_POINTER)
};
extern struct libcurl libcurl;

#ifndef LIBRARIES_ALONE /* libraries.c, which has the names themselves */
/* curl.h's macros for these check arguments only */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
#define curl_easy_cleanup libcurl.curl_easy_cleanup
#define curl_easy_getinfo libcurl.curl_easy_getinfo
#define curl_easy_init libcurl.curl_easy_init
#define curl_easy_pause libcurl.curl_easy_pause
#define curl_easy_reset libcurl.curl_easy_reset
#define curl_easy_setopt libcurl.curl_easy_setopt
#define curl_easy_strerror libcurl.curl_easy_strerror
#define curl_getdate libcurl.curl_getdate
#define curl_global_init_mem libcurl.curl_global_init_mem
#define curl_multi_add_handle libcurl.curl_multi_add_handle
#define curl_multi_cleanup libcurl.curl_multi_cleanup
#define curl_multi_info_read libcurl.curl_multi_info_read
#define curl_multi_init libcurl.curl_multi_init
#define curl_multi_perform libcurl.curl_multi_perform
#define curl_multi_poll libcurl.curl_multi_poll
#define curl_multi_remove_handle libcurl.curl_multi_remove_handle
#define curl_multi_setopt libcurl.curl_multi_setopt
#define curl_slist_append libcurl.curl_slist_append
#define curl_slist_free_all libcurl.curl_slist_free_all
#define curl_version_info libcurl.curl_version_info
#endif

#endif
#endif
