"""What a drawing is made of: elements with plain geometry, written as SVG later.

An element keeps absolute coordinates; how it is spelled (polygon or path,
absolute or relative, attribute or style) is drawn once and kept beside it, so
that a moved copy is spelled alike.
"""

import math

FIGURES = ["circle", "ellipse", "rectangle", "triangle", "diamond", "pentagon",
           "hexagon", "star", "cross", "heart", "semicircle"]
PLURAL = {"ellipse": "ellipses", "cross": "crosses"}


def plural(word):
    if word in PLURAL:
        return PLURAL[word]
    return word + ("es" if word.endswith(("s", "sh", "ch", "x")) else "s")


class Element:
    """kind: rect circle ellipse line polyline polygon path; geo: its numbers.

    rect x y w h rx | circle cx cy r | ellipse cx cy rx ry | line x1 y1 x2 y2 |
    polyline, polygon [(x, y)…] | path [(command, numbers…)…], absolute.
    """

    def __init__(self, kind, geo, part=None):
        self.kind, self.geo, self.part = kind, geo, part
        self.fill = self.stroke = None
        self.width = 2
        self.spelling = {}


def rect(x, y, w, h, rx=0):
    return Element("rect", (x, y, w, h, rx))


def circle(cx, cy, r):
    return Element("circle", (cx, cy, r))


def ellipse(cx, cy, rx, ry):
    return Element("ellipse", (cx, cy, rx, ry))


def line(x1, y1, x2, y2):
    return Element("line", (x1, y1, x2, y2))


def polyline(*points):
    return Element("polyline", list(points))


def polygon(*points):
    return Element("polygon", list(points))


def path(*segments):
    return Element("path", list(segments))


def ring(n, cx, cy, r, start=-90.0):
    """n points on a circle, the first at the top."""
    return [(cx + r * math.cos(math.radians(start + 360.0 * i / n)),
             cy + r * math.sin(math.radians(start + 360.0 * i / n))) for i in range(n)]


def figure(kind, cx, cy, r, flip=False):
    """One of FIGURES around a point, about 2r across."""
    if kind == "circle":
        return circle(cx, cy, r)
    if kind == "ellipse":
        return ellipse(cx, cy, r * 0.6, r) if flip else ellipse(cx, cy, r, r * 0.6)
    if kind == "rectangle":
        w, h = (r * 1.2, r * 2) if flip else (r * 2, r * 1.2)
        return rect(cx - w / 2, cy - h / 2, w, h)
    if kind == "triangle":
        s = -1 if flip else 1
        return polygon((cx, cy - s * r), (cx + r, cy + s * r), (cx - r, cy + s * r))
    if kind == "diamond":
        return polygon((cx, cy - r), (cx + r, cy), (cx, cy + r), (cx - r, cy))
    if kind == "pentagon":
        return polygon(*ring(5, cx, cy, r))
    if kind == "hexagon":
        return polygon(*ring(6, cx, cy, r, 0 if flip else -90))
    if kind == "star":
        outer, inner = ring(5, cx, cy, r), ring(5, cx, cy, r * 0.4, -54)
        return polygon(*[p for pair in zip(outer, inner) for p in pair])
    if kind == "cross":
        t = r / 3
        return polygon((cx - t, cy - r), (cx + t, cy - r), (cx + t, cy - t), (cx + r, cy - t),
                       (cx + r, cy + t), (cx + t, cy + t), (cx + t, cy + r), (cx - t, cy + r),
                       (cx - t, cy + t), (cx - r, cy + t), (cx - r, cy - t), (cx - t, cy - t))
    if kind == "heart":
        return path(("M", cx, cy + r),
                    ("C", cx - 2 * r, cy - r / 2, cx - r, cy - 1.5 * r, cx, cy - r / 2),
                    ("C", cx + r, cy - 1.5 * r, cx + 2 * r, cy - r / 2, cx, cy + r), ("Z",))
    if kind == "semicircle":
        return path(("M", cx - r, cy + r / 2), ("A", r, r, 0, 0, 1, cx + r, cy + r / 2), ("Z",))
    raise ValueError(kind)
