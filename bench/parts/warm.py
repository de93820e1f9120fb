"""Inside one process: import, a token for a request, 16 threads, memory. Contenders take turns, each in processes of its own."""

import statistics

from parts.world import BOTH, quartiles, table

KINDS = ("Rss", "Pss", "Private_Dirty")


def measure(world):
    found = {which: {"imported": [], "cold": [], "warm": []} for which in BOTH}
    for _ in range(max(3, world.rounds // 4)):
        for which in BOTH:
            found[which]["imported"].append(world.inside(which, "imported"))
            found[which]["warm"].append(world.inside(which, "warm"))
            world.forget(which, "memory")
            found[which]["cold"].append(world.inside(which, "imported", env=world.environment(which, "memory")))
    return found


def middle(runs, *path):
    values = []
    for value in runs:
        for name in path:
            value = value[name]
        values.append(value)
    return statistics.median(values)


def least(runs, name):
    """The lower quartile: other work only adds."""
    return quartiles([run[name] for run in runs])[0]


def rows(found):
    of = lambda *path: (middle(found["reference"][path[0]], *path[1:]), middle(found["ours"][path[0]], *path[1:]))  # noqa: E731
    ours = lambda name: middle(found["ours"]["warm"], name)  # noqa: E731
    imports = [least(found[which]["imported"], "ms") for which in ("reference", "ours")]
    yield "import of the plugin, MLflow's own imports apart", *imports, None, "", "ms"
    yield "modules that are not its own", *of("imported", "modules"), None, "", ""
    for what, kind, step in (("the import", "imported", "import_kib"), ("it and a warm call", "imported", "call_kib"),
                             ("it and a token from the provider", "cold", "call_kib")):
        yield f"memory added by {what}", *(value / 1024 for value in of(kind, step, "Rss")), None, "", "MiB"
    yield "token for a request, warm", *of("warm", "us"), ours("floor_us"), "header and hook alone", "us"
    yield "the core's part of it", None, ours("core_us"), ours("dict_us"), "C call that returns a dict", "us"
    yield "the same in 16 threads, a call", *of("warm", "threads_us"), ours("floor_threads_us"), "header and hook alone", "us"
    yield "the same in 16 threads, calls per second", *of("warm", "threads_per_s"), None, "", ""


def section(found):
    ours = lambda name: middle(found["ours"]["warm"], name)  # noqa: E731
    looked = [ours(name) - ours("lambda_us") for name in ("by_host_us", "by_url_us", "by_other_url_us")]
    yield from ["## A token for a request, warm", "",
                f"Of {ours('us'):.2f} us, what every plugin has to do (look at the call, set the header, register the hook) takes {ours('floor_us'):.2f},"
                f" finding the server by",
                f"its host {looked[0]:.2f}, by the request's URL {looked[1]:.2f}, the token itself {ours('core_us'):.2f}",
                f"(each call is for the same URL, as in a loop that logs; another one than before costs {looked[2] - looked[1]:.2f} more); the rest is Python's for",
                "finding the frame of `http_request()`, looking for credentials that MLflow has itself, `Accept` and the response hook's object.", ""]
    yield from ["## Memory", "",
                "KiB that a process has more than after MLflow's own imports (`/proc/self/smaps_rollup`): resident; its share of it, where",
                "pages are shared; written to and its own alone, which is what each further process costs.", ""]
    steps = (("the import", "imported", "import_kib"), ("and a warm call", "imported", "call_kib"),
             ("instead, a first token by the network", "cold", "call_kib"))
    yield from table(["", *(f"{who}: {kind}" for who in ("0.2.4", "ours") for kind in ("Rss", "Pss", "private dirty"))],
                     [(what, *(f"{middle(found[which][run], step, kind):,.0f}" for which in ("reference", "ours") for kind in KINDS))
                      for what, run, step in steps])
    rate = lambda which, name: quartiles([run[name] for run in found[which]["warm"]])[2]  # noqa: E731
    yield from ["## Threads", "",
                "All calls of a process, per second, in 1 thread and in 16. No Python thread runs beside another but while one has given up",
                "the interpreter's lock, which a warm call of ours never does: so what 16 threads get is what one gets, as it is for the",
                "header and the hook alone. 0.2.4 reads and writes its file in each call, under a lock of its own.", ""]
    lines = [(name, rate(which, f"{prefix}one_per_s"), rate(which, f"{prefix}threads_per_s"))
             for name, which, prefix in (("header and hook alone", "ours", "floor_"), ("ours", "ours", ""), ("0.2.4", "reference", ""))]
    yield from table(["calls per second", "1 thread", "16 threads", "of 1 thread"],
                     [(name, one, many, f"{many / one:.2f}") for name, one, many in lines])
