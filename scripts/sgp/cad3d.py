"""CAD in DeepCAD's text form: sketches of loops, each extruded; numbers in 8 bits.

`SOL;Line:(x,y);…` is a loop of curves that end at (x, y); `Arc:(x,y,angle,ccw)`;
`Circle:(x,y,r)`. `Ext:(theta,phi,gamma,px,py,pz,scale,e1,e2,operation,type)`
extrudes the loops before it. `EOS` ends the program.
"""

from facts import Count, Fact
from shapes import ring

HINT = ("SOL starts a closed loop. Line:(x,y) goes to (x,y). Arc:(x,y,angle,direction) goes to "
        "(x,y) on an arc. Circle:(x,y,r). Ext:(theta,phi,gamma,px,py,pz,scale,e1,e2,operation,type) "
        "extrudes the loops before it. EOS ends.")

OUTLINES = ["circle", "triangle", "rectangle", "pentagon", "hexagon", "L-shape", "semicircle",
            "slot"]
OPERATIONS = ["Newbody", "Join", "Cut", "Intersect"]
DOES = {"Newbody": "makes a new body", "Join": "adds to the body", "Cut": "cuts from the body",
        "Intersect": "keeps the common part"}
TYPES = ["One-sided", "Symmetric", "Two-sided"]
ORDER = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]


def q(v):
    """A value in 8 bits."""
    return str(max(0, min(255, int(round(v)))))


def loop(kind, cx, cy, r, rng):
    if kind == "circle":
        return "SOL;Circle:(%s,%s,%s)" % (q(cx), q(cy), q(r))
    if kind == "semicircle":
        return "SOL;Line:(%s,%s);Arc:(%s,%s,128,1)" % (q(cx + r), q(cy), q(cx - r), q(cy))
    if kind == "slot":
        h = r * 0.5
        return "SOL;Line:(%s,%s);Arc:(%s,%s,128,1);Line:(%s,%s);Arc:(%s,%s,128,1)" % tuple(map(q, (
            cx + r, cy - h, cx + r, cy + h, cx - r, cy + h, cx - r, cy - h)))
    if kind == "rectangle":
        h = r * rng.real(0.5, 1)
        points = [(cx + r, cy - h), (cx + r, cy + h), (cx - r, cy + h), (cx - r, cy - h)]
    elif kind == "L-shape":
        t = r * rng.real(0.4, 0.7)
        points = [(cx + r, cy - r), (cx + r, cy - r + t), (cx - r + t, cy - r + t),
                  (cx - r + t, cy + r), (cx - r, cy + r), (cx - r, cy - r)]
    else:
        n = {"triangle": 3, "pentagon": 5, "hexagon": 6}[kind]
        points = ring(n, cx, cy, r, rng.pick([-90, 0, 90]))
    return "SOL;" + ";".join("Line:(%s,%s)" % (q(x), q(y)) for x, y in points)


def extrude(rng, operation, e1):
    turn = rng.pick([(128, 128, 128), (192, 64, 192), (128, 192, 128)])
    return "Ext:(%d,%d,%d,%d,%d,%d,%d,%d,%d,%s,%s)" % (
        *turn, rng.between(40, 128), rng.between(40, 128), 128, rng.between(60, 200), e1, 128,
        operation, rng.pick(TYPES))


class Solid:
    """The text of a solid, and what is true of it. One sketch, or ("complex") 2 to 5."""

    def __init__(self, rng, complex_):
        self.rng = rng
        self.subject = "3Dcomplex" if complex_ else "3D"
        self.facts = []
        steps = []
        n = Count(rng, 2, 1).n if complex_ else 1
        deep = rng.sample(range(132, 252, 8), n)
        for i in range(n):
            kind = rng.pick(OUTLINES)
            operation = "Newbody" if i == 0 else rng.pick(OPERATIONS)
            text = loop(kind, 128, 128, rng.between(60, 96), rng)
            if i == 0:
                text += self.holes(kind)
            steps.append(text + ";" + extrude(rng, operation, deep[i]))
            where = "first sketch" if complex_ else "outline"
            if i < 2:
                where = "%s sketch" % ORDER[i] if complex_ else "outline"
                self.fact("shape", "What is the outline of the %s?" % where if complex_ else
                          "What is the outline of the object seen from above?", kind,
                          "The shape of the %s is %s." % (where, kind), OUTLINES)
            if i in (1, 2):
                self.fact("reasoning", "What does the %s extrusion do?" % ORDER[i],
                          DOES[operation], "The %s extrusion %s." % (ORDER[i], DOES[operation]),
                          list(DOES.values()))
        if complex_:
            self.fact("count", "How many extrusions make the object?", n,
                      "There are %d extrusions." % n, ["2", "3", "4", "5"])
        if n >= 4:
            i = deep.index(max(deep))
            self.fact("reasoning", "Which extrusion is the deepest?", "the " + ORDER[i],
                      "The deepest extrusion is the %s." % ORDER[i],
                      ["the " + o for o in ORDER[:n]])
        self.text = ";".join(steps) + ";EOS"

    def fact(self, *args):
        self.facts.append(Fact(*args))

    def holes(self, kind):
        rng = self.rng
        if self.subject == "3Dcomplex" and rng.chance(0.6):
            return ""
        c = Count(rng, 0)
        form = rng.pick(["circle", "rectangle", "triangle", "hexagon"])
        spots = [(112, 112), (144, 112), (128, 144)][:c.n]
        self.fact("count", "How many holes does the first sketch have?" if self.subject != "3D" else
                  "How many holes does the object have?", c.n,
                  "There %s %d hole%s." % ("is" if c.n == 1 else "are", c.n,
                                           "" if c.n == 1 else "s"), c.pool(rng))
        if c.n:
            self.fact("shape", "What is the shape of the holes?", form,
                      "The shape of the holes is %s." % form, ["circle", "rectangle", "triangle", "hexagon"])
        r = rng.between(8, 14)
        return "".join(";" + loop(form, x, y, r, rng) for x, y in spots)

    def program(self):
        return self.text

    def title(self):
        return "This is a solid of sketches and extrusions."
