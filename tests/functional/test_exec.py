"""`mlflow-oidc exec`: a program with the server and a token in its environment, with a proxy of its own or without."""
import ast
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import shared_object
from program import SIGN_IN, USAGE
from proxied import listening_at

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
ASK = """
import json, os, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler())
request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/experiments/search",
                                 headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
"""
BY = pytest.mark.parametrize("options", [[], ["--proxy"]], ids=["token", "proxy"])


def run(program, *command, options=(), **more):
    ran = program("exec", *options, "--", *command, **more)
    assert program.world.provider.secrets.isdisjoint(ran.stderr.split())
    return ran


def environment(program, *options, **more):
    """What a program that is run so finds in its environment. stdout holds a token: it is not among what must hold none."""
    program.note, note = (lambda ran, handed_out=False: ran), program.note
    try:
        ran = run(program, sys.executable, "-c", SHOW, options=options, **more)
    finally:
        program.note = note
    return json.loads(ran.done())


def test_a_program_finds_server_and_token_and_none_of_our_settings(world, program, server, provider):
    world.set_variables(world.robot_settings(use_id_token=False))
    found = environment(program, MLFLOW_TRACKING_USERNAME="u", MLFLOW_TRACKING_PASSWORD="p", MLFLOW_TRACKING_AUTH="x", OTHER="kept",
                        MLFLOW_TRACKING_SERVER_CERT_PATH="/kept", MLFLOW_TRACKING_TOKEN="old")
    assert found["MLFLOW_TRACKING_URI"] == server.uri and provider.accepts(found["MLFLOW_TRACKING_TOKEN"])
    assert (found["OTHER"], found["MLFLOW_TRACKING_SERVER_CERT_PATH"]) == ("kept", "/kept")
    names = {name for name in found if name.startswith("MLFLOW_TRACKING_")}
    assert names == {"MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_SERVER_CERT_PATH"}


def test_with_a_proxy_a_program_finds_no_token_of_the_server(world, program, server, provider):
    world.set_variables(world.robot_settings())
    found = environment(program, "--proxy", MLFLOW_TRACKING_USERNAME="u", MLFLOW_TRACKING_CLIENT_CERT_PATH="/x", no_proxy="a.example")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", found["MLFLOW_TRACKING_URI"])
    assert re.fullmatch(r"[\w-]{43}", found["MLFLOW_TRACKING_TOKEN"])
    assert not any(secret in value for secret in provider.secrets for value in found.values())
    names = {name for name in found if name.startswith("MLFLOW_TRACKING_")}
    assert names == {"MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"}
    assert found["no_proxy"] == found["NO_PROXY"] == "a.example,127.0.0.1"


@BY
@pytest.mark.parametrize("name", ["MLFLOW_REGISTRY_URI", "MLFLOW_DEPLOYMENTS_TARGET", "MLFLOW_GATEWAY_URI"])
def test_another_server_that_mlflow_sends_the_token_to_is_warned_of(world, program, server, options, name):
    world.robot()
    ran = run(program, "true", options=options, **{name: "HTTPS://other.example.com/registry"})
    ran.done()
    assert f"warning: {name} names another server" in ran.stderr
    for harmless in ("sqlite:///models.db", *([] if options else [server.uri + "/"])):
        assert run(program, "true", options=options, **{name: harmless}).stderr == ""


@BY
def test_a_program_reaches_the_server(world, program, server, options):
    world.robot()
    ran = run(program, sys.executable, "-c", ASK + "print(json.load(opener.open(request))['experiments'][0]['name'])", options=options,
              http_proxy="http://127.0.0.1:9")
    assert ran.done() == "Default\n" if options else ran.status == 1  # the server is behind that dead proxy, ours is not


def test_a_program_without_a_proxy_reaches_the_server(world, program, server):
    world.robot()
    ran = run(program, sys.executable, "-c", ASK + "print(json.load(opener.open(request))['experiments'][0]['name'])")
    assert ran.done() == "Default\n" and server.count() == 1


