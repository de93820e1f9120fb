"""A person far from the machine signs in with a code, in a real browser (RFC 8628); and a free redirect port."""

import fcntl
import os
import re
import struct
import subprocess
import termios
import urllib.error
import urllib.parse

import pytest
from conftest import PATIENCE_S
from stack.process import opener

SEARCH = "import mlflow; print(len(mlflow.search_experiments()) > 0)"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class AtTerminal:
    """A process of `person` at a terminal; its standard output is apart."""

    def __init__(self, person, code):
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        environment = {**person.environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        environment.pop("BROWSER", None)  # it is on another machine
        self._process = subprocess.Popen(
            [person.servers.python, "-c", code],
            cwd=person.folder,
            env=environment,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            text=True,
            start_new_session=True,
        )
        os.close(slave)
        self.screen = ""

    def see(self, pattern):
        """Reads on until the pattern is there; its match."""
        while not (match := re.search(pattern, self.screen)):
            try:
                part = os.read(self._master, 65536)
            except OSError:  # Linux says so at the end of a terminal
                part = b""
            assert part, f"no {pattern} on the screen:\n{self.screen}"
            self.screen += part.decode(errors="replace")
        return match

    def end(self, status=0):
        out, _ = self._process.communicate(timeout=PATIENCE_S)
        try:
            while part := os.read(self._master, 65536):
                self.screen += part.decode(errors="replace")
        except OSError:
            pass
        os.close(self._master)
        assert self._process.returncode == status, self.screen
        return out


def read_code(terminal):
    url, code = terminal.see(r"on any machine:\r\n(\S+)\r\nand enter the code: (\S+)\r\n").groups()
    return url, code


def test_a_code_typed_into_a_browser_signs_in(new_person):
    person = new_person("mlflow-public-device")
    terminal = AtTerminal(person, SEARCH)
    url, code = read_code(terminal)
    person.browser.enter_code(url, code)
    assert terminal.end() == "True\n"
    assert "\u2588" in terminal.screen and "Waiting for the sign-in" in terminal.screen
    assert person.token_requests()[-1] == GRANT
    before = person.token_requests()
    assert AtTerminal(person, SEARCH).end() == "True\n"  # from the cache
    assert person.token_requests() == before


def test_the_address_that_holds_the_code_signs_in(new_person):
    person = new_person("mlflow-public-device")
    terminal = AtTerminal(person, SEARCH)
    _, code = read_code(terminal)
    complete = terminal.see(r"shows the same code:\r\n(\S+)\r\n")[1]
    person.browser.enter_code(complete, code)
    assert terminal.end() == "True\n"


def test_a_refusal_in_the_browser_ends_the_sign_in(new_person):
    person = new_person("mlflow-public-device", deny=True)
    terminal = AtTerminal(person, SEARCH)
    person.browser.enter_code(*read_code(terminal))
    terminal.end(status=1)
    assert "access_denied" in terminal.screen


@pytest.mark.parametrize("provider", ["keycloak"], indirect=True)
def test_keycloak_wants_pkce_of_this_client(provider):
    form = {"client_id": "mlflow-public-device", "scope": "openid"}
    url = f"{provider.issuer}/protocol/openid-connect/auth/device"
    with pytest.raises(urllib.error.HTTPError) as refusal:
        opener.open(url, urllib.parse.urlencode(form).encode())
    assert refusal.value.code == 400 and b"code_challenge" in refusal.value.read()


@pytest.mark.parametrize("provider", ["keycloak"], indirect=True)
def test_a_client_that_may_use_no_code_gets_the_address(new_person):
    """Keycloak names the endpoint for clients that may not use it, too."""
    person = new_person("mlflow-public")
    terminal = AtTerminal(person, SEARCH)
    shown = terminal.see(r"no sign-in with a code here: (.*)\r\n")[1]
    assert "unauthorized_client" in shown
    url = terminal.see(r"in a browser on this machine:\r\n(\S+)\r\n")[1]
    subprocess.run([person.browser.command, url], check=True, timeout=60)
    assert terminal.end() == "True\n"


def test_a_free_port_is_taken_by_both_providers(new_person):
    person = new_person("mlflow-public", redirect_uri="http://127.0.0.1:0/oauth2/callback")
    assert person.run(SEARCH) == "True\n"
