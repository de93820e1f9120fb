"""contract.md, "What a call does"."""
import dataclasses
import hashlib
import sys

import pytest
import server as tracking
from scripted import Answer
from world import attempts
from provider import DROP
from test_our_tools import WHOLE_MLFLOW

REFUSED = tracking.refused_for_ever()


# --- the plugin at work ---
def test_runs_parameters_metrics_and_artifacts_work(world):
    world.person()
    assert world.run(WHOLE_MLFLOW).ok() == {"param": "1", "metric": 2.0, "artifact": "hello", "experiments": ["Default"]}
    assert len(world.server.requests) > 8 and len(world.browser.openings) == 1


def test_the_mlflow_program_works(world):
    world.robot()
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    done = world.command("-m", "mlflow", "experiments", "search")
    assert done.returncode == 0 and "Default" in done.stdout, done.stderr


def test_a_process_that_imports_everything_itself_works(world):
    """No fork and nothing imported before: the entry points as MLflow loads them."""
    world.robot()
    assert world.run("search()", spawn=True).ok() == ["Default"]


@pytest.mark.since_mlflow("2.9")  # MLFLOW_TRACKING_AUTH
def test_mlflow_tracking_auth_asks_for_us_by_name(world):
    world.robot()
    world.env["MLFLOW_TRACKING_AUTH"] = "oidc"
    assert world.run("search()").ok() == ["Default"]
    assert world.server.last("experiments/search").header("Accept") == "application/json"


@pytest.mark.since_mlflow("2.9")  # MLFLOW_TRACKING_AUTH
def test_by_name_without_settings_for_this_server_but_for_others_stays_out(world):
    world.write(world.robot_settings(uri="http://other.example.com"))
    world.env["MLFLOW_TRACKING_AUTH"] = "oidc"
    world.unguarded = True
    world.server.expects_tokens = False
    assert world.run("search()").ok() == ["Default"]
    assert world.server.tokens() == [None]


@pytest.mark.since_mlflow("2.9")  # MLFLOW_TRACKING_AUTH
def test_by_name_without_any_settings_is_an_error(world):
    world.env["MLFLOW_TRACKING_AUTH"] = "oidc"
    world.run("search()").failed(None, "pyproject.toml", world.server.uri)
    assert world.server.requests == []


LOGGED = """
import tempfile
from mlflow.artifacts import download_artifacts
from mlflow.tracking import MlflowClient
import mlflow
mlflow.set_tracking_uri(os.environ["URI"])
run_id, folder = MlflowClient().create_run("0").info.run_id, tempfile.mkdtemp()
os.mkdir(os.path.join(folder, NAME))
with open(os.path.join(folder, NAME, "f.txt"), "w") as file:
    file.write("hello")
MlflowClient().log_artifacts(run_id, folder)
with open(download_artifacts(artifact_uri=f"runs:/{run_id}/{NAME}/f.txt")) as file:
    result = file.read()
"""


@pytest.mark.parametrize("name", ["a b", "über", "50%", "50%2", "{a}", "a|b", "a^b`c", '"a"', "<a>"])
def test_artifacts_with_names_that_no_uri_can_hold_get_the_token(world, name):
    """MLflow names them as they are where it asks for headers, and encodes them in the request."""
    world.robot()
    assert world.run(f"NAME = {name!r}" + LOGGED).ok() == "hello"
    assert {"PUT", "GET"} <= {r.method for r in world.server.requests if r.endpoint == "artifacts" and world.provider.accepts(r.bearer)}


def test_the_registry_at_another_uri_gets_its_own_token(world):
    registry = world.new_server()
    world.provider.add_client("second", "s3cret-second")
    world.write(world.robot_settings(),
                world.robot_settings(uri=registry.uri, client_id="second", client_secret="s3cret-second"))
    world.run("""
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=os.environ["URI"], registry_uri=%r)
client.search_experiments()
client.search_registered_models()
""" % registry.uri).ok()
    given = {grant.client_id: grant.access_tokens[0] for grant in world.provider.grants}
    assert set(world.server.tokens()) == {given["robot"]} and set(registry.tokens()) == {given["second"]}


def test_the_deployments_client_gets_its_own_token(world):
    gateway = world.new_server()
    world.write(world.robot_settings(), world.robot_settings(uri=gateway.uri))
    world.run("""
import mlflow.deployments
search()
if hasattr(mlflow.deployments, "MlflowDeploymentClient") or hasattr(mlflow.deployments, "get_deploy_client"):
    try:
        client = mlflow.deployments.get_deploy_client(%r)
    except Exception:
        client = None  # MLflow before 2.9 has none for http
    if client is not None:
        client.list_endpoints()
    else:
        search(%r)
""" % (gateway.uri, gateway.uri)).ok()
    assert gateway.requests and None not in gateway.tokens()
    assert len(world.token_requests("client_credentials")) == 2


# --- 1: untouched ---
def test_a_request_to_a_host_without_settings_goes_out_untouched(world):
    world.unguarded = True
    world.server.expects_tokens = False
    with world.process() as process:
        process.do("search()").ok()
        with_plugin = [(n, v) for n, v in world.server.requests[-1].headers if n.lower() != "content-length"]
        process.do("""
import mlflow.tracking.request_header.registry as registry
kept = [p for p in registry._request_header_provider_registry if 'oidc' not in type(p).__module__]
assert len(kept) < len(registry._request_header_provider_registry._registry)
registry._request_header_provider_registry._registry = kept
search()
""").ok()
        without = [(n, v) for n, v in world.server.requests[-1].headers if n.lower() != "content-length"]
    assert with_plugin == without and not [n for n, _ in without if n.lower() == "authorization"]
    assert process.stderr == "" and not world.cache.exists()


def test_a_server_without_settings_beside_one_with_settings_goes_out_untouched(world):
    world.write(world.robot_settings(uri="http://other.example.com"))
    world.unguarded = True
    world.server.expects_tokens = False
    with world.process() as process:
        process.do("search()").ok()
    assert world.server.last("experiments/search").header("Accept") == "*/*"
    assert world.server.tokens() == [None] and world.provider.requests == [] and process.stderr == ""


