"""The source distribution: what is committed, as meson-python packs it. It builds with the system's libraries."""

import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile

import installed
import sbom
import verify
import wheel
from targets import BUILD, DIST, TOP, environment_of_tools, source_date

LOOK = """
import importlib.metadata, sys
import mlflow_oidc_client as ours
from mlflow_oidc_client import _core
found = importlib.metadata.version("mlflow-oidc-client"), ours.__version__, _core.__version__
assert set(found) == {sys.argv[1]}, found
assert _core.__file__.startswith(sys.prefix), _core.__file__
assert _core.server_at("http://127.0.0.1:9") is None
"""


def build():
    dirty = subprocess.run(["git", "-C", TOP, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
    if dirty:
        print("    what is not committed is not in it", flush=True)
    python = wheel.builder() / "bin/python"
    DIST.mkdir(parents=True, exist_ok=True)
    for old in DIST.glob("*.tar.gz"):
        old.unlink()
    done = subprocess.run([python, "-c", f"import mesonpy; mesonpy.build_sdist({str(DIST)!r})"], cwd=TOP, capture_output=True, text=True,
                          env=environment_of_tools(python.parent))
    if done.returncode:
        sys.exit(f"meson-python makes no sdist: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    made, = DIST.glob("*.tar.gz")
    # packed anew without the time and the name that gzip would note down
    plain = gzip.decompress(made.read_bytes())
    made.write_bytes(gzip.compress(plain, 9, mtime=source_date()))
    print(f"    {made.name}: {made.stat().st_size} bytes", flush=True)
    return made


def blob(data):
    """What git calls a file with these contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def packed_files(made):
    """{path: blob} of the archive, less the one folder that all is in."""
    top = made.name.removesuffix(".tar.gz") + "/"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made.read_bytes()))) as archive:
        return {member.name.removeprefix(top): blob(archive.extractfile(member).read()) for member in archive if not member.isdir()}


def committed_files():
    listed = subprocess.run(["git", "-C", TOP, "ls-tree", "-r", "-z", "HEAD"], check=True, capture_output=True, text=True).stdout
    return {line.partition("\t")[2]: line.split()[2] for line in listed.split("\0") if line}


def content_faults(made):
    """It holds what is committed, as it is, and what a package index wants to know."""
    packed, committed = packed_files(made), committed_files()
    if packed.pop("PKG-INFO", None) is None:
        yield "no PKG-INFO"
    yield from (f"{name} is not in it" for name in sorted(committed.keys() - packed.keys()))
    yield from (f"{name} is not committed" for name in sorted(packed.keys() - committed.keys()))
    yield from (f"{name} is not as it is committed" for name in sorted(committed.keys() & packed.keys()) if committed[name] != packed[name])


def install(made):
    """As README.md says it, into an environment with nothing in it; and away again."""
    venv = BUILD / "installed" / "sdist"
    shutil.rmtree(venv, ignore_errors=True)
    installed.succeed(sys.executable, "-m", "venv", venv)
    before = installed.files_of(venv)
    installed.pip(venv, "install", "-q", made)
    version = sbom.project_version()
    installed.succeed(venv / "bin/python", "-c", LOOK, version, cwd=BUILD)
    said = installed.succeed(venv / "bin/mlflow-oidc", "--version")
    if version not in said.split():
        yield f"the program says {said}"
    installed.pip(venv, "uninstall", "-q", "-y", "mlflow-oidc-client")
    left = installed.files_of(venv) - before
    if left:
        yield f"left behind by uninstalling: {sorted(left)}"


def test(_targets):
    """Builds it and looks at it as a user's pip does."""
    made = build()
    status, said = verify.tool("twine", "check", "--strict", made)
    looks = {
        "what is in it": list(content_faults(made)),
        "twine": [said] if status else [],
        "installed": list(install(made)),
    }
    for name, faults in looks.items():
        print(f"    {name}: {'; '.join(faults) or 'as it should be'}", flush=True)
    failed = sum(bool(faults) for faults in looks.values())
    print(f"sdist: {len(looks) - failed} passed, {failed} failed")
    sys.exit(bool(failed))
