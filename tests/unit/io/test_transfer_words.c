/* SPDX-License-Identifier: MIT */
#include "io/transfer_words.h"

#include "base/libraries.h"
#include "check.h"

#include <string.h>

static void check_begins(const char *detail, const char *words)
{
    const char *got = transfer_words(CURLE_SSL_CONNECT_ERROR, detail);

    if (strncmp(got, words, strlen(words)) != 0) {
        CHECK_TEXT(got, words);
    }
}

static void test_faults_in_tls_are_said_with_or_without_openssls_texts(void)
{
    check_begins("error:0A00010B:SSL routines::wrong version number", "wrong version number: ");
    check_begins("TLS connect error: error:0A00010B:lib(20)::reason(267)", "wrong version number: ");
    check_begins("TLS connect error: error:0A000410:lib(20)::reason(1040)", "alert handshake failure: ");
    check_begins("OpenSSL SSL_read: error:0A000126:lib(20)::reason(294), errno 0", "unexpected eof while reading: ");
}

static void test_other_words_are_libcurls_own(void)
{
    CHECK_TEXT(transfer_words(CURLE_SSL_CONNECT_ERROR, "error:0A0003E7:lib(20)::reason(999)"),
               "error:0A0003E7:lib(20)::reason(999)");
    /* the same reason of another library: what X509 calls so is nothing of the handshake */
    CHECK_TEXT(transfer_words(CURLE_SSL_CONNECT_ERROR, "error:0580010B:lib(11)::reason(267)"),
               "error:0580010B:lib(11)::reason(267)");
    CHECK_TEXT(transfer_words(CURLE_COULDNT_CONNECT, "error:"), "error:");
    CHECK_TEXT(transfer_words(CURLE_COULDNT_CONNECT, "Failed to connect"), "Failed to connect");
}

static void test_where_nothing_is_said_or_a_password_might_be_the_result_is_named(void)
{
    struct moidc_err err = {0};

    CHECK(libraries_load(&err) == MOIDC_OK);
    CHECK_TEXT(transfer_words(CURLE_COULDNT_CONNECT, ""), curl_easy_strerror(CURLE_COULDNT_CONNECT));
    CHECK_TEXT(transfer_words(CURLE_COULDNT_CONNECT, "http://user:secret@proxy"),
               curl_easy_strerror(CURLE_COULDNT_CONNECT));
}

int main(void)
{
    RUN(test_faults_in_tls_are_said_with_or_without_openssls_texts);
    RUN(test_other_words_are_libcurls_own);
    RUN(test_where_nothing_is_said_or_a_password_might_be_the_result_is_named);
    return check_summary();
}
