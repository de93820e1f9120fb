"""The wheel, installed: beside each MLflow and CPython that is there, with sign-ins; over the reference; and away again."""

import os
import shutil
import subprocess
import sys

import wheel
from targets import BUILD, DIST, TOOLS, TOP

REFERENCE = "mlflow-oidc-client==0.2.4"
# What a libcurl and an OpenSSL of our own change: TLS, proxies, errors of the network; and the program.
FUNCTIONAL = ["test_client_credentials.py", "test_hostile.py", "test_program.py", "test_program_sign_in.py", "test_more_settings.py",
              "test_id_token.py", "test_failures.py", "test_exec.py", "test_memory.py"]
LOOK = """
import importlib.metadata as metadata, sys
import mlflow_oidc_client
assert metadata.version("mlflow-oidc-client") == sys.argv[1], metadata.version("mlflow-oidc-client")
points = metadata.entry_points(group="mlflow.request_header_provider")
assert [point.load().__name__ for point in points if point.name == "oidc"] == ["PluginOIDCRequestHeaderProvider"]
from mlflow.tracking.request_header.registry import resolve_request_headers
resolve_request_headers()
"""


def succeed(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{command[0]} ended with status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def pip(venv, *words):
    return succeed(venv / "bin/python", "-m", "pip", "--disable-pip-version-check", *words)


def files_of(venv):
    return {str(path.relative_to(venv)) for path in venv.rglob("*") if not path.is_dir() and "__pycache__" not in path.parts}


def replace_and_remove(built, short, python):
    """Over the reference, then uninstalled; what is left of ours or of the reference is a fault."""
    venv = BUILD / "installed" / f"py{short}"
    shutil.rmtree(venv, ignore_errors=True)
    succeed(python, "-m", "venv", venv)
    pip(venv, "install", "-q", "mlflow-skinny", "setuptools<81")
    before = files_of(venv)
    pip(venv, "install", "-q", REFERENCE)
    dependencies = {file for file in files_of(venv) - before if "mlflow_oidc_client" not in file}
    pip(venv, "install", "-q", "--no-index", built)
    version = built.name.split("-")[1]
    succeed(venv / "bin/python", "-c", LOOK, version)
    said = succeed(venv / "bin/mlflow-oidc", "--version")
    if version not in said:
        sys.exit(f"the program says {said}")
    pip(venv, "check")
    pip(venv, "uninstall", "-q", "-y", "mlflow-oidc-client")
    left = {file for file in files_of(venv) - before - dependencies if not file.startswith("bin/")}
    left |= {file for file in files_of(venv) if "mlflow-oidc" in file or "mlflow_oidc" in file}
    if left:
        sys.exit(f"left behind by uninstalling: {sorted(left)}")


def own_wheel(targets):
    own = [target for target in targets if target.is_own]
    if not own:
        sys.exit("none of these targets runs on this machine as it is")
    found, = DIST.glob(f"*-{own[0].tag}.whl")
    return found


def functional(venv, *arguments):
    """The functional tests with the Python of `venv`; what they themselves need is in an environment apart."""
    tests = TOOLS / "functional"
    if not (tests / "bin/python").exists():
        succeed(sys.executable, "-m", "venv", tests)
    pip(tests, "install", "-q", "pytest", "pytest-timeout", "pytest-xdist", "cryptography", "zxing-cpp")
    command = [tests / "bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "600", "-n", "2", *arguments]
    environment = os.environ | {"MOIDC_TEST_PYTHON": str(venv / "bin/python")}
    return subprocess.run(command, cwd=TOP / "tests/functional", env=environment).returncode


def test(targets):
    built = own_wheel(targets)
    passed = 0
    for short, (python, version) in wheel.pythons().items():
        replace_and_remove(built, short, python)
        print(f"    Python {version}: installed over {REFERENCE}, loaded, uninstalled, nothing left", flush=True)
        passed += 1
    print(f"installed: {passed} passed, 0 failed", flush=True)
    status = subprocess.run([TOP / "script/test-versions"], env=os.environ | {"MOIDC_TEST_WHEEL": str(built)}).returncode
    # the last is that of MLflow Skinny, where a CPython is there that the combinations have it with
    newest = sorted((TOP / "build/versions").glob("mlflow*-newest-py3.*/bin/python"))
    if status == 0 and not newest:
        sys.exit("no environment of script/test-versions has the newest MLflow: the functional tests are not run")
    sys.exit(status or functional(newest[-1].parents[1], *FUNCTIONAL))
