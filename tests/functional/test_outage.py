"""contract.md, rules 4 and 5, where the provider is down or answers 503 for minutes: a long job goes on while its token is valid, what
is asked and said is bounded, and it recovers by itself."""
import random
import threading
import time

import pytest
from scripted import Answer
from tunnel import ForwardProxy


def down(world):
    world.provider.down()


def busy(world):
    for endpoint in ("discovery", "jwks", "token"):
        world.provider.replace(endpoint, 503)


@pytest.mark.parametrize("kind", [down, busy])
def test_a_job_goes_on_while_its_token_is_valid_and_recovers_by_itself(world, kind):
    world.provider.expires_in = 3600
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.advance(3545)  # 55 s are left, and it is time to renew
        kind(world)
        before, began = world.provider.count(), world.clock()
        while world.clock() - began < 48:  # what the test itself takes counts too
            process.do("search()").ok()
            world.advance(1)
            process.do("time.sleep(0.01)").ok()
        # attempts at about 0, 5, 16 and 38 s: the first with its tries, each of the others with one
        assert kind is down or 3 <= world.provider.count() - before <= 8
        assert process.stderr == "", "nothing to tell: no call was lost"
        world.provider.heal(), world.provider.up() if kind is down else None
        world.advance(1)
        for _ in range(4):
            process.do("search()").ok()
            time.sleep(0.05)
        world.advance(10)
        process.do("search()").ok()


def test_background_renewals_pause_longer_and_longer(world):
    world.provider.expires_in = 3600 * 10
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.advance(36000 - 60)
        times = []
        for endpoint in ("discovery", "token"):
            world.provider.fault(endpoint, lambda request, normal: (times.append(world.clock()), Answer(503))[1])
        began = world.clock()
        while world.clock() - began < 54:  # what the test itself takes counts too
            process.do("token(), time.sleep(0.02)").ok()
            world.advance(1)
    gaps = [b - a for a, b in zip(times, times[1:]) if b - a > 3.5]  # and not the pauses between tries
    # 5, 10 and 20 s and a quarter at random; what the test itself takes comes on top
    assert 2 <= len(gaps) <= 4 and 4 <= gaps[0] <= 14 and gaps[-1] > gaps[0] + 1, gaps


@pytest.mark.parametrize("kind", [down, busy])
def test_a_thousand_calls_in_an_outage_are_quick_and_ask_little(world, kind):
    world.robot()
    with world.process() as process:
        kind(world)
        began = time.monotonic()
        failed = process.do("""
import collections
result = collections.Counter((attempt(token)["error"] or {}).get("code") for _ in range(1000)).most_common()
""").ok()
        took = time.monotonic() - began
        assert sum(n for _, n in failed) == 1000 and {code for code, _ in failed} <= {"network", "provider"}
        assert took < 18, took
        if kind is busy:
            assert world.provider.count() <= 10
        assert len(process.stderr.splitlines()) <= 2, process.stderr
        world.provider.heal(), world.provider.up() if kind is down else None
        world.advance(13)  # the longest that calls are held up for a provider that is not reached
        process.do("search()").ok()


def test_calls_of_mlflow_in_an_outage_say_why_and_work_again_after_it(world):
    world.robot()
    with world.process() as process:
        down(world)
        for _ in range(20):
            process.do("search()").failed(None, world.provider.issuer)
        assert len(process.stderr.splitlines()) <= 2, process.stderr
        world.provider.up()
        world.advance(13)
        process.do("search()").ok()


def test_a_long_outage_with_calls_all_the_time_asks_less_and_less(world):
    """Ten minutes of a call a second."""
    world.robot()
    with world.process() as process:
        busy(world)
        began = world.clock()
        while world.clock() - began < 600:
            process.do("attempt(token)").ok()
            world.advance(1)
        assert 10 <= world.provider.count() <= 3 + 600 / 10 + 10, world.provider.count()
        world.provider.heal()
        for _ in range(14):
            last = process.do("attempt(token)").ok()
            world.advance(1)
        assert last["error"] is None


@pytest.mark.parametrize("status, error", [(500, "Internal Server Error"), (503, "Service Unavailable"), (429, "too_many_requests")])
def test_an_error_of_the_framework_is_an_outage_and_no_refusal(world, status, error):
    """What Spring Boot, Rails and gateways answer by themselves: calls are held up for seconds, not for a minute."""
    world.robot()
    with world.process() as process:
        world.provider.replace("token", status, json={"status": status, "error": error})
        for _ in range(4):
            process.do("token()").failed("provider", f"HTTP status {status}: {error}", "try again later")
        world.provider.heal()
        world.advance(13)
        process.do("token()").ok()


