"""An HTTP server for tests: it records every request, and any endpoint's answer can be replaced, changed, delayed or broken."""
import dataclasses
import json as jsonlib
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler


@dataclasses.dataclass
class Request:
    endpoint: str
    method: str
    target: str
    path: str
    query: dict
    headers: list
    body: bytes
    received_at: float
    peer: tuple = None  # address and port that it came from: one connection's

    def header(self, name, default=None):
        values = self.header_values(name)
        return values[0] if values else default

    def header_values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def form(self):
        return {key: values[-1] for key, values in self.form_lists.items()}

    @property
    def form_lists(self):
        return urllib.parse.parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def query_lists(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.target).query, keep_blank_values=True)

    token_header = "Authorization"  # where the token is looked for

    @property
    def bearer(self):
        """The token that came, or None; `Bearer` exactly as the contract writes it."""
        value = self.header(self.token_header, "")
        if not self.token_header.lower().endswith("authorization"):
            return value or None
        return value[len("Bearer ") :] if value.startswith("Bearer ") else None


@dataclasses.dataclass
class Answer:
    status: int = 200
    headers: list = dataclasses.field(default_factory=list)
    body: bytes = b""
    delay: float = 0  # seconds before the first byte
    hang: bool = False  # accept, then never answer
    cut: int | None = None  # close after this many bytes of the whole answer
    drip: float | None = None  # seconds before each byte of the body
    endless: bool = False  # repeat the body for ever
    interim: list = dataclasses.field(default_factory=list)  # header fields of a 103 before it
    trailers: list = dataclasses.field(default_factory=list)  # sent in chunks, with these header fields behind it

    @classmethod
    def of_json(cls, document, status=200, headers=()):
        return cls(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers],
                   jsonlib.dumps(document).encode())

    @property
    def document(self):
        return jsonlib.loads(self.body)

    def with_document(self, document):
        return dataclasses.replace(self, body=jsonlib.dumps(document).encode())


@dataclasses.dataclass
class Fault:
    endpoint: str
    change: object  # (request, normal) -> Answer, where normal() computes the true answer
    times: int | None
    early: bool = False  # answer without having read the request's body


class ScriptedServer:
    """Subclasses give `route(path) -> endpoint name` and `respond(request) -> Answer`."""

    def __init__(self, context=None, host="127.0.0.1", clock=time.time):
        self.context, self.host, self.clock, self.port = context, host, clock, 0
        self.requests = []
        self.errors = []  # what went wrong in our own code: no test passes over it
        self._faults = []
        self._lock = threading.RLock()
        self._connections = set()
        self._released = threading.Event()
        self._listener = None
        self.connections_accepted = 0
        self.up()

    # --- the server's life ---
    def up(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(256)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self):
        """Connections are refused from now on, and the open ones are cut."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        # shutdown() wakes accept() on Linux; elsewhere a connection of our own does.
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            socket.create_connection((self.host, self.port), 1).close()
        listener.close()
        self._release()
        with self._lock:
            open_ones = list(self._connections)
        for connection in open_ones:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    close = down

    def _release(self):
        self._released.set()
        self._released = threading.Event()

    def _accept(self, listener):
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            if self._listener is not listener:
                connection.close()
                return
            self.connections_accepted += 1
            threading.Thread(target=self._serve, args=(connection, address), daemon=True).start()

    def _serve(self, connection, address):
        with self._lock:
            self._connections.add(connection)
        served = connection
        try:
            if self.context is not None:
                served = self.context.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._connections.discard(connection)
                    self._connections.add(served)
            served.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Handler(served, address, self)
        except OSError:
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
                self._connections.discard(served)
            served.close()

    @property
    def netloc(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def base(self):
        return f"{'https' if self.context else 'http'}://{self.netloc}"

    # --- what came in ---
    def count(self, endpoint=None):
        with self._lock:
            return len([r for r in self.requests if endpoint in (None, r.endpoint)])

    def received(self, endpoint):
        with self._lock:
            return [r for r in self.requests if r.endpoint == endpoint]

    def last(self, endpoint):
        return self.received(endpoint)[-1]

    def wait_for(self, endpoint, count=1, timeout=30):
        end = time.monotonic() + timeout
        while self.count(endpoint) < count:
            assert time.monotonic() < end, f"no request no. {count} of {endpoint} within {timeout} s"
            time.sleep(0.005)
        return self.received(endpoint)[count - 1]

    # --- faults ---
    def fault(self, endpoint, change, times=None, early=False):
        with self._lock:
            self._faults.append(Fault(endpoint, change, times, early))

    def replace(self, endpoint, status=200, body=b"", headers=(), json=None, times=None, early=False, **effects):
        """Answers this; the true answer is not computed (no code redeemed, no token rotated)."""
        answer = Answer.of_json(json, status, headers) if json is not None else Answer(status, list(headers), body)
        answer = dataclasses.replace(answer, **effects)
        self.fault(endpoint, lambda request, normal: answer, times, early)

    def alter(self, endpoint, change, times=None):
        """Passes the true answer's JSON document through `change`, which edits it or returns another."""

        def altered(request, normal):
            answer = normal()
            document = answer.document
            result = change(document)
            return answer.with_document(document if result is None else result)

        self.fault(endpoint, altered, times)

    def effect(self, endpoint, times=None, **effects):
        """The true answer, but slow, cut short and the like."""
        self.fault(endpoint, lambda request, normal: dataclasses.replace(normal(), **effects), times)

    def hold(self, endpoint, times=None):
        """The true answer, but not before the event that is returned is set."""
        gate = threading.Event()

        def held(request, normal):
            gate.wait(60)
            return normal()

        self.fault(endpoint, held, times)
        return gate

    def hang(self, endpoint, times=None):
        self.replace(endpoint, hang=True, times=times)

    def heal(self, endpoint=None):
        """No faults from now on; what hangs is cut."""
        with self._lock:
            self._faults = [f for f in self._faults if endpoint is not None and f.endpoint != endpoint]
        self._release()

    def take_fault(self, endpoint):
        """The newest fault that still counts, and one time less of it."""
        with self._lock:
            for fault in reversed(self._faults):
                if fault.endpoint in (endpoint, "*") and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    # --- for subclasses ---
    def route(self, path):
        return "other"

    def respond(self, request):
        return Answer(404)

    def answer_to(self, request, fault):
        def normal():
            return self.respond(request)

        return normal() if fault is None else fault.change(request, normal)


