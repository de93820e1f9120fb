"""The distribution's source packages, and its packages for another kind of machine: fetched by apt, which checks them, without a
change to the machine's settings."""

import dataclasses
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from targets import BUILD

SUITE = "trixie"
MIRROR = "http://deb.debian.org"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
FOLDER = BUILD / "sources"
ARCHIVES = FOLDER / "archives"


@dataclasses.dataclass(frozen=True)
class Source:
    name: str
    version: str  # Debian's
    folder: Path
    archive: str  # the upstream archive's name
    sha256: str

    @property
    def upstream(self):
        return self.version.rpartition(":")[2].rpartition("-")[0].partition("+ds")[0]


def apt_options(architecture=""):
    """apt with lists and a cache of its own, and nothing but the sources, or but the packages for `architecture`."""
    apt = BUILD / (f"apt-{architecture}" if architecture else "apt")
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    suites = ((f"{MIRROR}/debian", SUITE), (f"{MIRROR}/debian", f"{SUITE}-updates"),
              (f"{MIRROR}/debian-security", f"{SUITE}-security"))
    kind = "deb" if architecture else "deb-src"
    (apt / "sources.list").write_text("".join(f"{kind} [signed-by={KEYRING}] {url} {suite} main\n" for url, suite in suites))
    settings = {"Dir::Etc::sourcelist": apt / "sources.list", "Dir::Etc::sourceparts": "-", "Dir::State::lists": apt / "lists",
                "Dir::Cache": apt / "cache", "APT::Sandbox::User": "root"}
    if architecture:
        settings |= {"APT::Architecture": architecture, "APT::Architectures": architecture, "Dir::State::status": "/dev/null"}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def versions(options, show, name):
    """All that the suite has, the newest first."""
    shown = subprocess.run(["apt-cache", *options, show, name], check=True, capture_output=True, text=True).stdout
    found = {line.split()[1] for line in shown.splitlines() if line.startswith("Version:")}
    newest_first = []
    for version in found:
        at = 0
        while at < len(newest_first) and subprocess.run(["dpkg", "--compare-versions", version, "lt", newest_first[at]]).returncode == 0:
            at += 1
        newest_first.insert(at, version)
    return newest_first


def download(options, name, show, *command):
    """The newest version that the mirror serves; it may list one before it has it."""
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    for version in versions(options, show, name):
        asked = ["apt-get", *options, "-q", *command, f"{name}={version}"]
        if subprocess.run(asked, cwd=ARCHIVES, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
            return version
        print(f"    {name} {version} is listed and not served: an older one is looked for", flush=True)
    sys.exit(f"no package {name} can be had from {SUITE}")


def download_source(options, name, upstream_only):
    return download(options, name, "showsrc", "source", "--download-only", *(["--tar-only"] if upstream_only else []))


def unpack(name, version, upstream_only):
    """Unpacks into FOLDER/name, with Debian's patches unless only the upstream archive is wanted."""
    upstream = version.rpartition(":")[2].rpartition("-")[0]
    archive, = ARCHIVES.glob(f"{name}_{upstream}.orig.tar.*z")
    folder, stamp = FOLDER / name, FOLDER / f"{name}.version"
    source = Source(name, version, folder, archive.name, hashlib.sha256(archive.read_bytes()).hexdigest())
    if stamp.exists() and stamp.read_text() == version:
        return source
    shutil.rmtree(folder, ignore_errors=True)
    if upstream_only:
        folder.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", folder, "--strip-components=1"], check=True)
    else:
        dsc, = ARCHIVES.glob(f"{name}_{version.rpartition(':')[2]}.dsc")
        # apt has compared it with the signed list of the archive
        subprocess.run(["dpkg-source", "--no-check", "-x", dsc, folder], check=True, capture_output=True)
    stamp.write_text(version)
    return source


def fetch(wanted):
    """Fetches and unpacks {name: upstream alone?}; {name: Source}."""
    options = apt_options()
    subprocess.run(["apt-get", *options, "-qq", "update"], check=True)
    return {name: unpack(name, download_source(options, name, alone), alone) for name, alone in wanted.items()}


def foreign_root(architecture, names, folder):
    """The packages' files for another kind of machine, below `folder`: what programs for it find there, not what could be booted."""
    options = apt_options(architecture)
    subprocess.run(["apt-get", *options, "-qq", "update"], check=True)
    have = {name: download(options, name, "show", "download") for name in names}
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "usr/lib").mkdir(parents=True)
    (folder / "lib").symlink_to("usr/lib")
    for name, version in have.items():
        package = ARCHIVES / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return have
