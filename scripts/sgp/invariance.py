"""The same drawing elsewhere: every coordinate of a program shifted, or turned and shifted.

Coordinates are rewritten, not wrapped in a transform: a turned rect becomes a polygon,
a turned ellipse a path of two arcs, H and V become L, the axes of arcs turn.
Numbers are rounded before the move, so the picture moves as a whole.
"""

import math

from shapes import Element
from svg_text import svg_text

COPIES = 5
MOST_TURN = 30       # degrees: what was above stays above


class Move:
    """x, y -> turned about `center` by `angle` degrees, then shifted."""

    def __init__(self, dx, dy, angle=0.0, center=(0, 0)):
        self.dx, self.dy, self.angle, self.center = dx, dy, angle, center
        self.cos, self.sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def __call__(self, x, y):
        if not self.angle:
            return x + self.dx, y + self.dy
        cx, cy = self.center
        u, v = x - cx, y - cy
        return (cx + u * self.cos - v * self.sin + self.dx,
                cy + u * self.sin + v * self.cos + self.dy)

    def transform(self):
        """The same as an SVG transform, to check against."""
        return "translate(%g %g) rotate(%g %g %g)" % (self.dx, self.dy, self.angle, *self.center)


def placed(e, f, dx, dy):
    """The element f times as large and shifted, in whole numbers, corners not rounded."""
    def n(v, shift=0):
        return round(v * f + shift)
    g = e.geo
    if e.kind in ("polygon", "polyline"):
        geo = [(n(x, dx), n(y, dy)) for x, y in g]
    elif e.kind == "path":
        geo = []
        for s in g:
            if s[0] == "A":
                geo.append(("A", n(s[1]), n(s[2]), s[3], s[4], s[5], n(s[6], dx), n(s[7], dy)))
            else:
                geo.append((s[0], *[n(v, (dx, dy)[i % 2]) for i, v in enumerate(s[1:])]))
    elif e.kind == "line":
        geo = (n(g[0], dx), n(g[1], dy), n(g[2], dx), n(g[3], dy))
    elif e.kind == "rect":
        geo = (n(g[0], dx), n(g[1], dy), max(1, n(g[2])), max(1, n(g[3])), 0)
    elif e.kind == "circle":
        geo = (n(g[0], dx), n(g[1], dy), max(1, n(g[2])))
    else:
        geo = (n(g[0], dx), n(g[1], dy), max(1, n(g[2])), max(1, n(g[3])))
    return copy(e, e.kind, geo, max(1, round(e.width * f)))


def copy(e, kind, geo, width):
    out = Element(kind, geo, e.part)
    out.fill, out.stroke, out.spelling, out.width = e.fill, e.stroke, e.spelling, width
    return out


def moved(e, move):
    g, kind = e.geo, e.kind
    if kind == "circle":
        geo = (*move(g[0], g[1]), g[2])
    elif kind == "line":
        geo = (*move(g[0], g[1]), *move(g[2], g[3]))
    elif kind in ("polygon", "polyline"):
        geo = [move(x, y) for x, y in g]
    elif kind == "path":
        geo = []
        for s in g:
            if s[0] == "A":
                geo.append(("A", s[1], s[2], s[3] + move.angle, s[4], s[5], *move(s[6], s[7])))
            else:
                pairs = [move(s[i], s[i + 1]) for i in range(1, len(s), 2)]
                geo.append((s[0], *[v for p in pairs for v in p]))
    elif not move.angle:
        geo = (*move(g[0], g[1]), *g[2:])
    elif kind == "rect":
        x, y, w, h, _ = g
        kind = "polygon"
        geo = [move(*p) for p in ((x, y), (x + w, y), (x + w, y + h), (x, y + h))]
    else:                                     # an ellipse
        cx, cy, rx, ry = g
        a, b = move(cx - rx, cy), move(cx + rx, cy)
        kind = "path"
        geo = [("M", *a), ("A", rx, ry, move.angle, 0, 1, *b), ("A", rx, ry, move.angle, 0, 1, *a),
               ("Z",)]
    return copy(e, kind, geo, e.width)


def small(d):
    """The elements of a drawing at 60 % in the middle of its canvas: room to move."""
    d.style.size = max(100, d.style.size)
    size = d.style.size
    return [placed(e, size * 0.006, size * 0.2, size * 0.2) for e in d.elements]


def program(d, base, move=None):
    """The text of a drawing's small elements, moved; one decimal where they are turned."""
    if move:
        base = [moved(e, move) for e in base]
    return svg_text(base, d.style, 1 if move and move.angle else 0)


def moves(rng, size):
    """Five shifts, and five turns with a shift, that keep the drawing on its canvas."""
    def shift():
        return rng.between(-size // 16, size // 16)
    middle = (size / 2, size / 2)
    shifts = [Move(shift() or 1, shift() or 1) for _ in range(COPIES)]
    turns = [Move(shift(), shift(), rng.pick([-1, 1]) * rng.between(5, MOST_TURN), middle)
             for _ in range(COPIES)]
    return shifts, turns
