"""Who gets into the local proxy: whoever has its key, one browser by a link that works once, and nobody else."""
import base64
import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proxied import ARTIFACT, SEARCH, Proxy, listening_at, read_all

NOBODY = 65534


@pytest.fixture
def proxy(world, program):
    world.robot()
    with Proxy(program) as made:
        yield made


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# --- the key ---
def test_a_request_without_the_key_is_refused_and_costs_the_server_nothing(proxy, server, provider):
    provider.wait_for("token")  # at its start the proxy looks whether somebody is signed in
    wrong = (None, "", "Bearer", "Bearer ", f"Bearer {proxy.key}x", f"Bearer {proxy.key[:-1]}", f"Bearer {proxy.key.swapcase()}",
             f"Basic {proxy.key}", proxy.key, f"Token {proxy.key}", basic("x", ""), basic("x", proxy.key + "x"),
             basic(proxy.key, "x"), "Basic !!!!", "Basic " + "A" * 9000, f"Bearer x, Bearer {proxy.key}")
    for value in wrong:
        reply = proxy.call("GET", SEARCH, headers={"Authorization": value} if value is not None else {}, key=False)
        assert reply.status == 401 and "key" in reply.message and "`mlflow-oidc proxy` printed" in reply.message, value
        assert reply.header("WWW-Authenticate").startswith("Bearer "), "a browser must not ask for a password"
    assert server.count() == 0 and provider.count("token") == 1


def test_the_key_is_taken_as_a_bearer_token_or_as_a_password(proxy, server):
    for value in (f"Bearer {proxy.key}", f"bearer  {proxy.key}", basic("anybody", proxy.key), basic("", proxy.key)):
        assert proxy.call("GET", SEARCH, headers={"Authorization": value}, key=False).status == 200


def test_the_key_is_new_for_each_proxy_and_long_enough(world, program, proxy):
    with Proxy(program) as other:
        assert other.key != proxy.key and re.fullmatch(r"[A-Za-z0-9_-]{43}", other.key)
        assert other.call("GET", SEARCH, key=proxy.key).status == 401


def test_credentials_of_the_client_do_not_go_on(proxy, server):
    for authorization in (f"Bearer {proxy.key}", basic("x", proxy.key)):
        proxy.call("GET", SEARCH, headers={
            "Authorization": authorization, "Proxy-Authorization": basic("a", "b"),
            "Cookie": f"mlflow-oidc-{proxy.port}=x; session=s; mlflow-oidc-1=y; theme=dark"})
        arrived = server.requests[-1]
        assert arrived.header_values("Authorization") == ["Bearer " + arrived.bearer] and proxy.key not in str(arrived.headers)
        assert arrived.header("Cookie") == "session=s; theme=dark" and arrived.header("Proxy-Authorization") is None
    proxy.call("GET", SEARCH, headers={"Cookie": "mlflow-oidc-1=y"})
    assert server.requests[-1].header("Cookie") is None


def test_the_token_goes_into_the_header_that_the_settings_name(world, program, server):
    world.robot(header="X-Forwarded-Access-Token")
    world.unguarded = True
    server.expects_tokens = False
    with Proxy(program) as proxy:
        proxy.call("GET", SEARCH, headers={"x-forwarded-access-token": "mine"})
    arrived = server.requests[-1]
    assert arrived.header("Authorization") is None
    assert [world.provider.accepts(value) for value in arrived.header_values("X-Forwarded-Access-Token")] == [True]


# --- browsers ---
def enter(proxy, link, **headers):
    return proxy.call("GET", link.removeprefix(proxy.uri), headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
                                                                     "Sec-Fetch-Site": "none", **headers}, key=False)


def test_a_link_lets_one_browser_in_once(proxy, server):
    entered = enter(proxy, proxy.link)
    assert (entered.status, entered.header("Location")) == (303, "/")
    cookie = entered.header("Set-Cookie")
    assert re.fullmatch(rf"mlflow-oidc-{proxy.port}=[A-Za-z0-9_-]{{43}}; Path=/; HttpOnly; SameSite=Strict", cookie)
    assert entered.header("Cache-Control") == "no-store" and entered.header("Referrer-Policy") == "no-referrer"
    pair = cookie.split(";")[0]
    assert proxy.key not in cookie
    assert proxy.call("GET", SEARCH, headers={"Cookie": f"a=b; {pair}"}, key=False).status == 200
    assert proxy.call("GET", SEARCH, headers={"Cookie": pair + "x"}, key=False).status == 401
    assert proxy.call("GET", SEARCH, headers={"Cookie": pair.replace(str(proxy.port), "1")}, key=False).status == 401
    again = enter(proxy, proxy.link)
    assert again.status == 403 and again.header("Set-Cookie") is None
    assert server.count() == 1 and pair not in str(server.requests[0].headers)


