"""The local proxy's reading of requests: what could be taken for two different requests never reaches the server."""
import pytest

from proxied import ARTIFACT, SEARCH, Proxy, read_until


@pytest.fixture
def proxy(world, program):
    world.robot()
    with Proxy(program) as made:
        yield made


POST = f"POST {SEARCH} HTTP/1.1"
REFUSED = {
    # framing (RFC 9112 §6, §11.2)
    "content-length-and-transfer-encoding": (400, POST, ["Content-Length: 4", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "transfer-encoding-and-content-length": (400, POST, ["Transfer-Encoding: chunked", "Content-Length: 4"], b"0\r\n\r\n"),
    "two-content-lengths": (400, POST, ["Content-Length: 4", "Content-Length: 5"], b"abcde"),
    "two-equal-content-lengths": (400, POST, ["Content-Length: 4", "Content-Length: 4"], b"abcd"),
    "list-of-content-lengths": (400, POST, ["Content-Length: 4, 4"], b"abcd"),
    "content-length-with-sign": (400, POST, ["Content-Length: +4"], b"abcd"),
    "content-length-negative": (400, POST, ["Content-Length: -1"], b""),
    "content-length-hexadecimal": (400, POST, ["Content-Length: 0x4"], b"abcd"),
    "content-length-empty": (400, POST, ["Content-Length:"], b""),
    "content-length-endless": (400, POST, ["Content-Length: " + "9" * 40], b""),
    "content-length-with-space": (400, POST, ["Content-Length: 4 4"], b"abcd"),
    "space-before-colon": (400, POST, ["Content-Length : 4"], b"abcd"),
    "transfer-encoding-with-space-before-colon": (400, POST, ["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
    "two-transfer-encodings": (400, POST, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "chunked-twice": (400, POST, ["Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n"),
    "chunked-and-identity": (400, POST, ["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    "gzip-chunked": (400, POST, ["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    "unknown-coding": (400, POST, ["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "chunked-with-vertical-tab": (400, POST, ["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
    "chunked-in-quotes": (400, POST, ['Transfer-Encoding: "chunked"'], b"0\r\n\r\n"),
    "chunked-in-http-1.0": (400, f"POST {SEARCH} HTTP/1.0", ["Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "folded-line": (400, POST, ["X-A: b", " c"], b""),
    "folded-transfer-encoding": (400, POST, ["Transfer-Encoding:", " chunked"], b"0\r\n\r\n"),
    "line-without-colon": (400, POST, ["nothing"], b""),
    "empty-name": (400, POST, [": x"], b""),
    "name-with-parenthesis": (400, POST, ["X(y): z"], b""),
    "body-with-head": (400, f"HEAD {SEARCH} HTTP/1.1", ["Content-Length: 1"], b"x"),
    # chunks (RFC 9112 §7.1)
    "chunk-size-empty": (400, POST, ["Transfer-Encoding: chunked"], b"\r\n"),
    "chunk-size-sign": (400, POST, ["Transfer-Encoding: chunked"], b"+1\r\na\r\n0\r\n\r\n"),
    "chunk-size-0x": (400, POST, ["Transfer-Encoding: chunked"], b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk-size-space": (400, POST, ["Transfer-Encoding: chunked"], b"1 \r\na\r\n0\r\n\r\n"),
    "chunk-size-overflow": (400, POST, ["Transfer-Encoding: chunked"], b"10000000000000001\r\na\r\n0\r\n\r\n"),
    "chunk-size-bare-lf": (400, POST, ["Transfer-Encoding: chunked"], b"1\na\r\n0\r\n\r\n"),
    "chunk-data-too-long": (400, POST, ["Transfer-Encoding: chunked"], b"1\r\nab\r\n0\r\n\r\n"),
    "chunk-end-bare-lf": (400, POST, ["Transfer-Encoding: chunked"], b"1\r\na\n0\r\n\r\n"),
    "chunk-extension-bare-lf": (400, POST, ["Transfer-Encoding: chunked"], b"1;x\ny\r\na\r\n0\r\n\r\n"),
    "chunk-extension-endless": (400, POST, ["Transfer-Encoding: chunked"], b"1;" + b"x" * 20000 + b"\r\na\r\n0\r\n\r\n"),
    "chunk-trailer-bare-lf": (400, POST, ["Transfer-Encoding: chunked"], b"0\r\nX: y\nZ: a\r\n\r\n"),
    "chunk-trailers-endless": (400, POST, ["Transfer-Encoding: chunked"], b"0\r\n" + b"X: y\r\n" * 5000 + b"\r\n"),
    # targets and the request line (RFC 9112 §3)
    "asterisk": (400, "OPTIONS * HTTP/1.1", [], b""),
    "connect": (405, "CONNECT 127.0.0.1:1 HTTP/1.1", [], b""),
    "trace": (405, f"TRACE {SEARCH} HTTP/1.1", [], b""),
    "other-host-in-target": (421, "GET http://evil.example/ HTTP/1.1", [], b""),
    "other-scheme-in-target": (400, "GET ftp://evil.example/ HTTP/1.1", [], b""),
    "fragment": (400, "GET /x#y HTTP/1.1", [], b""),
    "no-path": (400, "GET x HTTP/1.1", [], b""),
    "dot-segments": (400, "GET /api/../../x HTTP/1.1", [], b""),
    "dot-segment": (400, "GET /./x HTTP/1.1", [], b""),
    "encoded-dot-segments": (400, "GET /%2e%2E/x HTTP/1.1", [], b""),
    "twice-encoded-dot-segments": (400, "GET /%252e%252e/x HTTP/1.1", [], b""),
    "dot-segments-with-parameter": (400, "GET /..;/x HTTP/1.1", [], b""),
    "encoded-slash": (400, "GET /..%2fx HTTP/1.1", [], b""),
    "backslash": (400, "GET /..\\x HTTP/1.1", [], b""),
    "encoded-backslash": (400, "GET /..%5cx HTTP/1.1", [], b""),
    "encoded-nul": (400, "GET /x%00 HTTP/1.1", [], b""),
    "encoding-cut": (400, "GET /x%2 HTTP/1.1", [], b""),
    "two-spaces": (400, f"GET  {SEARCH} HTTP/1.1", [], b""),
    "tab-in-line": (400, f"GET\t{SEARCH} HTTP/1.1", [], b""),
    "method-no-token": (400, f"G(T {SEARCH} HTTP/1.1", [], b""),
    "http-2": (505, f"GET {SEARCH} HTTP/2.0", [], b""),
    "http-1.10": (400, f"GET {SEARCH} HTTP/1.10", [], b""),
    "http-0.9": (400, f"GET {SEARCH}", [], b""),
    "non-ascii-target": (400, "GET /\xe4 HTTP/1.1", [], b""),
    # others
    "unknown-expectation": (417, POST, ["Expect: 200-ok", "Content-Length: 2"], b"{}"),
    "two-authorizations": (400, POST, ["Authorization: Bearer x", "Content-Length: 2"], b"{}"),
    "nul-in-value": (400, POST, ["X-A: a\0b"], b""),
    "carriage-return-in-value": (400, POST, ["X-A: a\rb"], b""),
    "escape-in-value": (400, POST, ["X-A: \x1b[31m"], b""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_request_is_refused_and_nothing_of_it_reaches_the_server(proxy, server, name):
    status, line, fields, body = REFUSED[name]
    smuggled = proxy.head("GET /smuggled HTTP/1.1")
    answer = proxy.raw(proxy.head(line, *fields) + body + smuggled)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert answer.count(b"HTTP/1.1 ") == 1 and b"Connection: close" in answer
    assert server.count() == 0


@pytest.mark.parametrize("head, status", [
    (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\n", 400),
    (b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431),
])
def test_what_is_no_head_is_refused(proxy, server, head, status):
    assert proxy.status_of(head) == status
    assert server.count() == 0


def test_a_host_is_needed_and_must_be_the_proxy(proxy, server):
    assert proxy.status_of(proxy.head(host=False)) == 400
    assert proxy.status_of(proxy.head(f"GET {SEARCH} HTTP/1.0", host=False)) == 400
    assert proxy.status_of(proxy.head(f"GET {SEARCH} HTTP/1.1", f"Host: {proxy.netloc}")) == 400
    for host in ("evil.example", f"evil.example:{proxy.port}", "127.0.0.1", f"127.0.0.1:{proxy.port + 1}", "",
                 f"{proxy.netloc}.evil.example", f"user@{proxy.netloc}", "[::1]"):
        assert proxy.status_of(proxy.head(f"GET {SEARCH} HTTP/1.1", f"Host: {host}", host=False)) == 421, host
    assert server.count() == 0


def test_bodies_arrive_whole_however_they_are_cut_and_framed(proxy, server):
    body = bytes(range(256)) * 40
    chunks = b"".join(b"%X;ext=1\r\n%s\r\n" % (len(body[at:at + n]), body[at:at + n]) for at, n in ((0, 1), (1, 4095), (4096, 9999)))
    chunked = proxy.head(f"PUT {ARTIFACT}chunked HTTP/1.1", "Transfer-Encoding: Chunked", "Connection: close") + chunks + \
        b"000\r\nTrailer: dropped\r\n\r\n"
    plain = proxy.head(f"PUT {ARTIFACT}plain HTTP/1.1", f"Content-Length: {len(body)}", "Connection: close") + body
    for name, request in (("chunked", chunked), ("plain", plain)):
        for piece in (1, 7, 4096, len(request)):
            server.artifacts.clear()
            pieces = [request[at:at + piece] for at in range(0, len(request), piece)]
            assert proxy.status_of(*pieces) == 200
            assert server.artifacts == {name: body}
    assert not any(request.header("Trailer") for request in server.requests)


def test_pipelined_requests_are_answered_in_their_order(proxy, server):
    requests = b"".join(
        proxy.head(f"PUT {ARTIFACT}{n} HTTP/1.1", "Content-Length: 2") + b"%02d" % n
        + proxy.head(f"GET {ARTIFACT}{n} HTTP/1.1") for n in range(20))
    answer = proxy.raw(requests + proxy.head(f"GET {ARTIFACT}7 HTTP/1.1", "Connection: close"))
    bodies = [piece.split(b"\r\n\r\n", 1)[1] for piece in answer.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [part for n in range(20) for part in (b"{}", b"%02d" % n)] + [b"07"]


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(proxy, server):
    with proxy.socket() as made:
        made.sendall(proxy.head(f"PUT {ARTIFACT}x HTTP/1.1", "Content-Length: 5", "Expect: 100-continue"))
        assert read_until(made, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        made.sendall(b"hello")
        assert read_until(made, b"{}").startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.artifacts == {"x": b"hello"}


def test_a_refusal_comes_before_the_body_that_a_client_holds_back(proxy, server):
    with proxy.socket() as made:
        made.sendall(proxy.head(f"PUT {ARTIFACT}x HTTP/1.1", "Content-Length: 5", "Expect: 100-continue", key=False))
        assert read_until(made, b"\r\n\r\n").startswith(b"HTTP/1.1 401 ")
    assert server.count() == 0


def test_old_clients_get_what_they_understand(proxy, server):
    answer = proxy.raw(proxy.head(f"GET {SEARCH} HTTP/1.0"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\nConnection: close\r\n" in answer
    with proxy.socket() as made:
        for _ in range(3):
            made.sendall(proxy.head(f"GET {SEARCH} HTTP/1.0", "Connection: keep-alive"))
            assert b"\r\nConnection: keep-alive\r\n" in read_until(made, b"}]}")


def test_a_target_may_name_the_proxy_in_full(proxy, server):
    assert proxy.status_of(proxy.head(f"GET http://{proxy.netloc}{SEARCH}?a=b HTTP/1.1", "Connection: close")) == 200
    assert server.requests[0].target == SEARCH + "?a=b"


def test_methods_queries_and_encoded_letters_arrive_as_they_were_sent(proxy, server):
    """But for the case of hex digits, which newer ones of libcurl make the one that RFC 3986 §6.2.2.1 wants."""
    target = "/api/2.0/mlflow/runs/%C3%a4%20%7e;x=1?q=%2F..%00/../%20&empty=&a=b+c"
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        proxy.call(method, target)
        arrived = server.requests[-1].target
        assert server.requests[-1].method == method and arrived in (target, target.replace("%a4", "%A4").replace("%7e", "%7E"))


def test_what_browsers_send_unencoded_arrives_encoded(proxy, server):
    sent = SEARCH + '/a|b^{c}?q=a|b{c}^d\\e`f"g"<h>&100%&%zz%7&%41%'
    proxy.raw(proxy.head(f"GET {sent} HTTP/1.1", "Connection: close"))
    assert server.requests[0].target == (
        SEARCH + "/a%7Cb%5E%7Bc%7D?q=a%7Cb%7Bc%7D%5Ed%5Ce%60f%22g%22%3Ch%3E&100%25&%25zz%257&%41%25")
    for path in ("/a\\b", "/100%", "/%zz"):
        assert proxy.status_of(proxy.head(f"GET {SEARCH}{path} HTTP/1.1", "Connection: close")) == 400
    assert len(server.requests) == 1


def test_what_a_client_names_as_its_own_hop_stays_there(proxy, server):
    proxy.call("GET", SEARCH, headers={
        "Connection": "keep-alive, X-Hop, x-other", "X-Hop": "1", "X-Other": "2", "Keep-Alive": "timeout=5", "TE": "trailers",
        "Upgrade": "websocket", "Proxy-Authorization": "Basic c2VjcmV0", "Proxy-Connection": "keep-alive", "HTTP2-Settings": "x",
        "X-Kept": "3", "X-Empty": "", "Via": "1.1 before"})
    names = {name.lower() for name, _ in server.requests[0].headers}
    assert names == {"host", "accept-encoding", "x-kept", "x-empty", "via", "accept", "authorization"}
    assert server.requests[0].header("Via") == "1.1 before, 1.1 mlflow-oidc" and server.requests[0].header("X-Empty") == ""
    assert server.requests[0].header("Host") == server.netloc


def test_a_header_field_that_comes_twice_arrives_twice(proxy, server):
    proxy.raw(proxy.head(f"GET {SEARCH} HTTP/1.1", "X-A: 1", "X-A: 2", "Connection: close"))
    assert server.requests[0].header_values("X-A") == ["1", "2"]


def test_anything_is_asked_for_as_json_so_that_a_refusal_is_no_login_page(proxy, server):
    proxy.call("GET", SEARCH, headers={"Accept": "*/*"})
    proxy.call("GET", SEARCH)
    proxy.call("GET", SEARCH, headers={"Accept": "text/html, */*"})
    assert [request.header_values("Accept") for request in server.requests] == [
        ["application/json"], ["application/json"], ["text/html, */*"]]
