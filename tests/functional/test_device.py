"""The device flow (RFC 8628): a code and a browser on any machine. No test sleeps: the process's clock is moved on."""
import re
import time

import pytest
from provider import DROP
from world import SOON_S

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def settle(world, timeout=300, **settings):
    """Settings of a person who signs in by code; no browser can be opened here."""
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = str(timeout)
    world.env.pop("BROWSER", None)
    world.person(**{"flow": "device", **settings})


def waiting(world, code="token()", terminal=100, codes=1, **options):
    """A process that shows a code and waits; the test is the person."""
    process = world.process(terminal=terminal, **options)
    process.start(code)
    process.see("enter the code")
    assert len(world.provider.devices) == codes
    return process, world.provider.devices[-1]


def poll(world):
    """Lets time pass until the next token request: its distance from the one before, in seconds."""
    count = world.provider.count("token")
    for _ in range(200):
        world.advance(1)
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            if world.provider.count("token") > count:
                times = [r.received_at for r in world.provider.received("token")]
                return times[-1] - times[-2] if count else None
            time.sleep(0.002)
    raise AssertionError("no token request")


def check_pace(gaps, seconds):
    """Never sooner. Later by what the machine needs: a busy one has the clock moved on by several seconds meanwhile."""
    assert all(wanted - 0.1 <= gap < wanted + 10 for gap, wanted in zip(gaps, seconds)), (gaps, seconds)


def finish(world, process, device, seconds=5):
    world.provider.decide(device.user_code)
    for _ in range(5):  # the pause may have begun only after the clock was moved on
        world.advance(seconds)
        end = time.monotonic() + 3
        while process.busy() and time.monotonic() < end:
            time.sleep(0.01)
    outcome = process.wait()
    process.end()
    return outcome


# --- the sign-in ---
def test_a_person_signs_in_with_a_code(world):
    settle(world)
    process, device = waiting(world)
    shown = process.stderr
    assert f"{world.provider.base}/activate\r\n" in shown and f"?user_code={device.user_code}" in shown
    assert f"enter the code: {device.user_code}" in shown and world.server.uri in shown
    poll(world)
    assert process.busy()
    token = finish(world, process, device).ok()
    assert world.provider.accepts(token)
    assert [r.form["grant_type"] for r in world.token_requests()] == [GRANT] * 2
    assert world.browser.openings == [] and world.provider.count("authorize") == 0


def test_tokens_are_saved_and_renewed_as_those_of_a_browser(world):
    settle(world)
    process, device = waiting(world, "search()")
    finish(world, process, device).ok()
    assert world.run("search()").ok() is not None and world.provider.count("token") == 1
    world.advance(400)
    world.run("search()").ok()
    assert [r.form["grant_type"] for r in world.token_requests()] == [GRANT, "refresh_token"]


def test_the_request_carries_client_scope_audience_and_a_challenge(world):
    settle(world, scope="openid email", audience="api")
    process, device = waiting(world)
    finish(world, process, device).ok()
    asked, redeemed = world.provider.last("device").form, world.provider.last("token").form
    assert asked["client_id"] == "app" and asked["scope"] == "openid email" and asked["audience"] == "api"
    assert asked["code_challenge_method"] == "S256" and re.fullmatch(r"[A-Za-z0-9_-]{43}", asked["code_challenge"])
    assert redeemed["device_code"] == device.code and redeemed["audience"] == "api" and redeemed["client_id"] == "app"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", redeemed["code_verifier"])
    assert not {"state", "nonce", "redirect_uri"} & {*asked, *redeemed}


@pytest.mark.parametrize("pkce", ["known", "unknown", "required", "refused", "refused later"])
def test_pkce_goes_where_the_provider_takes_it(world, pkce):
    world.provider.device_pkce = pkce
    settle(world)
    process, device = waiting(world)
    if pkce == "refused later":
        poll(world)
    finish(world, process, device).ok()
    assert ("code_verifier" in world.provider.last("token").form) == (pkce in ("known", "unknown", "required"))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("listed", [True, False])
