"""What depends on MLflow, requests and Python of all that contract.md promises: run with each MLflow and Python that we name."""
import os
import time

import pytest
import server as tracking
from guard import Guard
from stack.mlflow_server import MlflowServer

UPLOAD = """
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=os.environ["URI"])
run_id = client.create_run("0").info.run_id
with open("model.bin", "wb") as file:
    file.write(bytes(range(256)) * 4096)
client.log_artifact(run_id, "model.bin", "models")
"""
REAL_SERVER_LIMIT_S = 60  # its first calls are slow
MODEL = bytes(range(256)) * 4096


def tokens_of(world, client_id):
    return {token for grant in world.provider.grants if grant.client_id == client_id for token in grant.access_tokens}


def second_client(world, uri):
    """Settings of another server, with an identity of its own."""
    world.provider.add_client("second", "s3cret-second")
    return world.robot_settings(uri=uri, client_id="second", client_secret="s3cret-second")


# --- the two ways in ---
def test_the_drop_in_hook_gives_the_token(world):
    """A process of its own: the entry points as this MLflow loads them, nothing set."""
    world.robot()
    assert world.run("search()", spawn=True).ok() == ["Default"]
    asked = world.server.last("experiments/search")
    assert {asked.bearer} == tokens_of(world, "robot") and asked.header("Accept") == "application/json"


def test_the_environment_alone_is_enough(world):
    world.set_variables(world.robot_settings())
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    done = world.command("-m", "mlflow", "experiments", "search")
    assert done.returncode == 0 and "Default" in done.stdout, done.stderr
    assert set(world.server.tokens()) == tokens_of(world, "robot")


@pytest.mark.since(2, 9)
def test_mlflow_tracking_auth_asks_for_us_by_name(world):
    world.robot()
    world.env["MLFLOW_TRACKING_AUTH"] = "oidc"
    assert world.run("search()", spawn=True).ok() == ["Default"]
    assert set(world.server.tokens()) == tokens_of(world, "robot")


def test_a_person_signs_in_once_for_all_processes(world):
    world.person()
    assert world.run("[search(), threads(4, search)][0]").ok() == ["Default"]
    assert world.run("search()", spawn=True).ok() == ["Default"]
    assert len(world.browser.openings) == 1 and len(world.token_requests()) == 1


def test_get_token_gives_what_calls_send(world):
    world.robot()
    assert {world.run("[search(), token()][1]").ok()} == set(world.server.tokens())


# --- each server its own token ---
def test_tracking_and_registry_get_their_own_tokens(world):
    registry = world.new_server()
    world.write(world.robot_settings(), second_client(world, registry.uri))
    world.run("""
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=os.environ["URI"], registry_uri=%r)
client.search_experiments()
client.search_registered_models()
client.search_experiments()
""" % registry.uri).ok()
    assert set(world.server.tokens()) == tokens_of(world, "robot") and world.server.count() == 2
    assert set(registry.tokens()) == tokens_of(world, "second") and registry.count() == 1


def test_a_client_for_another_server_gets_that_servers_token(world):
    other = world.new_server()
    world.write(world.robot_settings(), second_client(world, other.uri))
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.run("import mlflow; search(%r); mlflow.search_experiments()" % other.uri).ok()
    assert set(world.server.tokens()) == tokens_of(world, "robot")
    assert set(other.tokens()) == tokens_of(world, "second")


@pytest.mark.since(2, 9)
def test_the_deployments_client_gets_its_own_token(world):
    gateway = world.new_server()
    world.write(world.robot_settings(), second_client(world, gateway.uri))
    world.run("""
import mlflow.deployments
search()
mlflow.deployments.get_deploy_client(%r).list_endpoints()
""" % gateway.uri).ok()
    assert gateway.requests and set(gateway.tokens()) == tokens_of(world, "second")


def test_a_server_without_settings_is_left_alone(world):
    world.write(world.robot_settings(uri="http://other.example.com"))
    world.unguarded = True
    world.server.expects_tokens = False
    with world.process() as process:
        assert process.do("search()").ok() == ["Default"]
    assert world.server.last("experiments/search").header("Accept") == "*/*"
    assert world.server.tokens() == [None] and world.provider.requests == [] and "oidc" not in process.stderr


