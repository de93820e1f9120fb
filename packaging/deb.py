"""The Debian package of the program alone: dpkg-buildpackage on a copy of what is committed, with packaging/debian in it."""

import email.utils
import os
import shutil
import subprocess
import sys

import sbom
import wheel
from targets import BUILD, DIST, TOP, environment_of_tools, run, source_date

REVISION = 1


def debian_version():
    """1.0.0.dev0 comes before 1.0.0."""
    return sbom.project_version().replace(".dev", "~dev").replace("rc", "~rc") + f"-{REVISION}"


def maintainer():
    """As Debian's tools want it told, else who made the commit that is packed."""
    author = ["git", "-C", TOP, "log", "-1", "--format=%an%n%ae"]
    name, mail = subprocess.run(author, check=True, capture_output=True, text=True).stdout.splitlines()
    return f"{os.environ.get('DEBFULLNAME', name)} <{os.environ.get('DEBEMAIL', mail)}>"


def fill_in(folder):
    """Writes into debian/ what stands elsewhere: version, date, licence."""
    licence = (TOP / "LICENSE").read_text().strip().splitlines()
    values = {
        "@MAINTAINER@": maintainer(),
        "@COPYRIGHT@": licence[2].removeprefix("Copyright (c) "),
        "@LICENSE@": "\n".join(f" {line}" if line else " ." for line in licence[4:]),
    }
    for name in ("control", "copyright"):
        text = (folder / name).read_text()
        for mark, value in values.items():
            text = text.replace(mark, value)
        (folder / name).write_text(text)
    (folder / "changelog").write_text(
        f"mlflow-oidc ({debian_version()}) unstable; urgency=medium\n\n  * Version {sbom.project_version()}: see CHANGELOG.md.\n\n"
        f" -- {maintainer()}  {email.utils.formatdate(source_date())}\n"
    )


def source_tree():
    """What is committed, debian/ among it: with the commit's time on each file, which the package keeps of what is older."""
    folder = BUILD / "deb" / f"mlflow-oidc-{sbom.project_version()}"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", TOP, "archive", "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], check=True, input=archive)
    shutil.copytree(folder / "packaging/debian", folder / "debian")
    fill_in(folder / "debian")
    return folder


def lintian(package):
    done = subprocess.run(["lintian", "--fail-on", "error,warning,info", "--display-info", package], capture_output=True, text=True)
    print(done.stdout, end="")
    if done.returncode:
        sys.exit(f"lintian is not content with {package.name}: {done.stderr}")


def build(_targets):
    folder = source_tree()
    tools = wheel.builder() / "bin"  # Debian 12's own meson is older than what is asked for
    log = BUILD / "deb.log"
    log.unlink(missing_ok=True)
    run(["dpkg-buildpackage", "-us", "-uc", "-b", "-d"], log, cwd=folder, env=environment_of_tools(tools))
    built, = (package for package in folder.parent.glob("mlflow-oidc_*.deb"))
    DIST.mkdir(parents=True, exist_ok=True)
    for old in DIST.glob("*.deb"):
        old.unlink()
    shutil.copy(built, DIST)
    lintian(DIST / built.name)
    print(f"    {built.name}: {built.stat().st_size} bytes, lintian finds nothing", flush=True)
    return DIST / built.name
