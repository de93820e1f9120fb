/* SPDX-License-Identifier: MIT */
#include "io/trust.h"

#include "scratch.h"

/* Checks where certificates are looked for; NULL: there is none of that kind. */
static void check_found(const char *const *variables, const char *file, const char *directory, const char *source)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);
    struct trust trust = {0};

    CHECK(trust_find(env, NULL, &trust, &err) == MOIDC_OK);
    if (file != NULL) {
        CHECK_TEXT(trust.file, file);
    } else {
        CHECK(trust.file == NULL);
    }
    if (directory != NULL) {
        CHECK_TEXT(trust.directory, directory);
    } else {
        CHECK(trust.directory == NULL);
    }
    CHECK_TEXT(trust.source, source);
    trust_clear(&trust);
}

static void test_variables_are_asked_in_their_order(void)
{
    check_found((const char *[]){"CURL_CA_BUNDLE=/c", "REQUESTS_CA_BUNDLE=/r", "SSL_CERT_FILE=/f", NULL}, "/f", NULL,
                "SSL_CERT_FILE");
    check_found((const char *[]){"CURL_CA_BUNDLE=/c", "REQUESTS_CA_BUNDLE=/r", "SSL_CERT_DIR=/d", NULL}, NULL, "/d",
                "SSL_CERT_DIR");
    check_found((const char *[]){"CURL_CA_BUNDLE=/c", "REQUESTS_CA_BUNDLE=/r", NULL}, "/r", NULL, "REQUESTS_CA_BUNDLE");
    check_found((const char *[]){"CURL_CA_BUNDLE=/c", "MOIDC_CERTIFI=/m", NULL}, "/c", NULL, "CURL_CA_BUNDLE");
    check_found((const char *[]){"SSL_CERT_FILE=", "CURL_CA_BUNDLE=/c", NULL}, "/c", NULL, "CURL_CA_BUNDLE");
}

static void test_ssl_cert_dir_adds_to_ssl_cert_file(void)
{
    check_found((const char *[]){"SSL_CERT_FILE=/f", "SSL_CERT_DIR=/d", NULL}, "/f", "/d", "SSL_CERT_DIR");
    check_found((const char *[]){"SSL_CERT_FILE=/f", "SSL_CERT_DIR=/a:/b", NULL}, "/f", "/a:/b", "SSL_CERT_DIR");
}

static void test_bundle_variables_may_name_a_directory(void)
{
    char variable[128];

    scratch_begin();
    snprintf(variable, sizeof variable, "REQUESTS_CA_BUNDLE=%s", scratch);
    check_found((const char *[]){variable, NULL}, NULL, scratch, "REQUESTS_CA_BUNDLE");
    scratch_end();
}

static void test_system_is_asked_before_certifi(void)
{
    static const char *const variables[] = {"MOIDC_CERTIFI=/m/cacert.pem", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);
    struct trust trust = {0};

    CHECK(trust_find(env, NULL, &trust, &err) == MOIDC_OK);
    if (strcmp(trust.source, "the system") == 0) {
        CHECK(access(trust.file != NULL ? trust.file : trust.directory, R_OK) == 0);
    } else {
        CHECK_TEXT(trust.source, "certifi");
        CHECK_TEXT(trust.file, "/m/cacert.pem");
    }
    trust_clear(&trust);
    CHECK(trust.file == NULL && trust.directory == NULL);
}

