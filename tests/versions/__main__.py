"""usage: python3 tests/versions [PART_OF_A_NAME...]

Builds one wheel, installs it beside each MLflow that is named here, and runs test_client.py with each. Environments are kept
below build/versions. What the machine has no Python for is listed as not run. MOIDC_TEST_WHEEL names a wheel to take instead.
"""
import concurrent.futures
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
BUILD = TOP / "build" / "versions"
AT_ONCE = 2  # one waits for the network while another computes
PATIENCE_S = 600  # for any one program
SHOWN_LINES = 60  # of the log of what failed
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
PYTEST = ("pytest", "cryptography")  # with which the tests themselves run


@dataclasses.dataclass(frozen=True)
class Combination:
    python: str
    package: str
    version: str = ""  # the newest
    pins: tuple = ()

    @property
    def name(self):
        return f"{self.package} {self.version or 'newest'}, Python {self.python}"

    @property
    def folder(self):
        return BUILD / f"{self.package}-{(self.version or 'newest').rstrip('.*')}-py{self.python}"

    @property
    def requirements(self):
        return [f"{self.package}=={self.version}" if self.version else self.package, *self.pins]


OLD = ("setuptools<81",)  # MLflow of those days imports pkg_resources
# Every MLflow, every Python and both flavours; on Debian's 3.11 alone every MLflow.
COMBINATIONS = (
    Combination("3.10", "mlflow", "2.0.1", OLD),
    Combination("3.11", "mlflow"),
    Combination("3.11", "mlflow", "2.22.*", ("sqlalchemy<2.1",)),  # its server imports what 2.1 has no more
    Combination("3.10", "mlflow-skinny", "2.0.1", OLD),
    Combination("3.11", "mlflow-skinny", "2.0.1", OLD),
    Combination("3.11", "mlflow-skinny", "2.9.2", (*OLD, "pydantic<3")),
    Combination("3.12", "mlflow-skinny", "2.22.*"),
    Combination("3.12", "mlflow-skinny"),
    Combination("3.13", "mlflow-skinny"),
    Combination("3.14", "mlflow-skinny"),
    Combination("3.15", "mlflow-skinny"),
)


class Failed(Exception):
    pass


@dataclasses.dataclass
class Row:
    name: str
    passed: bool
    result: str
    seconds: float


def run(command, log, **environment):
    """Runs a program, its output going to `log`; Failed with the line that says why, as far as one can tell."""
    with log.open("a") as output:
        output.write(f"$ {' '.join(map(str, command))}\n")
        output.flush()
        try:
            status = subprocess.run(
                [str(word) for word in command], cwd=TOP, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, timeout=PATIENCE_S,
            ).returncode
        except subprocess.TimeoutExpired:
            raise Failed(f"no end within {PATIENCE_S} s: {command[0]}, see {log.relative_to(TOP)}") from None
    if status:
        print(*log.read_text(errors="replace").splitlines()[-SHOWN_LINES:], sep="\n", flush=True)
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        told = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)] or lines
        raise Failed(f"{told[-1].strip()[:200]} (status {status}, see {log.relative_to(TOP)})")


# --- Pythons ---
def version_of(python):
    """(3, 11, 2) for a CPython that can make environments, else None. pyenv's stand-ins may be there and do nothing."""
    ask = "import sys, venv, ensurepip; print(sys.implementation.name, *sys.version_info[:3])"
    try:
        told = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=30).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return tuple(map(int, told[1:])) if told[:1] == ["cpython"] else None


def places(short):
    """Where a Python of that version may be, Debian's own first."""
    yield f"/usr/bin/python{short}"
    yield "/usr/bin/python3"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield os.path.join(folder, f"python{short}")
    for root in filter(None, (os.environ.get("PYENV_ROOT"), os.path.expanduser("~/.pyenv"))):
        yield from map(str, sorted(Path(root).glob(f"versions/{short}.*/bin/python"), reverse=True))


def find_pythons():
    """Version, as "3.11" -> (path, whole version)."""
    found = {}
    for short in PYTHONS:
        for place in places(short):
            version = version_of(place) if os.access(place, os.X_OK) else None
            if version is not None and "%d.%d" % version[:2] == short:
                found[short] = place, "%d.%d.%d" % version
                break
    return found


# --- environments ---
def pip(folder, log, *arguments):
    run([folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off",
         *arguments], log)


def environment(folder, python, requirements, log):
    """Makes it, or takes the one that is there if it was made of the same; a newest MLflow is brought up to date."""
    path, version = python
    stamp, made_of = folder / "made-of", "\n".join([path, version, *requirements, ""])
    if not stamp.exists() or stamp.read_text() != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        run([path, "-m", "venv", folder], log)
        pip(folder, log, *requirements)
        stamp.write_text(made_of)
    elif "==" not in requirements[0]:
        pip(folder, log, "--upgrade", *requirements)