@pytest.mark.parametrize("endpoint", ["discovery", "token"])
def test_a_request_that_was_answered_with_408_is_sent_again(world, endpoint):
    """RFC 9110 §15.5.9: "on a new connection". Load balancers say it of a connection that was idle, before they close it, and libcurl
    before 8.1 takes it for the answer to what it sends next."""
    world.provider.replace(endpoint, 408, headers=[("Connection", "close")], times=1)
    world.robot()
    world.run("token()").ok()
    assert world.provider.count(endpoint) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_refusal_with_the_status_of_an_outage_is_an_outage(world, status):
    """Of the two, the one that costs nobody a sign-in: it holds for seconds, and the refresh token is kept."""
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        world.provider.replace("token", status, json={"error": "invalid_grant"})
        for _ in range(4):
            process.do("token()").failed("provider", "invalid_grant", "try again later", "sign in again")
        world.provider.heal()
        world.advance(13)
        process.do("token()").ok()
    assert len(world.browser.openings) == 1


def test_login_is_tried_in_an_outage(world):
    """Whoever asks in so many words is not put off."""
    world.robot()
    with world.process() as process:
        busy(world)
        for _ in range(5):
            process.do("attempt(token)").ok()
        world.provider.heal()
        process.do("login()").ok()
        process.do("search()").ok()


def test_retry_after_is_kept(world):
    world.robot()
    with world.process() as process:
        world.provider.replace("token", 429, headers=[("Retry-After", "40")])
        process.do("token()").failed("provider", "429")
        asked = len(world.token_requests())
        for _ in range(5):
            world.advance(5)
            process.do("token()").failed("provider", "429")
        assert len(world.token_requests()) == asked
        world.provider.heal()
        world.advance(16)
        process.do("token()").ok()


def test_eight_processes_with_a_provider_that_restarts_lose_no_call(world):
    world.provider.expires_in = 3600
    world.robot()
    processes = [world.process() for _ in range(8)]
    for process in processes:
        process.do("search()").ok()
    for _ in range(6):
        world.advance(3490 + random.randrange(5))
        world.provider.down()
        for process in processes:
            process.do("search()").ok()
        world.provider.up()
        world.advance(8)
        for process in processes:
            process.do("search()").ok()
        time.sleep(0.1)
        world.advance(60)
        for process in processes:
            process.do("search()").ok()
    for process in processes:
        assert process.end() == 0 and process.stderr == ""


@pytest.mark.parametrize("sent", [False, True])
def test_a_code_goes_to_a_provider_that_restarts_but_never_twice(world, sent):
    """RFC 6749 §4.1.2: where no connection was had it was not used; where the reply was lost nobody knows."""
    world.person()
    tokens = world.new_provider()  # the token endpoint, on a port of its own
    tokens.respond = world.provider.respond
    world.provider.metadata = {"token_endpoint": tokens.base + "/token"}
    if sent:
        tokens.effect("token", cut=10)
    else:
        tokens.down()

        def change(request, normal):
            threading.Timer(0.3, tokens.up).start()
            return normal()

        world.provider.fault("authorize", change)
    with world.process() as process:
        process.do("token()").failed("network") if sent else process.do("token()").ok()
    assert tokens.count("token") == 1 and len(world.browser.openings) == 1


def test_a_code_that_a_forward_proxy_does_not_let_through_at_once_is_sent_again(world):
    """The provider never saw it: there was no connection to it yet."""
    world.use_tls_provider()
    tokens = world.new_provider(context=world.authority.context("auth.example.com"))  # what is no loopback goes by the proxy
    tokens.respond = world.provider.respond
    world.provider.metadata = {"token_endpoint": f"https://auth.example.com:{tokens.port}/token"}
    world.person(issuer=world.provider.issuer)
    with ForwardProxy(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", tokens) as proxy:

        def change(request, normal):
            threading.Timer(0.3, setattr, (proxy, "answer", b"HTTP/1.1 200 Connection established\r\n\r\n")).start()
            return normal()

        world.provider.fault("authorize", change)
        world.run("token()", https_proxy=proxy.uri).ok()
        assert len(proxy.heads) == 2
    assert tokens.count("token") == 1 and len(world.browser.openings) == 1
