"""contract.md, "Sign-in": client credentials and client authentication."""
import base64
import urllib.parse

import pytest
from provider import DROP
from scripted import Answer

POST, BASIC = "client_secret_post", "client_secret_basic"


def used(request):
    return BASIC if request.header("Authorization") else POST


def methods(world):
    return [used(request) for request in world.token_requests()]


def test_scope_is_sent_only_when_the_user_set_it(world):
    world.robot()
    world.run("token()").ok()
    assert "scope" not in world.provider.last("token").form
    world.robot(scope="mlflow:write")
    world.run("token()").ok()
    assert world.provider.last("token").form["scope"] == "mlflow:write"


def test_no_refresh_token_is_needed(world):
    world.robot()
    with world.process() as process:
        first = process.do("token()").ok()
        world.advance(301)
        assert process.do("token()").ok() != first
    assert [r.form["grant_type"] for r in world.token_requests()] == ["client_credentials"] * 2


@pytest.mark.parametrize("listed, first", [
    ([POST], POST),
    ([BASIC], BASIC),
    ([POST, BASIC], POST),
    ([BASIC, POST], POST),
    ([BASIC, "private_key_jwt"], BASIC),
    (["private_key_jwt"], POST),
    ([], POST),
    (DROP, POST),
])
def test_client_authentication_is_what_the_metadata_lists_else_post(world, listed, first):
    world.provider.metadata["token_endpoint_auth_methods_supported"] = listed
    world.robot()
    world.run("token()").ok()
    assert methods(world) == [first]


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "unauthorized"])
@pytest.mark.parametrize("accepted, listed, order", [
    (BASIC, DROP, [POST, BASIC]),
    (BASIC, [POST, BASIC], [POST, BASIC]),
    (BASIC, [POST], [POST, BASIC]),
    (POST, [BASIC], [BASIC, POST]),
])
def test_on_a_refusal_the_other_one_is_tried_once_and_what_worked_is_remembered(world, error, accepted, listed, order):
    world.provider.metadata["token_endpoint_auth_methods_supported"] = listed
    world.provider.auth_methods = [accepted]
    world.provider.wrong_method_error = error
    world.robot()
    with world.process() as process:
        process.do("token()").ok()
        assert methods(world) == order
        world.advance(301)
        process.do("token()").ok()
        assert methods(world) == [*order, accepted]


@pytest.mark.parametrize("body", [b"", b"<h1>Unauthorized", b'{"error": {"code": 401}}'])
def test_a_401_without_an_oauth_error_is_such_a_refusal_too(world, body):
    """What guards the token endpoint by HTTP's own authentication answers so (RFC 6749 §5.2)."""
    def guard(request, normal):
        challenge = [("WWW-Authenticate", 'Basic realm="token"'), ("Content-Type", "text/html")]
        return normal() if request.header("Authorization") else Answer(401, challenge, body)

    world.provider.fault("token", guard)
    world.robot()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        process.do("token()").ok()
    assert methods(world) == [POST, BASIC, BASIC]


def test_a_401_to_both_says_what_to_check(world):
    world.provider.replace("token", 401, body=b"no")
    world.robot()
    world.run("token()").failed("provider", "HTTP status 401", "check client-id and client-secret")
    assert methods(world) == [POST, BASIC]


@pytest.mark.parametrize("status, each", [(400, 1), (401, 2), (403, 1)])
def test_a_refusal_without_an_oauth_error_is_not_asked_for_again_for_a_minute(world, status, each):
    """RFC 6749 §5.2 wants an `error` beside the status; a wrong secret must not lock the client out where there is none."""
    world.provider.replace("token", status, body=b"<h1>no", headers=[("Content-Type", "text/html")])
    world.robot()
    with world.process() as process:
        for _ in range(5):
            process.do("token()").failed("provider", f"HTTP status {status}")
        assert len(world.token_requests()) == each
        world.advance(61)
        process.do("token()").failed("provider")
        assert len(world.token_requests()) == 2 * each
        world.provider.heal()
        world.advance(61)
        process.do("token()").ok()


def test_a_401_with_a_word_of_the_providers_own_says_what_to_check(world):
    """MITREid Connect has invalid_client for the one way and this for the other."""
    def guard(request, normal):
        error = {"error": "unauthorized", "error_description": "Bad credentials"} if request.header("Authorization") else {"error": "no_client"}
        return Answer.of_json(error, 401)

    world.provider.fault("token", guard)
    world.robot()
    world.run("token()").failed("provider", "no_client", "check client-id and client-secret")
    assert methods(world) == [POST, BASIC]


def test_the_other_one_is_tried_for_a_code_too(world):
    """A code is worth one attempt; a provider that refuses the client has not used it up."""
    world.provider.metadata["token_endpoint_auth_methods_supported"] = DROP
    world.provider.auth_methods = [BASIC]
    world.write(world.robot_settings(interactive=True, redirect_uri=world.person_settings()["redirect-uri"]))
    world.run("token()").ok()
    assert methods(world) == [POST, BASIC] and len(world.browser.openings) == 1


def test_a_wrong_secret_is_refused_after_both_and_is_no_secret_in_the_text(world):
    world.more_secrets.add("wr0ng-secret")
    world.robot(client_secret="wr0ng-secret")
    with world.process() as process:
        outcome = process.do("search()")
        outcome.failed(None, "invalid_client", world.provider.issuer)
    assert sorted(methods(world)) == [BASIC, POST]


@pytest.mark.parametrize("client_id, secret", [
    ("robot:with:colons", "plain"), ("robot", "a:b"), ("ro bot", "a b+c"), ("ro%bot", "%41&=?/"),
    ("https://robot.example.com/id", "~!@#$^*()_-{}[]|;'<>,."),
])
@pytest.mark.parametrize("method", [POST, BASIC])
def test_id_and_secret_are_form_urlencoded(world, client_id, secret, method):
    world.provider.auth_methods = [method]
    world.provider.add_client(client_id, secret)
    world.provider.secrets.discard(secret)
    if len(secret) > 5:
        world.more_secrets.add(secret)
    world.robot(client_id=client_id, client_secret=secret)
    world.run("token()").ok()
    request, = world.token_requests()
    if method == BASIC:
        joined = base64.b64decode(request.header("Authorization").split()[1]).decode("ascii")
        assert [urllib.parse.unquote_plus(part) for part in joined.split(":")] == [client_id, secret]
    assert request.header("Content-Type") == "application/x-www-form-urlencoded"


def test_the_secret_goes_nowhere_but_to_the_token_endpoint(world):
    secret = world.provider.clients["robot"]
    world.write(world.robot_settings(interactive=True, redirect_uri=world.person_settings()["redirect-uri"]))
    world.run("search()").ok()
    for request in [*world.provider.requests, *world.server.requests]:
        if request.endpoint != "token":
            assert secret not in request.target and secret.encode() not in request.body
            assert not [v for _, v in request.headers if secret in v or v.startswith("Basic ")]
