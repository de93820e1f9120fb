"""The proxy refuses a token that the client took for good."""

import pytest
from conftest import MODES, await_ready, finish

# The upload is the first request after the keys changed, so it is the one that is repeated.
UPLOAD_WHEN_TOLD = """
import os, sys, mlflow
from pathlib import Path
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

with mlflow.start_run() as run:
    repository = get_artifact_repository(run.info.artifact_uri)
Path("model.bin").write_bytes(os.urandom(5 << 20))
print("ready", flush=True)
sys.stdin.readline()
repository.log_artifact("model.bin")
back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="model.bin", dst_path="back")
print(Path(back).read_bytes() == Path("model.bin").read_bytes())
"""


def upload_across_new_keys(user):
    """Returns the uploads' statuses."""
    process = user.start(UPLOAD_WHEN_TOLD)
    await_ready(process)
    sent = len(user.proxy.requests())
    user.provider.new_signing_key()
    user.proxy.restart()
    assert finish(process, stdin="go\n").endswith("True\n")
    return [status for method, _, status in user.proxy.requests()[sent:] if method == "PUT"]


@pytest.mark.parametrize("mode", MODES)
def test_an_upload_is_repeated_with_a_new_token_of_client_credentials(mode, servers, provider, new_service):
    service = new_service(proxy=servers.proxy(mode, provider))
    assert upload_across_new_keys(service) == [401, 200]


def test_an_upload_is_repeated_with_a_refreshed_token(provider, new_person):
    person = new_person("mlflow-public", scope=provider.renewable_scope)
    before = person.token_requests()
    assert upload_across_new_keys(person) == [401, 200]
    assert person.token_requests()[len(before) :] == ["authorization_code", "refresh_token"]
    assert person.browser.opened() == 1


def test_a_proxy_that_wants_another_audience_is_explained(servers, provider, new_service):
    proxy = servers.proxy("oauth20", provider, audiences=("urn:another",))
    error = finish(new_service(proxy=proxy).start("import mlflow; mlflow.search_experiments()"), status=1)
    assert proxy.url in error and "aud" in error.lower()
    assert [status for method, path, status in proxy.requests() if path.startswith("/api/")] == [401, 401]
