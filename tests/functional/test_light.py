"""What is not there until it is needed: the libraries for the network, modules of others."""
import re
import subprocess
from pathlib import Path

import pytest

from program import FAILED, PATH
from world import PYTHON

LIBRARIES = Path(__file__).parents[2] / "src/base/libraries.h"
NAMES = re.findall(r"\((curl_\w+)\)", LIBRARIES.read_text())
OTHER_VERSION = """
static struct { int age; const char *version; unsigned version_num; } data = {0, "7.87.0", 0x075700};
void *curl_version_info(void) { return &data; }
""" + "".join(f"int {name}(void) {{ return 0; }}\n" for name in NAMES if name != "curl_version_info")

# wheels have them inside
late = pytest.mark.skipif(b"libcurl.so.4\0" not in Path(PATH).read_bytes(), reason="libcurl is linked into this program")


def network_loaded(program, *arguments):
    """Which of them the system's loader takes for the program, by its own words."""
    ran = program(*arguments, LD_DEBUG="files")
    ran.done()
    assert "libc.so" in ran.stderr  # it did say
    return [name for name in ("libcurl", "libcrypto", "libssl") if name in ran.stderr]


def test_a_token_from_the_cache_loads_nothing_of_the_network(world, program):
    world.robot()
    program("token").done()
    for arguments in (["token"], ["status"], ["token", "--json"], ["--version"], ["config"]):
        assert network_loaded(program, *arguments) == [], arguments


@late
def test_a_token_of_the_provider_loads_it(world, program):
    world.robot()
    assert network_loaded(program, "token") == ["libcurl", "libcrypto", "libssl"]


def test_the_extension_loads_nothing_of_the_network_and_no_module_of_others(world, program):
    world.robot()
    program("token").done()
    ran = subprocess.run([PYTHON, "-c", """
import sys
before = {*sys.modules, *sys.builtin_module_names}
import mlflow_oidc_client
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("mlflow_oidc_client")))
token = mlflow_oidc_client.get_token(sys.argv[1])
print(len(token) > 0, not [line for line in open("/proc/self/maps") if "libcurl" in line or "libcrypto" in line])
""", world.server.uri], env=program.environment(), cwd=world.cwd, capture_output=True, text=True, timeout=60)
    assert ran.stdout.splitlines() == ["", "True True"], ran.stdout + ran.stderr


@late
def test_a_library_that_cannot_be_loaded_is_named_and_the_cache_still_answers(world, program, tmp_path):
    world.robot()
    token = program.token()
    (tmp_path / "libcurl.so.4").write_text("no library")
    assert program.token(LD_LIBRARY_PATH=str(tmp_path)) == token
    program("logout").done()
    ran = program("token", LD_LIBRARY_PATH=str(tmp_path))
    ran.failed(FAILED, "a library for the network cannot be loaded", f"{tmp_path}/libcurl.so.4", "(on Debian: libcurl4)")


@late
@pytest.mark.parametrize("source, fault", [("int nothing;", "curl_easy_cleanup"), (OTHER_VERSION, "libcurl 7.87.0 is too old")])
def test_another_library_of_that_name_is_refused(world, program, tmp_path, source, fault):
    world.robot()
    subprocess.run(["cc", "-shared", "-w", "-x", "c", "-", "-o", tmp_path / "libcurl.so.4"], input=source, text=True, check=True)
    program("token", LD_LIBRARY_PATH=str(tmp_path)).failed(FAILED, fault, "install libcurl 7.88 or later")
