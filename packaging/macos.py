"""Compiles everything for macOS, to object files: nobody who works on this needs one to see that its compiler takes it."""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import sources as packages
from targets import BUILD, TOP, use_zig

MACHINES = ("aarch64", "x86_64")
# Debian's headers of what brew brings there; alone, since those of its C library lie beside them. toml++ is that of a newer
# Debian, as brew's is 3.4: this is where it is seen that both kinds of it compile.
HEADERS = ("curl", "openssl", "jansson.h", "jansson_config.h", "qrcodegen", f"python{sysconfig.get_python_version()}")
PLACES = (Path("/usr/include"), Path("/usr/include") / (sysconfig.get_config_var("MULTIARCH") or ""))
# meson.build's, and its warnings as errors.
FLAGS = ["-O1", "-D_GNU_SOURCE", "-DNDEBUG", "-DMOIDC_QR", "-fvisibility=hidden", "-fstack-protector-strong", "-fno-strict-overflow",
         "-fno-sanitize=all", "-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wformat=2", "-Wno-format-nonliteral", "-Wundef", "-Wpointer-arith", "-Werror"]
C_FLAGS = ["-std=gnu17", "-Wconversion", "-Wno-sign-conversion", "-Wstrict-prototypes", "-Wmissing-prototypes"]
LIMITED_API = "-DPy_LIMITED_API=0x030A0000"


def headers():
    """One folder for what the system's headers are mixed into."""
    folder = BUILD / "macos" / "include"
    shutil.rmtree(folder, ignore_errors=True)
    for name in HEADERS:
        found = [place / name for place in PLACES if (place / name).exists()]
        if not found:
            sys.exit(f"no header or folder {name} below {' or '.join(map(str, PLACES))}: script/bootstrap build installs it")
        for path in found:  # the same folder may have a part in each
            if path.is_dir():
                shutil.copytree(path, folder / name, dirs_exist_ok=True)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder)
    packages.foreign_root("amd64", ["libtomlplusplus-dev"], folder.parent / "newer")
    shutil.copytree(folder.parent / "newer/usr/include/toml++", folder / "toml++")
    return folder


def sources():
    for folder in ("src", "cli", "python/core"):
        yield from sorted(path for path in (TOP / folder).rglob("*.c*") if path.suffix in (".c", ".cpp"))


def compile_one(zig, include, machine, source):
    """What the compiler says against it, None: nothing."""
    name = str(source.relative_to(TOP))
    made = BUILD / "macos" / machine / f"{name.replace('/', '-')}.o"
    python = include / f"python{sysconfig.get_python_version()}"
    command = [zig, "c++", "-std=c++17"] if source.suffix == ".cpp" else [zig, "cc", *C_FLAGS]
    command += ["-target", f"{machine}-macos", *FLAGS, f"-I{TOP}/include", f"-I{TOP}/src", f"-I{TOP}/cli", "-isystem", include]
    if name.startswith("python/"):
        command += ["-isystem", python, LIMITED_API]
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(BUILD / "zig-cache"), "ZIG_LOCAL_CACHE_DIR": str(BUILD / "zig-cache")}
    done = subprocess.run([*command, "-c", source, "-o", made], capture_output=True, text=True, env=environment)
    if done.returncode == 0 and made.read_bytes()[:4] == b"\xcf\xfa\xed\xfe":
        return None
    return f"{name} for {machine}-macos:\n{done.stderr or 'no Mach-O file came out'}"


def check(_targets):
    zig, include = use_zig(), headers()
    for machine in MACHINES:
        (BUILD / "macos" / machine).mkdir(parents=True, exist_ok=True)
    work = [(zig, include, machine, source) for machine in MACHINES for source in sources()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(lambda words: compile_one(*words), work) if fault]
    print(*faults, sep="\n", file=sys.stderr)
    print(f"macos: {len(work) - len(faults)} passed, {len(faults)} failed")
    sys.exit(bool(faults))
