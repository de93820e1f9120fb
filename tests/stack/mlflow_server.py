"""`mlflow server` with sqlite and proxied artifacts."""

import os
import sys

from .process import Server


class MlflowServer(Server):
    name = "mlflow-server"
    start_timeout_s = 180  # it creates the database

    def __init__(self, run_dir, python=sys.executable):
        super().__init__(run_dir)
        self.ready_url = f"{self.url}/health"
        argv = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", self.port, "--workers", "1"]
        argv += ["--backend-store-uri", f"sqlite:///{self.run_dir}/mlflow.db"]
        argv += ["--artifacts-destination", f"{self.run_dir}/artifacts", "--serve-artifacts"]
        env = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        # It is a server here, nobody's client.
        unset = {name: "" for name in os.environ if name.startswith("MLFLOW_TRACKING_")}
        self.start(argv, env={**env, **unset})
