"""kill -9 at every system call of a renewal and of a first sign-in: the cache is never damaged, the lock never stays, and a rotated
refresh token is lost in none but the unavoidable window (SECURITY.md): the provider has given it out, and the file with it is
not in its place yet."""
import collections
import json
import os
import sys
import time

import pytest
import shared_object
from world import SOON_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tracer is of Linux")

MUST_BE_AMONG = {"openat", "write", "rename", "fcntl", "connect", "send", "recv", "close"}
ROUNDS_MOST = 3

Killed = collections.namedtuple("Killed", "at call earlier")  # at: the number of `call`, before which it was killed


@pytest.fixture(scope="session")
def tracer(tmp_path_factory):
    return shared_object.built("kill_at", tmp_path_factory.mktemp("kill"))


def run_and_kill(world, tracer, at, log):
    """One token() in a fresh process that is killed at its call no. `at`; None when it came to its end before, with all calls in log."""
    accepted = world.provider.connections_accepted
    process = world.process()
    process.do(f"import ctypes, mlflow_oidc_client; kill = ctypes.CDLL({str(tracer)!r})").ok()
    process.start(f"assert kill.moidc_test_kill_at({at}, {os.fsencode(log)!r}) == 0\nattempt(token)\nkill.moidc_test_kill_end()")
    try:
        process.wait().ok()
        process.end()
        return None
    except AssertionError as error:
        assert "status -9" in str(error), error
    assert process.stderr == ""
    calls = log.read_text().split()
    assert len(calls) == at
    killed = Killed(at, calls[-1], calls[:-1])
    # the provider has read and answered all that the dead one had sent
    until = time.monotonic() + 30
    while world.provider.connections_accepted - accepted < killed.earlier.count("connect") or world.provider._connections:
        assert time.monotonic() < until
        time.sleep(0.001)
    return killed


def check_what_is_left(world):
    """Each file of tokens is whole; what is written aside is in nobody's way."""
    for path in world.cache_files():
        if path.suffix == ".json":
            assert json.loads(path.read_text())["access_token"], path


def tokens_again(world, killed):
    """A second process gets a token at once, and has nothing to complain of."""
    with world.process() as process:
        outcome = process.do("token()")
        token = outcome.ok()
    assert str(world.cache) not in process.stderr, (killed, process.stderr)
    assert outcome.seconds < SOON_S, (killed, "the lock stays")
    assert world.provider.accepts(token), killed
    assert not [p for p in world.cache.iterdir() if p.name.endswith(".new")], (killed, "nothing is left lying about")


def kill_at_each_call(world, tracer, prepare, check):
    """prepare(), a process killed at its n-th call, check(killed), for each n until it comes to its end. All that were killed, and
    the calls of the one that was not."""
    all_killed, log = [], world.folder / "calls"
    for at in range(1, 2000):
        prepare()
        killed = run_and_kill(world, tracer, at, log)
        check_what_is_left(world)
        if killed is None:
            return all_killed, log.read_text().split()
        check(killed)
        all_killed.append(killed)
    raise AssertionError("it comes to no end")


def kill_everywhere(world, tracer, prepare, check):
    """Again where no process died at some kind of call: how often libcurl looks for an answer differs from run to run."""
    all_killed = []
    for _ in range(ROUNDS_MOST):
        killed, whole = kill_at_each_call(world, tracer, prepare, check)
        all_killed += killed
        if MUST_BE_AMONG <= {killed.call for killed in all_killed}:
            return all_killed, whole
    raise AssertionError(f"none died at {MUST_BE_AMONG - {killed.call for killed in all_killed}}")


def test_killed_anywhere_in_a_renewal(world, tracer):
    world.person()
    world.run("token()").ok()
    before, lost = {}, []

    def prepare():
        world.advance(301)
        before.update(tabs=len(world.browser.openings), requests=len(world.token_requests("refresh_token")),
                      file=next(p for p in world.cache_files() if p.suffix == ".json").stat().st_ino)

    def check(killed):
        rotated = len(world.token_requests("refresh_token")) > before["requests"]
        saved = next(p for p in world.cache_files() if p.suffix == ".json").stat().st_ino != before["file"]
        assert rotated or not saved
        tokens_again(world, killed)
        tabs = len(world.browser.openings) - before["tabs"]
        assert tabs == (1 if rotated and not saved else 0), (killed, rotated, saved)
        if tabs:
            lost.append(killed)

    all_killed, whole = kill_everywhere(world, tracer, prepare, check)
    assert whole.count("fsync") == 2, "a refresh token is on the disk, under its name"
    # the window: from the call after the request went out, to the rename, and nothing else
    sent = whole[: whole.index("rename")].count("send")
    assert lost == [killed for killed in all_killed if killed.earlier.count("send") == sent and "rename" not in killed.earlier]
    assert "rename" in {killed.call for killed in lost}
    print(f"killed at {len(all_killed)} calls; {len(lost)} of them in the window")


def test_killed_anywhere_in_a_first_sign_in(world, tracer):
    world.robot()

    def prepare():
        if world.cache.is_dir():
            for path in world.cache.iterdir():
                path.unlink()
            world.cache.rmdir()

    all_killed, _ = kill_everywhere(world, tracer, prepare, lambda killed: tokens_again(world, killed))
    calls = {killed.call for killed in all_killed}
    assert "mkdir" in calls and "fsync" not in calls, "the disk is not waited for, for what can be had again"
    print(f"killed at {len(all_killed)} calls")
