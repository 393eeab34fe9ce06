"""Progress bars by tqdm, if it is installed and wanted."""

from __future__ import annotations

from typing import Any, Optional


class Bar:
    """Shows nothing."""

    def add(self, amount: int) -> None:
        pass

    def restart(self) -> None:
        """What was counted does not count any more."""

    def say(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class TqdmBar(Bar):
    def __init__(self, what: str, total: Optional[int], is_bytes: bool) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as problem:
            raise ImportError("progress bars need tqdm: pip install tqdm") from problem
        unit: Any = {"unit": "B", "unit_scale": True, "unit_divisor": 1024} if is_bytes else \
            {"bar_format": "{desc}: {postfix} [{elapsed}]"}
        self._bar: Any = tqdm(desc=what, total=total, leave=False, **unit)

    def add(self, amount: int) -> None:
        self._bar.update(amount)

    def restart(self) -> None:
        self._bar.reset(total=self._bar.total)

    def say(self, text: str) -> None:
        self._bar.set_postfix_str(text)

    def close(self) -> None:
        self._bar.close()


def make_bar(wanted: bool, what: str, total: Optional[int] = None, is_bytes: bool = True) -> Bar:
    return TqdmBar(what, total, is_bytes) if wanted else Bar()
