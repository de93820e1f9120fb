/* SPDX-License-Identifier: MIT */
/* mlflow-oidc-client: an OAuth 2.1 / OpenID Connect client for programs that talk to an MLflow tracking server.
 *
 * The library never prints, never exits and never reads the environment behind the caller's back: it is handed a
 * snapshot of it (struct moidc_env). Functions return MOIDC_OK or the code that they also put into *err; results are
 * written on success only. All functions may be called from any thread. */
#ifndef MLFLOW_OIDC_H
#define MLFLOW_OIDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIDC_VERSION "1.0.0.dev0"

/* What went wrong, split by who can mend it. The names, exceptions and exit statuses stand in moidc_code_info(). */
enum moidc_code {
    MOIDC_OK = 0,
    MOIDC_E_CONFIGURATION,  /* the user's settings */
    MOIDC_E_STORAGE,        /* the cache folder or another file */
    MOIDC_E_NETWORK,        /* name resolution, connection, TLS */
    MOIDC_E_PROTOCOL,       /* the other side broke a rule of a standard */
    MOIDC_E_PROVIDER,       /* the provider refused, by its own words (RFC 6749 §4.1.2.1, §5.2) */
    MOIDC_E_LOGIN_REQUIRED, /* a person has to sign in and none can be asked here */
    MOIDC_E_TIMEOUT,        /* somebody did not answer in time */
    MOIDC_E_CANCELLED,      /* the caller's cancelled() said so */
    MOIDC_E_MEMORY,         /* an allocation failed */
    MOIDC_E_INTERNAL,       /* a defect of this library */
    MOIDC_CODE_COUNT
};

/* One row for each code. */
struct moidc_code_info {
    const char *name;      /* "network": in Python, the exception's `code` */
    const char *exception; /* Python class that carries it */
    int exit_status;       /* of the program mlflow-oidc */
};

/* The row of `code`; that of MOIDC_E_INTERNAL for a number that is no code. Static. */
const struct moidc_code_info *moidc_code_info(enum moidc_code code);

/* A failure, allocated by the caller; valid only after a call that did not return MOIDC_OK. The texts are UTF-8, hold
 * no control characters and nothing secret. */
struct moidc_err {
    enum moidc_code code;
    int http_status;      /* of the reply that failed, 0 when there was none */
    char oauth_error[64]; /* `error` of RFC 6749 §5.2 or §4.1.2.1, or of RFC 6750 §3.1; "" when there was none */
    char what[512];       /* what failed */
    char where[384];      /* which setting, file or endpoint; may be "" */
    char next[384];       /* what to do next; may be "" */
};

/* An immutable copy of environment variables. */
struct moidc_env;

/* Copies `variables`, "NAME=value" strings ended by NULL (as `environ`). *ret is the caller's, moidc_env_free(). */
enum moidc_code moidc_env_new(const char *const *variables, struct moidc_env **ret, struct moidc_err *err);
void moidc_env_free(struct moidc_env *env);

/* How a call that may wait talks to its caller. All are called in the calling thread only. What they, or a signal's handler
 * that they run, ask of this library for the same identity is answered from memory or fails with MOIDC_E_CANCELLED. */
struct moidc_ui {
    void *ctx;
    /* Shows a line or two to the person (the address to open, what is waited for). NULL: nobody reads it. A text that
     * begins with '\r' comes where `columns` is set alone: it is to be written as it is, without a line end after it,
     * over what stands in the terminal's line (time left); the last of them leaves that line empty. */
    void (*show)(void *ctx, const char *text);
    /* True ends the call with MOIDC_E_CANCELLED; asked at least every 100 ms. NULL: never. */
    bool (*cancelled)(void *ctx);
    /* Takes a line that the person has typed, without its end, into line[size]; false at once where none is there yet.
     * NULL: nobody can type. */
    bool (*typed)(void *ctx, char *line, size_t size);
    int columns;   /* of the terminal that show() writes to, for a QR code; 0: none */
    bool notebook; /* show() reaches a person although no terminal is there (a Jupyter kernel) */
};

