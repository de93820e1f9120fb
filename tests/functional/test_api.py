"""The Python API beside the hooks: issue 3, "What must work", 8."""
import os

import pytest
from scripted import Answer
from world import SOON_S

FIELDS = {"code": str, "http_status": int, "oauth_error": str, "what": str, "where": str, "next": str}


def test_the_public_names(world):
    names = world.run("""
import mlflow_oidc_client
result = {name: callable(getattr(mlflow_oidc_client, name)) for name in ("get_token", "login", "logout", "OIDCAuth", "OIDCError")}
""").ok()
    assert all(names.values())


def test_the_entry_points(world):
    found = world.run("""
import importlib.metadata
result = {}
for distribution in importlib.metadata.distributions():
    if distribution.metadata["Name"] == "mlflow-oidc-client":
        result = {e.group: [e.name, e.value] for e in distribution.entry_points if e.group.startswith("mlflow.")}
        result["version"] = distribution.version
""").ok()
    assert found["mlflow.request_header_provider"][1] == (
        "mlflow_oidc_client.request_header_provider:PluginOIDCRequestHeaderProvider")
    assert found["mlflow.request_auth_provider"][0] == "oidc"
    assert found["version"].startswith("1.0.0")


def test_it_is_typed(world):
    names = world.run("""
import mlflow_oidc_client, pathlib
folder = pathlib.Path(mlflow_oidc_client.__file__).parent
result = sorted(p.name for p in folder.rglob("*"))
""").ok()
    assert "py.typed" in names and any(name.endswith(".pyi") for name in names)


def test_a_star_import_brings_what_the_types_say(world):
    said, there = world.run("""
import ast, mlflow_oidc_client, pathlib
stub = ast.parse(pathlib.Path(mlflow_oidc_client.__file__).with_suffix(".pyi").read_text())
said = [ast.literal_eval(n.value) for n in stub.body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"]
result = said, [mlflow_oidc_client.__all__]
""").ok()
    assert said == there


@pytest.mark.since_mlflow("2.9")
def test_the_plugins_are_typed_for_programs_that_call_them(world):
    assert world.run("""
import inspect
from mlflow_oidc_client.request_auth_provider import PluginOIDCRequestAuthProvider
from mlflow_oidc_client.request_header_provider import PluginOIDCRequestHeaderProvider
methods = [m for plugin in (PluginOIDCRequestAuthProvider, PluginOIDCRequestHeaderProvider) for m in vars(plugin).values()
           if inspect.isfunction(m)]
result = [m.__qualname__ for m in methods if "return" not in m.__annotations__] if len(methods) == 4 else "others"
""").ok() == []


def test_importing_the_package_does_not_import_mlflow(world):
    world.run("""
import subprocess
code = "import sys, mlflow_oidc_client; sys.exit(any(m == 'mlflow' or m.startswith('mlflow.') or m == 'requests' for m in sys.modules))"
result = subprocess.run([sys.executable, "-c", code]).returncode
""")
    assert world.outcomes[-1].ok() == 0


WHILE_IMPORTING = """
import importlib.abc, importlib.util, sys, threading
begun, failures = threading.Event(), []

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "multiprocessing.util":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def slowly(module):
            begun.set()
            other.join(2)  # it has failed by then, or waits for this module
            execute(module)

        spec.loader.exec_module = slowly
        return spec

def load():
    begun.wait()
    try:
        import mlflow_oidc_client
    except BaseException as error:
        failures.append(error)

assert "multiprocessing.util" not in sys.modules
sys.meta_path.insert(0, Slow())
other = threading.Thread(target=load)
other.start()
import multiprocessing.util
other.join()
print(failures, begun.is_set())
"""


def test_it_is_imported_while_another_thread_imports_what_it_looks_at(world):
    """MLflow goes on without a plugin that cannot be imported: no request of that process would have a token."""
    done = world.command("-c", WHILE_IMPORTING)
    assert (done.stdout, done.stderr) == ("[] True\n", "")


def test_get_token_gives_a_text(world):
    world.robot()
    assert world.run("token()").ok() in world.provider.grants[0].access_tokens


def test_without_an_argument_it_is_the_server_that_mlflow_is_set_to(world):
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.run("""
import mlflow_oidc_client as m
result = m.get_token() == token()
m.login()
m.logout()
""").ok()
    with world.process(unset=["MLFLOW_TRACKING_URI"]) as process:
        process.do("""
import mlflow, mlflow_oidc_client
mlflow.set_tracking_uri(os.environ["URI"])
mlflow_oidc_client.get_token()
""").ok()


def test_without_an_argument_and_without_a_server_it_is_an_error(world):
    world.robot()
    world.run("__import__('mlflow_oidc_client').get_token()").failed("configuration", "MLFLOW_TRACKING_URI")


