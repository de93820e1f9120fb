"""contract.md, "Sign-in": the browser's half."""
import html
import json
import re
import socket
import time
import urllib.parse

import jose
import pytest
from browser import fetch, urls_in
from provider import DROP
from test_id_token import ENDS_BEFORE, OTHER_AUD, OTHER_ISS, OTHER_NONCE, OTHER_SUB
from stack.process import free_port
from world import SOON_S, variable


def port_of(redirect_uri):
    return urllib.parse.urlsplit(redirect_uri).port


def waiting(world, code="token()", **options):
    """A process that waits for the browser's coming back; the test itself is the person."""
    world.browser.mode = "never"
    before = len(world.browser.openings)
    process = world.process(**options)
    process.start(code)
    return process, world.browser.wait_for_url(before + 1)


# --- the authorization request ---
def test_pkce_state_and_nonce(world):
    world.person()
    world.run("token(), login()").ok()
    first, second = (r.query for r in world.provider.received("authorize"))
    for asked in (first, second):
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", asked["code_challenge"])
        assert len(asked["state"]) >= 22 and len(asked["nonce"]) >= 22, "128 bits"
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    verifiers = [r.form["code_verifier"] for r in world.token_requests("authorization_code")]
    assert len(set(verifiers)) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", v) for v in verifiers)


def test_an_authorization_endpoint_with_a_query_keeps_it(world):
    world.provider.metadata["authorization_endpoint"] = f"{world.provider.issuer}/authorize?tenant=a%20b"
    world.person()
    world.run("token()").ok()
    assert world.provider.last("authorize").query["tenant"] == "a b"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_with_a_client_secret_too_when_interactive(world, method):
    world.provider.auth_methods = [method]
    world.write(world.robot_settings(interactive=True, redirect_uri=world.person_settings()["redirect-uri"]))
    world.run("search()").ok()
    request = world.token_requests("authorization_code")[-1]
    assert (request.header("Authorization") is not None) == (method == "client_secret_basic")
    assert ("client_secret" in request.form) == (method == "client_secret_post")
    assert len(world.browser.openings) == 1


# --- the issuer check (RFC 9207) ---
@pytest.mark.parametrize("iss", ["https://evil.example.com", "", "{base}/", "{base}x", "{upper}"])
def test_a_wrong_iss_in_the_redirect_is_refused(world, iss):
    base = world.provider.issuer
    world.provider.callback["iss"] = iss.format(base=base, upper=base.upper())
    world.person()
    world.run("token()").failed("protocol", "the answer of the sign-in comes from another issuer: ")
    assert world.provider.count("token") == 0


@pytest.mark.parametrize("promised", [True, False, DROP])
def test_a_missing_iss_is_refused_only_where_the_metadata_promises_it(world, promised):
    world.provider.metadata["authorization_response_iss_parameter_supported"] = promised
    world.provider.callback["iss"] = DROP
    world.person()
    outcome = world.run("token()")
    if promised is True:
        outcome.failed("protocol", "lacks the `iss` that the provider promises")
        assert world.provider.count("token") == 0
    else:
        outcome.ok()


# --- the listener ---
STRAYS = [
    # path, method, query
    ("/", "GET", "{good}"),
    ("/favicon.ico", "GET", ""),
    ("/oauth2/callback/", "GET", "{good}"),
    ("/oauth2/callback/x", "GET", "{good}"),
    ("/oauth2", "GET", "{good}"),
    ("/OAUTH2/CALLBACK", "GET", "{good}"),
    ("/oauth2/callback%2f", "GET", "{good}"),
    ("//oauth2/callback", "GET", "{good}"),
    ("/oauth2/callback", "POST", "{good}"),
    ("/oauth2/callback", "HEAD", "{good}"),
    ("/oauth2/callback", "OPTIONS", "{good}"),
    ("/oauth2/callback", "GET", ""),
    ("/oauth2/callback", "GET", "code=abc"),
    ("/oauth2/callback", "GET", "code=abc&state="),
    ("/oauth2/callback", "GET", "code=abc&state=wrong"),
    ("/oauth2/callback", "GET", "error=access_denied"),
    ("/oauth2/callback", "GET", "error=access_denied&state=wrong"),
    ("/oauth2/callback", "GET", "{good}&state=second"),
    ("/oauth2/callback", "GET", "{good}&code=second"),
]


