"""Where bench/costs measures: two environments (ours, 0.2.4), the tests' provider behind TLS, homes of their own, and the ways
to time a process."""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from provider import Provider
from tls import Authority

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build/bench"
IN_PROCESS = TOP / "bench/in_process.py"
REFERENCE = "mlflow-oidc-client==0.2.4"
SERVER = "http://127.0.0.1:9"  # never called: only what comes before
BOTH = ("ours", "reference")
ON_DISK = "disk"  # the name of a home


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options).stdout


def environments(wheel):
    """{"ours": folder, "reference": folder}: the same Python and MLflow in both."""
    for name, package in (("ours", str(wheel)), ("reference", REFERENCE)):
        folder = BUILD / name
        if not (folder / "bin/python").exists():
            run(sys.executable, "-m", "venv", folder)
            run(folder / "bin/python", "-m", "pip", "install", "-q", "mlflow-skinny", "setuptools<81")
        run(folder / "bin/python", "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps" if name == "ours" else "-q", package)
    os.sync()  # pages of a file that is not on disk yet would count as memory that somebody has written to
    return {name: BUILD / name for name in BOTH}


class World:
    def __init__(self, folder, memory, venvs, rounds):
        """folder: on disk; memory: where homes are, so that the disk is not measured."""
        self.folder, self.memory, self.venvs, self.rounds, self.authority = folder, memory, venvs, rounds, Authority(folder)
        self.program = venvs["ours"] / "bin/mlflow-oidc"
        self.provider = Provider(context=self.authority.context())  # 0.2.4 takes https alone
        self.provider.add_client("robot", "secret")
        self.provider.expires_in = 3600

    def home(self, which, name="home"):
        place = (self.folder if name == ON_DISK else self.memory) / f"{name}-{which}"
        place.mkdir(exist_ok=True)
        return place

    def cache(self, name="home"):
        """Our cache's folder in that home."""
        return self.home("ours", name) / ".cache/mlflow-oidc-client"

    def plain_environment(self, which, home="home"):
        """A home of its own, with `which` contender's cache in it, and no settings."""
        return {"PATH": f"{self.venvs.get(which, self.venvs['ours'])}/bin:/usr/bin:/bin", "HOME": str(self.home(which, home)),
                "LC_ALL": "C.UTF-8", "SSL_CERT_FILE": str(self.authority.ca_file), "MLFLOW_TRACKING_URI": SERVER}

    def environment(self, which, home="home"):
        """The same with settings by variables."""
        return self.plain_environment(which, home) | {
            "MLFLOW_TRACKING_OIDC_ISSUER": self.provider.issuer, "MLFLOW_TRACKING_OIDC_CLIENT_ID": "robot",
            "MLFLOW_TRACKING_OIDC_CLIENT_SECRET": "secret"}

    def forget(self, which, home="home"):
        """No token is cached there any more."""
        for entry in self.home(which, home).iterdir():
            shutil.rmtree(entry)

    def inside(self, which, what, *arguments, env=None, cwd=None):
        """What one process of its own finds out about `what` (in_process.py)."""
        command = [self.venvs[which] / "bin/python", IN_PROCESS, which, what, *arguments]
        return json.loads(run(*command, env=self.environment(which) if env is None else env, cwd=cwd or self.folder))


def spawned(command, env, cwd):
    """Runs it to its end: (milliseconds, struct rusage). What it prints is thrown away. posix_spawn() itself takes 0.1 ms."""
    os.chdir(cwd)
    words = [str(word) for word in command]
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    program = shutil.which(words[0])
    began = time.perf_counter()
    _, status, usage = os.wait4(os.posix_spawn(program, words, env, file_actions=nowhere), 0)
    took = (time.perf_counter() - began) * 1000
    assert status == 0, (words, status)
    return took, usage


def elapsed_ms(command, env, cwd):
    return spawned(command, env, cwd)[0]


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive")


def in_turns(rounds, contenders):
    """{name: act} -> {name: lower quartile of what act() returned, as other work only adds}; the first round warms up and
    does not count."""
    taken = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, act in contenders.items():
            value = act()
            if turn:
                taken[name].append(value)
    return {name: quartiles(values)[0] for name, values in taken.items()}


def exponent(sizes, values):
    """Of n in the last step of what `values` are of `sizes`: 0 does not grow, 1 is linear."""
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def table(heads, rows):
    """Lines of a table in Markdown."""
    line = lambda cells: "| " + " | ".join(cell if isinstance(cell, str) else number(cell) for cell in cells) + " |"  # noqa: E731
    return [line(heads), "|" + "-|" * len(heads), *(line(row) for row in rows), ""]


def note(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
