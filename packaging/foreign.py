"""The aarch64 wheels, on a machine of another kind: the functional tests with Python and program run by qemu."""

import subprocess
import sys

import installed
import pythons
import sources
import trials
from targets import BUILD, TARGETS, TOP, environment, write_compiler, write_program

# Debian's CPython for arm64, with what it loads; and the loader of musl, which lies beside that of glibc.
PACKAGES = ["libc6", "libgcc-s1", "libexpat1", "libffi8", "libssl3t64", "libuuid1", "libzstd1", "zlib1g", "libpython3.13-minimal",
            "libpython3.13-stdlib", "python3.13-minimal", "musl"]
FUNCTIONAL = ["test_client_credentials.py", *(f"test_program_sign_in.py::test_{name}" for name in (
    "over_tls_a_token_is_fetched_once_and_answered_from_the_cache", "over_tls_an_authority_that_nobody_named_is_refused",
    "login_of_a_client_with_a_secret_needs_nobody", "config_shows_every_setting_where_it_came_from_and_no_secret"))]
FUNCTIONAL += ["-n", "1"]  # each worker imports MLflow once, which takes a minute
CLOCK = "import pathlib, shared_object, sys; print(shared_object.built('clock_shift', pathlib.Path(sys.argv[1])))"


def clock(target, folder):
    """The tests' clock for that machine, to be preloaded there."""
    env = environment(target) | {"CC": "moidc-cc -fno-sanitize=all", "PYTHONDONTWRITEBYTECODE": "1"}
    return installed.succeed(sys.executable, "-c", CLOCK, folder, cwd=TOP / "tests/functional", env=env).strip()


def commands(target, root, python, folder):
    """bin/python and bin/mlflow-oidc, as in an environment of this machine. sys.executable is what can be started here."""
    preloaded = clock(target, folder)
    for name, program in (("python", python), ("mlflow-oidc", folder / "packages/bin/mlflow-oidc")):
        write_program(folder / "bin" / name, f"""#!/bin/sh
unset LD_PRELOAD
exec qemu-aarch64 -L {root} -E LD_PRELOAD={preloaded} -E PYTHONPATH={folder}/packages -0 "$0" {program} "$@"
""")


def compile_python(*folders):
    """With the CPython of the same version for this machine: under qemu it would take minutes."""
    subprocess.run([pythons.musl(), "-m", "compileall", "-q", *folders], stdout=subprocess.DEVNULL)  # templates are not to compile


def trial(target, root, python, more_platforms):
    built = trials.wheel_for(target)
    folder = trials.empty_folder(target.name)
    (folder / "bin").mkdir()
    write_compiler(target)
    trials.install_without_its_pip(folder / "packages", built, *target.platform_tag.split("."), *more_platforms)
    compile_python(folder / "packages")
    commands(target, root, python, folder)
    version = built.name.split("-")[1]
    installed.succeed(folder / "bin/python", "-c", installed.LOOK, version)
    said = installed.succeed(folder / "bin/mlflow-oidc", "--version")
    print(f"    {built.name}: loaded, the program runs: {said.strip()}", flush=True)
    return installed.functional(folder, *FUNCTIONAL) == 0


def aarch64(_targets):
    root = BUILD / "aarch64-root"
    sources.foreign_root("arm64", PACKAGES, root)
    compile_python(root / "usr/lib" / pythons.PYTHON)
    glibc, musl = TARGETS["manylinux-aarch64"], TARGETS["musllinux-aarch64"]
    passed = [
        trial(glibc, root, root / "usr/bin" / pythons.PYTHON, ["manylinux_2_28_aarch64"]),
        trial(musl, root, pythons.musl(musl), ["musllinux_1_1_aarch64"]),
    ]
    print(f"aarch64: {sum(passed)} passed, {len(passed) - sum(passed)} failed")
    sys.exit(not all(passed))
