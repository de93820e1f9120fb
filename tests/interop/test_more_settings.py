"""Settings beside the first ten, as real providers take them."""

import time

import pytest
from conftest import SHORT_LIFETIME_S, finish

SEARCH = "import mlflow; print(len(mlflow.search_experiments()) > 0)"
RESOURCE = "https://mlflow.example/api"


@pytest.mark.parametrize("provider", ["keycloak"], indirect=True)
def test_a_login_hint_stands_in_the_providers_form(new_person, provider):
    person = new_person("mlflow-public", login_hint=provider.user)
    assert person.run(SEARCH) == "True\n"
    assert [event["user"] for event in person.browser.events("form")] == [provider.user]
    stranger = new_person("mlflow-public")
    assert stranger.run(SEARCH) == "True\n"
    assert [event["user"] for event in stranger.browser.events("form")] == [""]


def test_prompt_none_asks_nobody(new_person, provider):
    person = new_person("mlflow-public", prompt="none")
    error = finish(person.start(SEARCH), status=1)
    assert "login_required" in error
    assert person.browser.opened() == 1 and person.browser.events("form") == []


@pytest.mark.parametrize("client_id, method", [("mlflow-ci", "basic"), ("mlflow-ci-post", "post")])
def test_a_fixed_client_authentication_is_right_at_once(client_id, method, new_service):
    service = new_service(client_id, client_auth=method)
    before = service.token_requests()
    assert service.run(SEARCH) == "True\n"
    assert service.token_requests() == [*before, "client_credentials"]


@pytest.mark.parametrize("provider", ["keycloak"], indirect=True)
def test_the_other_client_authentication_is_not_tried_where_it_is_fixed(new_service, provider):
    service = new_service("mlflow-ci", client_auth="post")
    before = service.token_requests()
    error = finish(service.start(SEARCH), status=1)
    assert "client" in error and service.token_requests() == [*before, "client_credentials"]


@pytest.mark.parametrize("provider", ["oidc-provider"], indirect=True)
def test_a_token_is_for_the_resource_that_is_set(servers, provider, new_person, new_service):
    """The proxy takes this audience and no other: the first access token, the renewed one, and a client's own."""
    proxy = servers.proxy("oauth20", provider, (RESOURCE,))
    wanted = {"proxy": proxy, "resource": RESOURCE, "use_id_token": False}
    person = new_person("mlflow-public-short", scope=provider.renewable_scope, **wanted)
    before = person.token_requests()
    assert person.run(SEARCH) == "True\n"
    time.sleep(SHORT_LIFETIME_S + 1)  # the provider's clock, which no test can turn
    assert person.run(SEARCH) == "True\n"
    assert person.token_requests()[len(before) :] == ["authorization_code", "refresh_token"]
    assert new_service("mlflow-ci", **wanted).run(SEARCH) == "True\n"
    finish(new_service("mlflow-ci", proxy=proxy).start(SEARCH), status=1)


@pytest.mark.parametrize("provider", ["oidc-provider"], indirect=True)
def test_a_resource_that_the_provider_does_not_know_is_its_error(new_service):
    error = finish(new_service("mlflow-ci", resource="https://elsewhere.example/").start(SEARCH), status=1)
    assert "invalid_target" in error
