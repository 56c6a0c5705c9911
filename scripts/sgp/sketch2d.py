"""CAD in SketchGraphs' text form: numbered entities, then the constraints on them."""

import math

from facts import Count, Fact

HINT = ("Each entity has a number and a name: Line, Circle, Arc, Point. A Line has a direction "
        "(dirX, dirY), a point (pntX, pntY) and a range of its parameter. SN_Start and SN_End are "
        "the ends of an entity. Constraints follow the last entity that they refer to.")

OUTLINES = ["triangle", "rectangle", "open corner", "parallel lines"]
CONSTRAINTS = ["Horizontal", "Vertical", "Parallel", "Perpendicular", "Equal", "Tangent",
               "Concentric", "Midpoint"]
ROUND = ["Circle", "Arc", "Point", "Ellipse"]


def f(v):
    return "%.4f" % (v + 0.0 if abs(v) > 5e-5 else 0.0)


def line_text(a, b, construction):
    length = math.dist(a, b)
    dx, dy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    mid = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    return ("Line(dirX=%s, dirY=%s, pntX=%s, pntY=%s, startParam=%s, endParam=%s, "
            "isConstruction=%s)" % (f(dx), f(dy), f(mid[0]), f(mid[1]), f(-length / 2),
                                    f(length / 2), construction))


def round_text(rng, kind, construction):
    x, y, r = rng.between(-9, 9) / 100, rng.between(-9, 9) / 100, rng.between(1, 6) / 100
    if kind == "Point":
        return "Point(x=%s, y=%s, isConstruction=%s)" % (f(x), f(y), construction)
    text = "%s(xCenter=%s, yCenter=%s, xDir=1.0000, yDir=0.0000, radius=%s, " % (
        kind, f(x), f(y), f(r))
    if kind == "Ellipse":
        text += "minorRadius=%s, " % f(r / 2)
    text += "clockwise=False, "
    if kind == "Arc":
        text += "startParam=0.0000, endParam=%s, " % f(rng.between(8, 30) / 10)
    return text + "isConstruction=%s)" % construction


class Sketch:
    subject = "2D"

    def __init__(self, rng):
        self.rng = rng
        self.facts = []
        self.outline = rng.pick(OUTLINES)
        x, y = rng.between(-6, 0) / 100, rng.between(-6, 0) / 100
        w, h = rng.between(2, 9) / 100, rng.between(2, 9) / 100
        a, b, c, d = (x, y), (x + w, y), (x + w, y + h), (x, y + h)
        lines = {"triangle": [(a, b), (b, c), (c, a)],
                 "rectangle": [(a, b), (b, c), (c, d), (d, a)],
                 "open corner": [(a, b), (b, c)],
                 "parallel lines": [(a, b), (d, c)]}[self.outline]
        self.nodes = [("External", [])]
        self.add_lines(lines)
        kind = rng.pick(ROUND)
        count = Count(rng, 1)
        built = rng.chance(0.5)
        first = len(self.nodes)
        for _ in range(count.n):
            self.nodes.append((round_text(rng, kind, built), []))
        constraint = rng.pick(CONSTRAINTS)
        self.nodes[-1][1].append("%s(references=(%d, %d))" % (constraint, len(self.nodes) - 1,
                                                            rng.between(1, first - 1)))
        self.note(kind, count, constraint)

    def add_lines(self, lines):
        """The lines; where one begins on another's end, the ends are joined."""
        at = {}
        for a, b in lines:
            i = len(self.nodes)
            self.nodes.append((line_text(a, b, False), []))
            if self.rng.chance(0.65):
                continue                 # a line without its end points
            for k, (name, p) in enumerate((("SN_Start", a), ("SN_End", b))):
                me = i + 1 + k
                edges = ["SubnodeConstraint(references=(%d, %d))" % (me, i)]
                key = (round(p[0], 4), round(p[1], 4))
                if key in at:
                    edges.append("Coincident(references=(%d, %d))" % (me, at[key]))
                at[key] = me
                self.nodes.append((name, edges))

    def note(self, kind, count, constraint):
        low = kind.lower()
        self.fact("shape", "What do the lines of the sketch form?", self.outline,
                  "The lines form: %s." % self.outline, OUTLINES)
        self.fact("count", "How many %ss are in the sketch?" % low, count.n,
                  "There %s %d %s." % ("is" if count.n == 1 else "are", count.n,
                                       low if count.n == 1 else low + "s"), count.pool(self.rng))
        self.fact("semantics", "Which kind of entity is in the sketch beside the lines?", low,
                  "Beside the lines there is: %s." % low, [k.lower() for k in ROUND])
        self.fact("reasoning", "Which constraint ties the last entity to a line?", constraint,
                  "The last constraint is %s." % constraint, CONSTRAINTS)

    def fact(self, *args):
        self.facts.append(Fact(*args))

    def program(self):
        out = []
        for i, (name, edges) in enumerate(self.nodes):
            out += ["%d:%s" % (i, name)] + edges
        return ";".join(out) + ";%d:Stop;" % len(self.nodes)

    def title(self):
        return "This is a flat sketch."
