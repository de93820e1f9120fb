"""doctor: each fault is found where it lies, with what to do about it."""
import calendar
import dataclasses
import json
import re
import socket
import subprocess
import time
from email.utils import formatdate

import pytest

import jose
from program import DONE, FAILED, SIGN_IN, USAGE
from provider import DROP
from scripted import Answer
from server import login_page
from stack.process import free_port

ORDER = ["settings", "credentials", "proxy", "redirect", "browser", "cache", "locks", "dns", "tcp", "tls", "clock", "metadata", "keys",
         "token", "server-dns", "server-tcp", "server-tls", "server", "server-token"]


@pytest.fixture
def doctor(world, program):
    world.unguarded = True  # it asks what the server answers without a token

    def examine(*arguments, **options):
        ran = program("doctor", "--json", *arguments, **options)
        findings = ran.json["findings"]
        places = [ORDER.index(finding["id"]) for finding in findings]
        assert places == sorted(places)
        for finding in findings:
            assert finding["verdict"] == "ok" or finding["remedy"], finding
        examine.ran = ran
        return findings

    return examine


def of(findings, verdict):
    return {finding["id"]: finding["text"] for finding in findings if finding["verdict"] == verdict}


def test_where_all_is_well_nothing_is_found(world, program, doctor):
    world.person()
    program("login").done()
    findings = doctor()
    assert doctor.ran.status == DONE and not of(findings, "fail") and not of(findings, "warn")
    assert list(of(findings, "ok")) == ["settings", "redirect", "browser", "cache", "locks", "tcp", "clock", "metadata", "keys",
                                        "token", "server-tcp", "server", "server-token"]
    text = program("doctor").done()
    assert "FAIL" not in text and "warn" not in text and len(world.browser.openings) == 1


def test_tls_is_told_with_where_the_authorities_come_from_and_when_the_certificate_ends(world, program, doctor):
    world.use_tls_provider()
    world.robot()
    text = of(doctor(), "ok")["tls"]
    assert str(world.authority.ca_file) in text and "2060-01-01" in text and "test authority" in text
    world.advance(calendar.timegm((2059, 12, 25, 0, 0, 0)) - time.time())
    assert "2060-01-01" in of(doctor(), "warn")["tls"]


def test_a_certificate_that_is_not_valid_by_the_machines_clock_has_the_clock_checked(world, doctor):
    world.use_tls_provider()
    server = world.new_server(context=world.authority.context())
    world.robot(uri=server.uri)
    world.clock.set(-50 * 366 * 86400)
    findings = doctor(MLFLOW_TRACKING_SERVER_CERT_PATH=str(world.authority.ca_file))
    remedies = [check["remedy"] for check in findings if check["id"] in ("tls", "server-tls")]
    assert len(remedies) == 2 and all("set this machine's clock" in remedy for remedy in remedies)


def test_an_unknown_certificate_is_a_failure_that_names_the_authorities(world, doctor):
    world.use_tls_provider()
    world.robot()
    failed = of(doctor(unset=("SSL_CERT_FILE",)), "fail")
    assert "not trusted" in failed["tls"] and doctor.ran.status == FAILED and "metadata" not in failed
    world.env["SSL_CERT_FILE"] = "/dev/null/none.pem"
    assert "tls" in of(doctor(), "fail")


def test_a_provider_that_does_not_answer_is_told_by_the_stage_that_failed(world, doctor):
    world.robot()
    world.provider.down()
    findings = doctor()
    assert "tcp" in of(findings, "fail") and "metadata" not in {f["id"] for f in findings}
    assert "server" in {f["id"] for f in findings}  # the rest is examined all the same
    world.provider.up()
    world.provider.replace("discovery", 503)
    assert "503" in of(doctor(), "fail")["metadata"]


def test_a_host_that_is_not_found_is_told_as_such(world, doctor):
    """By a proxy's name, so that nothing is asked beyond this machine's own list of hosts."""
    world.robot(issuer="https://auth.example.com/")
    failed = of(doctor(https_proxy="http://no such host:1"), "fail")
    assert "dns" in failed or "tcp" in failed


