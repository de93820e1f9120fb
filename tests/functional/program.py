"""The program `mlflow-oidc` as a user of a test's world runs it: the one that was built, or that beside the interpreter under test.

    done = program("token", "--json")            # .status, .stdout, .stderr
    with program.start("login") as running:      # goes on; running.wait(), running.interrupt()
    with program.terminal("login") as terminal:  # in a terminal of its own; terminal.screen
"""
import dataclasses
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from world import CALL_LIMIT_S, PYTHON

PATH = os.environ.get("MOIDC_TEST_PROGRAM") or str(Path(PYTHON).parent / "mlflow-oidc")
DONE, FAILED, USAGE, SIGN_IN = 0, 1, 2, 4  # exit statuses


@dataclasses.dataclass
class Ran:
    status: int
    stdout: str
    stderr: str
    seconds: float

    def done(self):
        assert self.status == DONE, f"status {self.status}: {self.stderr}"
        return self.stdout

    def failed(self, status, *mentions):
        """stderr, after checking the status and what must stand there; an error always says what to do next."""
        assert self.status == status, f"status {self.status}: {self.stdout}{self.stderr}"
        assert "mlflow-oidc: " in self.stderr and "\nNext: " in self.stderr, self.stderr
        for mention in mentions:
            assert mention in self.stderr, f"no {mention!r} in: {self.stderr}"
        return self.stderr

    @property
    def json(self):
        return json.loads(self.stdout)


class Running:
    def __init__(self, program, popen):
        self.program, self.popen, self._began = program, popen, time.monotonic()

    @property
    def pid(self):
        return self.popen.pid

    def interrupt(self, number=signal.SIGINT):
        self.popen.send_signal(number)

    def wait(self, limit=CALL_LIMIT_S):
        try:
            stdout, stderr = self.popen.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            stdout, stderr = self.popen.communicate()
            raise AssertionError(f"the program hangs: no end within {limit} s; stderr:\n{stderr}") from None
        return self.program.note(Ran(self.popen.returncode, stdout or "", stderr or "", time.monotonic() - self._began))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()


class Terminal:
    """A program in a pseudo-terminal."""

    def __init__(self, program, command, environment, columns):
        self.program, self.text, self.status = program, "", None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))  # before the program looks
            os.chdir(program.world.cwd)
            os.execve(command[0], command, environment)

    def read(self):
        """Takes what was printed since; False at the end."""
        if not select.select([self.fd], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.text += data.decode("utf-8", "replace")
        return bool(data)

    @property
    def plain(self):
        """Without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\x07\x08]", "", self.text)

    def expect(self, pattern, limit=30):
        until = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.plain)
            if found:
                return found
            assert time.monotonic() < until and self.read(), f"no {pattern!r} on the terminal:\n{self.text}"

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, limit=CALL_LIMIT_S):
        """The exit status."""
        until = time.monotonic() + limit
        while self.status is None and self.read():
            assert time.monotonic() < until, f"no end on the terminal:\n{self.text}"
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self.program.world.more_output = getattr(self.program.world, "more_output", "") + self.text
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class Program:
    def __init__(self, world):
        self.world = world
        self.path = PATH

    def environment(self, unset=(), **changes):
        full = {**self.world.env, **changes}
        for name in unset:
            full.pop(name, None)
        return full

    def note(self, ran, handed_out=False):
        """Nothing secret may stand in what was said; stdout counts where it is not what hands a token out."""
        said = ran.stderr + ("" if handed_out else ran.stdout)
        self.world.more_output = getattr(self.world, "more_output", "") + said
        return ran

    def __call__(self, *arguments, cwd=None, unset=(), limit=60, stdin=subprocess.DEVNULL, **changes):
        began = time.monotonic()
        done = subprocess.run([PATH, *arguments], env=self.environment(unset, **changes), cwd=cwd or self.world.cwd,
                              stdin=stdin, capture_output=True, timeout=limit)
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace"), time.monotonic() - began)
        return self.note(ran, handed_out=arguments[:1] == ("token",))

    def start(self, *arguments, unset=(), **changes):
        popen = subprocess.Popen([PATH, *arguments], env=self.environment(unset, **changes), cwd=self.world.cwd, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Running(self, popen)

    def terminal(self, *arguments, columns=80, unset=(), **changes):
        environment = self.environment(unset, **{"TERM": "xterm-256color", **changes})
        return self.terminal_of([PATH, *arguments], environment, columns)

    def terminal_of(self, command, environment, columns=80):
        return Terminal(self, command, environment, columns)

    def token(self, *arguments, **options):
        return self("token", *arguments, **options).done().strip()
