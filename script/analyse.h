/* SPDX-License-Identifier: MIT */
/* For script/analyse, before each source: the tools read one file at a time, and so cannot know that what fills an error
 * never returns MOIDC_OK. Here they are told. */
#include "base/error.h"
#include "base/strbuf.h"

#define FAILED(call)                                                                                                   \
    __extension__({                                                                                                    \
        enum moidc_code failed_ = (call);                                                                              \
        if (failed_ == MOIDC_OK) {                                                                                     \
            __builtin_unreachable();                                                                                   \
        }                                                                                                              \
        failed_;                                                                                                       \
    })
#define err_set(...) FAILED((err_set)(__VA_ARGS__))
#define err_where(...) FAILED((err_where)(__VA_ARGS__))
#define err_next(...) FAILED((err_next)(__VA_ARGS__))
#define err_memory(...) FAILED((err_memory)(__VA_ARGS__))
#define strbuf_error(...) FAILED((strbuf_error)(__VA_ARGS__))