/* Puts `path` below the scratch folder, with the folders above it: a file, or a link where `target` is not NULL. */
static void put_in_root(const char *path, const char *target)
{
    char whole[512];

    snprintf(whole, sizeof whole, "%s%s", scratch, path);
    for (char *slash = strchr(whole + strlen(scratch) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        CHECK(mkdir(whole, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    if (target != NULL) {
        CHECK(symlink(target, whole) == 0);
    } else {
        put_file(whole, "certificates", 0644);
    }
}

/* What a system lays out: paths, each with what it links to or NULL. */
struct layout {
    const char *name;
    const char *files[6][2];
    const char *found;
    bool directory;
};

static const struct layout LAYOUTS[] = {
    {"Debian",
     {{"/usr/share/ca-certificates/mozilla/A.crt", NULL},
      {"/etc/ssl/certs/A.pem", "/usr/share/ca-certificates/mozilla/A.crt"},
      {"/etc/ssl/certs/5ed36f99.0", "A.pem"},
      {"/etc/ssl/certs/ca-certificates.crt", NULL}},
     "/etc/ssl/certs",
     true},
    {"Debian, its folder not hashed",
     {{"/etc/ssl/certs/A.pem", NULL}, {"/etc/ssl/certs/ca-certificates.crt", NULL}},
     "/etc/ssl/certs/ca-certificates.crt",
     false},
    {"RHEL 7 to 9",
     {{"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", NULL},
      {"/etc/pki/tls/certs/ca-bundle.crt", "../../ca-trust/extracted/pem/tls-ca-bundle.pem"},
      {"/etc/pki/tls/cert.pem", "certs/ca-bundle.crt"},
      {"/etc/ssl/certs", "../pki/tls/certs"}},
     "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
     false},
    {"RHEL 10",
     {{"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", NULL},
      {"/etc/pki/ca-trust/extracted/pem/directory-hash/5ed36f99.0", NULL},
      {"/etc/pki/tls/certs", "../ca-trust/extracted/pem/directory-hash"},
      {"/etc/ssl/certs", "../pki/tls/certs"}},
     "/etc/ssl/certs",
     true},
    {"RHEL 6", {{"/etc/pki/tls/certs/ca-bundle.crt", NULL}}, "/etc/pki/tls/certs/ca-bundle.crt", false},
    {"SUSE",
     {{"/var/lib/ca-certificates/pem/5ed36f99.0", NULL},
      {"/var/lib/ca-certificates/ca-bundle.pem", NULL},
      {"/etc/ssl/certs", "../../var/lib/ca-certificates/pem"},
      {"/etc/ssl/ca-bundle.pem", "../../var/lib/ca-certificates/ca-bundle.pem"}},
     "/etc/ssl/certs",
     true},
    {"SUSE, the bundle alone", {{"/etc/ssl/ca-bundle.pem", NULL}}, "/etc/ssl/ca-bundle.pem", false},
    {"SUSE, before the links are made",
     {{"/var/lib/ca-certificates/ca-bundle.pem", NULL}},
     "/var/lib/ca-certificates/ca-bundle.pem",
     false},
    {"Alpine, the bundle alone",
     {{"/etc/ssl/certs/ca-certificates.crt", NULL}, {"/etc/ssl/cert.pem", "certs/ca-certificates.crt"}},
     "/etc/ssl/certs/ca-certificates.crt",
     false},
    {"Alpine",
     {{"/etc/ssl/certs/ca-certificates.crt", NULL},
      {"/etc/ssl/cert.pem", "certs/ca-certificates.crt"},
      {"/etc/ssl/certs/ca-cert-A.pem", NULL},
      {"/etc/ssl/certs/5ed36f99.0", "ca-cert-A.pem"}},
     "/etc/ssl/certs",
     true},
    {"macOS", {{"/etc/ssl/cert.pem", NULL}, {"/etc/ssl/openssl.cnf", NULL}}, "/etc/ssl/cert.pem", false},
    {"a bundle that was taken away",
     {{"/etc/ssl/certs/ca-certificates.crt", "/dev/null/none"}, {"/etc/ssl/cert.pem", NULL}},
     "/etc/ssl/cert.pem",
     false},
};

static void test_certificates_are_found_as_each_system_lays_them_out(void)
{
    static const char *const variables[] = {"MOIDC_CERTIFI=/m/cacert.pem", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);

    for (size_t i = 0; i < sizeof LAYOUTS / sizeof LAYOUTS[0]; i++) {
        const struct layout *layout = &LAYOUTS[i];
        int faults_before = check_faults;
        struct trust trust = {0};

        scratch_begin();
        for (size_t j = 0; j < 6 && layout->files[j][0] != NULL; j++) {
            put_in_root(layout->files[j][0], layout->files[j][1]);
        }
        CHECK(trust_find_below(scratch, env, NULL, &trust, &err) == MOIDC_OK);
        CHECK_TEXT(layout->directory ? trust.directory : trust.file, in_scratch(layout->found + 1));
        CHECK((layout->directory ? trust.file : trust.directory) == NULL);
        CHECK_TEXT(trust.source, "the system");
        trust_clear(&trust);
        scratch_end();
        if (check_faults != faults_before) {
            fprintf(stderr, "... in the layout of %s\n", layout->name);
        }
    }
}

static void test_where_the_system_has_none_certifi_counts(void)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *with = env_of((const char *[]){"MOIDC_CERTIFI=/m/cacert.pem", NULL});
    CLEANUP(moidc_env_free_p) struct moidc_env *without = env_of((const char *[]){NULL});
    struct trust trust = {0};

    scratch_begin();
    put_in_root("/etc/ssl/certs/README", NULL);
    CHECK(trust_find_below(scratch, with, NULL, &trust, &err) == MOIDC_OK);
    CHECK_TEXT(trust.file, "/m/cacert.pem");
    CHECK_TEXT(trust.source, "certifi");
    trust_clear(&trust);
    CHECK(trust_find_below(scratch, without, NULL, &trust, &err) == MOIDC_OK);
    CHECK(trust.file == NULL && trust.directory == NULL);
    CHECK_CONTAINS(trust.source, "nowhere");
    trust_clear(&trust);
    scratch_end();
}

static void check_proxy(const char *const *variables, const char *text, const char *expected)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);
    struct url url;

    CHECK(url_parse(text, &url));
    CHECK_TEXT(trust_proxy(env, &url), expected);
}

static void test_proxy_is_that_of_the_scheme(void)
{
    static const char *const all[] = {"http_proxy=h", "https_proxy=s", "HTTPS_PROXY=S",
                                      "all_proxy=a",  "ALL_PROXY=A",   NULL};
    static const char *const upper[] = {"HTTP_PROXY=evil", "HTTPS_PROXY=S", "all_proxy=a", NULL};

    check_proxy(all, "http://h/", "h");
    check_proxy(all, "https://h/", "s");
    check_proxy(upper, "https://h/", "S");
    check_proxy(upper, "http://h/", "a"); /* HTTP_PROXY may be a request's header */
    check_proxy((const char *[]){"HTTP_PROXY=evil", NULL}, "http://h/", "");
    check_proxy((const char *[]){"ALL_PROXY=A", NULL}, "https://h/", "A");
    check_proxy((const char *[]){"https_proxy=", "all_proxy=a", NULL}, "https://h/", "a");
    check_proxy((const char *[]){NULL}, "https://h/", "");
}

static void test_loopback_goes_through_no_proxy(void)
{
    static const char *const all[] = {"http_proxy=h", "https_proxy=s", "all_proxy=a", NULL};

    check_proxy(all, "http://127.0.0.1/", "");
    check_proxy(all, "http://localhost/", "");
    check_proxy(all, "https://[::1]/", "");
    check_proxy(all, "http://127.0.0.1.example.com/", "h");
}

static void test_every_failing_allocation_is_told(void)
{
    static const char *const variables[] = {"SSL_CERT_FILE=/f", "SSL_CERT_DIR=/d", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);

    for (unsigned long n = 1; n <= 3; n++) {
        struct trust trust = {0};
        unsigned long count;
        enum moidc_code rc;

        mem_fail_at(n, 0);
        rc = trust_find(env, NULL, &trust, &err);
        count = mem_fail_at(0, 0);
        CHECK(rc == (count < n ? MOIDC_OK : MOIDC_E_MEMORY));
        trust_clear(&trust);
    }
}

static void test_named_file_is_trusted_alone(void)
{
    static const char *const variables[] = {"SSL_CERT_FILE=/f", "SSL_CERT_DIR=/d", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);
    struct trust trust = {0};
    char path[128];
    FILE *file;

    scratch_begin();
    snprintf(path, sizeof path, "%s/ca.pem", scratch);
    CHECK(trust_find(env, path, &trust, &err) == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.where, path);
    CHECK(trust_find(env, scratch, &trust, &err) == MOIDC_E_CONFIGURATION);
    CHECK(trust.file == NULL && trust.directory == NULL);
    file = fopen(path, "w");
    CHECK(file != NULL && fclose(file) == 0);
    CHECK(trust_find(env, path, &trust, &err) == MOIDC_OK);
    CHECK_TEXT(trust.file, path);
    CHECK_TEXT(trust.source, "ca-file");
    CHECK(trust.directory == NULL);
    trust_clear(&trust);
    CHECK(trust_find(env, "", &trust, &err) == MOIDC_OK);
    CHECK_TEXT(trust.file, "/f");
    trust_clear(&trust);
    scratch_end();
}

int main(void)
{
    RUN(test_variables_are_asked_in_their_order);
    RUN(test_ssl_cert_dir_adds_to_ssl_cert_file);
    RUN(test_bundle_variables_may_name_a_directory);
    RUN(test_system_is_asked_before_certifi);
    RUN(test_certificates_are_found_as_each_system_lays_them_out);
    RUN(test_where_the_system_has_none_certifi_counts);
    RUN(test_proxy_is_that_of_the_scheme);
    RUN(test_loopback_goes_through_no_proxy);
    RUN(test_every_failing_allocation_is_told);
    RUN(test_named_file_is_trusted_alone);
    return check_summary();
}
