"""What wheels are made for, and the compiler that makes each: zig's clang with its own C libraries, old ones too."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("MOIDC_PACKAGING_BUILD", TOP / "build" / "packaging"))
DIST = BUILD / "dist"
TOOLS = TOP / "build" / "packaging-tools"  # beside BUILD, which the second of two builds has for itself
ZIG = TOOLS / "zig"  # a link: the compiler's own path must not tell where it was installed


@dataclasses.dataclass(frozen=True)
class Target:
    name: str
    zig: str  # the C library's version is its last part
    machine: str
    platform_tag: str
    openssl: str  # what OpenSSL's Configure calls it
    strip: str
    python_tag: str = "cp310-abi3"
    libraries: str = ""  # of another target, whose libraries are taken

    @property
    def folder(self):
        return BUILD / self.name

    @property
    def prefix(self):
        return BUILD / (self.libraries or self.name) / "root"

    @property
    def substitutes(self):
        """Names of objects, and of their sources here, that take the place of what the C++ library asks for and nobody needs."""
        return ["no_demangler", *(["no_libdl"] if "gnu" in self.zig else [])]  # with musl it is no library of its own

    def substitute(self, name):
        return self.prefix / "lib" / f"{name}.o"

    @property
    def tag(self):
        return f"{self.python_tag}-{self.platform_tag}"

    @property
    def is_abi3(self):
        return "-abi3" in self.python_tag

    @property
    def is_own(self):
        """What is built runs on this machine as it is."""
        return self.machine == os.uname().machine and "gnu" in self.zig


TARGETS = {
    target.name: target
    for target in (
        Target("manylinux-x86_64", "x86_64-linux-gnu.2.17", "x86_64",
               "manylinux2014_x86_64.manylinux_2_17_x86_64", "linux-x86_64", "x86_64-linux-gnu-strip"),
        Target("musllinux-x86_64", "x86_64-linux-musl", "x86_64",
               "musllinux_1_2_x86_64", "linux-x86_64", "x86_64-linux-gnu-strip"),
        Target("manylinux-aarch64", "aarch64-linux-gnu.2.17", "aarch64",
               "manylinux2014_aarch64.manylinux_2_17_aarch64", "linux-aarch64", "aarch64-linux-gnu-strip"),
        Target("musllinux-aarch64", "aarch64-linux-musl", "aarch64",
               "musllinux_1_2_aarch64", "linux-aarch64", "aarch64-linux-gnu-strip"),
    )
}

# CPython without the interpreter's lock has no limited API: a wheel of its own.
FREE_THREADED = dataclasses.replace(TARGETS["manylinux-x86_64"], name="free-threaded-x86_64", python_tag="cp313-cp313t",
                                    libraries="manylinux-x86_64")

# The same protections as meson.build has, for what is linked in.
PROTECTION = {
    "x86_64": ["-fcf-protection"],
    "aarch64": ["-mbranch-protection=standard"],
}
COMMON = [
    # zig adds its sanitizer where nothing is optimized, as in the checks of configure scripts
    "-fno-sanitize=all", "-g0", "-fPIC", "-ffunction-sections", "-fdata-sections", "-fvisibility=hidden",
    "-fstack-protector-strong", "-fstack-clash-protection",
]
FORTIFY = "-D_FORTIFY_SOURCE=2"


def library_flags(target):
    # nothing unwinds through C: without its tables the libraries are a tenth smaller. zig asks for them by -funwind-tables
    return ["-O2", *COMMON, *PROTECTION[target.machine], "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", FORTIFY]


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def use_zig():
    """The compiler, from the environment that script/packaging makes."""
    import ziglang

    if ZIG.resolve() != Path(ziglang.__file__).parent:
        ZIG.unlink(missing_ok=True)
        ZIG.symlink_to(Path(ziglang.__file__).parent)
    return ZIG / "zig"


def write_compiler(target):
    """cc, c++, ar and ranlib for the target, in a folder for PATH: OpenSSL notes down what its compiler was called."""
    folder = target.folder / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    zig = use_zig()
    dynamic = " -dynamic" if "musl" in target.zig else ""
    for name, command in (
        ("moidc-cc", f"cc -target {target.zig}{dynamic}"),
        ("moidc-c++", f"c++ -target {target.zig}{dynamic}"),
        ("moidc-ar", "ar"),
        ("moidc-ranlib", "ranlib"),
    ):
        write_program(folder / name, f'#!/bin/sh\nexec "{zig}" {command} "$@"\n')
    return folder


def environment(target):
    """The environment that all is built in: nothing of the caller's that could change what comes out."""
    kept = ("HOME", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy")
    kept += tuple(name for name in os.environ if name.startswith(("PIP_", "SSL_CERT", "REQUESTS_CA")))
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PATH": f"{target.folder / 'bin'}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(source_date()),
        "ZIG_GLOBAL_CACHE_DIR": str(BUILD / "zig-cache"),
        "ZIG_LOCAL_CACHE_DIR": str(BUILD / "zig-cache"),
    }


def environment_of_tools(folder):
    """For what is built with this machine's compiler and libraries."""
    foreign = ("CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"PATH": f"{folder}:{os.environ['PATH']}", "SOURCE_DATE_EPOCH": str(source_date()), "LC_ALL": "C.UTF-8",
                   "CCACHE_DISABLE": "1"}  # each build is to show by itself what comes out


def source_date():
    """SOURCE_DATE_EPOCH, else when the commit was made."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    return int(subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%ct"], check=True, capture_output=True).stdout)


def run(command, log, **options):
    """Runs a program, its output going to `log`; ends with the end of it if the program fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        output.write(f"$ {' '.join(map(str, command))}\n")
        output.flush()
        status = subprocess.run(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options
        ).returncode
    if status:
        print(*(line[:300] for line in log.read_text(errors="replace").splitlines()[-25:]), sep="\n", file=sys.stderr)
        sys.exit(f"{command[0]} ended with status {status}; all of it is in {log}")