def test_a_link_ends_after_five_minutes(world, proxy):
    link = proxy.link
    world.advance(301)
    assert enter(proxy, link).status == 403


def test_a_new_link_is_given_to_whoever_has_the_key_alone(proxy, server):
    cookie = enter(proxy, proxy.link).header("Set-Cookie").split(";")[0]
    assert proxy.call("GET", "/.mlflow-oidc/link", key=False).status == 401
    assert proxy.call("GET", "/.mlflow-oidc/link", headers={"Cookie": cookie}, key=False).status == 401
    link = proxy.call("GET", "/.mlflow-oidc/link").body.decode().strip()
    assert enter(proxy, link).status == 303 and enter(proxy, link).status == 403
    assert proxy.call("GET", "/.mlflow-oidc/other").status == 404
    assert server.count() == 0


def test_a_link_is_not_used_up_by_what_nobody_sees(proxy):
    link = proxy.link
    assert enter(proxy, link, **{"Sec-Purpose": "prefetch"}).status == 503
    assert enter(proxy, link, **{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}).status == 403
    assert proxy.call("POST", link.removeprefix(proxy.uri), key=False).status == 405
    for wrong in ("", "?once=", "?once=" + "A" * 43, "?twice=x"):
        assert enter(proxy, proxy.uri + "/.mlflow-oidc/enter" + wrong).status == 403
    assert enter(proxy, link).status == 303


def test_a_link_in_another_page_leads_in_by_a_page_of_our_own(proxy):
    entered = enter(proxy, proxy.link, **{"Sec-Fetch-Site": "cross-site", "Referer": "https://chat.example/"})
    assert entered.status == 200 and b'http-equiv="refresh"' in entered.body and entered.header("Set-Cookie")
    assert "default-src 'none'" in entered.header("Content-Security-Policy")


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": ""},
    {"Origin": "{own}.evil.example"}, {"Origin": "{own}/"}, {"Origin": "https://{netloc}"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "Same-Origin"},
    {"Referer": "https://evil.example/"}, {"Referer": "{own}.evil.example/"}, {"Referer": "http://evil.example/{own}"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
])
@pytest.mark.parametrize("by", ["cookie", "key"])
def test_what_another_origin_had_sent_is_refused_whatever_it_carries(proxy, server, headers, by):
    given = {name: value.format(own=proxy.uri, netloc=proxy.netloc) for name, value in headers.items()}
    if by == "cookie":
        given["Cookie"] = enter(proxy, proxy.link).header("Set-Cookie").split(";")[0]
    for method in ("GET", "POST", "OPTIONS"):
        reply = proxy.call(method, SEARCH, headers=given, key=by == "key")
        assert reply.status == 403
        assert not [name for name, _ in reply.headers if name.lower().startswith("access-control-")]
    assert server.count() == 0


def test_the_proxys_own_pages_may_ask_and_the_server_sees_them_as_its_own(proxy, server):
    for host in (proxy.netloc, f"localhost:{proxy.port}"):
        reply = proxy.call("POST", SEARCH, headers={
            "Host": host, "Origin": f"http://{host}", "Referer": f"http://{host}/experiments?x=1", "Sec-Fetch-Site": "same-origin"})
        assert reply.status == 200
        assert server.requests[-1].header("Origin") == server.base
        assert server.requests[-1].header("Referer") == server.base + "/experiments?x=1"