@pytest.mark.parametrize("uri", [
    "postgresql://me:pass-w0rd@db.example.com/mlflow", "mysql+pymysql://me:pass-w0rd/x@db.example.com/mlflow?sslpassword=pass-w0rd",
    "postgresql://me:a?pass-w0rd#b@db.example.com/mlflow", "mssql://me:a@pass-w0rd@db.example.com/mlflow#pass-w0rd",
])
def test_the_password_of_a_database_that_mlflow_is_set_to_does_not_stand_in_the_error(world, uri):
    world.more_secrets.add("pass-w0rd")
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = uri
    text = world.run("__import__('mlflow_oidc_client').get_token()").failed("configuration", "db.example.com/mlflow")
    assert "me:" not in text


def test_a_server_that_the_variables_cannot_describe_needs_a_block(world):
    """They describe the one that MLflow is set to."""
    second = world.new_server()
    settings = world.robot_settings()
    for given in ({"uri": settings.pop("uri")}, settings):
        world.set_variables(given)
        text = world.run(f"token({second.uri!r})").failed("configuration", "no settings describe this server")
        assert "add a block" in text and "set MLFLOW_TRACKING_OIDC" not in text
    world.run("token()").ok()
    world.env["MLFLOW_TRACKING_URI"] = second.uri
    world.run(f"token({second.uri + '/api'!r})").ok()


def test_get_token_of_a_server_without_settings_is_an_error(world):
    world.robot()
    world.run("token('http://other.example.com')").failed("configuration", "other.example.com", "pyproject.toml")


def test_min_valid_s_asks_for_a_token_that_lasts(world):
    world.robot()
    with world.process() as process:
        first = process.do("token(min_valid_s=200)").ok()
        world.advance(150)
        assert process.do("token(min_valid_s=100)").ok() == first
        second = process.do("token(min_valid_s=200)").ok()
        assert second != first
    world.advance(150)
    assert world.run("token(min_valid_s=100)").ok() == second


def test_min_valid_s_longer_than_any_lifetime_does_not_loop(world):
    world.robot()
    with world.process() as process:
        outcome = process.do("token(min_valid_s=100000)")
        if outcome.error is not None:
            outcome.failed(None, "100000")
        assert outcome.seconds < SOON_S
    assert len(world.token_requests()) <= 2


def test_login_signs_in_anew_whatever_the_cache_holds(world):
    world.person()
    with world.process() as process:
        first = process.do("token()").ok()
        process.do("login()").ok()
        second = process.do("token()").ok()
        assert first != second
    assert len(world.browser.openings) == 2
    assert world.run("token()").ok() == second, "and it is saved"


def test_login_with_client_credentials_asks_for_a_new_token(world):
    world.robot()
    world.run("token(), login()").ok()
    assert len(world.token_requests("client_credentials")) == 2


def test_logout_twice_is_no_error(world):
    world.person()
    world.run("logout(), token(), logout(), logout()").ok()


def test_oidcauth_with_requests(world):
    world.robot()
    status = world.run("""
import requests, mlflow_oidc_client
session = requests.Session()
session.auth = mlflow_oidc_client.OIDCAuth(os.environ["URI"])
result = session.post(os.environ["URI"] + "/api/2.0/mlflow/experiments/search", json={}).status_code
assert isinstance(session.auth, requests.auth.AuthBase)
""").ok()
    assert status == 200


def test_oidcauth_gives_nothing_to_another_server(world):
    other = world.new_server()
    other.expects_tokens = False
    world.unguarded = True
    world.robot()
    outcome = world.run("""
import requests, mlflow_oidc_client
auth = mlflow_oidc_client.OIDCAuth(os.environ["URI"])
result = attempt(requests.get, %r, auth=auth)["error"]
""" % (other.uri + "/x"))
    outcome.ok()
    assert [r.header("Authorization") for r in other.requests] in ([], [None])


def test_responses_and_what_is_raised_of_them_can_be_pickled(world):
    """As they are on their way from a worker to its pool."""
    world.robot()
    world.server.fault("missing", lambda request, normal: Answer(404))
    world.run("""
import pickle, requests, mlflow_oidc_client
response = requests.get(os.environ["URI"] + "/missing", auth=mlflow_oidc_client.OIDCAuth())
found = pickle.loads(pickle.dumps(response))
try:
    response.raise_for_status()
except requests.HTTPError as error:
    raised = pickle.loads(pickle.dumps(error))
assert (found.status_code, found.url, raised.response.status_code) == (404, response.url, 404)
assert found.request.hooks["response"][0](found, timeout=1) is found
""").ok()


def test_a_deep_copy_of_a_prepared_request_is_renewed_too(world):
    world.robot()
    with world.process() as process:
        process.do("import copy\nsession, request = prepared()\nrequest = copy.deepcopy(request)").ok()
        world.provider.revoke_access()
        assert process.do("session.send(request).status_code").ok() == 200


