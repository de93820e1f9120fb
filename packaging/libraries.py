"""libcurl, OpenSSL, jansson and qrcodegen as archives, with no more in them than is used."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import sources
import targets
from targets import FORTIFY, library_flags, run

# of qrcodegen a C file is taken as it comes: Debian's patches are about building it
WANTED = {"openssl": False, "curl": False, "jansson": False, "qr-code-generator": True}

# TLS 1.2 and 1.3 with what certificates and servers use; no configuration file, no modules, nothing that is loaded later.
# Without its error texts, which take 0.2 ms to load: src/io/transfer_words.c has those that a client meets.
OPENSSL_WITHOUT = """
    shared module dso engine static-engine legacy tests apps docs autoload-config ui-console filenames
    dtls quic comp cmp cms ct srp srtp ts rfc3779 ocsp psk http nextprotoneg multiblock
    tls1 tls1_1 tls-deprecated-ec weak-ssl-ciphers thread-pool default-thread-pool
    gost aria bf blake2 camellia cast des dsa idea md4 mdc2 rc2 rc4 rc5 rmd160 scrypt argon2 seed siphash siv
    sm2 sm3 sm4 whirlpool ocb ec2m ml-dsa slh-dsa err async
""".split()

# HTTP and HTTPS with proxies. Certificates are always named to it; it looks for none.
CURL_WITHOUT = """
    zlib brotli zstd libpsl libgsasl librtmp libidn2 nghttp2 ngtcp2 nghttp3 libssh2 ca-bundle ca-path ca-fallback
""".split()
CURL_DISABLED = """
    shared dependency-tracking ares httpsrr ech ftp file ipfs ldap ldaps rtsp dict telnet tftp pop3 imap smb smtp gopher mqtt
    manual docs openssl-auto-load-config versioned-symbols kerberos-auth negotiate-auth aws ntlm tls-srp unix-sockets
    cookies doh mime form-api netrc progress-meter dnsshuffle get-easy-options alt-svc headers-api hsts websockets
    libcurl-option
""".split()

HERE = targets.TOP / "packaging"
RELOCATED_LATE = HERE / "relocated_late.h"


def environment(target):
    """No date: OpenSSL notes it down, and the libraries of two commits are to be the same."""
    return targets.environment(target) | {"SOURCE_DATE_EPOCH": "0"}


def network_environment(target):
    """For libcurl and OpenSSL, whose tables are relocated when they are first needed (late.py). The compiler keeps its name and its flags:
    OpenSSL notes them down, and nothing of this machine is to be among them."""
    env = environment(target)
    folder = target.folder / "bin-relocated-late"
    folder.mkdir(parents=True, exist_ok=True)
    targets.write_program(folder / "moidc-cc", f'#!/bin/sh\nexec "{target.folder}/bin/moidc-cc" -include "{RELOCATED_LATE}" "$@"\n')
    return env | {"CC": "moidc-cc", "AR": "moidc-ar", "RANLIB": "moidc-ranlib", "PATH": f"{folder}:{env['PATH']}"}


def install(target, archives, headers, into="."):
    """Copies archives and headers below the target's prefix."""
    for folder, files in (("lib", archives), (f"include/{into}", headers)):
        place = target.prefix / folder
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, place)


def describe(target, name, version, libraries, requires=""):
    """A .pc file that stays true wherever the folder is."""
    folder = target.prefix / "lib" / "pkgconfig"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pc").write_text(
        f"prefix=${{pcfiledir}}/../..\nName: {name}\nDescription: {name}\nVersion: {version}\nRequires: {requires}\n"
        f"Libs: -L${{prefix}}/lib {libraries}\nCflags: -I${{prefix}}/include\n"
    )


def build_openssl(target, source, log):
    folder = target.folder / "openssl"
    folder.mkdir(parents=True)
    env = network_environment(target) | {"CFLAGS": " ".join(library_flags(target))}
    configure = Path("../../sources/openssl/Configure")  # relative: it stands in what is built
    run(["perl", configure, target.openssl, "--prefix=/nonexistent", "--libdir=lib", "--openssldir=/nonexistent",
         "--with-rand-seed=os", *(f"no-{word}" for word in OPENSSL_WITHOUT)], log, cwd=folder, env=env)
    if target.machine == "x86_64":
        # 670 KB of AES-GCM for AVX-512, which the script that writes it leaves out for an assembler before 2.30
        run(["make", "CC=echo GNU assembler version 2.29 #", "crypto/modes/aes-gcm-avx512.s"], log, cwd=folder, env=env)
    run(["make", f"-j{os.cpu_count()}", "build_libs"], log, cwd=folder, env=env)
    archives = [folder / "libssl.a", folder / "libcrypto.a"]
    headers = [*source.folder.glob("include/openssl/*.h"), *folder.glob("include/openssl/*.h")]
    install(target, archives, headers, "openssl")
    describe(target, "libcrypto", source.upstream, "-lcrypto -pthread")
    describe(target, "libssl", source.upstream, "-lssl", "libcrypto")