@pytest.mark.since(2, 9)
def test_a_server_without_settings_is_left_alone_though_we_are_asked_for_by_name(world):
    world.write(world.robot_settings(uri="http://other.example.com"))
    world.unguarded = True
    world.server.expects_tokens = False
    assert world.run("search()", MLFLOW_TRACKING_AUTH="oidc").ok() == ["Default"]
    assert world.server.tokens() == [None] and world.provider.requests == []


# --- runs and artifacts ---
def test_a_run_with_the_fluent_calls(world):
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    outcome = world.run("""
import mlflow
with mlflow.start_run() as run:
    mlflow.log_param("depth", 7)
    mlflow.log_metric("loss", 0.25)
    mlflow.log_text("a note", "note.txt")
data = mlflow.MlflowClient().get_run(run.info.run_id).data
result = [data.params, data.metrics]
""")
    assert outcome.ok() == [{"depth": "7"}, {"loss": 0.25}]
    assert set(world.server.tokens()) == tokens_of(world, "robot")


def test_artifacts_go_up_and_come_down_with_the_token(world):
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri  # where mlflow-artifacts: leads to
    world.server.replace("logged-models/search", json={"models": []})  # MLflow 3 asks there for a run's models
    world.run(UPLOAD + """
path = client.download_artifacts(run_id, "models/model.bin", ".")
assert open(path, "rb").read() == open("model.bin", "rb").read()
assert [file.path for file in client.list_artifacts(run_id, "models")] == ["models/model.bin"]
""").ok()
    assert {request.method for request in world.server.received("artifacts")} == {"PUT", "GET"}
    assert set(world.server.tokens()) == tokens_of(world, "robot")


@pytest.mark.whole
def test_a_real_mlflow_server(world, tmp_path, monkeypatch):
    python = os.environ["MOIDC_TEST_PYTHON"]
    # Old ones start gunicorn by its name.
    monkeypatch.setenv("PATH", os.path.dirname(python) + os.pathsep + os.environ["PATH"])
    with MlflowServer(tmp_path / "mlflow", python) as behind:
        guard = Guard(behind.url, accepts=world.provider.accepts)
        try:
            world.write(world.robot_settings(uri=guard.uri))
            world.env["MLFLOW_TRACKING_URI"] = world.env["URI"] = guard.uri
            with world.process() as process:
                process.do("""
import mlflow
experiment = mlflow.set_experiment("calls")
with mlflow.start_run() as run:
    mlflow.log_param("depth", 7)
    mlflow.log_metric("loss", 0.25)
    mlflow.log_text("a note", "note.txt")
client = mlflow.MlflowClient()
assert client.get_run(run.info.run_id).data.params == {"depth": "7"}
assert client.get_metric_history(run.info.run_id, "loss")[0].value == 0.25
assert open(client.download_artifacts(run.info.run_id, "note.txt")).read() == "a note"
client.create_registered_model("model")
assert [model.name for model in client.search_registered_models()] == ["model"]
assert sorted(search()) == ["Default", "calls"]
if mlflow.__version__ >= "3":  # spans go out from threads of MLflow's
    with mlflow.start_span("step"):
        pass
    mlflow.flush_trace_async_logging()
    assert len(client.search_traces([experiment.experiment_id])) == 1
""", limit=REAL_SERVER_LIMIT_S).ok()
            assert not guard.errors and set(guard.tokens()) == tokens_of(world, "robot")
        finally:
            guard.close()


