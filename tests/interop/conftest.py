"""Real MLflow clients against real providers behind real proxies.

MOIDC_TEST_PYTHON names the python of an environment with MLflow and the plugin; what cannot run fails.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stack.apache import MODES, Apache
from stack.browser import Browser
from stack.keycloak import Keycloak
from stack.mlflow_server import MlflowServer
from stack.oidc_provider import OidcProvider
from stack.process import BUILD, free_port

PROVIDERS = ("oidc-provider", "keycloak")  # the one that is up at once comes first
CLIENTS = ("mlflow-public", "mlflow-public-short", "mlflow-public-device", "mlflow-public-consent")  # an ID token's audience
SHORT_LIFETIME_S = 6
PATIENCE_S = 90


class Servers:
    """All that runs for one session; proxies are started when first asked for."""

    def __init__(self, run_dir, running):
        self.run_dir = run_dir
        self._running = running
        self._proxies = {}
        self.python = os.environ["MOIDC_TEST_PYTHON"]
        self.providers = {}
        for name, provider_type in (("keycloak", Keycloak), ("oidc-provider", OidcProvider)):
            self.providers[name] = provider_type(run_dir, short_lifetime_s=SHORT_LIFETIME_S)
            running.callback(self.providers[name].stop)
        self.mlflow = running.enter_context(MlflowServer(run_dir, os.environ.get("MOIDC_SERVER_PYTHON", self.python)))

    def provider(self, name):
        return self.providers[name].wait()

    def proxy(self, mode, provider, audiences=None):
        key = (mode, provider, audiences)
        if key not in self._proxies:
            audiences = audiences or (provider.audience, *CLIENTS)
            proxy = Apache(self.run_dir, mode, provider, self.mlflow.url, audiences)
            self._proxies[key] = self._running.enter_context(proxy)
        return self._proxies[key]


class User:
    """Somebody with settings and a cache of their own, and processes that have them."""

    def __init__(self, folder, servers, provider, proxy, client_id, browser=None, **settings):
        self.folder, self.servers, self.provider, self.proxy = folder, servers, provider, proxy
        self.client_id, self.browser = client_id, browser
        self.settings = {"uri": proxy.url, "issuer": provider.issuer, "client-id": client_id, **settings}
        if browser:
            self.settings.setdefault("redirect-uri", f"http://127.0.0.1:{free_port()}/oauth2/callback")
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.settings.items()]
        folder.mkdir()
        table = "[[tool.mlflow-oidc-client.tracking-servers]]"
        (folder / "pyproject.toml").write_text("\n".join([table, *lines, ""]))

    def environment(self):
        ours = ("MLFLOW_", "XDG_", "CI", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        own = {"HOME": self.folder, "XDG_CACHE_HOME": self.folder / "cache", "XDG_CONFIG_HOME": self.folder / "config"}
        own |= {"MLFLOW_TRACKING_URI": self.proxy.url, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        own |= {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}
        if self.browser:
            own["BROWSER"] = self.browser.command
        return {**kept, **{name: str(value) for name, value in own.items()}}

    def start(self, code, *arguments):
        return subprocess.Popen(
            [self.servers.python, "-c", code, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code, *arguments):
        """Runs Python code in a new process; returns what it printed."""
        process = self.start(code, *arguments)
        return finish(process)

    def mlflow(self, *arguments):
        return self.run("import sys; from mlflow.cli import cli; cli(sys.argv[1:])", *arguments)

    def token_requests(self):
        return self.provider.token_requests(self.client_id)


def finish(process, status=0, stdin=None):
    """Waits for a process of User.start(); returns what it printed, on stderr where it was to fail."""
    try:
        out, err = process.communicate(stdin, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"hangs after {PATIENCE_S} s\n{out}\n{err}")
    assert process.returncode == status, f"status {process.returncode}\n{out}\n{err}"
    return err if status else out


def await_ready(process):
    """Reads on until the process says that it is ready for its line of standard input."""
    for line in process.stdout:
        if line == "ready\n":
            return
    pytest.fail(f"ended early\n{process.communicate()[1]}")


@pytest.fixture(scope="session")
def servers():
    BUILD.mkdir(exist_ok=True)
    run_dir = Path(tempfile.mkdtemp(prefix="run-interop.", dir=BUILD))
    with contextlib.ExitStack() as running:
        yield Servers(run_dir, running)
    if os.environ.get("MOIDC_KEEP_LOGS"):
        print(f"logs are in {run_dir}")
    else:
        shutil.rmtree(run_dir)


@pytest.fixture(params=PROVIDERS)
def provider(request, servers):
    return servers.provider(request.param)


@pytest.fixture
def proxy(servers, provider):
    """The ordinary one; tests of all three take the mode as a parameter."""
    return servers.proxy("oauth20", provider)


@pytest.fixture
def new_user(servers, provider, proxy, tmp_path):
    """new_user(client_id, browser=..., setting=...): keyword arguments are settings, with _ for -."""

    def make(client_id, browser=None, proxy=proxy, **settings):
        folder = tmp_path / f"user{len(list(tmp_path.iterdir()))}"
        settings = {name.replace("_", "-"): value for name, value in settings.items()}
        return User(folder, servers, provider, proxy, client_id, browser, **settings)

    return make


@pytest.fixture
def new_person(new_user, new_browser):
    """A user who signs in with a browser."""

    def make(client_id, deny=False, **settings):
        return new_user(client_id, browser=new_browser(deny=deny), **settings)

    return make


@pytest.fixture
def new_service(new_user, provider):
    """A user with a client secret."""

    def make(client_id="mlflow-ci", **settings):
        settings.setdefault("client_secret", provider.client_secret)
        return new_user(client_id, **settings)

    return make


@pytest.fixture
def new_browser(provider, tmp_path):
    def make(**options):
        folder = tmp_path / f"browser{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Browser(folder, "user", provider.user, provider.password, **options)

    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the logs of the servers that it met."""
    report = (yield).get_result()
    met = [item.funcargs[name] for name in ("provider", "proxy") if name in getattr(item, "funcargs", {})]
    if report.failed:
        os.environ["MOIDC_KEEP_LOGS"] = "1"
        for server in met:
            report.sections.append((server.name, server.log_tail(10)))
