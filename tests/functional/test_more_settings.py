"""The settings beside those of the reference: README.md, "Settings"."""
import json
import re
import shutil
import time
from pathlib import Path

import pytest
import tls
from test_settings import ENVIRONMENT, FILE, give

import server as tracking


@pytest.fixture(params=[FILE, ENVIRONMENT])
def source(request):
    return request.param


# --- what goes to the provider ---
def test_login_hint_goes_with_the_sign_in(world, source):
    give(world, source, world.person_settings(login_hint="jörg@example.com"))
    world.run("token()").ok()
    assert world.provider.last("authorize").query["login_hint"] == "jörg@example.com"


def test_prompt_goes_with_the_sign_in(world, source):
    give(world, source, world.person_settings(prompt="login  select_account"))
    world.run("token()").ok()
    assert world.provider.last("authorize").query["prompt"] == "login select_account"


@pytest.mark.parametrize("error, key, value", [
    *((error, "prompt", "none") for error in (
        "login_required", "interaction_required", "consent_required", "account_selection_required")),
    ("invalid_target", "resource", "https://other.example.com/"), ("invalid_request", "authorize-params", {"acr_values": "2"})])
def test_a_refusal_names_the_setting_that_may_have_brought_it(world, error, key, value):
    world.provider.authorization_error = (error, None)
    world.write({**world.person_settings(), key: value})
    world.run("token()").failed("provider", f"{error} [{world.provider.issuer}]. Next: ")
    assert key in world.outcomes[-1].error["next"]


def test_nothing_of_it_is_sent_unasked(world):
    world.person()
    world.run("token()").ok()
    asked = {*world.provider.last("authorize").query, *world.provider.last("token").form}
    assert not asked & {"login_hint", "prompt", "resource"}


@pytest.mark.parametrize("prompt, sent", [("login", "login"), ("login consent", "login consent"), ("none", "none"), (None, "consent")])
def test_offline_access_of_the_user_brings_consent_unless_the_prompt_is_the_users_too(world, prompt, sent):
    """At Entra ID consent is for an administrator where users may give none, though it was given: select_account avoids that."""
    world.person(prompt=prompt, scope="openid offline_access")
    world.run("token()").ok()
    assert world.provider.last("authorize").query["prompt"] == sent


def sign_in_twice(world, prompt):
    """With the default scope the second sign-in asks for offline_access, and so for consent: what came with each of them."""
    world.provider.refresh = "offline_access"
    world.person(prompt=prompt)
    for _ in range(2):
        world.run("token()").ok()
        world.advance(301)
    first, second = (request.query for request in world.provider.received("authorize"))
    return first, second


def test_offline_access_of_ours_brings_consent_to_the_prompt(world):
    first, second = sign_in_twice(world, "login")
    assert (first["prompt"], second["prompt"]) == ("login", "login consent")


def test_prompt_none_never_turns_into_a_question(world):
    _, second = sign_in_twice(world, "none")
    assert second["prompt"] == "none" and "offline_access" not in second["scope"]


def test_resources_go_with_every_request_one_by_one(world, source):
    wanted = ["https://mlflow.example.com/", "api://mlflow"]
    give(world, source, world.person_settings(resource=wanted))
    world.run("token()").ok()
    world.advance(301)
    world.run("token()").ok()
    assert world.provider.last("authorize").query_lists["resource"] == wanted
    code, refresh = world.token_requests()
    assert refresh.form["grant_type"] == "refresh_token"
    assert code.form_lists["resource"] == refresh.form_lists["resource"] == wanted


def test_resource_goes_with_client_credentials(world, source):
    give(world, source, world.robot_settings(resource="https://mlflow.example.com/"))
    world.run("token()").ok()
    assert world.provider.last("token").form["resource"] == "https://mlflow.example.com/"


def test_parameters_of_the_provider_go_with_the_sign_in_alone(world, source):
    give(world, source, world.person_settings(authorize_params={"kc_idp_hint": "git hub", "acr_values": "ä&="}))
    world.run("token()").ok()
    asked = world.provider.last("authorize").query
    assert asked["kc_idp_hint"] == "git hub" and asked["acr_values"] == "ä&="
    assert "kc_idp_hint" not in world.provider.last("token").form


