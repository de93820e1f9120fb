"""The program in a real terminal (tmux): what a person sees there."""
import re
import shutil
import subprocess
import time

import pytest

from world import CALL_LIMIT_S

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not there: script/bootstrap test")


class Screen:
    """A window of tmux with a shell in it."""

    def __init__(self, program, columns, **environment):
        self.program, self.socket = program, f"{program.world.folder}/tmux.{columns}.{len(environment)}"
        self.environment = program.environment(**{"TERM": "xterm-256color", **environment})
        shell = program.world.folder / "bashrc"
        shell.write_text("PS1='ready$ '\n")
        self._tmux("new-session", "-d", "-x", str(columns), "-y", "70", f"bash --rcfile '{shell}'")
        self.expect(r"ready\$ ")

    def _tmux(self, *arguments):
        done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *arguments], env=self.environment,
                              cwd=self.program.world.cwd, capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lines(self, *options):
        return self._tmux("capture-pane", "-p", *options).rstrip("\n").splitlines()

    def run(self, *arguments):
        self._tmux("send-keys", "-l", f"'{self.program.path}' {' '.join(arguments)}; echo status $?")
        self._tmux("send-keys", "Enter", "")

    def type(self, text):
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def interrupt(self):
        self._tmux("send-keys", "C-c")

    def expect(self, pattern, limit=CALL_LIMIT_S):
        """What matches on the screen, its wrapped lines joined."""
        until = time.monotonic() + limit
        while True:
            text = "\n".join(self.lines("-J"))
            found = re.search(pattern, text, re.M)
            if found:
                return found
            assert time.monotonic() < until, f"no {pattern!r} on the screen:\n{text}"
            time.sleep(0.05)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)


@pytest.fixture
def screen(program):
    opened = []

    def open_one(columns=80, **environment):
        opened.append(Screen(program, columns, **environment))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def waiting(world):
    world.person()
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "60"
    world.browser.mode = "never"


def test_the_time_that_is_left_is_counted_down_in_one_line(world, screen):
    waiting(world)
    window = screen()
    window.run("login", "--device")
    first = window.expect(r"(\d:\d\d) left")[1]
    window.expect(rf"(?!{first})\d:\d\d left")
    assert len([line for line in window.lines() if " left" in line]) == 1
    window.interrupt()
    window.expect(r"^status 2$")
    assert not [line for line in window.lines() if " left" in line], "the line is left empty, and the ^C with it"


def test_a_qr_code_is_shown_where_it_fits_and_nothing_is_drawn_beyond_the_window(world, screen):
    waiting(world)
    for columns, fits in ((80, True), (30, False)):
        window = screen(columns)
        window.run("login", "--device")
        window.expect(r"\d:\d\d left \(Ctrl-C ends it\)")
        lines = window.lines()
        assert any("\u2588" in line for line in lines) == fits
        assert max(len(line) for line in lines) <= columns
        window.close()


def test_ctrl_c_ends_a_sign_in_with_status_2_and_leaves_the_terminal_as_it_was(world, screen):
    waiting(world)
    window = screen()
    window.type("stty -a >before")
    for arguments in (["login"], ["login", "--device"], ["login", "--no-browser"]):
        window.run(*arguments)
        window.expect(r"left")
        window.interrupt()
        window.expect(r"^(\^C)?mlflow-oidc: the sign-in was cancelled *$")
        window.expect(r"^status 2$")
        window.type("clear; stty -a >after; echo compared $?")
        window.expect(r"^compared 0$")
        assert (world.cwd / "after").read_text() == (world.cwd / "before").read_text()
    assert world.provider.sign_ins == 0


def test_the_address_that_the_browser_ended_on_can_be_pasted(world, screen):
    waiting(world)
    window = screen(columns=120)
    window.run("login", "--no-browser")
    url = window.expect(r"^(http\S+/authorize\S+)")[1]
    window.expect(r"paste")
    window.type(world.browser.callback_url(url))
    window.expect(r"Signed in to " + re.escape(world.server.uri))
    window.expect(r"^status 0$")


def test_a_failure_is_red_but_with_no_color(world, screen):
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        window = screen(**environment)
        window.run("tokn")
        window.expect(r"^status 2$")
        text = "\n".join(window.lines("-e"))
        assert ("\x1b[" in text.split("ready$", 1)[1]) == coloured, repr(text)
        window.close()
