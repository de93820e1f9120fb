"""usage: python tests/soak [--real] [MINUTES]

MLflow in 8 processes with 10-second tokens, while the provider restarts, rotates its keys and refuses renewals; prints what became
of it, and fails if a call was lost though a way to a token existed. --real: against `mlflow server` behind a proxy that checks the
tokens, with long outages too; else against the functional tests' tracking server."""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from machines import LIFETIME_S, CountedGuard, CountedServer, TroubledProvider, pause_s
from stack.process import free_port

HERE = Path(__file__).resolve().parent
SPARE = "the token of the job that signs nobody in"
# of the 8: two that sign in by themselves, four of one person, which share tokens and send different ones, two of another client
JOBS = ("robot", "robot", "id", "id", "access", "access", "other", "other")


def environments(folder, provider, uri):
    """The environment of each kind of job; "plain" knows a token from elsewhere and does not use the plugin."""
    browser = folder / "browser"
    browser.write_text(f"#!/bin/sh\nexec '{sys.executable}' -IS '{HERE / 'reload.py'}' \"$1\"\n")
    browser.chmod(0o755)
    passed = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_PRELOAD") or "SAN_OPTIONS" in name}
    common = {**passed, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "URI": uri, "MLFLOW_TRACKING_URI": uri,
              "BROWSER": str(browser), "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
              "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "SOAK_PAUSE_S": os.environ.get("SOAK_PAUSE_S", "0.1")}

    def oidc(**settings):
        named = {"MLFLOW_TRACKING_OIDC_" + name.upper(): value for name, value in settings.items()}
        return {**common, "MLFLOW_TRACKING_OIDC_ISSUER": provider.issuer, **named}

    callbacks = [f"http://127.0.0.1:{free_port()}/oauth2/callback" for _ in range(2)]
    return {
        "plain": {**common, "MLFLOW_TRACKING_TOKEN": SPARE},
        "robot": oidc(client_id="robot", client_secret=provider.clients["robot"]),
        "id": oidc(client_id="app", redirect_uri=callbacks[0], login_timeout="30"),
        "access": oidc(client_id="app", redirect_uri=callbacks[0], login_timeout="30", use_id_token="false"),
        "other": oidc(client_id="other", redirect_uri=callbacks[1], login_timeout="30"),
    }


@contextlib.contextmanager
def tracking_server(provider, folder, real):
    """URI and counts of a server that asks for a token."""
    options = {"accepts": lambda token: token == SPARE or provider.accepts(token), "spare": SPARE}
    with contextlib.ExitStack() as stack:
        if real:
            from stack.mlflow_server import MlflowServer

            behind = stack.enter_context(MlflowServer(folder / "server"))
            server = CountedGuard(behind.url, **options)
        else:
            server = CountedServer(**options)
        server.is_expired = provider.expired
        stack.callback(server.close)
        yield server


def first_sign_ins(known):
    """Fills the cache: one sign-in for each person."""
    for kind in ("id", "other"):
        code = "import os, mlflow_oidc_client; mlflow_oidc_client.login(os.environ['URI'])"
        subprocess.run([python(), "-c", code], env=known[kind], cwd=known[kind]["HOME"], check=True, timeout=60,
                       capture_output=True)


def python():
    return os.environ.get("MOIDC_TEST_PYTHON", sys.executable)


class Job:
    def __init__(self, kind, number, environment, folder, seconds):
        self.kind, self.results, self.said = kind, folder / f"results.{number}", folder / f"said.{number}"
        warm_up = min(60, seconds / 2)
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [python(), HERE / "worker.py", str(seconds), str(warm_up), self.results], env=environment, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def end(self):
        """What came of it."""
        status = self.process.wait()
        if status:
            return {"kind": self.kind, "died": status, "said": self.said.read_text()[-2000:]}
        lines = [json.loads(line) for line in self.results.read_text().splitlines()]
        return {"kind": self.kind, "lost": lines[:-1], **lines[-1]}


def run(minutes, real):
    seconds = minutes * 60
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        provider = TroubledProvider()
        stack.callback(provider.close)
        provider.add_client("robot", "s3cret-of-the-soak")
        provider.add_client("app"), provider.add_client("other")
        server = stack.enter_context(tracking_server(provider, folder, real))
        known = environments(folder, provider, server.uri)
        first_sign_ins(known)
        jobs = [Job(kind, n, known[kind], folder, seconds) for n, kind in enumerate((*JOBS, "plain"))]
        begun = time.monotonic()
        while sum(server.tally.values()) < 4 * len(jobs) and time.monotonic() - begun < 60:
            time.sleep(0.1)  # importing MLflow takes its time
        until = time.monotonic() + seconds
        while time.monotonic() < until - LIFETIME_S and all(job.process.poll() is None for job in jobs):
            time.sleep(pause_s())
            provider.trouble(outages=real)
        found = [job.end() for job in jobs]
    return report.tell(report.Figures(found, provider, server, seconds))


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--real"]
    sys.exit(run(float(arguments[0]) if arguments else 30, "--real" in sys.argv))
