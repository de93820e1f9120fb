"""A hostile neighbour on the machine, and a cloned repository that is hostile: what SECURITY.md says of them, beside test_disk.py and
test_settings.py."""
import errno
import os
import sys

import pytest
from world import SOON_S

linux = pytest.mark.skipif(sys.platform != "linux", reason="the programs that open a browser are those of Linux")


REASONS = {
    "symbolic link": os.strerror(errno.ELOOP), "dangling link": os.strerror(errno.ELOOP), "hard link": "hard link",
    "fifo": "no regular file", "folder": "no regular file", "writable by the group": "other users can write it",
    "of another user": "belongs to another user",
}


@pytest.mark.parametrize("what", ["json", "new", "lock"])
@pytest.mark.parametrize("how", REASONS)
def test_what_a_neighbour_puts_in_the_place_of_a_file_is_neither_believed_nor_written_to(world, what, how):
    """The file of tokens, the one that is written aside, and the lock."""
    world.robot()
    world.run("token()").ok()
    path = next(p for p in world.cache.iterdir() if p.suffix == ".json")
    path = {"json": path, "new": path.with_name(path.name + ".new"), "lock": path.with_suffix(".lock")}[what]
    content = path.read_bytes() if path.exists() else b"what the neighbour wrote"
    victim = world.cache_home / "victim"  # of the same file system, for hard links
    victim.write_bytes(content)
    path.unlink(missing_ok=True)
    if how == "symbolic link":
        path.symlink_to(victim)
    elif how == "dangling link":
        victim.unlink()
        path.symlink_to(victim)
    elif how == "hard link":
        os.link(victim, path)
    elif how == "fifo":
        os.mkfifo(path, 0o600)
    elif how == "folder":
        path.mkdir()
    elif how == "writable by the group":
        path.write_bytes(content)
        path.chmod(0o620)
    elif os.geteuid() == 0:
        path.write_bytes(content)
        os.chown(path, 65534, 65534)
    world.advance(301)
    with world.process() as process:
        outcome = process.do("token(), search()")
        outcome.ok()
        assert outcome.seconds < SOON_S
    if how == "dangling link":
        assert not victim.exists(), "made by way of the link"
    else:
        assert victim.read_bytes() == content and victim.stat().st_mode & 0o777 == 0o644
    if how == "of another user" and os.geteuid() != 0:
        return
    if what == "json":  # a folder cannot be replaced either, which is told as well
        told = [line for line in process.stderr.splitlines() if str(path) in line]
        assert len(told) == (2 if how == "folder" else 1) and REASONS[how] in told[0], process.stderr
    for left in world.cache.iterdir():
        assert left.suffix == ".lock" or how == "folder" or (left.is_file() and not left.is_symlink() and left.stat().st_mode & 0o777 == 0o600)


def test_a_cache_folder_of_another_user_is_not_used(world):
    """Only root can give one away; for another user a file in the folder's place stands for it."""
    world.robot()
    world.run("token()").ok()
    if os.geteuid() == 0:
        os.chown(world.cache, 65534, 65534)
    else:
        for path in world.cache.iterdir():
            path.unlink()
        world.cache.rmdir()
        world.cache.write_text("")
    with world.process() as process:
        process.do("token(), search()").ok()
    assert len(world.token_requests()) == 2
    assert sum(str(world.cache) in line for line in process.stderr.splitlines()) == 1, process.stderr


# --- a cloned repository ---
@linux
def test_a_repository_starts_no_program_of_its_own(world):
    """A PATH with "." or an empty part names the working directory to a shell; not to us."""
    world.person()
    for name in ("xdg-open", "x-www-browser", "sensible-browser", "gnome-open", "wslview", "firefox"):
        program = world.cwd / name
        program.write_text(f"#!/bin/sh\ntouch {world.folder}/pwned\n")
        program.chmod(0o755)
    world.run("token()", unset=["BROWSER"], PATH=f".::{world.folder}", DISPLAY=":99").failed("login_required", "no browser")
    assert not (world.folder / "pwned").exists()


def test_a_path_with_terminal_escapes_comes_out_clean(world):
    folder = world.folder / "re\x1b]0;pwned\x07po\x1b[2J\nfake line"
    path = world.write(world.person_settings(issuer="ftp://auth.example.com"), folder=folder)
    path.write_text(path.read_text() + "clientid = 'x'\n")
    with world.process(cwd=folder) as process:
        text = process.do("token()").failed("configuration", "issuer", "pyproject.toml")
    for shown in (text, process.stderr):
        assert not [c for c in shown if (ord(c) < 32 and c != "\n") or c == "\x7f"], repr(shown)
    assert "\n" not in text and not [line for line in process.stderr.splitlines() if line.startswith("fake line")]


def test_insecure_tls_never_touches_the_issuer(world):
    """MLflow's own switch is for the tracking server."""
    world.use_tls_provider()
    world.robot()
    outcome = world.run("search()", unset=["SSL_CERT_FILE"], MLFLOW_TRACKING_INSECURE_TLS="true")
    outcome.failed("network", "certificate", world.provider.issuer)
    assert world.provider.requests == [] and world.server.requests == []
