"""The address that the browser ended on, brought by hand; a free port; listening outside of loopback."""
import http.client
import urllib.parse

import pytest
from browser import fetch, urls_in
from provider import DROP
from stack.process import free_port
from world import SOON_S


def settle(world, timeout=20, **settings):
    """A person at a terminal whose browser is on another machine."""
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = str(timeout)
    world.env.pop("BROWSER", None)
    world.person(**settings)


def waiting(world, code="token()", hint="paste the address that it shows here", **options):
    """A process that waits, and where its sign-in ends: the browser's last address."""
    process = world.process(terminal=200, **options)
    process.start(code)
    shown = process.see(hint)
    url = next(u for u in urls_in(shown) if "/authorize?" in u)
    return process, world.browser.callback_url(url)


@pytest.mark.parametrize("form", ["{url}", "  {url}\t", "<{url}>", "{url}#_=_", "{bare}", "?{query}", "{query}"])
def test_the_pasted_address_signs_in(world, form):
    settle(world, flow="paste")
    process, url = waiting(world)
    query = urllib.parse.urlsplit(url).query
    process.terminal.type(form.format(url=url, bare=url.removeprefix("http://"), query=query))
    assert world.provider.accepts(process.wait().ok())
    process.end()
    assert world.browser.openings == []
    assert world.run("search()").ok() is not None and world.provider.count("token") == 1


def test_a_refusal_of_the_provider_can_be_pasted_too(world):
    world.provider.consent = False
    settle(world, flow="paste")
    process, url = waiting(world)
    process.terminal.type(url)
    process.wait().failed("provider", "access_denied")
    process.end()
    assert world.provider.count("token") == 0


def altered(url, **changes):
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    query.update(changes)
    return parts._replace(query=urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})).geturl()


WRONG = [
    # what is pasted, from what would be right; what is said of it
    ("state of another", lambda url: altered(url, state="x" * 43), "its state is missing or another"),
    ("no state", lambda url: altered(url, state=None), "its state is missing or another"),
    ("state twice", lambda url: url + "&state=x", "its state is missing or another"),
    ("code twice", lambda url: url + "&code=x", "its state is missing or another"),
    ("no code", lambda url: altered(url, code=None), "neither a code nor an error"),
    ("another issuer", lambda url: altered(url, iss="https://evil.example"), "another issuer"),
    ("no issuer", lambda url: altered(url, iss=None), "iss"),
    ("another port", lambda url: "http://127.0.0.1:1/oauth2/callback?" + urllib.parse.urlsplit(url).query, "another address"),
    ("another host", lambda url: url.replace("127.0.0.1", "localhost", 1), "another address"),
    ("another scheme", lambda url: url.replace("http:", "https:", 1), "another address"),
    ("another path", lambda url: url.replace("callback", "Callback", 1), "another address"),
    ("the page before", lambda url: "https://auth.example.com/authorize?client_id=app", "another address"),
    ("no query", lambda url: url.partition("?")[0], "nothing follows"),
    ("words", lambda url: "what do you want", "no address"),
    ("the code alone", lambda url: dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["code"], "no address"),
    ("markup", lambda url: "\x1b[31m?" + "A" * 3000, "another address"),
]


