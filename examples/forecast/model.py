"""How a series goes on: exponential smoothing with trend and season (Holt-Winters, additive). Pure functions over numbers."""

from itertools import product
from statistics import NormalDist, fmean

# Which smoothing factors a method fits: of the level, the trend and the season.
METHODS = {"holt-winters": (True, True, True), "trend": (True, True, False), "level": (True, False, False)}
FACTORS = (0.05, 0.15, 0.3, 0.5, 0.75, 0.95)


def least(season):
    """How many values a forecast needs."""
    return max(2 * season, 3)


def smooth(values, season, factors, horizon, trending):
    """(What was expected at each value, the next `horizon` values.) A season of 1 is none."""
    alpha, beta, gamma = factors
    first = fmean(values[:season])
    trend = (fmean(values[season:2 * season]) - first) / season if trending else 0.0
    level = first - trend * (season + 1) / 2
    pattern = [value - level - trend * (at + 1) for at, value in enumerate(values[:season])] if season > 1 else [0.0]
    expected = []
    for at, value in enumerate(values):
        usual = pattern[at % season]
        expected.append(level + trend + usual)
        before, level = level, alpha * (value - usual) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        pattern[at % season] = gamma * (value - level) + (1 - gamma) * usual
    return expected, [level + trend * (step + 1) + pattern[(len(values) + step) % season] for step in range(horizon)]


def forecast(values, horizon=12, season=12, method="holt-winters", confidence=0.9, smoothing=None):
    """A dict of numbers and lists. `smoothing` fixes the factor of the level; the others, and that one if it is None, are
    those with the smallest squared error. Needs least(season) values."""
    fits = METHODS[method]
    season = season if fits[2] else 1
    warm = season if season > 1 else 1  # the first values make the beginning of the series

    def errors(factors):
        expected, _ = smooth(values, season, factors, 0, fits[1])
        return [value - guess for value, guess in zip(values[warm:], expected[warm:])]

    choices = [FACTORS if used else (0.0,) for used in fits]
    if smoothing is not None:
        choices[0] = (smoothing,)
    best = min(product(*choices), key=lambda factors: sum(error * error for error in errors(factors)))
    missed = errors(best)
    _, ahead = smooth(values, season, best, horizon, fits[1])
    spread = fmean(error * error for error in missed) ** 0.5 * NormalDist().inv_cdf((1 + confidence) / 2)
    margins = [spread * (1 + step * best[0] ** 2) ** 0.5 for step in range(horizon)]
    before, size = fmean(values[-horizon:]), fmean(map(abs, values))
    return {
        "observations": len(values),
        "mean": fmean(ahead),
        "growth_percent": 100 * (fmean(ahead) / before - 1) if before else None,
        "error_percent": 100 * fmean(map(abs, missed)) / size if size else 0.0,
        "smoothing": dict(zip(("level", "trend", "season"), best)),
        "forecast": ahead,
        "lower": [value - margin for value, margin in zip(ahead, margins)],
        "upper": [value + margin for value, margin in zip(ahead, margins)],
    }
