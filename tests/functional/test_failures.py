"""Every failure is clear: an MlflowException whose text says what failed, where, and what to do next; no hang, no exit, nothing secret,
nothing sent without a token (world.check_promises), and the next call of the same process works once the cause is gone."""
import dataclasses
import errno
import os
import re
import socket
import urllib.parse

import pytest
import server as tracking
from provider import DROP
from world import SOON_S, attempts, block

REMEMBERED_S = 61  # time-outs and refusals are not tried again for 60 s


@dataclasses.dataclass
class Failure:
    name: str
    who: str  # "person" or "robot"
    cause: object  # function of the world that makes it happen
    code: tuple | str
    mentions: tuple
    mend: object = None  # function of the world; besides heal() and up()
    remembered: bool = False
    oauth_error: str = ""
    http_status: int | None = None
    environment: dict = dataclasses.field(default_factory=dict)


def fault(endpoint, **answer):
    return lambda world: world.provider.replace(endpoint, **answer)


def rewrite(change):
    """A cause in the file: its text, changed."""

    def cause(world):
        path = world.cwd / "pyproject.toml"
        path.write_text(change(path.read_text()))

    return cause


def line(key, value):
    """The setting `key` with another value in the file; None takes it out."""

    def change(text):
        lines = [l for l in text.splitlines() if not l.startswith(key + " =")]
        return "\n".join([lines[0], *([f"{key} = {value}"] if value is not None else []), *lines[1:]]) + "\n"

    return rewrite(change)


def mode(value):
    return lambda world: setattr(world.browser, "mode", value)


APPROVE = mode("approve")


def oauth_error(endpoint, error, status=400):
    return fault(endpoint, status=status, json={"error": error, "error_description": "because of the moon"})


def authorization_error(error):
    return lambda world: setattr(world.provider, "authorization_error", (error, "because of the moon"))


def no_authorization_error(world):
    world.provider.authorization_error = None


def take_the_port(world):
    world.thief = socket.create_server(("127.0.0.1", urllib.parse.urlsplit(world.redirect_uri).port))


ENDPOINT = "{issuer}/token"
DISCOVERY = "{issuer}/.well-known/openid-configuration"
FILE = "{file}"
DEEP, ENDLESS, NOT_VISIBLE = "nested deeper than 64 levels", "larger than 1048576 bytes", "access_token is not a string of visible characters"

TOKEN_ERRORS = [("invalid_request", 400), ("invalid_client", 401), ("invalid_grant", 400), ("unauthorized_client", 400),
                ("unauthorized_client", 401), ("unsupported_grant_type", 400), ("invalid_scope", 400), ("invalid_target", 400),
                ("server_error", 500), ("temporarily_unavailable", 503), ("access_denied", 400), ("authorization_pending", 400),
                ("slow_down", 400), ("expired_token", 400), ("unsupported_token_type", 400), ("use_dpop_nonce", 400), ("something_new", 400)]
AUTHORIZATION_ERRORS = ["invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope",
                        "server_error", "temporarily_unavailable", "login_required", "interaction_required", "consent_required",
                        "account_selection_required", "invalid_request_uri", "invalid_request_object", "request_not_supported",
                        "request_uri_not_supported", "registration_not_supported", "something_new"]

