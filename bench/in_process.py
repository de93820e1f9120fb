"""What bench/costs measures inside one Python process: python in_process.py {ours|reference} WHAT [ARGUMENT...]; prints JSON.

The plugin is called as MLflow's http_request() does, without the request itself.
"""

import array
import bisect
import gc
import json
import os
import re
import statistics
import struct
import sys
import threading
import time
import types

CALLS = 3000
THREADS = 16
FURTHER = 9  # as in parts/cold.py
HOST = os.environ["MLFLOW_TRACKING_URI"]


def memory_kib():
    """{"Rss": , "Pss": , "Private_Dirty": ...} of this process."""
    with open("/proc/self/smaps_rollup") as file:
        return {name: int(kib) for name, kib in re.findall(r"^(\w+): +(\d+) kB", file.read(), re.M)}


class Creds:  # of mlflow.utils.rest_utils.MlflowHostCreds what a plugin looks at, and as it has it
    def __init__(self):
        self.host, self.username, self.password, self.token, self.aws_sigv4, self.auth = HOST, None, None, None, False, None


class Request:  # of requests.PreparedRequest the same
    def __init__(self):
        self.url, self.headers, self.hooks = HOST + "/api/2.0/mlflow/experiments/search", {"Accept": "*/*"}, {"response": []}

    def register_hook(self, event, hook):
        self.hooks[event].append(hook)


class Floor:
    """A plugin that does nothing but what every one has to: look at the call, set the header, register the hook."""

    HEADER = "Bearer " + "x" * 400

    def request_headers(self):
        call = sys._getframe(1).f_locals
        creds, kwargs = call["host_creds"], call["kwargs"]
        if creds.host == HOST:
            kwargs["auth"] = self
        return {}

    def __call__(self, r):
        r.headers["Authorization"] = self.HEADER
        r.register_hook("response", self)
        return r


def http_request(provider, host_creds, **kwargs):
    """What happens of a request's way before it is sent."""
    headers = provider.request_headers()
    request = Request()
    if headers:
        request.headers.update(headers)
    elif "auth" in kwargs:
        kwargs["auth"](request)
    return request


def nothing(host_creds, **kwargs):
    return Request()


def median_us(call, count=CALLS, most_s=1):
    took, end = [], time.perf_counter_ns() + most_s * 1_000_000_000  # slow ones need not so many
    for _ in range(count):
        began = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - began)
        if began > end:
            break
    return statistics.median(took) / 1000


def in_threads(call, threads=THREADS):
    """Median microseconds of a call while all threads call, and calls per second of all."""
    medians, calls, gate = [], 20000 // threads, threading.Barrier(threads + 1)

    def work():
        gate.wait()
        medians.append(median_us(call, calls, most_s=60))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    gate.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return {"us": statistics.median(medians), "per_s": threads * calls / (time.perf_counter() - began)}


def the_plugin():
    from mlflow_oidc_client.request_header_provider import PluginOIDCRequestHeaderProvider

    return PluginOIDCRequestHeaderProvider()


def import_mlflow():
    """MLflow's own imports are not ours."""
    import mlflow.tracking  # noqa: F401
    import mlflow.utils.rest_utils  # noqa: F401
    from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider  # noqa: F401


def imported(which):
    """Import of the plugin, then one call: with a token from the cache if there is one, else with a new one."""
    import_mlflow()
    gc.collect()
    modules, before, began = set(sys.modules), memory_kib(), time.perf_counter()
    plugin = the_plugin()
    took = time.perf_counter() - began
    new = [name for name in set(sys.modules) - modules if not name.startswith("mlflow_oidc_client")]
    after_import = memory_kib()
    http_request(plugin, Creds())
    after_call = memory_kib()
    more = lambda now: {name: now[name] - before[name] for name in ("Rss", "Pss", "Private_Dirty")}  # noqa: E731
    return {"ms": took * 1000, "modules": len(new), "import_kib": more(after_import), "call_kib": more(after_call)}


def warm(which):
    plugin, floor, creds = the_plugin(), Floor(), Creds()
    sent = http_request(plugin, creds).headers["Authorization"]
    assert sent.startswith("Bearer "), sent
    base = median_us(lambda: nothing(creds))
    result = {"us": median_us(lambda: http_request(plugin, creds)) - base, "floor_us": median_us(lambda: http_request(floor, creds)) - base}
    for name, provider in (("", plugin), ("floor_", floor)):
        one, many = (in_threads(lambda: http_request(provider, creds), threads) for threads in (1, THREADS))
        result |= {f"{name}one_per_s": one["per_s"], f"{name}threads_us": many["us"], f"{name}threads_per_s": many["per_s"]}
    if which == "ours":
        from mlflow_oidc_client import _core

        server, ready, url = _core.server(HOST), globals, Request().url
        other = url + "?"
        calls = {"core_us": server.authorization, "dict_us": ready, "by_host_us": lambda: _core.server_at(HOST),
                 "by_url_us": lambda: _core.server(url), "lambda_us": lambda: None}
        result |= {name: mean_us(call) for name, call in calls.items()}
        in_turns = mean_us(lambda: (_core.server(url), _core.server(other)))
        result["by_other_url_us"] = (in_turns + result["lambda_us"]) / 2  # of two calls, as if each had a lambda of its own
    return result


