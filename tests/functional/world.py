"""What a test acts on: a user with a home, a working directory and a browser, a provider, a tracking server, and processes of the
interpreter under test.

    world.person()                      # settings: public client, signs in with the browser
    outcome = world.run("search()")     # a fresh process; inside.py lists the names a snippet has
    with world.process() as process:    # several calls in one process
        process.do("search()")
"""
import dataclasses
import fcntl
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.parse
from pathlib import Path

from browser import Browser
from clock import Clock
from provider import Provider
from server import TrackingServer
from stack.process import free_port

INSIDE = str(Path(__file__).with_name("inside.py"))
PYTHON = os.environ.get("MOIDC_TEST_PYTHON", sys.executable)
CALL_LIMIT_S = 28  # no call of a test may take longer: a hang is a failure, not a wait
# "At once", on a machine with much else to do. What would be waited for in vain lasts longer: 30 s a request, 60 s a sign-in.
SOON_S = 20

KEYS = {
    "uri": "URI", "issuer": "ISSUER", "client-id": "CLIENT_ID", "client-secret": "CLIENT_SECRET", "redirect-uri": "REDIRECT_URI",
    "scope": "SCOPE", "audience": "AUDIENCE", "interactive": "INTERACTIVE", "use-id-token": "USE_ID_TOKEN",
    **{key: key.upper().replace("-", "_") for key in (
        "flow", "login-hint", "prompt", "resource", "authorize-params", "client-auth", "ca-file", "header", "cache",
        "refresh-margin", "listen-address")},
}


def variable(key):
    """The environment variable of a setting."""
    return "MLFLOW_TRACKING_URI" if key == "uri" else "MLFLOW_TRACKING_OIDC_" + KEYS[key]


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml_value(text)}" for name, text in value.items()) + "}"
    return json.dumps(value)


def variable_text(value):
    """The same value as an environment variable has it."""
    if isinstance(value, dict):
        return urllib.parse.urlencode(value)
    if isinstance(value, list):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def block(settings, table="tool.mlflow-oidc-client.tracking-servers"):
    return f"[[{table}]]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in settings.items()) + "\n"


@dataclasses.dataclass
class Outcome:
    value: object
    error: dict | None
    seconds: float

    def ok(self):
        """The value; fails with the whole story when there was an error."""
        assert self.error is None, f"expected a value, got {self.error['type']}: {self.error['text']}"
        return self.value

    def failed(self, code=None, *mentions):
        """The error's text, after checking its class, its code (one or several that are right) and what it must mention."""
        assert self.error is not None, f"expected an error, got {self.value!r}"
        assert "MlflowException" in self.error["classes"], f"not an MlflowException:\n{self.error['trace']}"
        if code is not None:
            codes = (code,) if isinstance(code, str) else code
            assert self.error["code"] in codes, f"code {self.error['code']!r}: {self.error['text']}"
        text = self.error["text"]
        for mention in mentions:
            choices = (mention,) if isinstance(mention, str) else mention
            assert any(c.lower() in text.lower() for c in choices), f"none of {choices} in: {text}"
        return text


def attempts(values):
    """Outcomes from what attempt() and threads() of inside.py return."""
    return [Outcome(v["value"], v["error"], v.get("seconds", 0)) for v in values]


