"""contract.md, "What a call does", 5: one sign-in or renewal at a time; and fork, threads, Ctrl-C."""
import os
import signal
import time

import pytest
from world import SOON_S, attempts

N = 8


def values(outcomes):
    return {outcome.ok() if not isinstance(outcome.ok(), list) else tuple(outcome.ok()) for outcome in outcomes}


# --- processes ---
def test_8_processes_with_an_empty_cache_make_1_token_request(world):
    world.robot()
    world.provider.effect("token", delay=0.2)
    assert len(values(world.together(N, "token()"))) == 1
    assert len(world.token_requests()) == 1


def test_8_processes_of_mlflow_with_an_empty_cache_make_1_token_request(world):
    world.robot()
    assert values(world.together(N, "search()")) == {("Default",)}
    assert len(world.token_requests()) == 1 and len(set(world.server.tokens())) == 1


def test_8_interactive_processes_open_1_browser(world):
    world.person()
    assert len(values(world.together(N, "token()"))) == 1
    assert len(world.browser.openings) == 1 and len(world.token_requests()) == 1


def test_8_processes_with_a_valid_cache_make_no_request(world):
    world.robot()
    first = world.run("token()").ok()
    before = world.provider.count()
    for outcome in world.together(N, "[token() for _ in range(200)]"):
        assert set(outcome.ok()) == {first}
    assert world.provider.count() == before


def test_8_processes_with_an_expired_token_make_1_refresh(world):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    assert len(values(world.together(N, "token()"))) == 1
    assert len(world.token_requests("refresh_token")) == 1 and len(world.browser.openings) == 1


def test_8_processes_that_renew_in_the_background_make_1_refresh(world):
    world.person()
    world.run("token()").ok()
    world.advance(250)
    world.together(N, "[token(), time.sleep(0.5), token()]")
    assert len(world.token_requests("refresh_token")) == 1


def test_8_processes_adopt_a_refusal_too(world):
    """Those that wait when it comes: a call that begins later is one of a person who tries again."""
    world.person()
    world.browser.mode = "never"
    processes = [world.process() for _ in range(N)]
    for process in processes:
        process.start("token()")
    url = world.browser.wait_for_url()
    world.wait_for(lambda: sum("waiting for it" in process.stderr for process in processes) == N - 1)
    world.browser.visit(url, "deny")
    for process in processes:
        process.wait().failed("provider", "access_denied")
        process.end()
    assert len(world.browser.openings) == 1


def test_8_processes_adopt_a_time_out_too(world):
    world.person()
    world.browser.mode = "never"
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "3"
    for outcome in world.together(N, "token()"):
        outcome.failed("timeout")
        assert outcome.seconds < SOON_S, "one after the other they would wait 3 s each"
    assert len(world.browser.openings) == 1


def test_one_that_is_killed_in_its_sign_in_does_not_hold_the_others(world):
    world.person()
    world.browser.mode = "never"
    first = world.process()
    first.start("token()")
    world.browser.wait_for_url()
    world.browser.mode = "approve"
    second = world.process()
    second.start("token()")
    time.sleep(0.2)
    assert second.busy()
    first.kill()
    second.wait().ok()
    second.end()
    assert len(world.browser.openings) == 2


def test_one_that_is_killed_in_its_token_request_does_not_hold_the_others(world):
    world.robot()
    world.provider.hang("token", times=1)
    first = world.process()
    first.start("token()")
    world.provider.wait_for("token")
    second = world.process()
    second.start("token()")
    time.sleep(0.2)
    assert second.busy()
    first.kill()
    second.wait().ok()
    second.end()


def test_waiting_for_another_process_can_be_interrupted(world):
    world.person()
    world.browser.mode = "never"
    first, second = world.process(), world.process()
    first.start("token()")
    url = world.browser.wait_for_url()
    second.begin("token()")
    time.sleep(0.2)
    began = time.monotonic()
    second.interrupt()
    assert second.wait().error["type"] == "KeyboardInterrupt"
    assert time.monotonic() - began < SOON_S
    world.browser.visit(url)
    first.wait().ok()
    first.end(), second.end()


