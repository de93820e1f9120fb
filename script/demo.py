"""A user's program: plain MLflow calls, nothing that knows of a sign-in."""

import hashlib
import os
import tempfile
from pathlib import Path

import mlflow

SIZE_MB = 20

mlflow.set_experiment("demo")
with tempfile.TemporaryDirectory() as folder:
    model = Path(folder) / "model.bin"
    model.write_bytes(os.urandom(SIZE_MB << 20))
    with mlflow.start_run() as run:
        mlflow.log_param("depth", 7)
        mlflow.log_metric("loss", 0.25)
        mlflow.log_artifact(str(model))

    target = Path(folder) / "back"
    back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=model.name, dst_path=str(target))
    sent, received = (hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (model, back))

stored = mlflow.MlflowClient().get_run(run.info.run_id).data
assert stored.params == {"depth": "7"} and stored.metrics == {"loss": 0.25}, stored
assert sent == received, "the artifact came back changed"
print(f"run {run.info.run_id}: parameter, metric and {SIZE_MB} MB artifact logged; the artifact came back the same")
