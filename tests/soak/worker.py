"""One long job: real calls of MLflow until it is told to end; what came of them on the last line, as JSON."""
import collections
import json
import os
import sys
import time

from mlflow.tracking import MlflowClient


def memory_kb():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))


def main():
    seconds, warm_up = float(sys.argv[1]), float(sys.argv[2])
    client = MlflowClient(tracking_uri=os.environ["URI"])
    began, calls, lost, first = time.monotonic(), 0, collections.Counter(), None
    while time.monotonic() - began < seconds:
        calls += 1
        try:
            client.search_experiments()
        except Exception as error:
            lost[str(error)[:300]] += 1
        if first is None and time.monotonic() - began > warm_up:
            first = memory_kb(), len(os.listdir("/proc/self/fd"))
        time.sleep(0.05)
    last = memory_kb(), len(os.listdir("/proc/self/fd"))
    print(json.dumps({"calls": calls, "lost": lost, "memory_kb": [first[0], last[0]], "fds": [first[1], last[1]]}))


main()