# --- threads ---
@pytest.mark.parametrize("who", ["robot", "person"])
def test_threads_make_1_token_request(world, who):
    getattr(world, who)()
    with world.process() as process:
        assert len(values(attempts(process.do("threads(16, token)").ok()))) == 1
    assert len(world.token_requests()) == 1 and len(world.browser.openings) == (1 if who == "person" else 0)


def test_threads_of_mlflow_calls_work(world):
    world.robot()
    with world.process() as process:
        assert values(attempts(process.do("threads(16, search)").ok())) == {("Default",)}
    assert len(world.token_requests()) == 1


def test_threads_adopt_a_refusal_too(world):
    world.person()
    world.browser.mode = "deny"
    with world.process() as process:
        for outcome in attempts(process.do("threads(8, token)").ok()):
            outcome.failed("provider", "access_denied")
    assert len(world.browser.openings) == 1


def test_threads_that_renew_make_1_refresh(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        assert len(values(attempts(process.do("threads(16, token)").ok()))) == 1
    assert len(world.token_requests("refresh_token")) == 1


def test_threads_that_are_refused_together_go_on_with_1_renewal(world):
    """Each repeats its own call: none takes a 401 that another one met for its own second one."""
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        for n in (2, 3):
            world.provider.revoke_access()
            for outcome in process.do("threads(16, lambda: [search() for _ in range(4)])").ok():
                assert outcome["error"] is None and outcome["value"] == [["Default"]] * 4, outcome
            assert len(world.token_requests()) == n
            world.advance(61)  # one renewal a minute


def test_a_token_may_change_under_threads_that_ask_for_it(world):
    """The header is made once for each token: here by several threads, of tokens that come one after the other."""
    world.robot()
    with world.process() as process:
        given = process.do("""
from mlflow_oidc_client import _core
server = _core.server_at(os.environ["URI"])
ended = threading.Event()
def change():
    try:
        return [server.login() for _ in range(10)]
    finally:
        ended.set()
def ask():
    seen = set()
    while not ended.is_set():
        seen.update(server.authorization() for _ in range(100))
        assert server is _core.server(os.environ["URI"] + "/x") and server.header_name == "Authorization"
    return sorted(seen)
turns = iter([change] + [ask] * 3)
result = threads(4, lambda: next(turns)())
""").ok()
    assert [outcome["error"] for outcome in given] == [None] * 4, given
    seen = {header for outcome in given for header in outcome["value"]}
    assert len(seen) >= 10 and all(header.startswith("Bearer at.") for header in seen)
    assert len(world.token_requests()) in (10, 11)  # a thread that asks before the first login() has its own


def test_one_identity_does_not_wait_for_another(world):
    second = world.new_server()
    world.write(world.person_settings(), world.robot_settings(uri=second.uri))
    world.browser.mode = "never"
    with world.process(MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT="300") as process:
        process.do("waiting = threading.Thread(target=attempt, args=(token,), daemon=True); waiting.start()").ok()
        url = world.browser.wait_for_url()
        process.do(f"token({second.uri!r})").ok()
        assert process.do("waiting.is_alive()").ok() and world.token_requests("authorization_code") == []
        world.browser.visit(url)
        process.do("waiting.join(10)").ok()


def test_a_waiting_call_releases_the_interpreter(world):
    world.robot()
    gate = world.provider.hold("token")
    with world.process() as process:
        process.do("""
ended = []
thread = threading.Thread(target=lambda: ended.append(attempt(token)))
thread.start()
""").ok()
        world.provider.wait_for("token")
        assert process.do("""
for _ in range(50):
    time.sleep(0.001)
result = ended
""").ok() == [], "it was held up until the answer came"
        gate.set()
        assert process.do("thread.join(), ended[0]['error']").ok()[1] is None


# --- fork ---
def test_a_forked_child_uses_the_parents_token(world):
    world.robot()
    with world.process() as process:
        mine = process.do("token()").ok()
        assert process.do("forked(token)").ok()["value"] == mine
        assert process.do("forked(search)").ok()["value"] == ["Default"]
    assert len(world.token_requests()) == 1


def test_a_forked_child_can_renew_by_itself(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        theirs = process.do("forked(token)").ok()
        assert theirs["error"] is None
        assert process.do("token()").ok() == theirs["value"], "through the cache"
    assert len(world.token_requests("refresh_token")) == 1


def test_a_fork_before_the_first_use_works(world):
    world.robot()
    with world.process() as process:
        process.do("import mlflow_oidc_client").ok()
        assert process.do("forked(token)").ok()["error"] is None


def test_a_fork_while_another_thread_holds_our_locks_works(world):
    """The thread waits for a token; in the child it does not exist, and its locks must not either."""
    world.robot()
    world.provider.effect("token", delay=1.5, times=1)
    with world.process() as process:
        process.do("waiting = threading.Thread(target=attempt, args=(token,)); waiting.start()").ok()
        world.provider.wait_for("token")
        outcome = process.do("forked(token)", limit=10)
        assert outcome.ok()["error"] is None, outcome.value
        process.do("waiting.join()").ok()
        process.do("token()").ok()


def test_a_fork_while_the_renewal_thread_works_works(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.provider.effect("token", delay=1, times=1)
        world.advance(250)
        process.do("token()").ok()
        world.provider.wait_for("token", 2)
        assert process.do("forked(token)").ok()["error"] is None
        assert process.do("forked(search)").ok()["error"] is None


def test_many_forks_renew_once(world):
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        outcomes = process.do("threads(4, lambda: forked(token))").ok()
        assert len({outcome["value"]["value"] for outcome in outcomes}) == 1, outcomes
    assert len(world.token_requests("refresh_token")) == 1


def test_multiprocessing_with_spawn_and_fork_works(world):
    world.robot()
    (world.cwd / "job.py").write_text("""
import multiprocessing, os, sys
def work(_):
    import mlflow_oidc_client
    return len(mlflow_oidc_client.get_token(os.environ["URI"]))
if __name__ == "__main__":
    work(0)
    for kind in ("fork", "spawn"):
        with multiprocessing.get_context(kind).Pool(2) as pool:
            print(kind, len(pool.map(work, range(4))))
""")
    done = world.command("job.py")
    assert done.returncode == 0 and done.stdout == "fork 4\nspawn 4\n", done.stderr
    assert len(world.token_requests()) == 1


# --- Ctrl-C ---
@pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks"])
@pytest.mark.parametrize("call", ["token()", "search()"])
def test_ctrl_c_ends_a_network_call_at_once(world, endpoint, call):
    world.person()
    world.provider.hang(endpoint)

    def interrupted_s():
        before = world.provider.count(endpoint)
        process.start(call)
        world.provider.wait_for(endpoint, before + 1)
        time.sleep(0.05)
        began = time.monotonic()
        process.interrupt()
        assert process.wait().error["type"] == "KeyboardInterrupt"
        return time.monotonic() - began

    with world.process() as process:
        # where an answer is waited for, it is 5 s each time
        assert any(interrupted_s() < 4 for _ in range(5))
        world.provider.heal()
        process.do(call).ok()


@pytest.mark.parametrize("call", ["token()", "search()"])
def test_ctrl_c_in_a_renewal_does_not_lose_the_new_refresh_token(world, call):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.effect("token", delay=1)  # the old refresh token is dead before the answer comes
    with world.process() as process:
        process.start(call)
        world.provider.wait_for("token", 2)
        process.interrupt()
        assert process.wait().error["type"] == "KeyboardInterrupt"
        world.provider.heal()
        process.do("token()").ok()
        world.advance(301)
        process.do("token()").ok()
    assert len(world.browser.openings) == 1


def test_ctrl_c_in_a_renewal_without_an_answer_ends_in_bounded_time(world):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.hang("token")
    with world.process() as process:
        process.start("token()")
        world.provider.wait_for("token", 2)
        began = time.monotonic()
        process.interrupt()
        assert process.wait().error["type"] == "KeyboardInterrupt"
        assert time.monotonic() - began < 20, "5 s; the request would last 30 s"


def test_ctrl_c_while_connecting_ends_at_once(world):
    """An address that answers nothing: a listener whose queue is full."""
    import socket

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    world.robot(issuer=f"http://127.0.0.1:{listener.getsockname()[1]}")
    with world.process() as process:
        process.begin("token()")
        time.sleep(0.3)
        began = time.monotonic()
        process.interrupt()
        assert process.wait().error["type"] == "KeyboardInterrupt"
        assert time.monotonic() - began < 8, "a connection is waited for for 10 s"
    for filler in fillers:
        filler.close()
    listener.close()


THREADS_THAT_WAIT = """
import concurrent.futures, os, signal, threading, time
import mlflow_oidc_client

def work():
    begun.release()
    mlflow_oidc_client.get_token(os.environ["URI"])

begun = threading.Semaphore(0)
if %r == "executor":
    executor = concurrent.futures.ThreadPoolExecutor(3)
    futures = [executor.submit(work) for _ in range(3)]
else:
    for _ in range(3):
        threading.Thread(target=work).start()
for _ in range(3):
    begun.acquire()
while not os.path.exists(os.environ["OPENED"]):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGINT)
time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["executor", "threads"])
def test_ctrl_c_ends_a_program_whose_threads_wait_for_a_person(world, kind):
    world.person()
    world.browser.mode = "never"
    world.env |= {"MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT": "600", "OPENED": str(world.browser.folder / "openings")}
    done = world.command("-c", THREADS_THAT_WAIT % kind)  # which it is given 120 s for
    assert done.returncode and "KeyboardInterrupt" in done.stderr, done.stderr
    assert len(world.browser.openings) == 1 and done.stderr.count("to sign in to") == 1


def test_a_signal_handler_that_does_not_raise_does_not_end_the_call(world):
    world.robot()
    world.provider.effect("token", delay=0.5)
    with world.process() as process:
        process.do("import signal; seen = []; signal.signal(signal.SIGINT, lambda *a: seen.append(1))").ok()
        process.start("token()")
        world.provider.wait_for("token")
        process.interrupt()
        process.wait().ok()
        assert process.do("seen").ok() == [1]


@pytest.mark.parametrize("call", ["token()", "search()", "login()", "logout()"])
def test_a_call_in_a_signal_handler_waits_for_no_token_that_its_own_thread_is_getting(world, call):
    """As a job's handler of SIGTERM that ends the run: it would wait for ever, and the job with it."""
    world.robot()
    world.provider.effect("token", delay=60)
    with world.process() as process:
        process.do(f"""
import signal
seen = []
def handler(*arguments):
    seen.append(attempt(lambda: {call}))
    open("seen", "w").close()
signal.signal(signal.SIGTERM, handler)
""").ok()
        process.start("token()")
        world.provider.wait_for("token")
        os.kill(process.pid, signal.SIGTERM)
        world.wait_for((world.cwd / "seen").exists)
        world.provider.heal()
        process.wait().ok()
        (within,) = attempts(process.do("seen").ok())
        within.failed(None, "midst", "signal handler")
        process.do("search()").ok()


def test_a_call_in_a_signal_handler_uses_a_token_that_is_valid(world):
    world.robot()
    other = world.new_server()
    world.provider.add_client("second", "s3cret-second")
    world.write(world.robot_settings(),
                world.robot_settings(uri=other.uri, client_id="second", client_secret="s3cret-second"))
    with world.process() as process:
        process.do("import signal; seen = []; signal.signal(signal.SIGTERM, lambda *a: seen.append(attempt(search)))").ok()
        process.do("search()").ok()
        world.provider.effect("token", delay=0.7)
        process.start(f"search({other.uri!r})")
        world.provider.wait_for("token", 2)
        os.kill(process.pid, signal.SIGTERM)
        process.wait().ok()
        assert attempts(process.do("seen").ok())[0].ok() == ["Default"]


def test_what_is_shown_may_go_to_a_program_that_calls_mlflow(world):
    """A stream in the place of stderr that logs what it gets by a call of MLflow's: that call fails, and not the sign-in."""
    world.person()
    with world.process() as process:
        assert process.do("""
class Stream:
    failed = 0
    def write(self, text):
        self.failed += attempt(search)["error"] is not None
    def flush(self): pass
kept, sys.stderr = sys.stderr, Stream()
try:
    token()
finally:
    stream, sys.stderr = sys.stderr, kept
result = stream.failed > 0
""").ok()
    assert len(world.browser.openings) == 1
