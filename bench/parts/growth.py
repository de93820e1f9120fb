"""What grows with what: servers configured and met, cached identities, processes, keys of the provider. None may be worse than
linear, and a warm call does not grow."""

import json
import shutil
import time

from parts.crowd import Crowd
from parts.world import SERVER, elapsed_ms, exponent, in_turns, note, run, table

SIZES = (1, 10, 100, 1000)
PROCESSES = (1, 4, 16, 64)
MET = (1, 10, 100)
BLOCK = '[[tool.mlflow-oidc-client.tracking-servers]]\nuri = "{uri}"\nissuer = "{issuer}"\nclient-id = "robot"\nclient-secret = "secret"\n'


class Case:
    """A home and a working directory of its own, with settings in a file."""

    def __init__(self, world, name, blocks=1, other="http://127.0.0.{}:{}"):
        """The last of `blocks` is for the server that is asked for; `other` says where the others are."""
        self.world, self.name = world, name
        self.home = world.home("ours", name)
        self.cwd = world.memory / f"{name}-work"
        self.cwd.mkdir()
        self.env = world.plain_environment("ours", name)
        uris = [other.format(2 + i % 200, 1000 + i) for i in range(blocks - 1)] + [SERVER]
        (self.cwd / "pyproject.toml").write_text("".join(BLOCK.format(uri=uri, issuer=world.provider.issuer) for uri in uris))

    def token_ms(self):
        """A whole process with a token from the cache, or from the provider."""
        return elapsed_ms([self.world.program, "token"], self.env, self.cwd)

    def first_ms(self):
        shutil.rmtree(self.world.cache(self.name), ignore_errors=True)
        return self.token_ms()

    def warm_us(self):
        return self.world.inside("ours", "hook", env=self.env, cwd=self.cwd)["us"]

    def end(self):
        shutil.rmtree(self.home)
        shutil.rmtree(self.cwd)


