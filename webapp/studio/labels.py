"""Numbers as people read them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

KILOBYTE = 1024


def length(seconds: float) -> str:
    """6.0 as "6.0 s", 83.44 as "1:23.4"."""
    tenths = round(seconds * 10)
    if tenths < 600:
        return f"{tenths / 10:.1f} s"
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def size(size_bytes: int) -> str:
    """4_400_000 as "4.2 MB": kilobytes of 1024, as the limit for uploads counts them."""
    if size_bytes < KILOBYTE:
        return f"{size_bytes} bytes"
    amount = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= KILOBYTE
        if amount < KILOBYTE or unit == "GB":
            break
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def frame_rate(fps: float) -> str:
    """29.970029 as "29.97 fps", 25.0 as "25 fps"."""
    return f"{round(fps, 2):g} fps"


def dimensions(width: int, height: int) -> str:
    return f"{width} × {height}"


def roughly(seconds: float) -> str:
    """11.6 as "12 s", 95.0 as "2 min": for times that are only expected."""
    return f"{max(round(seconds), 1)} s" if seconds < 90 else f"{round(seconds / 60)} min"


def money(amount: Decimal, unit: str) -> str:
    """0.008 USD as "$0.008", 12.5 CU as "12.5 CU": four decimals at most, and of dollars two at least.

    static/js/job-cost.js writes the same while the form is filled in.
    """
    exact = amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    number = f"{exact:,f}".rstrip("0").rstrip(".")
    if unit != "USD":
        return f"{number} {unit}"
    whole, _, fraction = number.partition(".")
    return f"${whole}.{fraction:0<2}"
