"""A first token with client credentials, and further ones: network part and whole process, against curl doing the same requests
on one connection, with the authorities in a file of one certificate, in the system's bundle, in a hashed directory. Further ones
also on a connection each, as the last one's is gone by the time that a token is renewed."""

import contextlib
import json
import re
import statistics
from pathlib import Path

from parts.crowd import Crowd
from parts.world import ON_DISK, elapsed_ms, in_turns, note, run, table
from tls import Authority

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
FURTHER = 9  # as in in_process.py
KINDS = {"one": "one certificate", "bundle": "system bundle", "directory": "hashed directory"}

# whoever asks 0.2.4 for its token without importing MLflow
REFERENCE_TOKEN = """
from mlflow_oidc_client.config import read_settings
from mlflow_oidc_client.oidc_session import OIDCSession
import os
s = read_settings(os.environ['MLFLOW_TRACKING_URI'])
i = OIDCSession(s.issuer, s.client_id, s.client_secret, s.redirect_uri, s.audience, s.scope, s.interactive)
print(i._cache.access_token)
i.close()
"""


def authorities(world):
    """{kind: (environment, curl's options)}; the kinds that this machine has."""
    ours = world.authority.ca_file
    kinds = {"one": ({"SSL_CERT_FILE": str(ours)}, ["--cacert", ours])}
    if not BUNDLE.exists():
        return kinds
    bundle, directory = world.folder / "bundle.pem", world.folder / "hashed"
    bundle.write_text(BUNDLE.read_text() + ours.read_text())
    directory.mkdir()
    for i, certificate in enumerate(bundle.read_text().split("-----BEGIN CERTIFICATE-----")[1:]):
        (directory / f"{i}.pem").write_text("-----BEGIN CERTIFICATE-----" + certificate)
    run("openssl", "rehash", directory)
    # without --cacert curl reads the system's bundle as well
    other = Authority(world.folder, "other").ca_file
    return kinds | {"bundle": ({"SSL_CERT_FILE": str(bundle)}, ["--cacert", bundle]),
                    "directory": ({"SSL_CERT_DIR": str(directory)}, ["--cacert", other, "--capath", directory])}


def openssl_of_curl():
    return re.search(r"OpenSSL/(\S+)|$", run("curl", "--version"))[1] or "none"


class Curl:
    """Discovery, a token request and further ones, on one connection."""

    def __init__(self, world, trusted):
        self._world = world
        issuer = world.provider.issuer
        common = ["-s", *trusted, "-o", "/dev/null", "-w", "%{time_total}\\n"]
        metadata = f"{issuer}/.well-known/openid-configuration"
        token_endpoint = json.loads(run("curl", "-s", *trusted, metadata))["token_endpoint"]
        form = "grant_type=client_credentials&client_id=robot&client_secret=secret&audience=robot"
        token = ["--next", *common, "-d", form, token_endpoint]
        self._two = ["curl", *common, metadata, *token]
        self._all = [*self._two, *token * FURTHER]

    def whole(self):
        return elapsed_ms(self._two, {"PATH": "/usr/bin:/bin"}, self._world.folder)

    def _times(self, command):
        return [float(line) * 1000 for line in run(*command, env={"PATH": "/usr/bin:/bin"}).split()]

    def network(self):
        return sum(self._times(self._two))

    def further(self):
        return statistics.median(self._times(self._all)[2:])


@contextlib.contextmanager
def closing(provider):
    """Each answer with a token is the last one of its connection."""

    def change(request, normal):
        answer = normal()
        answer.headers = [*answer.headers, ("Connection", "close")]
        return answer

    provider.fault("token", change)
    try:
        yield
    finally:
        provider.heal("token")


def contenders(world, trust, curl):
    """{name: act}"""

    def apart(act, *arguments):
        with closing(world.provider):
            return act(*arguments)

    def environment(which, home="cold"):
        env = world.environment(which, home)
        del env["SSL_CERT_FILE"]
        return env | trust

    def whole(which, *command, home="cold"):
        world.forget(which, home)
        return elapsed_ms(command, environment(which, home), world.folder)

    def inside(which, act):
        world.forget(which, "cold")
        with Crowd(world, which, 1, [act], environment(which)) as crowd:
            return crowd.release()[0]

    python = world.venvs["reference"] / "bin/python"
    return {
        "curl, whole": curl.whole, "ours, whole": lambda: whole("ours", world.program, "token"),
        "ours on disk, whole": lambda: whole("ours", world.program, "token", home=ON_DISK),
        "reference, whole": lambda: whole("reference", python, "-c", REFERENCE_TOKEN),
        "curl, network": curl.network, "ours, network": lambda: inside("ours", "timed_first"),
        "reference, network": lambda: inside("reference", "timed_first"),
        "curl, further": curl.further, "ours, further": lambda: inside("ours", "further"),
        "curl, apart": lambda: apart(curl.further), "ours, apart": lambda: apart(inside, "ours", "further")}


def measure(world):
    found = {}
    for kind, (trust, options) in authorities(world).items():
        acts = contenders(world, trust, Curl(world, options))
        slow = {name: acts.pop(name) for name in list(acts) if name.startswith("reference")}
        found[kind] = in_turns(world.rounds, acts) | in_turns(max(5, world.rounds // 3), slow)
        note(f"cold: {kind} {found[kind]}")
    return found


def rows(found):
    for kind, name in KINDS.items():
        if kind in found:
            run = found[kind]
            yield (f"a first token, whole process; {name}", run["reference, whole"], run["ours, whole"], run["curl, whole"],
                   "curl, the same two requests", "ms")
            yield "... the first call in a process", run["reference, network"], run["ours, network"], run["curl, network"], "curl's own count", "ms"
    yield ("... one certificate, saved to this machine's disk", None, found["one"]["ours on disk, whole"], found["one"]["ours, whole"],
           "in memory", "ms")
    for what, name in (("apart", "... a further token of a process, the metadata kept"), ("further", "... and the connection too")):
        yield name, None, found["one"][f"ours, {what}"], found["one"][f"curl, {what}"], "curl, one request", "ms"


def section(found):
    yield from ["## A token from the provider", "",
                "ms. Client credentials: metadata, then a token request, on one connection with TLS 1.3. The authorities are in a file of one",
                "certificate, in a copy of the system's bundle with that one, in a hashed directory of the same. \"Call\" is the first call in a Python process, from the settings to the saved cache; beside it curl's",
                f"`time_total` of the two requests. \"Further\" are {FURTHER} more token requests of the same process, with the metadata and the",
                "connection of the first; \"apart\" where that connection is closed, as when a token is renewed minutes later. With us the cache",
                f"is also read, locked and written. Curl's OpenSSL is {openssl_of_curl()}; before 3.5 it sends no post-quantum key share, which ours does: 0.08 ms",
                "of a further one apart, tried once without. 0.2.4 keeps neither: a further one is as its first.", ""]
    yield from table(["authorities in", "whole process: curl", "ours", "0.2.4", "call: curl", "ours", "0.2.4", "further: curl", "ours",
                      "apart: curl", "ours", "ours / curl: whole", "call", "further", "apart"],
                     [(KINDS[kind], *(run[f"{who}, {what}"] for what in ("whole", "network") for who in ("curl", "ours", "reference")),
                       *(run[f"{who}, {what}"] for what in ("further", "apart") for who in ("curl", "ours")),
                       *(f"{run[f'ours, {what}'] / run[f'curl, {what}']:.2f}" for what in ("whole", "network", "further", "apart")))
                      for kind, run in found.items()])
