"""What is linked into the wheels, as a CycloneDX 1.6 document, and the licences' texts."""

import json
import re
import uuid
from pathlib import Path

import libraries
from targets import TOP, ZIG

# name -> who makes it, the licence, the name by which its faults are listed (CPE), and where the licence's text is
LINKED = {
    "openssl": ("OpenSSL", "Apache-2.0", "openssl:openssl", "LICENSE.txt"),
    "curl": ("Daniel Stenberg and contributors", "curl", "haxx:curl", "COPYING"),
    "jansson": ("Petri Lehtinen", "MIT", "jansson_project:jansson", "LICENSE"),
    "qr-code-generator": ("Project Nayuki", "MIT", None, "c/qrcodegen.h"),
}
# Of zig: libc++, libc++abi and libunwind of the LLVM that it carries, and its own answer to compiler-rt.
LLVM_LICENCE = "Apache-2.0 WITH LLVM-exception"
LLVM_TEXT = "lib/libcxx/LICENSE.TXT"
LLVM_VERSION = "lib/libcxx/include/__config"
TOML_TEXT = Path("/usr/share/doc/libtomlplusplus-dev/copyright")


def project_version():
    return re.search(r'^version = "(.+)"', (TOP / "pyproject.toml").read_text(), re.M).group(1)


def zig_version():
    return re.search(r"ziglang==(\S+)", (TOP / "packaging/requirements.txt").read_text()).group(1)


def llvm_version():
    """libc++'s own word: 220108 is 22.1.8."""
    number = int(re.search(r"define _LIBCPP_VERSION (\d+)", (ZIG / LLVM_VERSION).read_text()).group(1))
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def licence_of(identifier):
    return [{"expression": identifier}] if " " in identifier else [{"license": {"id": identifier}}]


def component(name, version, maker, licence, purl, **more):
    return {"type": "library", "bom-ref": purl, "supplier": {"name": maker}, "name": name, "version": version,
            "licenses": licence_of(licence), "purl": purl, **more}


def components(fetched):
    found = []
    for name, (maker, licence, product, _) in LINKED.items():
        source = fetched[name]
        more = {"cpe": f"cpe:2.3:a:{product}:{source.upstream}:*:*:*:*:*:*:*"} if product else {}
        purl = f"pkg:deb/debian/{name}@{source.version.replace('+', '%2B').replace('~', '%7E')}?arch=source"
        reference = {"type": "source-distribution", "url": f"https://tracker.debian.org/pkg/{name}",
                     "hashes": [{"alg": "SHA-256", "content": source.sha256}], "comment": source.archive}
        found.append(component(name, source.upstream, maker, licence, purl, externalReferences=[reference],
                               properties=[{"name": "debian:version", "value": source.version}], **more))
    toml = libraries.tomlplusplus_version()
    found.append(component("tomlplusplus", toml.partition("+")[0], "Mark Gillard", "MIT",
                           f"pkg:deb/debian/tomlplusplus@{toml.replace('+', '%2B')}?arch=source"))
    zig = f"pkg:pypi/ziglang@{zig_version()}"
    found.append(component("llvm-libcxx", llvm_version(), "LLVM Project", LLVM_LICENCE, f"{zig}#lib/libcxx",
                           description=f"libc++, libc++abi and libunwind, as zig {zig_version()} carries them"))
    found.append(component("zig-compiler-rt", zig_version(), "Zig contributors", "MIT", zig,
                           description="what the compiler calls for what a processor has no instruction for"))
    return found


def document(fetched, target):
    """The same bytes for the same contents: no time, and a serial number that follows from them."""
    ours = f"pkg:pypi/mlflow-oidc-client@{project_version()}"
    parts = components(fetched)
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "library", "bom-ref": ours, "name": "mlflow-oidc-client", "version": project_version(),
                          "licenses": licence_of("MIT"), "purl": ours},
            "properties": [{"name": "target", "value": target.name}],
        },
        "components": parts,
        "dependencies": [{"ref": ours, "dependsOn": [part["bom-ref"] for part in parts]},
                         *({"ref": part["bom-ref"]} for part in parts)],
    }
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))}"
    return (json.dumps(bom, indent=2) + "\n").encode()


def licences(fetched):
    """{file name: text} of all that is linked in."""
    texts = {f"{name}.txt": (fetched[name].folder / text).read_bytes() for name, (*_, text) in LINKED.items()}
    # of a header the comment on top, which is the licence
    texts["qr-code-generator.txt"] = texts["qr-code-generator.txt"].partition(b"*/")[0] + b"*/\n"
    texts["llvm-libcxx.txt"] = (ZIG / LLVM_TEXT).read_bytes()
    texts["zig-compiler-rt.txt"] = (ZIG / "LICENSE").read_bytes()
    texts["tomlplusplus.txt"] = TOML_TEXT.read_bytes()
    return texts
