"""Many processes, threads, forks and interpreters at once: contract.md, "What a call does", 5, at the size of a cluster node."""
import dataclasses
import os
import re
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scripted import Answer
from world import attempts

PROCESSES, THREADS = 64, 16


def in_all(processes, code, limit=120):
    """The snippet in all of them at once; the values, which must be lists of what attempt() returns."""
    for process in processes:
        process.start(code)
    return [outcome for process in processes for outcome in attempts(process.wait(limit).ok())]


def test_64_processes_of_16_threads_make_1_token_request_and_1_renewal(world):
    world.person()
    world.run("token()").ok()
    world.advance(301)
    processes = [world.process() for _ in range(PROCESSES)]
    for process in processes:
        process.do("import mlflow_oidc_client").ok()
    for renewals in (1, 2):
        got = in_all(processes, f"threads({THREADS}, token)")
        assert len(got) == PROCESSES * THREADS and len({outcome.ok() for outcome in got}) == 1
        assert len(world.token_requests("refresh_token")) == renewals
        world.advance(301)
    assert len(world.browser.openings) == 1
    for process in processes:
        assert process.end() == 0 and "warning" not in process.stderr.lower(), process.stderr


def test_64_processes_with_an_empty_cache_make_1_token_request(world):
    world.robot()
    processes = [world.process() for _ in range(PROCESSES)]
    assert len({outcome.ok() for outcome in in_all(processes, "threads(4, token)")}) == 1
    assert len(world.token_requests()) == 1
    for process in processes:
        assert process.end() == 0 and process.stderr == ""


def test_64_processes_that_meet_an_outage_ask_little_and_recover(world):
    world.robot()
    for endpoint in ("discovery", "token"):
        world.provider.replace(endpoint, 503)
    processes = [world.process() for _ in range(16)]
    for outcome in in_all(processes, "threads(4, token)"):
        outcome.failed("provider", "503")
    assert world.provider.count() <= 3 * len(processes)
    world.provider.heal()
    world.advance(61)
    assert len({outcome.ok() for outcome in in_all(processes, "threads(4, token)")}) == 1
    assert len(world.token_requests()) == 1
    for process in processes:
        assert process.end() == 0 and process.stderr == ""


ADVANCE = """
import struct

def advance(seconds):
    with open(os.environ["MOIDC_TEST_CLOCK"], "r+b") as clock:
        shift, = struct.unpack("q", clock.read(8))
        clock.seek(0)
        clock.write(struct.pack("q", shift + seconds))
"""

LOADERS = ADVANCE + """
stop, failures = threading.Event(), []

def log():
    while not stop.is_set():
        outcome = attempt(search)
        if outcome["error"]:
            failures.append(outcome["error"]["text"])

def worker():
    return token()

loggers = [threading.Thread(target=log) for _ in range(4)]
for thread in loggers:
    thread.start()
for epoch in range(22):
    for outcome in threads(4, lambda: forked(worker)):  # the workers of an epoch, forked while the loggers are in the core
        outcome = outcome["value"]
        if outcome["error"]:
            failures.append(outcome["error"]["text"])
    advance(15)
stop.set()
for thread in loggers:
    thread.join()
result = failures
"""


@pytest.mark.parametrize("who", ["robot", "person"])
def test_loader_workers_forked_while_threads_log_and_renew(world, who):
    """As PyTorch's DataLoader: workers forked at each epoch from a process whose threads go on; tokens last 300 s. The workers ask
    for tokens alone: a call of MLflow's tries to import pyspark each time, and Python's import locks do not outlive such a fork."""
    getattr(world, who)()
    with world.process() as process:
        process.do("search()").ok()
        assert process.do(LOADERS, limit=120).ok() == []
    assert len(world.browser.openings) == (who == "person")
    assert len(world.token_requests()) <= 6, "one sign-in and a renewal for each 300 s, whoever makes them"


JUST_FORKED = ADVANCE + """
def threads_after(seconds):
    token()
    advance(seconds)
    token()
    return len(os.listdir("/proc/self/task"))

result = [forked(lambda: threads_after(seconds))["value"] for seconds in (0, 2, 4)]
"""


def test_a_process_that_was_just_forked_begins_no_renewal(world):
    """Many end by _exit() at once, and the refresh token with them. One that lives on renews as any other."""
    world.person()
    with world.process() as process:
        process.do("token()").ok()
        world.advance(250)
        go_on = threading.Event()
        world.provider.fault("token", lambda request, normal: (go_on.wait(60), Answer(503))[1])
        assert process.do(JUST_FORKED).ok() == [1, 1, 2], "the caller's thread, and the core's that renews"
        go_on.set()
        world.provider.heal()
        process.do("search()").ok()
    assert len(world.browser.openings) == 1


