/* SPDX-License-Identifier: MIT */
#include "io/http_headers.h"

#include "base/text.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of the header `name` if `line` is that one, else NULL; *length without white space around. */
static const char *header_value(const char *line, size_t n, const char *name, size_t *length)
{
    size_t skip = strlen(name);
    const char *end = line + n;

    if (n <= skip || !text_begins_nocase(line, name, skip) || line[skip] != ':') {
        return NULL;
    }
    line += skip + 1;
    while (line < end && is_space(*line)) {
        line++;
    }
    while (end > line && is_space(end[-1])) {
        end--;
    }
    *length = (size_t)(end - line);
    return line;
}

static int64_t http_date(const char *value, size_t n)
{
    char text[64] = "";
    time_t when;

    if (n >= sizeof text) {
        return 0;
    }
    memcpy(text, value, n);
    when = curl_getdate(text, NULL);
    return when > 0 ? (int64_t)when : 0;
}

/* delay-seconds of RFC 9110 §10.2.3; -1 for anything else, and for more digits than somebody means. */
static int64_t delay_seconds(const char *value, size_t n)
{
    int64_t seconds = 0;

    for (size_t i = 0; i < n; i++) {
        if (i == 9 || value[i] < '0' || value[i] > '9') {
            return -1;
        }
        seconds = seconds * 10 + (value[i] - '0');
    }
    return n > 0 ? seconds : -1;
}

static int64_t retry_after(const char *value, size_t n)
{
    int64_t seconds = delay_seconds(value, n);

    if (seconds >= 0) {
        return seconds;
    }
    seconds = http_date(value, n);
    if (seconds == 0) {
        return -1;
    }
    return seconds > clock_now_s() ? seconds - clock_now_s() : 0;
}

static void take_content_type(struct http_response *response, const char *value, size_t n)
{
    size_t i;

    for (i = 0; i < n && i + 1 < sizeof response->content_type && value[i] != ';' && value[i] > ' '; i++) {
        response->content_type[i] = value[i] >= 'A' && value[i] <= 'Z' ? (char)(value[i] | 0x20) : value[i];
    }
    response->content_type[i] = '\0';
}

/* Appends to what is there, after a comma: a field that came twice (RFC 9110 §5.3). */
static void append(char *text, size_t size, const char *value, size_t n)
{
    size_t length = strlen(text);

    snprintf(text + length, size - length, "%s%.*s", length > 0 ? ", " : "", (int)n, value);
}

static void take_route(const char *line, size_t n, struct http_route *route)
{
    const char *value;
    size_t length = 0;

    if ((value = header_value(line, n, "date", &length)) != NULL) {
        route->date_s = http_date(value, length);
    } else if ((value = header_value(line, n, "location", &length)) != NULL) {
        snprintf(route->location, sizeof route->location, "%.*s", (int)length, value);
        text_make_printable(route->location);
    } else if ((value = header_value(line, n, "www-authenticate", &length)) != NULL) {
        append(route->challenge, sizeof route->challenge, value, length);
    }
}

void http_headers_take(const char *line, size_t n, struct http_response *response, struct http_route *route)
{
    const char *value;
    size_t length = 0;

    if ((value = header_value(line, n, "content-type", &length)) != NULL) {
        take_content_type(response, value, length);
    } else if ((value = header_value(line, n, "retry-after", &length)) != NULL) {
        response->retry_after_s = retry_after(value, length);
    } else if (route != NULL) {
        take_route(line, n, route);
    }
}

void http_headers_forget(struct http_response *response, struct http_route *route)
{
    response->content_type[0] = '\0';
    response->retry_after_s = -1;
    if (route != NULL) {
        route->date_s = 0;
        route->location[0] = '\0';
        route->challenge[0] = '\0';
    }
}

/* The value of `name` in one line of a certificate, "Expire date:Nov 24 02:46:27 2027 GMT"; NULL for another line. */
static const char *certificate_value(const char *line, const char *name)
{
    size_t n = strlen(name);

    return strncmp(line, name, n) == 0 && line[n] == ':' ? line + n + 1 : NULL;
}

/* The first certificate of the chain is the server's own. */
static void take_certificate(const struct curl_slist *line, struct http_route *route)
{
    const char *value;

    for (; line != NULL; line = line->next) {
        if ((value = certificate_value(line->data, "Expire date")) != NULL) {
            route->certificate_ends_s = http_date(value, strlen(value));
        } else if ((value = certificate_value(line->data, "Issuer")) != NULL) {
            snprintf(route->certificate_issuer, sizeof route->certificate_issuer, "%s", value);
            text_make_printable(route->certificate_issuer);
        }
    }
}

/* The times that libcurl tells of a transfer that failed stop short of the stage that it failed in. */
static bool failed_in_tls(CURLcode result)
{
    return result == CURLE_SSL_CONNECT_ERROR || result == CURLE_PEER_FAILED_VERIFICATION ||
           result == CURLE_SSL_CERTPROBLEM || result == CURLE_SSL_CIPHER || result == CURLE_SSL_CACERT_BADFILE ||
           result == CURLE_SSL_ISSUER_ERROR;
}

void http_route_take(CURL *easy, CURLcode result, struct http_route *route)
{
    const struct curl_certinfo *certificates = NULL;
    const char *address = NULL;
    curl_off_t resolved = 0;
    curl_off_t connected = 0;
    curl_off_t secured = 0;

    curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
    curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    route->connected = connected > 0 || failed_in_tls(result);
    route->resolved = resolved > 0 || route->connected || result == CURLE_COULDNT_CONNECT;
    route->secured = secured > 0;
    snprintf(route->address, sizeof route->address, "%s", address != NULL ? address : "");
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &certificates) == CURLE_OK && certificates != NULL &&
        certificates->num_of_certs > 0) {
        take_certificate(certificates->certinfo[0], route);
    }
}
