# SPDX-License-Identifier: MIT
"""The ratios of a run of scripts/bench as a picture: a bar for each comparison that has a target, which is the line that
all bars start from. To the right is better than wanted, to the left is worse; the scale is logarithmic.
"""
import math
from html import escape

BAR, GAP, LEFT, HALF, RIGHT = 16, 6, 470, 260, 150
BETTER, WORSE, INK, FAINT = "#2f7d4f", "#b5482f", "#222", "#999"
FURTHEST = 10.0  # times better or worse than the target; further is cut


def advantage(comparison):
    """How many times better than its target: above 1 is met."""
    relation, bound = comparison.target.split()
    part = comparison.ratio / float(bound)
    return part if relation == ">=" else 1 / part


def bars(rows):
    for row in rows:
        for other in row.against:
            if other.target and other.ratio:
                yield f"{row.id}  {row.name}  /  {other.name}", other


def svg(rows):
    drawn = list(bars(rows))
    height = (BAR + GAP) * len(drawn) + 60
    middle = LEFT + HALF
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + 2 * HALF + RIGHT}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="#fff"/>',
             text(middle, 18, "the target", "middle", INK)]
    for times in (2, 5, 10):
        for sign in (-1, 1):
            x = middle + sign * HALF * math.log(times) / math.log(FURTHEST)
            parts += [line(x, 26, height - 14, FAINT),
                      text(x, 18, f"{times} x {'better' if sign > 0 else 'worse'}", "middle", FAINT)]
    for i, (label, other) in enumerate(drawn):
        y = 32 + i * (BAR + GAP)
        times = max(1 / FURTHEST, min(FURTHEST, advantage(other)))
        width = HALF * math.log(times) / math.log(FURTHEST)
        parts += [text(LEFT - 8, y + 12, label, "end", INK),
                  f'<rect x="{middle + min(0, width):.1f}" y="{y}" width="{abs(width):.1f}" height="{BAR}" '
                  f'fill="{BETTER if other.met else WORSE}"/>',
                  text(middle + HALF + 8, y + 12, f"{other.ratio:.3g}  (wanted {other.target})", "start", INK)]
    return "\n".join([*parts, line(middle, 26, height - 14, INK), "</svg>"]) + "\n"


def text(x, y, words, anchor, colour):
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def line(x, top, bottom, colour):
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}" stroke-width="1"/>'
