"""The users, provider and tracking server of tests/functional; what does not apply to the MLflow under test is left out.

MOIDC_TEST_PYTHON names the python of an environment with some MLflow and the built wheel.
"""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "functional"), str(TESTS)]


def _functional_conftest():
    spec = importlib.util.spec_from_file_location("functional_conftest", TESTS / "functional" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_functional = _functional_conftest()
preload, authority, zygote, world = _functional.preload, _functional.authority, _functional.zygote, _functional.world
pytest_runtest_makereport = _functional.pytest_runtest_makereport

# Before 2.20 the full package holds everything itself; since then it brings Skinny along.
ASK = """
import importlib.metadata, json
names = {d.metadata["Name"].lower() for d in importlib.metadata.distributions()}
whole = "mlflow" in names
print(json.dumps([whole, importlib.metadata.version("mlflow" if whole else "mlflow-skinny")]))
"""


def pytest_configure(config):
    config.addinivalue_line("markers", "since(major, minor): the first MLflow that has it")
    config.addinivalue_line("markers", "whole: MLflow, not MLflow Skinny")
    asked = subprocess.run([os.environ["MOIDC_TEST_PYTHON"], "-c", ASK], capture_output=True, text=True, check=True)
    config.whole, version = json.loads(asked.stdout)
    config.mlflow_version = tuple(int(part) for part in version.split(".")[:2])


def _applies(item):
    since = item.get_closest_marker("since")
    if since is not None and item.config.mlflow_version < since.args:
        return False
    return item.config.whole or item.get_closest_marker("whole") is None


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if not _applies(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _applies(item)]
