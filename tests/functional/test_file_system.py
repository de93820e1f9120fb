"""contract.md, "On disk": a full disk, a file system without locks, two machines with one home, a clock that is set."""
import errno
import os
import subprocess
import sys

import pytest
import shared_object
from clock import Clock
from program import DONE, PATH

linux = pytest.mark.skipif(sys.platform != "linux", reason="preloading as of Linux")


@pytest.fixture(scope="session")
def faults(tmp_path_factory):
    return shared_object.built("file_faults", tmp_path_factory.mktemp("files"))


def process_with(world, faults, fault, **environment):
    return world.process(spawn=True, LD_PRELOAD=f"{world.env['LD_PRELOAD']} {faults}", MOIDC_TEST_FILES=fault,
                         MOIDC_TEST_FILES_WELL=str(world.folder / "well"), **environment)


def saved(world):
    return {p: p.read_bytes() for p in world.cache_files() if p.suffix == ".json"}


@linux
def test_a_disk_that_is_full_is_said_once_and_used_again_when_it_has_room(world, faults):
    world.person()
    with process_with(world, faults, "full") as process:
        first = process.do("token()").ok()
        assert process.do("token()").ok() == first
        world.advance(301)
        second = process.do("token()").ok()
        assert first != second, "renewed, from memory"
        assert not [p for p in world.cache_files() if p.name.endswith((".json", ".new"))]
        (world.folder / "well").touch()
        world.advance(301)
        third = process.do("token()").ok()
        process.do("search()").ok()
        assert sum(str(world.cache) in line for line in process.stderr.splitlines()) == 1, process.stderr
    assert world.run("token()").ok() == third
    assert len(world.browser.openings) == 1


@linux
def test_a_full_disk_leaves_the_old_file_whole(world, faults):
    world.person()
    world.run("token()").ok()
    before = saved(world)
    world.advance(301)
    with process_with(world, faults, "full") as process:
        process.do("token()").ok()
    assert saved(world) == before


@linux
def test_a_disk_that_tells_only_at_the_end_that_it_is_full_leaves_the_old_file_whole(world, faults):
    """NFS, where nobody waits for the disk: it has no room for what was written a moment ago."""
    world.robot()
    world.run("token()").ok()
    before = saved(world)
    world.advance(301)
    with process_with(world, faults, "full at close") as process:
        process.do("token()").ok()
        said = [line for line in process.stderr.splitlines() if str(world.cache) in line]
    assert len(said) == 1 and os.strerror(errno.ENOSPC) in said[0], said
    assert saved(world) == before


@linux
def test_a_file_system_that_cannot_wait_for_the_disk_keeps_the_refresh_token(world, faults):
    world.person()
    with process_with(world, faults, "no fsync") as process:
        token = process.do("token()").ok()
    assert world.run("token()").ok() == token
    world.advance(301)
    world.run("token()").ok()
    assert len(world.browser.openings) == 1


@linux
@pytest.mark.parametrize("cached", ["token", "ended token", "nothing"])
def test_on_a_read_only_file_system_what_is_cached_is_used_and_what_is_not_is_kept_in_memory(world, faults, cached):
    """A home that is mounted so: neither the lock nor a new file can be had."""
    world.person()
    before = None if cached == "nothing" else world.run("token()").ok()
    if cached == "ended token":
        world.advance(301)
    files = {p: p.read_bytes() for p in world.cache_files()}
    with process_with(world, faults, "read-only") as process:
        first = process.do("token()").ok()
        assert (first == before) == (cached == "token")
        assert process.do("token()").ok() == first and process.do("search()").ok() == ["Default"]
        world.advance(301)
        assert process.do("token()").ok() != first and process.do("search()").ok() == ["Default"]
        said = [line for line in process.stderr.splitlines() if str(world.cache) in line]
        assert len(said) == 1 and os.strerror(errno.EROFS) in said[0], process.stderr
    assert {p: p.read_bytes() for p in world.cache_files()} == files and world.cache.exists() == (cached != "nothing")
    assert len(world.browser.openings) == 1
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == len(set(used)) == (2 if cached == "ended token" else 1)


