"""Processes released at one moment, with an empty cache and with a valid one."""

import statistics

from parts.crowd import Crowd
from parts.world import BOTH, note, table

COUNTS = {"ours": (8, 64, 256), "reference": (8, 64)}
TURNS = {8: 5, 64: 1, 256: 1}


def released(world, which, count, empty):
    """{act: (first, last)}, token requests, how many got a token"""
    acts = ["nothing", "read", "first"] if which == "ours" else ["nothing", "first"]
    env = world.environment(which) | {"BENCH_CACHE": str(world.cache())}
    found = {}
    with Crowd(world, which, count, acts, env) as crowd:
        before = world.provider.count("token")
        for act in acts:
            if act == "first" and empty:
                world.forget(which)
            took = crowd.release()
            found[act] = took[0], took[-1]
    note(f"together: {which} {count} {'empty' if empty else 'valid'} {found}")
    return found, world.provider.count("token") - before, len(took)


def measure(world):
    found = {}
    for which in BOTH:
        world.inside(which, "imported")  # signs in
        for count in COUNTS[which]:
            for empty in (False, True) if which == "ours" else (True,):
                runs = [released(world, which, count, empty) for _ in range(TURNS[count])]
                middle = lambda act, end, runs=runs: statistics.median(run[0][act][end] for run in runs)  # noqa: E731
                found[which, count, empty] = {
                    "requests": max(run[1] for run in runs), "served": min(run[2] for run in runs),
                    **{act: (middle(act, 0), middle(act, 1)) for act in runs[0][0]}}
        with Crowd(world, which, 8, ["many"], world.environment(which)) as crowd:
            before = world.provider.count("token")
            served = len(crowd.release())
        found[which, "valid"] = world.provider.count("token") - before, served
    return found


def rows(found):
    for count in COUNTS["ours"]:
        reference, ours = found.get(("reference", count, True)), found["ours", count, True]
        yield (f"token requests of {count} processes released together", reference and reference["requests"], ours["requests"], 1, "", "")
        yield (f"... until the last of {count} has its token", reference and reference["first"][1], ours["first"][1], ours["first"][0],
               "our first", "ms")
    yield "token requests in 8 x 1000 calls with a valid cache", found["reference", "valid"][0], found["ours", "valid"][0], 0, "", ""


def section(found):
    yield from ["## Processes released together", "",
                "Python processes that wait at one pipe, with all imported and nothing met; ms from its closing until the first and the last",
                "of them have done it. What they do: nothing; read the cache's file, in Python; get a token from a valid cache, which is the",
                "work that each has anyhow; get one with an empty cache. All share the cores, the provider included.", ""]
    lines = []
    for count in COUNTS["ours"]:
        hit, cold = found["ours", count, False], found["ours", count, True]
        ends = [value for run, act in ((hit, "nothing"), (hit, "read"), (hit, "first"), (cold, "first")) for value in run[act]]
        lines.append((f"{count}", *ends, f"{cold['first'][1] / cold['first'][0]:.2f}",
                      f"{cold['first'][1] / hit['first'][1]:.2f}", cold["requests"]))
    yield from table(["processes", *(f"{what}: {end}" for what in ("nothing", "read", "valid cache", "empty cache")
                                     for end in ("first", "last")), "empty: last / first", "last: empty / valid", "token requests"], lines)
    reference = {count: found["reference", count, True] for count in COUNTS["reference"]}
    yield from ["0.2.4, with an empty cache: " + "; ".join(
        f"{run['served']} of {count} get a token, the first after {run['first'][0]:,.0f} ms, the last after {run['first'][1]:,.0f} ms,"
        f" with {run['requests']} token requests" for count, run in reference.items()) + ".", ""]
