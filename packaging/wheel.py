"""The wheels: built by meson-python with zig, then stripped, tagged, and given the list and licences of what is in them."""

import base64
import functools
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import late
import pythons as made_pythons
import sbom
from targets import BUILD, COMMON, DIST, PROTECTION, TOOLS, TOP, environment, run, source_date

PROGRAM = ".data/scripts/mlflow-oidc"
MAN_PAGE = "data/data/share/man/man1/mlflow-oidc.1"


@functools.cache
def versions_module():
    """tests/versions knows where Pythons are."""
    spec = importlib.util.spec_from_file_location("versions", TOP / "tests/versions/__main__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["versions"] = module
    spec.loader.exec_module(module)
    return module


def pythons():
    """{"3.11": (path, "3.11.2")} of the CPythons that are there."""
    return versions_module().find_pythons()


def oldest_python():
    """(path, "3.11"): of those that there are. The code asks for the limited API of 3.10, whichever it is; later ones give other bytes."""
    version = min(pythons(), key=lambda text: [int(part) for part in text.split(".")])
    return pythons()[version][0], version


def builder(python=sys.executable, name="any"):
    """An environment with meson-python in it."""
    folder = TOOLS / f"builder-{name}"
    if not (folder / "bin/python").exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-q", "-r",
                    TOP / "packaging/requirements-build.txt"], check=True)
    return folder


def python_headers(target, python):
    """The folder with Debian's own half of Python's headers, which <Python.h> looks for beside the C library's; none elsewhere."""
    command = "from sysconfig import *; print(get_config_var('MULTIARCH') or '', get_path('include'), sep='\\n')"
    multiarch, include = subprocess.run([python, "-c", command], check=True, capture_output=True, text=True).stdout.splitlines()
    half = Path(include).parent / multiarch / Path(include).name
    if not multiarch or not half.is_dir():
        return []
    folder = target.folder / "python-headers"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / f"{target.machine}-linux-gnu").mkdir(parents=True)
    (folder / f"{target.machine}-linux-gnu" / half.name).symlink_to(half)
    return ["-isystem", str(folder)]


def array(words):
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def write_cross_file(target, python):
    """What meson is told of the target. It takes every target for a foreign one, so that nothing of this machine gets in."""
    maps = [f"-ffile-prefix-map={TOP}=.", f"-ffile-prefix-map={BUILD}=build"]
    flags = [*COMMON, *PROTECTION[target.machine], *maps, *python_headers(target, python)]
    # zig has set it to none
    hardened = ["-U_LIBCPP_HARDENING_MODE", "-D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST"]
    linked = ["-Wl,--gc-sections", *(str(target.substitute(name)) for name in target.substitutes)]
    tool = target.folder / "bin"
    path = target.folder / "cross.ini"
    path.write_text(f"""[binaries]
c = '{tool}/moidc-cc'
cpp = '{tool}/moidc-c++'
ar = '{tool}/moidc-ar'
pkg-config = 'pkg-config'
python = '{python}'
[built-in options]
c_args = {array(flags)}
cpp_args = {array([*flags, *hardened, "-isystem", str(target.prefix / "include")])}
c_link_args = {array(linked)}
cpp_link_args = {array(linked)}
[properties]
pkg_config_libdir = '{target.prefix}/lib/pkgconfig'
needs_exe_wrapper = {"false" if target.is_own else "true"}
[host_machine]
system = 'linux'
cpu_family = '{target.machine}'
cpu = '{target.machine}'
endian = 'little'
""")
    return path


