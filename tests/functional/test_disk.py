"""contract.md, "On disk"."""
import json
import os
import stat
import time

import pytest
from stack.process import free_port
from world import SOON_S, block


def permissions(path):
    return stat.S_IMODE(path.lstat().st_mode)


def everything(folder):
    return [folder, *folder.rglob("*")]


# --- where and how ---
def test_the_cache_is_below_xdg_cache_home_private_to_the_user(world):
    world.person()
    with world.process() as process:
        process.do("os.umask(0)").ok()
        process.do("token()").ok()
    assert world.cache_files()
    for path in everything(world.cache):
        assert not path.is_symlink()
        assert permissions(path) == (0o700 if path.is_dir() else 0o600), path


def test_the_cache_is_below_the_home_without_xdg_cache_home(world):
    world.robot()
    world.run("token()", unset=["XDG_CACHE_HOME"]).ok()
    assert [p for p in (world.home / ".cache" / "mlflow-oidc-client").rglob("*") if p.is_file()]
    assert permissions(world.home / ".cache" / "mlflow-oidc-client") == 0o700


def test_a_relative_xdg_cache_home_is_ignored(world):
    """As its specification demands; a cache in whatever directory one stands would be a trap."""
    world.robot()
    world.run("token()", XDG_CACHE_HOME="relative").ok()
    assert not (world.cwd / "relative").exists()
    assert (world.home / ".cache" / "mlflow-oidc-client").is_dir()


def test_nothing_is_written_elsewhere(world):
    world.person()
    world.run("search()").ok()
    for folder in (world.home, world.config_home, world.folder / "tmp"):
        assert list(folder.iterdir()) == [], folder
    assert [p.name for p in world.cwd.iterdir() if p.name not in ("pyproject.toml", "mlruns", "mlflow.db")] == []
    assert [p.name for p in world.cache_home.iterdir()] == ["mlflow-oidc-client"]


def test_files_are_written_aside_and_renamed(world):
    """Who has opened or linked the old file keeps it whole."""
    world.person()
    first = world.run("token()").ok()
    held = {path: (path.read_bytes(), path.stat().st_ino) for path in world.cache_files() if first.encode() in path.read_bytes()}
    assert held
    for path in held:
        os.link(path, world.folder / f"link-{path.name}")
    world.advance(301)
    world.run("token()").ok()
    for path, (content, inode) in held.items():
        assert (world.folder / f"link-{path.name}").read_bytes() == content
        assert path.stat().st_ino != inode
    left = [p for p in everything(world.cache) if "tmp" in p.name or "new" in p.name]
    assert left == [], "nothing is left lying about"