@pytest.mark.parametrize("place", ["provider", "registry"])
def test_functions_that_tracers_put_between_send_no_token_elsewhere(world, place):
    """Decorators have frames of their own."""
    stranger = world.new_server()
    stranger.expects_tokens, world.unguarded = False, True
    world.robot()
    with world.process(MLFLOW_TRACKING_URI=world.server.uri) as process:
        process.do(f"""
import functools
import mlflow.tracking.request_header.registry as registry
from mlflow_oidc_client.request_header_provider import PluginOIDCRequestHeaderProvider as provider

def traced(function):
    @functools.wraps(function)
    def inner(*arguments, **options):
        return function(*arguments, **options)
    return inner

for _ in range(6):
    if {place == "provider"}:
        provider.request_headers = traced(provider.request_headers)
    else:
        registry.resolve_request_headers = traced(registry.resolve_request_headers)
""").ok()
        process.do(f"search({stranger.uri!r})").ok()
        process.do("search()").ok()
        world.provider.revoke_access()
        process.do("search()").ok()
    assert stranger.tokens() == [None] and None not in world.server.tokens() and len(world.token_requests()) == 2


def test_the_header_alone_is_had_by_a_program_that_asks_for_it(world):
    world.robot()
    with world.process(MLFLOW_TRACKING_URI=world.server.uri) as process:
        header = process.do("""
from mlflow_oidc_client.request_header_provider import PluginOIDCRequestHeaderProvider
result = PluginOIDCRequestHeaderProvider().request_headers()["Authorization"] == f"Bearer {token()}"
""")
        assert header.ok()


@pytest.mark.parametrize("described", [True, False])
def test_a_working_directory_that_is_gone_does_not_matter(world, described):
    """MLflow, set to no tracking URI, cannot say then where its files would be."""
    if described:
        world.write_user_file(world.robot_settings())
    world.unguarded = not described
    world.server.expects_tokens = described
    with world.process() as process:
        process.do("import tempfile; folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)").ok()
        assert process.do("search()").ok() == ["Default"]
        if described:
            process.do("import mlflow_oidc_client; mlflow_oidc_client.get_token()").failed("configuration", "no tracking server is named")
    assert (None in world.server.tokens()) == (not described)


@pytest.mark.parametrize("described", ["file", "variables", None])
def test_a_tracking_uri_of_other_bytes_than_utf_8_does_not_matter(world, described):
    """It names files, and runs are logged to a server at an address of its own."""
    if described == "variables":
        world.set_variables({**world.robot_settings(), "uri": ""})
    elif described:
        world.robot()
    world.unguarded = not described
    world.server.expects_tokens = bool(described)
    with world.process() as process:
        process.do("os.environ['MLFLOW_TRACKING_URI'] = os.fsdecode(b'file:///runs/\\xff')").ok()
        assert process.do("search()").ok() == ["Default"]
    assert (None in world.server.tokens()) == (not described)


def test_a_tracking_uri_that_is_no_text_does_not_matter(world):
    """Tests of programs put a stand-in in the place of mlflow.get_tracking_uri()."""
    world.unguarded, world.server.expects_tokens = True, False
    with world.process() as process:
        process.do("import mlflow, unittest.mock; mlflow.get_tracking_uri = unittest.mock.Mock()").ok()
        assert process.do("search()").ok() == ["Default"]


def test_python_may_stand_in_a_folder_with_a_name_of_other_bytes_than_utf_8(world):
    """Where certifi's certificates are is told to the core."""
    world.robot()
    with world.process() as process:
        process.do("import certifi; certifi.where = lambda: os.fsdecode(b'/python\\xff/cacert.pem')").ok()
        assert process.do("search()").ok() == ["Default"]


# --- 2: the header ---
@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_bearer_with_a_capital_b(world, token_type):
    world.robot()
    world.provider.token_type = token_type
    given, = world.run("[search(), token()][1:]").ok()
    assert world.server.last("experiments/search").header_values("Authorization") == [f"Bearer {given}"]


def test_the_request_wants_json(world):
    world.robot()
    world.run("search()").ok()
    assert world.server.last("experiments/search").header_values("Accept") == ["application/json"]


def test_an_accept_header_of_the_callers_is_kept(world):
    world.robot()
    world.run("""
import requests, mlflow_oidc_client
requests.get(os.environ["URI"] + "/x", auth=mlflow_oidc_client.OIDCAuth(), headers={"Accept": "text/csv"})
""").ok()
    assert world.server.requests[-1].header_values("Accept") == ["text/csv"]


def test_http_to_another_host_works_with_one_warning(world):
    """The server as an HTTP proxy: any host name can be asked for."""
    world.write(world.robot_settings(uri="http://mlflow.example.com"))
    with world.process(http_proxy=world.server.base, no_proxy="127.0.0.1") as process:
        process.do("search('http://mlflow.example.com')").ok()
        process.do("search('http://mlflow.example.com')").ok()
    assert len(world.server.requests) == 2
    warnings = [line for line in process.stderr.splitlines() if "mlflow.example.com" in line]
    assert len(warnings) == 1 and "clear" in warnings[0] or "clear" in process.stderr
    assert process.stderr.lower().count("clear") == 1