@pytest.mark.parametrize("name", ["redirect_uri", "state", "scope", "nonce", "code_challenge", "request", "client_id"])
def test_parameters_that_are_ours_are_an_error_before_any_request(world, source, name):
    give(world, source, world.person_settings(authorize_params={name: "https://evil.example/"}))
    world.run("token()").failed("configuration", "authorize-params", "set by the sign-in itself")
    assert world.provider.requests == [] and world.browser.openings == []


# --- the identity ---
IDENTITIES = [{"login_hint": "bob"}, {"resource": "https://b.example/"}, {"authorize_params": {"kc_idp_hint": "b"}}]


@pytest.mark.parametrize("change", IDENTITIES)
def test_what_changes_the_token_has_a_cache_of_its_own(world, change):
    world.person()
    first = world.run("token()").ok()
    world.person(**change)
    second = world.run("token()").ok()
    assert second != first and world.provider.sign_ins == 2
    assert world.run("token()").ok() == second, "its own is found again"
    world.person()
    assert world.run("token()").ok() == first, "and so is the other's"


@pytest.mark.parametrize("change", IDENTITIES)
def test_two_servers_of_one_process_do_not_share_it(world, change):
    second = world.new_server()
    world.write(world.person_settings(), world.person_settings(uri=second.uri, **change))
    with world.process() as process:
        process.do("search()").ok()
        process.do(f"search({second.uri!r})").ok()
        process.do("search()").ok()
    assert not set(world.server.tokens()) & set(second.tokens()) and world.provider.sign_ins == 2


def test_what_does_not_change_the_token_forces_no_new_sign_in(world):
    world.person()
    first = world.run("token()").ok()
    world.person(prompt="login", client_auth="basic", refresh_margin=5, flow="browser")
    assert world.run("token()").ok() == first


# --- client-auth ---
@pytest.mark.parametrize("wanted", ["post", "client_secret_post", "basic", "client_secret_basic"])
def test_client_auth_decides_how_the_secret_is_sent(world, source, wanted):
    world.provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]}
    give(world, source, world.robot_settings(client_auth=wanted))
    world.run("token()").ok()
    request = world.provider.last("token")
    assert ("client_secret" in request.form) == wanted.endswith("post")
    assert (request.header("Authorization") is not None) == wanted.endswith("basic")


@pytest.mark.parametrize("wanted, taken", [("post", "client_secret_basic"), ("basic", "client_secret_post")])
def test_a_fixed_client_auth_is_tried_once(world, wanted, taken):
    world.provider.auth_methods = [taken]
    world.robot(client_auth=wanted)
    world.run("token()").failed("provider", "invalid_client")
    assert world.provider.count("token") == 1


def test_client_auth_none_keeps_the_secret_back(world, source):
    world.more_secrets.add("kept-back-secret")
    give(world, source, world.person_settings(client_secret="kept-back-secret", client_auth="none", interactive=True))
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        process.do("token()").ok()
        process.do("logout()").ok()
    assert {r.form["grant_type"] for r in world.token_requests()} == {"authorization_code", "refresh_token"}
    for request in world.provider.requests:
        assert b"kept-back-secret" not in request.body and request.header("Authorization") is None


def test_a_secret_that_is_kept_back_is_not_announced(world):
    world.more_secrets.add("kept-back-secret")
    world.person(interactive=True, client_auth="none")
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    with world.process(MLFLOW_TRACKING_OIDC_CLIENT_SECRET="kept-back-secret") as process:
        process.do("token()").ok()
    assert "client secret" not in process.stderr


# --- ca-file ---
def test_the_certificates_of_ca_file_are_trusted(world):
    world.use_tls_provider()
    del world.env["SSL_CERT_FILE"]
    world.write_user_file(world.person_settings(ca_file=str(world.authority.ca_file)))
    assert world.run("search()").ok() == ["Default"]


