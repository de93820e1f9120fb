"""`mlflow-oidc proxy` as a test's client uses it: whole requests by http.client, odd ones byte by byte.

    with Proxy(program) as proxy:
        proxy.call("GET", "/api/...").status
        proxy.raw(b"GET / HTTP/1.1\r\n...")      # what comes back until the proxy closes
"""
import contextlib
import dataclasses
import http.client
import json
import re
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

SEARCH = "/api/2.0/mlflow/experiments/search"
ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/"


@dataclasses.dataclass
class Reply:
    status: int
    headers: list
    body: bytes

    def header(self, name, default=None):
        values = self.header_values(name)
        return values[0] if values else default

    def header_values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def message(self):
        """Of an error in MLflow's form."""
        document = json.loads(self.body)
        assert set(document) == {"error_code", "message"}
        return document["message"]


class Proxy:
    def __init__(self, program, *arguments, **environment):
        self.program = program
        self.popen = subprocess.Popen(
            [program.path, "proxy", *arguments], env=program.environment(**environment), cwd=program.world.cwd, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.stderr, self.status = [], "", None
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()
        wanted = 1 if "--unix" in arguments else 2
        self.lines = [line for line in (self.popen.stdout.readline() for _ in range(wanted)) if line]
        if len(self.lines) < wanted:
            self.end()
            raise AssertionError(f"the proxy did not start: {self.stderr}")
        self.uri = self.lines[0].strip().removeprefix("export MLFLOW_TRACKING_URI=").strip("'")
        self.key = self.lines[1].strip().split("=", 1)[1].strip("'") if wanted == 2 else None
        if wanted == 2:
            self.netloc = self.uri.removeprefix("http://")
            self.host, self.port = urllib.parse.urlsplit(self.uri).hostname, urllib.parse.urlsplit(self.uri).port

    def _read_stderr(self):
        for line in self.popen.stderr:
            with self._said:
                self.stderr += line
                self._said.notify_all()

    def wait_for(self, pattern, limit=30):
        """The match in what was said on stderr."""
        with self._said:
            assert self._said.wait_for(lambda: re.search(pattern, self.stderr), limit), f"no {pattern!r}: {self.stderr}"
            return re.search(pattern, self.stderr)

    @property
    def link(self):
        return self.wait_for(r"http://\S+/\.mlflow-oidc/enter\?once=\S+").group()

    @property
    def pid(self):
        return self.popen.pid

    def end(self, number=signal.SIGTERM, limit=15):
        if self.status is None:
            if number is not None and self.popen.poll() is None:
                self.popen.send_signal(number)
            try:
                self.status = self.popen.wait(limit)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
                raise AssertionError(f"the proxy does not end: {self.stderr}") from None
            self._reader.join(5)
            self.popen.stdout.close()
            self.popen.stderr.close()
            world = self.program.world
            world.more_output = getattr(world, "more_output", "") + self.stderr + "".join(self.lines)
            assert self.key is None or self.key not in self.stderr
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        status = self.end()
        if kind is None:
            assert status == 0, f"status {status}: {self.stderr}"

    # --- requests ---
    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=20)

    def call(self, method, path, body=None, headers=(), connection=None, key=True):
        made = connection or self.connect()
        given = dict(headers)
        if key:
            given.setdefault("Authorization", f"Bearer {self.key if key is True else key}")
        made.request(method, path, body, given)
        answer = made.getresponse()
        reply = Reply(answer.status, answer.getheaders(), answer.read())
        if connection is None:
            made.close()
        return reply

    def socket(self):
        made = socket.create_connection((self.host, self.port), 20)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def head(self, line=f"GET {SEARCH} HTTP/1.1", *fields, host=True, key=True):
        """Bytes of a request's head."""
        lines = [line, *([f"Host: {self.netloc}"] if host else []), *([f"Authorization: Bearer {self.key}"] if key else [])]
        return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1")

    def raw(self, *pieces, limit=20):
        """Sends the pieces and reads until the proxy closes."""
        with self.socket() as made:
            made.settimeout(limit)
            for piece in pieces:
                made.sendall(piece)
            return read_all(made)

    def status_of(self, *pieces):
        """The status line's number of the one answer; None when it closed without a word."""
        answer = self.raw(*pieces)
        return int(answer.split(b" ", 2)[1]) if answer else None


def read_all(made):
    came = b""
    while True:
        try:
            data = made.recv(65536)
        except ConnectionResetError:
            return came
        if not data:
            return came
        came += data


def read_until(made, end):
    came = b""
    while end not in came:
        data = made.recv(65536)
        assert data, f"closed after {came!r}"
        came += data
    return came


class RawServer:
    """A tracking server that says whatever bytes the test wants: `answers` for one request after another, the last one for
    all further ones. A callable gets the connection and the request's head, and says for itself what to do."""

    def __init__(self, *answers):
        self.answers, self.heads, self.bodies = list(answers), [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.uri = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections, self._open, self._lock = 0, [], threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                made, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(made)
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, made):
        rest = b""
        try:
            while True:
                while b"\r\n\r\n" not in rest:
                    data = made.recv(65536)
                    if not data:
                        return
                    rest += data
                head, rest = rest.split(b"\r\n\r\n", 1)
                with self._lock:
                    self.heads.append(head)
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
                length = int(found.group(1)) if found and b"100-continue" not in head else 0
                while len(rest) < length:
                    data = made.recv(65536)
                    if not data:
                        return
                    rest += data
                with self._lock:
                    self.bodies.append(rest[:length])
                rest = rest[length:]
                if callable(answer):
                    answer(made, head)
                    return
                made.sendall(answer)
                if re.search(rb"(?i)\r\nconnection: close", answer.split(b"\r\n\r\n")[0]):
                    return
        except OSError:
            pass
        finally:
            made.close()

    def close(self):
        # shutdown() wakes accept() on Linux; elsewhere a connection of our own does
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for made in self._open:
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)


def ok(body=b"{}", *fields):
    """A whole answer."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def listening_at(port):
    """The addresses at which somebody listens on the port, as the system writes them: in hex."""
    found = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}") as table:
            rows = [line.split() for line in table][1:]
        found |= {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
    return found


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def wait_closed(made, limit=30):
    """True once the other side has closed."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if select.select([made], [], [], 0.2)[0] and not made.recv(65536):
            return True
    return False