def test_the_proxys_token_is_renewed_as_long_as_the_program_runs(world, program, server, provider):
    world.robot()
    code = ASK + """
for line in sys.stdin:
    print(opener.open(request).status, flush=True)
"""
    running = subprocess.Popen([program.path, "exec", "--proxy", "--", sys.executable, "-c", code], env=program.environment(),
                               cwd=world.cwd, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for _ in range(3):
        running.stdin.write("go\n")
        running.stdin.flush()
        assert running.stdout.readline() == "200\n"
        world.advance(400)
    running.stdin.close()
    assert running.wait(30) == 0 and running.stdout.read() == ""
    running.stdout.close()
    assert len(set(server.tokens())) == 3


def test_the_proxy_ends_with_the_program(world, program, server):
    world.robot()
    ran = program("exec", "--proxy", "--", "sh", "-c", 'echo "$MLFLOW_TRACKING_URI"')
    port = int(ran.done().strip().rpartition(":")[2])
    assert not listening_at(port)


@BY
def test_the_status_is_that_of_the_program(world, program, options):
    world.robot()
    for status in (0, 1, 3, 4, 255):
        assert run(program, "sh", "-c", f"exit {status}", options=options).status == status
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGABRT, signal.SIGPIPE):
        assert run(program, "sh", "-c", f"kill -{int(number)} $$", options=options).status == -number


@BY
def test_a_shell_sees_130_after_ctrl_c_in_the_program(world, program, options):
    world.robot()
    done = subprocess.run(["sh", "-c", '"$0" exec "$@" -- sh -c \'kill -INT $$\'; echo $?', program.path, *options],
                          env=program.environment(), cwd=world.cwd, capture_output=True, text=True, timeout=20)
    assert done.stdout == "130\n"


@BY
def test_what_cannot_be_run_ends_as_in_a_shell(world, program, options):
    world.robot()
    not_program = world.cwd / "data"
    not_program.write_text("no program")
    not_program.chmod(0o644)
    for name, status in (("no-such-program", 127), (str(world.cwd / "none"), 127), (str(not_program), 126), (str(world.cwd), 126)):
        ran = run(program, name, options=options)
        assert ran.status == status and f"cannot run {name}: " in ran.stderr


@BY
def test_who_has_to_sign_in_is_told_and_nothing_is_run(world, program, server, browser, options):
    world.person()
    ran = run(program, "touch", "ran", options=options)
    ran.failed(SIGN_IN, "mlflow-oidc login")
    assert not (world.cwd / "ran").exists() and browser.openings == []


@BY
def test_a_program_is_needed(world, program, options):
    world.robot()
    program("exec", *options).failed(2, "which command")
    program("exec", *options, "--").failed(2, "which command")


@BY
def test_options_after_the_program_are_its_own(world, program, options):
    world.robot()
    assert program("exec", *options, "printf", "%s-%s", "--help", "--proxy").done() == "--help---proxy"


def test_a_header_that_the_variable_cannot_set_needs_the_proxy(world, program, server):
    world.robot(header="X-Token")
    world.unguarded = True
    server.expects_tokens = False
    run(program, "printf", "two words").failed(1, "X-Token", "Next: add --proxy: ")
    ran = program("token", "--env")
    assert ran.failed(1, "X-Token", "mlflow-oidc proxy") and ran.stdout == ""
    assert run(program, sys.executable, "-c", ASK + "print(opener.open(request).status)", options=["--proxy"]).done() == "200\n"
    assert server.requests[-1].header("X-Token") and server.requests[-1].header("Authorization") is None


@BY
def test_standard_input_and_output_are_the_programs_own(world, program, options):
    world.robot()
    done = subprocess.run([program.path, "exec", *options, "--", "sh", "-c", "cat; echo err >&2"], env=program.environment(),
                          cwd=world.cwd, input=b"\x00\xff" * 100_000, capture_output=True, timeout=20)
    assert done.stdout == b"\x00\xff" * 100_000 and done.stderr == b"err\n"


