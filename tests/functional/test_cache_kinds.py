"""The setting `cache`: memory, and a helper of the user's (docs/cache-helper.md)."""
import json
import os
import signal

import pytest
from cache_helper import FAULTS, Helper
from program import SIGN_IN
from world import variable_text


@pytest.fixture
def helper(world):
    return Helper(world.folder)


def everything_below(folder):
    return [path for path in folder.rglob("*") if path.name != "helper"]


# --- memory ---
def test_memory_leaves_nothing_on_the_disk(world):
    world.person(cache="memory")
    with world.process() as process:
        process.do("search()").ok()
        world.advance(301)
        process.do("search()").ok()
        process.do("logout()").ok()
        process.do("search()").ok()
    assert everything_below(world.cache_home) == [] and everything_below(world.home) == []
    assert [r.form["grant_type"] for r in world.token_requests()] == [
        "authorization_code", "refresh_token", "authorization_code"]
    assert "memory only" not in process.stderr, "it was asked for"


def test_memory_is_of_one_process(world):
    world.robot(cache="memory")
    assert world.run("token()").ok() != world.run("token()").ok()


def test_a_sign_in_of_the_program_that_memory_alone_keeps_is_called_so_and_not_advised(world, program):
    world.person(cache="memory")
    assert "cache is set to memory" in program("login").stderr
    text = program("token").failed(SIGN_IN, "a person has to sign in")
    assert "mlflow-oidc login" not in text and 'set cache = "file"' in text
    world.person(cache="file")
    assert "memory" not in program("login").stderr
    program("token").done()


def test_memory_does_not_read_what_the_disk_has(world):
    world.robot()
    first = world.run("token()").ok()
    world.robot(cache="memory")
    assert world.run("token()").ok() != first
    world.robot()
    assert world.run("token()").ok() == first


def test_threads_share_what_memory_has(world):
    world.robot(cache="memory")
    world.run("threads(8, token)").ok()
    assert world.provider.count("token") == 1


# --- a helper ---
def use(world, helper, **changes):
    return world.write_user_file({**world.person_settings(**changes), "cache": helper.setting})


def test_a_helper_keeps_the_tokens_between_processes(world, helper):
    use(world, helper)
    first = world.run("token()").ok()
    assert world.run("token()").ok() == first
    assert len(helper.kept()) == 1 and world.provider.sign_ins == 1
    assert world.cache_files_hold_no_token(), "the folder has locks alone"


def test_a_helper_may_have_a_name_outside_ascii(world, helper):
    helper.program = helper.program.rename(helper.folder / "gehört-mir")
    use(world, helper)
    first = world.run("token()").ok()
    assert world.run("token()").ok() == first and len(helper.kept()) == 1


def test_a_renewal_is_stored_too(world, helper):
    use(world, helper)
    world.run("token()").ok()
    world.advance(301)
    second = world.run("token()").ok()
    assert world.run("token()").ok() == second and world.provider.sign_ins == 1
    (kept,) = helper.kept()
    assert json.loads(kept.read_text())["refresh_token"] == world.provider.grants[0].refresh_token


def test_logout_erases(world, helper):
    use(world, helper)
    assert world.run("token(), logout()").ok()[1] is True
    assert helper.kept() == [] and helper.asked()[-1] == "erase"
    assert world.run("logout()").ok() is False


def test_it_is_not_asked_while_memory_has_a_token(world, helper):
    use(world, helper)
    with world.process() as process:
        process.do("token()").ok()
        before = helper.asked()
        process.do("[token() for _ in range(100)]").ok()
        process.do("[search() for _ in range(5)]").ok()
    assert helper.asked() == before


def test_a_helper_of_the_environment(world, helper):
    world.set_variables(world.person_settings())
    world.env["MLFLOW_TRACKING_OIDC_CACHE"] = variable_text(helper.setting)
    first = world.run("token()").ok()
    assert world.run("token()").ok() == first and helper.kept()


