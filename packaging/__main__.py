"""usage: script/packaging [COMMAND [TARGET...]]; see there"""

import os
import shutil
import subprocess
import sys
import time

import deb
import foreign
import installed
import libraries
import macos
import sdist
import trials
import verify
import wheel
from targets import BUILD, DIST, FREE_THREADED, TARGETS, TOP, write_compiler


def timed(text, act, *arguments):
    print(f"==> {text}", flush=True)
    began = time.monotonic()
    result = act(*arguments)
    print(f"    ({time.monotonic() - began:.0f} s)", flush=True)
    return result


def make_libraries(targets):
    fetched = timed("Fetching the source packages", libraries.fetch)
    for name in dict.fromkeys(target.libraries or target.name for target in targets):
        write_compiler(TARGETS[name])
        timed(f"Libraries for {name}", libraries.build, TARGETS[name], fetched)
    return fetched


def own_first(targets):
    """The man page of each wheel is what the program writes: that of this machine is made too, and before those that do not run here."""
    own = [target for target in targets if target.is_own] or [target for target in TARGETS.values() if target.is_own]
    return [*own, *(target for target in targets if not target.is_own)]


def make_wheels(targets):
    targets = own_first(targets)
    fetched = make_libraries(targets)
    for target in targets:
        write_compiler(target)
        made = timed(f"Wheel for {target.name}", wheel.build, target, fetched)
        print(f"    {made.name}: {made.stat().st_size} bytes")


def make_sdist(_targets):
    timed("Source distribution", sdist.build)


def make_deb(targets):
    timed("Debian package of the program", deb.build, targets)


def make_all(targets):
    make_wheels(targets)
    make_sdist(targets)
    make_deb(targets)
    verify.check(targets)


def reproduce(targets):
    """Makes all once more, of a clone in another folder and with nothing of the first time, and compares."""
    clone = BUILD.parent / "packaging-again" / "clone"
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", TOP, clone], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "MOIDC_PACKAGING_BUILD"}
    subprocess.run([clone / "script/packaging", "all", *(target.name for target in targets)], env=environment, check=True)
    made = sorted((clone / "build/packaging/dist").iterdir())
    different = [file.name for file in made if not (DIST / file.name).exists() or (DIST / file.name).read_bytes() != file.read_bytes()]
    for name in different:
        print(f"{clone}/build/packaging/dist/{name} differs from that in {DIST}", file=sys.stderr)
    print(f"reproduce: {len(made) - len(different)} passed, {len(different)} failed")
    sys.exit(bool(different))


COMMANDS = {
    "all": make_all,
    "libraries": make_libraries,
    "wheel": make_wheels,
    "sdist": make_sdist,
    "sdist-test": sdist.test,
    "deb": make_deb,
    "check": verify.check,
    "macos": macos.check,
    "test": installed.test,
    "free-threaded": trials.free_threaded,
    "musl": trials.musl,
    "aarch64": foreign.aarch64,
    "reproduce": reproduce,
}


def main(words):
    command, *names = words or ["all"]
    names = list(TARGETS) if names == ["all"] else names or ["manylinux-x86_64"]
    known = TARGETS | {FREE_THREADED.name: FREE_THREADED}
    if command not in COMMANDS or not set(names) <= set(known):
        sys.exit(f"usage: script/packaging [{'|'.join(COMMANDS)} [{'|'.join(known)}|all]]")
    BUILD.mkdir(parents=True, exist_ok=True)
    COMMANDS[command]([known[name] for name in names])


if __name__ == "__main__":
    main(sys.argv[1:])