@pytest.mark.parametrize("wrong, said", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_paste_says_why_and_waits_on(world, wrong, said):
    settle(world, flow="paste")
    process, url = waiting(world)
    process.terminal.type(wrong(url))
    seen = process.see(said)
    assert process.busy() and world.provider.count("token") == 0
    assert "\x1b" not in seen
    process.terminal.type(url)
    process.wait().ok()
    process.end()


def test_an_empty_line_is_nothing(world):
    settle(world, flow="paste")
    process, url = waiting(world)
    process.terminal.type("")
    process.terminal.type("   ")
    process.terminal.type(url)
    process.wait().ok()
    process.end()
    assert "what was pasted" not in process.stderr


def test_over_ssh_the_browser_may_come_or_the_address(world):
    world.provider.metadata["device_authorization_endpoint"] = DROP
    settle(world)
    hint = "If it is on another machine"
    process, url = waiting(world, hint=hint, SSH_CONNECTION="10.0.0.1 1 10.0.0.2 22")
    process.terminal.type(url)
    process.wait().ok()
    process, url = waiting(world, "login()", hint=hint, SSH_CONNECTION="10.0.0.1 1 10.0.0.2 22")
    assert fetch(url).status == 200
    process.wait().ok()
    process.end()


def test_a_browser_that_comes_is_taken_where_pasting_was_asked_for(world):
    settle(world, flow="paste")
    process, url = waiting(world)
    assert fetch(url).status == 200
    process.wait().ok()
    process.end()


def test_a_pasted_address_is_worth_nothing_a_second_time(world):
    settle(world, flow="paste")
    process, first = waiting(world)
    process.terminal.type(first)
    process.wait().ok()
    process.start("login()")
    end = process.see(world.provider.issuer)
    while end.count("paste the address") < 2:
        end = process.stderr
    process.terminal.type(first)
    process.see("its state is missing or another")
    process.interrupt()
    process.wait(SOON_S)
    process.end()
    assert world.provider.count("token") == 1


def test_a_port_that_is_taken_does_no_harm_to_pasting(world):
    import socket

    settle(world, flow="paste")
    with socket.create_server(("127.0.0.1", urllib.parse.urlsplit(world.redirect_uri).port)):
        process, url = waiting(world)
        process.terminal.type(url)
        process.wait().ok()
    process.end()


def test_the_code_is_in_no_message_of_ours(world):
    """World.check_promises() looks for it: the terminal of a test does not echo."""
    settle(world, flow="paste")
    process = world.process(terminal=200)
    process.do("import logging, sys; logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)")
    process.start("token()")
    url = world.browser.callback_url(next(u for u in urls_in(process.see("paste the address that")) if "/authorize?" in u))
    world.provider.replace("token", 400, json={"error": "invalid_grant", "error_description": f"bad code in {url}"}, times=1)
    process.terminal.type(url)
    process.wait().failed("provider", "invalid_grant")
    process.end()


def test_what_is_typed_is_left_to_the_program_when_no_sign_in_waits(world):
    settle(world, flow="paste")
    process, url = waiting(world)
    process.terminal.type(url)
    process.wait().ok()
    process.terminal.type("for the program")
    process.do("token(), search()").ok()
    assert process.do("__import__('builtins').open(0, closefd=False).readline()").ok() == "for the program\n"
    process.end()


def test_another_thread_takes_nothing_of_what_is_typed(world):
    settle(world, flow="paste")
    process = world.process(terminal=200)
    outcome = process.do("result = []\nt = threading.Thread(target=lambda: result.append(attempt(token)))\nt.start(); t.join()").ok()
    assert outcome[0]["error"]["code"] == "configuration" and "terminal" in outcome[0]["error"]["text"]
    process.end()


@pytest.mark.parametrize("where", [{"BROWSER": "true"}, {"terminal": 200, "CI": "1"}], ids=["no terminal", "CI"])
def test_where_nobody_can_paste_it_fails_at_once(world, where):
    settle(world, flow="paste")
    process = world.process(**where)
    process.do("token()").failed(("configuration", "login_required"))
    process.end()
    assert world.provider.count("authorize") == 0


def test_ctrl_c_ends_it_at_once(world):
    settle(world, flow="paste")
    process, _ = waiting(world)
    process.interrupt()
    assert process.wait(SOON_S).error["type"] == "KeyboardInterrupt"
    process.end()


# --- a free port (RFC 8252 §7.3) ---
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_port_0_is_a_free_one_in_both_requests(world, host):
    world.person(redirect_uri=f"http://{host}:0/oauth2/callback")
    assert world.provider.accepts(world.run("token()").ok())
    asked = world.provider.last("authorize").query["redirect_uri"]
    port = urllib.parse.urlsplit(asked).port
    assert asked == f"http://{host}:{port}/oauth2/callback" and port > 0
    assert world.provider.last("token").form["redirect_uri"] == asked


def test_two_sign_ins_with_port_0_do_not_wait_for_one_another(world):
    other = world.new_provider()
    world.browser.mode = "never"
    uri = "http://127.0.0.1:0/oauth2/callback"
    second = world.new_server()
    world.write(world.person_settings(redirect_uri=uri), world.person_settings(uri=second.uri, issuer=other.issuer, redirect_uri=uri))
    processes = []
    for number, target in enumerate((world.server.uri, second.uri), 1):
        process = world.process()
        process.start(f"token({target!r})")
        processes.append((process, world.browser.wait_for_url(number)))
    for process, url in processes:
        assert world.browser.visit(url).status == 200
        process.wait().ok()
        process.end()


def test_a_sign_in_with_port_0_that_nobody_ends_says_what_the_provider_has_to_allow(world):
    world.browser.mode = "never"
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "1"
    for host in ("127.0.0.1", "[::1]"):
        world.person(redirect_uri=f"http://{host}:0/oauth2/callback")
        world.run("token()").failed("timeout", f"redirect URI http://{host}/oauth2/callback with any port")


# --- listening outside of loopback, for containers ---
def test_the_listener_listens_where_it_is_told_and_the_redirect_uri_stays(world):
    port = free_port()
    world.browser.mode = "never"
    world.person(listen_address=f"0.0.0.0:{port}")
    process = world.process()
    process.start("token()")
    url = world.browser.callback_url(world.browser.wait_for_url())
    assert url.startswith(world.redirect_uri + "?")
    parts = urllib.parse.urlsplit(url)

    def come(host):
        """As the container's host does it: another port, the browser's Host."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": host})
        return connection.getresponse().status

    assert come(f"127.0.0.1:{port}") >= 400 and come(f"0.0.0.0:{port}") >= 400 and come("evil.example") >= 400
    assert process.busy() and world.provider.count("token") == 0
    assert come(parts.netloc) == 200
    process.wait().ok()
    process.end()