@linux
@pytest.mark.parametrize("fault", ["no locks", "locks denied"])
def test_without_locks_it_works_and_says_so_once(world, faults, fault):
    world.robot()
    processes = [process_with(world, faults, fault) for _ in range(4)]
    for process in processes:
        process.start("search(), token(), search()")
    for process in processes:
        process.wait().ok()
    world.advance(301)
    for process in processes:
        process.do("search()").ok()
    said = [sum("locks" in line for line in process.stderr.splitlines()) for process in processes]
    assert max(said) == 1, "by each that wanted one"
    for process in processes:
        process.end()
    world.run("token()").ok()
    assert len(world.token_requests()) <= 8


@linux
def test_a_lock_that_is_held_is_waited_for_whatever_the_file_system_calls_that(world, faults):
    world.robot()
    gate = world.provider.hold("token")
    with process_with(world, faults, "locks as of CIFS") as first, process_with(world, faults, "locks as of CIFS") as second:
        first.start("token()")
        world.provider.wait_for("token")
        second.begin("token()")
        assert second.busy()
        gate.set()
        assert first.wait().ok() == second.wait().ok()
        assert "locks" not in first.stderr + second.stderr
    assert len(world.token_requests()) == 1


@pytest.mark.parametrize("ahead", [300, -300])
def test_two_machines_with_one_home_and_clocks_5_minutes_apart(world, ahead):
    """Neither sends what has ended, nor uses a refresh token twice, nor asks the person again."""
    world.provider.expires_in = 3600
    world.provider.id_token.ttl = 3600
    world.person()
    other = Clock(world.folder / "other clock")
    other.advance(ahead)
    with world.process() as here, world.process(MOIDC_TEST_CLOCK=str(other.path)) as there:
        for seconds in (0, 1000, 2700, 3601, 3601):
            world.advance(seconds)
            other.advance(seconds)
            here.do("search()").ok()
            outcome = there.do("attempt(search)").ok()
            # a clock behind by more than the leeway: an ID token from the future is refused, and said to be
            assert outcome["error"] is None or "clock" in outcome["error"]["text"], outcome["error"]["text"]
            here.do("search()").ok()
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == len(set(used)), "a refresh token was used twice"
    assert len(world.browser.openings) <= 1


def test_a_clock_that_is_set_back_and_forth_ends_no_job(world):
    world.robot()
    with world.process() as process:
        for seconds in (0, 200, -150, 86400, -86400, 400, -7200, 7200):
            world.advance(seconds)
            process.do("search()").ok()
        assert len(world.token_requests()) <= 8
    world.run("search()").ok()


@linux
def test_without_devices_a_browser_opens_and_what_is_closed_stays_closed(world, program, faults):
    """A sandbox has no /dev, and whoever starts the program there often gives it no standard input."""
    world.person()
    bare = {"LD_PRELOAD": f"{world.env['LD_PRELOAD']} {faults}", "MOIDC_TEST_FILES": "no devices"}
    program("login", **bare).done()
    assert len(world.browser.openings) == 1
    for redirection in ("<&-", "2>&-", "<&- 2>&-"):
        done = subprocess.run(["bash", "-c", f'exec "$0" token {redirection}', PATH], env=program.environment(**bare), cwd=world.cwd,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == DONE and world.provider.accepts(done.stdout.strip()), done.stderr


@linux
@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_is_put_in_a_files_place_while_it_is_opened_is_not_believed(world, faults, moment):
    """Between looking and opening, and between opening and looking: a race that the neighbour always wins."""
    world.robot()
    mine = world.run("token()").ok()
    path = next(p for p in world.cache.iterdir() if p.suffix == ".json")
    true = path.read_bytes()
    planted = true.replace(mine.encode(), b"at.planted-by-a-neighbour")
    target, other = world.folder / "planted", world.cache_home / "other"
    target.write_bytes(planted)
    target.chmod(0o600)
    if moment == "before":  # what is opened is a link; whoever looked before saw a file
        other.symlink_to(target)
    else:  # what is opened is anybody's to write; whoever looks by its name afterwards sees one that is not
        path.write_bytes(planted)
        path.chmod(0o622)
        other.write_bytes(true)
        other.chmod(0o600)
    with process_with(world, faults, f"swap {moment}", MOIDC_TEST_FILES_SWAP=str(other)) as process:
        assert "planted" not in process.do("token()").ok()
    assert not os.path.lexists(other), "the neighbour was there"
    assert target.read_bytes() == planted, "nor written to"