def costs(cases):
    """{size: {"warm": us, "cached": ms, "cold": ms}}; the sizes take turns, so that none has a quiet moment of its own."""
    rounds = next(iter(cases.values())).world.rounds
    warm = in_turns(3, {size: case.warm_us for size, case in cases.items()})
    for case in cases.values():
        case.token_ms()
    cached = in_turns(rounds, {size: case.token_ms for size, case in cases.items()})
    cold = in_turns(max(5, rounds // 2), {size: case.first_ms for size, case in cases.items()})
    for case in cases.values():
        case.end()
    return {size: {"warm": warm[size], "cached": cached[size], "cold": cold[size]} for size in cases}


def servers(world):
    return costs({size: Case(world, f"servers{size}", size) for size in SIZES})


def paths(world):
    """The others are below the same host's path, and so below what ours covers."""
    return costs({size: Case(world, f"paths{size}", size, SERVER + "/{1}") for size in SIZES})


class Identities(Case):
    """Other identities' files lie beside ours."""

    def __init__(self, world, size):
        super().__init__(world, f"identities{size}")
        self.token_ms()
        self._size = size
        self._fill()

    def _fill(self):
        cache = self.world.cache(self.name)
        (own,) = cache.glob("*.json")
        for i in range(self._size - 1):
            shutil.copy(own, cache / f"tokens-{i:016x}.json")
            (cache / f"tokens-{i:016x}.lock").touch(mode=0o600)

    def first_ms(self):
        """Without our own file alone."""
        (own,) = [path for path in self.world.cache(self.name).glob("*.json") if not path.name.startswith("tokens-0000000000")]
        own.unlink()
        return self.token_ms()


def identities(world):
    return costs({size: Identities(world, size) for size in SIZES})


def processes(world):
    """Others that hold a client with a token, and do nothing."""
    found = {}
    for size in PROCESSES:
        case = Case(world, f"processes{size}")
        with Crowd(world, "ours", size, ["first"], world.environment("ours", case.name)) as crowd:
            crowd.release()
            found |= costs({size: case})
    return found


def keys(world):
    """A person's token renewed by a process of its own, which fetches so many keys and checks the ID token with the last."""
    provider = world.provider
    world.provider.add_client("app")
    jwk, saved = provider.keys[0].jwk, provider.rotate
    provider.rotate, provider.id_token.ttl = False, 1
    browser = world.folder / "browser"
    browser.write_text(f'#!/bin/sh\nexec curl -sL --cacert {world.authority.ca_file} -o /dev/null "$1"\n')
    browser.chmod(0o755)
    env = world.plain_environment("ours", "keys") | {
        "MLFLOW_TRACKING_OIDC_ISSUER": provider.issuer, "MLFLOW_TRACKING_OIDC_CLIENT_ID": "app", "BROWSER": str(browser)}
    run(world.program, "login", env=env, cwd=world.folder)
    time.sleep(2)  # until that ID token has ended
    provider.id_token.ttl = 300
    (file,) = world.cache("keys").glob("*.json")
    ended = file.read_bytes()

    def renewed(size):
        file.write_bytes(ended)
        provider.heal("jwks")
        document = {"keys": [jwk | {"kid": f"other-{i}"} for i in range(size - 1)] + [jwk]}
        provider.replace("jwks", json=document)
        return elapsed_ms([world.program, "token"], env, world.folder)

    before = provider.count("jwks")
    cold = in_turns(max(5, world.rounds // 2), {size: lambda size=size: renewed(size) for size in SIZES})
    assert provider.count("jwks") > before
    cached, warm = {}, {}
    for size in SIZES:
        renewed(size)
        cached[size] = in_turns(world.rounds, {size: lambda: elapsed_ms([world.program, "token"], env, world.folder)})[size]
        warm[size] = world.inside("ours", "hook", env=env)["us"]
    provider.heal("jwks")
    provider.rotate = saved
    return {size: {"warm": warm[size], "cached": cached[size], "cold": cold[size]} for size in SIZES}


def met(world):
    """Servers that one process has met, all of them configured."""
    found = {}
    for size in MET:
        case = Case(world, f"met{size}", size + 1)
        case.token_ms()
        runs = [world.inside("ours", "met", str(size), env=case.env, cwd=case.cwd) for _ in range(3)]
        found[size] = {name: sorted(run[name] for run in runs)[1] for name in ("us", "meet_ms")}
        case.end()
    return found


def measure(world):
    found = {}
    for act in (servers, paths, identities, processes, keys, met):
        found[act.__name__] = act(world)
        note(f"growth: {act.__name__} {found[act.__name__]}")
    return found


NAMES = {"servers": "servers configured", "paths": "the same, the others at paths below ours",
         "identities": "cached identities", "processes": "processes that hold a client",
         "keys": "keys of the provider (a renewal of a person's token)"}
KINDS = (("warm", "a warm call, us"), ("cached", "`mlflow-oidc token` from the cache, ms"), ("cold", "... from the provider, ms"))


def section(found):
    yield from ["## What grows with what", "",
                "The exponent is that of the last step: 0 does not grow, 1 is linear. Where the smallest takes longest, that is the",
                "machine's other work. A program that meets its server reads all blocks, so `mlflow-oidc token` grows with them.", ""]
    for case, name in NAMES.items():
        sizes = list(found[case])
        yield from table([name, *map(str, sizes), "exponent"], [
            (what, *(found[case][size][kind] for size in sizes),
             f"{exponent(sizes, [found[case][size][kind] for size in sizes]):.2f}") for kind, what in KINDS])
    inner = found["paths"]
    if inner[SIZES[-1]]["warm"] > 2 * inner[SIZES[0]]["warm"]:
        yield from ["Where blocks lie below another one's path, each request to the outer one has the settings read again: that grows.", ""]
    yield from table(["servers that one process has met", *map(str, MET), "exponent"], [
        (what, *(found["met"][size][kind] for size in MET), f"{exponent(MET, [found['met'][size][kind] for size in MET]):.2f}")
        for kind, what in (("us", "a warm call, us"), ("meet_ms", "meeting one of them, ms"))])