def test_the_listener_serves_exactly_its_path_and_ignores_strays(world):
    world.person()
    process, url = waiting(world)
    target = world.browser.callback_url(url)
    good = urllib.parse.urlsplit(target).query
    base = target.split("/oauth2")[0]
    for path, method, query in STRAYS:
        query = query.format(good=good)
        page = fetch(base + path + ("?" + query if query else ""), method=method, body=b"x=1" if method == "POST" else None)
        assert page.status >= 400, (path, method, query)
        assert process.busy(), f"{method} {path}?{query} ended the wait"
        assert world.provider.count("token") == 0
        assert "abc" not in page.text
        told = [uri for uri in (world.provider.base, world.server.base) if urllib.parse.urlsplit(uri).netloc in page.text]
        assert told == [], "a stranger is told who signs in to what"
    assert fetch(target).status == 200
    process.wait().ok()
    process.end()


def test_a_request_for_another_host_is_ignored(world):
    """DNS rebinding: a page of evil.example that has itself resolved to 127.0.0.1."""
    world.person()
    process, url = waiting(world)
    target = world.browser.callback_url(url)
    assert fetch(target, {"Host": "evil.example"}).status >= 400
    assert process.busy() and world.provider.count("token") == 0
    fetch(target)
    process.wait().ok()
    process.end()


def test_half_open_connections_do_not_keep_the_browser_out(world):
    world.person()
    process, url = waiting(world)
    target = world.browser.callback_url(url)
    address = ("127.0.0.1", port_of(target))
    idle = [socket.create_connection(address) for _ in range(5)]
    idle[0].sendall(b"GET /oauth2/ca")
    idle[1].sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # somebody speaks TLS
    began = time.monotonic()
    assert fetch(target).status == 200
    process.wait().ok()
    assert time.monotonic() - began < 8, "idle connections are dropped after 10 s"
    process.end()
    for connection in idle:
        connection.close()


def test_the_listener_closes_after_the_sign_in(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port_of(world.redirect_uri)), 1)


def test_the_listener_closes_after_a_failure(world):
    world.person()
    world.browser.mode = "deny"
    with world.process() as process:
        process.do("token()").failed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port_of(world.redirect_uri)), 1)


def test_the_listener_is_on_loopback_only(world):
    world.person()
    process, url = waiting(world)
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9)) if has_route() else None
        addresses.add(probe.getsockname()[0])
    for address in addresses - {"127.0.0.1", "0.0.0.0"}:
        with pytest.raises(OSError):
            socket.create_connection((address, port_of(world.redirect_uri)), 0.5)
    world.browser.visit(url)
    process.wait().ok()
    process.end()


def has_route():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return True
        except OSError:
            return False


# --- the page ---
def check_page(page):
    headers = {name.lower(): value for name, value in page["headers"]}
    text = page["text"]
    assert headers["content-type"].replace(" ", "").lower() == "text/html;charset=utf-8"
    assert "no-store" in headers["cache-control"]
    assert headers.get("x-content-type-options") == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers.get("referrer-policy") == "no-referrer", "the address holds the code"
    assert text.lower().startswith("<!doctype html>")
    assert re.search(r"<html[^>]* lang=", text) and "<title>" in text and "<h1" in text and "viewport" in text
    assert "prefers-color-scheme" in text or "color-scheme" in text, "light and dark"
    assert "<script" not in text.lower()
    for match in re.finditer(r"(?:src|href|action)\s*=\s*[\"']?([^\"'> ]+)|url\(([^)]+)\)|@import", text):
        target = (match.group(1) or match.group(2) or "").strip("\"'")
        assert target.startswith(("data:", "#")), f"an external resource: {match.group(0)}"
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page["url"]).query)
    for name in ("code", "state"):
        assert all(value not in text for value in query.get(name, []))


def test_the_page_of_a_success(world):
    world.person()
    world.run("token()").ok()
    page = world.browser.wait_for_page()
    assert page["status"] == 200
    check_page(page)
    assert "signed in" in page["text"].lower() and "close" in page["text"].lower()


def test_the_page_of_the_providers_refusal(world):
    world.person()
    world.browser.mode = "deny"
    world.run("token()").failed("provider")
    page = world.browser.wait_for_page()
    check_page(page)
    assert "access_denied" in page["text"] or "denied" in page["text"].lower() or "refused" in page["text"].lower()
    assert "you are signed in" not in page["text"].lower()