def test_the_client_authenticates_as_at_the_token_endpoint(world, method, listed):
    world.provider.auth_methods = [method]
    if not listed:
        world.provider.metadata["token_endpoint_auth_methods_supported"] = DROP
    settings = world.robot_settings(interactive=True, flow="device", redirect_uri=world.person_settings()["redirect-uri"])
    settle(world)
    world.write(settings)
    process, device = waiting(world)
    poll(world)
    finish(world, process, device).ok()
    for endpoint in ("device", "token"):
        request = world.provider.last(endpoint)
        assert (request.header("Authorization") is not None) == (method == "client_secret_basic")
        assert ("client_secret" in request.form) == (method == "client_secret_post")
    # what worked for the code is what the token requests begin with
    assert world.provider.count("token") == 2


@pytest.mark.parametrize("wrong", ["aud", "iss", "exp", "signature"])
def test_the_id_token_is_checked_in_full(world, wrong):
    recipe = world.provider.id_token
    if wrong == "signature":
        recipe.sign = lambda data: b"\0" * 256
    else:
        recipe.claims[wrong] = {"aud": "other", "iss": "https://evil.example", "exp": 1}[wrong]
    settle(world)
    process, device = waiting(world)
    finish(world, process, device).failed("protocol", "ID token")
    assert world.cache_files_hold_no_token()


def test_no_refresh_token_leads_to_offline_access_at_the_next_sign_in(world):
    world.provider.refresh = "offline_access"
    settle(world)
    process, device = waiting(world)
    finish(world, process, device).ok()
    process, device = waiting(world, "login()", codes=2)
    finish(world, process, device).ok()
    assert device.scope.split()[-1] == "offline_access" and world.provider.grants[-1].refresh_token


def test_two_processes_show_one_code(world):
    settle(world)
    first, device = waiting(world)
    second = world.process(terminal=100)
    second.start("token()")
    second.see("another process of yours is signing in")
    token = finish(world, first, device).ok()
    assert second.wait().ok() == token and len(world.provider.devices) == 1
    second.end()


# --- the pace (RFC 8628 §3.5) ---
@pytest.mark.parametrize("interval, seconds", [(5, 5), (9, 9), (DROP, 5), (None, 5), ("7", 7), (0, 1), (10**9, 60)])
def test_it_asks_no_more_often_than_the_provider_wants(world, interval, seconds):
    world.provider.device_fields["interval"] = interval
    settle(world, timeout=3600)
    process, device = waiting(world)
    poll(world)
    check_pace([poll(world), poll(world)], [seconds, seconds])
    finish(world, process, device, seconds).ok()


def test_slow_down_adds_5_seconds_from_then_on(world):
    settle(world)
    process, device = waiting(world)
    gaps = []
    for answer in ("slow_down", None, "slow_down", None, None):
        if answer:
            world.provider.replace("token", 400, json={"error": answer}, times=1)
        gaps.append(poll(world))
    check_pace(gaps[1:], [10, 10, 15, 15])
    finish(world, process, device, 15).ok()


TROUBLES = [
    ("500", lambda provider: provider.replace("token", 500, times=2)),
    ("503 with a page", lambda provider: provider.replace("token", 503, b"<html>", times=2)),
    ("429", lambda provider: provider.replace("token", 429, times=2)),
    ("temporarily_unavailable", lambda provider: provider.replace("token", 400, json={"error": "temporarily_unavailable"}, times=2)),
    ("cut", lambda provider: provider.effect("token", cut=0, times=2)),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda t: t[0])
def test_troubles_in_between_lower_the_pace_and_end_nothing(world, trouble):
    settle(world)
    process, device = waiting(world)
    trouble[1](world.provider)
    poll(world)
    check_pace([poll(world), poll(world), poll(world)], [10, 20, 5])
    finish(world, process, device).ok()


def test_a_provider_that_does_not_answer_is_asked_again_more_slowly(world):
    settle(world)
    process, device = waiting(world)
    world.provider.hang("token", times=1)
    poll(world)
    world.advance(31)  # the request's time is over
    process.see("Waiting")
    check_pace([poll(world)], [31 + 10])
    finish(world, process, device).ok()


