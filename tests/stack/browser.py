"""A command for $BROWSER that signs in as a person would, in a real headless Chromium."""

import json
import os
import shlex
import shutil
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
        words = shlex.join([*node_command("browser.mjs"), str(settings)])
        script.write_text(f'#!/bin/sh\nexec {words} "$1" >>{shlex.quote(str(self.log))}.out 2>&1\n')
        script.chmod(0o755)
        self.command = str(script)

    def events(self, kind):
        """kind: start, end (with title and text of the client's page) or failure."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def opened(self):
        return len(self.events("start"))