def _fields(fields):
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *args):
        pass

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._do
        raise AttributeError(name)

    def _read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
                chunk = self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    return body
                body += chunk
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _do(self):
        # As a forward proxy we get the whole URL in the request line.
        parts = urllib.parse.urlsplit(self.path if self.path.startswith("http://") else "http://here" + self.path)
        server = self.server
        endpoint = server.route(parts.path)
        request = Request(
            endpoint, self.command, self.path, parts.path,
            {k: v[-1] for k, v in urllib.parse.parse_qs(parts.query, keep_blank_values=True).items()},
            list(self.headers.items()), b"", server.clock(), self.client_address,
        )
        released = server._released
        fault = server.take_fault(endpoint)
        early = fault is not None and fault.early
        if not early:
            request.body = self._read_body()
        with server._lock:
            server.requests.append(request)
        try:
            answer = server.answer_to(request, fault)
        except Exception as error:
            server.errors.append(f"{request.method} {request.target}: {error!r}")
            raise
        self._send(answer, released)
        if early:
            self.close_connection = True
            self._drain()

    def _drain(self):
        """Lets the client finish its upload, so that our answer is not lost in a reset."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(2)
        while self.connection.recv(65536):
            pass

    def _send(self, answer, released):
        if answer.hang:
            released.wait(60)
            self.close_connection = True
            return
        if answer.delay:
            released.wait(answer.delay)
        head = f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('Unknown',))[0]}\r\n"
        if answer.interim:
            head = "HTTP/1.1 103 Early Hints\r\n" + _fields(answer.interim) + "\r\n" + head
        names = {name.lower() for name, _ in answer.headers}
        head += _fields(answer.headers)
        if answer.endless:
            self.close_connection = True
        elif answer.trailers:
            head += "Transfer-Encoding: chunked\r\n"
        elif "content-length" not in names and answer.status not in (204, 304):
            head += f"Content-Length: {len(answer.body)}\r\n"
        if answer.endless or answer.cut is not None:
            head += "Connection: close\r\n"
            self.close_connection = True
        if ("Connection", "close") in answer.headers:
            self.close_connection = True
        head = (head + "\r\n").encode("latin-1")
        body = b"" if self.command == "HEAD" else answer.body
        if answer.trailers:
            body = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, _fields(answer.trailers).encode("latin-1"))
        try:
            if answer.cut is not None:
                self.wfile.write((head + body)[: answer.cut])
                # A reset rather than an orderly end: the worst way to lose a connection.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if answer.drip is not None:
                self.wfile.write(head)
                for at in range(len(body)):
                    if released.wait(answer.drip):
                        self.close_connection = True
                        return
                    self.wfile.write(body[at : at + 1])
                return
            self.wfile.write(head + body)
            while answer.endless and not released.is_set():
                self.wfile.write(body or b" " * 65536)
        except OSError:
            self.close_connection = True
