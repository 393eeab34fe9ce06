"""A chart of a series and its forecast, as PNG. Cairo draws it: an image with matplotlib would be several times as large."""

from math import floor, log10

import cairo

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1040, 440, 84, 28, 52, 44
INK, MUTED, GRID, ACCENT = (0.1, 0.11, 0.15), (0.4, 0.42, 0.48), (0.88, 0.89, 0.92), (0.255, 0.314, 0.784)


def steps(least, most, count=5):
    """Round numbers from `least` to `most`."""
    raw = (most - least) / count
    unit = 10 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    return [step * number for number in range(floor(least / step), floor(most / step) + 2)]


def draw(path, title, labels, history, ahead):
    """labels: of the history and the forecast; ahead: what model.forecast gives."""
    every = history + ahead["lower"] + ahead["upper"]
    if max(every) == min(every):
        every = [every[0] - 1, every[0] + 1]
    ticks = steps(min(every), max(every))
    places = len(labels)

    def at(place, value):
        return (LEFT + place / (places - 1) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (HEIGHT - TOP - BOTTOM))

    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, WIDTH, HEIGHT)
    pen = cairo.Context(surface)
    pen.set_source_rgb(1, 1, 1)
    pen.paint()

    def write(text, x, y, align=0.0, size=13, color=MUTED, bold=False):
        pen.select_font_face("DejaVu Sans", cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_BOLD if bold else cairo.FONT_WEIGHT_NORMAL)
        pen.set_font_size(size)
        pen.set_source_rgb(*color)
        pen.move_to(x - align * pen.text_extents(text).x_advance, y)
        pen.show_text(text)
        pen.new_path()  # else the next line begins at the text

    def line(points, color, width, dashes=()):
        pen.set_source_rgb(*color)
        pen.set_line_width(width)
        pen.set_dash(dashes)
        for point in points:
            pen.line_to(*point)
        pen.stroke()

    write(title, LEFT, 30, size=16, color=INK, bold=True)
    for tick in ticks:
        y = at(0, tick)[1]
        line([(LEFT, y), (WIDTH - RIGHT, y)], GRID, 1)
        write(f"{tick:,.10g}", LEFT - 10, y + 5, align=1.0)
    for place in range(0, places, max(1, -(-places // 8))):
        write(labels[place], at(place, 0)[0], HEIGHT - 16, align=0.5)

    start = len(history)
    for number, value in enumerate(ahead["upper"]):
        pen.line_to(*at(start + number, value))
    for number, value in reversed(list(enumerate(ahead["lower"]))):
        pen.line_to(*at(start + number, value))
    pen.set_source_rgba(*ACCENT, 0.15)
    pen.fill()
    line([at(place, value) for place, value in enumerate(history)], INK, 2)
    line([at(start - 1 + place, value) for place, value in enumerate(history[-1:] + ahead["forecast"])], ACCENT, 2.5, (7, 4))
    surface.write_to_png(str(path))
