"""Processes that start together share one token request, or one browser."""

import pytest
from conftest import await_ready, finish

COUNT = 8
SEARCH_WHEN_TOLD = """
import sys, mlflow
client = mlflow.MlflowClient()
print("ready", flush=True)
sys.stdin.readline()
print(len(client.search_experiments()) > 0)
"""


def run_together(user):
    processes = [user.start(SEARCH_WHEN_TOLD) for _ in range(COUNT)]
    for process in processes:
        await_ready(process)
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [finish(process) for process in processes] == ["True\n"] * COUNT


@pytest.mark.parametrize("provider", ["oidc-provider"], indirect=True)
def test_an_empty_cache_makes_one_token_request_and_a_valid_one_none(new_service):
    service = new_service("mlflow-ci-post")
    before = service.token_requests()
    run_together(service)
    assert service.token_requests()[len(before) :] == ["client_credentials"]
    run_together(service)
    assert service.token_requests()[len(before) :] == ["client_credentials"]


@pytest.mark.parametrize("provider", ["keycloak"], indirect=True)
def test_one_browser_signs_all_of_them_in(new_person):
    person = new_person("mlflow-public")
    before = person.token_requests()
    run_together(person)
    assert person.browser.opened() == 1
    assert person.token_requests()[len(before) :] == ["authorization_code"]