def wheel(pythons, log):
    """Builds the one wheel, with the lowest Python: meson-python writes the building one's version into its name."""
    if os.environ.get("MOIDC_TEST_WHEEL"):
        return Path(os.environ["MOIDC_TEST_WHEEL"])
    short, (path, _) = next(iter(pythons.items()))
    built = BUILD / "wheel"
    shutil.rmtree(built, ignore_errors=True)
    builder = BUILD / "builder"
    environment(builder, pythons[short], ["pip"], log)
    run([builder / "bin" / "python", "-m", "pip", "wheel", ".", "--no-deps", "--wheel-dir", built], log)
    found, = built.iterdir()
    tag = f"cp{short.replace('.', '')}-abi3-"
    if tag not in found.name:
        raise Failed(f"{found.name} is not {tag}*, and would not serve later Pythons")
    return found


def installed_version(combination):
    ask = f"import importlib.metadata, platform; print(importlib.metadata.version({combination.package!r}), platform.python_version())"
    asked = subprocess.run([combination.folder / "bin" / "python", "-c", ask], capture_output=True, text=True, check=True)
    return asked.stdout.split()


def log_of(name):
    log = BUILD / f"{name}.log"
    log.write_text("")
    return log


def timed(name, act):
    """A row of the table from what act() returns or raises."""
    began = time.monotonic()
    try:
        passed, result = True, act()
    except Failed as failure:
        passed, result = False, str(failure)
    row = Row(name, passed, result, time.monotonic() - began)
    print(f"    {'passed' if passed else 'FAILED'} {name}: {result} ({row.seconds:.0f} s)", flush=True)
    return row


def test(combination, python, the_wheel):
    log = log_of(combination.folder.name)
    try:
        environment(combination.folder, python, combination.requirements, log)
        pip(combination.folder, log, "--no-deps", "--no-index", "--force-reinstall", the_wheel)
    except Failed as failure:
        raise Failed(f"cannot be installed: {failure}") from None
    mlflow, python_version = installed_version(combination)
    about = f"MLflow {mlflow}, Python {python_version}"
    command = [BUILD / "venv-pytest" / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE]
    try:
        run(command, log, MOIDC_TEST_PYTHON=str(combination.folder / "bin" / "python"))
    except Failed as failure:
        failures = re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", log.read_text(), re.MULTILINE)
        raise Failed(f"{about}: {', '.join(failures) or failure}; see {log.relative_to(TOP)}") from None
    return f"{about}: {log.read_text().rstrip().splitlines()[-1].partition(' in ')[0]}"


def main(wanted):
    chosen = [c for c in COMBINATIONS if not wanted or any(part in c.name for part in wanted)]
    BUILD.mkdir(parents=True, exist_ok=True)
    pythons = find_pythons()
    for short in PYTHONS:
        print(f"Python {short}: {' '.join(pythons[short][::-1]) if short in pythons else 'not found'}")
    if not pythons:
        sys.exit("no Python of these: " + ", ".join(PYTHONS))
    own_python = sys.executable, sys.version.split()[0]
    began = time.monotonic()
    built = []

    def prepare():
        environment(BUILD / "venv-pytest", own_python, list(PYTEST), log_of("pytest"))
        built.append(wheel(pythons, log_of("wheel")))
        return f"{built[0].name}{'' if os.environ.get('MOIDC_TEST_WHEEL') else f', built with {next(iter(pythons))}'}"

    rows = [timed("the wheel", prepare)]
    runnable = [c for c in chosen if c.python in pythons]
    if built:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = [
                pool.submit(timed, c.name, lambda c=c: test(c, pythons[c.python], built[0])) for c in runnable
            ]
            rows += [future.result() for future in waiting]
    report(rows, [c for c in chosen if c not in runnable], time.monotonic() - began)
    return 0 if all(row.passed for row in rows) and len(rows) > 1 else 1


def report(rows, not_run, seconds):
    width = max(len(row.name) for row in rows)
    print()
    for row in rows:
        print(f"{row.name:{width}}  {'passed' if row.passed else 'FAILED'}  {row.seconds:4.0f} s  {row.result}")
    for combination in not_run:
        print(f"not run: {combination.name}: no Python {combination.python} on PATH, in /usr/bin or in pyenv")
    failed = sum(not row.passed for row in rows)
    print(f"({seconds:.0f} s in all)")
    print(f"versions: {len(rows) - failed} passed, {failed} failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