/* How a person signs in (setting `flow`). */
enum moidc_flow {
    MOIDC_FLOW_SETTINGS, /* as the settings say */
    MOIDC_FLOW_AUTO,     /* a browser where one can be opened here, else the device flow where the provider has it */
    MOIDC_FLOW_BROWSER,  /* a browser on this machine (RFC 8252) */
    MOIDC_FLOW_DEVICE,   /* a browser on any machine, and a code (RFC 8628) */
    MOIDC_FLOW_PASTE     /* a browser on any machine; the person brings the address that it ended on */
};

/* What happens aside of results: warnings to print, debug events to log. */
enum moidc_level { MOIDC_DEBUG, MOIDC_INFO, MOIDC_WARNING };
struct moidc_notice {
    enum moidc_level level;
    char text[768]; /* debug: "event.name key=value ..."; else a sentence for the user. Nothing secret. */
};

struct moidc_client; /* the settings that were read, and a session for each identity */
struct moidc_server; /* one tracking server with its settings; reference counted */
struct moidc_token;  /* one token as it is sent; immutable, reference counted */

/* A client for this process; one per process is enough, and needed for "one renewal at a time" among threads.
 *   start_dir  the directory whose pyproject.toml counts first; copied; NULL: the working directory
 * *ret is the caller's, moidc_client_free(). Opens nothing and starts no thread. */
enum moidc_code moidc_client_new(const char *start_dir, struct moidc_client **ret, struct moidc_err *err);

/* Ends the renewal thread: waits up to `wait_ms` for a token request in flight, so that what it brings is saved, then
 * gives it up. No renewal is begun in the background any more; calls work as before, in their own thread: a program
 * that ends may still have something to say to its server. */
void moidc_client_stop(struct moidc_client *client, int wait_ms);

/* Stops at once and frees; servers and tokens of the client must have been released before. NULL is allowed. */
void moidc_client_free(struct moidc_client *client);

/* The settings of `uri`'s server are read from here. */
struct moidc_lookup {
    const struct moidc_env *env; /* borrowed for the call */
    /* What the caller's MLflow is set to (mlflow.get_tracking_uri()); the MLFLOW_TRACKING_OIDC_* variables describe
     * that server when it is http(s), else the first one that is looked up. May be NULL. */
    const char *tracking_uri;
    /* The URI of the server that the request is for, where the caller knows it (host_creds.host); may be NULL. */
    const char *server_uri;
};

/* The server that covers the request URI `uri`, if it was met before and its settings still work: takes no file, no
 * environment and about 100 ns. *ret is a new reference or NULL: then ask moidc_server_find(). */
void moidc_server_peek(struct moidc_client *client, const char *uri, struct moidc_server **ret);

/* The server that covers the request URI `uri`: the longest configured URI that it lies at or below (contract:
 * "Settings"). Reads settings when the server is new or its last call failed.
 *   ret  a new reference, moidc_server_release(); NULL when no settings describe this URI
 * MOIDC_E_CONFIGURATION: the settings that cover it (or their file) are wrong, or it goes to a tracking URI that the
 * variables describe and that nothing can be matched against. */
enum moidc_code moidc_server_find(struct moidc_client *client, const char *uri, const struct moidc_lookup *lookup,
                                  struct moidc_server **ret, struct moidc_err *err);

/* True when settings for any server at all were found at the last look. */
bool moidc_client_has_servers(struct moidc_client *client);

/* Names the normalised URI of every server that settings describe, each once: blocks of files, nearest first, then what
 * the variables describe. Reads the files.
 *   lookup  its server_uri does not count; where its tracking_uri is not http(s), the variables describe no server yet
 *   each    called in the calling thread; `uri` is borrowed for that call; it may call this library
 * MOIDC_E_CONFIGURATION as moidc_server_find(). */
enum moidc_code moidc_servers_list(struct moidc_client *client, const struct moidc_lookup *lookup,
                                   void (*each)(void *ctx, const char *uri), void *ctx, struct moidc_err *err);

