"""Sentences of the contract that no other file holds in full; its headings are those of the contract."""
import sys
import time

import pytest
from browser import urls_in
from provider import DROP
from test_calls import REFUSED
from test_sign_in import waiting
from world import attempts, block

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")


# --- Settings ---
@pytest.mark.parametrize("words, meaning", [(['"Yes"', '"on"', '"1"', "1", "true"], True), (['"NO"', '"Off"', '"0"', "0", "false"], False)])
def test_booleans_in_the_file_are_those_of_toml_and_the_words_of_variables(world, words, meaning):
    for word in words:
        world.write(text=block(world.person_settings()) + f"use-id-token = {word}\n")
        assert (world.run("token()").ok() in world.provider.grants[0].id_tokens) == meaning, word
    assert len(world.browser.openings) == 1


@pytest.mark.parametrize("name", ["LOGIN_TIMEOUT", "SOMETHING_OF_A_LATER_RELEASE"])
def test_any_variable_of_ours_describes_its_server(world, name):
    world.env["MLFLOW_TRACKING_OIDC_" + name] = "10"
    world.run("search()").failed(None, "MLFLOW_TRACKING_OIDC_ISSUER")
    assert world.server.requests == []


def test_a_block_for_the_same_server_in_both_files_is_that_of_the_project(world):
    world.write_user_file(world.robot_settings(scope="own", audience="own"))
    world.robot(scope="project")
    world.run("token()").ok()
    form = world.provider.last("token").form
    assert form["scope"] == "project" and form["audience"] == "robot", "whole blocks, not setting by setting"


def test_an_http_issuer_on_the_ipv6_loopback_is_accepted(world):
    world.provider = world.new_provider(host="::1")
    world.person()
    assert world.provider.issuer.startswith("http://[::1]:")
    assert world.run("search()").ok() == ["Default"]