def test_a_person_without_the_cookie_reads_a_page_and_not_json(proxy):
    reply = proxy.call("GET", "/", headers={"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}, key=False)
    assert reply.status == 401 and reply.header("Content-Type").startswith("text/html") and b"<h1>" in reply.body


# --- where it listens, and who comes ---
@pytest.mark.parametrize("address", ["0.0.0.0:0", "0.0.0.0", "[::]:0", "192.168.0.1:80", "127.0.0.2:0", "*:0", ":", "127.0.0.1:", "x",
                                     "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1.evil.example:0", "::1", "65536", ""])
def test_no_address_that_others_reach_is_listened_at(world, program, address):
    world.robot()
    program("proxy", "--listen", address).failed(2, "127.0.0.1")


@pytest.mark.parametrize("address, uri", [("127.0.0.1:0", r"http://127\.0\.0\.1:\d+"), ("0", r"http://127\.0\.0\.1:\d+"),
                                          ("[::1]", r"http://\[::1\]:\d+"), ("localhost:0", r"http://127\.0\.0\.1:\d+")])
def test_loopback_addresses_are_listened_at(world, program, server, address, uri):
    world.robot()
    with Proxy(program, "--listen", address) as proxy:
        assert re.fullmatch(uri, proxy.uri)
        assert proxy.call("GET", SEARCH).status == 200
        assert listening_at(proxy.port) == {"00000000000000000000000001000000" if "[" in uri else "0100007F"}, "and nowhere else"


def test_a_taken_port_is_told(world, program, proxy):
    program("proxy", "--listen", str(proxy.port)).failed(1, "Address already in use", "another port")


def as_nobody(act):
    """What `act` returns (bytes) in a process of another user."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(theirs, act())
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
    os.close(theirs)
    with open(ours, "rb") as reader:
        said = reader.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return said


def answer_to(address, request, family=socket.AF_INET, closes=False):
    with socket.socket(family) as made:
        made.settimeout(10)
        made.connect(address)
        try:
            made.sendall(request)
        except ConnectionError:
            return b""  # it is closed already
        return b"" if closes else read_all(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_gets_no_answer_even_with_the_key(proxy, server):
    request = proxy.head(f"GET {SEARCH} HTTP/1.1", "Connection: close")
    assert answer_to((proxy.host, proxy.port), request).startswith(b"HTTP/1.1 200 OK")
    assert as_nobody(lambda: answer_to((proxy.host, proxy.port), request)) == b""
    assert server.count() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_who_closes_at_once_does_not_pass_for_root(proxy, server):
    request = proxy.head(f"GET {SEARCH} HTTP/1.1", "Connection: close")
    os.kill(proxy.pid, signal.SIGSTOP)
    try:
        as_nobody(lambda: answer_to((proxy.host, proxy.port), request, closes=True))
    finally:
        os.kill(proxy.pid, signal.SIGCONT)
    assert proxy.call("GET", ARTIFACT + "none").status == 404
    assert [request.endpoint for request in server.requests] == ["artifacts"]


def diag_sockets(pid):
    """How many descriptors of the process ask the kernel for connections."""
    known = {line.split()[-1] for line in Path("/proc/net/netlink").read_text().splitlines()[1:]}
    held = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection's, closed meanwhile
            held += os.readlink(link).removeprefix("socket:[").rstrip("]") in known
    return held


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_each_connection_is_judged_by_itself_and_the_kernel_is_asked_by_one_descriptor(proxy, server):
    request = proxy.head(f"GET {SEARCH} HTTP/1.1", "Connection: close")
    address = proxy.host, proxy.port
    answered, held = [], []
    for _ in range(5):
        answered.append(answer_to(address, request)[:15])
        held.append(diag_sockets(proxy.pid))
        answered.append(as_nobody(lambda: answer_to(address, request)))
    assert answered == [b"HTTP/1.1 200 OK", b""] * 5 and server.count() == 5
    assert held == [1] * 5


def test_a_client_that_speaks_ipv4_by_an_ipv6_socket_is_known_too(proxy):
    with socket.socket(socket.AF_INET6) as made:
        made.settimeout(10)
        made.connect((f"::ffff:{proxy.host}", proxy.port))
        made.sendall(proxy.head(f"GET {SEARCH} HTTP/1.1", "Connection: close"))
        assert read_all(made).startswith(b"HTTP/1.1 200 OK")


# --- UNIX sockets ---
def by_unix(path, request=b"GET " + SEARCH.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(10)
        made.connect(str(path))
        made.sendall(request)
        return read_all(made)


def test_a_unix_socket_needs_no_key_and_lets_nobody_else_in(world, program, server):
    world.robot()
    path = world.folder / "sockets" / "proxy.sock"
    with Proxy(program, "--unix", str(path)) as proxy:
        assert proxy.uri == f"unix:{path}"
        assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
        assert by_unix(path).startswith(b"HTTP/1.1 200 OK")
        assert b"ENDPOINT_NOT_FOUND" in by_unix(path, b"GET /.mlflow-oidc/enter HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_who_reaches_the_unix_socket_gets_no_answer(world, program, server):
    world.robot()
    path = world.folder / "sockets" / "proxy.sock"
    with Proxy(program, "--unix", str(path)):
        path.chmod(0o666)
        path.parent.chmod(0o755)
        folder = os.open(path.parent, os.O_RDONLY)
        request = f"GET {SEARCH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        address = f"/proc/self/fd/{folder}/{path.name}"  # the directories above are closed to others
        assert answer_to(address, request, socket.AF_UNIX).startswith(b"HTTP/1.1 200 OK")
        assert as_nobody(lambda: (os.fchdir(folder), answer_to(path.name, request, socket.AF_UNIX))[1]) == b""
        os.close(folder)
    assert server.count() == 1


def test_a_socket_that_a_killed_proxy_left_is_taken_over_and_a_served_one_is_not(world, program, server):
    world.robot()
    path = world.folder / "sockets" / "proxy.sock"
    first = Proxy(program, "--unix", str(path))
    program("proxy", "--unix", str(path)).failed(1, "another process serves this socket")
    assert by_unix(path).startswith(b"HTTP/1.1 200 OK"), "the first one is served as before"
    first.popen.kill()
    first.popen.wait()
    assert path.exists()
    with Proxy(program, "--unix", str(path)):
        assert by_unix(path).startswith(b"HTTP/1.1 200 OK")
    first.status = -9
    first.popen.stdout.close()
    first.popen.stderr.close()


def test_a_place_that_others_could_touch_is_no_place_for_a_unix_socket(world, program):
    world.robot()
    others = world.folder / "others"
    others.mkdir(mode=0o755)
    text = program("proxy", "--unix", str(others / "s")).failed(2, "closed to others")
    advised = text.split("such as ")[1].strip()
    with Proxy(program, "--unix", advised.replace("~", str(world.home))) as proxy:
        assert proxy.uri == f"unix:{world.home}{advised[1:]}"
    own = world.folder / "own"
    own.mkdir(mode=0o700)
    (world.folder / "link").symlink_to(own)
    program("proxy", "--unix", str(world.folder / "link" / "s")).failed(2, "closed to others")
    for make in (lambda path: path.write_text("precious"), lambda path: path.mkdir(), lambda path: path.symlink_to("/etc/passwd"),
                 lambda path: os.mkfifo(path)):
        path = own / "thing"
        make(path)
        assert "no socket of yours" in program("proxy", "--unix", str(path)).stderr
        assert path.is_symlink() or path.exists()
        path.rmdir() if path.is_dir() else path.unlink()
    program("proxy", "--unix", str(own / ("x" * 200))).failed(2, "too long")
    program("proxy", "--unix", str(own / "s"), "--listen", "0").failed(2)


# --- where the secrets are ---
def test_nothing_secret_stands_in_arguments_or_on_stderr(world, program, proxy, server):
    proxy.call("GET", SEARCH)
    with open(f"/proc/{proxy.pid}/cmdline", "rb") as arguments:
        said = arguments.read().decode() + proxy.stderr
    for secret in world.provider.secrets | {proxy.key}:
        assert secret not in said


def test_a_key_file_is_ours_alone_and_ends_with_the_proxy(world, program):
    world.robot()
    path = world.cwd / "key"
    path.write_text("old")
    path.chmod(0o644)
    with Proxy(program, "--key-file", "key") as proxy:  # what it prints is pasted elsewhere
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert proxy.lines[1] == f"export MLFLOW_TRACKING_TOKEN=\"$(cat '{path}')\"\n"
        key = subprocess.run(["sh", "-c", "".join(proxy.lines) + 'printf %s "$MLFLOW_TRACKING_TOKEN"'],
                             capture_output=True, text=True, check=True).stdout
        assert proxy.call("GET", SEARCH, key=key).status == 200
        proxy.key = key
    assert not path.exists()


def test_a_key_file_that_cannot_be_written_is_an_error_and_no_half_of_the_commands(world, program):
    world.robot()
    ran = program("proxy", "--key-file", "no/such/folder/key")
    ran.failed(1, "the key cannot be written: No such file or directory [no/such/folder/key]")
    assert ran.stdout == ""


def test_a_key_file_does_not_stay_where_nobody_is_told_of_it(world, program):
    world.robot()
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program.path, "proxy", "--key-file", "key"], env=program.environment(), cwd=world.cwd, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "No space left" in done.stderr
    assert not (world.cwd / "key").exists()


def test_a_server_setting_of_two_minds_about_certificates_is_told(world, program):
    world.robot()
    program("proxy", MLFLOW_TRACKING_INSECURE_TLS="true", MLFLOW_TRACKING_SERVER_CERT_PATH="/dev/null/none").failed(2, "contradict")
    program("proxy", MLFLOW_TRACKING_SERVER_CERT_PATH="/dev/null/none").failed(2, "MLFLOW_TRACKING_SERVER_CERT_PATH")
