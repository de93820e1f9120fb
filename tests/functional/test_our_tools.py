"""The provider, the tracking server and the machinery of these tests, tried without the package: a test that trusts a broken tool proves nothing."""
import hashlib
import json
import secrets
import socket
import time
import urllib.parse

import jose
import pytest
from browser import fetch, follow
from provider import DROP
from scripted import Answer
from world import Outcome


def post(url, form, headers=()):
    body = urllib.parse.urlencode(form)
    return fetch(url, [("Content-Type", "application/x-www-form-urlencoded"), *headers], method="POST", body=body)


def sign_in(provider, verifier=None, **extra):
    """A small client of our own: the code that the provider gave, and the verifier that goes with it."""
    verifier = verifier or secrets.token_urlsafe(32)
    query = {
        "response_type": "code", "client_id": "app", "redirect_uri": "http://127.0.0.1:1/cb", "scope": "openid",
        "state": "st", "nonce": "no", "code_challenge_method": "S256",
        "code_challenge": jose.b64(hashlib.sha256(verifier.encode()).digest()), **extra,
    }
    page = fetch(f"{provider.issuer}/authorize?{urllib.parse.urlencode(query)}")
    assert page.status == 302
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.header("Location")).query)), verifier


def redeem(provider, code, verifier, **extra):
    return post(f"{provider.issuer}/token", {
        "grant_type": "authorization_code", "client_id": "app", "code": code, "code_verifier": verifier,
        "redirect_uri": "http://127.0.0.1:1/cb", **extra})


def test_provider_verifies_pkce_and_uses_a_code_once(provider):
    reply, verifier = sign_in(provider)
    assert reply["state"] == "st" and reply["iss"] == provider.issuer
    assert redeem(provider, reply["code"], "wrong" * 10).status == 400
    assert redeem(provider, reply["code"], verifier).status == 400  # used up by the wrong attempt
    reply, verifier = sign_in(provider)
    tokens = json.loads(redeem(provider, reply["code"], verifier).body)
    claims = jose.claims_of(tokens["id_token"])
    assert claims["nonce"] == "no" and claims["aud"] == "app"
    assert claims["at_hash"] == jose.half_hash("RS256", tokens["access_token"])
    assert provider.accepts(tokens["id_token"]) and provider.accepts(tokens["access_token"])


def test_provider_rotates_refresh_tokens_and_detects_reuse(provider):
    reply, verifier = sign_in(provider)
    first = json.loads(redeem(provider, reply["code"], verifier).body)["refresh_token"]

    def refresh(token):
        return post(f"{provider.issuer}/token", {"grant_type": "refresh_token", "client_id": "app", "refresh_token": token})

    second = json.loads(refresh(first).body)["refresh_token"]
    assert second != first
    assert json.loads(refresh(first).body)["error"] == "invalid_grant"
    assert refresh(second).status == 400, "the family is revoked"


def test_provider_decodes_basic_authentication(provider):
    import base64

    provider.add_client("ro:bot &+", "s3c:ret%/+ ü")
    joined = f"{urllib.parse.quote_plus('ro:bot &+')}:{urllib.parse.quote_plus('s3c:ret%/+ ü')}"
    header = ("Authorization", "Basic " + base64.b64encode(joined.encode()).decode())
    assert post(f"{provider.issuer}/token", {"grant_type": "client_credentials"}, [header]).status == 200
    wrong = ("Authorization", "Basic " + base64.b64encode(b"robot:wrong").decode())
    assert post(f"{provider.issuer}/token", {"grant_type": "client_credentials"}, [wrong]).status == 401


@pytest.mark.parametrize("alg", jose.ALGORITHMS)
def test_provider_signs_with_every_algorithm(provider, alg):
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

    provider.keys = [jose.Key(alg)]
    reply, verifier = sign_in(provider)
    token = json.loads(redeem(provider, reply["code"], verifier).body)["id_token"]
    signed, signature = token.rsplit(".", 1)
    public, raw = provider.keys[0].private.public_key(), jose.unb64(signature)
    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(raw, signed.encode())
    elif isinstance(public, ec.EllipticCurvePublicKey):
        half = len(raw) // 2
        der = utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        public.verify(der, signed.encode(), ec.ECDSA(jose.HASHES[alg[2:]]()))
    else:
        from cryptography.hazmat.primitives.asymmetric import padding

        digest = jose.HASHES[alg[2:]]()
        scheme = padding.PKCS1v15() if alg[0] == "R" else padding.PSS(padding.MGF1(digest), digest.digest_size)
        public.verify(raw, signed.encode(), scheme, digest)
    assert json.loads(fetch(f"{provider.issuer}/jwks").body)["keys"][0]["alg"] == alg


