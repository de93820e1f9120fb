"""The program `mlflow-oidc` as a person uses it, with real providers and a real browser."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from conftest import PATIENCE_S

SIGN_IN = 4  # exit status
SEARCH = "import mlflow; print(len(mlflow.search_experiments()) > 0)"


@pytest.fixture
def program(servers):
    """program(person, "login", status=0): what it said."""

    def run(person, *arguments, status=0):
        words = [str(Path(servers.python).with_name("mlflow-oidc")), *arguments]
        ended = subprocess.run(
            words, cwd=person.folder, env=person.environment(), capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert ended.returncode == status, f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended

    return run


def cached(person):
    (path,) = (person.folder / "cache" / "mlflow-oidc-client").glob("tokens-*.json")
    return json.loads(path.read_text())


def post(url, **form):
    """Status and error code of a request to the provider, as anybody could send it."""
    try:
        with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()).get("error")


def test_a_person_signs_in_by_it_and_after_a_logout_nothing_is_left_that_works(new_person, provider, program):
    person = new_person("mlflow-public", scope=provider.renewable_scope)
    program(person, "token", status=SIGN_IN)
    told = program(person, "login").stderr
    assert f"Signed in to {person.proxy.url.rstrip('/')}" in told and "renewed by itself" in told
    (state,) = json.loads(program(person, "status", "--json").stdout)
    assert state["state"] == "valid" and state["sub"] and state["issuer"] == provider.issuer
    findings = json.loads(program(person, "doctor", "--json").stdout)["findings"]
    assert [finding for finding in findings if finding["verdict"] == "fail"] == []
    assert person.run(SEARCH) == "True\n" and person.browser.opened() == 1, "the plugin uses what the program has signed in"

    entry = cached(person)
    with urllib.request.urlopen(provider.ready_url) as answer:
        token_endpoint = json.load(answer)["token_endpoint"]
    assert "Signed out of" in program(person, "logout").stderr
    refresh = {"grant_type": "refresh_token", "client_id": person.client_id, "refresh_token": entry["refresh_token"]}
    assert post(token_endpoint, **refresh) == (400, "invalid_grant")
    program(person, "token", status=SIGN_IN)
    assert list((person.folder / "cache" / "mlflow-oidc-client").glob("tokens-*.json")) == []


@pytest.mark.parametrize("provider", ["keycloak"], indirect=True)
def test_userinfo_says_the_same_of_whose_token_it_is(new_person, program):
    """node oidc-provider, as it is set up here, gives access tokens for the tracking server alone."""
    person = new_person("mlflow-public")
    program(person, "login")
    (state,) = json.loads(program(person, "status", "--json", "--online").stdout)
    assert state["online"]["confirmed"] and state["online"]["sub"] == state["sub"]