void moidc_server_release(struct moidc_server *server);

/* The normalised URI that the settings are for; borrowed from the server. */
const char *moidc_server_uri(const struct moidc_server *server);

/* True when `uri` lies at or below the server's URI: where its token may go, and nowhere else. */
bool moidc_server_covers(const struct moidc_server *server, const char *uri);

/* A setting in force; borrowed for the call that shows it. */
struct moidc_setting {
    const char *key;      /* "client-id" */
    const char *variable; /* "MLFLOW_TRACKING_OIDC_CLIENT_ID" */
    const char *meaning;  /* one line */
    const char *value;    /* spelt as in a file, without control characters; "": none; of a secret "(set)" */
    const char *source;   /* "MLFLOW_TRACKING_OIDC_ISSUER", "/home/me/pyproject.toml line 7", "default" */
    bool is_text;         /* else a boolean or a number of seconds: value is "true", "false", digits or "" */
};
/* Shows every setting of `server`, in the order of the settings table. */
void moidc_server_settings(const struct moidc_server *server,
                           void (*each)(void *ctx, const struct moidc_setting *setting), void *ctx);

/* Shows every setting that there is, with what stands for its default as the value and no source. */
void moidc_settings_describe(void (*each)(void *ctx, const struct moidc_setting *setting), void *ctx);

/* The name of the header that carries the token (setting `header`), and what its value begins with: "Bearer " (RFC 6750
 * §2.1) in Authorization and Proxy-Authorization, "" in others, which proxies read the bare token from. Borrowed. */
const char *moidc_server_header_name(const struct moidc_server *server);
const char *moidc_server_header_prefix(const struct moidc_server *server);

/* What a token for `server` must carry, for messages: "iss ... and aud ..."; borrowed from the server. */
const char *moidc_server_token_hint(const struct moidc_server *server);

/* Fills err for a reply of 401 to a request that was repeated with a renewed token.
 *   challenge  its WWW-Authenticate, several fields joined by commas; NULL: none. The reason that a Bearer challenge gives
 *              (RFC 6750 §3: error, error_description, scope) is quoted, bounded and without control characters
 *   sent       the texts of the tokens that the server was sent, ended by NULL: written over where it says them back
 * Asks nobody. Returns MOIDC_E_PROVIDER, with http_status and oauth_error, or MOIDC_E_MEMORY. */
enum moidc_code moidc_server_refused(const struct moidc_server *server, const char *challenge, const char *const *sent,
                                     struct moidc_err *err);

/* How a token is asked for. */
struct moidc_token_request {
    int64_t min_valid_s;                /* seconds that the token must at least stay valid; 0: valid now */
    const struct moidc_token *rejected; /* the server answered 401 to this one: give another; NULL: none */
    const struct moidc_env *env;        /* for proxies, certificates, browser; borrowed for the call */
    const struct moidc_ui *ui;          /* borrowed for the call; NULL: nobody to ask, nothing to cancel */
    enum moidc_flow flow;               /* how a person signs in */
    bool no_person;                     /* nobody is asked to sign in: MOIDC_E_LOGIN_REQUIRED where that is needed */
    bool no_browser;                    /* the address is shown and no browser opened */
};

/* The token in memory, when it is good for `min_valid_s`; never waits. Starts a renewal in the background when a fifth
 * of its lifetime, at most 60 s, is left. *ret is a new reference or NULL: then ask moidc_token_get(). */
void moidc_token_peek(struct moidc_server *server, int64_t min_valid_s, struct moidc_token **ret);

/* A token for `server`: from memory, the cache on disk, the refresh token, the sign-in that the settings allow, in this
 * order (RFC 6749 §4.1, §4.4, §6). One call at a time works for one identity; the others wait and adopt its result.
 * With `rejected`: at most one renewal a minute; a person is asked only when the provider refused the refresh token.
 *   ret  a new reference, moidc_token_release() */