def test_the_page_does_not_claim_success_when_the_token_request_fails(world):
    """The page may come before the token request; then it must not say more than it knows."""
    world.person()
    world.provider.replace("token", 400, json={"error": "invalid_grant"})
    world.run("token()").failed("provider")
    check_page(world.browser.wait_for_page())


HOSTILE = "<script>alert(1)</script>\x1b[31m\x07\r\nInjected: header \u202e end"


@pytest.mark.parametrize("name", ["error_description", "error", "iss"])
def test_markup_and_terminal_escapes_of_the_provider_do_no_harm(world, name):
    world.person()
    world.provider.authorization_error = ("access_denied", "no")
    world.provider.callback[name] = HOSTILE
    with world.process() as process:
        text = process.do("token()").failed("protocol" if name == "iss" else "provider",
                                            "comes from another issuer" if name == "iss" else "refused the sign-in: ")
    page = world.browser.wait_for_page()
    check_page(page)
    assert "<script" not in page["text"] and "\x1b" not in page["text"]
    assert "Injected" not in [name for name, _ in page["headers"]]
    for shown in (text, process.stderr):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u202e]", shown), repr(shown)
    assert "\n" not in text
    if "alert(1)" in html.unescape(page["text"]):
        assert "&lt;script&gt;" in page["text"]


def test_the_code_comes_once(world):
    world.person()
    world.run("token()").ok()
    page = world.browser.wait_for_page()
    with pytest.raises(OSError):
        fetch(page["url"])
    assert world.provider.count("token") == 1


# --- the person ---
def test_the_url_is_printed_before_a_browser_is_tried(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
    opening = world.browser.openings[0]
    assert opening["url"] in (opening["printed"] or ""), "it was not on stderr when the browser began"
    assert opening["url"] in urls_in(process.stderr)


def test_the_url_is_printed_when_the_browser_fails(world):
    world.person()
    world.browser.mode = "fail"
    process = world.process()
    process.start("token()")
    url = world.browser.wait_for_url()
    world.browser.visit(url)
    process.wait().ok()
    assert url in process.stderr
    process.end()


@pytest.mark.parametrize("stream", [
    "type('Stream', (), {'write': lambda self, text: None})()",  # and no flush()
    "type('Stream', (), {'write': lambda self, text: 1 / 0, 'flush': lambda self: None})()",
    "type('Stream', (io.StringIO,), {'isatty': lambda self: True, 'fileno': lambda self: null.fileno()})()",
    "type('Stream', (io.StringIO,), {'isatty': lambda self: True, 'fileno': lambda self: 'none'})()",
    "type('Stream', (io.StringIO,), {'isatty': lambda self: 1 / 0})()",
    "io.TextIOWrapper(null, 'ascii', 'strict')",
    "None",
])
def test_whatever_a_program_puts_in_the_place_of_stderr_the_sign_in_goes_on(world, stream):
    world.person()
    with world.process(TERM="xterm") as process:
        process.do(f"""
import io
null, kept = open(os.devnull, "wb"), sys.stderr
sys.stderr = {stream}
try:
    token()
finally:
    sys.stderr = kept
""").ok()
    assert len(world.browser.openings) == 1


def test_a_browser_that_is_not_there_does_not_end_the_sign_in(world):
    """$BROWSER names nothing that can be started: the address is printed all the same, a person can copy it."""
    world.person()
    world.env["BROWSER"] = str(world.folder / "no-such-browser")
    world.env["DISPLAY"] = ":99"
    world.env["PATH"] = str(world.folder)
    process = world.process()
    process.start("token()")
    end = time.monotonic() + 20
    while not [u for u in urls_in(process.stderr) if "/authorize" in u]:
        assert time.monotonic() < end and process.busy(), process.stderr
        time.sleep(0.01)
    world.browser.visit(next(u for u in urls_in(process.stderr) if "/authorize" in u))
    process.wait().ok()
    process.end()


def test_a_browser_that_stays_in_the_foreground_does_not_hold_the_call(world):
    world.person()
    world.browser.mode = "stay"
    outcome = world.run("token()")
    outcome.ok()
    assert outcome.seconds < SOON_S


def test_the_browser_gets_the_url_as_one_argument_and_no_shell_sees_it(world):
    world.person(scope="openid $(touch pwned) `touch pwned` ; touch pwned")
    world.run("token()").ok()
    opening, = world.browser.openings
    assert len(opening["argv"]) == 1
    assert not (world.cwd / "pwned").exists()


def test_the_browser_does_not_inherit_secrets(world):
    world.write(world.person_settings())
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.env["MLFLOW_TRACKING_OIDC_CLIENT_ID"] = "robot"
    world.env["MLFLOW_TRACKING_OIDC_CLIENT_SECRET"] = world.provider.clients["robot"]
    world.env["MLFLOW_TRACKING_OIDC_INTERACTIVE"] = "true"
    world.run("token()").ok()
    seen = world.browser.openings[0]["environment"]
    assert world.provider.clients["robot"] not in seen.values(), [k for k in seen if "SECRET" in k]


def test_waiting_is_bounded_and_visible(world):
    world.person()
    world.browser.mode = "never"
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "1"
    with world.process() as process:
        outcome = process.do("token()")
        outcome.failed("timeout", ("sign in", "signed in", "sign-in"))
    assert 0.9 < outcome.seconds < SOON_S
    assert "wait" in process.stderr.lower()
    assert world.provider.count("token") == 0


def test_ctrl_c_ends_a_waiting_sign_in_at_once(world):
    world.person()
    process, _ = waiting(world)
    began = time.monotonic()
    process.interrupt()
    outcome = process.wait()
    assert time.monotonic() - began < SOON_S
    assert outcome.error["type"] == "KeyboardInterrupt"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(world.redirect_uri)), 1)
    world.browser.mode = "approve"
    process.do("token()").ok()
    process.end()