@BY
def test_it_inherits_what_we_were_given_and_nothing_of_ours(world, program, options):
    """A connection to the provider, the proxy's listener or a lock would live on in whatever CMD leaves running."""
    world.robot()
    with open(world.cwd / "given", "w") as given:
        done = subprocess.run([program.path, "exec", *options, "--", sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"],
                              env=program.environment(), cwd=world.cwd, capture_output=True, text=True, timeout=40,
                              pass_fds=[given.fileno()])
        found = {int(name) for name in ast.literal_eval(done.stdout)}
        assert len(found) == 5 and {0, 1, 2, given.fileno()} < found, "and the one by which it looks"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


# says which signals came, until its standard input ends; they are blocked, as Python's handlers run late where read() waits
TRAPS = """
import os, select, signal, sys
numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
os.write(1, b"ready\\n")
while True:
    came = signal.sigtimedwait(numbers, 0.02)
    if came:
        os.write(1, signal.Signals(came.si_signo).name.encode() + b"\\n")
    elif select.select([0], [], [], 0)[0] and not os.read(0, 100):
        sys.exit(7)
"""


@BY
def test_signals_sent_to_us_reach_the_program_which_decides(world, program, options):
    world.robot()
    running = subprocess.Popen([program.path, "exec", *options, "--", sys.executable, "-c", TRAPS], env=program.environment(),
                               cwd=world.cwd, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout.readline() == "ready\n"
    for _ in range(2):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            running.send_signal(number)
            assert running.stdout.readline() == f"{number.name}\n"
    running.stdin.close()
    assert running.wait(30) == 7
    running.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_that_comes_while_the_program_starts_ends_it(world, program, number, tmp_path_factory):
    """Ctrl-C, and what a batch system sends to all processes of a job."""
    world.robot()
    library = shared_object.built("slow_start", tmp_path_factory.getbasetemp())
    running = subprocess.Popen([program.path, "exec", "--proxy", "--", "sleep", "100"], cwd=world.cwd, start_new_session=True,
                               env=program.environment(LD_PRELOAD=f"{world.env['LD_PRELOAD']} {library}"))
    wait_for(lambda: children(running.pid))
    os.killpg(running.pid, number)
    try:
        assert running.wait(20) == -number
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_that_comes_before_the_program_starts_keeps_it_from_that(world, program, number, tmp_path_factory):
    world.robot()
    program("token").done()
    library, listens, started = shared_object.built("slow_start", tmp_path_factory.getbasetemp()), world.folder / "listens", world.folder / "started"
    environment = program.environment(LD_PRELOAD=f"{world.env['LD_PRELOAD']} {library}", MOIDC_TEST_LISTENS=str(listens))
    running = subprocess.Popen([program.path, "exec", "--proxy", "--", "touch", str(started)], cwd=world.cwd, env=environment,
                               stderr=subprocess.PIPE, text=True)
    wait_for(listens.exists)
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == USAGE and "cancelled" in said and not started.exists()


ORPHAN = """
import os
middle = os.fork()
if middle == 0:
    os.fork()
    os._exit(0)
os.waitpid(middle, 0)
"""


def test_the_first_process_of_a_container_passes_on_every_signal_and_leaves_no_zombies(world, program):
    """There the runtime's signals, those for Ctrl-C too, come to it alone, and orphans become its children."""
    world.robot()
    rights = ["--user", "--map-root-user"] if os.geteuid() != 0 else []
    namespace = ["unshare", *rights, "--pid", "--fork", "--kill-child"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode != 0:
        pytest.skip("no process namespace can be had here")
    running = subprocess.Popen([*namespace, program.path, "exec", "--proxy", "--", sys.executable, "-c", ORPHAN + TRAPS],
                               env=program.environment(), cwd=world.cwd, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout.readline() == "ready\n"
    (ours,) = children(running.pid)
    wait_for(lambda: len(children(ours)) == 1)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        os.kill(ours, number)
        assert running.stdout.readline() == f"{number.name}\n"
    running.stdin.close()
    assert running.wait(30) == 7
    running.stdout.close()


@BY
def test_ctrl_c_in_a_terminal_is_the_programs_to_answer(world, program, options):
    world.robot()
    with program.terminal("exec", *options, "--", sys.executable, "-c", TRAPS) as terminal:
        terminal.expect("ready")
        terminal.type("\x03")
        terminal.expect("SIGINT")
        terminal.type("\x1c")
        terminal.expect("SIGQUIT")
        terminal.type("\x04")
        assert terminal.end() == 7
        assert terminal.text.count("SIGINT") == 1


def wait_for(condition, limit=30):
    until = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.005)
    return found


def stat(pid):
    """State, parent, process group, session, terminal, and the terminal's foreground group."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[:6]


def test_ctrl_z_stops_both_and_both_go_on(world, program):
    """In a shell with job control."""
    world.robot()
    with program.terminal("exec", "--", "bash", "--norc", "--noprofile", "-i") as terminal:
        terminal.type(f"{program.path} exec --proxy -- sleep 100\n")
        ours = wait_for(lambda: children(terminal.pid))[0]
        wait_for(lambda: [stat(pid)[5] for pid in children(ours)] == [stat(ours)[2]])  # in the foreground, as we are
        sleep = children(ours)[0]
        for _ in range(2):
            terminal.type("\x1a")
            wait_for(lambda: [stat(ours)[0], stat(sleep)[0]] == ["T", "T"])
            terminal.type("fg\n")
            wait_for(lambda: "T" not in (stat(ours)[0], stat(sleep)[0]) and stat(ours)[5] == stat(ours)[2])
        terminal.type("\x03")
        terminal.type("echo status $?; exit 5\n")
        terminal.expect("status 130")
        assert terminal.end() == 5


def test_ignored_signals_stay_ignored(world, program):
    world.robot()
    for options in ([], ["--proxy"]):
        done = subprocess.run(["sh", "-c", "trap '' HUP QUIT; exec \"$@\"", "sh", program.path, "exec", *options, "--", sys.executable,
                               "-c", "import signal; print(signal.getsignal(1) == signal.SIG_IGN, signal.getsignal(3) == signal.SIG_IGN, "
                               "signal.getsignal(15) == signal.SIG_DFL, signal.getsignal(17) == signal.SIG_DFL)"],
                              env=program.environment(), cwd=world.cwd, capture_output=True, text=True, timeout=20)
        assert done.stdout == "True True True True\n", done.stderr


@BY
def test_signals_that_we_ignore_are_not_ignored_by_the_program(world, program, options):
    world.robot()
    ignored = int(run(program, "grep", "SigIgn", "/proc/self/status", options=options).done().split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


@BY
def test_a_program_inherits_no_descriptor_of_ours(world, program, options):
    world.robot()
    ran = run(program, sys.executable, "-c", "import os; print(sorted(os.listdir('/proc/self/fd'))[:4])", options=options)
    assert ran.done() == "['0', '1', '2', '3']\n", "the fourth is the directory that is listed"


@BY
def test_nothing_secret_stands_in_arguments(world, program, provider, options):
    world.robot()
    running = subprocess.Popen([program.path, "exec", *options, "--", sys.executable, "-c", TRAPS], env=program.environment(),
                               cwd=world.cwd, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout.readline() == "ready\n"
    for pid in {running.pid, *children(running.pid)}:
        with open(f"/proc/{pid}/cmdline") as arguments:
            said = arguments.read()
        assert not any(secret in said for secret in provider.secrets)
    running.stdin.close()
    assert running.wait(30) == 7
    running.stdout.close()


def test_what_the_program_leaves_running_does_not_hold_the_end_up(world, program, server):
    world.robot()
    server.hang("experiments/search")
    code = ASK + """
import subprocess, time
print(subprocess.Popen(["sleep", "30"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid, flush=True)
if os.fork() == 0:
    try:
        opener.open(request)
    finally:
        os._exit(0)
time.sleep(0.3)
os._exit(0)
"""
    ran = run(program, sys.executable, "-c", code, options=["--proxy"])
    os.kill(int(ran.done()), signal.SIGKILL)  # it was there still
    assert ran.seconds < 25
