"""usage: python worker.py SECONDS WARM_UP RESULTS

One long job: runs of MLflow with parameters and metrics, read back at their end, until its time is over. Writes a line of JSON for
each call that failed: from when to when, and why; and a last line of what came of all: calls made, values that were read back wrong,
and what the process used after the warm-up."""
import ctypes
import json
import os
import sys
import time

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

PAUSE_S = float(os.environ.get("SOAK_PAUSE_S", "0.1"))
STEPS = 12  # of a run
MEASURES = 24  # looks at what the process uses, over the time after the warm-up


class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


def allocated_bytes():
    """What malloc() has given out and not got back, the core's, libcurl's and OpenSSL's among it."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = Mallinfo2
    found = mallinfo2()
    return found.uordblks + found.hblkhd


def used():
    with open("/proc/self/smaps_rollup") as file:
        dirty = next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))
    with open("/proc/self/maps") as file:
        has_network = "/libcurl" in file.read()  # loaded once the process asks the provider itself, whenever that is
    return {"memory_kb": dirty, "malloc_kb": allocated_bytes() // 1024, "blocks": sys.getallocatedblocks(),
            "fds": len(os.listdir("/proc/self/fd")), "has_network": has_network}


class Job:
    def __init__(self, seconds, warm_up, results):
        self.results = results
        self.client = MlflowClient(tracking_uri=os.environ["URI"])
        self.began, self.seconds, self.warm_up = time.monotonic(), seconds, warm_up
        self.calls, self.lost, self.wrong, self.slowest, self.uses = 0, 0, 0, 0, []

    def tell(self, what):
        with open(self.results, "a") as file:
            file.write(json.dumps(what) + "\n")

    def over(self):
        return time.monotonic() - self.began >= self.seconds

    def call(self, function, *arguments, **options):
        """What it returns; None where it failed. The next one comes after a pause."""
        self.calls += 1
        began = time.time()
        try:
            return function(*arguments, **options)
        except Exception as error:
            self.lost += 1
            self.tell([began, time.time(), f"{type(error).__name__}: {error}"[:400]])
            return None
        finally:
            self.slowest = max(self.slowest, time.time() - began)
            self.look()
            time.sleep(PAUSE_S)

    def look(self):
        every = (self.seconds - self.warm_up) / MEASURES
        if time.monotonic() - self.began >= self.warm_up + every * len(self.uses):
            self.uses.append(used())

    def run(self, number):
        """One run of an experiment; each value that was logged stands there at its end."""
        run = self.call(self.client.create_run, "0", run_name=f"soak-{os.getpid()}-{number}")
        if run is None:
            return
        run_id, logged = run.info.run_id, {}
        self.call(self.client.log_param, run_id, "rate", 0.1)
        for step in range(STEPS):
            before = self.lost
            if step % 3 == 2:
                now = int(time.time() * 1000)
                metrics = [Metric(name, step / 7, now, step) for name in ("loss", "accuracy")]
                self.call(self.client.log_batch, run_id, metrics=metrics, params=[Param(f"p{step}", str(step))])
            else:
                self.call(self.client.log_metric, run_id, "loss", step / 7, step=step)
            if self.lost == before:
                logged["loss"] = step / 7
            if self.over():
                break
        self.call(self.client.search_experiments)
        found = self.call(self.client.get_run, run_id)
        if found is not None and logged and found.data.metrics.get("loss") != logged["loss"]:
            self.wrong += 1
        self.call(self.client.set_terminated, run_id)


def main():
    job, number = Job(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]), 0
    while not job.over():
        job.run(number)
        number += 1
    job.uses.append(used())
    job.tell({"calls": job.calls, "runs": number, "wrong": job.wrong, "slowest": job.slowest, "uses": job.uses})


if __name__ == "__main__":
    main()