def test_ctrl_c_ends_a_waiting_mlflow_call_at_once(world):
    world.person()
    process, _ = waiting(world, "search()")
    began = time.monotonic()
    process.interrupt()
    assert process.wait().error["type"] == "KeyboardInterrupt"
    assert time.monotonic() - began < SOON_S
    process.end()
    assert world.server.requests == []


def test_the_sibling_sign_in_that_holds_the_port_is_waited_for(world):
    """Another identity with the same redirect URI: both can sign in, one after the other."""
    world.provider.add_client("app2")
    second = world.new_server()
    world.write(world.person_settings(), world.person_settings(uri=second.uri, client_id="app2"))
    one, url = waiting(world)
    two = world.process()
    two.start(f"token({second.uri!r})")
    two.see(f"another sign-in of yours has port {port_of(world.redirect_uri)}; waiting for it")
    assert two.busy() and len(world.browser.openings) == 1
    world.browser.mode = "approve"
    world.browser.visit(url)
    one.wait().ok()
    two.wait().ok()
    assert len(world.browser.openings) == 2
    one.end(), two.end()


def test_two_sign_ins_of_one_process_share_the_port_one_after_the_other(world):
    world.provider.add_client("app2")
    second = world.new_server()
    world.write(world.person_settings(), world.person_settings(uri=second.uri, client_id="app2"))
    with world.process() as process:
        outcome = process.do(f"""
targets = [os.environ["URI"], {second.uri!r}]
result = threads(2, lambda: token(targets.pop()))
""")
    assert [v["error"] for v in outcome.ok()] == [None, None]
    assert len(world.browser.openings) == 2


def test_another_program_on_the_port_is_an_error_that_says_who(world):
    world.person()
    with socket.create_server(("127.0.0.1", port_of(world.redirect_uri))) as other:
        with world.process() as process:
            outcome = process.do("token()")
            outcome.failed(None, str(port_of(world.redirect_uri)), ("redirect-uri", "REDIRECT_URI"))
            assert outcome.seconds < SOON_S
            other.close()
            process.do("login()").ok()


# --- where no person can be ---
@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_with_ci_set_it_fails_at_once_and_says_how_to_sign_in(world, value):
    world.person()
    outcome = world.run("search()", CI=value)
    outcome.failed(None, "CI", ("client-secret", "CLIENT_SECRET", "login"))
    assert outcome.seconds < SOON_S and world.browser.openings == [] and world.provider.count("token") == 0
    assert world.server.requests == []


def test_without_browser_display_terminal_and_notebook_it_fails_at_once_and_says_how_to_sign_in(world):
    world.person()
    outcome = world.run("token()", unset=["BROWSER"], PATH=str(world.folder))
    outcome.failed("login_required", ("client-secret", "CLIENT_SECRET", "login"))
    assert outcome.seconds < SOON_S and world.provider.count("authorize") == 0


