"""Reads a QR code that was drawn in a terminal, by a reader that is not ours."""
import zxingcpp

SCALE = 4  # pixels for each module
BLOCKS = {"\u2588": (255, 255), "\u2580": (255, 0), "\u2584": (0, 255), " ": (0, 0)}  # light on a dark terminal


def read(screen):
    """The text of the code in what the terminal shows; None when there is none."""
    lines = [line for line in screen.replace("\r", "").split("\n") if line and not set(line) - set(BLOCKS)]
    rows = [[BLOCKS[block][half] for block in line] for line in lines for half in (0, 1)]
    # the terminal itself is dark around it
    width = len(rows[0]) + 8
    rows = [[0] * width] * 4 + [[0] * 4 + row + [0] * 4 for row in rows] + [[0] * width] * 4
    pixels = bytes(value for row in rows for _ in range(SCALE) for value in row for _ in range(SCALE))
    image = memoryview(pixels).cast("B", [len(rows) * SCALE, width * SCALE])
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return found[0].text if found else None
