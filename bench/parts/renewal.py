"""Calls that meet an expiring token: one after another for seconds, while each token request takes 200 ms."""

import statistics

from parts.world import note, table

# a fifth of the lifetime, in which it is renewed, is well above the delay and the second that whole seconds may take from it
DELAY_S, LIFETIME_S, WINDOW_MS = 0.2, 8, 300
FIELDS = ("p50", "p99", "p999", "max")


def measure(world):
    """{name: {field: median of the runs, of max the largest}}"""
    found = {}
    world.provider.effect("token", delay=DELAY_S)
    kinds = (("ours", LIFETIME_S, 21, "renewed"), ("ours", 3600, 7, "not renewed"), ("ours", 3600, 7, "floor"),
             ("reference", LIFETIME_S, 10, "0.2.4"))
    for turn in range(2):
        for which, lifetime_s, seconds, name in kinds[: 3 if turn else 4]:
            world.provider.expires_in = lifetime_s
            world.forget(which, "renewal")
            told = world.inside(which, "steady", str(seconds), str(WINDOW_MS), *["floor"] * (name == "floor"),
                                env=world.environment(which, "renewal"))
            found.setdefault(name, []).append(told["all"])
            if told["during"] is not None:
                found.setdefault(name + ", during", []).append(told["during"] | {"renewals": told["renewals"], "brought": told["brought"]})
            note(f"renewal: {name} {told}")
    world.provider.heal()
    world.provider.expires_in = 3600
    return {name: summary(runs) for name, runs in found.items()}


def summary(runs):
    return {field: (max if field == "max" else statistics.median)(run[field] for run in runs) for field in FIELDS} | {
        "calls": sum(run["calls"] for run in runs), "renewals": sum(run.get("renewals", 0) for run in runs),
        "brought": max(run.get("brought", 0) for run in runs)}


def rows(found):
    during, quiet = found["renewed, during"], found["not renewed"]
    yield ("calls while a token is renewed, 99.9 of 100", found["0.2.4, during"]["p999"], during["p999"], quiet["p999"],
           "the same without a renewal", "us")


def section(found):
    during, quiet = found["renewed, during"], found["not renewed"]
    yield from ["## A call that meets an expiring token", "",
                f"Calls one after another, us each. Tokens live {LIFETIME_S} s, and the provider takes {DELAY_S * 1000:.0f} ms for each token"
                f" request. \"During\" are the calls of the",
                f"{WINDOW_MS} ms before the first call that has the new token, {during['renewals']} renewals of ours. Two lines are the same loop without any",
                "renewal, and without us, header and hook alone: what the machine and its other work do to a loop.", ""]
    names = (("during a renewal", "renewed, during"), ("the whole of that loop", "renewed"), ("no renewal", "not renewed"),
             ("header and hook alone", "floor"), ("0.2.4, during", "0.2.4, during"))
    yield from table(["", "calls", "median", "99 of 100", "99.9 of 100", "slowest", "99.9 / median"],
                     [(name, *(found[key][field] for field in ("calls", *FIELDS)), f"{found[key]['p999'] / found[key]['p50']:.1f}")
                      for name, key in names])
    waited = during["brought"] >= DELAY_S * 1e6
    yield from [f"The first call with a new token took {during['brought']:,.0f} us at the most: "
                + ("it waited for the network." if waited else "none waited for the network.")
                + f" 99.9 of 100 calls took {during['p999'] / quiet['p999']:.2f} times what they take", "without a renewal.", ""]
