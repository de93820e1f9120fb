"""Inside one process: import, a token for a request, 16 threads, memory. Contenders take turns, each in processes of its own."""

import statistics

from parts.world import BOTH, table

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


def rows(found):
    of = lambda *path: (middle(found["reference"][path[0]], *path[1:]), middle(found["ours"][path[0]], *path[1:]))  # noqa: E731
    ours = lambda name: middle(found["ours"]["warm"], name)  # noqa: E731
    yield "import of the plugin, MLflow's own imports apart", *of("imported", "ms"), None, "", "ms"
    yield "modules that are not its own", *of("imported", "modules"), None, "", ""
    for what, kind, step in (("the import", "imported", "import_kib"), ("import and a warm call", "imported", "call_kib"),
                             ("import and a first token from the provider", "cold", "call_kib")):
        yield f"memory that {what} adds", *(value / 1024 for value in of(kind, step, "Rss")), None, "", "MiB"
    yield "token for a request, warm", *of("warm", "us"), ours("floor_us"), "header and hook alone", "us"
    yield "the core's part of it", None, ours("core_us"), ours("dict_us"), "C call that returns a dict", "us"
    yield "the same in 16 threads, a call", *of("warm", "threads_us"), ours("floor_threads_us"), "header and hook alone", "us"
    yield "the same in 16 threads, calls per second", *of("warm", "threads_per_s"), None, "", ""


def section(found):
    yield from ["## Memory", "",
                "KiB that a process has more than after MLflow's own imports (`/proc/self/smaps_rollup`): resident; its share of it, where",
                "pages are shared; written to and its own alone, which is what each further process costs.", ""]
    steps = (("the import", "imported", "import_kib"), ("and a warm call", "imported", "call_kib"),
             ("instead, a first token by the network", "cold", "call_kib"))
    yield from table(["", *(f"{who}: {kind}" for who in ("0.2.4", "ours") for kind in ("Rss", "Pss", "private dirty"))],
                     [(what, *(f"{middle(found[which][run], step, kind):,.0f}" for which in ("reference", "ours") for kind in KINDS))
                      for what, run, step in steps])
    rate = lambda which, name: middle(found[which]["warm"], name)  # noqa: E731
    yield from ["## Threads", "",
                "All calls of a process, per second, in 1 thread and in 16. No Python thread runs beside another but while one has given up",
                "the interpreter's lock, which a warm call of ours never does: so what 16 threads get is what one gets, as it is for the",
                "header and the hook alone. 0.2.4 reads and writes its file in each call, under a lock of its own.", ""]
    lines = [(name, rate(which, f"{prefix}one_per_s"), rate(which, f"{prefix}threads_per_s"))
             for name, which, prefix in (("header and hook alone", "ours", "floor_"), ("ours", "ours", ""), ("0.2.4", "reference", ""))]
    yield from table(["calls per second", "1 thread", "16 threads", "of 1 thread"],
                     [(name, one, many, f"{many / one:.2f}") for name, one, many in lines])
