"""The program `mlflow-oidc`: its command line, where it writes to, how it ends."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from program import DONE, FAILED, PATH, SIGN_IN, USAGE
from world import block


def run_raw(program, command, **options):
    """In a shell, for redirections."""
    return subprocess.run(["bash", "-c", command, "sh", PATH], env=program.environment(), cwd=program.world.cwd,
                          capture_output=True, text=True, timeout=60, **options)


def for_another_user(request):
    """The program where another user can run it, since a home is often closed, and how to start it as one, if root starts it."""
    shared = Path(tempfile.mkdtemp(dir="/tmp"))
    request.addfinalizer(lambda: shutil.rmtree(shared))
    shared.chmod(0o755)
    shutil.copy(PATH, shared / "mlflow-oidc")
    return shared / "mlflow-oidc", {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


# --- the command line ---
def test_a_slip_in_a_command_or_an_option_is_told_with_the_nearest_one(program):
    assert "did you mean token?" in program("tokn").failed(USAGE)
    assert "did you mean --server?" in program("token", "--sever=http://x").failed(USAGE)
    assert "did you mean" not in program("token", "--quixotic").failed(USAGE)
    assert "did you mean" not in program("--frobnicate").failed(USAGE)


@pytest.mark.parametrize("command", ["token", "login", "logout", "doctor", "proxy", "exec true", "token --env"])
@pytest.mark.parametrize("described", [True, False])
def test_what_is_secret_in_an_address_is_not_said(world, program, command, described):
    """World.check_promises() looks for it in all that was said."""
    world.more_secrets.add("pass-w0rd")
    address = world.server.uri.replace("://", "://alice:pass-w0rd@")
    if described:
        world.set_variables(world.robot_settings())
    words = command.split()
    said = program(*words, MLFLOW_TRACKING_URI=address + "/?key=pass-w0rd").failed(USAGE, f"{world.server.uri}/ with user info", "without user info")
    assert "pass-w0rd" not in said
    program(words[0], "--server", address, *words[1:]).failed(USAGE, f"{world.server.uri} with user info")
    program(words[0], "--server", "postgresql://alice:pass-w0rd@db/x", *words[1:]).failed(USAGE, "postgresql://db/x")


def test_without_a_command_the_commands_are_named_and_a_misplaced_option_is_told(program):
    listed = re.search(r"which command: (.*)\?\n", program().failed(USAGE))[1].split(", ")
    assert {"login", "token", "help"} <= set(listed)
    for option in ("-v", "--verbose", "--server=http://x", "--json"):
        assert "options stand after the command" in program(option, "token").failed(USAGE)
    assert "after the command" not in program("--frobnicate", "token").failed(USAGE)


def test_what_is_wrong_on_the_command_line_is_status_2_and_names_the_help(program):
    wrong = ([], ["token", "one"], ["token", "--server"], ["token", "--json=yes"], ["token", "--json", "--header"],
             ["token", "--min-valid", "-1"], ["token", "--min-valid=soon"], ["token", "--min-valid", "99999999999999999999"],
             ["login", "--device", "--no-browser"], ["token", "--server", "ftp://x"], ["help", "nothing"], ["token", "-x"])
    for arguments in wrong:
        ran = program(*arguments)
        assert ran.stdout == "" and "--help" in ran.failed(USAGE), arguments


def test_options_may_be_written_in_every_common_way(world, program):
    world.robot()
    tokens = {
        program.token("--server", world.server.uri), program.token(f"--server={world.server.uri}"),
        program.token("-s", world.server.uri), program.token(f"-s{world.server.uri}"), program.token(),
    }
    assert len(tokens) == 1


def test_a_command_line_with_control_characters_does_not_reach_the_terminal(program):
    for arguments in (["\x1b[31mx"], ["token", "\x1b]0;x\x07"], ["token", "--\x1b[2J"], ["token", "--min-valid=\x1b[1m"]):
        assert "\x1b" not in program(*arguments).stderr


def test_help_is_data(program):
    assert "Commands" in program("--help").done() and program("help").stdout == program("--help").stdout
    assert program("token", "--help").stdout == program("help", "token").stdout
    assert program("--version").done().startswith("mlflow-oidc 1.")
    for line in program("login", "--help").done().splitlines():
        assert len(line) < 80


# --- which server ---
def test_the_variable_names_the_server(world, program):
    other = world.new_server()
    world.write(world.robot_settings(), world.robot_settings(uri=other.uri))
    program("token", MLFLOW_TRACKING_URI=other.uri + "/api").done()
    assert program("token", "--json", MLFLOW_TRACKING_URI=other.uri).json["server"] == other.uri
    assert program("token", "--json", "--server", world.server.uri, MLFLOW_TRACKING_URI=other.uri).json["server"] == world.server.uri


def test_a_tracking_uri_that_is_no_proper_one_is_an_error_and_makes_no_other_server_that_of_the_variables(world, program):
    settings = world.robot_settings()
    del settings["uri"]
    world.set_variables(settings)
    for odd in ("http://b\u00fccher.example/", f"{world.server.uri} ", "http://[fe80::1%25lo]:1"):
        for command in ("token", "status", "config"):
            program(command, MLFLOW_TRACKING_URI=odd).failed(USAGE, "no proper http(s) URI", "MLFLOW_TRACKING_URI", "xn--")
        program("token", "--server", world.server.uri, MLFLOW_TRACKING_URI=odd).failed(USAGE, "no settings describe the tracking server")
    assert world.token_requests() == []


def test_a_tracking_uri_without_its_scheme_is_what_the_error_is_about(world, program):
    settings = world.robot_settings()
    del settings["uri"]
    world.set_variables(settings)
    for command in ("token", "status", "config"):
        text = program(command, MLFLOW_TRACKING_URI=world.server.uri.removeprefix("http://")).failed(USAGE, "MLFLOW_TRACKING_URI")
        assert "to an http(s) address" in text, "the others are set"
    program("token", MLFLOW_TRACKING_URI=world.server.uri).done()


def test_the_only_server_needs_no_name_and_of_several_one_is_to_be_named(world, program):
    world.robot()
    program("token").done()
    other = world.new_server()
    world.write(world.robot_settings(), world.robot_settings(uri=other.uri))
    text = program("token").failed(USAGE, world.server.uri, other.uri)
    assert f"--server {world.server.uri}" in text


def test_a_server_that_nothing_describes_is_an_error_that_lists_the_others(world, program):
    world.robot()
    for arguments, variables in ((("--server", "http://127.0.0.1:9/"), {}), ((), {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9/"})):
        where = "--server" if arguments else "MLFLOW_TRACKING_URI"
        text = program("token", *arguments, **variables).failed(USAGE, f"http://127.0.0.1:9/ [{where}]")
        assert f"\n  {world.server.uri}\n" in text and f"Next: name one of them, --server {world.server.uri}, or" in text
    (world.cwd / "pyproject.toml").unlink()
    program("token").failed(USAGE, "MLFLOW_TRACKING_OIDC_ISSUER")
    program("token", "--server", world.server.uri).failed(USAGE, "or set MLFLOW_TRACKING_OIDC_ISSUER")
    program("token", MLFLOW_TRACKING_URI=world.server.uri).failed(USAGE, "or set MLFLOW_TRACKING_OIDC_ISSUER")
    text = program("token", "--server", world.server.uri, MLFLOW_TRACKING_URI="http://127.0.0.1:9/").failed(USAGE, "write a block")
    assert "MLFLOW_TRACKING_OIDC_ISSUER" not in text, "it would describe the other one"


def test_an_address_that_nothing_is_matched_against_is_an_error_in_every_list(world, program):
    world.write(world.robot_settings(uri="http://127.0.0.1:9/a/../b"))
    for command in ("status", "config", "token"):
        ran = program(command)
        assert ran.status == USAGE and "mlflow-oidc: " in ran.stderr, (command, ran)


def test_a_command_to_be_typed_is_safe_to_type(world, program):
    """A cloned repository names the server; the line is made for being copied into a shell."""
    marker = world.folder / "marker"
    world.write(world.person_settings(uri=f"http://127.0.0.1:9/$(touch$IFS{marker})/;a'b&c"))
    for command in (["token"], ["status"]):
        text = program(*command).failed(SIGN_IN) if command == ["token"] else program(*command).stderr
        line = re.search(r"Next: (.*)", text).group(1)
        assert line.startswith("mlflow-oidc login --server '")
        subprocess.run(["bash", "-c", line.replace("mlflow-oidc", "printf '%s\\n'", 1)], check=True, capture_output=True)
        assert not marker.exists()


# --- where it writes to ---
def test_a_full_disk_and_a_closed_output_are_failures(world, program):
    world.robot()
    for redirection in (">/dev/full", ">&-", "| true", "2>&- >/dev/full"):
        for arguments in ("token", "--help", "token --json", "config", "status"):
            ran = run_raw(program, f'set -o pipefail; trap "" PIPE; "$1" {arguments} {redirection}')
            if redirection != "| true":  # whoever closes a pipe may be too late to be noticed
                assert ran.returncode == FAILED, (redirection, arguments, ran.stderr)
    assert "No space left" in run_raw(program, '"$1" token >/dev/full').stderr


def test_a_limit_of_file_sizes_is_an_error_of_writing_and_no_end(world, program):
    """SIGXFSZ would end the program while it saves a token, before anybody has seen that."""
    world.robot()
    ran = run_raw(program, 'ulimit -f 0; "$1" token | cat')
    assert world.provider.accepts(ran.stdout.strip()) and "tokens are kept in memory only" in ran.stderr
    ran = run_raw(program, 'ulimit -f 0; "$1" token >token')
    assert ran.returncode == FAILED and "not all could be written to the standard output: File too large" in ran.stderr


def test_a_reader_that_has_seen_enough_ends_it_without_a_word(world, program):
    """As `git log | head` does; where SIGPIPE is ignored it is a failure as any other."""
    world.robot()
    closed, output = os.pipe()
    os.close(closed)
    try:
        for arguments in (["--help"], ["token"], ["status"], ["config", "--json"], ["doctor", "--no-token"], ["completion", "bash"], ["proxy"]):
            for ignored in (False, True):
                command = (["sh", "-c", 'trap "" PIPE; exec "$@"', "sh"] if ignored else []) + [PATH, *arguments]
                done = subprocess.run(command, env=program.environment(), cwd=world.cwd, stdin=subprocess.DEVNULL, stdout=output,
                                      stderr=subprocess.PIPE, text=True, timeout=60)
                assert done.returncode == (FAILED if ignored else -signal.SIGPIPE), (arguments, done)
                assert done.stderr.count("Broken pipe") == (1 if ignored else 0), (arguments, done.stderr)
    finally:
        os.close(output)


def test_a_sign_in_works_with_few_descriptors_and_says_what_to_do_with_too_few(world, program):
    """poll() takes no more places than a process may open files."""
    world.person()
    assert run_raw(program, 'ulimit -n 24 && exec "$1" login').returncode == DONE
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "1"  # where the browser cannot be started either
    ends = []
    for limit in range(6, 11):
        ran = run_raw(program, f'ulimit -n {limit} && exec "$1" login')
        assert ran.returncode == DONE or "Next: " in ran.stderr, ran.stderr
        ends.append(ran.stderr)
    assert any("cannot listen" in end and "set flow to paste" in end for end in ends), ends


def test_closed_standard_descriptors_do_no_harm(world, program):
    """A file or a connection that the program opens must not become its output."""
    world.person()
    program("login").done()
    before = {path: path.read_bytes() for path in world.cache_files()}
    token = program.token()
    for redirection in ("<&-", "2>&-", "<&- 2>&-"):
        ran = run_raw(program, f'"$1" token {redirection}')
        assert ran.returncode == DONE and ran.stdout.strip() == token
    assert run_raw(program, '"$1" token <&- >&- 2>&-').returncode == FAILED
    world.browser.mode = "never"
    with subprocess.Popen(["bash", "-c", 'exec "$1" login <&- >&- 2>&-', "sh", PATH], env=program.environment(), cwd=world.cwd) as running:
        world.browser.wait_for_url(2)
        for fd in range(3):
            assert os.readlink(f"/proc/{running.pid}/fd/{fd}") == "/dev/null"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == USAGE
    assert {path: path.read_bytes() for path in world.cache_files()} == before


def test_only_data_is_on_stdout(world, program):
    world.person(misspelt="x")
    ran = program("token")
    assert ran.stdout == "" and "warning: " in ran.stderr
    ran = program("login")
    assert ran.done() == "" and "open this address" in ran.stderr
    assert program("token").done().count("\n") == 1


def test_colours_only_on_a_terminal_and_never_with_no_color(world, program):
    assert "\x1b" not in program("tokn").stderr
    for options, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)):
        with program.terminal("tokn", **options) as terminal:
            assert terminal.end() == USAGE
            assert ("\x1b[" in terminal.text) == coloured, (options, terminal.text)


def test_help_fits_a_narrow_terminal(program):
    with program.terminal("login", "--help", columns=46) as terminal:
        terminal.end()
        lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text).splitlines()
    assert max(len(line) for line in lines) <= 46


# --- how it ends ---
def test_exit_statuses_tell_what_happened(world, program):
    world.person()
    program("token").failed(SIGN_IN)
    world.browser.mode = "deny"
    program("login").failed(FAILED)
    world.browser.mode = "approve"
    program("login").done()
    program("token").done()
    world.person(issuer="nonsense")
    program("token").failed(USAGE, "issuer")


def test_without_a_home_it_works_from_memory(world, program):
    world.robot()
    nowhere = {"HOME": "/dev/null", "unset": ("XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    ran = program("token", **nowhere)
    assert ran.done() and "warning: " in ran.stderr
    assert program("status", **nowhere).status == DONE and program("logout", **nowhere).status == DONE


def test_verbose_tells_what_is_done_and_nothing_secret(world, program):
    world.robot()
    ran = program("token", "-v")
    assert "token.request" in ran.stderr and ran.done()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_nothing_secret_stands_in_arguments_or_the_environment_of_its_children(world, program):
    world.person()
    world.set_variables({"client-secret": "s3cret-shared"})
    world.provider.clients["app"] = "s3cret-shared"
    world.provider.secrets.add("s3cret-shared")
    world.env["MLFLOW_TRACKING_OIDC_INTERACTIVE"] = "true"
    program("login").done()
    opening = world.browser.openings[0]
    assert not any("s3cret" in value or name.startswith("MLFLOW_TRACKING_OIDC") for name, value in opening["environment"].items())


def test_a_home_that_may_not_be_entered_is_as_good_as_none(world, program, request):
    """HOME names root's, and the container is run by a number: what stands in the environment serves all the same."""
    home = world.home / ".config" / "mlflow-oidc-client"
    home.mkdir(parents=True)
    world.home.chmod(0)
    request.addfinalizer(lambda: world.home.chmod(0o700))
    world.set_variables(world.robot_settings())
    shared, user = for_another_user(request)
    environment = program.environment(unset=("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "LD_PRELOAD"))
    done = subprocess.run([shared, "token"], env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, **user)
    assert done.returncode == DONE, done.stderr
    assert world.provider.accepts(done.stdout.strip())
    assert f"{home}/config.toml): it is not used" in done.stderr and "tokens are kept in memory only" in done.stderr


@pytest.mark.skipif(bool(os.environ.get("MOIDC_TEST_SANITIZER")), reason="a build whose search for leaks attaches to its own process")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_the_memory_of_the_program_is_closed_to_debuggers_and_core_files(world, program, request):
    """The files of a process that cannot be dumped are root's, whoever runs it (ptrace(2), proc(5))."""
    world.set_variables(world.person_settings())
    environment = {name: value for name, value in world.env.items() if name.startswith("MLFLOW_")}
    environment |= {"PATH": "/usr/bin:/bin", "HOME": "/dev/null", "BROWSER": "/bin/true", "MLFLOW_TRACKING_OIDC_CACHE": "memory"}
    shared, user = for_another_user(request)
    with subprocess.Popen([shared, "login"], env=environment, cwd="/", stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **user) as running:
        try:
            while "open this address" not in (line := running.stderr.readline()):
                assert line, "the program ended"
            assert os.stat(f"/proc/{running.pid}/mem").st_uid == 0
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(30) == USAGE
