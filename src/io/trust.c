/* SPDX-License-Identifier: MIT */
#include "io/trust.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const BUNDLES[] = {
    "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL, Fedora */
    "/etc/pki/tls/certs/ca-bundle.crt",                  /* older RHEL */
    "/etc/ssl/ca-bundle.pem",                            /* SUSE */
    "/var/lib/ca-certificates/ca-bundle.pem",            /* openSUSE */
    "/etc/ssl/cert.pem",                                 /* macOS, Alpine */
};

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* OpenSSL finds a certificate in a directory by the hash of its subject: names such as 5ed36f99.0. */
static bool is_hashed(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool found = false;

    while (directory != NULL && !found && (entry = readdir(directory)) != NULL) {
        size_t digits = strspn(entry->d_name, "0123456789abcdef");

        found = digits == 8 && entry->d_name[8] == '.' && isdigit((unsigned char)entry->d_name[9]);
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return found;
}

static enum moidc_code take(const char *path, bool directory, const char *source, struct trust *ret,
                            struct moidc_err *err)
{
    char **field = directory ? &ret->directory : &ret->file;

    *field = mem_strdup(path);
    ret->source = source;
    return *field != NULL ? MOIDC_OK : err_memory(err);
}

static enum moidc_code take_from_system(const char *root, const struct moidc_env *env, struct trust *ret,
                                        struct moidc_err *err)
{
    const char *certifi = env_get(env, "MOIDC_CERTIFI");
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/etc/ssl/certs", root);
    if (is_hashed(path)) {
        return take(path, true, "the system", ret, err);
    }
    for (size_t i = 0; i < sizeof BUNDLES / sizeof BUNDLES[0]; i++) {
        snprintf(path, sizeof path, "%s%s", root, BUNDLES[i]);
        if (access(path, R_OK) == 0) {
            return take(path, false, "the system", ret, err);
        }
    }
    if (certifi != NULL) {
        return take(certifi, is_directory(certifi), "certifi", ret, err);
    }
    ret->source = "nowhere: no certificate authorities were found on this machine";
    return MOIDC_OK;
}

/* The file that the user named. Its owner is not checked, as nobody checks that of SSL_CERT_FILE: only the user's own
 * settings can name it, and certificates are often put there by another account. */
static enum moidc_code take_named(const char *path, struct trust *ret, struct moidc_err *err)
{
    if (access(path, R_OK) != 0 || is_directory(path)) {
        err_set(err, MOIDC_E_CONFIGURATION, "the certificates that `ca-file` names cannot be read: %s",
                is_directory(path) ? "a folder" : strerror(errno));
        err_where(err, "%s", path);
        return err_next(err, "set ca-file to a PEM file of certificates");
    }
    return take(path, false, "ca-file", ret, err);
}

enum moidc_code trust_find_below(const char *root, const struct moidc_env *env, const char *ca_file, struct trust *ret,
                                 struct moidc_err *err)
{
    static const char *const variables[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};
    struct trust trust = {0};
    enum moidc_code rc = MOIDC_OK;

    if (ca_file != NULL && *ca_file != '\0') {
        return take_named(ca_file, ret, err);
    }
    for (size_t i = 0; i < 4 && rc == MOIDC_OK; i++) {
        const char *path = env_get(env, variables[i]);
        bool pair = i == 1 && trust.file != NULL; /* SSL_CERT_DIR adds to SSL_CERT_FILE */

        if (path != NULL && (pair || trust.source == NULL)) {
            /* SSL_CERT_DIR may be a list with ':' between (OpenSSL) and so no directory by itself */
            rc = take(path, i == 1 || is_directory(path), variables[i], &trust, err);
        }
    }
    if (rc == MOIDC_OK && trust.source == NULL) {
        rc = take_from_system(root, env, &trust, err);
    }
    if (rc != MOIDC_OK) {
        trust_clear(&trust);
        return rc;
    }
    *ret = trust;
    return MOIDC_OK;
}

enum moidc_code trust_find(const struct moidc_env *env, const char *ca_file, struct trust *ret, struct moidc_err *err)
{
    return trust_find_below("", env, ca_file, ret, err);
}

void trust_clear(struct trust *trust)
{
    mem_free(trust->file);
    mem_free(trust->directory);
    memset(trust, 0, sizeof *trust);
}

const char *trust_remedy(const char *said, const char *otherwise)
{
    static const struct {
        const char *said; /* by OpenSSL, or by libcurl of the name */
        const char *remedy;
    } remedies[] = {
        {"not yet valid", "set this machine's clock (NTP): by it the certificate is from the future"},
        {"has expired", "check this machine's clock; if it is right, have the server's certificate renewed"},
        {"subject name",
         "check the host's name; a guest network answers in its place until you have signed in there: open "
         "any page in a browser"},
    };

    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (strstr(said, remedies[i].said) != NULL) {
            return remedies[i].remedy;
        }
    }
    return otherwise;
}

const char *trust_proxy(const struct moidc_env *env, const struct url *url)
{
    /* HTTP_PROXY in capitals is a request header in CGI and so never trusted, as curl has it */
    const char *const names[2][4] = {{"http_proxy", "all_proxy", "ALL_PROXY", NULL},
                                     {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}};
    const char *proxy = NULL;

    if (url_is_loopback(url)) {
        return ""; /* http is allowed to loopback alone: what is said there must not leave the machine */
    }
    for (size_t i = 0; i < 4 && proxy == NULL && names[url->https][i] != NULL; i++) {
        proxy = env_get(env, names[url->https][i]);
    }
    return proxy != NULL ? proxy : "";
}
