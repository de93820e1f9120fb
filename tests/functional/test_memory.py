"""Memory that a core dump would show (SECURITY.md, "What remains"): the secrets that only the core handles are not in it."""
import re
from pathlib import Path

import pytest


def dumped(pid):
    """(name, bytes) of each writable mapping that a core dump of the process takes in. Not the stack: the dynamic linker
    and the C library leave pieces there of what was copied last."""
    mappings = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
        if head:
            mappings.append([int(head[1], 16), int(head[2], 16), head[3], head[4], True])
        elif line.startswith("VmFlags:"):
            mappings[-1][4] = " dd" not in line
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for begin, end, mode, name, taken in mappings:
            if taken and mode.startswith("rw") and not name.startswith("[stack"):
                memory.seek(begin)
                yield name, memory.read(end - begin)


def found(pid, secrets):
    """Where each of the secrets stands, by its kind."""
    places = {kind: [] for kind in secrets}
    for name, data in dumped(pid):
        for kind, secret in secrets.items():
            if secret.encode() in data:
                places[kind].append(name or "heap")
    return places


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_core_dump_would_show_the_token_that_is_sent_and_no_other_secret_of_a_person(world, tls):
    if tls:
        world.use_tls_provider()
    world.person()
    with world.process(spawn=True) as process:
        first = process.do("token()").ok()
        world.advance(301)
        second = process.do("token()").ok()
        code, renewal = world.token_requests()
        grant = world.provider.grants[-1]
        places = found(process.pid, {
            "sent": second, "code": code.form["code"], "verifier": code.form["code_verifier"],
            "used refresh token": renewal.form["refresh_token"], "refresh token": grant.refresh_token,
            "access token": grant.access_tokens[-1],
        })
    assert first != second and places.pop("sent"), "Python has it: this test can see"
    assert not any(places.values()), places


def test_a_core_dump_would_not_show_the_client_secret_of_a_file(world):
    world.robot()
    with world.process(spawn=True) as process:
        process.do("token()").ok()
        assert not found(process.pid, {"secret": world.provider.clients["robot"]})["secret"]