enum moidc_code moidc_token_get(struct moidc_server *server, const struct moidc_token_request *request,
                                struct moidc_token **ret, struct moidc_err *err);

/* Signs in anew whatever the cache holds, and saves the result. *ret as moidc_token_get(). */
enum moidc_code moidc_login(struct moidc_server *server, const struct moidc_token_request *request,
                            struct moidc_token **ret, struct moidc_err *err);

/* Removes the identity's tokens from memory and the cache, whatever the network says, and asks the provider to revoke
 * them (RFC 7009) where it can. *removed: whether there was anything. */
enum moidc_code moidc_logout(struct moidc_server *server, const struct moidc_token_request *request, bool *removed,
                             struct moidc_err *err);

/* Shows the address at which the person ends the session at the provider (OpenID Connect RP-Initiated Logout 1.0), and
 * opens a browser there unless request->no_browser. MOIDC_E_PROTOCOL: the provider names none. */
enum moidc_code moidc_provider_logout(struct moidc_server *server, const struct moidc_token_request *request,
                                      struct moidc_err *err);

/* Removes every identity's tokens from the cache, also those that no settings describe any more; nothing is revoked.
 *   removed  how many files there were */
enum moidc_code moidc_cache_clear(struct moidc_client *client, const struct moidc_token_request *request,
                                  size_t *removed, struct moidc_err *err);

/* What a server's tokens are good for, as far as memory and the cache tell. */
enum moidc_state {
    MOIDC_STATE_NONE,         /* nothing is known of this identity */
    MOIDC_STATE_OTHER_SERVER, /* it has tokens, for other servers: this one needs its own sign-in */
    MOIDC_STATE_ENDED,        /* the token has ended */
    MOIDC_STATE_VALID
};
struct moidc_status {
    enum moidc_state state;
    const char *issuer;    /* borrowed from the server */
    bool person;           /* a person signs in; else the client itself, by its secret */
    bool id_token;         /* the ID token is what is sent, else the access token */
    bool renewable;        /* the next token comes without a person */
    int64_t obtained_at_s; /* seconds since 1970; 0: never */
    int64_t expires_at_s;  /* of the token that is sent; 0: nobody said */
    char subject[256];     /* of the ID token; without control characters, as all texts here; "": not known */
    char username[256];    /* preferred_username, else name */
    char email[256];
};

/* What is known of the tokens for `server`, without asking anybody. Of `request`, env and ui count. */
enum moidc_code moidc_server_status(struct moidc_server *server, const struct moidc_token_request *request,
                                    struct moidc_status *ret, struct moidc_err *err);

/* What the provider says of the person whose access token this is (OIDC Core §5.3), after checking that it is the person
 * of the ID token. Of `request`, env, ui and no_person count; an access token that has ended is renewed first. */
struct moidc_userinfo {
    char subject[256];
    char username[256];
    char email[256];
};
enum moidc_code moidc_userinfo(struct moidc_server *server, const struct moidc_token_request *request,
                               struct moidc_userinfo *ret, struct moidc_err *err);

/* What was found out about one thing that a call to a tracking server needs. */
enum moidc_verdict { MOIDC_VERDICT_FINE, MOIDC_VERDICT_WARN, MOIDC_VERDICT_FAIL };
struct moidc_finding {
    const char *id; /* "settings", "credentials", "proxy", "redirect", "browser", "cache", "locks", "dns", "tcp", "tls",
                       "clock", "metadata", "keys", "token", "server-dns", "server-tcp", "server-tls", "server",
                       "server-token"; one may have several findings, or none */
    enum moidc_verdict verdict;
    enum moidc_code code; /* of a failure; else MOIDC_OK */
    const char *text;     /* without control characters and secrets */
    const char *remedy;   /* what to do; "": nothing */
};

/* Examines `server` and all on the way there: settings, this machine, the provider, and unless `no_token` the token and
 * what the tracking server answers without and with it. Of `request`, env and ui count; nobody is asked to sign in.
 *   report  called in the calling thread for each finding, which is borrowed for that call
 * MOIDC_OK once all was examined, whatever was found; MOIDC_E_CANCELLED, MOIDC_E_MEMORY, MOIDC_E_INTERNAL. */