def build_curl(target, source, log):
    folder = target.folder / "curl"
    folder.mkdir(parents=True)
    env = network_environment(target) | {"CPPFLAGS": FORTIFY}
    env |= {"CFLAGS": " ".join(flag for flag in library_flags(target) if flag != FORTIFY), "PKG_CONFIG_LIBDIR": "/nonexistent"}
    run(["../../sources/curl/configure", f"--host={target.machine}-unknown-linux-gnu", "--build=x86_64-pc-linux-gnu",
         "--prefix=/nonexistent", f"--with-openssl={target.prefix}", "--with-pic", "--enable-threaded-resolver",
         *(f"--without-{word}" for word in CURL_WITHOUT), *(f"--disable-{word}" for word in CURL_DISABLED)],
        log, cwd=folder, env=env)
    run(["make", f"-j{os.cpu_count()}", "-C", "lib"], log, cwd=folder, env=env)
    install(target, [folder / "lib/.libs/libcurl.a"], source.folder.glob("include/curl/*.h"), "curl")
    describe(target, "libcurl", source.upstream, "-lcurl", "libssl libcrypto")


def build_jansson(target, source, log):
    folder = target.folder / "jansson"
    folder.mkdir(parents=True)
    env = environment(target)
    tool = target.folder / "bin"
    # its CMakeLists.txt is written for CMake 3.1, which CMake 4 takes only when told to
    run(["cmake", source.folder, "-DCMAKE_POLICY_VERSION_MINIMUM=3.5",
         "-DCMAKE_SYSTEM_NAME=Linux", f"-DCMAKE_SYSTEM_PROCESSOR={target.machine}",
         f"-DCMAKE_C_COMPILER={tool}/moidc-cc", f"-DCMAKE_AR={tool}/moidc-ar", f"-DCMAKE_RANLIB={tool}/moidc-ranlib",
         "-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_C_FLAGS={' '.join(library_flags(target))}", "-DJANSSON_BUILD_DOCS=OFF",
         "-DJANSSON_EXAMPLES=OFF", "-DJANSSON_WITHOUT_TESTS=ON"], log, cwd=folder, env=env)
    run(["make"], log, cwd=folder, env=env)
    install(target, [folder / "lib/libjansson.a"], [*folder.glob("include/jansson*.h")])
    describe(target, "jansson", source.upstream, "-ljansson")


def build_qrcodegen(target, source, log):
    folder = target.folder / "qrcodegen"
    folder.mkdir(parents=True)
    env = environment(target)
    run(["moidc-cc", *library_flags(target), "-c", source.folder / "c/qrcodegen.c", "-o", "qrcodegen.o"], log, cwd=folder, env=env)
    run(["moidc-ar", "rcsD", "libqrcodegen.a", "qrcodegen.o"], log, cwd=folder, env=env)
    install(target, [folder / "libqrcodegen.a"], [source.folder / "c/qrcodegen.h"], "qrcodegen")
    describe(target, "qrcodegen", source.upstream, "-lqrcodegen")


def build_substitutes(target, log):
    for name in target.substitutes:
        run(["moidc-cc", *library_flags(target), "-c", HERE / f"{name}.c", "-o", target.substitute(name)], log, env=environment(target))


def copy_tomlplusplus(target):
    """Headers alone, from the machine's package: the one that all tests ran with, as the shim knows its inside."""
    shutil.copytree("/usr/include/toml++", target.prefix / "include/toml++", dirs_exist_ok=True)


def build(target, fetched):
    """All of them, unless the same were built before."""
    stamp = target.prefix / "made-of.json"
    made_of = json.dumps([fetched[name].version for name in WANTED] + library_flags(target) + OPENSSL_WITHOUT + CURL_WITHOUT +
                         CURL_DISABLED + [RELOCATED_LATE.read_text()] + [(HERE / f"{name}.c").read_text() for name in target.substitutes])
    if stamp.exists() and stamp.read_text() == made_of:
        return
    for name in ("root", "openssl", "curl", "jansson", "qrcodegen"):
        shutil.rmtree(target.folder / name, ignore_errors=True)
    log = target.folder / "libraries.log"
    log.unlink(missing_ok=True)
    build_openssl(target, fetched["openssl"], log)
    build_curl(target, fetched["curl"], log)
    build_jansson(target, fetched["jansson"], log)
    build_qrcodegen(target, fetched["qr-code-generator"], log)
    build_substitutes(target, log)
    copy_tomlplusplus(target)
    stamp.write_text(made_of)


def tomlplusplus_version():
    asked = ["dpkg-query", "-W", "-f", "${Version}", "libtomlplusplus-dev"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def fetch():
    return sources.fetch(WANTED)
