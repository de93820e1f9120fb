"""The clock of a test: provider, tracking server and the processes under test all follow it, without sleeping."""
import mmap
import struct
import time


class Clock:
    """The true time is what it returns; what the machine of the processes believes may differ."""

    FORMAT = "3q"  # as clock_shift.c reads it: all clocks, those that go on while the machine sleeps, the one that people set

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(struct.calcsize(self.FORMAT)))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), struct.calcsize(self.FORMAT))

    def __call__(self):
        shift, slept, _ = self._read()
        return time.time() + shift + slept

    def _read(self):
        return struct.unpack(self.FORMAT, self._map[:])

    def _add(self, *seconds):
        self._map[:] = struct.pack(self.FORMAT, *(have + int(more) for have, more in zip(self._read(), seconds)))

    @property
    def shift(self):
        return self._read()[0]

    def advance(self, seconds):
        self._add(seconds, 0, 0)

    def sleep(self, seconds):
        """The machine is suspended for so long: CLOCK_MONOTONIC stands still, the world goes on."""
        self._add(0, seconds, 0)

    def set(self, seconds):
        """Somebody sets the machine's clock ahead by that, or back; nothing else in the world moves."""
        self._add(0, 0, seconds)
