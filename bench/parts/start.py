"""`mlflow-oidc token` from the cache as a whole process, beside C programs that print and other programs that print a token."""

import os
import re
import shutil
import signal
import statistics
import subprocess

from parts import where
from parts.cold import REFERENCE_TOKEN
from parts.world import TOP, elapsed_ms, in_turns, note, run, spawned, table
from provider import Grant

PRINTS = 'int puts(const char *);\nint main(void) { return puts("a string of some length") < 0; }\n'
STATIC, DYNAMIC, OURS = "a C program that prints, static", "a C program that prints", "`mlflow-oidc token`"
DEBIANS = "the same of the Debian package"
REFERENCE = "0.2.4, from Python without MLflow"
TRACE = ("strace", "-f", "-c", "-o")


def compiled(folder):
    source = folder / "prints.c"
    source.write_text(PRINTS)
    for name, flags in (("static", ["-static"]), ("dynamic", [])):
        run("gcc", "-O2", *flags, source, "-o", folder / name)


class OidcAgent:
    """oidc-agent with an account whose refresh token the provider knows; None where it is not installed."""

    def __init__(self, world):
        world.provider.grants.append(Grant("robot", "openid", None, "alice", refresh_token="rt.bench"))
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(world.home("agent")), "LC_ALL": "C.UTF-8", "BENCH_PASSWORD": "bench"}
        started = run("oidc-agent", env=self.env)
        self._pid = int(re.search(r"OIDCD_PID=(\d+)", started).group(1))
        self.env["OIDC_SOCK"] = re.search(r"OIDC_SOCK=([^;]+)", started).group(1)
        try:
            run("oidc-gen", "bench", "-m", "--flow=refresh", "--rt=rt.bench", f"--issuer={world.provider.issuer}", "--client-id=robot",
                "--client-secret=secret", "--scope=openid", "--redirect-uri=http://localhost:4242", f"--cp={world.authority.ca_file}",
                "--prompt=none", "--pw-env=BENCH_PASSWORD", "--confirm-yes", env=self.env)
        except Exception:
            self.end()
            raise

    def end(self):
        os.kill(self._pid, signal.SIGTERM)
        shutil.rmtree(os.path.dirname(self.env["OIDC_SOCK"]), ignore_errors=True)  # it leaves its folder


def gh_environment(world):
    home = world.home("gh")
    (home / ".config/gh").mkdir(parents=True)
    (home / ".config/gh/hosts.yml").write_text("github.com:\n    user: somebody\n    oauth_token: made-up\n    git_protocol: https\n")
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8"}


def debians_program(world):
    """Of the package that script/packaging made beside the wheels; None: there is none, or its libraries are not installed."""
    packages = sorted((TOP / "build/packaging/dist").glob("mlflow-oidc_*.deb"))
    if not packages or not shutil.which("dpkg-deb"):
        return None
    place = world.folder / "debians"
    run("dpkg-deb", "-x", packages[-1], place)
    program = place / "usr/bin/mlflow-oidc"
    return program if subprocess.run([program, "--version"], capture_output=True).returncode == 0 else None


def programs(world, agent):
    """{name: (command, environment)}"""
    ours, python = world.environment("ours"), world.venvs["reference"] / "bin/python"
    run(world.program, "token", env=ours)
    found = {
        STATIC: ([world.folder / "static"], {}), DYNAMIC: ([world.folder / "dynamic"], {}),
        OURS: ([world.program, "token"], ours), "`mlflow-oidc --version`": ([world.program, "--version"], ours),
        "`curl --version`": (["curl", "--version"], {"PATH": "/usr/bin:/bin"})}
    debians = debians_program(world)
    if debians is not None:
        found[DEBIANS] = [debians, "token"], ours
    if agent is not None:
        found["`oidc-token` of oidc-agent"] = ["oidc-token", "bench"], agent.env
    if shutil.which("gh"):
        found["`gh auth token`"] = ["gh", "auth", "token"], gh_environment(world)
    return found | {"`python -c pass`": ([python, "-c", "pass"], {}),
                    REFERENCE: ([python, "-c", REFERENCE_TOKEN], world.environment("reference"))}


