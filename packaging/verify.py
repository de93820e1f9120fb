"""Looks at the artifacts as a stranger would: what each says of itself, and what it really holds."""

import json
import os
import re
import subprocess
import sys
import zipfile

import late
import wheel
from targets import BUILD, DIST, TOOLS, TOP

MOST_BYTES = 4_000_000


def tool(*words):
    done = subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def dynamic_section(file):
    return subprocess.run(["readelf", "-dW", file], check=True, capture_output=True, text=True).stdout


def platform_fault(path, target):
    """What auditwheel finds it consistent with: the tag in the name promises no more."""
    if "musl" in target.zig:
        # auditwheel would read this machine's libc.so, which is a text; musl's linker takes that name for itself
        needed = {name for file in wheel.built_files(target) for name in re.findall(r"NEEDED.*\[(.+?)\]", dynamic_section(file))}
        return f"needs {sorted(needed)}" if needed != {"libc.so"} else None
    status, said = tool("auditwheel", "show", path)
    said = " ".join(said.split())
    named = re.search(r'consistent with the following platform tag: "(\S+?)"', said)
    if status or named is None:
        return f"auditwheel says: {said[-300:]}"
    print(f"    auditwheel: {named.group(1)}")
    if named.group(1) not in target.platform_tag.split("."):
        return f"auditwheel calls it {named.group(1)}, its name {target.platform_tag}"
    return None


def abi_fault(path):
    status, said = tool("abi3audit", "--strict", "--report", path)
    return f"abi3audit: {said[-400:]}" if status or '"is_abi3": true' not in said.replace('"is_abi3":true', '"is_abi3": true') else None


def content_faults(path):
    """Two native files and no library beside them; nothing of the machine that made them."""
    traces = [str(TOP).encode(), str(BUILD).encode(), b"/.pyenv/"]
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    native = sorted(name for name, data in files.items() if data.startswith(b"\x7fELF"))
    if len(native) != 2 or not native[0].endswith(wheel.PROGRAM) or not re.search(r"/_core\.(abi3|cpython-\w+-[\w-]+)\.so$", native[1]):
        yield f"native files: {native}"
    for name in native:
        fault = late.fault(files[name], name.endswith(wheel.PROGRAM))
        if fault:
            yield f"{name}: {fault}"
    for name, data in files.items():
        yield from (f"{name} holds {trace.decode()}" for trace in traces if trace in data)
    requirements = re.findall(rb"^Requires-Dist: .+", b"".join(data for name, data in files.items() if name.endswith("/METADATA")), re.M)
    if requirements:
        yield f"needs {requirements}"
    boms = [json.loads(data) for name, data in files.items() if name.endswith(".cdx.json")]
    if len(boms) != 1 or len(boms[0]["components"]) < 7:
        yield "the list of what is in it is missing or short"
    else:
        texts = {name.rpartition("/")[2] for name in files if "/licenses/" in name}
        yield from (f"no licence of {part['name']}" for part in boms[0]["components"] if f"{part['name']}.txt" not in texts)
    if path.stat().st_size >= MOST_BYTES:
        yield f"{path.stat().st_size} bytes, {MOST_BYTES} are too many"


def check_wheel(target):
    found = list(DIST.glob(f"*-{target.tag}.whl"))
    if len(found) != 1:
        return [f"{target.name}: {len(found)} wheels in {DIST}"]
    path, = found
    print(f"{path.name}: {path.stat().st_size} bytes", flush=True)
    faults = [platform_fault(path, target), abi_fault(path) if target.is_abi3 else None, *content_faults(path)]
    status, said = tool("twine", "check", "--strict", path)
    faults.append(f"twine: {said}" if status else None)
    env = os.environ | {"PATH": f"{TOOLS}/bin:{os.environ['PATH']}"}
    done = subprocess.run([TOP / "script/check", *wheel.built_files(target)], env=env, capture_output=True, text=True)
    faults += [f"script/check: {line}" for line in done.stderr.splitlines()]
    return [f"{path.name}: {fault}" for fault in faults if fault]


def check(targets):
    """Those that were built; ends with status 1 if there is a fault."""
    results = [check_wheel(target) for target in targets]
    faults = [fault for result in results for fault in result]
    print(*faults, sep="\n", file=sys.stderr)
    failed = sum(bool(result) for result in results)
    print(f"packaging: {len(results) - failed} passed, {failed} failed")
    if failed:
        sys.exit(1)
