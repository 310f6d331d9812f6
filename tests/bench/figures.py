"""Sum up and print figures."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def milliseconds(values: Sequence[float]) -> str:
    """`p50 / p95 / worst`, from values in milliseconds."""
    return (
        f"p50 {median(values):6.0f} ms   p95 {percentile(values, 95):6.0f} ms"
        f"   worst {max(values):6.0f} ms   n={len(values)}"
    )


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def line(name: str, value: str) -> None:
    print(f"  {name:<38} {value}", flush=True)
