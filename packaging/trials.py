"""The wheels that this machine's Pythons cannot load, with those of pythons.py: sign-ins, threads, MLflow's calls."""

import os
import shutil
import subprocess
import sys

import installed
import pythons
from installed import pip, succeed
from targets import BUILD, DIST, FREE_THREADED, TARGETS, TOP

NO_LOCK = """
import sys
import mlflow_oidc_client._core
assert not sys._is_gil_enabled()
"""
# google-auth, which is not called, asks for cryptography, of which there is no wheel for 3.13t.
ALONE = ["mlflow-skinny", "databricks-sdk", "google-auth"]
WITH_THEM = ["cachetools<8", "click", "cloudpickle", "fastapi", "gitpython", "importlib_metadata<10", "opentelemetry-api",
             "opentelemetry-proto", "opentelemetry-sdk", "packaging", "protobuf", "pyasn1-modules", "pydantic", "python-dotenv", "requests",
             "sqlparse", "typing-extensions", "uvicorn"]
THREADS = ["test_concurrency.py", "test_calls.py", "test_api.py", "test_client_credentials.py"]


def wheel_for(target):
    found = list(DIST.glob(f"*-{target.tag}.whl"))
    if len(found) != 1:
        sys.exit(f"{len(found)} wheels for {target.name} in {DIST}: script/packaging wheel {target.name}")
    return found[0]


def empty_folder(name):
    folder = BUILD / "installed" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def install_without_its_pip(packages, built, *platforms):
    """Of a Python that has no TLS, or runs slowly: the pip that runs this brings all."""
    kind = [word for platform in platforms for word in ("--platform", platform)]
    succeed(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", *kind, "--python-version", "3.13",
            "--implementation", "cp", "--only-binary", ":all:", "--no-compile", "--target", packages, "mlflow-skinny", built)


def free_threaded(_targets):
    python, built = pythons.free_threaded(), wheel_for(FREE_THREADED)
    venv = empty_folder("free-threaded")
    succeed(python, "-m", "venv", venv)
    pip(venv, "install", "-q", "--no-deps", *ALONE)
    pip(venv, "install", "-q", "pyyaml")  # compiles nothing
    pip(venv, "install", "-q", "--only-binary", ":all:", *WITH_THEM)  # the newest that still has a wheel
    pip(venv, "install", "-q", "--no-deps", "--no-index", built)
    # a module that wants the lock would bring it back with a warning
    succeed(venv / "bin/python", "-W", "error::RuntimeWarning", "-c", NO_LOCK)
    succeed(venv / "bin/python", "-c", "import mlflow.tracking" + NO_LOCK)
    print("free-threaded: 2 passed, 0 failed", flush=True)
    status = installed.functional(venv, *THREADS)
    subprocess.run([sys.executable, TOP / "bench/threads", venv / "bin/python"], check=True)
    sys.exit(status)


def musl(_targets):
    target = TARGETS["musllinux-x86_64"]
    python, built = pythons.musl(), wheel_for(target)
    venv = empty_folder("musl")
    succeed(python, "-m", "venv", "--without-pip", venv)
    packages = venv / "lib" / pythons.PYTHON / "site-packages"
    install_without_its_pip(packages, built, target.platform_tag, "musllinux_1_1_x86_64")
    shutil.copy(packages / "bin/mlflow-oidc", venv / "bin")
    succeed(venv / "bin/python", "-c", installed.LOOK, built.name.split("-")[1])
    print("musl: 1 passed, 0 failed", flush=True)
    # what is preloaded goes into musl's processes and glibc's, and names no C library therefore
    os.environ["CC"] = "cc -nostdlib"
    sys.exit(installed.functional(venv, *THREADS, "test_program.py", "test_program_sign_in.py", "test_failures.py"))