def test_metadata_of_another_issuer_and_what_it_lacks_are_told(world, doctor):
    world.person()
    world.provider.metadata["issuer"] = "https://elsewhere.example.com/"
    assert "elsewhere" in of(doctor("--no-token"), "fail")["metadata"]
    world.provider.metadata = {"authorization_endpoint": DROP, "device_authorization_endpoint": DROP}
    assert "authorization endpoint" in of(doctor("--no-token"), "fail")["metadata"]


def test_keys_that_cannot_be_used_are_told(world, doctor):
    world.person()
    assert "1 usable key" in of(doctor("--no-token"), "ok")["keys"]
    world.provider.replace("jwks", json={"keys": [{"kty": "oct", "k": "AA"}]})
    assert "0 usable keys" in of(doctor("--no-token"), "fail")["keys"]
    world.provider.replace("jwks", 404)
    assert "404" in of(doctor("--no-token"), "fail")["keys"]


@pytest.mark.parametrize("ahead, verdict", [(0, "ok"), (-30, "warn"), (30, "warn"), (300, "fail"), (-300, "fail")])
def test_the_clock_is_compared_with_the_providers(world, doctor, ahead, verdict):
    world.robot()

    def dated(request, normal):
        answer = normal()
        return dataclasses.replace(answer, headers=[*answer.headers, ("Date", formatdate(time.time() - ahead, usegmt=True))])

    world.provider.fault("discovery", dated)
    text = of(doctor("--no-token"), verdict)["clock"]
    if verdict != "ok":
        found = re.search(r"(\d+) s (ahead of|behind)", text)
        assert abs(int(found[1]) - abs(ahead)) <= 3 and (found[2] == "ahead of") == (ahead > 0)


def test_a_taken_redirect_port_is_told_with_who_has_it(world, doctor):
    world.person()
    port = int(re.search(r":(\d+)/", world.redirect_uri)[1])
    with socket.create_server(("127.0.0.1", port)):
        text = of(doctor("--no-token"), "fail")["redirect"]
    assert str(port) in text and "process" in text
    assert "redirect" in of(doctor("--no-token"), "ok")


def test_a_taken_port_of_listen_address_is_told_with_that_setting(world, program, doctor):
    port = free_port()
    world.person(listen_address=f"127.0.0.1:{port}")
    assert f"port {port} of 127.0.0.1" in of(doctor("--no-token"), "ok")["redirect"]
    with socket.create_server(("127.0.0.1", port)):
        (found,) = [finding for finding in doctor("--no-token") if finding["id"] == "redirect"]
        assert found["verdict"] == "fail" and f"port {port}" in found["text"] and "set listen-address" in found["remedy"]
        assert found["remedy"] in program("login", "--no-browser").failed(FAILED, f"port {port}")


@pytest.mark.parametrize("fault", [{"cut": 0}, {"body": b"x" * 65536, "endless": True}])
@pytest.mark.parametrize("identifier", ["server", "server-token"])
def test_a_tracking_server_that_answers_badly_is_not_called_the_provider(world, doctor, identifier, fault):
    world.robot()

    def broken(request, normal):
        return Answer(**fault) if (request.bearer is not None) == (identifier == "server-token") else normal()

    world.server.fault("*", broken)
    found = [finding for finding in doctor() if finding["verdict"] == "fail"]
    assert [finding["id"] for finding in found] == [identifier]
    assert "check the tracking URI" in found[0]["remedy"] and "provider" not in found[0]["remedy"]


def test_a_cache_that_cannot_be_used_is_a_warning(world, doctor):
    world.robot()
    assert "cache" in of(doctor(HOME="/dev/null", unset=("XDG_CACHE_HOME",)), "warn")
    world.cache_home.rmdir() if not list(world.cache_home.iterdir()) else None
    findings = doctor()
    assert str(world.cache) in of(findings, "ok")["cache"] and not list(world.cache.glob("doctor*"))


