"""Clients that know no plugin, through `exec`, `exec --proxy` and `proxy`, against the real stack.

MOIDC_TEST_ARTIFACT_MIB: how large the large artifact is.
"""

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import BUILD, SHORT_LIFETIME_S
from stack.node import node_command

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
WAYS = (("exec", "--"), ("exec", "--proxy", "--"))
PATIENCE_S = 180
MIB = 1 << 20
ARTIFACT_MIB = int(os.environ.get("MOIDC_TEST_ARTIFACT_MIB", "64"))


@pytest.fixture(params=["oidc-provider"])
def provider(request, servers):
    return servers.provider(request.param)


@pytest.fixture
def program(servers):
    return str(Path(servers.python).with_name("mlflow-oidc"))


@pytest.fixture(scope="session")
def plain_python():
    """The python of an environment with MLflow and without the plugin."""
    folder = BUILD / "venv-plain"
    if not (folder / "bin" / "python").exists():
        subprocess.run(["python3", "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    subprocess.run([*pip, "mlflow-skinny", "opentelemetry-exporter-otlp-proto-http"], check=True)
    return str(folder / "bin" / "python")


@pytest.fixture(scope="session")
def java():
    """The command of the Java client: `java` compiles the one file as it runs it."""
    folder = BUILD / "clients-java"
    if not list(folder.glob("mlflow-client-*.jar")):
        copy = ["mvn", "-q", "-B", "-f", CLIENTS / "pom.xml", "dependency:copy-dependencies"]
        subprocess.run([*copy, f"-DoutputDirectory={folder}"], check=True)
    return ["java", "-cp", f"{folder}/*", CLIENTS / "Main.java"]


def run(user, *command, status=0):
    words = [str(word) for word in command]
    ended = subprocess.run(
        words, cwd=user.folder, env=user.environment(), capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ended.returncode == status, f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_the_java_client_logs_a_run(way, new_service, program, java):
    assert run(new_service(), program, *way, *java).endswith("all as expected\n")


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_node_logs_a_run_a_trace_and_a_span_and_streams_an_artifact(way, new_service, program):
    assert run(new_service(), program, *way, *node_command("client.mjs")).strip().isdigit()


def test_a_client_that_knows_no_token_gives_it_to_the_proxy_as_its_password(new_service, program):
    assert run(new_service(), program, "exec", "--proxy", "--", *node_command("client.mjs"), "basic").strip().isdigit()


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_the_otlp_exporter_of_python_exports_a_trace(way, new_service, program, plain_python):
    assert run(new_service(), program, *way, plain_python, CLIENTS / "otlp.py").startswith("tr-")


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_mlflow_without_the_plugin_logs_a_run(way, new_service, program, plain_python):
    assert int(run(new_service(), program, *way, plain_python, CLIENTS / "plain.py", 0).split()[-1]) >= 1


def test_a_token_that_ends_meanwhile_is_renewed_and_the_client_does_not_notice(new_service, program, plain_python):
    user = new_service("mlflow-ci-short")
    seconds = 2.5 * SHORT_LIFETIME_S
    printed = run(user, program, "exec", "--proxy", "--", plain_python, CLIENTS / "plain.py", seconds)
    logged = int(printed.split()[-1])
    assert logged > seconds
    assert len(user.token_requests()) >= 3


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_curl_searches_experiments(way, new_service, program):
    script = (
        'curl -sS --fail -H "Authorization: Bearer $MLFLOW_TRACKING_TOKEN" '
        '"${MLFLOW_TRACKING_URI%/}/api/2.0/mlflow/experiments/search?max_results=100"'
    )
    assert "Default" in json.dumps(json.loads(run(new_service(), program, *way, "sh", "-c", script)))


@contextlib.contextmanager
def serving(user, program, *options):
    """`mlflow-oidc proxy`: its environment for clients, the link that it prints for browsers, its process ID."""
    with (user.folder / "proxy.out").open("w+") as out, (user.folder / "proxy.err").open("w+") as err:
        words = [program, "proxy", *map(str, options)]
        proxy = subprocess.Popen(words, cwd=user.folder, env=user.environment(), stdout=out, stderr=err)
        try:
            link = await_text(user.folder / "proxy.err", r"For a browser, .*: (http\S+)", proxy)
            lines = (user.folder / "proxy.out").read_text().splitlines()
            told = dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines)
            yield {**user.environment(), **told}, link, proxy.pid
        finally:
            proxy.send_signal(signal.SIGTERM)
            assert proxy.wait(30) == 0, (user.folder / "proxy.err").read_text()


def await_text(path, pattern, process):
    end = time.monotonic() + 60
    while not (found := re.search(pattern, path.read_text())):
        assert process.poll() is None and time.monotonic() < end, path.read_text()
        time.sleep(0.05)
    return found[1]


def test_the_web_ui_is_used_in_a_browser(new_service, program, plain_python, tmp_path):
    user = new_service()
    screenshot = Path(os.environ.get("MOIDC_SCREENSHOT") or tmp_path / "ui.png")
    with serving(user, program) as (env, link, _):
        name = subprocess.run(
            [plain_python, CLIENTS / "plain.py", "0"], cwd=user.folder, env=env, capture_output=True, text=True
        )
        assert name.returncode == 0, name.stderr
        command = [*node_command("ui.mjs"), shutil.which("chromium"), link, "plain-", str(screenshot)]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert seen.returncode == 0, seen.stderr
    page = json.loads(seen.stdout)
    assert page["url"].startswith(env["MLFLOW_TRACKING_URI"])
    # the server knows no users: it has no such page
    assert [refused for refused in page["refused"] if not refused.endswith("/users/current")] == []
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in page["cookies"]] == [(True, "Strict")]
    assert screenshot.stat().st_size > 10_000


class Watched:
    """The most memory and descriptors that a process has while the block runs."""

    def __init__(self, pid):
        self._folder = Path(f"/proc/{pid}")
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self.memory_kib, self.descriptors = self.now()

    def now(self):
        resident = re.search(r"^VmRSS:\s+(\d+)", (self._folder / "status").read_text(), re.M)
        try:  # of a process that cannot be dumped root alone may see them (proc(5))
            return int(resident[1]), len(os.listdir(self._folder / "fd"))
        except PermissionError:
            return int(resident[1]), 0

    def _watch(self):
        while not self._over.wait(0.02):
            memory, descriptors = self.now()
            self.memory_kib, self.descriptors = max(self.memory_kib, memory), max(self.descriptors, descriptors)

    def __enter__(self):
        self._watching.start()
        return self

    def __exit__(self, *what):
        self._over.set()
        self._watching.join()


def test_a_large_artifact_passes_the_proxy_both_ways_in_constant_memory(new_service, program):
    user = new_service()
    sent, large = hashlib.sha256(), user.folder / "large.bin"
    with large.open("wb") as file:
        for i in range(ARTIFACT_MIB):
            block = hashlib.sha256(str(i).encode()).digest() * (MIB // 32)
            file.write(block)
            sent.update(block)
    # the server takes a while to put it into its store: the renewal in the middle is another test's
    curl = ["curl", "-sS", "--fail", "--max-time", str(10 * PATIENCE_S), "-H", "@header"]
    with serving(user, program) as (env, _, pid):
        (user.folder / "header").write_text(f"Authorization: Bearer {env['MLFLOW_TRACKING_TOKEN']}\n")
        artifacts = f"{env['MLFLOW_TRACKING_URI']}/api/2.0/mlflow-artifacts/artifacts/large"
        small = user.folder / "small.bin"
        small.write_bytes(bytes(2 * MIB))  # after it everything is there that one request needs
        subprocess.run([*curl, "-T", small, f"{artifacts}/small.bin"], cwd=user.folder, check=True)
        before = Watched(pid).now()
        with Watched(pid) as most:
            began = time.monotonic()
            subprocess.run([*curl, "-T", large, f"{artifacts}/large.bin"], cwd=user.folder, check=True)
            up_s, began = time.monotonic() - began, time.monotonic()
            large.unlink()
            received = hashlib.sha256()
            with subprocess.Popen([*curl, f"{artifacts}/large.bin"], cwd=user.folder, stdout=subprocess.PIPE) as back:
                while data := back.stdout.read(MIB):
                    received.update(data)
            down_s = time.monotonic() - began
    print(
        f"\n{ARTIFACT_MIB} MiB: up {up_s:.1f} s, down {down_s:.1f} s; memory {before[0]} KiB before, {most.memory_kib} at its most;"
        f" descriptors {before[1]}, {most.descriptors}"
    )
    assert back.returncode == 0 and received.digest() == sent.digest()
    assert most.memory_kib - before[0] < 4096, "KiB"
    assert most.descriptors - before[1] <= 4