def test_multiprocessing_from_a_process_whose_threads_log(world):
    world.robot()
    (world.cwd / "job.py").write_text("""
import multiprocessing, os, threading
import mlflow_oidc_client
from mlflow.tracking import MlflowClient
def work(_):
    return [e.name for e in MlflowClient(tracking_uri=os.environ["URI"]).search_experiments()]
if __name__ == "__main__":
    mlflow_oidc_client.get_token(os.environ["URI"])  # imports all: Python's import locks do not outlive a fork
    stop = threading.Event()
    def log():
        while not stop.is_set():
            mlflow_oidc_client.get_token(os.environ["URI"])
    loggers = [threading.Thread(target=log) for _ in range(2)]
    for thread in loggers:
        thread.start()
    for kind in ("fork", "spawn"):
        with multiprocessing.get_context(kind).Pool(2) as pool:
            print(kind, pool.map(work, range(8)) == [["Default"]] * 8)
    stop.set()
""")
    done = world.command("job.py")
    assert done.returncode == 0 and done.stdout == "fork True\nspawn True\n", done.stderr
    assert len(world.token_requests()) == 1


@pytest.mark.parametrize("kind", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("early", [True, False], ids=["imported before", "imported in the worker"])
def test_a_worker_of_multiprocessing_finishes_and_saves_the_renewal_that_it_began(world, kind, early):
    """It ends by os._exit(), without what a program does at its end; the old refresh token is dead by then."""
    world.person()
    world.run("token()").ok()
    world.advance(250)

    def slow(request, normal):
        answer = dataclasses.replace(normal(), delay=0.7)
        (world.cwd / "asked").touch()
        return answer

    world.provider.fault("token", slow)
    (world.cwd / "job.py").write_text(f"""
import multiprocessing, os, time
if {early}:
    import mlflow_oidc_client
def work():
    import mlflow_oidc_client
    while not os.path.exists("asked"):
        mlflow_oidc_client.get_token(os.environ["URI"])
        time.sleep(0.01)
if __name__ == "__main__":
    process = multiprocessing.get_context("{kind}").Process(target=work)
    process.start()
    process.join()
    print(process.exitcode)
""")
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # the fork server's socket has little room for its path
        world.env["TMPDIR"] = short
        done = world.command("job.py")
    assert done.returncode == 0 and done.stdout == "0\n" and done.stderr == "", done.stderr
    world.provider.heal()
    world.advance(51)
    world.run("token()").ok()
    assert len(world.token_requests()) == 2 and len(world.browser.openings) == 1


@pytest.mark.parametrize("isolated", [True, False])
def test_a_subinterpreter_is_refused_or_right(world, isolated):
    """One with a lock of its own (Python 3.12 and later) refuses the extension; any other has a client of its own, and the
    cache in common."""
    world.robot()
    (world.cwd / "job.py").write_text(f"""
import os, sys
import mlflow_oidc_client
mine = mlflow_oidc_client.get_token(os.environ["URI"])
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
try:
    other = interpreters.create("isolated" if {isolated} else "legacy")
except TypeError:
    other = interpreters.create(isolated={isolated})
for _ in range(2):
    interpreters.run_string(other, '''
import os
try:
    import mlflow_oidc_client
    found = mlflow_oidc_client.get_token(os.environ["URI"])
except ImportError as error:
    found = "refused: " + str(error)
with open("found", "w") as file:
    file.write(found)
''')
    found = open("found").read()
    print("refused" if "does not support loading in subinterpreters" in found else found == mine)
interpreters.destroy(other)
print(mlflow_oidc_client.get_token(os.environ["URI"]) == mine)
""")
    done = world.command("job.py")
    assert done.returncode == 0, done.stderr
    said = done.stdout.split()
    assert said[2] == "True" and said[0] == said[1] and said[0] in ("True", "refused"), (said, done.stderr)
    if sys.version_info < (3, 12) or not isolated:
        assert len(world.token_requests()) == 1


CLOSED_AT_EXEC = 0o2000000


def connections(pid, port):
    """The descriptors of the process whose connection leads to that port."""
    with open(f"/proc/{pid}/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    sockets = {f"socket:[{row[9]}]" for row in rows if int(row[2].split(":")[1], 16) == port}
    folder = Path(f"/proc/{pid}/fd")
    return [fd.name for fd in folder.iterdir() if os.readlink(fd) in sockets]


def test_no_program_that_the_process_starts_inherits_a_connection(world):
    world.robot()
    process = world.process()
    process.do("token()").ok()
    found = connections(process.pid, urlsplit(world.provider.issuer).port)
    assert found, "it is kept for the next request"
    for fd in found:
        flags = Path(f"/proc/{process.pid}/fdinfo/{fd}").read_text()
        assert int(re.search(r"flags:\s+(\d+)", flags).group(1), 8) & CLOSED_AT_EXEC
