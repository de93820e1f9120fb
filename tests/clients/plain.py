"""MLflow's own Python client without the plugin logs a metric again and again for so many seconds.

usage: plain.py SECONDS   (MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN say where and as whom)
"""

import importlib.util
import os
import sys
import time
from pathlib import Path

import mlflow

assert importlib.util.find_spec("mlflow_oidc_client") is None
end = time.monotonic() + float(sys.argv[1])
mlflow.set_experiment(f"plain-{os.getpid()}")
with mlflow.start_run() as run:
    logged = 0
    while logged == 0 or time.monotonic() < end:
        mlflow.log_metric("loss", 1 / (1 + logged), step=logged)
        logged += 1
        time.sleep(0.2)
    Path("model.bin").write_bytes(os.urandom(3 << 20))
    mlflow.log_artifact("model.bin")
run_id = run.info.run_id
assert len(mlflow.MlflowClient().get_metric_history(run_id, "loss")) == logged
back = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="model.bin", dst_path="back")
assert Path(back).read_bytes() == Path("model.bin").read_bytes()
print(logged)