def test_a_provider_that_is_away_for_a_while_does_no_harm(world):
    settle(world)
    process, device = waiting(world)
    world.provider.down()
    for _ in range(4):
        world.advance(5)
    world.provider.up()
    finish(world, process, device, 60).ok()


def test_retry_after_is_kept(world):
    settle(world)
    process, device = waiting(world)
    world.provider.replace("token", 503, headers=[("Retry-After", "40")], times=1)
    poll(world)
    check_pace([poll(world)], [40])
    finish(world, process, device).ok()


# --- its end ---
def test_a_denial_ends_it(world):
    settle(world)
    process, device = waiting(world)
    world.provider.decide(device.user_code, "denied")
    world.advance(5)
    process.wait().failed("provider", "access_denied", "the person said no")
    process.end()
    assert world.provider.count("token") == 1


def test_an_expired_code_is_replaced_by_another(world):
    world.provider.device_expires_in = 60
    settle(world)
    process, first = waiting(world)
    world.advance(61)
    process.see("expired")
    world.wait_for(lambda: len(world.provider.devices) == 2)
    second = world.provider.devices[-1]
    process.see(second.user_code)
    assert second.user_code != first.user_code and second.challenge != first.challenge
    finish(world, process, second).ok()


def test_a_code_that_the_provider_calls_expired_is_replaced_too(world):
    """Its clock runs faster than ours."""
    settle(world)
    process, first = waiting(world)
    world.provider.replace("token", 400, json={"error": "expired_token"}, times=1)
    world.advance(5)
    world.wait_for(lambda: len(world.provider.devices) == 2)
    process.see(world.provider.devices[-1].user_code)
    finish(world, process, world.provider.devices[-1]).ok()


def test_codes_that_are_expired_from_the_start_are_not_asked_for_without_end(world):
    world.provider.replace("token", 400, json={"error": "expired_token"})
    world.provider.device_fields["interval"] = 0
    settle(world, timeout=3600)
    process, _ = waiting(world)
    for codes in range(2, 100):
        world.advance(1)
        while process.busy() and world.provider.count("device") < codes:
            time.sleep(0.002)
        if not process.busy():
            break
    process.wait().failed(("provider", "timeout"))
    process.end()
    assert 2 <= len(world.provider.devices) <= 20


def test_waiting_is_bounded(world):
    settle(world, timeout=30)
    process, device = waiting(world)
    world.advance(31)
    process.wait().failed("timeout", "30 s", "code")
    process.do("token()").failed("timeout", "not tried again")
    process.end()
    assert len(world.provider.devices) == 1


def test_ctrl_c_ends_it_at_once(world):
    settle(world)
    process, _ = waiting(world)
    process.interrupt()
    outcome = process.wait(SOON_S)
    assert outcome.error["type"] == "KeyboardInterrupt"
    process.see("\r" + 99 * " " + "\r")  # the terminal's line is left empty
    process.end()


def test_ctrl_c_ends_it_while_the_provider_hangs(world):
    settle(world)
    process, _ = waiting(world)
    world.provider.hang("token")
    poll(world)
    process.interrupt()
    assert process.wait(SOON_S).error["type"] == "KeyboardInterrupt"
    process.end()


# --- a provider that is wrong ---
WRONG = [
    ("no device_code", {"device_code": DROP}),
    ("device_code is no text", {"device_code": 7}),
    ("no user_code", {"user_code": DROP}),
    ("user_code is empty", {"user_code": ""}),
    ("user_code moves the terminal", {"user_code": "A\x1b[2J\x1b[31mB"}),
    ("user_code in two lines", {"user_code": "ABCD\nmlflow-oidc-client: open http://evil.example"}),
    ("user_code is bidirectional", {"user_code": "\u202eABCD"}),
    ("user_code is a book", {"user_code": "A" * 65}),
    ("no verification_uri", {"verification_uri": DROP}),
    ("verification_uri at http", {"verification_uri": "http://auth.example.com/device"}),
    ("verification_uri with user info", {"verification_uri": "https://accounts.google.com@evil.example/"}),
    ("verification_uri is a script", {"verification_uri": "javascript:alert(1)"}),
    ("verification_uri moves the terminal", {"verification_uri": "https://auth.example.com/\x1b[2J"}),
    ("complete one at http", {"verification_uri_complete": "http://auth.example.com/device"}),
    ("complete one is a file", {"verification_uri_complete": "file:///etc/passwd"}),
    ("no expires_in", {"expires_in": DROP}),
    ("expires_in is null", {"expires_in": None}),
    ("expires_in is negative", {"expires_in": -5}),
    ("expires_in is a word", {"expires_in": "soon"}),
]


