/* SPDX-License-Identifier: MIT */
#include "io/http_failure.h"

#include "io/http.h"
#include "io/transfer_words.h"
#include "io/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILES_LEAST = 4 }; /* a look-up of a name takes more than one at a time */

static const char FILES_REMEDY[] = "see what this process holds open, or let it open more (ulimit -n); then try again";
static const char PROXY_REMEDY[] = "check the proxy that https_proxy or all_proxy names, or add the host to no_proxy";

/* errno where the process can hardly open another file, else 0. libcurl says "Could not resolve host" then, "Couldn't
 * connect to server" or "error setting certificate file". */
static int files_are_out(void)
{
    int fds[FILES_LEAST];
    int opened = 0;
    int error = 0;

    while (opened < FILES_LEAST && (fds[opened] = open("/", O_RDONLY | O_CLOEXEC)) >= 0) {
        opened++;
    }
    if (opened < FILES_LEAST && (errno == EMFILE || errno == ENFILE)) {
        error = errno;
    }
    while (opened > 0) {
        close(fds[--opened]);
    }
    return error;
}

/* Whether libcurl went by the proxy, or no_proxy kept it from that, is not known. */
static void next_unreached(const struct http_failure *failure, const char *does, struct moidc_err *err)
{
    if (failure->proxy[0] != '\0') {
        err_next(err, "%s; check that the provider %s too; then try again", PROXY_REMEDY, does);
    } else {
        err_next(err, "check that the provider %s and that the network lets you reach it; then try again", does);
    }
}

static void tell(const struct http_failure *failure, const struct http_request *request, const char *text,
                 struct moidc_err *err)
{
    switch (failure->result) {
    case CURLE_OPERATION_TIMEDOUT:
        err_set(err, MOIDC_E_TIMEOUT, "%s did not answer in time (%lld s)", request->what,
                (long long)((failure->waited_ms + 500) / 1000));
        next_unreached(failure, "works", err);
        break;
    case CURLE_PROXY:
    case CURLE_COULDNT_RESOLVE_PROXY:
        err_set(err, MOIDC_E_NETWORK, "the proxy on the way to %s cannot be used: %s", request->what, text);
        err_next(err, "%s", PROXY_REMEDY);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        err_set(err, MOIDC_E_NETWORK, "the host of %s is not found: %s", request->what, text);
        err_next(err, "check the issuer's host name and the network (DNS, VPN, proxy)");
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        err_set(err, MOIDC_E_NETWORK, "the TLS certificate of %s is not trusted: %s (certificates from %s)",
                request->what, text, failure->trust_source);
        err_next(err, "%s",
                 trust_remedy(text, "if your organisation has a CA of its own, set ca-file (or SSL_CERT_FILE) to its "
                                    "PEM bundle"));
        break;
    case CURLE_WRITE_ERROR:
        err_set(err, MOIDC_E_PROTOCOL, "the answer of %s is larger than %d bytes", request->what,
                HTTP_REPLY_MOST_BYTES);
        err_next(err, "check that the issuer is the right one");
        break;
    default:
        err_set(err, MOIDC_E_NETWORK, "%s is not reached: %s", request->what, text);
        if (strstr(failure->detail, "CONNECT") != NULL) { /* "CONNECT tunnel failed, response 407" */
            bool network = strstr(failure->detail, " 511") != NULL;

            err_next(err, "%s", network ? http_status_next(HTTP_NETWORK_SIGN_IN, "") : PROXY_REMEDY);
        } else {
            next_unreached(failure, "runs", err);
        }
    }
}

static bool opens_files(CURLcode result)
{
    return result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY ||
           result == CURLE_COULDNT_CONNECT || result == CURLE_SSL_CACERT_BADFILE;
}

enum moidc_code http_failure_tell(const struct http_failure *failure, const struct http_request *request,
                                  struct moidc_err *err)
{
    const char *text = transfer_words(failure->result, failure->detail);
    int error = opens_files(failure->result) ? files_are_out() : 0;

    if (failure->result == CURLE_OUT_OF_MEMORY) {
        return err_memory(err);
    }
    if (error != 0) {
        err_set(err, MOIDC_E_NETWORK, "%s is not reached: %s (%s)", request->what, strerror(error), text);
        err_next(err, "%s", FILES_REMEDY);
    } else {
        tell(failure, request, text, err);
    }
    err_where(err, "%.*s", (int)strcspn(request->url, "?"), request->url);
    return err->code;
}

enum moidc_code http_failure_start(struct moidc_err *err)
{
    int error = files_are_out();

    if (error == 0) {
        return err_memory(err);
    }
    err_set(err, MOIDC_E_NETWORK, "libcurl does not start: %s", strerror(error));
    return err_next(err, "%s", FILES_REMEDY);
}