def test_a_helper_is_found_on_the_path(world, helper):
    world.env["PATH"] = f"{helper.folder}:{world.env['PATH']}"
    world.write_user_file(world.person_settings(cache="helper:keep"))
    world.run("token()").ok()
    assert helper.kept()


def test_the_working_directory_does_not_choose_the_helper(world, helper):
    world.env["PATH"] = f".:{world.env['PATH']}"
    world.write_user_file(world.person_settings(cache="helper:keep"))
    with world.process(cwd=helper.folder) as process:
        process.do("token()").ok()
    assert helper.asked() == [] and "is not there" in process.stderr


def test_processes_of_the_user_sign_in_once(world, helper):
    use(world, helper)
    tokens = {outcome.ok() for outcome in world.together(4, "token()")}
    assert len(tokens) == 1 and world.provider.sign_ins == 1


@pytest.mark.parametrize("value", ["helper:/bin/true", "HELPER:true", "helper: sh -c x", "helper:"])
def test_a_project_starts_no_program(world, helper, value):
    path = world.person(cache=value.replace("/bin/true", str(helper.program)))
    world.run("token()").failed("configuration", "`cache`", "a pyproject.toml may not", "MLFLOW_TRACKING_OIDC_CACHE", str(path))
    assert helper.asked() == [] and world.provider.requests == []


# --- one that does wrong: no call is lost, and it is said once ---
@pytest.mark.parametrize("fault", FAULTS)
def test_a_helper_that_does_wrong_loses_no_call(world, helper, fault):
    helper.shell(FAULTS[fault])
    use(world, helper)
    with world.process() as process:
        process.do("search()").ok()
        world.advance(301)
        process.do("search()").ok()
        world.advance(301)
        process.do("search()").ok()
    assert process.stderr.count("kept in memory only") == 1
    assert world.provider.sign_ins == 1 and len(world.server.requests) == 3


def test_a_helper_that_is_missing_loses_no_call(world):
    world.write_user_file(world.person_settings(cache="helper:/dev/null/keep"))
    with world.process() as process:
        process.do("search(), search()").ok()
    assert process.stderr.count("kept in memory only") == 1 and "/dev/null/keep" in process.stderr


def test_a_helper_that_hangs_is_given_up_after_ten_seconds(world, helper):
    helper.shell(f"echo $$ > {helper.folder}/pid; touch {helper.folder}/hangs; exec sleep 1000")
    use(world, helper)
    with world.process() as process:
        process.start("search()")
        helper.wait_for("hangs")
        world.advance(11)
        process.wait().ok()
    with pytest.raises(ProcessLookupError):
        os.kill(int((helper.folder / "pid").read_text()), 0)
    assert "did not end within 10 s" in process.stderr


def test_ctrl_c_ends_the_wait_for_a_helper(world, helper):
    helper.shell(f"touch {helper.folder}/hangs; exec sleep 1000")
    use(world, helper)
    with world.process() as process:
        process.start("attempt(search)")
        helper.wait_for("hangs")
        process.interrupt()
        outcome = process.wait()
    assert "KeyboardInterrupt" in json.dumps(outcome.value) or "KeyboardInterrupt" in str(outcome.error)


def test_a_helper_leaves_the_programs_children_alone(world, helper):
    use(world, helper)
    with world.process() as process:
        process.do("""
import signal, subprocess
heard = []
signal.signal(signal.SIGCHLD, lambda *_: heard.append(1))
token()
""").ok()
        assert process.do("len(heard)").ok() == 0
        assert process.do("subprocess.run(['true']).returncode").ok() == 0
        assert process.do("subprocess.run(['sh', '-c', 'kill -s PIPE $$']).returncode").ok() == -signal.SIGPIPE
    assert helper.kept()


def test_it_works_in_a_child_that_was_forked(world, helper):
    use(world, helper)
    with world.process() as process:
        first = process.do("token()").ok()
        assert process.do("forked(token)['value']").ok() == first
        world.advance(301)
        assert process.do("forked(token)['value']").ok() != first
    assert world.provider.sign_ins == 1