def test_provider_makes_wrong_id_tokens(provider):
    provider.id_token.claims = {"aud": "x", "nonce": DROP, "exp": lambda claims: claims["iat"] - 1000}
    provider.id_token.header = {"alg": "none"}
    provider.id_token.sign = lambda data: b""
    reply, verifier = sign_in(provider)
    token = json.loads(redeem(provider, reply["code"], verifier).body)["id_token"]
    assert token.endswith(".") and json.loads(jose.unb64(token.split(".")[0]))["alg"] == "none"
    claims = jose.claims_of(token)
    assert claims["aud"] == "x" and "nonce" not in claims and claims["exp"] == claims["iat"] - 1000


def test_discovery_stands_on_both_paths(world):
    provider = world.new_provider(path="/realms/one")
    oidc = json.loads(fetch(f"{provider.base}/realms/one/.well-known/openid-configuration").body)
    oauth = json.loads(fetch(f"{provider.base}/.well-known/oauth-authorization-server/realms/one").body)
    assert oidc == oauth and oidc["issuer"] == provider.issuer and oidc["token_endpoint"].endswith("/realms/one/token")


def test_faults_replace_alter_and_break_answers(provider):
    url = f"{provider.issuer}/jwks"
    provider.replace("jwks", 503, times=1)
    assert [fetch(url).status, fetch(url).status] == [503, 200]
    provider.alter("jwks", lambda document: {**document, "more": 1}, times=1)
    assert json.loads(fetch(url).body)["more"] == 1
    provider.effect("jwks", cut=40, times=1)
    with pytest.raises(OSError):
        fetch(url)
    provider.effect("jwks", drip=0.001, times=1)
    began = time.monotonic()
    fetch(url)
    assert time.monotonic() - began > 0.3
    provider.hang("jwks")
    with pytest.raises(TimeoutError):
        fetch(url, timeout=0.2)
    provider.heal()
    assert fetch(url).status == 200
    assert provider.count("jwks") == 7


def test_a_provider_that_is_down_refuses_and_comes_back_on_its_port(provider):
    url = f"{provider.issuer}/jwks"
    provider.down()
    with pytest.raises(ConnectionRefusedError):
        fetch(url)
    provider.up()
    assert fetch(url).status == 200


def test_endless_bodies_do_not_end(provider):
    provider.replace("jwks", body=b"[", endless=True)
    with socket.create_connection(("127.0.0.1", provider.port)) as connection:
        connection.sendall(b"GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n")
        got = 0
        while got < 100000:
            got += len(connection.recv(65536)) or pytest.fail("it ended")


def test_the_provider_speaks_tls(world):
    provider = world.use_tls_provider()
    assert provider.issuer.startswith("https://")
    assert fetch(f"{provider.issuer}/jwks", ca_file=str(world.authority.ca_file)).status == 200
    with pytest.raises(OSError):
        fetch(f"{provider.issuer}/jwks")


def test_the_server_checks_the_token_and_answers_as_proxies_do(world):
    world.unguarded = True
    server = world.server
    url = f"{server.uri}/api/2.0/mlflow/experiments/search"
    assert fetch(url).status == 302
    assert fetch(url, [("Accept", "application/json")]).status == 401
    assert b"password" in follow(url).body
    reply, verifier = sign_in(world.provider)
    token = json.loads(redeem(world.provider, reply["code"], verifier).body)["access_token"]
    assert fetch(url, [("Authorization", f"Bearer {token}")]).status == 200
    assert fetch(url, [("Authorization", f"bearer {token}")]).status == 302, "the scheme's case counts (facts.md)"
    world.advance(302)
    assert fetch(url, [("Authorization", f"Bearer {token}")]).status == 302
    assert len(server.with_expired_token()) == 1


def test_the_server_takes_artifacts(world):
    world.unguarded = True
    world.server.expects_tokens = False
    url = f"{world.server.uri}/api/2.0/mlflow-artifacts/artifacts/0/run/file.bin"
    fetch(url, method="PUT", body=b"x" * 100000)
    assert fetch(url).body == b"x" * 100000
    assert world.server.requests[0].body_hash == hashlib.sha256(b"x" * 100000).hexdigest()