@pytest.mark.parametrize("fields", [fields for _, fields in WRONG], ids=[name for name, _ in WRONG])
def test_a_wrong_answer_is_shown_to_nobody(world, fields):
    world.provider.device_fields.update(fields)
    settle(world)
    process = world.process(terminal=100)
    process.do("token()").failed("protocol", "RFC 8628")
    process.end()
    seen = process.stderr
    assert "enter the code" not in seen and "evil.example" not in seen and "\x1b" not in seen


@pytest.mark.parametrize("body", [b"", b"<html>\x1b[2J</html>", b"[]", b"{", b'{"device_code": "a", "device_code": "b"}'])
def test_an_answer_that_is_none_is_an_error(world, body):
    world.provider.replace("device", 200, body)
    settle(world)
    process = world.process(terminal=100)
    process.do("token()").failed("protocol")
    process.end()


@pytest.mark.parametrize("fields", [{"expires_in": 10**12}, {"expires_in": "600"}, {"interval": -1}, {"interval": "x"},
                                    {"verification_uri_complete": DROP}, {"verification_uri_complete": ""}, {"more": {}}])
def test_an_odd_answer_is_put_up_with(world, fields):
    world.provider.device_fields.update(fields)
    settle(world)
    process, device = waiting(world)
    finish(world, process, device).ok()


def test_the_device_code_said_back_does_not_stand_in_the_message(world):
    settle(world)
    process, device = waiting(world)
    world.provider.replace("token", 400, json={"error": "invalid_grant", "error_description": f"device code {device.code} unknown"})
    world.advance(5)
    process.wait().failed("provider", "invalid_grant")
    process.end()


def test_the_client_secret_said_back_does_not_stand_in_the_message(world):
    settle(world)
    world.write(world.robot_settings(interactive=True, flow="device"))
    secret = world.provider.clients["robot"]
    world.provider.replace("device", 400, json={"error": "invalid_request", "error_description": f"secret {secret}?"})
    process = world.process(terminal=100)
    process.do("token()").failed("provider", "invalid_request")
    process.end()


def test_nothing_secret_is_logged(world):
    settle(world)
    log = "import logging, sys; logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)"
    process = world.process(terminal=100)
    process.do(log)
    process.start("token()")
    process.see("enter the code")
    poll(world)
    finish(world, process, world.provider.devices[0]).ok()
    assert "device.request" in process.stderr  # World.check_promises() looks for secrets


# --- the choice ---
def auto(world, **settings):
    settle(world, flow=None, **settings)


