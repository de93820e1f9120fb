/* SPDX-License-Identifier: MIT */
/* Put before each file of libcurl and OpenSSL: what has addresses in it gets sections of its own, constant but for those and not,
 * which src/base/libraries.c relocates when it is first needed. */
#pragma clang section relro = "late_tables"
#pragma clang section data = "late_data"