def test_http_to_loopback_gives_no_warning(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
    assert process.stderr == ""


# --- 4: where tokens come from, and when they are renewed ---
def test_memory_then_cache_then_refresh_then_sign_in(world):
    world.person()
    with world.process() as process:
        process.do("search()").ok()
        for path in world.cache_files():
            path.unlink()
        process.do("search()").ok()
        assert len(world.token_requests()) == 1, "from memory"
        world.advance(301)
        process.do("search()").ok()
        assert [r.form["grant_type"] for r in world.token_requests()] == ["authorization_code", "refresh_token"]
    world.run("search()").ok()
    assert len(world.token_requests()) == 2, "from the cache of another process"
    world.provider.revoke_all()
    world.advance(301)
    world.run("search()").ok()
    assert world.provider.last("token").form["grant_type"] == "authorization_code"
    assert len(world.browser.openings) == 2


def test_another_process_takes_the_token_from_the_cache_without_any_request(world):
    world.person()
    first = world.run("token()").ok()
    before = world.provider.count()
    assert world.run("token()").ok() == first
    assert world.provider.count() == before, "not even discovery"


def test_an_expired_token_is_renewed_without_a_browser(world):
    world.person()
    first = world.run("token()").ok()
    world.advance(301)
    assert world.run("token()").ok() != first
    assert len(world.browser.openings) == 1


@pytest.mark.parametrize("lifetime, early, due", [(300, 235, 243), (3600, 3535, 3543), (100, 75, 83)])
def test_renewal_starts_when_a_fifth_at_most_60_s_is_left(world, lifetime, early, due):
    world.robot()
    world.provider.expires_in = lifetime
    with world.process() as process:
        first = process.do("token()").ok()
        world.advance(early)
        assert process.do("[token(), time.sleep(0.1)][0]").ok() == first
        assert len(world.token_requests()) == 1
        world.advance(due - early)
        assert process.do("token()").ok() == first, "the call does not wait"
        world.provider.wait_for("token", 2)
        world.wait_for(lambda: process.do("token()").ok() != first)


def test_the_token_still_valid_is_used_while_a_renewal_is_under_way(world):
    world.person()
    with world.process() as process:
        first = process.do("token()").ok()
        gate = world.provider.hold("token")
        world.advance(250)
        for _ in range(20):
            assert process.do("token()").ok() == first
        world.provider.wait_for("token", 2)
        assert process.do("token()").ok() == first
        assert len(world.token_requests()) == 2, "one renewal, not one a call"
        gate.set()
        world.wait_for(lambda: process.do("token()").ok() != first)
        assert len(world.token_requests()) == 2


def test_a_renewal_that_fails_does_not_hurt_while_the_token_is_valid(world):
    world.robot()
    with world.process() as process:
        first = process.do("token()").ok()
        world.provider.down()
        world.advance(250)
        for _ in range(5):
            assert process.do("[time.sleep(0.05), token()][1]").ok() == first
            assert process.do("search()").ok()
        world.provider.up()
        world.advance(65)
        assert process.do("token()").ok() != first


def test_at_normal_exit_a_token_request_in_flight_is_finished_and_saved(world):
    world.person()
    with world.process() as process:
        first = process.do("token()").ok()
        world.provider.effect("token", delay=0.7)
        world.advance(250)
        assert process.do("token()").ok() == first
        world.provider.wait_for("token", 2)
        assert process.end(whole=True) == 0
    world.provider.heal()
    assert world.run("token()").ok() != first
    assert len(world.token_requests()) == 2


def test_at_normal_exit_a_token_request_of_a_daemon_thread_is_finished_and_saved(world):
    """Python does not wait for such a thread; an answer that nobody takes would be a refresh token lost."""
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.effect("token", delay=0.7)
    with world.process() as process:
        process.do("threading.Thread(target=attempt, args=(token,), daemon=True).start()").ok()
        world.provider.wait_for("token", 2)
        assert process.end(whole=True) == 0
    world.provider.heal()
    world.run("token()").ok()
    assert len(world.token_requests()) == 2 and len(world.browser.openings) == 1


def test_at_normal_exit_a_token_request_is_waited_for_5_s_at_most(world):
    import time

    world.person()
    process = world.process()
    process.do("token()").ok()
    world.provider.hang("token")
    world.advance(250)
    process.do("token()").ok()
    world.provider.wait_for("token", 2)
    began = time.monotonic()
    assert process.end(whole=True) == 0
    assert 2 < time.monotonic() - began < 25, "5 s and what Python itself needs; the provider hangs for longer"


def test_without_expires_in_an_access_token_is_used_until_a_401(world):
    world.robot()
    world.provider.expires_in = DROP
    with world.process() as process:
        process.do("search()").ok()
        world.advance(10 * 86400)
        process.do("search()").ok()
        world.run("search()").ok()
        assert len(world.token_requests()) == 1
        world.provider.revoke_access()
        process.do("search()").ok()
        assert len(world.token_requests()) == 2


def test_without_expires_in_the_id_tokens_exp_counts(world):
    world.person()
    world.provider.expires_in = DROP
    world.provider.id_token.ttl = 1000
    with world.process() as process:
        first = process.do("token()").ok()
        world.advance(900)
        assert process.do("token()").ok() == first and len(world.token_requests()) == 1
        world.advance(101)
        assert process.do("token()").ok() != first


def test_an_id_token_is_not_sent_after_its_exp_though_expires_in_is_longer(world):
    world.person()
    world.provider.expires_in = 3600
    world.provider.id_token.ttl = 100
    with world.process() as process:
        first = process.do("token()").ok()
        world.advance(101)
        assert process.do("token()").ok() != first


def test_no_token_is_sent_after_its_expiry(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        seen = len(world.server.requests)
        world.provider.down()
        world.advance(301)
        process.do("search()").failed(None, world.provider.issuer)
        assert len(world.server.requests) == seen
        world.provider.up()
        world.advance(61)
        process.do("search()").ok()


# --- 6: 401 ---
def test_a_401_renews_the_token_and_repeats_the_request_once(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        process.do("search()").ok()
    first, refused, repeated = world.server.received("experiments/search")
    assert first.bearer == refused.bearer != repeated.bearer
    assert refused.body == repeated.body and refused.target == repeated.target and refused.method == repeated.method
    assert len(world.token_requests()) == 2


@pytest.mark.parametrize("early", [False, True], ids=["after the body", "in the middle of the body"])
def test_a_401_on_a_file_upload_winds_the_body_back(world, early):
    """`early`: the server answers when it has read the headers, and the rest of the body is thrown away."""
    world.robot()
    content = bytes(range(256)) * 8192  # 2 MB
    (world.cwd / "big.bin").write_bytes(content)
    with world.process() as process:
        process.do("""
import mlflow
mlflow.set_tracking_uri(os.environ["URI"])
client = mlflow.MlflowClient()
run = client.create_run("0")
""").ok()
        world.server.fault("artifacts", lambda request, normal: REFUSED, times=1, early=early)
        process.do("client.log_artifact(run.info.run_id, 'big.bin')").ok()
    uploads = world.server.received("artifacts")
    assert [r.method for r in uploads] == ["PUT", "PUT"] and len(world.token_requests()) == 2
    assert uploads[1].body_hash == hashlib.sha256(content).hexdigest()
    assert uploads[0].body_hash == (hashlib.sha256(b"").hexdigest() if early else uploads[1].body_hash)
    assert uploads[0].bearer != uploads[1].bearer
    assert list(world.server.artifacts.values()) == [content]


UPLOAD = """
import requests, mlflow_oidc_client
auth = mlflow_oidc_client.OIDCAuth()
url = os.environ["URI"] + "/api/2.0/mlflow-artifacts/artifacts/0/f"
"""


def test_a_body_is_wound_back_to_where_it_began(world):
    world.robot()
    (world.cwd / "file").write_bytes(b"0123456789" + b"x" * 100)
    world.server.fault("artifacts", lambda request, normal: REFUSED, times=1)
    world.run(UPLOAD + """
file = open("file", "rb")
file.seek(10)
result = requests.put(url, data=file, auth=auth).status_code
""").ok()
    assert [r.body for r in world.server.received("artifacts")] == [b"x" * 100] * 2


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview"])
def test_a_body_in_memory_is_sent_again(world, kind):
    world.robot()
    world.server.fault("artifacts", lambda request, normal: REFUSED, times=1)
    world.run(UPLOAD + f"result = requests.put(url, data={kind}(b'hello'), auth=auth).status_code").ok()
    assert [r.body for r in world.server.received("artifacts")] == [b"hello"] * 2


@pytest.mark.parametrize("make", [
    "def parts():\n    yield b'one'\n    yield b'two'\n",
    "import io\nclass Stuck(io.BytesIO):\n    def seek(self, *to): raise OSError('stuck')\nparts = lambda: Stuck(b'onetwo')\n",
    "import io\nparts = lambda: type('Reader', (), {'read': io.BytesIO(b'onetwo').read, 'tell': lambda self: 0, '__len__': lambda self: 6, "
    "'__iter__': lambda self: iter(())})()\n",
], ids=["generator", "seek fails", "no seek"])
def test_a_body_that_cannot_be_wound_back_is_not_repeated(world, make):
    world.robot()
    with world.process() as process:
        process.do(UPLOAD + "auth(requests.Request('GET', url).prepare())").ok()
        world.provider.revoke_access()
        code = make + "result = requests.put(url, data=parts(), auth=auth).status_code"
        process.do(code).failed(None, ("again", "once more"), world.server.uri)
        assert len(world.server.received("artifacts")) == 1
        assert process.do(code).ok() == 200, "the token was renewed"
    assert world.server.received("artifacts")[-1].body == b"onetwo"


@pytest.mark.parametrize("status", [302, 307, 308])
def test_after_a_redirect_to_another_host_nothing_is_added_renewed_or_repeated(world, status):
    """The other host answers 401: no token there, no renewal, no repetition."""
    other = world.new_server()
    other.fault("*", lambda request, normal: REFUSED)
    world.unguarded = True
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.redirect(other.uri + request.target, status))
    outcome = world.run("search()")
    assert outcome.error is not None
    assert other.requests and set(other.tokens()) == {None}
    assert len(world.server.requests) == 1 and len(other.requests) == 1 and len(world.token_requests()) == 1


def test_after_a_redirect_to_another_configured_server_nothing_is_added(world):
    other = world.new_server()
    world.unguarded = True
    world.write(world.robot_settings(), world.robot_settings(uri=other.uri))
    world.server.fault("*", lambda request, normal: tracking.redirect(other.uri + request.target, 307))
    assert world.run("search()").error is not None
    assert set(other.tokens()) == {None}


def test_a_redirect_on_the_same_host_out_of_the_blocks_path_loses_the_token(world):
    world.server.prefix = "/mlflow"
    world.env["URI"] = world.server.uri
    world.unguarded = True
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.redirect("/elsewhere", 307), times=1)
    world.server.fault("outside:/elsewhere", lambda request, normal: REFUSED)
    assert world.run("search()").error is not None
    inside, outside = world.server.requests
    assert inside.bearer is not None
    assert outside.path == "/elsewhere" and outside.bearer is None
    assert len(world.token_requests()) == 1


@pytest.mark.parametrize("location", ["/mlflow/%2e%2e/elsewhere", "/mlflow/..%2felsewhere", "/mlflow/%2E./elsewhere", "/mlflow/x%5c..%5celsewhere",
                                      "/mlflow/..;/elsewhere", "http://user@{netloc}/mlflow/x", "//user:pw@{netloc}/mlflow/x",
                                      "http:elsewhere", "HTTP:elsewhere?x", "%2e/../elsewhere",
                                      "http://{netloc}/mlflow\0/../elsewhere"])
def test_a_redirect_to_an_address_that_only_looks_like_the_block_loses_the_token(world, location):
    world.server.prefix = "/mlflow"
    world.env["URI"] = world.server.uri
    world.unguarded = True
    world.robot()
    world.server.fault("*", lambda request, normal: Answer.of_json({}))
    world.server.fault("old", lambda request, normal: tracking.redirect(location.format(netloc=world.server.netloc), 307))
    world.run("""
import requests, mlflow_oidc_client
result = requests.get(os.environ["URI"] + "/old", auth=mlflow_oidc_client.OIDCAuth()).status_code
""").ok()
    first, hop = world.server.requests
    # "http:elsewhere" is what CPython 3.13.4 and later make of it: below /mlflow, with the token
    assert first.bearer is not None and (hop.bearer is None or hop.path == "/mlflow/elsewhere")


def test_a_redirect_within_the_block_keeps_the_token(world):
    world.robot()
    world.server.fault("old", lambda request, normal: tracking.redirect("/new", 307))
    world.server.fault("new", lambda request, normal: Answer.of_json({}))
    world.run("""
import requests, mlflow_oidc_client
result = requests.get(os.environ["URI"] + "/old", auth=mlflow_oidc_client.OIDCAuth()).status_code
""").ok()
    assert [r.path for r in world.server.requests] == ["/old", "/new"]
    assert len(set(world.server.tokens())) == 1


def test_a_401_after_a_redirect_within_the_block_is_not_renewed_or_repeated(world):
    world.robot()
    world.server.fault("old", lambda request, normal: tracking.redirect("/new", 307))
    world.server.fault("new", lambda request, normal: REFUSED)
    world.run("""
import requests, mlflow_oidc_client
result = requests.get(os.environ["URI"] + "/old", auth=mlflow_oidc_client.OIDCAuth()).status_code
""")
    assert [r.path for r in world.server.requests] == ["/old", "/new"]
    assert len(world.token_requests()) == 1


@pytest.mark.parametrize("target, kept", [("/elsewhere", False), ("/mlflow/new", True)])
def test_a_redirect_after_the_repetition_is_checked_as_well(world, target, kept):
    """401, renewed, repeated, and that answer is a redirect: neither the new nor the old token leaves the block."""
    world.server.prefix = "/mlflow"
    world.env["URI"] = world.server.uri
    world.unguarded = True
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.redirect(target, 307), times=1)
    world.server.fault("*", lambda request, normal: REFUSED, times=1)
    world.server.fault("outside:/elsewhere", lambda request, normal: Answer.of_json({}))
    world.server.fault("new", lambda request, normal: Answer.of_json({}))
    world.run("""
import requests, mlflow_oidc_client
result = attempt(requests.get, os.environ["URI"] + "/old", auth=mlflow_oidc_client.OIDCAuth())["value"] is not None
""").ok()
    refused, repeated, hop = world.server.requests
    assert [r.path for r in world.server.requests] == ["/mlflow/old", "/mlflow/old", target]
    assert refused.bearer != repeated.bearer is not None
    assert hop.bearer == (repeated.bearer if kept else None)


