"""Runs provider, `mlflow server` and Apache until it is told to end; script/demo starts it.

usage: python3 -m stack RUN_DIR MODE MLFLOW_PYTHON

When all is up it writes RUN_DIR/servers.sh, shell variables for whoever started it.
"""

import contextlib
import os
import shlex
import signal
import sys
import time
from pathlib import Path

from .apache import Apache
from .browser import Browser
from .mlflow_server import MlflowServer
from .oidc_provider import OidcProvider


def main(run_dir, mode, python):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as running:

        def up(what, server_type, *arguments):
            start = time.monotonic()
            server = running.enter_context(server_type(run_dir, *arguments))
            print(f"    {what}: {server.url} (pid {server.process.pid}, {time.monotonic() - start:.1f} s)", flush=True)
            return server

        provider = up("node oidc-provider", OidcProvider)
        server = up("mlflow server, sqlite, proxied artifacts", MlflowServer, python)
        audiences = [provider.audience, "mlflow-public"]
        proxy = up(f"Apache, AuthType {mode}", Apache, mode, provider, server.url, audiences)
        browser = Browser(run_dir, "demo", provider.user, provider.password)

        variables = {
            "tracking_uri": proxy.url,
            "issuer": provider.issuer,
            "client_secret": provider.client_secret,
            "browser": browser.command,
            "browser_log": browser.log,
            "provider_log": provider.log,
        }
        lines = [f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items()]
        done = Path(run_dir) / "servers.sh"
        with open(f"{done}.new", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.writelines(lines)
        os.replace(f"{done}.new", done)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
