"""How a series goes on: exponential smoothing with trend and season (Holt-Winters, additive). Pure functions over numbers."""

from itertools import product
from statistics import NormalDist, fmean

FITTED, NONE = (0.05, 0.15, 0.3, 0.5, 0.75, 0.95), (0.0,)
# The factors that a method tries: of the level, the trend and the season.
METHODS = {"holt-winters": (FITTED, FITTED, FITTED), "trend": (FITTED, FITTED, NONE), "level": (FITTED, NONE, NONE)}


def needed(season, method):
    """How many values a forecast needs."""
    return max(2 * season if METHODS[method][2] is FITTED else 2, 3)


def smooth(values, season, factors, horizon, trending):
    """(How far each value was missed one period ahead, the next `horizon` values.) A season of 1 is none."""
    alpha, beta, gamma = factors
    first = fmean(values[:season])
    trend = (fmean(values[season:2 * season]) - first) / season if trending else 0.0
    level = first - trend * (season + 1) / 2
    pattern = [value - level - trend * (at + 1) for at, value in enumerate(values[:season])] if season > 1 else [0.0]
    errors = []
    for at, value in enumerate(values):
        usual = pattern[at % season]
        errors.append(value - (level + trend + usual))
        before, level = level, alpha * (value - usual) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        pattern[at % season] = gamma * (value - level) + (1 - gamma) * usual
    # The first values made the beginning of the series.
    return errors[season:], [level + trend * (step + 1) + pattern[(len(values) + step) % season] for step in range(horizon)]


def forecast(values, horizon=12, season=12, method="holt-winters", confidence=0.9, smoothing=None):
    """A dict of numbers and lists. `smoothing` fixes the factor of the level; the others, and that one if it is None, are
    those with the smallest squared error. Needs needed(season, method) values."""
    level, trend, seasonal = METHODS[method]
    season = season if seasonal is FITTED else 1
    tried = [(factors, *smooth(values, season, factors, horizon, trend is FITTED)) for factors in product(level if smoothing is None else (smoothing,), trend, seasonal)]
    best, errors, ahead = min(tried, key=lambda one: sum(error * error for error in one[1]))
    spread = fmean(error * error for error in errors) ** 0.5 * NormalDist().inv_cdf((1 + confidence) / 2)
    margins = [spread * (1 + step * best[0] ** 2) ** 0.5 for step in range(horizon)]
    before, size = fmean(values[-horizon:]), fmean(map(abs, values))
    return {
        "observations": len(values), "mean": fmean(ahead), "growth_percent": 100 * (fmean(ahead) / before - 1) if before else None,
        "error_percent": 100 * fmean(map(abs, errors)) / size if size else 0.0, "smoothing": dict(zip(("level", "trend", "season"), best)),
        "forecast": ahead, "lower": [value - margin for value, margin in zip(ahead, margins)], "upper": [value + margin for value, margin in zip(ahead, margins)],
    }