@pytest.mark.parametrize("variables", [False, True], ids=["file", "variables"])
def test_a_ca_file_may_have_a_name_outside_ascii(world, variables):
    world.use_tls_provider()
    del world.env["SSL_CERT_FILE"]
    path = shutil.copy(world.authority.ca_file, world.folder / "autorité.pem")
    settings = world.person_settings(ca_file=str(path))
    (world.set_variables if variables else world.write_user_file)(settings)
    assert world.run("search()").ok() == ["Default"]


def test_the_certificates_of_ca_file_alone_are_trusted(world, tmp_path):
    world.use_tls_provider()
    another = tls.Authority(tmp_path, "another")
    world.set_variables(world.person_settings(ca_file=str(another.ca_file)))
    world.run("token()").failed("network", "certificate", "ca-file")
    assert world.provider.requests == []


def test_a_ca_file_that_cannot_be_read_is_an_error_and_no_other_is_taken(world):
    world.use_tls_provider()
    world.set_variables(world.person_settings(ca_file=str(world.folder / "missing.pem")))
    world.run("token()").failed("configuration", "ca-file", "missing.pem")
    assert world.provider.requests == []


def test_a_project_does_not_say_whom_to_trust(world):
    world.use_tls_provider()
    path = world.person(ca_file=str(world.authority.ca_file))
    text = world.run("token()").failed("configuration", "ca-file", "a pyproject.toml may not", str(path))
    assert world.provider.requests == []
    assert "move the whole block into your own mlflow-oidc-client/config.toml" in text, "one of the project would win"
    path.unlink()
    world.write_user_file(world.person_settings(ca_file=str(world.authority.ca_file)))
    assert world.run("search()", unset=["SSL_CERT_FILE"]).ok() == ["Default"]


# --- header ---
HEADERS = [("Proxy-Authorization", "Bearer "), ("proxy-authorization", "Bearer "), ("cf-access-token", ""), ("X-Token", "")]


@pytest.mark.parametrize("name, prefix", HEADERS)
def test_the_token_goes_in_the_header_that_is_set(world, source, name, prefix):
    world.server.token_header = name
    give(world, source, world.robot_settings(header=name))
    with world.process() as process:
        process.do("search()").ok()
        given = process.do("token()").ok()
    (request,) = world.server.requests
    assert request.header_values(name) == [prefix + given] and request.header("Authorization") is None


@pytest.mark.parametrize("name", ["Proxy-Authorization", "cf-access-token"])
def test_a_401_renews_it_there(world, name):
    world.server.token_header = name
    world.robot(header=name)
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        process.do("search()").ok()
    assert len(set(world.server.tokens())) == 2 and world.provider.count("token") == 2


@pytest.mark.parametrize("location", ["{other}/x", "http://{netloc}\0@{other_netloc}/x", "//{netloc}\0@{other_netloc}/x"])
@pytest.mark.parametrize("name", ["Proxy-Authorization", "cf-access-token"])
def test_after_a_redirect_to_another_host_it_is_not_there(world, name, location):
    """Also where the other address begins as the server's does, up to a NUL."""
    other = world.new_server()
    location = location.format(other=other.uri, netloc=world.server.netloc, other_netloc=other.netloc)
    other.expects_tokens = False
    other.token_header = world.server.token_header = name
    world.unguarded = True
    world.robot(header=name)
    world.server.fault("experiments/search", lambda request, normal: tracking.redirect(location, 307))
    world.run("attempt(search)").ok()
    assert other.requests and set(other.tokens()) == {None}
    assert all(r.header("Authorization") is None for r in other.requests)


@pytest.mark.parametrize("credentials, scheme", [
    ({"MLFLOW_TRACKING_TOKEN": "users-own-token"}, "Bearer users-own-token"),
    ({"MLFLOW_TRACKING_USERNAME": "alice", "MLFLOW_TRACKING_PASSWORD": "pass-w0rd"}, "Basic "),
])
def test_beside_another_header_mlflows_own_credentials_go_out_too(world, credentials, scheme):
    world.more_secrets |= {"users-own-token", "pass-w0rd"}
    world.server.token_header = "Proxy-Authorization"
    world.robot(header="Proxy-Authorization")
    with world.process(**credentials) as process:
        process.do("search()").ok()
    (request,) = world.server.requests
    assert request.header("Authorization").startswith(scheme) and world.provider.accepts(request.bearer)
    assert "own credentials" not in process.stderr


