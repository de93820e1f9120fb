"""A sign-in from a cell of a real Jupyter kernel: what its front end gets to show."""
import re
import subprocess

import jupyter_client
import pytest
from world import PYTHON

LIMIT_S = 30


class Kernel:
    """An ipykernel of the interpreter under test, and what a front end hears of it."""

    def __init__(self, world, **environment):
        spec = jupyter_client.kernelspec.KernelSpec(
            argv=[PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python"
        )
        self._manager = jupyter_client.KernelManager()
        self._manager._kernel_spec = spec
        self._manager.connection_file = str(world.folder / "kernel.json")
        self.log = open(world.folder / "kernel.log", "w+", encoding="utf-8")
        full = {**world.env, "IPYTHONDIR": str(world.folder / "ipython"), **environment}
        self._manager.start_kernel(env=full, cwd=str(world.cwd), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT_S)
        self.shown, self.printed, self.error = [], "", None

    def start(self, code):
        self._message = self._client.execute(code, allow_stdin=False)

    def hear(self, until):
        """Takes messages until the front end has seen what `until` looks for, or the cell has ended."""
        while not until(self):
            message = self._client.get_iopub_msg(timeout=LIMIT_S)
            if message["parent_header"].get("msg_id") != self._message:
                continue
            content = message["content"]
            if message["msg_type"] == "display_data":
                self.shown.append(content["data"])
            elif message["msg_type"] == "stream":
                self.printed += content["text"]
            elif message["msg_type"] == "error":
                self.error = content
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return self
        return self

    def end(self):
        return self.hear(lambda _: False)

    def interrupt(self):
        self._manager.interrupt_kernel()

    def close(self):
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self.log.close()


@pytest.fixture
def kernel(world):
    made = []

    def make(**environment):
        made.append(Kernel(world, **environment))
        return made[-1]

    yield make
    for one in made:
        one.close()


CELL = "import mlflow_oidc_client as m, os\nprint('valid' if m.get_token(os.environ['URI']) else '')"


def test_a_cell_shows_the_code_and_its_address_as_a_link(world, kernel):
    del world.env["BROWSER"]
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "300"
    world.person()
    cell = kernel()
    cell.start(CELL)
    cell.hear(lambda k: k.shown)
    device = world.provider.devices[0]
    page = f"{world.provider.base}/activate"
    html, text = cell.shown[0]["text/html"], cell.shown[0]["text/plain"]
    assert f'<a href="{page}" target="_blank" rel="noopener noreferrer">{page}</a>' in html
    assert f'href="{page}?user_code={device.user_code}"' in html and device.user_code in text
    world.provider.decide(device.user_code)
    world.advance(5)
    cell.end()
    assert cell.error is None and "valid" in cell.printed
    assert "s left (Ctrl-C ends it)" in cell.printed and "\r" not in cell.printed


def test_a_cell_shows_the_address_of_a_browser_sign_in_as_a_link(world, kernel):
    world.person()
    cell = kernel()
    cell.start(CELL)
    cell.end()
    assert cell.error is None and "valid" in cell.printed
    html = cell.shown[0]["text/html"]
    assert re.search(r'<a href="[^"<>]+/authorize\?[^"<>]+"', html) and "&amp;state=" in html
    assert len(world.browser.openings) == 1


def test_nothing_that_is_shown_becomes_markup(world, kernel):
    """The server's URI, from a cloned repository, stands in the text."""
    del world.env["BROWSER"]
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "300"
    world.provider.device_fields["user_code"] = "<script>alert(1)</script>'\""
    world.person()
    cell = kernel()
    cell.start(CELL)
    cell.hear(lambda k: k.shown)
    html = cell.shown[0]["text/html"]
    assert "<script" not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    cell.interrupt()
    cell.end()


def test_interrupting_the_kernel_ends_the_sign_in(world, kernel):
    del world.env["BROWSER"]
    world.env["MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT"] = "300"
    world.person()
    cell = kernel()
    cell.start(CELL)
    cell.hear(lambda k: k.shown)
    cell.interrupt()
    cell.end()
    assert cell.error["ename"] == "KeyboardInterrupt"


def test_a_notebook_is_no_place_to_paste_into(world, kernel):
    del world.env["BROWSER"]
    world.person(flow="paste")
    cell = kernel()
    cell.start(CELL)
    cell.end()
    assert cell.error["ename"] == "OIDCConfigurationError" and "terminal" in cell.error["evalue"]
