"""A short soak: script/soak runs the same for as long as it is told to."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parent.parent / "soak"


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.skipif("MOIDC_TEST_SANITIZER" in os.environ, reason="its memory is measured")
def test_40_seconds_of_a_soak_lose_no_call():
    done = subprocess.run([sys.executable, str(SOAK), "0.667"], capture_output=True, text=True, timeout=600)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