def test_a_netrc_line_does_not_come_beside_another_header(world):
    world.server.token_header = "Proxy-Authorization"
    world.robot(header="Proxy-Authorization")
    netrc = world.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login alice password pw\n")
    netrc.chmod(0o600)
    world.run("search()").ok()
    assert world.server.requests[0].header("Authorization") is None


@pytest.mark.parametrize("name", ["Host", "cookie", "Content-Length", "Transfer-Encoding", "X-Token\r\nHost", "", "a b"])
def test_a_header_that_cannot_carry_a_token_is_an_error(world, name):
    world.robot(header=name)
    world.run("search()").failed("configuration", "header")
    assert world.server.requests == [] and world.provider.requests == []


# --- refresh-margin ---
@pytest.mark.parametrize("margin, seconds", [(None, 245), (100, 205), (5, 296), (3600, 155)])
def test_renewal_starts_in_the_background_when_the_margin_is_left(world, margin, seconds):
    """When it does not start yet: tests/unit/flow/test_token.c."""
    world.robot(refresh_margin=margin)
    with world.process() as process:
        process.do("token()").ok()
        world.advance(seconds)
        until = time.monotonic() + 10
        while world.provider.count("token") < 2 and time.monotonic() < until:
            process.do("token()").ok()
    assert world.provider.count("token") == 2


# --- what others write into the file ---
@pytest.mark.parametrize("number", ["1.5", "-2.5e+10", "1_000.000_1", "5e-324", "1.7976931348623157e308", "-0.0", "+inf", "nan"])
def test_any_number_may_stand_in_the_table_of_another_tool(world, number):
    world.write(world.robot_settings(), text=f"[tool.other]\nnumber = {number}\n")
    world.run("token()").ok()


# --- what is wrong ---
@pytest.mark.parametrize("key, value", [
    ("flow", "sometimes"), ("prompt", "maybe"), ("resource", "/relative"), ("resource", "https://a.example/#part"),
    ("client-auth", "private_key_jwt"), ("ca-file", "ca.pem"), ("cache", "keyring"), ("refresh-margin", 0),
    ("listen-address", "localhost:8400"), ("login-hint", "a\tb"), ("authorize-params", {"": "x"}),
])
def test_a_wrong_value_names_setting_and_place(world, source, key, value):
    settings = {**world.robot_settings(), key: value}
    if source == FILE:
        path = world.write_user_file(settings)
    else:
        world.set_variables(settings)
        path = "MLFLOW_TRACKING_OIDC_" + key.upper().replace("-", "_")
    world.run("token()").failed("configuration", f"`{key}`", str(path))
    assert world.provider.requests == []


@pytest.mark.parametrize("wrong, right", [("loginhint", "login-hint"), ("resources", "resource"), ("ca_file", "ca-file"),
                                          ("authorise-params", "authorize-params"), ("headers", "header")])
def test_a_slip_gets_the_nearest_of_them(world, wrong, right):
    path = world.write_user_file(text="[[tracking-servers]]\n" + "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in {**world.robot_settings(), wrong: "x"}.items()))
    with world.process() as process:
        process.do("search()").ok()
    assert f"did you mean `{right}`?" in process.stderr and str(path) in process.stderr


# --- the docs ---
def test_the_blocks_of_the_docs_are_read_without_a_complaint(world):
    """Each indented block of docs/providers.md, below the beginning that the page gives."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "providers.md").read_text()
    blocks = re.findall(r"(?:^    \S.*\n)+", page, flags=re.M)
    assert len(blocks) >= 11
    for block in blocks[1:]:
        with world.process() as process:
            filled = re.sub(r"<[^>]+>", "x", block)
            world.write_user_file(text="[[tracking-servers]]\nuri = 'https://mlflow.example.com/'\n" + filled)
            call = "__import__('mlflow_oidc_client')._core.server_at('https://mlflow.example.com/').uri"
            assert process.do(call).ok() == "https://mlflow.example.com", block
        assert process.stderr == "", block
