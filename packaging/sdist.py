"""The source distribution: what is committed, as meson-python packs it. It builds with the system's libraries."""

import gzip
import subprocess
import sys

import wheel
from targets import DIST, TOP, environment_of_tools, source_date


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
