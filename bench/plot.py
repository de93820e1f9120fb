"""A plot of ratios as SVG: one row for each figure, ours as a bar on a logarithmic scale of the reference's."""

import html
import math

WIDTH, LEFT, RIGHT, ROW = 900, 340, 190, 26
LEAST = 1e-4


def short(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def bars(rows):
    """rows: (what, the reference's value, ours, unit). Ratio 1 is at the right end; ours is the bar."""
    room = WIDTH - LEFT - RIGHT
    height = ROW * len(rows) + 60
    place = lambda ratio: LEFT + room * (1 - math.log10(max(LEAST, min(ratio, 10)) / 10) / math.log10(LEAST / 10))  # noqa: E731
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>']
    for power in range(-4, 2):
        x = place(10.0**power)
        out.append(f'<line x1="{x:.0f}" y1="10" x2="{x:.0f}" y2="{height - 36}" stroke="{"#555" if power == 0 else "#ddd"}"/>')
        out.append(f'<text x="{x:.0f}" y="{height - 20}" text-anchor="middle">{"1" if power == 0 else f"{10.0**power:g}"}</text>')
    for i, (what, reference, ours, unit) in enumerate(rows):
        y, x = 14 + i * ROW, place(ours / reference)
        out.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{html.escape(what)}</text>')
        out.append(f'<rect x="{LEFT}" y="{y}" width="{max(1, x - LEFT):.0f}" height="{ROW - 8}" fill="#2b6cb0"/>')
        shown = f"{ours / reference:.2g} ({short(ours)} of {short(reference)} {unit}".rstrip() + ")"
        out.append(f'<text x="{x + 5:.0f}" y="{y + 13}">{shown}</text>')
    return "\n".join([*out, f'<text x="{LEFT}" y="{height - 4}">ours as a part of 0.2.4, logarithmic</text>', "</svg>", ""])