@pytest.mark.parametrize("place", [{"CI": "true"}, {"BROWSER": ""}])
def test_a_job_with_a_persons_settings_signs_in_by_what_the_error_says(world, place):
    """The person's client is a public one: a secret alone would be refused."""
    world.person()
    text = world.run("token()", PATH=str(world.folder), **place).failed("login_required")
    robot = {variable(key): value for key, value in world.robot_settings().items()}
    given = {name: robot[name] for name in re.findall(r"MLFLOW_TRACKING_\w+", text)}
    world.run("token()", PATH=str(world.folder), **place, **given).ok()


def test_with_ci_set_a_cached_token_is_still_used_and_renewed(world):
    world.person()
    first = world.run("token()").ok()
    assert world.run("token()", CI="true").ok() == first
    world.advance(301)
    assert world.run("token()", CI="true").ok() != first


# --- offline_access ---
def test_the_default_scope_gets_offline_access_at_the_next_sign_in_when_no_refresh_token_came(world):
    world.provider.refresh = "offline_access"
    world.person()
    world.run("token()").ok()
    first = world.provider.last("authorize").query
    assert first["scope"] == "openid profile email" and "prompt" not in first
    world.advance(301)
    world.run("token()").ok()
    second = world.provider.last("authorize").query
    assert set(second["scope"].split()) == {"openid", "profile", "email", "offline_access"} and second["prompt"] == "consent"
    world.advance(301)
    world.run("token()").ok()
    assert len(world.browser.openings) == 2 and world.provider.last("token").form["grant_type"] == "refresh_token"


@pytest.mark.parametrize("error", ["invalid_scope", "access_denied"])
def test_offline_access_that_is_refused_is_remembered(world, error):
    """By the provider, or by a person who may not agree to it: Entra ID's page for administrators' consent leads back with access_denied."""
    world.provider.refresh = "never"
    world.provider.refused_scopes = {"offline_access"}
    world.provider.refused_scopes_error = error
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        process.do("token()").ok()
        scopes = [r.query["scope"] for r in world.provider.received("authorize")]
        assert ["offline_access" in s.split() for s in scopes] == [False, True, False]
        world.advance(301)
        process.do("token()").ok()
        assert "offline_access" not in world.provider.last("authorize").query["scope"]
        assert world.provider.count("authorize") == 4


def test_offline_access_is_not_asked_for_where_the_provider_does_not_list_it(world):
    world.provider.refresh = "never"
    world.provider.scopes_supported = ["openid", "profile", "email"]
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.run("token()").ok()
    assert world.provider.last("authorize").query["scope"] == "openid profile email"


def test_a_scope_that_the_user_set_is_never_extended(world):
    world.provider.refresh = "never"
    world.person(scope="openid")
    world.run("token()").ok()
    world.advance(301)
    world.run("token()").ok()
    assert [r.query["scope"] for r in world.provider.received("authorize")] == ["openid", "openid"]


# --- renewal ---
def test_a_rotated_refresh_token_is_saved(world):
    world.person()
    world.run("token()").ok()
    for _ in range(3):
        world.advance(301)
        world.run("token()").ok()
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(set(used)) == 3 and len(world.browser.openings) == 1


def test_a_refresh_token_that_is_not_rotated_goes_on_working(world):
    world.provider.rotate = False
    world.person()
    world.run("token()").ok()
    for _ in range(3):
        world.advance(301)
        world.run("token()").ok()
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == 3 and len(set(used)) == 1 and len(world.browser.openings) == 1


def test_a_rotated_refresh_token_is_saved_though_the_reply_is_otherwise_useless(world):
    """A renewal without a new ID token keeps the new refresh token."""
    world.provider.id_token_on_refresh = False
    world.provider.id_token.ttl = 1000
    world.provider.expires_in = 100
    world.person(use_id_token=False)
    world.run("token()").ok()
    for _ in range(2):
        world.advance(101)
        world.run("token()").ok()
    assert len({r.form["refresh_token"] for r in world.token_requests("refresh_token")}) == 2


def test_a_renewal_without_a_new_id_token_leads_to_a_sign_in_when_the_old_one_has_ended(world):
    world.provider.id_token_on_refresh = False
    world.person()
    first = world.run("token()").ok()
    world.advance(301)
    second = world.run("token()").ok()
    assert second != first and second in world.provider.grants[-1].id_tokens
    assert len(world.browser.openings) == 2


