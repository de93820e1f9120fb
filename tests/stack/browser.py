"""A command for $BROWSER that signs in as a person would, in a real headless Chromium."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from .node import node_command


class Browser:
    """`command` goes into $BROWSER; `deny` refuses consent; `screenshots` is the beginning of file names."""

    def __init__(self, run_dir, name, user, password, deny=False, screenshots=None):
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        if not chromium:
            raise RuntimeError("no chromium: run script/bootstrap demo")
        folder = Path(run_dir)
        self.log = folder / f"browser-{name}.log"
        settings = folder / f"browser-{name}.json"
        fields = {"user": user, "password": password, "deny": deny, "chromium": chromium, "log": str(self.log)}
        fields["screenshots"] = screenshots and str(screenshots)
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(fields))
        # $BROWSER is a command without arguments to most programs.
        script = folder / f"browser-{name}"
        self._words = [*node_command("browser.mjs"), str(settings)]
        words = shlex.join(self._words)
        script.write_text(f'#!/bin/sh\nexec {words} "$1" >>{shlex.quote(str(self.log))}.out 2>&1\n')
        script.chmod(0o755)
        self.command = str(script)

    def enter_code(self, url, code):
        """Signs in at a device flow's page; the text that it ends on."""
        done = subprocess.run([*self._words, url, code], timeout=60)
        assert done.returncode == 0, self.events("failure")
        return self.events("end")[-1]["text"]

    def events(self, kind):
        """kind: start, form (what stands in it already), end (with title and text of the client's page) or failure."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def opened(self):
        return len(self.events("start"))
