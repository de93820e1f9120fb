"""A scriptable tracking server behind a "proxy": checks the bearer token, then answers as much of MLflow's REST API as the tests use."""
import dataclasses
import hashlib
import itertools
import json
import time
import uuid

from scripted import Answer, ScriptedServer

LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form method=post>password</form></body></html>"


class TrackingServer(ScriptedServer):
    """`accepts(token) -> bool` decides. Endpoints are named after the REST path: "experiments/search", "runs/create" ...;
    "artifacts" for all artifact requests. Faults as in scripted.py, for one endpoint or "*"."""

    def __init__(self, accepts=lambda token: True, prefix="", **server):
        super().__init__(**server)
        self.accepts, self.prefix = accepts, prefix
        self.expects_tokens = True  # False: a server that nobody guards
        self.token_header = "Authorization"
        self.is_expired = lambda token: False
        self.artifacts = {}
        self.runs = {}
        self._numbers = itertools.count(1)

    @property
    def uri(self):
        return self.base + self.prefix

    # --- judging what came ---
    def without_token(self):
        return [r for r in self.requests if r.bearer is None]

    def with_expired_token(self):
        return [r for r in self.requests if getattr(r, "expired", False)]

    def tokens(self):
        return [r.bearer for r in self.requests]

    def route(self, path):
        for mark in ("/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts", "/api/3.0/mlflow/"):
            start = self.prefix + mark
            if path.startswith(start):
                return "artifacts" if "artifacts" in mark else path[len(start) :]
        return path[len(self.prefix) :].lstrip("/") if path.startswith(self.prefix) else "outside:" + path

    def answer_to(self, request, fault):
        request.token_header = self.token_header
        request.expired = request.bearer is not None and self.is_expired(request.bearer)
        request.body_hash = hashlib.sha256(request.body).hexdigest()
        return super().answer_to(request, fault)

    def respond(self, request):
        if request.endpoint == "login":
            return login_page()
        if self.expects_tokens and (request.bearer is None or not self.accepts(request.bearer)):
            return unauthorized(request)
        if request.endpoint == "artifacts":
            return self._artifact(request)
        handler = getattr(self, "_" + request.endpoint.replace("/", "_").replace("-", "_").replace(".", "_"), None)
        if handler is None:
            return Answer.of_json({"error_code": "ENDPOINT_NOT_FOUND", "message": request.endpoint}, 404)
        try:
            asked = json.loads(request.body) if request.body else dict(request.query)
        except ValueError:
            asked = {}
        return Answer.of_json(handler(asked))

    # --- MLflow ---
    EXPERIMENT = {"experiment_id": "0", "name": "Default", "lifecycle_stage": "active"}

    def _experiments_search(self, asked):
        return {"experiments": [self._experiment()]}

    def _experiments_get(self, asked):
        return {"experiment": self._experiment()}

    _experiments_get_by_name = _experiments_get

    def _experiment(self):
        return {**self.EXPERIMENT, "artifact_location": "mlflow-artifacts:/0"}

    def _registered_models_search(self, asked):
        return {"registered_models": []}

    def _runs_create(self, asked):
        run_id = uuid.uuid4().hex
        self.runs[run_id] = {
            "info": {
                "run_id": run_id, "run_uuid": run_id, "experiment_id": "0", "status": "RUNNING", "user_id": "alice",
                "run_name": asked.get("run_name", ""), "start_time": int(time.time() * 1000),
                "lifecycle_stage": "active", "artifact_uri": f"mlflow-artifacts:/0/{run_id}/artifacts",
            },
            "data": {"params": [], "metrics": [], "tags": asked.get("tags", [])},
        }
        return {"run": self.runs[run_id]}

    def _runs_get(self, asked):
        return {"run": self.runs[asked.get("run_id") or asked.get("run_uuid")]}

    def _runs_update(self, asked):
        info = self.runs[asked["run_id"]]["info"]
        info["status"] = asked.get("status", info["status"])
        return {"run_info": info}

    def _runs_log_parameter(self, asked):
        self.runs[asked["run_id"]]["data"]["params"].append({"key": asked["key"], "value": asked["value"]})
        return {}

    def _runs_log_metric(self, asked):
        metric = {name: asked.get(name, 0) for name in ("key", "value", "timestamp", "step")}
        self.runs[asked["run_id"]]["data"]["metrics"].append(metric)
        return {}

    def _runs_log_batch(self, asked):
        for name in ("params", "metrics", "tags"):
            self.runs[asked["run_id"]]["data"][name].extend(asked.get(name, []))
        return {}

    def _runs_set_tag(self, asked):
        return {}

    # the deployments client of MLflow's AI gateway
    def _api_2_0_endpoints_(self, asked):
        return {"endpoints": []}

    def _artifact(self, request):
        path = request.path.split("/mlflow-artifacts/artifacts", 1)[1].lstrip("/")
        if request.method == "PUT":
            self.artifacts[path] = request.body
            return Answer.of_json({})
        if request.method == "GET" and "path" in request.query:
            root = request.query["path"].rstrip("/") + "/"
            names = [name[len(root) :] for name in self.artifacts if name.startswith(root)]
            files = [{"path": n, "is_dir": False, "file_size": len(self.artifacts[root + n])} for n in names]
            return Answer.of_json({"files": files})
        if path not in self.artifacts:
            return Answer.of_json({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": path}, 404)
        return Answer(200, [("Content-Type", "application/octet-stream")], self.artifacts[path])


def unauthorized(request):
    """As oauth2-proxy and mod_auth_openidc answer: 401 where JSON is wanted, the way to a login page otherwise (facts.md)."""
    if request.header("Accept") == "application/json":
        challenge = ("WWW-Authenticate", 'Bearer realm="mlflow", error="invalid_token"')
        return Answer.of_json({"error": "unauthorized"}, 401, [challenge])
    return Answer(302, [("Location", "/login")])


def refused_for_ever():
    return Answer.of_json({"error": "unauthorized"}, 401, [("WWW-Authenticate", "Bearer")])


def login_page():
    return Answer(200, [("Content-Type", "text/html; charset=utf-8")], LOGIN_PAGE)


def redirect(location, status=302):
    return Answer(status, [("Location", location)])


def always(answer):
    """A fault that answers so every time."""
    return lambda request, normal: dataclasses.replace(answer)
