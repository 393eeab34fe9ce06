"""Writes a workbook to try the application with: python3 sample.py sales.xlsx. Five years of invented monthly sales."""

import math
import random
import sys
from datetime import datetime

from openpyxl import Workbook


def rows(months=60):
    """[(month, sales in the north, sales in the south)], the same each time."""
    dice = random.Random(2026)
    for number in range(months):
        season = math.sin(number * math.pi / 6)
        yield (datetime(2021 + number // 12, number % 12 + 1, 1), round(820 + 6.5 * number + 140 * season + dice.gauss(0, 18)),
               round(1240 - 2.2 * number - 210 * season + dice.gauss(0, 25)))


def write(path):
    book = Workbook()
    book.active.title = "Sales"
    book.active.append(["month", "north", "south"])
    for row in rows():
        book.active.append(row)
    for cell in book.active["A"][1:]:
        cell.number_format = "yyyy-mm"
    book.save(path)


if __name__ == "__main__":
    write(sys.argv[1])
