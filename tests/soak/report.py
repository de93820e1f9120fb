"""The figures of a soak, and whether they are as promised."""
import collections
import re
import statistics

from machines import LIFETIME_S, RECOVERY_S

IDENTITIES = 3
MEMORY_MOST_KB = 600  # more than a job without the plugin; noise of Python's own allocator
FDS_MOST = 8  # that are open at one look and not at another: connections to the provider, a lock, the listener of a sign-in


class Figures:
    def __init__(self, found, provider, server, seconds):
        self.provider, self.server, self.seconds = provider, server, seconds
        self.died = [f for f in found if "died" in f]
        self.plain = [f for f in found if f["kind"] == "plain" and "died" not in f]
        self.jobs = [f for f in found if f["kind"] != "plain" and "died" not in f]

    @property
    def calls(self):
        return sum(f["calls"] for f in self.jobs)

    def failed(self, in_outage):
        """The calls that failed, within outages or elsewhere: (kind of job, from, to, text)."""
        def within(began, ended):
            return any(start <= began and ended <= end for start, end in self.provider.outages)

        return [(f["kind"], *call) for f in self.jobs for call in f["lost"] if within(*call[:2]) == in_outage]

    def recovered_s(self):
        """How long after the end of an outage the last call failed, at most."""
        back = [end - RECOVERY_S for _, end in self.provider.outages]
        late = [began - up for _, began, _, _ in self.failed(True) for up in back if 0 <= began - up <= RECOVERY_S]
        return max(late, default=0)

    def growth(self, what, jobs):
        """From the warm-up to the end: medians of the first and the last quarter of the looks. What libcurl and OpenSSL take, once,
        in a process that loads them in between is no growth."""
        grown = []
        for f in jobs:
            values = [use[what] for use in f["uses"] if use["has_network"] == f["uses"][-1]["has_network"]]
            quarter = max(len(values) // 4, 1)
            grown.append(round(statistics.median(values[-quarter:]) - statistics.median(values[:quarter])))
        return grown or [0]

    def fds(self, jobs):
        """The fewest and the most after the warm-up, of each."""
        return [(min(use["fds"] for use in f["uses"]), max(use["fds"] for use in f["uses"])) for f in jobs]

    def grants(self):
        return collections.Counter(r.form.get("grant_type", "?") for r in self.provider.received("token"))

    def most_token_requests(self):
        """Each identity renews when a fifth of the life is left; each trouble may cost each of them two more, with the tries."""
        return IDENTITIES * (self.seconds / (LIFETIME_S * 0.8) + 1 + 2 * self.provider.turn)


def tell(figures):
    provider, tally = figures.provider, figures.server.tally
    lost, excused = figures.failed(False), figures.failed(True)
    requests = provider.count("token")
    print(f"calls made        {figures.calls} by {len(figures.jobs)} processes in {figures.seconds:.0f} s; "
          f"{sum(f['runs'] for f in figures.jobs)} runs, {sum(f['wrong'] for f in figures.jobs)} read back wrong; "
          f"slowest call {max((f['slowest'] for f in figures.jobs), default=0):.1f} s")
    print(f"troubles          {provider.turn}: {', '.join(f'{n} {kind}' for kind, n in provider.done.items())}")
    print(f"calls lost        {len(lost)}")
    print(f"... in outages    {len(excused)}, the last {figures.recovered_s():.1f} s after one was over")
    print(f"token requests    {requests} of {figures.most_token_requests():.0f} at most: "
          f"{', '.join(f'{n} {kind}' for kind, n in figures.grants().items())}; {provider.sign_ins} sign-ins")
    print(f"at the proxy      {', '.join(f'{n} {verdict}' for verdict, n in sorted(tally.items()))}")
    for what, unit in (("memory_kb", "KB of dirty pages"), ("malloc_kb", "KB of malloc()"), ("blocks", "Python objects")):
        print(f"growth            {figures.growth(what, figures.jobs)} {unit}; without the plugin {figures.growth(what, figures.plain)}")
    print(f"file descriptors  {figures.fds(figures.jobs)} at least and at most")
    for (kind, text), n in collections.Counter((kind, message(text)) for kind, _, _, text in lost).most_common(20):
        print(f"lost {n}, {kind}: {text}")
    faults = list(judge(figures, lost))
    print(*(f"not as promised: {fault}" for fault in faults), sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


def message(text):
    """Without what differs from call to call."""
    return re.sub(r".* failed with exception |http://127.0.0.1:\d+", "", text)


def judge(figures, lost):
    tally, provider = figures.server.tally, figures.provider
    if figures.died or not figures.jobs:
        yield f"processes died: {figures.died}"
        return
    if lost:
        yield f"{len(lost)} calls lost"
    if provider.done["refuse_renewals"] and provider.sign_ins < 4 or provider.done["refuse_access"] and not tally["refused"]:
        yield f"the troubles met nobody: {provider.sign_ins} sign-ins, {dict(tally)}"
    if any(f["wrong"] for f in figures.jobs):
        yield "what was logged is not there"
    if tally["without a token"] or tally["expired"]:
        yield f"requests came without a good token: {dict(tally)}"
    if provider.count("token") > figures.most_token_requests():
        yield f"{provider.count('token')} token requests"
    base = max(figures.growth("memory_kb", figures.plain))
    if max(figures.growth("memory_kb", figures.jobs)) > max(base, 0) + MEMORY_MOST_KB:
        yield f"memory grows: {figures.growth('memory_kb', figures.jobs)} KB"
    if any(most - least > FDS_MOST for least, most in figures.fds(figures.jobs)):
        yield f"file descriptors grow: {figures.fds(figures.jobs)}"
