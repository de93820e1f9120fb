"""Where the time of `mlflow-oidc token` goes, beside the C program: perf's samples of some hundred runs of each."""

import collections
import re
import shutil
import subprocess
from pathlib import Path

from parts.world import run, table

RUNS, HERTZ = 200, 20000
PLACES = ("the kernel", "dynamic linker: asking the processor", "dynamic linker: the rest", "libc", "the program's own code")
ASKS_PROCESSOR = re.compile(r"intel|cpu|get_common|update_active|cache_info")  # a hypervisor answers, which takes long


def place_of(symbol, file, command):
    if file.startswith(("[kernel", "[guest")):
        return PLACES[0]
    name = Path(file).name
    if name.startswith("ld-"):
        return PLACES[1 if ASKS_PROCESSOR.search(symbol) else 2]
    return PLACES[4] if name == command else PLACES[3]


def sampled(world, command, env):
    """{place: ms of one run}"""
    data, name = world.folder / "perf.data", Path(command[0]).name
    words = " ".join(f"'{word}'" for word in command)
    loop = f"i=0; while [ $i -lt {RUNS} ]; do {words} >/dev/null; i=$((i+1)); done"
    run("perf", "record", "-q", "-F", HERTZ, "-e", "cpu-clock", "-o", data, "sh", "-c", loop, env=env | {"PATH": "/usr/bin:/bin"}, cwd=world.folder)
    counted = collections.Counter()
    for line in run("perf", "script", "-i", data, "-F", "comm,ip,sym,dso").splitlines():
        sample = re.match(r" *(\S+) +[0-9a-f]+ (.*) \((.*)\)$", line)
        if sample and sample[1] == name[:15]:
            counted[place_of(sample[2], sample[3], name)] += 1
    return {place: counted[place] * 1000 / HERTZ / RUNS for place in PLACES}


def measure(world, ours, least):
    """(command, environment) of each; None where perf is not there or may not sample."""
    if not shutil.which("perf"):
        return None
    try:
        return {"ours": sampled(world, *ours), "least": sampled(world, *least)}
    except subprocess.CalledProcessError:
        return None


def section(found):
    if found is None:
        return
    yield from ["### Where its time goes", "",
                f"ms of the processor in one run, of {RUNS} runs, by `perf record -e cpu-clock -F {HERTZ}`. The rest of a process's time passes before it",
                "has its own name (fork and exec) and after its end.", ""]
    yield from table(["", "`mlflow-oidc token`", "a C program that prints"],
                     [(place, f"{found['ours'][place]:.3f}", f"{found['least'][place]:.3f}") for place in PLACES])