@pytest.mark.parametrize("place", [{"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, {"SSH_TTY": "/dev/pts/1"}, {},
                                   {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "DISPLAY": ":0"}])
def test_where_no_browser_can_be_opened_a_code_is_shown(world, place):
    auto(world)
    process, device = waiting(world, **place)
    finish(world, process, device).ok()
    assert world.browser.openings == []


def test_where_a_browser_can_be_opened_it_is(world):
    auto(world)
    process = world.process(terminal=100, BROWSER=str(world.browser.command), SSH_CONNECTION="10.0.0.1 1 10.0.0.2 22")
    process.do("token()").ok()
    process.end()
    assert len(world.browser.openings) == 1 and world.provider.count("device") == 0


def test_where_the_provider_offers_no_code_the_address_is_shown(world):
    world.provider.metadata["device_authorization_endpoint"] = DROP
    auto(world)
    process = world.process(terminal=100)
    process.start("token()")
    shown = process.see("paste that address here")
    assert "/authorize?" in shown
    process.interrupt()
    process.wait(SOON_S)
    process.end()


REFUSALS = [
    {"status": 400, "json": {"error": "unauthorized_client", "error_description": "not allowed for this client"}},
    {"status": 401, "json": {"error": "invalid_client"}},
    {"status": 404},
    {"status": 200, "json": {"device_code": "x"}},
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: str(r["status"]))
def test_where_the_client_may_use_no_code_the_address_is_shown(world, refusal):
    world.provider.replace("device", **refusal)
    auto(world)
    process = world.process(terminal=100)
    process.start("token()")
    shown = process.see("paste that address here")
    assert "no sign-in with a code here" in shown and "/authorize?" in shown
    process.interrupt()
    process.wait(SOON_S)
    process.end()


def test_where_the_provider_has_codes_alone_the_error_says_how_to_ask_for_one(world):
    world.provider.metadata["authorization_endpoint"] = DROP
    world.person()
    world.run("token()").failed("protocol", "authorization_endpoint", 'set flow = "device"')
    settle(world)
    process, device = waiting(world)
    finish(world, process, device).ok()
    world.provider.metadata["device_authorization_endpoint"] = DROP
    world.person(client_id="another")
    world.provider.add_client("another")
    world.run("token()", terminal=100).failed("protocol", "lets no person sign in")


def test_a_device_flow_that_is_wanted_and_not_there_is_an_error_that_says_what_is_missing(world):
    world.provider.metadata["device_authorization_endpoint"] = DROP
    settle(world)
    process = world.process(terminal=100)
    process.do("token()").failed("configuration", "device_authorization_endpoint", "flow")
    process.end()


def test_a_device_flow_that_is_wanted_and_refused_is_an_error(world):
    world.provider.replace("device", 400, json={"error": "unauthorized_client"})
    settle(world)
    process = world.process(terminal=100)
    process.do("token()").failed("provider", "unauthorized_client")
    process.end()
    assert "/authorize?" not in process.stderr


def test_the_setting_chooses_a_code_where_a_browser_is_too(world):
    settle(world)
    process, device = waiting(world, BROWSER=str(world.browser.command))
    finish(world, process, device).ok()
    assert world.browser.openings == []


@pytest.mark.parametrize("where", [{"terminal": 100, "CI": "true"}, {"terminal": 0}])
def test_no_code_is_shown_where_no_person_can_be(world, where):
    settle(world)
    process = world.process(**where)
    process.do("token()").failed("login_required")
    process.end()
    assert world.provider.requests == []


# --- what is seen ---
def test_the_time_that_is_left_is_drawn_in_one_line(world):
    settle(world, timeout=120)
    process, device = waiting(world, terminal=80)
    process.see("2:00 left")
    world.advance(5)
    seen = process.see("1:5")
    line = seen[seen.rindex("\r"):]
    assert len(line) <= 80 and "\n" not in line
    world.provider.decide(device.user_code)
    world.advance(5)
    process.wait().ok()
    process.see("\r" + 79 * " " + "\r")
    process.end()


def test_a_narrow_window_gets_no_qr_code_and_no_line_that_wraps(world):
    settle(world)
    process, device = waiting(world, terminal=30)
    seen = process.see(" left (Ctrl-C ends it)")
    assert "\u2588" not in seen and "Waiting" not in seen
    assert all(len(line.rstrip("\n")) < 30 for line in seen.split("\r") if " left" in line)
    finish(world, process, device).ok()


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LANG": "C.UTF-8", "LC_ALL": "POSIX"}])
def test_a_terminal_without_utf_8_gets_no_qr_code(world, locale):
    settle(world)
    process, device = waiting(world, **locale)
    assert "\u2588" not in process.stderr
    finish(world, process, device).ok()


def test_a_dumb_terminal_gets_lines(world):
    settle(world)
    process, device = waiting(world, TERM="dumb")
    seen = process.see("s left (Ctrl-C ends it)")
    assert "\u2588" not in seen and "\r" not in seen.replace("\r\n", "\n")
    finish(world, process, device).ok()


def test_the_qr_code_leads_to_the_page_with_the_code(world):
    import qr

    settle(world)
    process, device = waiting(world)
    text = qr.read(process.stderr)
    assert text == f"{world.provider.base}/activate?user_code={device.user_code}"
    finish(world, process, device).ok()
