"""What bench/costs measures inside one Python process: python in_process.py {ours|reference} WHAT; prints JSON.

The plugin is called as MLflow's http_request() does, without the request itself.
"""

import json
import os
import statistics
import sys
import threading
import time

CALLS = 3000
THREADS = 16
HOST = os.environ["MLFLOW_TRACKING_URI"]


def resident_kib():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])


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


def median_us(call, count=CALLS):
    took = []
    for _ in range(count):
        began = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - began)
    return statistics.median(took) / 1000


def in_threads(call, threads=THREADS):
    """Median microseconds of a call while all threads call, and calls per second of all."""
    medians, gate = [], threading.Barrier(threads + 1)

    def work():
        gate.wait()
        medians.append(median_us(call, CALLS // 10))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    gate.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return statistics.median(medians), threads * (CALLS // 10) / (time.perf_counter() - began)


def the_plugin():
    from mlflow_oidc_client.request_header_provider import PluginOIDCRequestHeaderProvider

    return PluginOIDCRequestHeaderProvider()


def imported(_):
    import mlflow.tracking  # noqa: F401  MLflow's own imports are not ours
    import mlflow.utils.rest_utils  # noqa: F401
    from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider  # noqa: F401

    modules, memory, began = set(sys.modules), resident_kib(), time.perf_counter()
    the_plugin()
    took = time.perf_counter() - began
    new = [name for name in set(sys.modules) - modules if not name.startswith("mlflow_oidc_client")]
    loaded = resident_kib() - memory
    return {"ms": took * 1000, "modules": len(new), "kib": loaded}


def warm(which):
    plugin, floor, creds = the_plugin(), Floor(), Creds()
    sent = http_request(plugin, creds).headers["Authorization"]
    assert sent.startswith("Bearer "), sent
    memory = resident_kib()
    base = median_us(lambda: nothing(creds))
    result = {"us": median_us(lambda: http_request(plugin, creds)) - base, "memory_kib": memory}
    result["floor_us"] = median_us(lambda: http_request(floor, creds)) - base
    result["threads_us"], result["threads_per_s"] = in_threads(lambda: http_request(plugin, creds))
    if which == "ours":
        from mlflow_oidc_client import _core

        server, ready = _core.server(HOST), globals
        count = 20000
        for name, call in (("core_us", server.authorization), ("dict_us", ready)):
            began = time.perf_counter_ns()
            for _ in range(count):
                call()
            result[name] = (time.perf_counter_ns() - began) / count / 1000
    return result


def first(_):
    """The first token of this process, at the moment that all of them wait for: a line on stdin."""
    plugin, creds = the_plugin(), Creds()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    try:
        http_request(plugin, creds)
    except SystemExit:
        pass
    return {"ms": (time.time() - began) * 1000}


def many(_):
    """1000 calls, of which some of the reference's end the process."""
    plugin, creds = the_plugin(), Creds()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(1000):
        http_request(plugin, creds)
    return {}


if __name__ == "__main__":
    print(json.dumps({"imported": imported, "warm": warm, "first": first, "many": many}[sys.argv[2]](sys.argv[1])))