def test_a_cache_on_a_full_disk_is_a_warning(world, program):
    """A file-size limit of zero stands for that: files can be made, and nothing be written to them."""
    world.robot()
    done = subprocess.run(["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", program.path, "doctor", "--json", "--no-token"],
                          env=program.environment(), cwd=world.cwd, capture_output=True, text=True, timeout=60)
    (found,) = [finding for finding in json.loads(done.stdout)["findings"] if finding["id"] == "cache"]
    assert found["verdict"] == "warn" and "File too large" in found["text"]
    assert not list(world.cache.glob("doctor*"))


def test_settings_that_will_not_do_are_told(world, program, doctor):
    world.person(scope="profile")
    assert "openid" in of(doctor("--no-token"), "fail")["settings"]
    world.robot()
    assert "pyproject.toml" in of(doctor(), "warn")["settings"]
    world.write(world.settings(client_id="app", client_secret="s3cret", interactive="perhaps"))
    program("doctor").failed(USAGE, "interactive")
    ran = program("doctor", "--json")
    ran.failed(USAGE, "interactive")
    (finding,) = ran.json["findings"]
    assert (finding["id"], finding["verdict"]) == ("settings", "fail") and finding["remedy"]
    assert "interactive" in finding["text"] and "pyproject.toml line" in finding["text"]
    (world.cwd / "pyproject.toml").unlink()
    ran = program("doctor", "--json")
    ran.failed(USAGE)
    assert [f["id"] for f in ran.json["findings"]] == ["settings"] and ran.json["server"] is None


@pytest.mark.parametrize("variables", [
    {"MLFLOW_TRACKING_TOKEN": "x"}, {"MLFLOW_TRACKING_USERNAME": "a", "MLFLOW_TRACKING_PASSWORD": "b"},
    {"MLFLOW_TRACKING_AUTH": "other"}, {"MLFLOW_TRACKING_AWS_SIGV4": "true"}])
def test_mlflows_own_credentials_are_told(world, doctor, variables):
    world.robot()
    assert next(iter(variables)) in of(doctor("--no-token", **variables), "warn")["credentials"]


def test_proxies_in_force_are_told_without_their_password(world, doctor):
    world.robot(issuer="https://auth.example.com/", uri="https://mlflow.example.com/")
    world.more_secrets.add("hush")
    findings = doctor("--no-token", https_proxy="http://me:hush@127.0.0.1:9", no_proxy="inside.example.com")
    texts = [f["text"] for f in findings if f["id"] == "proxy"]
    assert len(texts) == 2 and all("127.0.0.1:9" in text and "inside.example.com" in text for text in texts)


def test_no_token_asks_for_none_and_leaves_the_server_alone(world, program, doctor):
    world.robot()
    findings = doctor("--no-token")
    assert doctor.ran.status == DONE and {f["id"] for f in findings} >= {"metadata", "keys"}
    assert not world.token_requests() and not world.server.requests


def test_a_sign_in_that_is_missing_is_status_4_and_the_rest_is_examined(world, doctor):
    world.person()
    findings = doctor()
    assert doctor.ran.status == SIGN_IN and list(of(findings, "fail")) == ["token"]
    remedy = next(f["remedy"] for f in findings if f["id"] == "token")
    assert remedy == f"mlflow-oidc login --server {world.server.uri}"
    assert "server" in of(findings, "ok") and world.browser.openings == []


def test_in_a_terminal_texts_stay_in_their_column_and_a_command_in_one_piece(world, program):
    world.person()
    command = f"mlflow-oidc login --server {world.server.uri}"
    world.unguarded = True
    piped = program("doctor", "--no-token").done().splitlines()
    with program.terminal("doctor", columns=60) as terminal:
        assert terminal.end() == SIGN_IN
        lines = terminal.plain.replace("\r", "").splitlines()
    assert f"{' ' * 20}-> {command}" in lines
    first = [line for line in lines[1:] if not line.startswith(" " * 20)]
    assert [line.split()[1] for line in first][: len(piped) - 1] == [line.split()[1] for line in piped[1:]]
    assert all(len(line) < 60 or len(line[20:].split()) == 1 for line in lines if command not in line), "a word may be longer"
    assert any(line.startswith(" " * 20) for line in lines if command not in line), "something had to be wrapped"
    assert all(not line.startswith(" ") for line in piped)