def test_a_prepared_request_that_is_sent_later_carries_a_token_that_is_valid_then(world):
    world.robot()
    with world.process() as process:
        process.do("session, request = prepared()").ok()
        world.advance(301)
        assert process.do("session.send(request).status_code").ok() == 200
        world.advance(301)
        assert process.do("session.send(request).status_code").ok() == 200
    assert len(world.server.requests) == 2, "neither was refused first"


def test_oidcauth_of_one_server_lets_no_other_be_the_first_that_the_variables_describe(world):
    """Where MLflow is set to none they describe the first server that is asked for: not one that a request strays to."""
    other = world.new_server()
    other.expects_tokens = False
    world.unguarded = True
    world.set_variables({key: value for key, value in world.robot_settings().items() if key != "uri"})
    statuses = world.run("""
import requests, mlflow_oidc_client
session = requests.Session()
session.auth = mlflow_oidc_client.OIDCAuth(os.environ["URI"])
path = "/api/2.0/mlflow/experiments/search"
result = [session.get(uri + path).status_code for uri in (%r, os.environ["URI"], %r)]
result.append(requests.get(%r + path, auth=mlflow_oidc_client.OIDCAuth()).status_code)
""" % ((other.uri,) * 3)).ok()
    assert statuses == [200] * 4
    assert other.tokens() == [None] * 3 and None not in world.server.tokens()


def test_an_error_has_the_fields_and_one_line_with_all_three(world):
    world.robot()
    world.provider.replace("token", 400, json={"error": "invalid_scope", "error_description": "no such scope"})
    error = world.run("token()").error
    assert error["type"] == "OIDCError" or "OIDCError" in error["classes"]
    assert "MlflowException" in error["classes"]
    for name, kind in FIELDS.items():
        assert isinstance(error[name], kind), name
    assert (error["code"], error["http_status"], error["oauth_error"]) == ("provider", 400, "invalid_scope")
    assert all(error[part] and error[part] in error["text"] for part in ("what", "where", "next"))
    assert "\n" not in error["text"]


def test_an_error_survives_pickling(world):
    """Pools and schedulers send exceptions from process to process."""
    world.robot()
    world.provider.replace("token", 400, json={"error": "invalid_scope"})
    assert world.run("""
import pickle
try:
    token()
except Exception as error:
    copy = pickle.loads(pickle.dumps(error))
    result = [type(copy) is type(error), str(copy) == str(error), copy.code == error.code, copy.oauth_error == error.oauth_error]
""").ok() == [True] * 4


def test_an_error_at_pythons_end_is_ours_though_mlflow_cannot_be_imported_then(world):
    world.robot()
    world.provider.replace("token", 400, json={"error": "invalid_scope"})
    done = world.command("-c", """
import atexit, os, threading
import mlflow_oidc_client

def last():
    try:
        mlflow_oidc_client.get_token(os.environ["URI"])
    except Exception as error:
        print(type(error).__name__, error.oauth_error)

atexit.register(last)
""")
    assert done.stdout == "OIDCProviderError invalid_scope\n", done.stderr


@pytest.mark.parametrize("call", [
    "get_token(5)", "get_token(b'http://127.0.0.1')", "get_token(['http://127.0.0.1'])", "get_token(min_valid_s='x')",
    "get_token(min_valid_s=None)", "get_token('http://127.0.0.1', 1, 2)", "get_token(unknown=1)", "login(5)", "logout(5)", "OIDCAuth(5)",
    "login('http://127.0.0.1', 1)",
])
def test_a_wrong_type_raises_type_error(world, call):
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.robot()
    outcome = world.run(f"__import__('mlflow_oidc_client').{call}")
    assert outcome.error is not None and outcome.error["type"] == "TypeError", outcome


@pytest.mark.parametrize("call", ["get_token(min_valid_s=-1)"])
def test_a_wrong_value_raises_value_error(world, call):
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.robot()
    outcome = world.run(f"__import__('mlflow_oidc_client').{call}")
    assert outcome.error is not None and outcome.error["type"] == "ValueError", outcome


def test_calls_do_not_leak(world):
    """Memory, descriptors and references do not grow with the calls."""
    world.robot()
    with world.process() as process:
        growth = process.do("""
import gc, mlflow_oidc_client, resource
uri = os.environ["URI"]
def many(count):
    for _ in range(count):
        mlflow_oidc_client.get_token(uri)
        try:
            mlflow_oidc_client.get_token("http://other.example.com")
        except Exception:
            pass
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
many(300)
gc.collect()
before, blocks = resident(), sys.getallocatedblocks()
many(2000)
gc.collect()
result = [resident() - before, sys.getallocatedblocks() - blocks]
""").ok()
    # newer compilers' sanitizers take memory of their own for longer
    assert growth[0] < (6_000_000 if "MOIDC_TEST_SANITIZER" in os.environ else 1_000_000) and growth[1] < 200, growth