# --- identities ---
CHANGES = {
    "client-id": dict(client_id="robot2", client_secret="s3cret-two"),
    "scope": dict(scope="another"),
    "audience": dict(audience="https://another.example.com"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_identity_gets_its_own_token(world, name):
    world.provider.add_client("robot2", "s3cret-two")
    world.robot()
    first = world.run("token()").ok()
    world.robot(**CHANGES[name])
    second = world.run("token()").ok()
    assert first != second and len(world.token_requests()) == 2
    world.robot()
    assert world.run("token()").ok() == first and len(world.token_requests()) == 2, "and the first keeps its own"


def test_another_issuer_gets_its_own_token(world):
    world.robot()
    first = world.run("token()").ok()
    old, world.provider = world.provider, world.new_provider()
    world.provider.add_client("robot", old.clients["robot"])
    world.robot()
    second = world.run("token()").ok()
    assert second in world.provider.grants[0].access_tokens and second != first


def test_another_sign_in_kind_gets_its_own_token(world):
    world.robot()
    first = world.run("token()").ok()
    world.write(world.robot_settings(interactive=True, use_id_token=False, redirect_uri=f"http://127.0.0.1:{free_port()}/cb"))
    assert world.run("token()").ok() != first
    assert len(world.browser.openings) == 1


def test_names_that_are_nearly_the_same_are_other_identities(world):
    """Joining the parts of a key carelessly would mix these up."""
    tokens = set()
    for scope, audience in (("a b", "c"), ("a", "b c"), ("a  b", "c"), ("a", "b"), ("ab", ""), ("a~n", "b"), ("a/b", "..")):
        world.robot(scope=scope, audience=audience)
        tokens.add(world.run("token()").ok())
    assert len(tokens) == 7 and len(world.token_requests()) == 7


def test_file_names_tell_no_path_tricks(world):
    world.provider.add_client("../../../x", "s3cret-path")
    world.robot(client_id="../../../x", client_secret="s3cret-path", scope="../y", audience="/etc/z")
    world.run("token()").ok()
    assert [p.name for p in world.cache_home.iterdir()] == ["mlflow-oidc-client"]
    assert sorted(p.name for p in world.folder.iterdir() if p.name in ("x", "y")) == []


# --- servers ---
def test_another_server_needs_its_own_sign_in(world):
    second = world.new_server()
    world.person()
    first = world.run("search(), token()").ok()[1]
    world.write(world.person_settings(uri=second.uri))
    world.run(f"search({second.uri!r})").ok()
    assert len(world.browser.openings) == 2
    assert first not in second.tokens()


def test_a_cloned_repository_with_a_hostile_uri_gets_nothing(world):
    """Same issuer, same client, another uri; nobody signs in for it."""
    evil = world.new_server()
    world.person()
    world.run("search()").ok()
    world.browser.mode = "never"
    world.write(world.person_settings(uri=evil.uri), folder=world.folder / "cloned")
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "1"
    world.run(f"search({evil.uri!r})", cwd=world.folder / "cloned").failed()
    world.run(f"search({evil.uri!r})", cwd=world.folder / "cloned", CI="true").failed()
    assert evil.requests == []
    assert len(world.token_requests("refresh_token")) == 0, "the refresh token is not used for it either"
    world.browser.mode = "approve"
    world.run("search()").ok()
    assert len(world.token_requests()) == 1, "and the cache of the first still counts"


def test_a_hostile_uri_gets_nothing_in_the_same_process(world):
    evil = world.new_server()
    world.write(world.person_settings(), world.person_settings(uri=evil.uri))
    with world.process() as process:
        process.do("search()").ok()
        process.do("os.environ.update(CI='true')").ok()  # nobody signs in for it
        process.do(f"search({evil.uri!r})").failed("login_required")
    assert evil.requests == []


def test_two_servers_that_were_both_signed_in_for_keep_their_tokens(world):
    second = world.new_server()
    world.write(world.robot_settings(), world.robot_settings(uri=second.uri))
    for _ in range(2):
        world.run(f"search(), search({second.uri!r})").ok()
    assert len(world.token_requests()) <= 2


# --- the announcement ---
def test_a_secret_from_the_environment_for_an_issuer_from_a_file_is_announced_first(world):
    path = world.robot(client_secret=None)
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.env["MLFLOW_TRACKING_OIDC_CLIENT_SECRET"] = world.provider.clients["robot"]
    seen = []
    process = world.process()
    world.provider.fault("token", lambda request, normal: (seen.append(process.stderr), normal())[1])
    process.do("search()").ok()
    process.end()
    lines = [l for l in seen[0].splitlines() if world.provider.issuer in l and str(path) in l]
    assert len(lines) == 1, f"before the secret went out: {seen[0]!r}"
    assert sum(str(path) in l for l in process.stderr.splitlines()) == 1


@pytest.mark.parametrize("source", ["file", "environment"])
def test_a_secret_from_where_the_issuer_is_from_is_not_announced(world, source):
    if source == "file":
        world.robot()
    else:
        world.set_variables(world.robot_settings())
    with world.process() as process:
        process.do("search()").ok()
    assert process.stderr == ""


# --- damage ---
@pytest.mark.parametrize("damage", ["empty", "truncated", "garbage", "other json", "binary", "huge", "deep", "bad utf-8"])
def test_a_damaged_file_is_a_cache_miss_said_once(world, damage):
    world.robot()
    world.run("token()").ok()
    for path in world.cache_files():
        content = path.read_bytes()
        path.write_bytes({
            "empty": b"", "truncated": content[: len(content) // 2], "garbage": b"not a cache", "other json": b'{"x": []}',
            "binary": bytes(range(256)) * 4, "huge": b"[" + b"0," * 4_000_000 + b"0]", "deep": b"[" * 200000,
            "bad utf-8": content.replace(b"a", b"\xff"),
        }[damage])
    with world.process() as process:
        process.do("search()").ok()
        process.do("token(), token(), search()").ok()
    said = [l for l in process.stderr.splitlines() if str(world.cache) in l]
    assert len(said) == 1 or (damage == "empty" and not said), process.stderr
    assert len(world.token_requests()) == 2
    world.run("search()").ok()
    assert len(world.token_requests()) == 2, "the file was mended"


@pytest.mark.parametrize("wrong", [None, -1, 1e300, "x\0y", "x\r\ny", [], {}, True])
def test_a_field_of_another_kind_is_a_cache_miss_or_does_not_matter(world, wrong):
    """Each field of the file in turn, whatever it is called."""
    world.person()
    world.run("token()").ok()
    path, = (p for p in world.cache_files() if p.read_bytes().startswith(b"{"))
    whole = json.loads(path.read_text())
    for field in whole:
        path.write_text(json.dumps({**whole, field: wrong}))
        path.chmod(0o600)
        world.run("token()").ok()


def test_a_folder_in_place_of_the_file_does_not_matter(world):
    """The unreadable cache, also for root."""
    world.robot()
    world.run("token()").ok()
    for path in world.cache_files():
        path.unlink()
        path.mkdir()
    with world.process() as process:
        process.do("search()").ok()
        process.do("search()").ok()
    assert len(world.token_requests()) == 2


def test_a_fifo_in_place_of_the_file_does_not_hang(world):
    world.robot()
    world.run("token()").ok()
    for path in world.cache_files():
        path.unlink()
        os.mkfifo(path, 0o600)
    outcome = world.run("search()")
    outcome.ok()
    assert outcome.seconds < SOON_S


def test_symbolic_links_are_not_followed(world):
    world.robot()
    world.run("token()").ok()
    for path in world.cache_files():
        target = world.folder / ("target-" + path.name)
        path.rename(target)
        path.symlink_to(target)
    before = {p: p.read_bytes() for p in world.folder.glob("target-*")}
    world.run("token()").ok()
    assert len(world.token_requests()) == 2, "what the link names is not read"
    assert {p: p.read_bytes() for p in world.folder.glob("target-*")} == before, "nor written"


def test_a_linked_cache_folder_is_not_followed(world):
    world.robot()
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    world.cache.symlink_to(elsewhere)
    with world.process() as process:
        process.do("search()").ok()
    assert list(elsewhere.iterdir()) == [] and str(world.cache) in process.stderr


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_cache_folder_that_others_can_write_is_not_trusted_as_it_is(world, mode):
    """Made private again, or not used: either way no token lies where others reach it."""
    world.robot()
    world.run("token()").ok()
    world.cache.chmod(mode)
    world.run("search()").ok()
    assert permissions(world.cache) == 0o700 or len(world.token_requests()) == 2


def test_a_cache_file_of_another_user_is_not_used(world):
    """Only root can make one; for another user a file that everybody can read stands for the check of ownership and mode."""
    world.robot()
    world.run("token()").ok()
    for path in world.cache_files():
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        else:
            path.chmod(0o666)
    world.run("token()").ok()
    if os.geteuid() == 0:
        assert len(world.token_requests()) == 2
    for path in world.cache_files():
        assert permissions(path) == 0o600 and path.stat().st_uid == os.geteuid()


# --- no home ---
@pytest.mark.parametrize("where", ["below a file", "missing", "empty", "root only"])
def test_a_read_only_or_missing_home_works_from_memory(world, where):
    world.robot()
    (world.folder / "file").write_text("x")
    homes = {"below a file": str(world.folder / "file" / "home"), "missing": None, "empty": "", "root only": "/proc/1/nowhere"}
    change = {"HOME": homes[where]} if homes[where] is not None else {}
    unset = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", *([] if change else ["HOME"])]
    with world.process(unset=unset, **change) as process:
        process.do("token(), token(), search()").ok()
        world.advance(301)
        process.do("search()").ok()
    if where == "below a file":
        assert len(world.token_requests()) == 2


def test_a_full_disk_works_from_memory(world):
    """A file-size limit of zero stands for the full disk."""
    world.robot()
    with world.process() as process:
        process.do("""
import mlflow_oidc_client, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
""").ok()
        process.do("""
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
try:
    result = [attempt(token), attempt(token)]
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
""").ok()
        first, second = process.do("result").ok()
        assert first["error"] is None and first["value"] == second["value"]
    assert len(world.token_requests()) == 1


# --- logout ---
def test_a_token_that_is_too_large_for_the_cache_works_from_memory(world):
    world.robot()
    world.provider.new_access_token = lambda: "at." + "x" * 300_000
    with world.process() as process:
        assert process.do("len(token())").ok() == 300_003
        assert process.do("len(token())").ok() == 300_003
    assert len(world.token_requests()) == 1 and world.cache_files_hold_no_token()
    assert process.stderr.count("what is to be cached is larger than 262144 bytes: tokens are kept in memory only") == 1


def test_logout_removes_what_is_on_disk_and_in_memory(world):
    world.person()
    with world.process() as process:
        first = process.do("token()").ok()
        process.do("logout()").ok()
        assert world.cache_files_hold_no_token()
        assert process.do("token()").ok() != first
    assert len(world.browser.openings) == 2


def test_logout_revokes_the_refresh_token(world):
    world.person()
    world.run("token(), logout()").ok()
    assert world.provider.received("revoke") and world.provider.grants[0].revoked


def test_logout_works_whatever_the_network_says(world):
    world.person()
    world.run("token()").ok()
    world.provider.down()
    assert world.run("logout()").seconds < SOON_S and world.cache_files_hold_no_token()


def test_logout_of_one_leaves_the_other(world):
    second = world.new_server()
    world.provider.add_client("robot2", "s3cret-two")
    world.write(world.robot_settings(), world.robot_settings(uri=second.uri, client_id="robot2", client_secret="s3cret-two"))
    one, two = world.run(f"token(), token({second.uri!r})").ok()
    world.run("logout()").ok()
    assert world.run(f"token({second.uri!r})").ok() == two
    assert world.run("token()").ok() != one


def test_logout_in_one_process_ends_the_token_of_the_cache_only(world):
    """Another process goes on with what it has in memory; a new one has to sign in."""
    world.robot()
    with world.process() as process:
        process.do("token()").ok()
        world.run("logout()").ok()
        process.do("search()").error
    world.run("token()").ok()
    assert len(world.token_requests()) == 2


def test_the_file_with_settings_is_never_written(world):
    path = world.person()
    text = path.read_text()
    world.run("token(), login(), logout()").ok()
    assert path.read_text() == text == block(world.person_settings())
