"""SVG plots without a library: bars, and lines over a logarithmic number of Jobs."""

import math
from html import escape

INK, GRID = "#222", "#ccc"
COLOURS = ["#1f77b4", "#d95f02", "#3a923a", "#7b5ea7"]
FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, content, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}" {FONT} {extra}>{escape(str(content))}</text>'


def drawing(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
            f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")


def bars(title, values, unit):
    """`values`: (label, number). The first one, ours, has a colour of its own."""
    left, width, step, top = 350, 760, 26, 34
    most = max(number for _, number in values) or 1
    parts = [text(10, 20, title, extra='font-weight="bold"')]
    for place, (label, number) in enumerate(values):
        y = top + place * step
        length = (width - left - 110) * number / most
        parts.append(text(left - 8, y + 14, label, "end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="18" fill="{COLOURS[0 if place == 0 else 1]}"/>')
        parts.append(text(left + length + 6, y + 14, f"{number:,.1f} {unit}"))
    return drawing(width, top + len(values) * step + 10, parts)


def lines(title, unit, series):
    """`series`: name to a list of (number of Jobs, value). The value axis begins at 0."""
    left, right, top, bottom, width, height = 60, 200, 34, 40, 760, 300
    points = [point for values in series.values() for point in values]
    low, high = (math.log10(edge([x for x, _ in points])) for edge in (min, max))
    most = max(y for _, y in points) * 1.05 or 1

    def place(x, y):
        share = 0.5 if high == low else (math.log10(x) - low) / (high - low)
        return left + share * (width - left - right), height - bottom - (height - top - bottom) * y / most

    parts = [text(10, 20, title, extra='font-weight="bold"')]
    for quarter in range(5):
        value = most * quarter / 4
        _, y = place(points[0][0], value)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - right}" y2="{y:.1f}" stroke="{GRID}"/>')
        parts.append(text(left - 6, y + 4, f"{value:,.0f}" if most > 10 else f"{value:.1f}", "end"))
    for x in sorted({x for x, _ in points}):
        parts.append(text(place(x, 0)[0], height - bottom + 18, f"{x:,}", "middle"))
    parts.append(text((left + width - right) / 2, height - 6, f"known Jobs; values in {unit}", "middle"))
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in values))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*point) for point in values)]
        x, y = place(*values[-1])
        parts.append(text(x + 8, y + 4, name))
    return drawing(width, height, parts)
