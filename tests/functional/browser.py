"""The person at the browser. $BROWSER names a script that this file writes; it logs each opening, then does what `mode` says:

    approve   follows the URL and its redirects, as a person who signs in and consents
    deny      the same, but refuses
    never     nobody does anything; the test may act through `visit()`
    fail      the command itself fails
    stay      like approve, but the program goes on running in the foreground, as a first browser window does
"""
import http.client
import json
import os
import re
import shutil
import ssl
import sys
import time
import urllib.parse

SCRIPT = """#!{python} -IS
import sys
sys.path.insert(0, {here!r})
import browser
browser.main({folder!r})
"""


class Page:
    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers, self.body = url, status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


def fetch(url, headers=(), ca_file=None, method="GET", body=None, timeout=30):
    """One request, no redirect followed."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        target = parts.path or "/"
        connection.request(method, target + ("?" + parts.query if parts.query else ""), body, dict(headers))
        response = connection.getresponse()
        return Page(url, response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def follow(url, headers=(), ca_file=None):
    """Follows redirects, as a browser; the page that it ends on."""
    for _ in range(10):
        page = fetch(url, headers, ca_file)
        location = page.header("Location")
        if page.status not in (301, 302, 303, 307) or not location:
            return page
        url = urllib.parse.urljoin(url, location)
    raise AssertionError("too many redirects")


class Browser:
    """The test's side."""

    def __init__(self, folder, mode="approve"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.command = folder / "browser"
        self.command.write_text(
            SCRIPT.format(python=sys.executable, here=os.path.dirname(os.path.abspath(__file__)), folder=str(folder))
        )
        self.command.chmod(0o755)
        self.mode = mode

    @property
    def mode(self):
        return (self.folder / "mode").read_text()

    @mode.setter
    def mode(self, value):
        (self.folder / "mode").write_text(value)

    def trust(self, ca_file):
        shutil.copy(ca_file, self.folder / "ca.pem")

    @property
    def ca_file(self):
        path = self.folder / "ca.pem"
        return str(path) if path.exists() else None

    def _log(self, name):
        path = self.folder / name
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last one may be on its way

    @property
    def openings(self):
        return self._log("openings")

    @property
    def pages(self):
        """Where the openings in the modes approve and deny ended."""
        return self._log("pages")

    def _wait(self, name, count, timeout):
        end = time.monotonic() + timeout
        while len(self._log(name)) < count:
            assert time.monotonic() < end, f"{name}: {len(self._log(name))} of {count} within {timeout} s"
            time.sleep(0.01)
        return self._log(name)[count - 1]

    def wait_for_url(self, count=1, timeout=30):
        return self._wait("openings", count, timeout)["url"]

    def wait_for_page(self, count=1, timeout=30):
        return self._wait("pages", count, timeout)

    def visit(self, url, decision=None):
        return follow(url, {"X-Decision": decision} if decision else {}, self.ca_file)

    def callback_url(self, url):
        """Where the provider sends the browser; the test goes there by itself, or elsewhere."""
        return fetch(url, ca_file=self.ca_file).header("Location")


def urls_in(text):
    return re.findall(r"https?://[^\s<>\"']+", text)


def main(folder):
    """The script's side."""

    def append(name, entry):
        with open(os.path.join(folder, name), "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    with open(os.path.join(folder, "mode"), encoding="utf-8") as file:
        mode = file.read()
    printed = None
    if os.path.exists(os.path.join(folder, "watched")):
        with open(os.path.join(folder, "watched"), encoding="utf-8") as file, open(file.read(), encoding="utf-8") as log:
            printed = log.read()
    append("openings", {"url": sys.argv[1], "argv": sys.argv[1:], "printed": printed, "environment": dict(os.environ)})
    if mode == "fail":
        sys.exit(1)
    if mode == "never":
        return
    ca_file = os.path.join(folder, "ca.pem")
    page = follow(
        sys.argv[1], {"X-Decision": "deny"} if mode == "deny" else {}, ca_file if os.path.exists(ca_file) else None
    )
    append("pages", {"url": page.url, "status": page.status, "headers": page.headers, "text": page.text})
    if mode == "stay":
        time.sleep(20)