def test_an_issuer_on_loopback_is_not_asked_by_way_of_a_proxy(world):
    """http is allowed to loopback alone, because it does not leave the machine."""
    proxy = world.new_provider()
    world.robot()
    world.run("token()", **{name: proxy.base for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")}).ok()
    assert proxy.requests == [] and world.provider.count("token") == 1


def test_the_issuer_of_the_redirect_is_compared_with_the_documents_own(world):
    world.provider.metadata["issuer"] = world.provider.base + "/"  # `iss` of the redirect stays as configured
    world.person(issuer=world.provider.base)
    world.run("token()").failed("protocol", "comes from another issuer", "RFC 9207")
    assert world.provider.count("token") == 0


# --- What a call does ---
@pytest.mark.parametrize("seconds", [0.5, 59])
def test_after_a_refusal_the_cache_is_still_looked_at(world, seconds):
    world.person()
    world.browser.mode = "deny"
    with world.process() as process:
        process.do("token()").failed("provider", "access_denied")
        world.advance(seconds)
        process.do("token()").failed("provider", "not tried again for")
        world.browser.mode = "approve"
        token = world.run("[login(), token()][1]").ok()
        assert process.do("token()").ok() == token
    assert len(world.browser.openings) == 2


@linux
def test_renewals_are_made_in_one_thread_of_the_core(world):
    servers = [world.new_server() for _ in range(3)]
    for i in range(3):
        world.provider.add_client(f"robot{i}", f"s3cret-of-{i}")
    world.write(*(world.robot_settings(uri=server.uri, client_id=f"robot{i}", client_secret=f"s3cret-of-{i}")
                  for i, server in enumerate(servers)))
    uris = [server.uri for server in servers]
    with world.process() as process:
        first = process.do(f"[token(uri) for uri in {uris!r}]").ok()
        process.do("tasks = lambda: len(os.listdir('/proc/self/task'))").ok()
        before = process.do("tasks()").ok()
        world.provider.effect("token", delay=0.3)
        world.advance(250)
        assert process.do(f"[token(uri) for uri in {uris!r}]").ok() == first
        world.provider.wait_for("token", 4)
        assert process.do("tasks()").ok() == before + 1
        world.provider.wait_for("token", 6)
        times = [r.received_at for r in world.token_requests()[3:]]
        assert all(later - earlier > 0.2 for earlier, later in zip(times, times[1:])), "one after the other"
        process.do(f"""
until = seconds() + 10
while tasks() > {before} and seconds() < until:
    time.sleep(0.01)
result = tasks()
""").ok()
        assert process.do("result").ok() == before, "it ends with its work"
        assert not set(first) & set(process.do(f"[token(uri) for uri in {uris!r}]").ok())


def test_401_for_ever_of_a_person_is_one_refresh_a_minute_and_no_browser(world):
    world.person()
    world.server.fault("*", lambda request, normal: REFUSED)
    with world.process() as process:
        process.do("search()").failed(None, world.server.uri, "401", "aud", "app", world.provider.issuer)
        assert len(world.server.requests) == 2
        for _ in range(3):
            process.do("search()").failed("provider", world.server.uri, "less than a minute ago")
        assert len(world.token_requests("refresh_token")) == 1
        world.advance(61)
        process.do("search()").failed(None, world.server.uri)
        assert len(world.token_requests("refresh_token")) == 2
    assert len(world.browser.openings) == 1


def test_a_401_opens_no_browser_where_there_is_no_refresh_token(world):
    world.provider.refresh = "never"
    world.person()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        process.do("search()").failed("provider", world.server.uri, "401", "there is no refresh token", "login()")
        process.do("login()").ok()
        process.do("search()").ok()
    assert len(world.browser.openings) == 2 and world.token_requests("refresh_token") == []


def test_a_401_says_where_a_renewal_brings_no_new_id_token(world):
    world.provider.id_token_on_refresh = False
    world.person()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        process.do("search()").failed("provider", world.server.uri, "401", "renewing brought no new ID token", "use-id-token = false", "login()")
        process.do("search()").failed("provider", world.server.uri, "401", "less than a minute ago")
    assert len(world.browser.openings) == 1 and len(world.token_requests("refresh_token")) == 1


# --- Sign-in ---
def test_a_sign_in_is_waited_for_300_s_by_default(world):
    world.person()
    del world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"]
    process, _ = waiting(world)
    world.advance(280)
    time.sleep(0.3)
    assert process.busy()
    world.advance(21)
    process.wait().failed("timeout", "nobody signed in within 300 s")
    process.end()


def where_nobody_seems_to_be(world):
    """And with a provider that has no codes for other machines (RFC 8628)."""
    world.provider.metadata["device_authorization_endpoint"] = DROP
    return world.process(unset=["BROWSER"], PATH=str(world.folder))


def copy_the_address(world, process):
    """The person copies what was printed into a browser elsewhere on the machine."""
    until = time.monotonic() + 20
    while not [url for url in urls_in(process.stderr) if "/authorize" in url]:
        assert time.monotonic() < until and process.busy(), process.stderr
        time.sleep(0.01)
    world.browser.visit(next(url for url in urls_in(process.stderr) if "/authorize" in url))
    process.wait().ok()
    process.end()
    assert world.browser.openings == []


def test_in_a_terminal_without_a_browser_the_address_is_printed_and_waited_for(world):
    world.person()
    process = where_nobody_seems_to_be(world)
    process.do("import pty; ends = pty.openpty(); os.dup2(ends[1], 0)").ok()
    process.start("token()")
    copy_the_address(world, process)


def test_in_a_notebook_without_a_browser_the_address_is_printed_and_waited_for(world):
    """A kernel's stand-in: what it would show goes to standard error; test_notebook.py has a real one."""
    world.person()
    process = where_nobody_seems_to_be(world)
    process.do("""
import types
package, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
package.get_ipython = lambda: types.SimpleNamespace(kernel=object())
module.display = lambda data, raw: print(data["text/plain"], file=sys.stderr, flush=True)
sys.modules.update({"IPython": package, "IPython.display": module})
""").ok()
    process.start("token()")
    copy_the_address(world, process)


@pytest.mark.parametrize("value", ["", "false", "0", "False"])
def test_a_ci_variable_that_says_no_is_none(world, value):
    world.person()
    world.run("token()", CI=value).ok()
    assert len(world.browser.openings) == 1


@pytest.mark.parametrize("accepted", ["client_secret_basic", "client_secret_post"])
def test_which_client_authentication_worked_is_remembered_by_the_next_process(world, accepted):
    other = {"client_secret_basic": "client_secret_post", "client_secret_post": "client_secret_basic"}[accepted]
    world.provider.metadata["token_endpoint_auth_methods_supported"] = [other]
    world.provider.auth_methods = [accepted]
    world.robot()
    for _ in range(2):
        world.run("token()").ok()
        world.advance(301)
    basic = [request.header("Authorization") is not None for request in world.token_requests()]
    wanted = accepted == "client_secret_basic"
    assert basic == [not wanted, wanted, wanted]


def test_that_offline_access_was_refused_is_remembered_by_the_next_process(world):
    world.provider.refresh = "never"
    world.provider.refused_scopes = {"offline_access"}
    world.person()
    for _ in range(3):
        world.run("token()").ok()
        world.advance(301)
    asked = ["offline_access" in r.query["scope"].split() for r in world.provider.received("authorize")]
    assert asked == [False, True, False, False]


def test_a_renewal_without_a_new_id_token_keeps_the_new_refresh_token_and_the_old_id_token(world):
    world.provider.id_token_on_refresh = False
    world.provider.id_token.ttl = 1000
    world.person()
    with world.process() as process:
        first = process.do("token()").ok()
        used = world.cached()["refresh_token"]
        world.advance(950)
        process.do("search()").ok()
        world.provider.wait_for("token", 2)
        world.wait_for(lambda: world.cached()["refresh_token"] != used)
        assert process.do("token()").ok() == first and len(world.token_requests()) == 2, "not asked for again and again"
    world.advance(51)
    assert world.run("token()").ok() != first
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == len(set(used)) == 2, "the rotated one was kept"
    assert len(world.browser.openings) == 2


# --- after a redirect, and with explicit credentials ---
def test_threads_that_call_while_the_first_tells_of_explicit_credentials_say_it_once(world):
    world.robot()
    world.server.accepts = lambda token: token == "users-own-token"
    world.more_secrets.add("users-own-token")
    with world.process(MLFLOW_TRACKING_TOKEN="users-own-token") as process:
        for outcome in attempts(process.do("threads(8, search)").ok()):
            assert outcome.ok() == ["Default"]
    assert sum(world.server.uri in line for line in process.stderr.splitlines()) == 1


def test_mlflows_credentials_file_wins_too(world):
    world.robot()
    world.unguarded = True
    world.server.expects_tokens = False
    folder = world.home / ".mlflow"
    folder.mkdir()
    (folder / "credentials").write_text("[mlflow]\nmlflow_tracking_username = alice\nmlflow_tracking_password = pass-w0rd\n")
    with world.process() as process:
        process.do("search()").ok()
    assert world.server.last("experiments/search").header("Authorization").startswith("Basic ")
    assert world.provider.requests == [] and process.stderr.count(world.server.uri) == 1
