"""Processes that are let go at one moment, and say when each had done what it was to do."""

import math
import os
import struct
import subprocess
import time

from parts.world import IN_PROCESS


class Crowd:
    """`count` processes with the plugin imported and nothing met; release() has all of them do the next of `acts`
    (in_process.py, ACTS). They live until the end, with what they hold."""

    def __init__(self, world, which, count, acts, env):
        self._count = count
        self._gates = [os.pipe() for _ in range(len(acts) + 1)]
        self._heard, told = os.pipe()
        ours = [gate for gate, _ in self._gates]
        command = [world.venvs[which] / "bin/python", IN_PROCESS, which, "crowd", ",".join(acts), ",".join(map(str, ours)), told]
        words = [str(word) for word in command]
        self._processes = [
            subprocess.Popen(words, env=env, cwd=world.folder, pass_fds=(*ours, told), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(count)]
        for descriptor in (*ours, told):
            os.close(descriptor)
        self._next = 0
        self._hear()

    def _hear(self):
        told = []
        while len(told) < self._count:
            record = os.read(self._heard, 8)
            assert record, "a process of the crowd died"
            told += struct.unpack("d", record)
        return told

    def release(self):
        """Milliseconds from the release until each of those that succeeded had done it, sorted; of an act that times
        itself, its own milliseconds."""
        began = time.perf_counter()  # one clock for all processes
        os.close(self._gates[self._next][1])
        self._next += 1
        return sorted(-value if value < 0 else (value - began) * 1000 for value in self._hear() if not math.isnan(value))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for _, gate in self._gates[self._next :]:
            os.close(gate)
        for process in self._processes:
            process.wait()
        os.close(self._heard)


def one(world, which, act, env):
    """Milliseconds that it takes in a process of its own."""
    with Crowd(world, which, 1, [act], env) as crowd:
        (took,) = crowd.release()
        return took
