"""MLflow's own calls, unchanged, through each proxy in front of each provider."""

import pytest
from conftest import MODES

CALLS = """
import hashlib, os, sys, tempfile
from pathlib import Path
import mlflow

folder = Path(tempfile.mkdtemp(dir="."))
mlflow.set_experiment(f"calls-{os.getpid()}")
(folder / "model.bin").write_bytes(os.urandom(3 << 20))
with mlflow.start_run() as run:
    mlflow.log_param("depth", 7)
    mlflow.log_metric("loss", 0.25)
    mlflow.log_artifact(folder / "model.bin", "models")
    mlflow.log_text("a note", "note.txt")

run_id = run.info.run_id
client = mlflow.MlflowClient(tracking_uri=mlflow.get_tracking_uri())
assert client.get_run(run_id).data.params == {"depth": "7"}
assert client.get_metric_history(run_id, "loss")[0].value == 0.25
assert [file.path for file in client.list_artifacts(run_id)] == ["models", "note.txt"]
back = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="models/model.bin", dst_path=str(folder / "back"))
assert Path(back).read_bytes() == (folder / "model.bin").read_bytes()

client.create_registered_model(f"model-{run_id}")
assert [model.name for model in client.search_registered_models(f"name = 'model-{run_id}'")] == [f"model-{run_id}"]
print("all as expected")
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_person_and_a_service_work_as_ever(mode, servers, provider, new_person, new_service):
    proxy = servers.proxy(mode, provider)
    assert "Default" in new_person("mlflow-public", proxy=proxy).mlflow("experiments", "search")
    service = new_service(proxy=proxy)
    assert service.run(CALLS).endswith("all as expected\n")
    assert len(service.token_requests()) >= 1
    # MLflow asks for an experiment that is not there; no token was missing or refused.
    assert {status for _, path, status in proxy.requests() if path.startswith("/api/")} == {200, 404}