def test_the_server_answers_early(world):
    world.unguarded = True
    world.server.fault("artifacts", lambda request, normal: Answer(401), times=1, early=True)
    url = f"{world.server.uri}/api/2.0/mlflow-artifacts/artifacts/0/run/file.bin"
    assert fetch(url, method="PUT", body=b"x" * 1000000).status == 401


def test_a_process_has_the_clock_of_the_test(world):
    with world.process() as process:
        before = process.do("time.time()").ok()
        world.advance(86400)
        after = process.do("time.time()").ok()
        assert 86400 <= after - before < 86410
        process.do("time.sleep(0.01); threading.Event().wait(0.01)").ok()


@pytest.mark.parametrize("spawn", [False, True])
def test_a_process_has_the_environment_of_the_test(world, spawn):
    with world.process(spawn=spawn, MORE="1", unset=["BROWSER"]) as process:
        seen = process.do("dict(os.environ)").ok()
        assert seen["HOME"] == str(world.home) and seen["MORE"] == "1" and "BROWSER" not in seen and "CI" not in seen
        assert process.do("os.getcwd()").ok() == str(world.cwd)
        assert process.do("print('out'); print('err', file=sys.stderr)").ok() is None
        assert process.stdout == "out\n" and process.stderr.endswith("err\n")
        assert process.do("raise KeyError('x')").error["type"] == "KeyError"


def test_a_process_can_be_interrupted(world):
    with world.process() as process:
        # short ones: of a signal just before the system call Python learns when that returns
        process.begin("[time.sleep(0.05) for _ in range(1200)]")
        assert process.busy()
        process.interrupt()
        assert process.wait().error["type"] == "KeyboardInterrupt"


def test_exit_status_is_seen(world):
    process = world.process()
    process.start("os._exit(7)")
    with pytest.raises(AssertionError, match="status 7"):
        process.wait()


def test_the_browser_follows_the_sign_in(world):
    import subprocess

    page_server = world.new_server()
    page_server.expects_tokens = False
    page_server.replace("oauth2/callback", body=b"<p>done</p>")
    world.unguarded = True
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": "app", "redirect_uri": f"{page_server.uri}/oauth2/callback",
        "code_challenge_method": "S256", "code_challenge": "x" * 43, "state": "s",
    })
    for mode in ("approve", "deny"):
        world.browser.mode = mode
        subprocess.run([world.browser.command, f"{world.provider.issuer}/authorize?{query}"], check=True)
    assert [p["text"] for p in world.browser.pages] == ["<p>done</p>"] * 2
    codes, errors = page_server.received("oauth2/callback")
    assert "code" in codes.query and errors.query["error"] == "access_denied"
    assert len(world.browser.openings) == 2


ERROR = {"text": "", "what": "it failed", "where": "here", "next": "try again", "chain": [], "trace": ""}


@pytest.mark.parametrize("field, noticed", [("text", "a secret"), ("where", "what to do next"), ("next", "what to do next")])
def test_broken_promises_of_an_error_are_noticed(world, field, noticed):
    value = world.provider.clients["robot"] if field == "text" else ""
    world.outcomes.append(Outcome(None, ERROR | {field: value}, 0))
    with pytest.raises(AssertionError, match=noticed):
        world.check_promises()
    world.outcomes.clear()


def test_plain_mlflow_works_against_the_server(world):
    """Without settings, so the plugin, if it is there, stays out of it; what fails here is our server's."""
    world.unguarded = True
    world.server.expects_tokens = False
    done = world.run(WHOLE_MLFLOW)
    assert done.ok() == {"param": "1", "metric": 2.0, "artifact": "hello", "experiments": ["Default"]}
    assert not [r for r in world.server.requests if r.header("Authorization")]


WHOLE_MLFLOW = """
import mlflow
mlflow.set_tracking_uri(os.environ["URI"])
with mlflow.start_run() as run:
    mlflow.log_param("p", 1)
    mlflow.log_metric("m", 2.0)
    mlflow.log_text("hello", "note.txt")
client = mlflow.MlflowClient()
data = client.get_run(run.info.run_id).data
path = client.download_artifacts(run.info.run_id, "note.txt")
result = {"param": data.params["p"], "metric": data.metrics["m"], "artifact": open(path).read(), "experiments": search()}
"""
