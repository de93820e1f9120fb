"""Shared objects of C that are preloaded into a process under test, or loaded by one."""
import functools
import os
import subprocess
from pathlib import Path


@functools.cache
def built(name, folder):
    """Builds the C file of that name beside this one; its path, in `folder`, goes into LD_PRELOAD."""
    target = folder / f"{name}.so"
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run(
        [*compiler, "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", target,
         Path(__file__).with_name(f"{name}.c"), "-ldl", "-lpthread"],
        check=True,
    )
    return target
