"""login, token, logout, status and config of the program, and that it shares settings and cache with the plugin."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

import jose
from program import DONE, FAILED, PATH, SIGN_IN, USAGE
from provider import DROP


def signed_in(world, program, **changes):
    world.person(**changes)
    program("login").done()


# --- one cache for both ---
def test_a_sign_in_by_the_program_serves_the_plugin(world, program):
    signed_in(world, program)
    assert world.run("search()").ok() is not None
    assert world.run("token()").ok() == program.token()
    assert len(world.browser.openings) == 1 and len(world.token_requests()) == 1


def test_a_sign_in_by_the_plugin_serves_the_program(world, program):
    world.person()
    token = world.run("token()").ok()
    assert program.token() == token
    assert len(world.browser.openings) == 1 and len(world.token_requests()) == 1


def test_a_logout_by_either_holds_for_both(world, program):
    signed_in(world, program)
    world.run("logout()").ok()
    program("token").failed(SIGN_IN)
    program("login").done()
    program("logout").done()
    world.browser.mode = "never"
    world.run("token()", CI="1").failed("login_required")


# --- login ---
def test_login_says_as_whom_where_and_until_when(world, program):
    world.provider.id_token.claims.update(preferred_username="alice.w", email="alice@example.com")
    world.person()
    ran = program("login")
    assert ran.done() == ""
    for part in ("alice.w <alice@example.com>, sub alice", world.server.uri, world.provider.issuer, " minutes)", "renewed by itself"):
        assert part in ran.stderr, ran.stderr


def test_login_signs_in_anew_whatever_the_cache_holds(world, program):
    signed_in(world, program)
    first = program.token()
    program("login").done()
    assert program.token() != first and len(world.browser.openings) == 2


def test_login_shows_the_address_and_opens_no_browser_when_told_so(world, program):
    world.person()
    with program.start("login", "--no-browser") as running:
        url = None
        while url is None:
            line = running.popen.stderr.readline()
            url = line.strip() if line.startswith("http") else None
        assert world.browser.visit(url).status == 200
        assert running.wait().status == DONE
    assert world.browser.openings == []


def test_a_long_address_is_shown_whole(world, program):
    world.person(audience="/" * 4000)
    with program.start("login", "--no-browser") as running:
        url = None
        while url is None:
            line = running.popen.stderr.readline()
            url = line.strip() if line.startswith("http") else None
        assert len(url) > 12000 and world.browser.visit(url).status == 200
        assert running.wait().status == DONE
    assert "/" * 4000 + "  [" in program("config").done()


def test_a_refused_login_says_why_and_leaves_what_there_was(world, program):
    signed_in(world, program)
    token = program.token()
    world.browser.mode = "deny"
    program("login").failed(FAILED, "access_denied")
    assert program.token() == token


def test_login_of_a_client_with_a_secret_needs_nobody(world, program):
    world.robot()
    assert "the client itself" in program("login").stderr
    assert world.browser.openings == [] and program.token()


# --- token ---
def test_token_prints_the_token_and_nothing_else(world, program):
    world.robot()
    ran = program("token")
    assert ran.stderr == "" and world.provider.accepts(ran.stdout.strip()) and ran.stdout.endswith("\n")


def test_token_json_header_env_and_exec_credential_hold_the_same_token(world, program):
    world.robot()
    token = program.token()
    document = program("token", "--json").json
    assert document["token"] == token and document["server"] == world.server.uri and document["token_type"] == "Bearer"
    assert document["expires_at"] > time.time()
    assert program("token", "--header").done() == f"Authorization: Bearer {token}\n"
    credential = program("token", "--exec-credential").json
    assert credential["kind"] == "ExecCredential" and credential["apiVersion"] == "client.authentication.k8s.io/v1"
    assert credential["status"]["token"] == token and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", credential["status"]["expirationTimestamp"])
    info = json.dumps({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"})
    assert program("token", "--exec-credential", KUBERNETES_EXEC_INFO=info).json["apiVersion"].endswith("/v1beta1")
    script = f'eval "$("{PATH}" token --env)" && printf "%s %s" "$MLFLOW_TRACKING_URI" "$MLFLOW_TRACKING_TOKEN"'
    done = subprocess.run(["sh", "-c", script], env=program.environment(), cwd=world.cwd, capture_output=True, text=True)
    assert done.stdout == f"{world.server.uri} {token}"


def test_the_environment_for_a_shell_runs_nothing(world, program):
    """A hostile provider or settings file chooses these texts."""
    marker = world.folder / "marker"
    world.provider.new_access_token = lambda: f"at.';touch${{IFS}}{marker};'$(touch${{IFS}}{marker})`touch${{IFS}}{marker}`"
    world.robot(uri=world.server.uri + "/$(touch$IFS" + str(marker) + ")'")
    script = f'eval "$("{PATH}" token --env)"; printf %s "$MLFLOW_TRACKING_TOKEN"'
    done = subprocess.run(["sh", "-c", script], env=program.environment(), cwd=world.cwd, capture_output=True, text=True)
    assert done.stdout == world.provider.new_access_token() and not marker.exists()


def test_token_renews_by_the_refresh_token(world, program):
    signed_in(world, program)
    first = program.token()
    world.advance(400)
    assert program.token() != first
    assert len(world.browser.openings) == 1


def test_min_valid_renews_early_and_more_than_the_provider_gives_is_an_error(world, program):
    world.robot()
    first = program.token("--min-valid", "200")
    world.advance(150)
    assert program.token() == first and program.token("--min-valid=0") == first
    assert program.token("--min-valid", "200") != first
    program("token", "--min-valid", "3600").failed(FAILED, "3600 s")


def test_without_min_valid_a_token_that_is_about_to_end_is_renewed_where_that_can_be(world, program):
    world.robot()
    first = program.token()
    world.advance(295)
    second = program.token()
    assert second != first
    world.advance(295)
    world.provider.down()
    assert program.token() == second  # better than none


def test_token_opens_no_browser_and_asks_nobody(world, program):
    world.person()
    for command in (["token"], ["status"], ["status", "--online"], ["config"], ["logout"]):
        assert program(*command).status in (DONE, SIGN_IN)
    with program.terminal("token") as terminal:
        assert terminal.end() == SIGN_IN
    signed_in(world, program)
    world.provider.revoke_refresh()
    world.advance(400)
    program("token").failed(SIGN_IN, "mlflow-oidc login")
    assert len(world.browser.openings) == 1


def test_a_sign_in_that_is_needed_for_another_server_is_status_4(world, program):
    """A cloned repository with a hostile uri gets nothing."""
    signed_in(world, program)
    hostile = world.new_server()
    world.write(world.person_settings(uri=hostile.uri))
    program("token").failed(SIGN_IN)
    assert "needs its own sign-in" in program("status").stdout and program("status").status == SIGN_IN


def test_over_tls_a_token_is_fetched_once_and_answered_from_the_cache(world, program):
    world.use_tls_provider()
    world.robot()
    token = program.token()
    assert world.provider.accepts(token) and program.token() == token
    assert world.provider.count("discovery") == world.provider.count("token") == 1


def test_over_tls_an_authority_that_nobody_named_is_refused(world, program):
    world.use_tls_provider()
    world.robot()
    program("token", unset=["SSL_CERT_FILE"]).failed(FAILED, world.provider.issuer, "certificate")
    assert world.provider.requests == []


# --- logout ---
def test_logout_revokes_refresh_and_access_token_and_removes_both(world, program):
    signed_in(world, program)
    grant = world.provider.grants[0]
    access, refresh = grant.access_tokens[0], grant.refresh_token
    ran = program("logout")
    assert ran.done() == "" and "Signed out of" in ran.stderr
    asked = [(r.form["token"], r.form["token_type_hint"], r.form["client_id"]) for r in world.provider.received("revoke")]
    assert asked == [(refresh, "refresh_token", "app"), (access, "access_token", "app")]
    assert world.cache_files_hold_no_token()
    assert "nothing to sign out of" in program("logout").stderr and world.provider.count("revoke") == 2


@pytest.mark.parametrize("trouble", ["down", "hang", "503", "no endpoint", "no metadata"])
def test_logout_removes_here_whatever_the_network_says(world, program, trouble):
    signed_in(world, program)
    if trouble == "down":
        world.provider.down()
    elif trouble == "hang":
        world.provider.hang("revoke")
    elif trouble == "503":
        world.provider.replace("revoke", 503)
    elif trouble == "no endpoint":
        world.provider.metadata["revocation_endpoint"] = DROP
    else:
        world.provider.replace("discovery", 404)
    with program.start("logout") as running:
        if trouble == "hang":
            world.provider.wait_for("revoke")
            assert world.cache_files_hold_no_token()  # before the provider has answered
            running.interrupt()
        assert running.wait().status == DONE
    assert world.cache_files_hold_no_token()


def test_an_access_token_that_cannot_be_revoked_is_no_failure(world, program):
    signed_in(world, program)
    world.provider.fault("revoke", lambda request, normal: normal() if request.form["token_type_hint"] == "refresh_token"
                         else jsonless(400))
    ran = program("logout")
    assert ran.done() == "" and "warning" not in ran.stderr


def jsonless(status):
    from scripted import Answer

    return Answer.of_json({"error": "unsupported_token_type"}, status)


def test_logout_all_leaves_nothing_in_the_cache(world, program):
    signed_in(world, program)
    other = world.new_server()
    world.write(world.robot_settings(uri=other.uri), world.robot_settings(scope="more"))
    program("token", "--server", other.uri).done()
    ran = program("logout", "--all")
    assert ran.done() == "" and "1 more" in ran.stderr
    assert not list(world.cache.glob("*.json*"))


def test_logout_all_works_without_settings_and_with_wrong_ones(world, program):
    signed_in(world, program)
    (world.cwd / "pyproject.toml").write_text("mlflow-oidc-client = [")
    assert program("logout", "--all").status == USAGE and not list(world.cache.glob("*.json*"))
    signed_in(world, program)
    (world.cwd / "pyproject.toml").unlink()
    program("logout", "--all", unset=("MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT",)).done()
    assert not list(world.cache.glob("*.json*"))


def test_logout_at_the_provider_shows_and_opens_its_address_without_the_token(world, program):
    signed_in(world, program)
    token = program.token()
    ran = program("logout", "--provider")
    assert ran.done() == ""
    address = f"{world.provider.issuer}/logout?client_id=app"
    assert address in ran.stderr
    assert world.browser.wait_for_url(2) == address and token not in address
    program("logout", "--provider", "--no-browser").done()
    assert len(world.browser.openings) == 2
    world.provider.metadata["end_session_endpoint"] = DROP
    program("logout", "--provider").failed(FAILED, "end_session_endpoint")


# --- status ---
def test_status_tells_who_which_token_until_when_and_whether_it_renews(world, program):
    world.provider.id_token.claims.update(preferred_username="alice.w", email="alice@example.com")
    world.person()
    ran = program("status")
    assert ran.status == SIGN_IN and re.search(r"^  who +nobody$", ran.stdout, re.M) and f"Next: mlflow-oidc login --server {world.server.uri}" in ran.stderr
    program("login").done()
    text = program("status").done()
    for part in (world.server.uri, "alice.w <alice@example.com>, sub alice", "ID token, until", " minutes)", "by itself"):
        assert part in text
    (shown,) = program("status", "--json").json
    assert shown["state"] == "valid" and shown["renewable"] and shown["sub"] == "alice" and shown["email"] == "alice@example.com"
    assert shown["token"] == "id_token" and shown["expires_at"] > time.time() and shown["issuer"] == world.provider.issuer
    world.advance(400)
    assert "ended" in program("status").done()  # the next one comes by itself
    requests = len(world.provider.requests)
    program("status").done()
    assert len(world.provider.requests) == requests


def test_status_of_several_servers_tells_each_and_the_worst_decides(world, program):
    other = world.new_server()
    world.write(world.person_settings(), world.robot_settings(uri=other.uri))
    states = {row["uri"]: row for row in program("status", "--json").json}
    assert states[world.server.uri]["state"] == "signed_out" and not states[world.server.uri]["renewable"]
    assert states[other.uri]["sign_in"] == "client" and states[other.uri]["renewable"]
    assert program("status").status == SIGN_IN
    assert program("status", "--server", other.uri).status == DONE
    world.write(world.person_settings(), world.robot_settings(uri=other.uri, issuer="wrong"))
    ran = program("status", "--json")
    assert ran.status in (SIGN_IN, USAGE) and [row["state"] for row in ran.json] == ["signed_out", "error"]
    error = ran.json[1]["error"]
    assert error["code"] == "configuration" and "issuer" in error["what"] and "pyproject.toml line" in error["where"] and error["next"]
    (shown, wrong) = program("config", "--json").json
    assert wrong["error"] == error and "error" not in shown


def test_where_stdout_and_stderr_are_one_each_message_stands_below_what_it_is_about(world, program):
    world.write(world.person_settings(), world.robot_settings(uri=world.new_server().uri, issuer="wrong"))
    for command, last in (("status", "Next: mlflow-oidc login"), ("config", "Next: write")):
        done = subprocess.run([PATH, command], env=program.environment(), cwd=world.cwd, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        lines = done.stdout.splitlines()
        wrong = next(i for i, line in enumerate(lines) if line.startswith("mlflow-oidc: ") and "issuer" in line)
        assert lines[0] == world.server.uri and wrong > lines.index(next(line for line in lines if "  issuer " in line)), done.stdout
        assert lines[-1].startswith(last), done.stdout


def test_status_online_asks_whose_token_it_is(world, program):
    signed_in(world, program)
    assert "the provider says the same" in program("status", "--online").done()
    request = world.provider.last("userinfo")
    assert request.bearer in world.provider.grants[0].access_tokens
    (shown,) = program("status", "--online", "--json").json
    assert shown["online"]["confirmed"] and shown["online"]["sub"] == "alice"


def test_status_online_refuses_another_persons_answer(world, program):
    """OIDC Core §5.3.4."""
    signed_in(world, program)
    world.provider.alter("userinfo", lambda document: {**document, "sub": "mallory"})
    ran = program("status", "--online")
    assert ran.status == FAILED and "mallory" in ran.stderr and "not confirmed" in ran.stdout


@pytest.mark.parametrize("status, body", [(401, b"{}"), (503, b""), (200, b"[]"), (200, b"{}"), (302, b""), (200, b'{"sub": 1}')])
def test_status_online_tells_an_answer_that_is_none(world, program, status, body):
    signed_in(world, program)
    world.provider.replace("userinfo", status, body, [("Content-Type", "application/json"), ("Location", "http://127.0.0.1:9/")])
    ran = program("status", "--online", "--json")
    online = ran.json[0]["online"]
    assert ran.status == FAILED and not online["confirmed"] and online["error"]["what"] in ran.stderr
    assert ("audience, resource" in ran.stderr) == (status == 401)


def test_hostile_texts_of_the_provider_do_no_harm_in_status(world, program):
    evil = "\x1b]0;gone\x07\x1b[2J\u202e\u2028<b>\r\nNext: rm"
    world.provider.id_token.claims.update(preferred_username=evil, email=evil, name=evil)
    world.provider.user = "al\x1b[31mice"
    signed_in(world, program)
    world.provider.alter("userinfo", lambda document: {**document, "sub": evil})
    for arguments in (["status"], ["status", "--json"], ["status", "--online"], ["login"]):
        ran = program(*arguments)
        for text in (ran.stdout, ran.stderr):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u2028]", text) and "\nNext: rm" not in text


# --- config ---
def test_config_shows_every_setting_where_it_came_from_and_no_secret(world, program):
    world.robot(scope="runs:write")
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.env["MLFLOW_TRACKING_OIDC_AUDIENCE"] = "mlflow"
    text = program("config").done()
    assert re.search(r"client-secret +\(set\)  \[.*pyproject.toml line \d\]", text)
    assert re.search(r"audience +mlflow  \[MLFLOW_TRACKING_OIDC_AUDIENCE\]", text)
    assert re.search(r"scope +runs:write  \[.*pyproject.toml line \d\]", text)
    assert re.search(r"use-id-token +false  \[default\]", text) and re.search(r"prompt +-  \[default\]", text)
    assert re.search(r"refresh-margin +-  \[default: a fifth of the lifetime, at most 60\]", text)
    (shown,) = program("config", "--json").json
    assert shown["settings"]["audience"] == {
        "value": "mlflow", "source": "MLFLOW_TRACKING_OIDC_AUDIENCE", "variable": "MLFLOW_TRACKING_OIDC_AUDIENCE"}
    assert shown["settings"]["interactive"]["value"] is False and shown["settings"]["login-timeout"]["value"] == 300
    assert shown["settings"]["login-hint"]["value"] is None


def test_config_tells_what_is_wrong_with_a_server_and_shows_the_others(world, program):
    other = world.new_server()
    world.write(world.robot_settings(interactive="perhaps"), world.robot_settings(uri=other.uri))
    ran = program("config")
    ran.failed(USAGE, "interactive")
    assert other.uri in ran.stdout and world.server.uri not in ran.stdout
    assert [("error" in row) for row in program("config", "--json").json] == [True, False]


# --- Ctrl-C ---
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("wait", ["browser", "discovery", "token"])
def test_a_signal_ends_every_wait_of_a_login_at_once(world, program, wait, number):
    world.person()
    if wait == "browser":
        world.browser.mode = "never"
    else:
        world.provider.hang(wait)
    with program.start("login") as running:
        world.browser.wait_for_url() if wait == "browser" else world.provider.wait_for(wait)
        began = time.monotonic()
        running.interrupt(number)
        ran = running.wait()
    assert ran.status == USAGE and "cancelled" in ran.stderr and time.monotonic() - began < 5
    assert world.cache_files_hold_no_token()


def test_a_signal_ends_the_wait_for_another_process(world, program):
    world.person()
    world.browser.mode = "never"
    with program.start("login") as first:
        world.browser.wait_for_url()
        with program.start("token") as second:
            time_limit = time.monotonic() + 10
            while "signing in" not in (line := second.popen.stderr.readline()) and time.monotonic() < time_limit:
                assert line
            second.interrupt()
            assert second.wait().status == USAGE
        first.interrupt()
        assert first.wait().status == USAGE


def test_a_closed_terminal_during_a_login_leaves_nothing_behind(world, program):
    world.person()
    world.browser.mode = "never"
    with program.terminal("login") as terminal:
        terminal.expect("open this address")
        pid = terminal.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    program("token").failed(SIGN_IN)
