"""What a second reading as an attacker and as a long-running job showed: exits, clocks, logouts, forks, tabs."""
import json

import pytest
from provider import DROP
from scripted import Answer


def test_a_run_is_ended_at_exit_though_its_token_has_ended(world):
    """MLflow ends the run in an atexit handler of its own, after ours."""
    world.robot()
    script = world.cwd / "job.py"
    script.write_text("""
import mlflow, os, struct
mlflow.set_tracking_uri(os.environ["URI"])
mlflow.start_run()
with open(os.environ["MOIDC_TEST_CLOCK"], "r+b") as clock:
    clock.write(struct.pack("q", 400))
""")
    done = world.command("job.py")
    assert done.returncode == 0, done.stderr
    assert any("runs/update" in r.target for r in world.server.requests), "the run stays RUNNING for ever"


def test_newer_tokens_on_disk_count_whatever_the_clock_of_their_writer(world):
    """A home shared by two machines: else the old refresh token is used again, and the family is revoked."""
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        world.run("token()").ok()
        entry = next(path for path in world.cache_files() if path.suffix == ".json")
        content = json.loads(entry.read_text())
        content["obtained_at"] -= 602
        entry.write_text(json.dumps(content))
        entry.chmod(0o600)
        world.advance(301)
        process.do("token()").ok()
    assert len(world.browser.openings) == 1
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == len(set(used)), "a refresh token was used twice"


def test_a_server_whose_settings_go_away_after_a_failure_is_no_stranger(world):
    settings = world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.advance(301)
        world.provider.effect("token", status=503)
        assert process.do("attempt(search)").value["error"]
        settings.unlink()
        assert process.do("attempt(search)").value["error"]
    assert world.server.without_token() == []


def test_a_sign_in_that_fails_by_any_cause_opens_no_tab_for_each_call(world):
    world.person()
    world.provider.authorization_error = ("server_error", "down")
    with world.process() as process:
        outcomes = process.do("[attempt(token) for _ in range(3)]").ok()
    assert all(outcome["error"] for outcome in outcomes)
    assert len(world.browser.openings) == 1


def test_a_token_that_is_over_when_it_comes_opens_no_tab_for_each_call(world):
    """Let pass by the leeway of 60 s, but no use: the clocks differ."""
    world.person()
    world.provider.id_token.claims = {"iat": lambda claims: claims["iat"] - 100, "exp": lambda claims: claims["iat"] - 30}
    with world.process() as process:
        outcomes = process.do("[attempt(token) for _ in range(3)]").ok()
    assert all("clock" in outcome["error"]["text"] for outcome in outcomes)
    assert len(world.browser.openings) == 1