def test_a_renewal_without_a_new_id_token_suggests_use_id_token_false_where_nobody_can_sign_in(world):
    world.provider.id_token_on_refresh = False
    world.person()
    world.run("token()").ok()
    world.person(interactive=False)
    world.advance(301)
    world.run("token()").failed(None, ("use-id-token", "USE_ID_TOKEN"))


def test_on_invalid_grant_the_cache_is_read_again_before_giving_up(world):
    """Somebody else used the refresh token and saved the new one, as on a file system where locks do not work."""
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        mine = {path: path.read_bytes() for path in world.cache_files()}
        theirs_token = world.run("token()").ok()
        theirs = {path: path.read_bytes() for path in world.cache_files()}
        for path, content in mine.items():
            path.write_bytes(content)

        def saved_by_the_other_meanwhile(request, normal):
            for path, content in theirs.items():
                fresh = path.with_name(path.name + ".other")
                fresh.write_bytes(content)
                fresh.chmod(0o600)
                fresh.rename(path)
            from scripted import Answer

            return Answer.of_json({"error": "invalid_grant"}, 400)

        world.provider.fault("token", saved_by_the_other_meanwhile, times=1)
        assert process.do("token()").ok() == theirs_token
    assert len(world.browser.openings) == 1


def test_on_invalid_grant_what_somebody_else_saved_for_another_server_is_left(world):
    """It is none of this server's, and no less good for its own."""
    from scripted import Answer

    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.browser.mode = "deny"

    def saved_by_another_meanwhile(request, normal):
        (path,) = world.cache_files()
        entry = json.loads(path.read_text())
        entry["servers"], entry["refresh_token"] = ["https://other.example.com"], "rt.of-the-other"
        path.write_text(json.dumps(entry))
        return Answer.of_json({"error": "invalid_grant"}, 400)

    world.provider.fault("token", saved_by_another_meanwhile, times=1)
    world.run("token()").failed("provider", "access_denied")
    assert world.cached()["refresh_token"] == "rt.of-the-other"
    assert len(world.token_requests("refresh_token")) == 1


def test_a_refresh_token_that_the_provider_refuses_leads_to_a_sign_in(world):
    world.person()
    world.run("token()").ok()
    world.provider.revoke_refresh()
    world.advance(301)
    world.run("token()").ok()
    assert len(world.browser.openings) == 2


def test_a_provider_that_is_ill_is_no_reason_for_a_browser(world):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.replace("token", 503, body=b"busy")
    world.run("token()").failed(("provider", "network", "protocol"), world.provider.issuer, "503")
    assert len(world.browser.openings) == 1
    world.provider.heal()
    world.run("token()").ok()
    assert len(world.browser.openings) == 1


PUT_OFF = [(400, "temporarily_unavailable"), (400, "server_error"), (400, "slow_down"), (429, "too_many_requests"), (429, "slow_down"),
           (429, "access_denied"), (503, "temporarily_unavailable"), (500, "server_error"), (401, "invalid_client"),
           (500, "invalid_grant"), (502, "invalid_grant"), (503, "invalid_grant"), (429, "invalid_grant")]


@pytest.mark.parametrize("status, error", PUT_OFF)
def test_a_renewal_that_is_put_off_is_no_reason_for_a_browser(world, status, error):
    """The provider did not refuse the refresh token: it is busy or ill, or the client is what it refuses."""
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.replace("token", status, json={"error": error}, headers=[("Retry-After", "60")])
    outcome = world.run("token()")
    outcome.failed("provider", error, f"{world.provider.issuer}/token")
    assert outcome.error["http_status"] == status and outcome.seconds < SOON_S
    assert status in (400, 401) or "try again later" in outcome.error["next"]
    assert len(world.browser.openings) == 1 and world.cached()["refresh_token"]
    world.provider.heal()
    world.run("token()").ok()
    assert len(world.browser.openings) == 1 and world.provider.last("token").form["grant_type"] == "refresh_token"


@pytest.mark.parametrize("status, error", [(400, "invalid_grant"), (400, "invalid_request"), (400, "unauthorized_client"),
                                           (400, "unsupported_grant_type"), (400, "invalid_scope"), (403, "access_denied"), (400, "something_new"),
                                           (401, "invalid_grant"), (403, "invalid_grant")])
