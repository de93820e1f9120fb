"""A person signs in with a real browser, and is then left in peace."""

import time

import pytest
from conftest import SHORT_LIFETIME_S, finish

SEARCH = "import mlflow; print(len(mlflow.search_experiments()) > 0)"
SEARCH_TWICE = f"{SEARCH}; mlflow.search_experiments()"


def wait_until_expired():
    time.sleep(SHORT_LIFETIME_S + 1)  # the provider's clock, which no test can turn


def new_requests(user, before):
    return user.token_requests()[len(before) :]


def test_one_sign_in_serves_this_process_and_the_next(new_person):
    person = new_person("mlflow-public")
    before = person.token_requests()
    assert person.run(SEARCH_TWICE) == "True\n"
    assert person.run(SEARCH) == "True\n"
    assert person.browser.opened() == 1
    assert new_requests(person, before) == ["authorization_code"]
    (end,) = person.browser.events("end")
    assert "signed in" in end["text"].lower()


def test_an_expired_token_is_renewed_without_a_browser_and_the_rotated_refresh_token_kept(provider, new_person):
    person = new_person("mlflow-public-short", scope=provider.renewable_scope)
    before = person.token_requests()
    person.run(SEARCH)
    for _ in range(2):  # both providers refuse a refresh token that was used before
        wait_until_expired()
        assert person.run(SEARCH) == "True\n"
    assert person.browser.opened() == 1
    assert new_requests(person, before) == ["authorization_code", "refresh_token", "refresh_token"]


@pytest.mark.parametrize("provider", ["oidc-provider"], indirect=True)
def test_the_default_scope_learns_to_ask_for_a_refresh_token(new_person):
    person = new_person("mlflow-public-short")
    before = person.token_requests()
    for _ in range(3):
        person.run(SEARCH)
        wait_until_expired()
    assert person.browser.opened() == 2
    assert new_requests(person, before) == ["authorization_code", "authorization_code", "refresh_token"]


def test_denied_consent_is_an_error_and_nothing_is_sent(new_person, provider, proxy):
    client_id = "mlflow-public-consent" if provider.name == "keycloak" else "mlflow-public"
    person = new_person(client_id, deny=True)
    sent = len(proxy.requests())
    error = finish(person.start(SEARCH), status=1)
    assert "access_denied" in error and provider.issuer in error
    assert len(proxy.requests()) == sent
    (end,) = person.browser.events("end")
    assert "access_denied" in end["text"]
    assert person.browser.opened() == 1


@pytest.mark.parametrize("provider", ["oidc-provider"], indirect=True)
def test_a_confidential_client_can_be_interactive(provider, new_person):
    person = new_person("mlflow-web", client_secret=provider.client_secret, interactive=True)
    assert person.run(SEARCH) == "True\n"
    assert person.browser.opened() == 1