def measure(world):
    compiled(world.folder)
    world.inside("reference", "imported")  # signs in
    agent = OidcAgent(world) if shutil.which("oidc-gen") else None
    try:
        known = programs(world, agent)
        one = lambda command, env: lambda: elapsed_ms(command, env, world.folder)  # noqa: E731
        slow = {name: one(*known.pop(name)) for name in ("`gh auth token`", "`python -c pass`", REFERENCE) if name in known}
        taken = in_turns(5 * world.rounds, {name: one(*what) for name, what in known.items()})
        taken |= in_turns(max(3, world.rounds // 3), slow)
        used = {name: usage(world, *what) for name, what in known.items()}
        places = where.measure(world, known[OURS], known[DYNAMIC])
    finally:
        if agent is not None:
            agent.end()
    note(f"start: {taken}")
    return {"ms": taken, "used": used, "where": places}


def usage(world, command, env):
    """What the kernel counts for it: medians of 21 runs; and its system calls."""
    runs = [spawned(command, env, world.folder)[1] for _ in range(21)]
    middle = lambda field: statistics.median(getattr(run, field) for run in runs)  # noqa: E731
    found = {"faults": middle("ru_minflt"), "ms": middle("ru_utime") * 1000 + middle("ru_stime") * 1000}
    if shutil.which("strace"):
        counted = world.folder / "counted"
        path = env.get("PATH", "/usr/bin:/bin")
        run(*TRACE, counted, *command, env=env | {"PATH": path}, cwd=world.folder)
        calls = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", counted.read_text(), re.M)
        found["calls"] = {name: int(count) for count, name in calls if name != "total"}
    return found


def rows(found):
    ms = found["ms"]
    yield "a token from the cache, whole process", ms[REFERENCE], ms[OURS], ms[DYNAMIC], "C program that prints", "ms"
    if DEBIANS in ms:
        yield "... the program of the Debian package, linked with the system's libraries", None, ms[DEBIANS], ms[DYNAMIC], "C program that prints", "ms"
    agent = ms.get("`oidc-token` of oidc-agent")
    if agent is not None:
        yield "... the same beside `oidc-token`", None, ms[OURS], agent, "`oidc-token` of oidc-agent", "ms"


def section(found):
    ms, used = found["ms"], found["used"]
    yield from ["## Programs that print a token", "",
                "Whole processes by posix_spawn() and waitpid(), ms, the quick ones five times as often. oidc-agent runs, with an account loaded by",
                "its refresh flow; `gh` has a made-up token in its file. System calls are those that `strace -f -c` counts, page faults and time",
                "of the CPU, the program's and the kernel's for it, what `wait4()` tells.", ""]
    calls = lambda name: sum(used[name].get("calls", {}).values()) or None  # noqa: E731
    yield from table(["", "ms", "of the C program", "system calls", "page faults", "ms of CPU"], [
        (name, value, f"{value / ms[DYNAMIC]:.2f}",
         *((calls(name), used[name]["faults"], used[name]["ms"]) if name in used else (None, None, None))) for name, value in ms.items()])
    absent = [name for name, command in (("oidc-agent", "oidc-gen"), ("gh", "gh"), ("strace", "strace")) if not shutil.which(command)]
    if absent:
        yield from [f"Not there when this was measured: {', '.join(absent)}.", ""]
    if "calls" in used[OURS]:
        of = lambda name: ", ".join(f"{count} {call}" for call, count in sorted(used[name]["calls"].items(), key=lambda item: -item[1]))  # noqa: E731
        yield from ["System calls of `mlflow-oidc token`: " + of(OURS) + ".", "", "Of the C program: " + of(DYNAMIC) + ".", ""]
    yield from where.section(found["where"])
