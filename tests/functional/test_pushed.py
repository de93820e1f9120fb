"""Providers that want authorization requests pushed (RFC 9126): they get the request from us, and the browser its name."""
import pytest
from scripted import Answer


@pytest.fixture
def pushed(world):
    world.provider.pushed_required = True
    return world


def test_a_sign_in_is_pushed_where_the_provider_demands_it(pushed):
    pushed.person(audience="api", resource=["https://a.example/", "urn:b"], login_hint="jörg", authorize_params={"x": "y z"})
    pushed.run("search()").ok()
    (request,) = pushed.provider.received("par")
    assert {"audience": "api", "login_hint": "jörg", "x": "y z"}.items() <= request.form.items()
    assert request.form_lists["resource"] == ["https://a.example/", "urn:b"]
    assert {"state", "nonce", "code_challenge"} <= request.form.keys() and "code_verifier" not in request.form
    seen = pushed.provider.last("authorize").query
    assert seen.keys() == {"client_id", "request_uri"} and "nonce" not in pushed.browser.openings[0]


def test_nothing_is_pushed_where_it_is_only_offered(world):
    world.provider.metadata["pushed_authorization_request_endpoint"] = world.provider.issuer + "/par"
    world.person()
    world.run("search()").ok()
    assert not world.provider.received("par")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_with_a_secret_authenticates_there_too(pushed, method):
    pushed.provider.auth_methods = [method]
    pushed.provider.add_client("web", "s3c:ret %")
    pushed.person(client_id="web", client_secret="s3c:ret %", interactive=True)
    pushed.run("search()").ok()
    last = pushed.provider.last("par")
    assert (last.header("Authorization") is not None) == (method == "client_secret_basic")


def test_a_refusal_is_told_before_a_browser_is_opened(pushed):
    pushed.person()
    pushed.provider.replace("par", 400, json={"error": "invalid_request", "error_description": "no such redirect_uri"})
    pushed.run("search()").failed("provider", "invalid_request (no such redirect_uri)", pushed.provider.issuer + "/par")
    assert pushed.browser.openings == []
    pushed.provider.heal()
    pushed.run("login()").ok()


def test_a_header_that_the_provider_says_back_does_not_stand_in_the_error(pushed):
    """As at the token endpoint: the client secret is in it, in base64 (RFC 7617)."""
    pushed.provider.auth_methods = ["client_secret_basic"]
    pushed.provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    pushed.provider.add_client("web", "s3c:ret %")
    pushed.person(client_id="web", client_secret="s3c:ret %", interactive=True)

    def echo(request, normal):
        said = request.header("Authorization", "none")
        return Answer.of_json({"error": said[:100], "error_description": f"invalid header: {said}, {said[6:]}"}, 400)

    pushed.provider.fault("par", echo)
    error = pushed.run("search()").failed("provider", "***")
    said = pushed.provider.last("par").header("Authorization")
    assert said and said[6:] not in str(error)


def test_an_answer_without_a_request_uri_is_an_error(pushed):
    pushed.person()
    pushed.provider.replace("par", 201, json={"expires_in": 60})
    pushed.run("search()").failed("protocol", "request_uri", "RFC 9126")
    assert pushed.browser.openings == []


def test_a_provider_that_demands_it_and_names_no_endpoint_is_an_error(pushed):
    pushed.provider.metadata["pushed_authorization_request_endpoint"] = None
    pushed.person()
    pushed.run("search()").failed("protocol", "pushed_authorization_request_endpoint", "RFC 9126")
    assert pushed.browser.openings == [] and not pushed.provider.received("par")


def test_a_scope_that_is_refused_there_is_left_out(pushed):
    """The second sign-in asks for offline_access, which this provider lists and refuses."""
    pushed.provider.refresh, pushed.provider.refused_scopes = "never", {"offline_access"}
    pushed.person()
    pushed.run("token()").ok()
    pushed.advance(301)
    pushed.run("token()").ok()
    assert ["offline_access" in r.form["scope"] for r in pushed.provider.received("par")] == [False, True, False]
