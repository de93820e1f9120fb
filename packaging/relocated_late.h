/* SPDX-License-Identifier: MIT */
/* Put before each file of libcurl and OpenSSL: what has addresses in it, constant but for those or not, gets sections of
 * its own, which src/base/libraries.c relocates when they are first needed. */
#pragma clang section relro = "late_tables"
#pragma clang section data = "late_data"
