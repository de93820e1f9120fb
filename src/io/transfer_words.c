/* SPDX-License-Identifier: MIT */
#include "io/transfer_words.h"

#include "base/openssl.h"

#include <stdlib.h>
#include <string.h>

#define NOTHING_IN_COMMON "the server wants other versions, ciphers or curves, or a certificate of the client's"
#define NO_CLIENT_CERTIFICATE "the server wants a certificate of the client's, which cannot be given here"
#define NO_TLS "what answers there does not speak TLS"
#define TOO_OLD "the server has no TLS 1.2 or later"
#define CHANGED "something on the way changes what is sent"

/* Alerts of the server (RFC 8446 §6), which are 1000 and their number, and what a client finds by itself. */
static const struct {
    int reason;
    const char *words;
} TLS_FAULTS[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "wrong version number: " NO_TLS},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "packet length too long: " NO_TLS},
    {SSL_R_UNSUPPORTED_PROTOCOL, "unsupported protocol: " TOO_OLD},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "tlsv1 alert protocol version: " TOO_OLD},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "alert handshake failure: " NOTHING_IN_COMMON},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "alert insufficient security: " NOTHING_IN_COMMON},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "alert certificate required: " NO_CLIENT_CERTIFICATE},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "alert bad certificate: " NO_CLIENT_CERTIFICATE},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "alert access denied: " NO_CLIENT_CERTIFICATE},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "unrecognized name: the server does not know the host by this name"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, "alert internal error: the server failed"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "unexpected eof while reading: the server closed the connection"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
     "unsafe legacy renegotiation disabled: the server knows no secure renegotiation (RFC 5746)"},
    {SSL_R_DH_KEY_TOO_SMALL, "dh key too small: the server's parameters are too weak"},
    {SSL_R_WRONG_SIGNATURE_TYPE, "wrong signature type: the server signs in a way that is not allowed"},
    {SSL_R_BAD_SIGNATURE, "bad signature: " CHANGED},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "decryption failed or bad record mac: " CHANGED},
    {SSL_R_SSLV3_ALERT_BAD_RECORD_MAC, "alert bad record mac: " CHANGED},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "alert decrypt error: " CHANGED},
    {SSL_R_UNEXPECTED_MESSAGE, "unexpected message: the server does not keep to TLS"},
    {SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE, "alert unexpected message: the server takes what is sent for no TLS"},
    {SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER, "alert illegal parameter: the server refuses what is offered"},
    {SSL_R_TLSV1_ALERT_DECODE_ERROR, "alert decode error: the server takes what is sent for no TLS"},
};

/* Of "... error:0A00010B:SSL routines::wrong version number", the words for that code; else NULL. */
static const char *tls_fault(const char *detail)
{
    const char *at = strstr(detail, "error:0A"); /* ERR_LIB_SSL */
    int reason = at != NULL ? ERR_GET_REASON(strtoul(at + strlen("error:"), NULL, 16)) : 0;

    for (size_t i = 0; reason != 0 && i < sizeof TLS_FAULTS / sizeof *TLS_FAULTS; i++) {
        if (TLS_FAULTS[i].reason == reason) {
            return TLS_FAULTS[i].words;
        }
    }
    return NULL;
}

const char *transfer_words(CURLcode result, const char *detail)
{
    /* libcurl quotes a proxy's URI that it cannot use, with the password in it */
    bool quotable = detail[0] != '\0' && strchr(detail, '@') == NULL;
    const char *words = tls_fault(detail);

    return words != NULL ? words : quotable ? detail : curl_easy_strerror(result);
}
