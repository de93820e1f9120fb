import os
import signal
import subprocess
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_here, os.path.dirname(_here)]

import pytest  # noqa: E402

import jose  # noqa: E402
import shared_object  # noqa: E402
import tls  # noqa: E402
from program import Program  # noqa: E402
from world import PYTHON, World, Zygote, tools_environment  # noqa: E402

# `nohup script/test &` has these ignored, and a process that is started with an ignored signal heeds that
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


VERSION = """
from importlib.metadata import PackageNotFoundError, version
for name in ("mlflow-skinny", "mlflow"):
    try:
        print(version(name))
        break
    except PackageNotFoundError:
        pass
"""


def pytest_configure(config):
    config.addinivalue_line("markers", "since_mlflow(version): what is tested is not in older releases of MLflow")


def pytest_collection_modifyitems(config, items):
    """What this MLflow cannot do is not collected, and counted as deselected: never as passed."""
    found = subprocess.run([PYTHON, "-c", VERSION], capture_output=True, text=True, check=True).stdout.strip()
    have = tuple(int(part) for part in found.split(".")[:2])
    dropped = [i for i in items for m in i.iter_markers("since_mlflow") if have < tuple(map(int, m.args[0].split(".")))]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    return shared_object.built("clock_shift", tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return tls.Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def zygote(tmp_path_factory, preload):
    folder = tmp_path_factory.mktemp("zygote")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "MLFLOW_DISABLE_TELEMETRY": "true",
                   "DO_NOT_TRACK": "true", **tools_environment(preload)}
    running = Zygote(folder, environment)
    jose.private_key("RSA", "first")  # slow: once, and not within a test's time limit
    yield running
    running.close()


@pytest.fixture
def world(tmp_path, zygote, preload, authority, request):
    made = World(tmp_path, zygote, preload, authority)
    yield made
    made.finish()
    # A test that failed has said enough.
    if not getattr(request.node, "failed", False):
        made.check_promises()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        item.failed = report.failed


@pytest.fixture
def provider(world):
    return world.provider


@pytest.fixture
def server(world):
    return world.server


@pytest.fixture
def browser(world):
    return world.browser


@pytest.fixture
def program(world):
    return Program(world)
