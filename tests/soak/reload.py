"""usage: python reload.py URL

The person at the browser, as the functional tests' one: signs in, and where the provider does not answer reloads the page."""
import http.client
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "functional"))

from browser import follow  # noqa: E402

PATIENCE_S = 15


def main(url):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            page = follow(url)
            if page.status < 500:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1])
