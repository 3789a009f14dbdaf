"""Bars as inline SVG: no script, no style from elsewhere, readable without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

BLUE, ORANGE = "#0072B2", "#D55E00"
WIDTH, HEIGHT = 640, 200
GROUND, BASE, TOP = 24, HEIGHT - 34, 22
# State -> fill, outline, sign. The sign tells it where colours do not.
LOOKS = {
    "right": (BLUE, BLUE, "✓"),
    "partly right": ("#B9DDF1", BLUE, "◐"),
    "not right": (ORANGE, ORANGE, "✗"),
    "not done": ("#FFFFFF", "#555555", "○"),
}


def histogram(scores: Sequence[float], points: float, bins: int = 10) -> tuple[Markup, list[int]]:
    """Return a histogram of scores, and the count in each of its bins.

    Parameters
    ----------
    scores : sequence of float
        From 0 to `points`; more counts as `points`.
    points : float
        The most that can be earned.
    bins : int
        How many bars; the last one includes the full score.
    """
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, max(0, int(bins * score / points)))] += 1
    most = max(counts, default=0) or 1
    step = (WIDTH - 2 * GROUND) / bins
    parts = []
    for place, count in enumerate(counts):
        left, height = GROUND + place * step, (BASE - TOP) * count / most
        parts.append(
            f'<rect x="{left + 2:.1f}" y="{BASE - height:.1f}" width="{step - 4:.1f}" '
            f'height="{height:.1f}" fill="{BLUE}"/>'
        )
        if count:
            parts.append(_text(left + step / 2, BASE - height - 5, str(count)))
        parts.append(_text(left, BASE + 16, f"{points * place / bins:g}"))
    parts.append(_text(GROUND + bins * step, BASE + 16, f"{points:g}"))
    parts.append(_text(WIDTH / 2, HEIGHT - 3, "points"))
    parts.append(
        f'<line x1="{GROUND}" y1="{BASE}" x2="{WIDTH - GROUND}" y2="{BASE}" stroke="#333333"/>'
    )
    label = f"Histogram of {len(scores)} scores; the table below has the same numbers."
    return _svg(label, parts, HEIGHT), counts


def shares(counts: Mapping[str, int]) -> Markup:
    """Return one bar that shows how many submissions are in each state."""
    total = sum(counts.values()) or 1
    left, parts = 1.0, []
    for state, count in counts.items():
        if not count:
            continue
        fill, line, sign = LOOKS[state]
        width = (WIDTH / 2 - 2) * count / total
        parts.append(
            f'<rect x="{left:.1f}" y="1" width="{width:.1f}" height="20" fill="{fill}" '
            f'stroke="{line}"/>'
        )
        if width > 16:
            dark = state in ("right", "not right")
            colour = "#FFFFFF" if dark else "#111111"
            parts.append(_text(left + width / 2, 16, sign, colour))
        left += width
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return _svg(said or "nobody", parts, 22, WIDTH // 2)


def _text(x: float, y: float, words: str, colour: str = "#111111") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="12" fill="{colour}">'
        f"{words}</text>"
    )


def _svg(label: str, parts: Sequence[str], height: int, width: int = WIDTH) -> Markup:
    """Put the parts together; all of them are numbers and signs of our own."""
    return Markup(
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