TABLE = [
    # the provider's health
    Failure("provider down", "robot", lambda w: w.provider.down(), "network", ("{issuer}", ("refused", "connect"))),
    Failure("provider down, a person", "person", lambda w: w.provider.down(), "network", ("{issuer}", ("refused", "connect"))),
    Failure("discovery cut", "robot", lambda w: w.provider.effect("discovery", cut=60), "network", (DISCOVERY, "is not reached: ")),
    Failure("discovery 404", "robot", lambda w: (w.provider.replace("discovery", 404), w.provider.replace("oauth_discovery", 404)),
            ("protocol", "provider", "configuration"), ("{issuer}", "404", ("issuer",)), http_status=404),
    Failure("discovery 500", "robot", fault("discovery", status=500), ("provider", "network", "protocol"), ("{issuer}", "500"), http_status=500),
    Failure("discovery is HTML", "robot", fault("discovery", body=b"<html>hello"), "protocol", (DISCOVERY, "JSON")),
    Failure("discovery is a list", "robot", fault("discovery", json=[]), "protocol", (DISCOVERY, "is not a JSON object")),
    Failure("discovery is empty", "robot", fault("discovery", body=b""), "protocol", (DISCOVERY, "is not JSON")),
    Failure("discovery has duplicate keys", "robot", fault("discovery", body=b'{"issuer":"a","issuer":"b"}'), "protocol",
            (DISCOVERY, "a key stands twice")),
    Failure("discovery 100,000 deep", "robot", fault("discovery", body=b"[" * 100000), "protocol", (DISCOVERY, DEEP)),
    Failure("discovery endless", "robot", fault("discovery", body=b" " * 65536, endless=True), "protocol", (DISCOVERY, ENDLESS)),
    Failure("discovery redirects", "robot", fault("discovery", status=302, headers=[("Location", "http://127.0.0.1:9/x")]),
            ("protocol", "provider"), ("{issuer}", ("302", "redirect"))),
    Failure("wrong issuer in the metadata", "robot", lambda w: w.provider.metadata.update(issuer="https://evil.example.com"),
            ("protocol", "configuration"), ("issuer", "{issuer}", "evil.example.com"), mend=lambda w: w.provider.metadata.clear()),
    Failure("no token endpoint", "robot", lambda w: w.provider.metadata.update(token_endpoint=DROP), "protocol",
            ("token_endpoint", "{issuer}"), mend=lambda w: w.provider.metadata.clear()),
    Failure("token endpoint at http elsewhere", "robot", lambda w: w.provider.metadata.update(token_endpoint="http://evil.example.com/t"),
            "protocol", ("token_endpoint", "http://evil.example.com/t"), mend=lambda w: w.provider.metadata.clear()),
    Failure("token endpoint of another scheme", "robot", lambda w: w.provider.metadata.update(token_endpoint="file:///etc/passwd"),
            "protocol", ("token_endpoint in the provider's metadata is no proper https URI",), mend=lambda w: w.provider.metadata.clear()),
    Failure("authorization endpoint of another scheme", "person",
            lambda w: w.provider.metadata.update(authorization_endpoint="javascript:alert(1)"), "protocol",
            ("authorization_endpoint in the provider's metadata is no proper https URI",), mend=lambda w: w.provider.metadata.clear()),
    Failure("token endpoint redirects with 307", "robot", fault("token", status=307, headers=[("Location", "http://127.0.0.1:9/t")]),
            ("protocol", "provider"), (ENDPOINT, ("307", "redirect"))),
    Failure("token reply is HTML", "robot", fault("token", body=b"<html>hello", headers=[("Content-Type", "text/html")]), "protocol", (ENDPOINT, "JSON")),
    Failure("token reply cut", "robot", lambda w: w.provider.effect("token", cut=150), "network", (ENDPOINT, "is not reached: ")),
    Failure("token reply truncated JSON", "robot", fault("token", body=b'{"access_token": "x", "token_'), "protocol", (ENDPOINT, "is not JSON")),
    Failure("token reply 100,000 deep", "robot", fault("token", body=b'{"a":' * 100000), "protocol", (ENDPOINT, DEEP)),
    Failure("token reply endless", "robot", fault("token", body=b" " * 65536, endless=True), "protocol", (ENDPOINT, ENDLESS)),
    Failure("token reply without access token", "robot", lambda w: w.provider.token_fields.update(access_token=DROP), "protocol",
            (ENDPOINT, "holds no access_token"), mend=lambda w: w.provider.token_fields.clear()),
    Failure("token reply with an ID token alone", "person", lambda w: w.provider.token_fields.update(access_token=DROP), "protocol",
            (ENDPOINT, "holds no access_token", "ask for a scope"), mend=lambda w: w.provider.token_fields.clear(), remembered=True),
    Failure("access token empty", "robot", lambda w: w.provider.token_fields.update(access_token=""), "protocol",
            (ENDPOINT, NOT_VISIBLE), mend=lambda w: w.provider.token_fields.clear()),
    Failure("access token with CR LF", "robot", lambda w: w.provider.token_fields.update(access_token="abcdef\r\nX-Evil: 1"), "protocol",
            (ENDPOINT, NOT_VISIBLE), mend=lambda w: w.provider.token_fields.clear()),
    Failure("access token with NUL", "robot", lambda w: w.provider.token_fields.update(access_token="abcdef\0ghijkl"), "protocol",
            (ENDPOINT, "is not JSON"), mend=lambda w: w.provider.token_fields.clear()),
    Failure("access token that is a number", "robot", lambda w: w.provider.token_fields.update(access_token=12345), "protocol",
            (ENDPOINT, NOT_VISIBLE), mend=lambda w: w.provider.token_fields.clear()),
    Failure("token_type of another kind", "robot", lambda w: w.provider.token_fields.update(token_type="mac"), "protocol",
            (ENDPOINT, "type", "Bearer"), mend=lambda w: w.provider.token_fields.clear()),
    Failure("token_type of DPoP", "robot", lambda w: w.provider.token_fields.update(token_type="DPoP"), "protocol",
            (ENDPOINT, 'of type "DPoP", not Bearer', "have the provider give this client bearer tokens"), mend=lambda w: w.provider.token_fields.clear()),
    Failure("token_type missing", "robot", lambda w: w.provider.token_fields.update(token_type=DROP), "protocol",
            (ENDPOINT, "type", "Bearer", "RFC 6749 §5.1"), mend=lambda w: w.provider.token_fields.clear()),
    Failure("token endpoint 500 with HTML", "robot", fault("token", status=500, body=b"<h1>oops"), ("provider", "network", "protocol"),
            (ENDPOINT, "500"), http_status=500),
    # its refusals
    *(Failure(f"token endpoint says {error} ({status})", "robot", oauth_error("token", error, status), "provider",
              (ENDPOINT, error), remembered=True, oauth_error=error, http_status=status) for error, status in TOKEN_ERRORS),
    *(Failure(f"code refused with {error} ({status})", "person", oauth_error("token", error, status), "provider",
              (ENDPOINT, error), remembered=True, oauth_error=error, http_status=status) for error, status in TOKEN_ERRORS[:4]),
    *(Failure(f"sign-in refused with {error}", "person", authorization_error(error), "provider", (error, "{issuer}"),
              mend=no_authorization_error, remembered=True, oauth_error=error) for error in AUTHORIZATION_ERRORS),
    Failure("wrong secret", "robot", lambda w: w.provider.clients.update(robot="changed-meanwhile"), "provider",
            ("invalid_client", ENDPOINT, ("client-secret", "CLIENT_SECRET", "client secret")),
            mend=lambda w: w.provider.clients.update(robot=w.robot_secret), remembered=True, oauth_error="invalid_client", http_status=401),
    Failure("denied consent", "person", mode("deny"), "provider", ("access_denied", "{issuer}"), mend=APPROVE, remembered=True,
            oauth_error="access_denied"),
    # the person
    Failure("nobody signs in", "person", mode("never"), "timeout", (("sign in", "signed in", "sign-in"),), mend=APPROVE, remembered=True,
            environment={"MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT": "1"}),
    Failure("port taken", "person", take_the_port, ("configuration", "network", "storage", "login_required"),
            ("{port}", ("redirect-uri", "REDIRECT_URI")), mend=lambda w: w.thief.close(), remembered=True),
    # the settings
    Failure("bad TOML", "robot", rewrite(lambda text: text + "\nthis is [[ not TOML\n"), "configuration", (FILE, "line")),
    Failure("bad UTF-8 in the TOML", "robot", lambda w: (w.cwd / "pyproject.toml").write_bytes(b"[[tool.mlflow-oidc-client.tracking-servers]]\nuri = \"\xff\"\n"),
            "configuration", (FILE,)),
    Failure("table in place of the list", "robot", rewrite(lambda text: text.replace("[[", "[").replace("]]", "]")), "configuration",
            (FILE, ("tracking-servers", "[["))),
    Failure("missing issuer", "robot", line("issuer", None), "configuration", ("issuer", FILE)),
    Failure("missing client-id", "robot", line("client-id", None), "configuration", ("client-id", FILE)),
    Failure("bad boolean", "robot", line("interactive", '"maybe"'), "configuration", ("interactive", FILE)),
    Failure("http issuer", "robot", line("issuer", '"http://auth.example.com"'), "configuration", ("issuer", "https", FILE)),
    Failure("empty issuer", "robot", line("issuer", '""'), "configuration", ("issuer", FILE)),
    Failure("bad redirect-uri", "person", line("redirect-uri", '"https://example.com/cb"'), "configuration",
            ("redirect-uri", "http://127.0.0.1:", FILE)),
    # the proxy
    Failure("proxy refuses the token", "robot", lambda w: w.server.fault("*", lambda r, n: tracking.refused_for_ever()), None,
            ("{server}", "401", "aud")),
    Failure("proxy answers with a login page", "robot", lambda w: w.server.fault("*", lambda r, n: tracking.login_page()), None,
            ("{server}", ("html", "web page", "login page", "sign-in page"))),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_failure_is_clear_and_the_next_call_works_once_its_cause_is_gone(world, row):
    world.robot_secret = world.provider.clients["robot"]
    path = getattr(world, row.who)()
    good = path.read_bytes()
    row.cause(world)
    with world.process(**row.environment) as process:
        outcome = process.do("search()")
        names = {"issuer": world.provider.issuer, "file": str(path), "server": world.server.uri,
                 "port": str(urllib.parse.urlsplit(getattr(world, "redirect_uri", "http://x:1")).port)}
        wanted = [m.format(**names) if isinstance(m, str) else m for m in row.mentions]
        text = outcome.failed(row.code, *wanted)
        error = outcome.error
        assert outcome.seconds < SOON_S
        assert error["what"] and error["next"], "what failed, and what to do next"
        assert error["where"], "where"
        for part in ("what", "where", "next"):
            assert error[part] in text
        own = text.split("failed with exception")[-1]
        assert "\n" not in own.strip() and len(own) < 1500 and not [c for c in own if ord(c) < 32]
        if row.oauth_error:
            assert error["oauth_error"] == row.oauth_error
        if row.http_status is not None:
            assert error["http_status"] == row.http_status
        world.provider.heal()
        world.server.heal()
        if world.provider._listener is None:
            world.provider.up()
        if row.mend:
            row.mend(world)
        path.write_bytes(good)
        if row.remembered:
            world.advance(REMEMBERED_S)
        assert process.do("search()").ok() == ["Default"]


@pytest.mark.parametrize("who, endpoint", [("robot", "discovery"), ("robot", "token"), ("person", "discovery"), ("person", "token"),
                                           ("person", "jwks")])
def test_a_provider_that_hangs_is_given_up_in_bounded_time(world, who, endpoint):
    """The whole of a request may take 30 s (design.md); the clock is moved, not waited for."""
    import time

    getattr(world, who)()
    world.provider.hang(endpoint)
    with world.process() as process:
        process.start("search()")
        world.provider.wait_for(endpoint)
        time.sleep(0.1)
        assert process.busy()
        world.advance(31)
        outcome = process.wait()
        outcome.failed(("network", "timeout"), world.provider.issuer, ("time", "answer"))
        world.provider.heal()
        world.advance(REMEMBERED_S)
        assert process.do("search()").ok() == ["Default"]


@pytest.mark.parametrize("endpoint", ["discovery", "token"])
def test_a_provider_that_drips_is_given_up_in_bounded_time(world, endpoint):
    import time

    world.robot()
    world.provider.effect(endpoint, drip=0.5)
    with world.process() as process:
        process.start("search()")
        world.provider.wait_for(endpoint)
        time.sleep(0.2)
        world.advance(31)
        process.wait().failed(("network", "timeout"), world.provider.issuer)


def test_a_connection_that_is_not_had_is_given_up_sooner_and_the_error_says_when(world):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.robot(issuer=f"https://127.0.0.1:{silent.getsockname()[1]}")
        with world.process() as process:
            process.start("token()")
            silent.accept()
            world.advance(11)
            text = process.wait().failed("timeout")
    assert 10 <= int(re.search(r"did not answer in time \((\d+) s\)", text)[1]) < 30, text


def test_a_process_that_can_open_no_more_files_is_told_so_and_goes_on_when_it_can(world):
    world.robot()
    with world.process() as process:
        process.do("import mlflow_oidc_client; result = mlflow_oidc_client.OIDCError and token()").ok()  # whose module is a file, too
        process.do("attempt(None)").ok()  # and so are those that tell of an error
        world.provider.down()  # no connection is left that could be used again
        world.provider.up()
        world.advance(301)
        process.do("""
import resource
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
taken = [os.open("/", os.O_RDONLY)]
resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, limits[1]))
""").ok()
        outcome = attempts(process.do("[attempt(token)]").ok())[0]
        of_musl = "No file descriptors available"
        outcome.failed("network", world.provider.issuer, "ulimit -n", (os.strerror(errno.EMFILE), of_musl))
        process.do("resource.setrlimit(resource.RLIMIT_NOFILE, limits)").ok()
        process.do("token()").ok()


def test_a_tls_handshake_that_hangs_can_be_interrupted(world):
    import time

    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.robot(issuer=f"https://127.0.0.1:{silent.getsockname()[1]}")
        process = world.process()
        process.start("search()")
        silent.accept()
        time.sleep(0.1)
        began = time.monotonic()
        process.interrupt()
        assert process.wait().error["type"] == "KeyboardInterrupt"
        assert time.monotonic() - began < SOON_S
        process.end()


def fatal_alert(description):
    """As a server sends it in place of its hello (RFC 8446 §5.1, §6)."""
    return bytes([21, 3, 3, 0, 2, 2, description])


@pytest.mark.parametrize("answer, said", [
    (fatal_alert(40), "alert handshake failure: the server wants other versions, ciphers or curves"),
    (fatal_alert(70), "alert protocol version: the server has no TLS 1.2"),
    (fatal_alert(80), "alert internal error: the server failed"),
    (fatal_alert(112), "unrecognized name: the server does not know the host"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "wrong version number: what answers there does not speak TLS"),
], ids=["handshake failure", "protocol version", "internal error", "unrecognized name", "http"])
def test_why_a_tls_handshake_fails_is_said_in_words(world, answer, said):
    with socket.create_server(("127.0.0.1", 0)) as server:
        issuer = f"https://127.0.0.1:{server.getsockname()[1]}"
        world.robot(issuer=issuer)
        with world.process() as process:
            process.start("token()")
            for _ in range(3):  # an outage: tried three times
                connection, _ = server.accept()
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()
            process.wait().failed("network", issuer, said, "Next: check that the provider runs")


# --- refusals are not repeated ---
def test_after_a_refusal_calls_fail_at_once_for_60_s(world):
    world.robot()
    world.provider.replace("token", 400, json={"error": "invalid_scope"})
    with world.process() as process:
        first = process.do("search()").failed("provider", "invalid_scope")
        for _ in range(10):
            again = process.do("search()")
            assert "invalid_scope" in again.failed("provider") and again.seconds < SOON_S
        assert first and len(world.token_requests()) == 1
        world.provider.heal()
        process.do("search()").failed("provider")
        world.advance(REMEMBERED_S)
        process.do("search()").ok()


def test_after_a_time_out_calls_fail_at_once_for_60_s_though_the_cache_is_looked_at(world):
    world.person()
    world.browser.mode = "never"
    with world.process() as process:
        process.start("search()")
        world.browser.wait_for_url()
        world.advance(61)
        process.wait().failed("timeout")
        assert process.do("search()").seconds < SOON_S
        assert len(world.browser.openings) == 1
        world.browser.mode = "approve"
        world.run("login()").ok()
        assert process.do("search()").ok() == ["Default"]
    assert len(world.browser.openings) == 2


def test_login_is_tried_though_a_refusal_is_remembered(world):
    world.person()
    world.browser.mode = "deny"
    with world.process() as process:
        process.do("search()").failed("provider")
        world.browser.mode = "approve"
        process.do("login()").ok()
        process.do("search()").ok()


def test_changed_settings_end_what_is_remembered(world):
    world.robot(scope="wrong")
    world.provider.refused_scopes = {"wrong"}
    with world.process() as process:
        process.do("search()").failed("provider", "invalid_scope")
        world.robot(scope="right")
        process.do("search()").ok()


# --- not failures, though something is wrong ---
def test_an_unknown_key_is_no_failure(world):
    world.write(text=block(world.robot_settings()) + 'clientid = "x"\n')
    with world.process() as process:
        process.do("search()").ok()
    assert "clientid" in process.stderr


def test_other_tables_of_the_file_do_not_matter(world):
    world.write(world.robot_settings(), text='[project]\nname = "x"\n[tool.ruff]\nline-length = 130\n[tool.mlflow-oidc-client]\n')
    world.run("search()").ok()


# --- odd lifetimes ---
@pytest.mark.parametrize("value", [0, -5, -1e300, -(2**63), "-5", "0", 0.5])
def test_a_token_that_has_ended_when_it_comes_is_refused(world, value):
    world.robot()
    world.provider.expires_in = value
    outcome = world.run("search()")
    outcome.failed("protocol", "a token that has already ended (expires_in ", f"{world.provider.issuer}/token")
    assert world.server.requests == [] and world.cache_files_hold_no_token()


@pytest.mark.parametrize("value", [1e300, 2**63, 10**30, 10**9, "99999999999999999999", 300.7], ids=repr)
def test_a_huge_expires_in_is_bounded_and_overflows_nothing(world, value):
    """Ten years at most, whatever is said; after that the token is not sent."""
    world.robot()
    world.provider.token_fields["expires_in"] = value
    with world.process() as process:
        process.do("search()").ok()
        first = process.do("token()").ok()
        world.advance(200)
        assert process.do("token()").ok() == first and len(world.token_requests()) == 1
        world.advance(10 * 365 * 86400)
        assert process.do("token()").ok() != first


@pytest.mark.parametrize("value", [DROP, "abc", None, True, [300], {}, "", "1e3", "0x10", "300 s"], ids=lambda value: repr(value)[:20])
def test_an_expires_in_that_says_nothing_counts_as_none(world, value):
    """RFC 6749 §5.1: it is but recommended; the token is used until a 401."""
    world.robot()
    world.provider.token_fields["expires_in"] = value
    with world.process() as process:
        process.do("search()").ok()
        world.provider.expires_in = DROP
        world.advance(86400)
        world.server.is_expired = lambda token: False
        world.server.accepts = lambda token: True
        process.do("search()").ok()
    assert len(world.token_requests()) == 1


def test_an_expires_in_that_is_a_text_counts(world):
    world.robot()
    world.provider.token_fields["expires_in"] = "300"
    with world.process() as process:
        first = process.do("token()").ok()
        world.advance(200)
        assert process.do("token()").ok() == first
        world.advance(101)
        assert process.do("token()").ok() != first


# --- nothing secret, at any level ---
def test_nothing_secret_is_logged_at_debug_level(world):
    """world.check_promises greps everything that was said for every secret of the run."""
    world.person()
    with world.process() as process:
        process.do("import logging; logging.basicConfig(level=1, stream=sys.stderr)").ok()
        process.do("search(), token(), login()").ok()
        world.provider.revoke_all()
        process.do("attempt(search)").ok()
        process.do("repr(__import__('mlflow_oidc_client').OIDCAuth()), str(vars(__import__('mlflow_oidc_client')))").ok()
    world.robot()
    with world.process() as process:
        process.do("import logging; logging.basicConfig(level=1, stream=sys.stderr)").ok()
        process.do("search()").ok()


def test_what_the_provider_says_comes_without_control_characters(world):
    world.robot()
    description = "\x1b[31mred\x07\r\nnew line\u0085\u2028\u202e" + "long " * 2000
    world.provider.replace("token", 400, json={"error": "invalid\x1b_scope", "error_description": description})
    with world.process() as process:
        text = process.do("token()").failed("provider")
    assert len(text) < 2000
    for shown in (text, process.stderr):
        assert not [c for c in shown if (ord(c) < 32 and c != "\n") or c in "\x7f\x85\u2028\u202e\x1b"], repr(shown)
    assert "\n" not in text
