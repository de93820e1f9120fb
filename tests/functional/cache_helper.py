"""A cache helper of the user's (docs/cache-helper.md), and what can be wrong with one."""
import sys
import time

SCRIPT = """#!{python} -IS
import pathlib, sys
folder = pathlib.Path({folder!r})
told = dict(line.partition("=")[::2] for line in sys.stdin.read().split("\\n") if line)
operation = sys.argv[-1]
with open(folder / "asked", "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
kept = folder / told["name"]
if operation == "get" and kept.exists():
    print("entry=" + kept.read_text())
elif operation == "store":
    kept.write_text(told["entry"])
elif operation == "erase":
    kept.unlink(missing_ok=True)
"""
FAULTS = {
    "exits with status 1": "exit 1",
    "is killed": "kill -KILL $$",
    "says rubbish": "echo entry={",
    "says bytes": "head -c 5000 /dev/urandom; head -c 10 /dev/zero",
    "never ends its output": "exec cat /dev/zero",
    "reads nothing and fails": "exec <&-; exit 2",
}


class Helper:
    def __init__(self, folder):
        self.folder = folder / "helper"
        self.folder.mkdir()
        self.program = self.folder / "keep"
        self.write(SCRIPT.format(python=sys.executable, folder=str(self.folder)))

    def write(self, text):
        self.program.write_text(text)
        self.program.chmod(0o700)

    def shell(self, body):
        self.write("#!/bin/sh\n" + body + "\n")

    @property
    def setting(self):
        return f"helper:{self.program} --vault mine"

    def asked(self):
        path = self.folder / "asked"
        return [line.split()[-1] for line in path.read_text().splitlines()] if path.exists() else []

    def kept(self):
        return list(self.folder.glob("tokens-*"))

    def wait_for(self, name, limit=30):
        until = time.monotonic() + limit
        while not (self.folder / name).exists():
            assert time.monotonic() < until, f"the helper never came to {name}"
            time.sleep(0.003)
