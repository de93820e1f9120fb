/* SPDX-License-Identifier: MIT */
/* Put before each file of libcurl and OpenSSL: what is constant but for the addresses in it gets a section of its own, which
 * src/base/libraries.c relocates when it is first needed. */
#pragma clang section relro = "relocated_late"
