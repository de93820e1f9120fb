"""CPythons that no package is to be had of, from the distribution's source package: without the interpreter's lock (PEP 703), and
for musl. They build and try wheels; none of them is released."""

import os
import shutil

import sources
from targets import BUILD, TARGETS, environment, environment_of_tools, run, write_compiler

PYTHON = "python3.13"
FOLDER = BUILD / "pythons"
# Without its tests, and with what no test of ours needs left out by not being there.
CONFIGURE = ["--disable-test-modules", "--without-ensurepip"]


def make(name, source, log, env, options):
    folder, prefix = FOLDER / f"{name}-objects", FOLDER / name
    for old in (folder, prefix):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    run([source.folder / "configure", f"--prefix={prefix}", *CONFIGURE, *options], log, cwd=folder, env=env)
    run(["make", f"-j{os.cpu_count()}"], log, cwd=folder, env=env)
    run(["make", "install"], log, cwd=folder, env=env)
    shutil.rmtree(folder)


def built(name, version, act):
    """The interpreter below FOLDER/name, made by act() unless the same was made before."""
    python, stamp = FOLDER / name / "bin" / PYTHON, FOLDER / f"{name}.version"
    if not (python.exists() and stamp.exists() and stamp.read_text() == version):
        act()
        stamp.write_text(version)
    return python


def free_threaded():
    source = sources.fetch({PYTHON: True})[PYTHON]
    log = FOLDER / "3.13t.log"
    return built("3.13t", source.version, lambda: make("3.13t", source, log, environment_of_tools(FOLDER), ["--disable-gil"]))


def musl_host(target):
    """What configure scripts call it."""
    return f"--host={target.machine}-unknown-linux-musl"


def musl_libraries(target, fetched, log, env):
    """zlib and libffi, which zipimport and ctypes want."""
    prefix = FOLDER / f"{target.name}-root"
    for name, options in (("zlib", ["--static"]), ("libffi", ["--disable-shared", "--disable-docs", musl_host(target)])):
        folder = FOLDER / f"{name}-objects"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fetched[name].folder, folder, symlinks=True)
        if not (folder / "configure").exists():
            run(["autoreconf", "--install", "--force"], log, cwd=folder, env=env)
        run(["./configure", f"--prefix={prefix}", *options], log, cwd=folder, env=env)
        run(["make", "install"], log, cwd=folder, env=env)
        shutil.rmtree(folder)
    return prefix


def musl(target=TARGETS["musllinux-x86_64"]):
    """It runs by the loader of the package musl, which script/bootstrap packaging installs; one for another kind of machine is built
    with the one for this kind."""
    fetched = sources.fetch({PYTHON: True, "zlib": True, "libffi": True})
    log = FOLDER / f"{target.name}.log"
    write_compiler(target)
    env = environment(target) | {"CC": "moidc-cc", "CXX": "moidc-c++", "AR": "moidc-ar", "RANLIB": "moidc-ranlib",
                                 "CFLAGS": "-O1 -g0 -fPIC -fno-sanitize=all -Wno-date-time"}
    # CPython knows musl by a name that its stdarg.h sets, and zig's clang has its own: without it extensions would lack their suffix
    env["CPP"] = "moidc-cc -E -D__DEFINED_va_list"
    # zig's musl has them, older ones that serve musllinux_1_2 as well do not
    env |= {f"ac_cv_func_{name}": "no" for name in ("preadv2", "pwritev2", "statx")}
    options = []
    if target.machine != os.uname().machine:
        options = [musl_host(target), "--build=x86_64-pc-linux-gnu", f"--with-build-python={musl()}"]
        # what its configure cannot find out without running it
        env |= {"ac_cv_file__dev_ptmx": "yes", "ac_cv_file__dev_ptc": "no", "ac_cv_buggy_getaddrinfo": "no"}

    def act():
        root = musl_libraries(target, fetched, log, env)
        paths = {"CPPFLAGS": f"-I{root}/include", "LDFLAGS": f"-L{root}/lib", "PKG_CONFIG_LIBDIR": f"{root}/lib/pkgconfig"}
        make(target.name, fetched[PYTHON], log, env | paths, options)

    return built(target.name, "\n".join(source.version for source in fetched.values()), act)