enum moidc_code moidc_doctor(struct moidc_server *server, const struct moidc_token_request *request, bool no_token,
                             void (*report)(void *ctx, const struct moidc_finding *finding), void *ctx,
                             struct moidc_err *err);

/* The token's text, for the Authorization header; borrowed from the token. Secret. */
const char *moidc_token_reveal(const struct moidc_token *token);
/* Seconds since 1970 when it ends; 0 when nobody said. */
int64_t moidc_token_expires_at_s(const struct moidc_token *token);
/* Another reference to `token`. */
struct moidc_token *moidc_token_hold(struct moidc_token *token);
void moidc_token_release(struct moidc_token *token);

/* A local proxy to one tracking server, for programs that only know a static token, and for browsers: takes requests on
 * the loopback interface or a UNIX socket, and hands them on with the server's token, which it renews. */
struct moidc_proxy;

struct moidc_proxy_options {
    const struct moidc_env *env; /* proxies and certificates, MLflow's MLFLOW_TRACKING_SERVER_CERT_PATH,
                                    MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_CLIENT_CERT_PATH too; copied */
    const char *listen; /* "127.0.0.1:PORT", "[::1]:PORT" or a port; without one any that is free. NULL: 127.0.0.1.
                                    All other addresses are refused */
    const char
        *unix_path; /* of a UNIX socket in place of it, in a directory that only this user may enter; NULL: none */
    int grace_ms;   /* how long requests in flight may go on at the end; 0: 10 s */
};

/* Opens the socket, so that address and key are known; clients wait there until moidc_proxy_run().
 *   server  borrowed: it must live longer than the proxy
 *   ret     the caller's, moidc_proxy_free()
 * MOIDC_E_CONFIGURATION: an address, path or certificate setting is wrong; MOIDC_E_NETWORK, MOIDC_E_STORAGE: the system
 * does not give the socket. */
enum moidc_code moidc_proxy_new(struct moidc_server *server, const struct moidc_proxy_options *options,
                                struct moidc_proxy **ret, struct moidc_err *err);

/* Serves until ui->cancelled() is true, a thread for each connection, all signals blocked in them; then takes no more
 * requests, lets those in flight end within grace_ms, and returns. Once for a proxy. Nobody is asked to sign in:
 * ui->show() is given what a person has to mend, each text once a minute. While it runs the process may fork only to
 * exec. MOIDC_E_NETWORK: the socket failed. */
enum moidc_code moidc_proxy_run(struct moidc_proxy *proxy, const struct moidc_ui *ui, struct moidc_err *err);

/* "http://127.0.0.1:PORT", or "unix:PATH"; borrowed. It holds no secret. */
const char *moidc_proxy_uri(const struct moidc_proxy *proxy);

/* The random key of this proxy: every request carries it as its bearer token (or as a Basic password), and no other
 * credential that came from a client goes on to the server. NULL for a UNIX socket, where the peer's user decides.
 * Borrowed. Secret. */
const char *moidc_proxy_key(const struct moidc_proxy *proxy);

/* Writes a new link for a browser into ret[size]: whoever opens it first, within five minutes, gets a cookie that opens
 * the proxy. Secret until then. From any thread. MOIDC_E_CONFIGURATION: there is none, of a UNIX socket. */
enum { MOIDC_PROXY_LINK_BYTES = 128 };
enum moidc_code moidc_proxy_link(struct moidc_proxy *proxy, char *ret, size_t size, struct moidc_err *err);

/* Frees it after moidc_proxy_run() has returned, or without. NULL is allowed. */
void moidc_proxy_free(struct moidc_proxy *proxy);

/* Takes the oldest notice. False when there is none (one atomic read). */
bool moidc_notice_next(struct moidc_client *client, struct moidc_notice *ret);

#ifdef __cplusplus
}
#endif
#endif