def test_asking_for_more_than_a_token_lasts_opens_no_browser(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        for seconds in ("1000", "2**62"):
            process.do(f"token(min_valid_s={seconds})").failed(None, "does not stay valid")
        process.do("token()").ok()
    assert len(world.browser.openings) == 1


def test_a_401_opens_no_browser_where_renewing_worked_but_brought_no_id_token(world):
    world.person()
    world.provider.id_token_on_refresh = False
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        assert process.do("attempt(search)").value["error"]
    assert len(world.browser.openings) == 1


def test_a_logout_is_not_undone_by_another_process(world):
    world.person()
    world.provider.metadata = {"revocation_endpoint": DROP}
    with world.process() as process:
        process.do("token()").ok()
        world.run("logout()").ok()
        world.advance(250)
        process.do("token()").ok()
        process.do("time.sleep(0.5)").ok()
    assert not [path for path in world.cache_files() if path.suffix == ".json"]
    assert world.token_requests("refresh_token") == []


def test_a_logout_is_not_undone_by_a_renewal_that_was_queued_before(world):
    """The thread that renews is still busy with another identity; a client could get a new token without anybody."""
    other = world.new_server()
    world.provider.add_client("second", "s3cret-second")
    world.write(world.robot_settings(), world.robot_settings(uri=other.uri, client_id="second", client_secret="s3cret-second"))
    with world.process() as process:
        process.do("import logging; logging.basicConfig(level=logging.DEBUG)").ok()
        process.do(f"token(), token({other.uri!r})").ok()
        world.advance(250)
        world.provider.effect("token", delay=60, times=1)
        process.do("token()").ok()
        world.provider.wait_for("token", 3)
        process.do(f"token({other.uri!r})").ok()
        assert process.do(f"logout({other.uri!r})").ok() is True
        world.provider.heal()
        look = "__import__('mlflow_oidc_client')._core.server_at('http://stranger.example.com')"  # and says what there is to say
        world.wait_for(lambda: process.do(look).ok() is None and f"renewal.end server={other.uri}" in process.stderr)
        assert len(world.token_requests()) == 3 and len(world.cache_files()) == 2, "a file of tokens and the note of the logout"
        process.do(f"token({other.uri!r})").ok()


def test_keys_that_rotate_without_kid_are_fetched_once_more(world):
    world.person()
    world.provider.id_token.header = {"kid": DROP}
    with world.process() as process:
        process.do("token()").ok()
        world.provider.rotate_keys()
        world.advance(301)
        process.do("token()").ok()
    assert len(world.browser.openings) == 1


def test_a_child_forked_during_a_sign_in_does_not_keep_the_port(world):
    world.person()
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "2"
    world.browser.mode = "never"
    with world.process() as process:
        process.do("""
t = threading.Thread(target=lambda: attempt(token)); t.start(); time.sleep(0.8)
pid = os.fork()
if pid == 0:
    time.sleep(8); os._exit(0)
t.join()
""").ok()
        world.browser.mode = "approve"
        world.advance(61)
        process.do("token()").ok()


def test_the_announcement_of_a_long_path_is_whole_characters(world):
    for pad in ("", "a"):  # the line ends within a character in one of the two
        folder = world.folder / ("é" * 110 + pad) / ("ü" * 110)
        folder.mkdir(parents=True)
        settings = world.robot_settings()
        secret = settings.pop("client-secret")
        world.write(settings, folder=folder)
        world.env["MLFLOW_TRACKING_OIDC_CLIENT_SECRET"] = secret
        world.env["MLFLOW_TRACKING_URI"] = world.server.uri
        world.run("token()", cwd=folder).ok()
        for path in world.cache_files():
            path.unlink()


def test_a_huge_pyproject_that_is_not_ours_stops_nothing(world):
    world.unguarded = True
    (world.cwd / "pyproject.toml").write_text("[tool.other]\nx = 1\n" + "# filler\n" * 40_000)
    world.run("attempt(search)").ok()
    assert world.server.without_token(), "a request that no settings describe goes out untouched"


def test_many_processes_together_renew_a_rejected_token_once_a_minute(world):
    world.robot()
    world.run("token()").ok()
    world.server.fault("*", lambda request, normal: Answer(401))
    for _ in range(3):
        world.run("search()").failed(None, world.server.uri)
    assert len(world.token_requests()) == 2, "the first one and one renewal"
    world.advance(61)
    world.run("search()").failed(None, world.server.uri)
    assert len(world.token_requests()) == 3


def test_the_nonce_is_remembered_over_a_renewal_without_one(world):
    """OIDC Core §12.2, whatever lies between."""
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.provider.id_token.claims = {"nonce": DROP}
        world.advance(301)
        process.do("token()").ok()
        world.provider.id_token.claims = {"nonce": "another"}
        world.advance(301)
        world.browser.mode = "deny"
        process.do("token()").failed(None, "nonce")


def test_a_person_signs_in_where_no_keys_are_published_and_no_id_token_is_sent(world):
    """A plain OAuth 2.1 server (RFC 8414)."""
    world.write({**world.person_settings(), "scope": "mlflow", "use-id-token": False})
    world.provider.metadata = {"jwks_uri": DROP}
    with world.process() as process:
        process.do("search()").ok()
        world.advance(301)
        process.do("search()").ok()
    assert len(world.browser.openings) == 1


def test_two_threads_that_meet_a_401_together_both_go_on(world):
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        world.provider.revoke_access()
        world.provider.effect("token", delay=0.5)
        outcomes = process.do("threads(4, lambda *a: search())").ok()
    assert [outcome["error"] for outcome in outcomes] == [None] * 4
    assert len(world.token_requests()) == 2


def test_a_token_that_ends_on_its_way_is_renewed_however_often(world):
    """The 401 is about its end: the limit of one renewal a minute is for tokens that a server does not want."""
    world.robot()
    world.provider.expires_in = 10

    def late(request, normal):
        world.advance(10)
        return Answer(401)

    with world.process() as process:
        for _ in range(4):
            world.server.fault("*", late, times=1)
            process.do("search()").ok()
            world.advance(1)
    assert len(world.token_requests()) == 5


@pytest.mark.parametrize("mine", [True, False])
def test_a_401_asks_the_person_where_the_renewal_thread_was_refused(world, mine):
    """Somebody ended the session at the provider: the renewal that was refused, of whatever process, is not tried again."""
    world.person()
    with world.process() as process, world.process() as other:
        process.do("search()").ok()
        other.do("search()").ok()
        world.provider.revoke_refresh()
        world.advance(250)
        (process if mine else other).do("token()").ok()
        world.wait_for(lambda: not world.cached().get("refresh_token"))
        world.provider.revoke_access()
        process.do("search()").ok()
        other.do("search()").ok()
    assert len(world.browser.openings) == 2 and world.cached()["refresh_token"]
