"""One server: a process group of its own, a log file, a way to know that it is ready."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
# Straight to loopback, whatever proxy variables say.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    """Below those that the system gives out by itself, so that no server or connection of another test gets it meanwhile."""
    while True:
        port = random.randrange(15000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def http_get(url, timeout_s=5):
    """Returns (status, body); a refusal by status is an answer, not an exception."""
    try:
        with opener.open(url, timeout=timeout_s) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _end_with_parent():
    # So that nothing is left running when this program is killed without a chance to clean up.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Server:
    """Subclasses set `name`, `url` and what `ready_url` must answer with before the server counts as up."""

    name = "server"
    start_timeout_s = 60

    def __init__(self, run_dir):
        self.run_dir = Path(run_dir)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ready_url = self.url
        self.log = self.run_dir / f"{self.name}-{self.port}.log"
        self.process = None

    def start(self, argv, env=None, cwd=None):
        """Returns at once; call wait() before use. Start from the main thread: the child ends with its thread."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd or self.run_dir,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        return self

    def is_ready(self):
        try:
            return http_get(self.ready_url)[0] < 500
        except OSError:
            return False

    def wait(self):
        deadline = time.monotonic() + self.start_timeout_s
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with status {self.process.returncode}\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} was not ready after {self.start_timeout_s} s\n{self.log_tail()}")
            time.sleep(0.1)
        return self

    def stop(self):
        if self.process is None:
            return
        for sign, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
                break
        # Helpers of the server that outlive it are in its group still.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None

    def log_tail(self, lines=40):
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.log}", *(line[:300] for line in text[-lines:])])

    def __enter__(self):
        return self.wait()

    def __exit__(self, *_exc):
        self.stop()
