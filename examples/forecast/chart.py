"""A chart of a series and its forecast, as PNG. Cairo draws it: an image with matplotlib would be several times as large."""

from math import ceil, floor, log10

import cairo

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1040, 440, 84, 28, 52, 44
INK, MUTED, GRID, ACCENT, BAND = (0.1, 0.11, 0.15, 1), (0.4, 0.42, 0.48, 1), (0.88, 0.89, 0.92, 1), (0.255, 0.314, 0.784, 1), (0.255, 0.314, 0.784, 0.15)


def steps(least, most):
    """Round numbers from `least` to `most`, some five of them."""
    unit = 10 ** floor(log10((most - least) / 5))
    step = next(unit * factor for factor in (1, 2, 5, 10) if 5 * unit * factor >= most - least)
    return [step * number for number in range(floor(least / step), ceil(most / step) + 1)]


def draw(path, title, labels, history, ahead):
    """labels: of the history and the forecast; ahead: what model.forecast gives."""
    every = history + ahead["lower"] + ahead["upper"]
    ticks = steps(min(every), max(every)) if max(every) > min(every) else [every[0] - 1, every[0], every[0] + 1]
    pen = cairo.Context(cairo.ImageSurface(cairo.FORMAT_RGB24, WIDTH, HEIGHT))
    pen.set_source_rgb(1, 1, 1)
    pen.paint()
    pen.select_font_face("DejaVu Sans")
    pen.set_font_size(13)

    def at(place, value):
        height = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return LEFT + place / (len(labels) - 1) * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM)

    def trace(points, color, width=0):  # without a width, the area within the points
        for point in points:
            pen.line_to(*at(*point))
        pen.set_source_rgba(*color)
        pen.set_line_width(width)
        pen.stroke() if width else pen.fill()

    def write(text, x, y, align, color=MUTED):
        pen.set_source_rgba(*color)
        pen.move_to(x - align * pen.text_extents(text).x_advance, y)
        pen.show_text(text)
        pen.new_path()  # else the next line begins at the text

    write(title, LEFT, 30, 0, INK)
    for tick in ticks:
        trace([(0, tick), (len(labels) - 1, tick)], GRID, 1)
        write(f"{tick:,.10g}", LEFT - 10, at(0, tick)[1] + 5, 1)
    for place in range(0, len(labels), ceil(len(labels) / 8)):
        write(labels[place], at(place, 0)[0], HEIGHT - 16, 0.5)
    trace([*enumerate(ahead["upper"], len(history)), *reversed([*enumerate(ahead["lower"], len(history))])], BAND)
    trace(enumerate(history), INK, 2)
    trace(enumerate(history[-1:] + ahead["forecast"], len(history) - 1), ACCENT, 2.5)
    pen.get_target().write_to_png(str(path))
