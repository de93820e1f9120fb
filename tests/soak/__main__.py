"""usage: python tests/soak [MINUTES]: real MLflow in 8 processes with 10-second tokens, while the provider restarts, rotates its keys
and refuses renewals; prints what became of it, and fails if a call was lost though a way to a token existed."""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "functional"))

from provider import Provider  # noqa: E402
from server import TrackingServer  # noqa: E402

PROCESSES, LIFETIME_S = 8, 10


def environment(folder, provider, server):
    passed = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_PRELOAD") or "SAN_OPTIONS" in name}
    return {**passed, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "URI": server.uri,
            "MLFLOW_TRACKING_URI": server.uri, "MLFLOW_TRACKING_OIDC_ISSUER": provider.issuer,
            "MLFLOW_TRACKING_OIDC_CLIENT_ID": "robot", "MLFLOW_TRACKING_OIDC_CLIENT_SECRET": provider.clients["robot"],
            "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def trouble(provider, turn):
    """One of the things that happen to a provider; each leaves a way to a token before the present one ends."""
    kind = turn % 4
    if kind == 0:
        provider.down()
        time.sleep(1)
        provider.up()
    elif kind == 1:
        provider.rotate_keys(label=f"soak-{turn % 2}")
    elif kind == 2:
        provider.replace("token", 400, json={"error": "temporarily_unavailable"}, times=1)
    else:
        provider.replace("token", 503, times=1)


def run(minutes):
    seconds = minutes * 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        provider = Provider()
        provider.add_client("robot", "s3cret-of-the-soak")
        provider.expires_in = LIFETIME_S
        server = TrackingServer(accepts=provider.accepts)
        worker = str(Path(__file__).with_name("worker.py"))
        warm_up = min(60, seconds / 2)
        command = [os.environ.get("MOIDC_TEST_PYTHON", sys.executable), worker, str(seconds), str(warm_up)]
        running = [subprocess.Popen(command, env=environment(folder, provider, server), cwd=folder,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for _ in range(PROCESSES)]
        turn, until = 0, time.monotonic() + seconds
        while time.monotonic() < until and all(process.poll() is None for process in running):
            time.sleep(7)
            trouble(provider, turn)
            turn += 1
        outputs = [process.communicate(timeout=120) for process in running]
        found = [json.loads(out.splitlines()[-1]) if process.returncode == 0 else {"died": process.returncode, "stderr": err}
                 for process, (out, err) in zip(running, outputs)]
        provider.close(), server.close()
        return report(found, provider, server, turn, seconds)


def report(found, provider, server, turns, seconds):
    died = [f for f in found if "died" in f]
    alive = [f for f in found if "died" not in f]
    lost = {text: n for f in alive for text, n in f["lost"].items()}
    growth = [f["memory_kb"][1] - f["memory_kb"][0] for f in alive]
    requests = provider.count("token")
    print(f"calls made        {sum(f['calls'] for f in alive)} by {len(alive)} processes in {seconds:.0f} s, {turns} troubles")
    print(f"calls lost        {sum(n for f in alive for n in f['lost'].values())}")
    print(f"token requests    {requests}; one for each {seconds / max(requests, 1):.1f} s")
    print(f"without a token   {len(server.without_token())}")
    print(f"memory growth     {max(growth, default=0)} KB at most after the warm-up")
    print(f"file descriptors  {max((f['fds'][1] - f['fds'][0] for f in alive), default=0):+d} at most")
    for text, n in lost.items():
        print(f"lost {n}: {text}")
    for f in died:
        print(f"died: {f}")
    # the descriptors of a request to the provider may be open at the last look
    fine = (not died and not lost and not server.without_token() and requests <= seconds / LIFETIME_S * 3 + turns + PROCESSES
            and all(f["fds"][1] - f["fds"][0] <= 6 for f in alive) and max(growth) < 4000)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]) if len(sys.argv) > 1 else 30))