# --- a 401 ---
def test_a_401_renews_the_token_and_repeats_the_call(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        assert process.do("search()").ok() == ["Default"]
    first, refused, repeated = world.server.tokens()
    assert first == refused != repeated and len(world.token_requests()) == 2


def test_a_401_on_an_upload_repeats_the_whole_file(world):
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.server.fault("artifacts", lambda request, normal: tracking.refused_for_ever(), times=1)
    world.run(UPLOAD).ok()
    assert [request.body == MODEL for request in world.server.received("artifacts")] == [True, True]
    assert len(world.token_requests()) == 2


def test_a_401_on_a_download_brings_the_whole_file(world):
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    refusals = [tracking.refused_for_ever()]

    def refuse_first_download(request, normal):
        asks_for_the_file = request.method == "GET" and "path" not in request.query
        return refusals.pop() if refusals and asks_for_the_file else normal()

    world.server.fault("artifacts", refuse_first_download)
    world.run(UPLOAD + """
path = client.download_artifacts(run_id, "models/model.bin", ".")
assert open(path, "rb").read() == open("model.bin", "rb").read()
""").ok()
    assert refusals == [] and len(world.token_requests()) == 2


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_to_another_host_takes_no_token_along(world, status):
    other = world.new_server()
    other.fault("*", lambda request, normal: tracking.refused_for_ever())
    world.unguarded = True
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.redirect(other.uri + request.target, status))
    world.run("search()").failed(None, "redirect", other.netloc)
    assert other.tokens() == [None] and len(world.server.requests) == 1 and len(world.token_requests()) == 1


# --- MLflow's own credentials ---
def test_mlflow_tracking_token_wins(world):
    world.robot()
    world.more_secrets.add("users-own-token")
    world.server.accepts = lambda token: token == "users-own-token"
    assert world.run("search()", MLFLOW_TRACKING_TOKEN="users-own-token").ok() == ["Default"]
    assert world.server.tokens() == ["users-own-token"] and world.provider.requests == []


def test_username_and_password_win(world):
    world.robot()
    world.unguarded = True
    world.server.expects_tokens = False
    world.run("search()", MLFLOW_TRACKING_USERNAME="alice", MLFLOW_TRACKING_PASSWORD="pass-w0rd").ok()
    assert world.server.last("experiments/search").header("Authorization").startswith("Basic ")
    assert world.provider.requests == []


def test_a_netrc_line_does_not_win(world):
    world.robot()
    netrc = world.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login alice password pw\n")
    netrc.chmod(0o600)
    world.run("search()").ok()
    assert set(world.server.tokens()) == tokens_of(world, "robot")


# --- failure ---
def test_without_a_token_the_call_fails_with_our_text_and_nothing_is_sent(world):
    """MLflow's own retries as they are: they add nothing to our failure."""
    world.robot()
    world.provider.down()
    with world.process(unset=["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) as process:
        process.do("search()").failed("network", world.provider.netloc, "next:")
        process.do(UPLOAD).failed("network", world.provider.netloc, "next:")
        assert world.server.requests == []
        world.provider.up()
        world.advance(61)
        assert process.do("search()").ok() == ["Default"]
        assert process.end(whole=True) == 0
    assert "Traceback" not in process.stderr and "Exception ignored" not in process.stderr


def test_ctrl_c_ends_a_call_that_waits_and_other_threads_go_on_meanwhile(world):
    world.robot()
    world.provider.hang("token")
    with world.process() as process:
        process.do("import mlflow_oidc_client")
        process.start("""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without
ticks = []
def tick():
    while not ended:
        ticks.append(time.sleep(0.01))
        if len(ticks) == 6:
            open("ticked", "w").close()
ended = []
thread = threading.Thread(target=tick)
thread.start()
outcome = attempt(search)
ended.append(True)
thread.join()
result = outcome["error"]["type"]
""")
        world.provider.wait_for("token")
        world.wait_for((world.cwd / "ticked").exists)
        began = time.monotonic()
        process.interrupt()
        assert process.wait().ok() == "KeyboardInterrupt" and time.monotonic() - began < 8
        world.provider.heal()
    assert world.server.requests == []


def test_a_wrong_setting_is_named(world):
    world.robot(interactive="maybe")
    world.run("search()").failed("configuration", "interactive", "pyproject.toml")
    assert world.server.requests == []


def test_a_token_refused_twice_is_explained(world):
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.refused_for_ever())
    world.run("search()").failed(None, world.server.uri, "401")
    assert len(world.server.requests) == 2
