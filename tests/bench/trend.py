"""How a figure grows with the number of Jobs. Pure."""


def slope(points):
    """Of the straight line through (number, value) with the least squares."""
    count = len(points)
    middle_x, middle_y = (sum(point[axis] for point in points) / count for axis in (0, 1))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def describe(points, unit):
    """`points`: (number of Jobs, value), ascending. Flat: the largest value is less than 1.25 times the smallest. Faster than
    linear: the last step is 1.5 times as steep as the line through the first point and the last but one."""
    if len(points) < 2:
        return "one size only"
    values = [value for _, value in points]
    step = slope(points) * 1000
    per_thousand = f"{step:+,.0f} {unit} per 1,000 Jobs" if abs(step) >= 10 else f"{step:+.2g} {unit} per 1,000 Jobs"
    if max(values) < 1.25 * min(values):
        return f"flat ({per_thousand})"
    if max(values[0], values[-1]) < 1.25 * min(values[0], values[-1]):
        return f"varies without a trend ({per_thousand})"
    if values[-1] < values[0]:
        return f"falls ({per_thousand})"
    if len(points) > 2:
        before, last = slope([points[0], points[-2]]), slope(points[-2:])
        if last > 1.5 * before:
            return f"grows faster than linear ({per_thousand})"
        if last < before / 1.5:
            return f"grows slower than linear ({per_thousand})"
    return f"linear ({per_thousand})"