def build_plain(target, log):
    """The wheel as meson-python makes it."""
    if target.is_abi3:
        python, options = builder(*oldest_python()) / "bin/python", []
    else:
        python, options = builder(made_pythons.free_threaded(), "3.13t") / "bin/python", ["-Dpython.allow_limited_api=false"]
    cross = write_cross_file(target, python)
    made, objects = target.folder / "plain", target.folder / "meson"
    for folder in (made, objects):
        shutil.rmtree(folder, ignore_errors=True)
    env = environment(target)
    env["PATH"] = f"{python.parent}:{env['PATH']}"
    run([python, "-m", "pip", "--disable-pip-version-check", "wheel", ".", "--no-deps", "--no-build-isolation",
         "--wheel-dir", made, f"--config-settings=setup-args=--cross-file={cross}",
         *(f"--config-settings=setup-args={option}" for option in options), f"--config-settings=build-dir={objects}"],
        log, cwd=TOP, env=env)
    wheel, = made.iterdir()
    return wheel


def strip(target, data):
    file = target.folder / "stripped"
    file.write_bytes(data)
    subprocess.run([target.strip, "--strip-all", file], check=True)
    return file.read_bytes()


def record(files, name):
    digest = lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()  # noqa: E731
    lines = [f"{path},sha256={digest(data)},{len(data)}" for path, (data, _) in sorted(files.items())]
    return "\n".join([*lines, f"{name},,", ""]).encode()


def pack(path, files):
    """A zip whose bytes follow from the files: sorted, one time stamp."""
    date = time.gmtime(max(source_date(), 315532800))[:6]  # a zip knows nothing before 1980
    with zipfile.ZipFile(path, "w") as archive:
        for name, (data, mode) in sorted(files.items(), key=lambda item: (".dist-info/" in item[0], item[0])):
            entry = zipfile.ZipInfo(name, date)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, (0o100000 | mode) << 16
            archive.writestr(entry, data, compresslevel=9)


def finish(target, plain, fetched):
    """Strips, tags and completes what meson-python made."""
    name, version, tag = plain.stem.split("-", 2)
    if ("-abi3-" in tag) != target.is_abi3:
        sys.exit(f"{plain.name} is not {target.python_tag}")
    information = f"{name}-{version}.dist-info"
    files = {}
    with zipfile.ZipFile(plain) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                data = archive.read(entry)
                if data.startswith(b"\x7fELF"):
                    finish_tables = late.postpone if entry.filename.endswith(PROGRAM) else late.leave
                    data = finish_tables(strip(target, data))
                files[entry.filename] = data, 0o755 if (entry.external_attr >> 16) & 0o100 else 0o644
    about = files[f"{information}/WHEEL"][0].decode()
    tags = [f"Tag: {target.python_tag}-{platform}" for platform in target.platform_tag.split(".")]
    kept = [line for line in about.splitlines() if line and not line.startswith("Tag:")]
    files[f"{information}/WHEEL"] = "\n".join([*kept, *tags, ""]).encode(), 0o644
    files[f"{information}/sboms/mlflow-oidc-client.cdx.json"] = sbom.document(fetched, target), 0o644
    for file, text in sbom.licences(fetched).items():
        files[f"{information}/licenses/{file}"] = text, 0o644
    add_man_page(files, f"{name}-{version}.{MAN_PAGE}")
    del files[f"{information}/RECORD"]
    files[f"{information}/RECORD"] = record(files, f"{information}/RECORD"), 0o644
    DIST.mkdir(parents=True, exist_ok=True)
    for old in DIST.glob(f"{name}-*-{target.tag}.whl"):
        old.unlink()
    done = DIST / f"{name}-{version}-{target.tag}.whl"
    pack(done, files)
    return done


def add_man_page(files, name):
    """The program writes it; where that does not run here, it is that of the wheel that runs, which was made before."""
    page = BUILD / "mlflow-oidc.1"
    if name in files:
        page.write_bytes(files[name][0])
    else:
        files[name] = page.read_bytes(), 0o644


def build(target, fetched):
    log = target.folder / "wheel.log"
    log.unlink(missing_ok=True)
    return finish(target, build_plain(target, log), fetched)


def built_files(target):
    """The extension and the program, not stripped: what script/check looks at."""
    return [*Path(target.folder / "meson/python").glob("_core*.so"), target.folder / "meson/cli/mlflow-oidc"]
