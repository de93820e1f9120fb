"""What runs in the interpreter under test.

    python inside.py zygote FD     imports MLflow once, without our plugin, then forks a process for each order that comes in
    python inside.py serve FD      a process of its own from the start

Such a process loads the plugin as MLflow does, then executes what the test sends and says what came of it. It uses nothing but the
standard library and what the snippets themselves import."""
import array
import atexit
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import termios
import threading
import time
import traceback

OURS = ("mlflow_oidc_client", "mlflow_oidc_client.request_header_provider", "mlflow_oidc_client.request_auth_provider")
HEAVY = (
    "requests", "mlflow", "mlflow.tracking", "mlflow.utils.rest_utils", "mlflow.store.tracking.rest_store",
    "mlflow.store.artifact.mlflow_artifacts_repo", "mlflow.tracking.request_header.registry",
    "mlflow.tracking.request_auth.registry", "mlflow.deployments",
)


def seconds():
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)  # the clock that clock_shift.c leaves alone


# --- the names that snippets use ---
def token(uri=None, **options):
    import mlflow_oidc_client

    return mlflow_oidc_client.get_token(uri or os.environ["URI"], **options)


def login(uri=None):
    import mlflow_oidc_client

    return mlflow_oidc_client.login(uri or os.environ["URI"])


def logout(uri=None):
    import mlflow_oidc_client

    return mlflow_oidc_client.logout(uri or os.environ["URI"])


def search(uri=None):
    """A real call of MLflow's."""
    from mlflow.tracking import MlflowClient

    return [e.name for e in MlflowClient(tracking_uri=uri or os.environ["URI"]).search_experiments()]


def prepared():
    """(session, request): a request that is prepared and not sent."""
    import mlflow_oidc_client
    import requests

    session, url = requests.Session(), os.environ["URI"] + "/api/2.0/mlflow/experiments/search"
    return session, session.prepare_request(requests.Request("GET", url, auth=mlflow_oidc_client.OIDCAuth()))


def describe(error):
    chain, ours, cause = [], None, error
    while cause is not None and len(chain) < 10:
        chain.append(str(cause))
        if ours is None and hasattr(cause, "oauth_error"):
            ours = cause  # MLflow wraps what its requests raise in an exception of its own
        cause = cause.__cause__ or cause.__context__
    fields = ("code", "http_status", "oauth_error", "what", "where", "next")
    return {
        "type": type(error).__name__,
        "classes": [c.__name__ for c in type(error).__mro__],
        "text": str(error),
        "chain": chain,
        "trace": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        **{name: getattr(ours, name, None) for name in fields},
    }


def attempt(function, *arguments, **options):
    """What came of a call: {"value": ...} or {"error": ...}, with its seconds."""
    began = seconds()
    try:
        result = {"value": function(*arguments, **options), "error": None}
    except BaseException as error:
        result = {"value": None, "error": describe(error)}
    return {**result, "seconds": seconds() - began}


def threads(count, function):
    """`count` threads released together; what came of each."""
    results, barrier = [None] * count, threading.Barrier(count)

    def run(index):
        barrier.wait()
        results[index] = attempt(function)

    running = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


def forked(function):
    """What came of a call in a forked child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            with os.fdopen(writer, "w") as file:
                file.write(json.dumps(attempt(function), default=repr))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else {"error": {"type": "died", "text": "the forked child died"}, "value": None}


# --- running what the test sends ---
def evaluate(code, names):
    try:
        compiled = compile(code, "<test>", "eval")
    except SyntaxError:
        names.pop("result", None)
        exec(compile(code, "<test>", "exec"), names)
        return names.get("result")
    return eval(compiled, names)


def serve(control):
    names = {name: globals()[name] for name in ("token", "login", "logout", "search", "prepared", "attempt", "threads", "forked", "seconds")}
    names.update(os=os, sys=sys, threading=threading, time=time)
    with control.makefile("r", encoding="utf-8") as orders:
        for line in orders:
            order = json.loads(line)
            if order.get("exit") == "whole":
                return
            outcome = attempt(evaluate, order["code"], names)
            sys.stdout.flush()
            sys.stderr.flush()
            control.sendall((json.dumps(outcome, default=repr) + "\n").encode())
    leave()


def leave():
    """A normal exit up to the point where Python takes its 1200 modules apart, which costs more than most tests."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if "GCOV_PREFIX" in os.environ:
        ctypes.CDLL(None).exit(0)  # script/coverage: the counters are written by the C library's exit()
    os._exit(0)


def load_plugins():
    """Repeats what MLflow does at import with its plugins' entry points."""
    for name in OURS:
        if sys.modules.get(name, ...) is None:
            del sys.modules[name]
    header = sys.modules.get("mlflow.tracking.request_header.registry")
    if header is not None:
        header._request_header_provider_registry.register_entrypoints()
    auth = sys.modules.get("mlflow.tracking.request_auth.registry")
    if auth is not None:
        auth._request_auth_provider_registry.register_entrypoints()


def become(order, descriptors):
    """Makes the forked child look as if it had been started with this environment, folder and output."""
    control, out, err = descriptors
    null = os.open(os.devnull, os.O_RDONLY)
    if order.get("terminal"):
        os.setsid()
        fcntl.ioctl(err, termios.TIOCSCTTY, 0)
        os.dup2(err, 0)
    else:
        os.setpgid(0, 0)
        os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (out, err, null):
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).moidc_test_clock_open(order["environment"].get("MOIDC_TEST_CLOCK", "").encode())
    return socket.socket(fileno=control)


def receive(channel):
    """One order, a line of JSON, with the descriptors that came along."""
    data, descriptors = b"", array.array("i")
    while not data.endswith(b"\n"):
        part, ancillary, _, _ = channel.recvmsg(1 << 16, socket.CMSG_SPACE(3 * descriptors.itemsize))
        if not part:
            return b"", []
        data += part
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return data, list(descriptors)


def zygote(channel):
    """Returns in the children only, with their control socket."""
    import importlib
    import warnings

    for name in OURS:
        sys.modules[name] = None  # its import fails: MLflow goes on without the plugin
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in HEAVY:
            with contextlib.suppress(ImportError):  # older releases lack some
                importlib.import_module(name)
    channel.sendall(b'"ready"\n')
    while True:
        data, descriptors = receive(channel)
        if not data:
            os._exit(0)
        order = json.loads(data)
        if "poll" in order:
            pid, status = os.waitpid(order["poll"], os.WNOHANG)
            channel.sendall((json.dumps(os.waitstatus_to_exitcode(status) if pid else None) + "\n").encode())
            continue
        pid = os.fork()
        if pid == 0:
            channel.close()
            return become(order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        channel.sendall((json.dumps(pid) + "\n").encode())


def main():
    role, descriptor = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with Ctrl-C ignored
    del sys.path[0]  # the folder of the tests: their modules are none of the interpreter under test
    channel = socket.socket(fileno=descriptor)
    if role == "zygote":
        channel = zygote(channel)
        sys.argv = ["inside.py"]
        load_plugins()
    serve(channel)


if __name__ == "__main__":
    main()