def test_a_server_that_nobody_guards_is_a_warning(world, doctor):
    world.robot()
    world.server.expects_tokens = False
    assert "without a token" in of(doctor(), "warn")["server"]


def test_a_refused_token_is_told_with_its_claims_beside_the_settings(world, program, doctor):
    world.person()
    program("login").done()
    reason = 'Bearer error="invalid_token", error_description="the audience is wrong"'
    world.server.replace("experiments/search", 401, b"{}", [("WWW-Authenticate", reason), ("Content-Type", "application/json")])
    findings = doctor()
    text = of(findings, "fail")["server-token"]
    for part in ("401", "invalid_token, the audience is wrong", f"iss {world.provider.issuer} (settings: {world.provider.issuer})",
                 "aud app (settings: app)", "ends "):
        assert part in text, text
    assert doctor.ran.status == FAILED
    remedy = next(f["remedy"] for f in findings if f["id"] == "server-token")
    assert world.provider.issuer in remedy and "oauth2-proxy" not in remedy
    assert "set use-id-token = false, and audience" in remedy, "the audience of an ID token is the client ID, whatever is set"
    world.server.replace("experiments/search", 403, b"{}")
    findings = doctor()
    assert "403" in of(findings, "fail")["server-token"]
    assert "permission" in next(f["remedy"] for f in findings if f["id"] == "server-token")


def test_a_403_that_is_about_the_token_is_told_as_a_401_is(world, program, doctor):
    """Envoy and Istio refuse a token of another audience so."""
    world.person()
    program("login").done()
    world.server.replace("experiments/search", 403, b"no", [("WWW-Authenticate", 'Bearer realm="x", error="invalid_token"')])
    findings = doctor()
    assert "(HTTP status 403): invalid_token" in of(findings, "fail")["server-token"]
    assert world.provider.issuer in next(f["remedy"] for f in findings if f["id"] == "server-token")


def test_a_403_for_want_of_a_scope_names_the_scope(world, program, doctor):
    world.robot()
    reason = 'Bearer error="insufficient_scope", error_description="needs more", scope="mlflow:write"'
    world.server.replace("experiments/search", 403, b"", [("WWW-Authenticate", reason)])
    findings = doctor()
    assert "(HTTP status 403): insufficient_scope, needs more, scope mlflow:write" in of(findings, "fail")["server-token"]
    assert "set scope" in next(f["remedy"] for f in findings if f["id"] == "server-token")


def test_a_proxy_that_looks_at_no_bearer_tokens_is_told(world, program, doctor):
    """oauth2-proxy without --skip-jwt-bearer-tokens answers 401 and challenges nobody."""
    world.person()
    program("login").done()
    world.server.replace("experiments/search", 401, b"{}")
    assert "--skip-jwt-bearer-tokens" in next(f["remedy"] for f in doctor() if f["id"] == "server-token")


def test_a_refused_opaque_token_is_told_as_such(world, doctor):
    world.robot()
    world.server.replace("experiments/search", 401, b"{}")
    findings = doctor()
    assert "opaque" in of(findings, "fail")["server-token"]
    assert "use-id-token" not in findings[-1]["remedy"] and "set audience" in findings[-1]["remedy"]


@pytest.mark.parametrize("answer", [login_page(), Answer(302, [("Location", "https://login.example.com/?next=x")])])
def test_a_login_page_in_spite_of_the_token_is_told(world, doctor, answer):
    world.robot()
    world.server.fault("experiments/search", lambda request, normal: answer)
    findings = doctor()
    assert "server" in of(findings, "ok") and "although the token was sent" in of(findings, "fail")["server-token"]
    assert "skip-jwt-bearer-tokens" in next(f["remedy"] for f in findings if f["id"] == "server-token")