def test_a_token_that_another_thread_has_renewed_is_taken(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        world.provider.effect("token", delay=0.3)
        for outcome in attempts(process.do("threads(8, search)").ok()):
            assert outcome.ok() == ["Default"]
    assert len(world.token_requests()) == 2


def test_a_token_that_another_process_has_renewed_is_taken(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        fresh = world.run("[search(), token()][1]").ok()
        process.do("search()").ok()
    assert world.server.tokens()[-1] == fresh
    assert len(world.token_requests()) == 2


def test_a_prepared_request_that_is_sent_again_and_again_is_renewed_each_time(world):
    world.robot()
    with world.process() as process:
        process.do("session, request = prepared()\nsession.send(request).raise_for_status()").ok()
        for renewals in (1, 2, 3):
            world.provider.revoke_access()
            assert process.do("session.send(request).status_code").ok() == 200
            assert len(world.token_requests()) == 1 + renewals
            world.advance(61)


def test_401_for_ever_is_one_renewal_a_minute_and_an_error_that_says_what_the_token_must_carry(world):
    world.robot()
    world.server.fault("*", lambda request, normal: REFUSED)
    with world.process() as process:
        process.do("search()").failed(None, world.server.uri, "401", "aud", world.provider.issuer)
        assert len(world.server.requests) == 2 and len(world.token_requests()) == 2
        for _ in range(5):
            process.do("search()").failed(None, world.server.uri)
        assert len(world.token_requests()) == 2, "at most once a minute"
        world.advance(61)
        process.do("search()").failed(None, world.server.uri)
        assert len(world.token_requests()) == 3
        world.server.heal()
        process.do("search()").ok()


def test_a_provider_that_gives_the_refused_token_again_is_told_as_such(world):
    """Some keep a client's token until it ends, and give it out to whoever asks."""
    world.robot()
    world.provider.new_access_token = lambda: "at.the-same-one-each-time"
    world.server.fault("*", lambda request, normal: REFUSED)
    with world.process() as process:
        process.do("search()").failed(None, "same one again", "401", "audience robot", world.server.uri, world.provider.issuer)
        assert len(world.server.requests) == 1 and len(world.token_requests()) == 2
        world.server.heal()
        process.do("search()").ok()


def test_a_401_opens_a_browser_only_when_the_provider_refuses_the_refresh_token(world):
    world.person()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        process.do("search()").ok()
        assert len(world.browser.openings) == 1 and world.provider.last("token").form["grant_type"] == "refresh_token"
        world.advance(61)
        world.provider.revoke_access()
        world.provider.replace("token", 503)
        assert process.do("search()").error is not None
        assert len(world.browser.openings) == 1, "the provider did not refuse, it is ill"
        world.provider.heal()
        world.advance(61)
        world.provider.revoke_all()
        process.do("search()").ok()
        assert len(world.browser.openings) == 2


def test_a_403_is_not_a_reason_to_renew(world):
    world.robot()
    world.server.replace("*", 403, json={"error_code": "PERMISSION_DENIED", "message": "not yours"})
    assert "not yours" in world.run("search()").error["text"]
    assert len(world.server.requests) == 1 and len(world.token_requests()) == 1


@pytest.mark.parametrize("challenge", ['Bearer realm="x", error="invalid_token"', 'Basic realm="y", bearer error=invalid_token'])
def test_a_403_that_is_about_the_token_is_explained(world, challenge):
    """Envoy and Istio refuse a token of another audience so."""
    world.robot()
    world.server.replace("*", 403, b"Audiences in Jwt are not allowed", [("WWW-Authenticate", challenge)])
    text = world.run("search()").failed("provider", "refused the token (HTTP status 403)", world.server.uri, "see that its proxy takes")
    assert world.provider.issuer in text
    assert len(world.server.requests) == 1 and len(world.token_requests()) == 1


LACKS_SCOPE = ("WWW-Authenticate", 'Bearer error="insufficient_scope", error_description="needs more", scope="mlflow:write"')


@pytest.mark.parametrize("headers, body", [([], b""), ([("Content-Type", "text/html; charset=utf-8")], b"<pre>Insufficient Scope</pre>")])
def test_a_403_for_want_of_a_scope_is_explained(world, headers, body):
    """Spring's resource servers answer without a body, express-oauth2-jwt-bearer with a page."""
    world.robot()
    world.server.replace("*", 403, body, [LACKS_SCOPE, *headers])
    text = world.run("search()").failed("provider", "HTTP status 403", "insufficient_scope", world.server.uri, "set scope")
    assert "page" not in text
    assert len(world.server.requests) == 1 and len(world.token_requests()) == 1


def test_a_403_for_want_of_a_scope_with_a_reason_of_mlflows_is_mlflows_to_judge(world):
    world.robot()
    denied = Answer.of_json({"error_code": "PERMISSION_DENIED", "message": "not yours"}, 403, [LACKS_SCOPE])
    world.server.fault("*", lambda request, normal: denied)
    assert "not yours" in world.run("search()").error["text"]


def test_an_html_page_in_place_of_an_answer_is_explained(world):
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.login_page())
    text = world.run("search()").failed(None, ("html", "web page", "login page", "sign-in page"), world.server.uri)
    assert "<form" not in text


NOT_THERE = Answer(404, [("Content-Type", "text/html; charset=utf-8")], b"<!doctype html>\n<title>404 Not Found</title>")
CODE_OF = """
from mlflow.exceptions import MlflowException
try:
    search()
except MlflowException as error:
    result = error.error_code, str(error)
"""


@pytest.mark.parametrize("status", [404, 431, 501])
def test_a_page_that_is_about_something_else_is_mlflows_to_judge(world, status):
    """An older server answers what it does not know with a page, and MLflow falls back to what that one knows."""
    world.robot()
    world.server.fault("*", lambda request, normal: dataclasses.replace(NOT_THERE, status=status))
    code, text = world.run(CODE_OF).ok()
    assert f"error code {status} " in text and "login page" not in text
    assert (code == "ENDPOINT_NOT_FOUND") == (status == 404)


@pytest.mark.parametrize("path", ["mlflow-artifacts/artifacts/0/x/artifacts/a.html", "mlflow/get-artifact?path=a.html", "mlflow/logged-models/m-1/artifacts/files"])
def test_a_page_that_was_logged_comes_as_it_is(world, path):
    world.robot()
    world.server.fault("*", lambda request, normal: dataclasses.replace(NOT_THERE, status=200))
    code = "__import__('requests').get(os.environ['URI'] + '/ajax-api/2.0/{}', auth=__import__('mlflow_oidc_client').OIDCAuth()).text"
    assert world.run(code.format(path)).ok() == NOT_THERE.body.decode()


def test_a_redirect_to_another_host_is_explained(world):
    other = world.new_server()
    other.fault("*", lambda request, normal: tracking.login_page())
    world.unguarded = True
    world.robot()
    world.server.fault("*", lambda request, normal: tracking.redirect(other.uri + "/authorize?client_id=x"))
    text = world.run("search()").failed(None, "redirect", other.netloc)
    assert "<form" not in text


LOG_ARTIFACT = """
import mlflow
mlflow.set_tracking_uri(os.environ["URI"])
run_id = mlflow.MlflowClient().create_run("0").info.run_id
with open("f.txt", "w") as file:
    file.write("hello")
mlflow.MlflowClient().log_artifact(run_id, "f.txt")
"""


@pytest.mark.parametrize("status", [200, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_an_upload_that_ends_on_a_page_is_no_success(world, status, elsewhere):
    """MLflow looks for an error's status alone, and a login page has none: the artifact would be lost unseen."""
    other = world.new_server()
    other.fault("*", lambda request, normal: tracking.login_page())
    world.unguarded = True
    world.robot()
    target = f"{other.uri}/authorize?x" if elsewhere else "/login"
    page = tracking.login_page() if status == 200 else tracking.redirect(target, status)
    world.server.fault("artifacts", lambda request, normal: page)
    text = world.run(LOG_ARTIFACT).failed(None, ("login page", "nothing was stored"), world.server.uri)
    assert f"(HTTP status {status})" in text or status > 303
    assert world.server.artifacts == {} and not [r for r in other.requests if r.bearer]


@pytest.mark.parametrize("status", [200, 302, 307])
def test_traces_that_end_on_a_page_are_not_sent(world, status):
    world.robot()
    page = tracking.login_page() if status == 200 else tracking.redirect("/login", status)
    world.server.fault("v1/traces", lambda request, normal: page)
    code = """
from mlflow.utils.rest_utils import MlflowHostCreds, http_request
http_request(MlflowHostCreds(os.environ["URI"]), "/v1/traces", "POST", data=b"spans")
"""
    world.unguarded = True
    world.run(code).failed("provider", ("login page", "nothing was stored"), world.server.uri)


ENDPOINTS = """
from mlflow.utils.rest_utils import MlflowHostCreds, http_request
for host, endpoint in CALLS:
    http_request(MlflowHostCreds(os.environ["URI"] + host), endpoint, "GET")
"""


@pytest.mark.parametrize("calls", [[("", "/api/2.0/mlflow/x%2Fy")] * 2, [("/a%5cb", "/c"), ("/a%2fb", "/c")]])
def test_that_a_path_with_an_encoded_slash_gets_no_token_is_told_once(world, calls):
    world.unguarded = True
    world.robot()
    with world.process() as process:
        process.do(f"CALLS = {calls!r}" + ENDPOINTS)
    assert len(world.server.requests) >= 2 and not [r for r in world.server.requests if r.bearer]
    said_once(world, process, "encoded slash")


def test_nothing_is_told_of_such_a_path_of_a_stranger(world):
    world.unguarded = True
    world.robot()
    stranger = world.new_server()
    with world.process(URI=stranger.uri) as process:
        process.do(f"CALLS = {[('', '/x%2Fy'), ('/%20', '/z')]!r}" + ENDPOINTS)
    assert "encoded" not in process.stderr and len(stranger.requests) >= 2


def test_a_path_with_an_encoded_slash_makes_nobody_the_first_server_that_the_variables_describe(world):
    world.unguarded = True
    other = world.new_server()
    other.expects_tokens = False
    world.set_variables({key: value for key, value in world.robot_settings().items() if key != "uri"})
    with world.process() as process:
        process.do(f"CALLS = {[('/a%2fb', '/c')]!r}; os.environ['URI'] = {other.uri!r}" + ENDPOINTS).ok()
        process.do(f"search({world.server.uri!r})").ok()
    assert other.tokens() == [None] and world.server.tokens() and None not in world.server.tokens()


DOWNLOAD = "NAME = {name!r}" + """
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
repository = get_artifact_repository(os.environ["URI"] + "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts")
repository._download_file(NAME, NAME)
with open(NAME) as file:
    result = file.read()
"""


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_download_that_ends_on_a_login_page_is_no_file(world, elsewhere):
    other = world.new_server()
    other.fault("*", lambda request, normal: tracking.login_page())
    world.unguarded = True
    world.robot()
    target = f"{other.uri if elsewhere else ''}/login?back=/api/2.0/mlflow-artifacts/artifacts/0"
    world.server.fault("artifacts", lambda request, normal: tracking.redirect(target))
    world.run(DOWNLOAD.format(name="model.pkl")).failed("provider", "login page", world.server.uri)
    assert not (world.cwd / "model.pkl").exists() and not [r for r in other.requests if r.bearer]


def test_a_page_that_is_stored_elsewhere_comes_by_a_redirect(world):
    other = world.new_server()
    other.fault("*", lambda request, normal: dataclasses.replace(NOT_THERE, status=200))
    world.unguarded = True
    world.robot()
    world.server.fault("artifacts", lambda request, normal: tracking.redirect(other.uri + "/bucket/report.html?signature=x"))
    assert world.run(DOWNLOAD.format(name="report.html")).ok() == NOT_THERE.body.decode()


@pytest.mark.parametrize("status", [307, 308])
def test_an_upload_that_is_redirected_within_the_block_arrives(world, status):
    world.robot()
    world.server.fault("artifacts", lambda request, normal: normal() if request.path.endswith(".moved") or request.method != "PUT"
                       else tracking.redirect(request.path + ".moved", status))
    world.run(LOG_ARTIFACT).ok()
    assert list(world.server.artifacts.values()) == [b"hello"]


def test_a_redirect_to_a_login_page_on_the_same_host_is_explained(world):
    world.robot()
    world.server.fault("experiments/search", lambda request, normal: tracking.redirect("/login"))
    text = world.run("search()").failed(None, ("html", "web page", "login page", "sign-in page"))
    assert "<form" not in text


# --- 4: no token is sent after its own expiry ---
RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0"}


def busy_beyond_a_token(world, times=1, status=503):
    def busy(request, normal):
        world.advance(301)
        return Answer(status)

    world.server.fault("experiments/search", busy, times=times)


def test_a_token_that_ends_while_mlflow_repeats_a_call_is_not_sent_again(world):
    """urllib3 sends the same headers after each of its pauses, which add up to minutes."""
    world.robot()
    busy_beyond_a_token(world, times=2)
    with world.process(**RETRIES) as process:
        process.do("search()").ok()
    assert len(set(world.server.tokens())) == 3 == len(world.token_requests())


def test_without_a_token_to_be_had_meanwhile_the_call_ends_with_our_text(world):
    world.robot()
    busy_beyond_a_token(world)
    with world.process(**RETRIES) as process:
        process.do("token()").ok()
        world.provider.down()
        process.do("search()").failed("network", world.provider.netloc, "next:")
    assert len(world.server.requests) == 1


def test_a_401_to_the_token_that_was_sent_later_renews_that_one(world):
    world.robot()
    world.server.fault("experiments/search", lambda request, normal: (world.provider.revoke_access(), normal())[1], times=1)
    busy_beyond_a_token(world)  # the first of the two
    with world.process(**RETRIES) as process:
        process.do("search()").ok()
    first, later, renewed = world.server.tokens()
    assert len({first, later, renewed}) == 3


# --- 7: explicit credentials ---
PATH_OF_SEARCH = "/api/2.0/mlflow/experiments/search"
READ_SEARCH = f"""
from mlflow.utils.rest_utils import MlflowHostCreds, http_request
result = http_request(MlflowHostCreds(os.environ["URI"]), {PATH_OF_SEARCH!r}, "GET").status_code
assert result == 200, result
"""


def said_once(world, process, *words):
    lines = [line for line in process.stderr.splitlines() if world.server.uri in line]
    assert len(lines) == 1 and any(word.lower() in lines[0].lower() for word in words), process.stderr


def test_mlflow_tracking_token_wins_and_we_say_so_once(world):
    world.robot()
    world.server.accepts = lambda token: token == "users-own-token"
    world.more_secrets.add("users-own-token")
    with world.process(MLFLOW_TRACKING_TOKEN="users-own-token") as process:
        process.do("search()").ok()
        process.do("search()").ok()
    assert set(world.server.tokens()) == {"users-own-token"} and world.provider.requests == []
    said_once(world, process, "token")


def test_username_and_password_win_and_we_say_so_once(world):
    world.robot()
    world.unguarded = True
    world.server.expects_tokens = False
    world.more_secrets.add("pass-w0rd")
    with world.process(MLFLOW_TRACKING_USERNAME="alice", MLFLOW_TRACKING_PASSWORD="pass-w0rd") as process:
        process.do("search()").ok()
        process.do("search()").ok()
    assert all(r.header("Authorization").startswith("Basic ") for r in world.server.requests)
    assert world.provider.requests == []
    said_once(world, process, "username")


@pytest.mark.parametrize("place", ["file", "variables"])
def test_user_info_in_the_address_wins_and_we_say_so_once(world, place):
    """It was silence, and the request went out with what requests makes of the user info alone."""
    world.unguarded = True
    world.server.expects_tokens = False
    world.more_secrets.add("pass-w0rd")
    uri = world.server.uri.replace("://", "://alice:pass-w0rd@")
    world.robot() if place == "file" else world.set_variables(world.robot_settings(uri=uri))
    with world.process() as process:
        process.do(f"search({uri!r})").ok()
        process.do(f"search({uri!r})").ok()
    assert all(r.header("Authorization").startswith("Basic ") for r in world.server.requests)
    assert world.provider.requests == []
    said_once(world, process, "user info in the address")


def test_a_user_name_alone_in_the_address_is_no_credential_and_we_say_so_once(world):
    """requests sends none of it without a password, and the warning spoke of credentials that are used."""
    world.unguarded = True
    world.server.expects_tokens = False
    uri = world.server.uri.replace("://", "://alice@")
    world.robot()
    with world.process() as process:
        process.do(f"search({uri!r})").ok()
        process.do(f"search({uri!r})").ok()
    assert world.provider.requests == [] and all(r.header("Authorization") is None for r in world.server.requests)
    said_once(world, process, "take the name out of it")
    assert "are used" not in process.stderr


def test_settings_that_cannot_be_read_take_no_user_info_away(world):
    """It is a credential of the call's own, which concerns us only so far as something is to be said of it."""
    world.unguarded = True
    world.server.expects_tokens = False
    world.write(text="[[tool.mlflow-oidc-client.tracking-servers]\n")
    world.run(f"search({world.server.uri.replace('://', '://alice:pass@')!r})").ok()
    assert [r.header("Authorization") for r in world.server.requests] == ["Basic YWxpY2U6cGFzcw=="]


def test_an_at_sign_elsewhere_and_another_server_are_no_user_info_of_ours(world):
    other, world.unguarded = world.new_server(), True
    other.expects_tokens = False
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        process.do(f"search({other.uri.replace('://', '://alice:pass@')!r})").ok()
        process.do(f"search('{other.uri}/a@b')")
    assert "credentials" not in process.stderr


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"])
def test_half_of_username_and_password_does_not_win(world, name):
    """MLflow sends nothing of it: the request would go out without any credentials."""
    world.robot()
    with world.process(**{name: "half-of-it"}) as process:
        process.do("search()").ok()
    assert world.provider.accepts(world.server.requests[0].bearer) and "credentials" not in process.stderr


@pytest.mark.since_mlflow("2.9")  # MLFLOW_TRACKING_AUTH
def test_another_auth_provider_wins_and_we_say_so_once(world):
    world.robot()
    world.unguarded = True
    world.server.expects_tokens = False
    with world.process(MLFLOW_TRACKING_AUTH="another") as process:
        process.do("""
class Another:
    def get_name(self): return "another"
    def get_auth(self): return ("alice", "pw")
import mlflow.tracking.request_auth.registry as registry
registry._request_auth_provider_registry.register(Another)
search()
search()
""").ok()
    assert all(r.header("Authorization").startswith("Basic ") for r in world.server.requests)
    said_once(world, process, "auth")


def test_sigv4_wins_and_we_say_so_once(world):
    """The signer itself needs AWS's packages: a stand-in under its name."""
    world.robot()
    world.unguarded = True
    world.server.expects_tokens = False
    with world.process(MLFLOW_TRACKING_AWS_SIGV4="true") as process:
        process.do("""
import requests.auth, types
module = types.ModuleType("requests_auth_aws_sigv4")
class AWSSigV4(requests.auth.AuthBase):
    def __init__(self, service): pass
    def __call__(self, request):
        request.headers["Authorization"] = "AWS4-HMAC-SHA256 x"
        return request
module.AWSSigV4 = AWSSigV4
sys.modules["requests_auth_aws_sigv4"] = module
search()
search()
""").ok()
    assert {r.header("Authorization") for r in world.server.requests} == {"AWS4-HMAC-SHA256 x"}
    said_once(world, process, "sigv4")


def write_netrc(world):
    netrc = world.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login alice password pw\n")
    netrc.chmod(0o600)


def test_a_netrc_line_does_not_win(world):
    world.robot()
    write_netrc(world)
    world.run("search()").ok()
    assert world.server.last("experiments/search").bearer is not None


@pytest.mark.parametrize("header", ["Authorization", "X-Token"])
@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_netrc_line_does_not_win_after_redirects_within_the_server_either(world, status, header):
    """requests looks there anew at each hop, and would put it in the place of what the request has."""
    world.server.token_header = header
    world.robot(header=header)
    write_netrc(world)
    for query in ("?hop=2", "?hop=1"):  # the last one is answered with first
        world.server.fault("experiments/search", tracking.always(tracking.redirect(PATH_OF_SEARCH + query, status)), times=1)
    world.run(READ_SEARCH).ok()
    assert [request.bearer is not None for request in world.server.requests] == [True] * 3
    assert len(set(world.server.tokens())) == 1
    assert header == "Authorization" or not any(request.header("Authorization") for request in world.server.requests)


def test_a_netrc_line_is_used_after_a_redirect_that_leaves_the_server(world):
    """It is no affair of ours what requests sends there, but for the token."""
    world.robot(uri=world.server.uri + "/a")
    write_netrc(world)
    world.unguarded = True
    world.server.expects_tokens = False
    world.server.fault("*", tracking.always(tracking.redirect("/b", 307)), times=1)
    world.run(f"""
import requests, mlflow_oidc_client
result = requests.get({world.server.uri + "/a/x"!r}, auth=mlflow_oidc_client.OIDCAuth()).status_code
""").ok()
    first, second = world.server.requests
    assert first.bearer is not None and second.header("Authorization") == "Basic YWxpY2U6cHc="


# --- 3: nothing is left hanging ---
def test_a_whole_exit_after_use_is_clean(world):
    world.person()
    with world.process() as process:
        process.do("search(), threads(4, search)").ok()
        assert process.end(whole=True) == 0
    assert "Traceback" not in process.stderr and "Exception ignored" not in process.stderr


@pytest.mark.parametrize("fault", ["discovery", "token"])
def test_a_failure_leaves_no_thread_and_no_descriptor(world, fault):
    world.robot()
    world.provider.replace(fault, body=b"<html>")
    with world.process() as process:
        process.do("attempt(search)").ok()
        count = "len(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task'))" if sys.platform == "linux" \
            else "threading.active_count()"
        before = process.do(count).ok()
        for _ in range(5):
            world.advance(61)
            assert process.do("attempt(search)['error']['classes'].count('MlflowException')").ok() == 1
        assert process.do(count).ok() == before
