import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pytest  # noqa: E402

import clock  # noqa: E402
import jose  # noqa: E402
import tls  # noqa: E402
from world import World, Zygote, tools_environment  # noqa: E402


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    return clock.library(tmp_path_factory.mktemp("clock"))


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