def test_a_server_that_has_moved_is_told(world, doctor):
    """Most often it is one that speaks https by now."""
    world.robot()
    world.server.fault("experiments/search", lambda request, normal: Answer(308, [("Location", "https://mlflow.example.com" + request.target)]))
    findings = doctor()
    for name in ("server", "server-token"):
        assert "https://mlflow.example.com/api/2.0/" in of(findings, "fail")[name]
        assert "set the tracking URI" in next(f["remedy"] for f in findings if f["id"] == name)
    login = "/oauth2/start?rd=/api/2.0/mlflow/experiments/search"
    world.server.replace("experiments/search", 302, headers=[("Location", login)])
    findings = doctor()
    assert "although the token was sent" in of(findings, "fail")["server-token"] and "server" in of(findings, "ok")


def test_a_server_that_is_none_or_ill_is_told(world, doctor):
    world.robot()
    world.server.replace("experiments/search", 404, b"no")
    assert "no MLflow" in of(doctor(), "fail")["server"]
    world.server.replace("experiments/search", 500, b"no")
    assert "500" in of(doctor(), "fail")["server"]
    world.server.down()
    findings = doctor()
    assert "tracking server" in of(findings, "fail")["server-tcp"]


def test_the_tracking_servers_own_certificate_setting_is_heeded(world, program, doctor):
    server = world.new_server(context=world.authority.context())
    world.robot(uri=server.uri)
    assert "not trusted" in of(doctor(), "fail")["server-tls"]
    assert server.requests == []  # least of all a token
    findings = doctor(MLFLOW_TRACKING_SERVER_CERT_PATH=str(world.authority.ca_file))
    assert "2060" in of(findings, "ok")["server-tls"] and "server-token" in of(findings, "ok")
    assert "cannot be read" in of(doctor(MLFLOW_TRACKING_SERVER_CERT_PATH="/dev/null/none.pem"), "fail")["server-tls"]
    findings = doctor(MLFLOW_TRACKING_INSECURE_TLS="true")
    assert any(f["remedy"] == "unset MLFLOW_TRACKING_INSECURE_TLS" for f in findings) and "server-tls" in of(findings, "fail")


def test_the_token_goes_in_the_header_of_the_settings_and_after_no_redirect(world, doctor):
    world.robot(header="cf-access-token")
    doctor()
    sent = [request.header("cf-access-token") for request in world.server.requests]
    assert sent[0] is None and sent[1] and all(request.header("Authorization") is None for request in world.server.requests)
    other = world.new_server()
    world.robot()
    world.server.replace("experiments/search", 302, headers=[("Location", other.uri + "/api/2.0/mlflow/experiments/search")])
    doctor()
    assert other.requests == []


def test_hostile_answers_do_no_harm_in_what_is_shown(world, program, doctor):
    evil = "\x1b]0;x\x07"
    world.provider.id_token.claims.update(azp="app", aud=["app", "\x1b[2J\u202e"])
    world.person()
    program("login").done()
    token = program.token()
    headers = [("WWW-Authenticate", f'Bearer error="invalid_token", error_description="{evil}{token}"'), ("Location", f"/{evil}")]
    world.server.replace("experiments/search", 401, b"{}", headers)
    for status in (401, 302):
        world.server.replace("experiments/search", status, b"{}", [*headers[:1], ("Location", f"/?said={token}{evil}")])
        ran = program("doctor")
        assert token not in ran.stdout and token not in ran.stderr
    for arguments in (["doctor"], ["doctor", "--json"]):
        ran = program(*arguments)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", ran.stdout + ran.stderr) and token not in ran.stdout


def test_a_signal_ends_an_examination(world, program):
    world.robot()
    world.provider.hang("discovery")
    with program.start("doctor") as running:
        world.provider.wait_for("discovery")
        running.interrupt()
        ran = running.wait()
    assert ran.status == USAGE and ran.seconds < 20