class Terminal:
    """What a person sees and types: stdin and stderr of a process. It does not echo."""

    def __init__(self, columns, seen):
        self._master, self.slave = os.openpty()
        attributes = termios.tcgetattr(self.slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        threading.Thread(target=self._read, args=(seen,), daemon=True).start()

    def _read(self, seen):
        with open(seen, "ab", buffering=0) as file:
            while True:
                try:
                    data = os.read(self._master, 65536)
                except OSError:
                    data = b""
                if not data:
                    os.close(self._master)
                    return
                file.write(data)

    def type(self, line):
        os.write(self._master, line.encode() + b"\n")


class Process:
    terminal = None
    limit_s = CALL_LIMIT_S

    def __init__(self, world, pid, control, out, err, wait):
        self.world, self.pid, self._control, self._wait = world, pid, control, wait
        self._out, self._err = out, err
        self._replies = control.makefile("r", encoding="utf-8")
        self.status = None

    def see(self, text, timeout=30):
        """Waits until it stands in stderr; all of that."""
        end = time.monotonic() + timeout
        while text not in self.stderr:
            assert time.monotonic() < end, f"not seen within {timeout} s: {text!r} in:\n{self.stderr}"
            time.sleep(0.005)
        return self.stderr

    @property
    def stdout(self):
        return Path(self._out).read_text(errors="replace")

    @property
    def stderr(self):
        with open(self._err, errors="replace", newline="" if self.terminal else None) as file:
            return file.read()

    def start(self, code):
        """Sends a snippet, and does not wait for what comes of it."""
        self._control.sendall((json.dumps({"code": code}) + "\n").encode())

    def begin(self, expression):
        """The same, and waits until it has begun: from then on Ctrl-C is the call's to answer."""
        self.start(f"(print('begun', file=sys.stderr, flush=True), {expression})[1]")
        self.see("begun")

    def wait(self, limit=None):
        limit = limit or self.limit_s
        self._control.settimeout(limit)
        try:
            line = self._replies.readline()
        except TimeoutError:
            self.kill()
            raise AssertionError(f"the call hangs: no end within {limit} s; stderr:\n{self.stderr}") from None
        if not line:
            raise AssertionError(f"the process ended in a call, status {self.end()}; stderr:\n{self.stderr}")
        reply = json.loads(line)
        outcome = Outcome(reply["value"], reply["error"], reply["seconds"])
        self.world.outcomes.append(outcome)
        return outcome

    def do(self, code, limit=None):
        self.start(code)
        return self.wait(limit)

    def busy(self):
        """Whether the snippet that was started still runs."""
        self._control.setblocking(False)
        try:
            return not self._control.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self._control.setblocking(True)

    def interrupt(self):
        """Ctrl-C."""
        os.kill(self.pid, signal.SIGINT)

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end(self, limit=30, whole=False):
        """Lets the process exit normally; its status. `whole`: with everything that Python does at its end."""
        if self.status is None:
            try:
                if whole:
                    self._control.sendall(b'{"exit": "whole"}\n')
                self._control.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            until = time.monotonic() + limit
            while self.status is None:
                self.status = self._wait()
                if self.status is None:
                    if time.monotonic() > until:
                        self.kill()
                        limit, until = None, time.monotonic() + 5
                    time.sleep(0.003)
            self._replies.close()
            self._control.close()
            assert limit is not None, f"the process did not exit; stderr:\n{self.stderr}"
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        status = self.end()
        if kind is None:
            assert status == 0, f"exit status {status}; stderr:\n{self.stderr}"


class Zygote:
    """One interpreter under test that has imported MLflow; fresh processes are forked from it in milliseconds."""

    def __init__(self, folder, environment):
        ours, theirs = socket.socketpair()
        self._channel = ours
        with open(folder / "zygote.log", "wb") as log:
            self._process = subprocess.Popen(
                [PYTHON, INSIDE, "zygote", str(theirs.fileno())], pass_fds=[theirs.fileno()], env=environment, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        theirs.close()
        self._replies = ours.makefile("r", encoding="utf-8")
        assert self._replies.readline() == '"ready"\n', (folder / "zygote.log").read_text()

    def _order(self, order, descriptors=()):
        data = (json.dumps(order) + "\n").encode()
        if descriptors:
            socket.send_fds(self._channel, [data], descriptors)
        else:
            self._channel.sendall(data)
        return json.loads(self._replies.readline())

    def fork(self, environment, cwd, descriptors, terminal=False):
        return self._order({"environment": environment, "cwd": str(cwd), "terminal": terminal}, descriptors)

    def poll(self, pid):
        return self._order({"poll": pid})

    def close(self):
        self._channel.shutdown(socket.SHUT_RDWR)
        self._replies.close()
        self._channel.close()
        self._process.wait(10)


class World:
    def __init__(self, folder, zygote, preload, authority):
        self.folder, self._zygote, self._preload, self.authority = folder, zygote, preload, authority
        self.home, self.cwd = folder / "home", folder / "work"
        self.config_home, self.cache_home = folder / "config", folder / "cache"
        for path in (self.home, self.cwd, self.config_home, self.cache_home, folder / "tmp", folder / "runtime"):
            path.mkdir(mode=0o700)
        self.clock = Clock(folder / "clock")
        self.browser = Browser(folder / "browser")
        self.outcomes, self.processes, self._servers = [], [], []
        self.more_secrets = set()
        self.unguarded = False  # True where requests without a token are what the test expects
        self.provider = self.new_provider()
        self.server = self.new_server()
        self.env = self._base_environment()

    # --- machines ---
    def new_provider(self, **options):
        provider = Provider(clock=self.clock, **options)
        provider.add_client("app")
        provider.add_client("robot", "s3cret-" + secrets.token_hex(8))
        self._servers.append(provider)
        return provider

    def new_server(self, **options):
        server = TrackingServer(accepts=lambda token: self.provider.accepts(token), clock=self.clock, **options)
        server.is_expired = lambda token: self.provider.expired(token)
        self._servers.append(server)
        return server

    # --- the user ---
    def _base_environment(self):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.config_home),
            "XDG_CACHE_HOME": str(self.cache_home),
            "XDG_RUNTIME_DIR": str(self.folder / "runtime"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "BROWSER": str(self.browser.command),
            "URI": self.server.uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MOIDC_TEST_CLOCK": str(self.clock.path),
        }
        environment.update(tools_environment(self._preload))
        return environment

    def settings(self, **changes):
        """Settings of `world.server`; names with underscores, None leaves one out."""
        result = {"uri": self.server.uri, "issuer": self.provider.issuer}
        result.update({name.replace("_", "-"): value for name, value in changes.items()})
        return {name: value for name, value in result.items() if value is not None}

    def person_settings(self, **changes):
        if not hasattr(self, "redirect_uri"):
            self.redirect_uri = f"http://127.0.0.1:{free_port()}/oauth2/callback"
        self.env.setdefault("MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT", "60")  # so that what is wrong ends
        return self.settings(**{"client_id": "app", "redirect_uri": self.redirect_uri, **changes})

    def robot_settings(self, **changes):
        return self.settings(**{"client_id": "robot", "client_secret": self.provider.clients["robot"], **changes})

    def write(self, *blocks, folder=None, text=""):
        """`pyproject.toml` of the working directory."""
        path = (folder or self.cwd) / "pyproject.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "".join(block(settings) for settings in blocks))
        path.chmod(0o644)
        return path

    def write_user_file(self, *blocks, text=""):
        path = self.config_home / "mlflow-oidc-client" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "".join(block(settings, "tracking-servers") for settings in blocks))
        return path

    def person(self, **changes):
        return self.write(self.person_settings(**changes))

    def robot(self, **changes):
        return self.write(self.robot_settings(**changes))

    def set_variables(self, settings):
        """The same settings, in the environment."""
        for key, value in settings.items():
            self.env[variable(key)] = variable_text(value)

    def use_tls_provider(self):
        """From now on the provider speaks TLS, with a certificate that the processes are told to trust."""
        self.provider = self.new_provider(context=self.authority.context())
        self.env["SSL_CERT_FILE"] = str(self.authority.ca_file)
        self.browser.trust(self.authority.ca_file)
        return self.provider

    # --- processes ---
    def process(self, cwd=None, spawn=False, unset=(), terminal=0, **environment):
        """`terminal`: how many columns the one has that the process is at; 0: it is at none."""
        full = {**self.env, **({"TERM": "xterm"} if terminal else {}), **environment}
        for name in unset:
            full.pop(name, None)
        number = len(self.processes)
        out, err = self.folder / f"out.{number}", self.folder / f"err.{number}"
        ours, theirs = socket.socketpair()
        cwd = str(cwd or self.cwd)
        (self.browser.folder / "watched").write_text(str(err))
        err.touch()  # it is looked into before the terminal's first line comes
        screen = Terminal(terminal, err) if terminal else None
        with open(out, "wb") as out_file, open(screen.slave if screen else err, "wb") as err_file, theirs:
            if spawn:
                popen = subprocess.Popen(
                    [PYTHON, INSIDE, "serve", str(theirs.fileno())], pass_fds=[theirs.fileno()], env=full, cwd=cwd,
                    stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file,
                )
                pid, wait = popen.pid, popen.poll
            else:
                pid = self._zygote.fork(full, cwd, [theirs.fileno(), out_file.fileno(), err_file.fileno()], bool(terminal))
                wait = lambda: self._zygote.poll(pid)  # noqa: E731
        process = Process(self, pid, ours, str(out), str(err), wait)
        process.terminal = screen
        if spawn:
            process.limit_s = 120  # it imports MLflow by itself
        self.processes.append(process)
        return process

    def run(self, code, **options):
        """A snippet in a fresh process that ends after it."""
        with self.process(**options) as process:
            return process.do(code)

    def together(self, count, code, **options):
        """The same snippet in `count` fresh processes at once."""
        processes = [self.process(**options) for _ in range(count)]
        for process in processes:
            process.do("import mlflow_oidc_client")
        for process in processes:
            process.start(code)
        outcomes = [process.wait() for process in processes]
        for process in processes:
            assert process.end() == 0, process.stderr
        return outcomes

    def command(self, *arguments, **options):
        """A program of the interpreter under test: python with these arguments."""
        done = subprocess.run(
            [PYTHON, *arguments], env=self.env, cwd=self.cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120, **options,
        )
        self.more_output = getattr(self, "more_output", "") + done.stdout + done.stderr
        return done

    # --- looking ---
    @property
    def stderr(self):
        return "".join(process.stderr for process in self.processes)

    @property
    def cache(self):
        return self.cache_home / "mlflow-oidc-client"

    def cache_files(self):
        """The files that hold tokens: what is not empty."""
        return [p for p in sorted(self.cache.rglob("*")) if p.is_file() and p.stat().st_size] if self.cache.is_dir() else []

    def cached(self):
        """What the one file of tokens holds; {} where there is none."""
        return next((json.loads(p.read_text()) for p in self.cache_files() if p.suffix == ".json"), {})

    @staticmethod
    def wait_for(condition, limit_s=30):
        until = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < until, "it does not come to that"
            time.sleep(0.005)

    def cache_files_hold_no_token(self):
        texts = [path.read_bytes() for path in self.cache_files()]
        return not any(secret.encode() in text for secret in self.provider.secrets for text in texts)

    def token_requests(self, grant_type=None):
        return [r for r in self.provider.received("token") if grant_type in (None, r.form.get("grant_type"))]

    def advance(self, seconds):
        self.clock.advance(seconds)

    # --- after each test ---
    def finish(self):
        for process in self.processes:
            try:
                process.end(1)
            except AssertionError:
                pass
        for server in self._servers:
            server.close()

    def check_promises(self):
        """What holds in every test, whatever it is about."""
        for server in self._servers:
            assert not server.errors, f"our own server failed: {server.errors}"
        for error in [o.error for o in self.outcomes if o.error and o.error["what"]]:
            assert error["where"] and error["next"], f"where, and what to do next? {error['text']}"
        said = [("stderr", self.stderr), ("stdout", "".join(p.stdout for p in self.processes)),
                ("output", getattr(self, "more_output", ""))]
        said += [("error", "\n".join([o.error["text"], *o.error["chain"], o.error["trace"]])) for o in self.outcomes if o.error]
        said += [("browser's arguments", " ".join(o["argv"])) for o in self.browser.openings]
        said += [("browser's environment", "\n".join(o["environment"].values())) for o in self.browser.openings]
        said += [("page", page["text"]) for page in self.browser.pages]
        hidden = set(self.more_secrets).union(*(s.secrets for s in self._servers if isinstance(s, Provider)))
        for where, text in said:
            for secret in hidden:
                assert secret not in text, f"a secret ({secret[:3]}...) stands in {where}:\n{text}"
        if not self.unguarded:
            for server in self._servers:
                if isinstance(server, TrackingServer):
                    bare = [r.target for r in server.without_token()]
                    assert not bare, f"requests without a token reached the server: {bare}"
                    late = [r.target for r in server.with_expired_token()]
                    assert not late, f"an expired token was sent: {late}"


def tools_environment(preload):
    """Sanitizers and coverage go on into the processes under test, and the clock is preloaded after them."""
    passed = {
        name: value for name, value in os.environ.items()
        if name.endswith("SAN_OPTIONS") or name in ("PYTHONMALLOC", "LLVM_PROFILE_FILE", "GCOV_PREFIX", "MOIDC_TEST_FAIL")
    }
    passed["LD_PRELOAD"] = " ".join(filter(None, [os.environ.get("MOIDC_TEST_SANITIZER"), str(preload)]))
    passed["PYTHONDONTWRITEBYTECODE"] = "1"
    return passed