def mean_us(call, count=20000):
    began = time.perf_counter_ns()
    for _ in range(count):
        call()
    return (time.perf_counter_ns() - began) / count / 1000


def hook_us(which):
    """A warm call alone."""
    plugin, creds = the_plugin(), Creds()
    http_request(plugin, creds)
    base = median_us(lambda: nothing(creds))
    return {"us": median_us(lambda: http_request(plugin, creds)) - base}


def met(which, count):
    """A warm call after requests to `count` servers of the settings file, and what meeting each took."""
    from mlflow_oidc_client import _core

    plugin, creds = the_plugin(), Creds()
    http_request(plugin, creds)
    base = median_us(lambda: nothing(creds))
    began = time.perf_counter()
    for i in range(int(count)):
        assert _core.server_at(f"http://127.0.0.{2 + i % 200}:{1000 + i}/") is not None
    took = time.perf_counter() - began
    return {"us": median_us(lambda: http_request(plugin, creds)) - base, "meet_ms": took * 1000 / int(count)}


def spread_us(took):
    took = sorted(took)
    at = lambda part: took[min(len(took) - 1, int(len(took) * part))] / 1000  # noqa: E731
    return {"calls": len(took), "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": took[-1] / 1000} if took else None


def steady(which, seconds, before_ms, floor=""):
    """Calls one after another for so long. `during` are those that begin up to `before_ms` before one that brings another token."""
    plugin, creds = Floor() if floor else the_plugin(), Creds()
    http_request(plugin, creds)
    clock, began, took, changes = time.perf_counter_ns, array.array("q"), array.array("q"), []
    end, last, brought = clock() + int(float(seconds) * 1e9), None, 0
    while (now := clock()) < end:
        header = http_request(plugin, creds).headers["Authorization"]
        after = clock()
        began.append(now)
        took.append(after - now)
        if header != last:
            brought = max(brought, after - now) if changes else 0  # the first is no renewal
            changes.append(now)
            last = header
    windows = [(change - int(before_ms) * 1_000_000, change) for change in changes[1:]]
    during = [took[i] for a, b in windows for i in range(bisect.bisect_left(began, a), bisect.bisect_right(began, b))]
    return {"all": spread_us(took), "during": spread_us(during), "renewals": len(windows), "brought": brought / 1000}


def do_nothing(plugin):
    return None


def read_cache(plugin):
    """The file alone, in Python."""
    name = next(name for name in os.listdir(os.environ["BENCH_CACHE"]) if name.endswith(".json"))
    with open(os.path.join(os.environ["BENCH_CACHE"], name), "rb") as file:
        return file.read() and None


def first(plugin):
    http_request(plugin, Creds())


def timed_first(plugin):
    """The same, and its milliseconds, as curl counts its own."""
    began = time.perf_counter()
    first(plugin)
    return (time.perf_counter() - began) * 1000


def further(plugin):
    """Token requests of a process that has made one; the median of their milliseconds."""
    from mlflow_oidc_client import _core

    header, server, took = http_request(plugin, Creds()).headers["Authorization"], _core.server(HOST), []
    for _ in range(FURTHER):
        last, began = header, time.perf_counter()
        server.login()
        took.append((time.perf_counter() - began) * 1000)
        header = server.authorization()
        assert header != last
    return statistics.median(took)


def many(plugin):
    """1000 calls, of which some of the reference's end the process."""
    for _ in range(1000):
        http_request(plugin, Creds())


ACTS = {"nothing": do_nothing, "read": read_cache, "first": first, "timed_first": timed_first, "further": further, "many": many}


def stand_in_for_mlflow():
    """A plugin with all that it imports but MLflow itself: 256 processes that import MLflow take minutes to start."""
    for name in ("mlflow", "mlflow.tracking", "mlflow.tracking.request_header", "mlflow.tracking.request_header.abstract_request_header_provider"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[name].RequestHeaderProvider = object
    sys.modules["mlflow.tracking"].get_tracking_uri = sys.modules["mlflow"].get_tracking_uri = lambda: HOST
    import html  # noqa: F401  MLflow imports these

    import requests  # noqa: F401


def crowd(which, acts, gates, told):
    """One of many (parts/crowd.py): waits at a gate, acts, tells when; at the next gate; and so on."""
    stand_in_for_mlflow()
    plugin = the_plugin()
    tell = lambda value: os.write(int(told), struct.pack("d", value))  # noqa: E731
    tell(0)
    for act, gate in zip(acts.split(","), gates.split(",")):
        os.read(int(gate), 1)
        value = float("nan")  # it failed
        try:
            value = ACTS[act](plugin)
            value = time.perf_counter() if value is None else -value  # the moment, or a time of its own
        except SystemExit:
            pass
        tell(value)
    os.read(int(gates.split(",")[-1]), 1)  # so that nobody's end takes time from the others


WHATS = {"imported": imported, "warm": warm, "hook": hook_us, "met": met, "steady": steady, "crowd": crowd}

if __name__ == "__main__":
    found = WHATS[sys.argv[2]](sys.argv[1], *sys.argv[3:])
    if found is not None:
        print(json.dumps(found))
