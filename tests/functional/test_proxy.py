"""The local proxy at its work: the token is added and renewed, everything else passes as it is."""
import concurrent.futures
import gzip
import hashlib
import itertools
import json
import os
import re
import signal
import threading
import time

import pytest

from proxied import ARTIFACT, SEARCH, Proxy, RawServer, ok, read_all, read_until, resident_kib

MIB = 1 << 20


@pytest.fixture
def proxy(world, program):
    world.robot()
    with Proxy(program) as made:
        yield made


def blocks(count, size=64 * 1024):
    """A body that is made as it is read, and its hash."""
    digest = hashlib.sha256()

    def each():
        for number in range(count):
            block = number.to_bytes(8, "big") * (size // 8)
            digest.update(block)
            yield block

    return each(), digest


# --- MLflow's own client ---
CLIENT = """
import mlflow
client = mlflow.MlflowClient()
run = client.create_run("0")
client.log_param(run.info.run_id, "a", 1)
client.log_metric(run.info.run_id, "b", 2.0)
client.log_text(run.info.run_id, "x" * 100000, "some.txt")
result = [client.get_run(run.info.run_id).data.params, [f.path for f in client.list_artifacts(run.info.run_id)]]
"""


def test_mlflow_works_through_it_without_the_plugins_settings(world, server, proxy):
    outcome = world.run(CLIENT, cwd=world.home, MLFLOW_TRACKING_URI=proxy.uri, MLFLOW_TRACKING_TOKEN=proxy.key)
    assert outcome.ok() == [{"a": "1"}, ["some.txt"]]
    assert len(set(server.tokens())) == 1 and proxy.key not in server.tokens()


def test_mlflow_gives_up_within_seconds_where_a_person_has_to_sign_in_first(world, program):
    """MLflow's client repeats what is answered with 502, and shows no more of it than the number: the proxy says the rest."""
    world.person()
    with Proxy(program) as proxy:
        outcome = world.run("import mlflow; mlflow.MlflowClient().search_experiments()", cwd=world.home,
                            MLFLOW_TRACKING_URI=proxy.uri, MLFLOW_TRACKING_TOKEN=proxy.key, MLFLOW_HTTP_REQUEST_MAX_RETRIES="5")
        assert "502" in outcome.error["text"]
        assert outcome.seconds < 19, "its own pauses would add up to a minute here"
        assert proxy.stderr.count("mlflow-oidc login --server") == 2, "at the start, and once for all requests"
        assert proxy.stderr.count("mlflow-oidc: no valid token is left") == 2


def test_who_has_to_sign_in_is_told_in_the_answer_and_then_served_without_a_restart(world, program, server, browser):
    world.person()
    with Proxy(program) as proxy:
        for _ in range(3):
            reply = proxy.call("GET", SEARCH)
            assert (reply.status, reply.header("Retry-After")) == (502, "1")
            assert f"run mlflow-oidc login --server {server.uri}" in reply.message
            assert json.loads(reply.body)["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert browser.openings == [] and server.count() == 0
        program("login").done()
        assert proxy.call("GET", SEARCH).status == 200


def test_after_a_refusal_the_program_ends_the_wait_that_is_told(world, program, provider):
    world.robot()
    secret, provider.clients["robot"] = provider.clients["robot"], "another"
    with Proxy(program) as proxy:
        assert "but by mlflow_oidc_client.login() or mlflow-oidc login" in proxy.call("GET", SEARCH).message
        provider.clients["robot"] = secret
        assert proxy.call("GET", SEARCH).status == 502
        program("login").done()
        assert proxy.call("GET", SEARCH).status == 200


# --- tokens ---
def test_a_token_that_ends_during_a_session_is_renewed_unnoticed(world, proxy, server, provider):
    connection = proxy.connect()
    for _ in range(5):
        assert proxy.call("GET", SEARCH, connection=connection).status == 200
        world.advance(400)
    assert len(set(server.tokens())) == 5 and provider.count("token") == 5


def test_a_refused_token_is_renewed_and_the_request_repeated_once(proxy, server, provider):
    body = os.urandom(MIB)
    for method, path, sent in (("GET", SEARCH, None), ("POST", SEARCH, b"{}"), ("PUT", ARTIFACT + "x", body)):
        proxy.call("GET", SEARCH)
        refused = {server.requests[-1].bearer}
        server.accepts = lambda token, refused=refused: token not in refused and provider.accepts(token)
        before = server.count()
        assert proxy.call(method, path, sent).status == 200
        first, second = server.requests[before:]
        assert (first.body, first.method, first.target) == (second.body, second.method, second.target)
        assert first.bearer != second.bearer
        proxy.program.world.advance(61)  # a refused token is renewed once a minute
    assert server.artifacts["x"] == body


def test_a_chunked_body_is_repeated_too(proxy, server, provider):
    proxy.call("GET", SEARCH)
    refused = {server.requests[-1].bearer}
    server.accepts = lambda token: token not in refused and provider.accepts(token)
    assert proxy.call("PUT", ARTIFACT + "x", iter([b"a" * 1000, b"b" * 1000])).status == 200
    assert server.artifacts["x"] == b"a" * 1000 + b"b" * 1000


def test_a_second_refusal_names_what_the_token_must_carry(proxy, server):
    challenge = 'Bearer error="invalid_token", error_description="wrong audience"'
    server.replace("*", 401, b"go away", headers=[("WWW-Authenticate", challenge)])
    reply = proxy.call("GET", SEARCH)
    assert reply.status == 502 and "aud" in reply.message and "wrong audience" in reply.message and server.uri in reply.message
    assert server.count() == 2


def test_a_large_body_is_held_back_until_the_server_wants_it_and_so_can_be_repeated(world, program, provider):
    """What says 401 before it reads the body (Expect: 100-continue) gets the whole of it the second time."""
    body = os.urandom(3 * MIB)
    came = []

    def take(made, head):
        made.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = b""
        while len(data) < len(body):
            data += made.recv(MIB)
        came.append(data)
        made.sendall(ok())

    raw = RawServer(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", take)
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy:
        assert proxy.call("PUT", "/x", body).status == 200
    raw.close()
    assert came == [body] and len(raw.heads) == 2 and all(b"Expect: 100-continue" in head for head in raw.heads)


def test_a_server_that_does_not_know_expect_gets_a_large_body_all_the_same(world, program, provider):
    """One answer comes back, and it is that to the body (RFC 9110 §10.1.1); the next upload may be held back again."""
    body = os.urandom(3 * MIB)
    came = []

    def take(made, head):
        data = raw.bodies[-1]  # read already where nothing was expected
        if b"Expect" in head:
            made.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(data) < len(body):
            data += made.recv(MIB)
        came.append(data)
        made.sendall(ok(b"stored", "X-Number: 2"))

    raw = RawServer(b"HTTP/1.1 417 No\r\nX-Number: 1\r\nContent-Length: 7\r\n\r\nunknown", take,
                    b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", take)
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy:
        for _ in range(2):
            reply = proxy.call("PUT", "/x", body)
            assert (reply.status, reply.body, reply.header_values("X-Number")) == (200, b"stored", ["2"])
    raw.close()
    assert [b"Expect: 100-continue" in head for head in raw.heads] == [True, False, True, True]
    assert came == [body, body]


def test_a_417_to_a_request_that_expected_nothing_is_handed_on(proxy, server):
    server.replace("*", 417, b"no")
    assert proxy.call("POST", SEARCH, b"{}").status == 417 and server.count() == 1


def test_a_large_upload_that_is_refused_in_the_middle_is_told_honestly_and_works_the_next_time(proxy, server, provider):
    proxy.call("GET", SEARCH)
    refused = {server.requests[-1].bearer}
    server.accepts = lambda token: token not in refused and provider.accepts(token)
    body = os.urandom(3 * MIB)
    reply = proxy.call("PUT", ARTIFACT + "x", body)  # this server reads it all before it refuses
    assert reply.status == 502 and "send the request again" in reply.message
    assert proxy.call("PUT", ARTIFACT + "x", body).status == 200 and server.artifacts["x"] == body


def test_many_clients_at_once_cost_one_token_request(world, proxy, server, provider):
    proxy.call("GET", SEARCH)
    server.requests.clear()
    world.advance(400)

    def work(number):
        connection = proxy.connect()
        for turn in range(5):
            body = b"%d.%d" % (number, turn)
            assert proxy.call("PUT", f"{ARTIFACT}{number}", body, connection=connection).status == 200
            assert proxy.call("GET", f"{ARTIFACT}{number}", connection=connection).body == body
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        list(pool.map(work, range(100)))
    assert provider.count("token") == 2 and server.count() == 1000


# --- what passes ---
def test_answers_pass_untouched(proxy, server):
    packed = gzip.compress(b"hello" * 1000)
    server.replace("x", 200, packed, [("Content-Encoding", "gzip"), ("Content-Type", "text/plain"), ("ETag", '"a"'), ("X-Twice", "1"),
                                      ("X-Twice", "2"), ("Vary", "Accept-Encoding"), ("X-Empty", ""), ("Date", "now")])
    reply = proxy.call("GET", "/x", headers={"Accept-Encoding": "gzip"})
    assert reply.body == packed and reply.header_values("X-Twice") == ["1", "2"] and reply.header("X-Empty") == ""
    assert [reply.header(n) for n in ("Content-Encoding", "ETag", "Vary", "Date")] == ["gzip", '"a"', "Accept-Encoding", "now"]
    assert server.requests[-1].header("Accept-Encoding") == "gzip"
    for status in (201, 206, 400, 403, 404, 409, 429, 500, 503):
        server.replace("x", status, b"text", [("Retry-After", "7")])
        reply = proxy.call("GET", "/x")
        assert (reply.status, reply.body, reply.header("Retry-After")) == (status, b"text", "7")


@pytest.mark.parametrize("name", ["X-Content-Type", "X-Asked", "Content-Type"])
@pytest.mark.parametrize("value", ["a/b", "content-type:", ""])
def test_a_body_gets_no_type_that_its_request_did_not_name(proxy, server, name, value):
    server.replace("x", 200, b"text")
    proxy.call("POST", "/x", b"body", headers={name: value})
    request = server.requests[-1]
    assert request.body == b"body" and request.header_values(name) == [value]
    assert request.header_values("Content-Type") == ([value] if name == "Content-Type" else [])


def test_answers_without_a_body_have_none(proxy, server):
    connection = proxy.connect()
    server.artifacts["x"] = b"x" * 5000
    reply = proxy.call("HEAD", ARTIFACT + "x", connection=connection)
    assert (reply.status, reply.header("Content-Length"), reply.body) == (404, None, b"") or reply.status == 200
    for status in (204, 304):
        server.replace("x", status, b"", [("ETag", '"a"')])
        reply = proxy.call("GET", "/x", connection=connection)
        assert (reply.status, reply.body, reply.header("ETag")) == (status, b"", '"a"')
        assert reply.header("Transfer-Encoding") is None
    server.heal()
    assert proxy.call("GET", ARTIFACT + "x", connection=connection).body == b"x" * 5000, "the connection is in step"


def test_nothing_of_a_request_is_left_for_the_next_one(proxy, server):
    """Whatever two follow each other on the connection that is kept to the server."""
    server.replace("x", 200, b"answer")
    kinds = {  # method, body as http.client takes it, the fields that frame and describe it at the server
        "get": ("GET", None, set()), "head": ("HEAD", None, set()), "delete": ("DELETE", None, set()), "options": ("OPTIONS", None, set()),
        "typed": ("POST", b"{}", {"content-length", "content-type"}), "empty": ("POST", b"", {"content-length"}),
        "plain": ("PATCH", b"abc", {"content-length"}), "chunked": ("PUT", [b"ab", b"c"], {"content-length"}),
        "large": ("PUT", bytes(2 * MIB), {"content-length", "expect"}), "endless": ("PUT", [bytes(MIB), bytes(MIB)], {"transfer-encoding", "expect"}),
    }
    connection = proxy.connect()
    for pair in itertools.product(kinds, repeat=2):
        for kind in pair:
            method, body, framing = kinds[kind]
            fields = {f"X-{kind}": "1"} | ({"Content-Type": "application/json"} if kind == "typed" else {})
            reply = proxy.call(method, "/x", body, fields, connection)
            assert (reply.status, reply.body) == (200, b"" if method == "HEAD" else b"answer"), pair
            came = server.requests[-1]
            assert (came.method, came.body) == (method, b"".join(body) if isinstance(body, list) else body or b""), pair
            names = [name.lower() for name, _ in came.headers]
            assert [name for name in names if name.startswith("x-")] == [f"x-{kind}"] and names.count("authorization") == 1, pair
            assert {"content-length", "transfer-encoding", "content-type", "expect"} & set(names) == framing, pair


def test_a_head_request_gets_the_length_of_what_it_did_not_ask_for(world, program):
    raw = RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    ok(b"next"))
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy:
        connection = proxy.connect()
        assert proxy.call("HEAD", "/", connection=connection).header("Content-Length") == "12345"
        assert proxy.call("HEAD", "/", connection=connection).header("Transfer-Encoding") == "chunked"
        assert proxy.call("GET", "/", connection=connection).body == b"next"
    raw.close()


def test_answers_of_unknown_length_come_as_they_are_made(world, program):
    """In chunks, each passed on at once and not when the answer ends."""
    go_on = threading.Event()

    def slowly(made, head):
        made.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        go_on.wait(60)
        made.sendall(b"6;x=y\r\nsecond\r\n0\r\nX-Trailer: dropped\r\n\r\n")

    raw = RawServer(slowly)
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy, proxy.socket() as made:
        made.sendall(proxy.head("GET / HTTP/1.1", "Connection: close"))
        assert read_until(made, b"first\r\n").endswith(b"\r\n\r\n5\r\nfirst\r\n")
        go_on.set()
        assert read_all(made) == b"6\r\nsecond\r\n0\r\n\r\n"
    raw.close()


def test_old_clients_get_answers_of_unknown_length_until_the_end(world, program):
    raw = RawServer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy:
        answer = proxy.raw(proxy.head("GET / HTTP/1.0", "Connection: keep-alive"))
        assert answer.endswith(b"\r\n\r\nhello") and b"chunked" not in answer and b"Connection: close" in answer
    raw.close()


def test_informational_answers_are_passed_over(world, program):
    raw = RawServer(b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\nX-Early: 1\r\n\r\n" + ok(b"end"))
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy:
        reply = proxy.call("GET", "/")
        assert (reply.status, reply.body, reply.header("X-Early")) == (200, b"end", None)
    raw.close()


def test_what_is_about_the_servers_address_does_not_pass(proxy, server):
    server.replace("x", 200, b"", [
        ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Alt-Svc", 'h3=":443"'), ("Upgrade", "h2c"),
        ("Strict-Transport-Security", "max-age=1"), ("Clear-Site-Data", '"*"'), ("Proxy-Authenticate", "Basic"), ("Trailer", "X"),
        ("X-Kept", "1")])
    reply = proxy.call("GET", "/x")
    assert {name for name, _ in reply.headers} == {"X-Kept", "Content-Length"}


@pytest.mark.parametrize("prefix", ["", "/pre/fix"])
def test_redirects_lead_to_the_proxy_where_they_stay_at_the_server_and_are_never_followed(world, program, prefix):
    server = world.new_server(prefix=prefix)
    other = world.new_server()
    world.write(world.robot_settings(uri=server.uri))
    netloc = server.base.removeprefix("http://")
    with Proxy(program, MLFLOW_TRACKING_URI=server.uri) as proxy:
        rows = {
            server.uri + "/a/b?c=d#e": proxy.uri + "/a/b?c=d#e",
            server.uri: proxy.uri + "/",
            server.uri + "?a": proxy.uri + "/?a",
            server.base.upper().replace("HTTP:", "http:") + prefix + "/x": proxy.uri + "/x",
            f"//{netloc}{prefix}/x": proxy.uri + "/x",
            f"{prefix}/x": proxy.uri + "/x",
            # a path that begins with two slashes must not become a host
            f"{server.uri}//evil.example/": f"{proxy.uri}//evil.example/",
            "relative/path?x": "relative/path?x", "?only=query": "?only=query",
            other.base + "/elsewhere": other.base + "/elsewhere",
            f"http://user@{netloc}{prefix}/x": f"http://user@{netloc}{prefix}/x",
            "https://idp.example/authorize?x=1": "https://idp.example/authorize?x=1",
            "//evil.example/x": "http://evil.example/x",
            server.base + ".evil.example/x": server.base + ".evil.example/x",
        }
        if prefix:
            rows[f"{server.base}/prefix/x"] = f"{server.base}/prefix/x"
            rows["/login"] = server.base + "/login"
            rows[f"{server.base}/pre/fixx"] = f"{server.base}/pre/fixx"
        for status in (301, 302, 303, 307, 308):
            for location, mapped in rows.items():
                server.heal()
                server.replace("x", status, b"", [("Location", location)])
                reply = proxy.call("POST", "/x", b"{}")
                assert (reply.status, reply.header("Location")) == (status, mapped), location
    assert other.count() == 0 and server.count() == 5 * len(rows)


def test_cookies_of_the_server_become_cookies_of_the_proxy(world, program):
    server = world.new_server(prefix="/pre")
    world.write(world.robot_settings(uri=server.uri))
    rows = {
        "a=b; Path=/pre; Domain=example.com; Secure; HttpOnly; SameSite=Lax; Max-Age=5": "a=b; Path=/; HttpOnly; SameSite=Lax; Max-Age=5",
        "a=b=c; path=/pre/x; secure": "a=b=c; path=/x", "a=b": "a=b", "a=; Path=/other": "a=; Path=/other",
        "__Host-a=b; Secure; Path=/": "__Host-a=b; Secure; Path=/",
        'a="x y"; Expires=Thu, 01 Jan 2026 00:00:00 GMT': 'a="x y"; Expires=Thu, 01 Jan 2026 00:00:00 GMT',
    }
    with Proxy(program, MLFLOW_TRACKING_URI=server.uri) as proxy:
        server.replace("x", 200, b"", [("Set-Cookie", cookie) for cookie in rows] + [("Set-Cookie", f"mlflow-oidc-{proxy.port}=x")])
        assert proxy.call("GET", "/x").header_values("Set-Cookie") == list(rows.values())


def test_a_servers_path_is_put_in_front_and_never_left(world, program):
    server = world.new_server(prefix="/deep/er")
    world.write(world.robot_settings(uri=server.uri + "/"))
    with Proxy(program, MLFLOW_TRACKING_URI=server.uri) as proxy:
        assert proxy.call("GET", SEARCH + "?q=/../..").status == 200
        assert proxy.call("GET", "/").status == 404
        assert [request.target for request in server.requests] == [f"/deep/er{SEARCH}?q=/../..", "/deep/er/"]
        for path in ("/../x", "/a/../../x", "/%2e%2e/x", "/.%2E/x", "/..%2fx", "/a/..;/x"):
            assert proxy.status_of(proxy.head(f"GET {path} HTTP/1.1")) == 400
    assert server.count() == 2


# --- size ---
def test_large_bodies_pass_both_ways_in_constant_memory(world, program):
    count, size = 1600, 64 * 1024  # 100 MiB
    made, digest = blocks(count, size)
    received = hashlib.sha256()

    def take(connection, head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = count * size
        while left:
            data = connection.recv(min(left, 1 << 20))
            received.update(data)
            left -= len(data)
        connection.sendall(ok(b"{}", "Connection: close"))

    def give(connection, head):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {count * size}\r\n\r\n".encode())
        for block in blocks(count, size)[0]:
            connection.sendall(block)

    raw = RawServer(ok(), take, give)
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy:
        assert proxy.call("GET", "/").status == 200
        before = resident_kib(proxy.pid)
        assert proxy.call("PUT", "/x", made, headers={"Content-Length": str(count * size)}).status == 200
        assert received.digest() == digest.digest()
        connection = proxy.connect()
        connection.request("GET", "/x", headers={"Authorization": f"Bearer {proxy.key}"})
        answer, got = connection.getresponse(), hashlib.sha256()
        while data := answer.read(1 << 20):
            got.update(data)
        connection.close()
        assert got.digest() == digest.digest()
        assert resident_kib(proxy.pid) - before < 4096, "KiB"
    raw.close()


def test_a_slow_reader_slows_the_server_down_and_not_the_memory_up(world, program):
    sent = [0]

    def give(connection, head):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent[0] += 65536

    raw = RawServer(ok(), give)
    world.write(world.robot_settings(uri=raw.uri))
    with Proxy(program, MLFLOW_TRACKING_URI=raw.uri) as proxy, proxy.socket() as made:
        proxy.call("GET", "/")
        before = resident_kib(proxy.pid)
        made.sendall(proxy.head("GET / HTTP/1.1"))
        last = -1
        while sent[0] != last or last == 0:  # until nothing moves any more
            last = sent[0]
            threading.Event().wait(0.3)
        assert sent[0] < 32 * MIB, "what fits into the sockets' buffers"
        assert resident_kib(proxy.pid) - before < 2048, "KiB"
        began, got = time.monotonic(), 0
        while got < 128 * MIB:  # and goes on at once when the reader does, each time
            got += len(made.recv(MIB))
        assert time.monotonic() - began < 30
    raw.close()


# --- TLS to the server: MLflow's own settings ---
def test_the_servers_certificate_is_checked_as_mlflows_settings_say(world, program):
    server = world.new_server(context=world.authority.context())
    world.write(world.robot_settings(uri=server.uri))
    ca = str(world.authority.ca_file)
    with Proxy(program, MLFLOW_TRACKING_URI=server.uri) as proxy:
        reply = proxy.call("GET", SEARCH)
        assert reply.status == 502 and "is not trusted" in reply.message and "MLFLOW_TRACKING_SERVER_CERT_PATH" in reply.message
    assert server.count() == 0
    for setting in ({"MLFLOW_TRACKING_SERVER_CERT_PATH": ca}, {"REQUESTS_CA_BUNDLE": ca}, {"MLFLOW_TRACKING_INSECURE_TLS": "true"}):
        with Proxy(program, MLFLOW_TRACKING_URI=server.uri, **setting) as proxy:
            assert [proxy.call("GET", SEARCH).status for _ in range(3)] == [200] * 3
            assert ("INSECURE_TLS is set" in proxy.stderr) == ("MLFLOW_TRACKING_INSECURE_TLS" in setting)
    assert server.count() == 9 and server.connections_accepted <= 5, "kept connections"


def test_a_proxy_of_the_environment_is_used_for_the_server(world, program):
    """http_proxy, but never for loopback: where that stands, a name that only the proxy knows does."""
    gate = RawServer(ok(b"by the gate"))
    world.write(world.robot_settings(uri="http://tracking.example"))
    with Proxy(program, MLFLOW_TRACKING_URI="http://tracking.example", http_proxy=gate.uri) as proxy:
        assert proxy.call("GET", "/x?y").body == b"by the gate"
    assert gate.heads[0].startswith(b"GET http://tracking.example/x?y HTTP/1.1\r\n")
    gate.close()
    for wrong in ("http://user:geheim@[bad/", "gopher://user:geheim@127.0.0.1:9", "http://user:geheim@127.0.0.1:9"):
        with Proxy(program, MLFLOW_TRACKING_URI="http://tracking.example", http_proxy=wrong) as proxy:
            assert "geheim" not in proxy.call("GET", "/").message and "geheim" not in proxy.stderr


# --- life and end ---
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_what_is_in_flight(world, program, number):
    began, go_on = threading.Event(), threading.Event()

    def slowly(made, head):
        began.set()
        go_on.wait(60)
        made.sendall(ok(b"late"))

    raw = RawServer(slowly)
    world.write(world.robot_settings(uri=raw.uri))
    proxy = Proxy(program, MLFLOW_TRACKING_URI=raw.uri)
    idle = proxy.socket()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answer = pool.submit(proxy.raw, proxy.head("GET / HTTP/1.1"))
        assert began.wait(30)
        proxy.popen.send_signal(number)
        with pytest.raises(OSError):  # nobody is let in any more
            while True:
                proxy.socket().close()
        assert idle.recv(10) == b"", "who asks nothing is let go"
        assert not answer.done()
        go_on.set()
        assert answer.result().endswith(b"\r\n\r\nlate") and b"\r\nConnection: close\r\n" in answer.result()
    assert proxy.end(None) == 0
    raw.close()


def test_the_second_signal_ends_it_at_once(world, program):
    began = threading.Event()
    raw = RawServer(lambda made, head: (began.set(), threading.Event().wait(40)))
    world.write(world.robot_settings(uri=raw.uri))
    proxy = Proxy(program, MLFLOW_TRACKING_URI=raw.uri)
    with proxy.socket() as made:
        made.sendall(proxy.head("GET / HTTP/1.1"))
        assert began.wait(30)
        proxy.popen.send_signal(signal.SIGINT)
        with pytest.raises(OSError):
            while True:
                proxy.socket().close()
        assert proxy.end(signal.SIGINT, limit=20) == -signal.SIGINT
    raw.close()


def test_it_says_where_it_serves_and_how_a_browser_comes_in(proxy, server):
    assert re.fullmatch(r"export MLFLOW_TRACKING_URI='http://127\.0\.0\.1:\d+'\nexport MLFLOW_TRACKING_TOKEN='[\w-]{43}'\n",
                        "".join(proxy.lines))
    proxy.wait_for(re.escape(f"Serving {server.uri} at {proxy.uri}"))
    assert proxy.link.startswith(proxy.uri)


def test_what_the_server_says_of_a_failure_passes_as_it_is(proxy, server):
    server.replace("x", 500, json={"error_code": "INTERNAL_ERROR", "message": "theirs"})
    assert json.loads(proxy.call("GET", "/x").body)["message"] == "theirs"