def test_a_renewal_that_is_refused_ends_in_a_new_sign_in(world, status, error):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.replace("token", status, json={"error": error}, times=1)
    world.run("token()").ok()
    assert [r.form["grant_type"] for r in world.token_requests()] == ["authorization_code", "refresh_token", "authorization_code"]
    assert len(world.browser.openings) == 2


FORMLESS = [b"", b"<h1>Bad Request", b"refresh token expired", b'["expired"]', b'{"error": {"code": 400, "message": "TOKEN_EXPIRED"}}',
            b'{"errors": [{"errorType": "expired_token"}]}']


@pytest.mark.parametrize("body", FORMLESS)
def test_a_renewal_that_is_refused_in_another_form_ends_in_a_new_sign_in_too(world, body):
    """Else whoever's refresh token has ended at such a provider would have to call login() to get further."""
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.replace("token", 400, body=body, times=1)
    world.run("token()").ok()
    assert [r.form["grant_type"] for r in world.token_requests()] == ["authorization_code", "refresh_token", "authorization_code"]
    assert len(world.browser.openings) == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_status_of_what_stands_before_the_provider_is_no_reason_for_a_browser(world, status):
    """A gateway says so while the provider is installed anew."""
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.replace("token", status, body=b"default backend", times=1)
    world.run("token()").failed("provider", f"HTTP status {status}")
    assert world.run("token()").ok() and len(world.browser.openings) == 1


@pytest.mark.parametrize("cut", [0, 20])
def test_a_code_is_used_once_though_the_connection_is_cut(world, cut):
    """RFC 6749 §4.1.2: a provider that sees a code twice revokes what it gave for it."""
    world.provider.effect("token", cut=cut)
    world.person()
    world.run("token()").failed(("network", "protocol"), f"{world.provider.issuer}/token")
    assert len(world.token_requests("authorization_code")) == 1


@pytest.mark.parametrize("cut", [0, 20])
def test_a_renewal_whose_answer_is_lost_ends_in_a_token_all_the_same(world, cut):
    """The provider has rotated and sees the old refresh token again: it revokes the family, and a person signs in."""
    world.person()
    with world.process() as process:
        first = process.do("token()").ok()
        world.advance(301)
        world.provider.effect("token", cut=cut, times=1)
        process.do("attempt(token)").ok()
        assert process.do("token()").ok() != first
        assert process.do("search()").ok()
    assert len(world.browser.openings) <= 2


@pytest.mark.parametrize("claim, value, reason", [
    ("iss", "https://evil.example.com", OTHER_ISS), ("sub", "mallory", OTHER_SUB), ("aud", "someone-else", OTHER_AUD),
    ("nonce", "another", OTHER_NONCE), ("exp", 1, ENDS_BEFORE)])
def test_a_renewed_id_token_that_differs_is_not_used(world, claim, value, reason):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.id_token.claims[claim] = value
    world.env["CI"] = "true"  # nobody can sign in anew: what becomes of it is seen
    world.run("search()").failed("protocol", reason)
    assert world.server.requests == [] and len(world.browser.openings) == 1


@pytest.mark.parametrize("wrong", ["id_token", "token_type", "access_token", "expires_in"])
def test_a_rotated_refresh_token_is_saved_though_the_rest_of_the_reply_is_refused(world, wrong):
    """The old one is dead by now: sent again it would end the family (RFC 9700 §4.14.2)."""
    world.person()
    world.run("token()").ok()
    world.advance(301)
    if wrong == "id_token":
        world.provider.id_token.claims["sub"] = "mallory"
    else:
        world.provider.token_fields[wrong] = {"token_type": "mac", "access_token": DROP, "expires_in": -1}[wrong]
    world.run("token()").failed("protocol")
    world.provider.id_token.claims.clear()
    world.provider.token_fields.clear()
    world.run("token()").ok()
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == len(set(used)) == 2 and len(world.browser.openings) == 1


def test_jwks_are_kept(world):
    world.person()
    with world.process() as process:
        for _ in range(3):
            process.do("login()").ok()
    assert world.provider.count("jwks") == 1 and world.provider.count("discovery") == 1
    assert jose.claims_of(world.provider.grants[-1].id_tokens[-1])["sub"] == "alice"


def test_the_default_port_is_free_again_for_the_next_process(world):
    """No waiting for TIME_WAIT."""
    world.person(redirect_uri=f"http://127.0.0.1:{free_port()}/cb")
    for _ in range(3):
        world.run("login()").ok()
