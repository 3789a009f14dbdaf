"""How things that belong together look: colours told apart by everybody, and a second sign each.

No meaning hangs on a colour alone: what has a colour has a line style, a marker or a hatching too.

Source of the colours: Okabe and Ito, "Color universal design" (2008).
"""

from __future__ import annotations

BLUE = "#0072B2"
VERMILION = "#D55E00"
INK = "#1A1A1A"
FAINT = "#595959"
GRID = "#E4E4E4"

COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6E6E6E", "#B8A800")
LINES = ("-", "--", "-.", (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (8, 3)))
MARKERS = ("o", "X", "s", "^", "D", "v", "P", "*")
MARKER_SIZES = (6.5, 8.0, 6.5, 7.5, 6.5, 7.5, 8.0, 10.0)  # so that they look equally large
HATCHES = ("//", "..", "\\\\", "xx", "--", "oo", "||", "++")

MOST_CLASSES = len(COLOURS)
MOST_LINES = len(LINES)
