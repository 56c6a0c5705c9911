"""A drawing under construction: parts get colours, and facts are noted on the way."""

import colors
import shapes
from facts import Count, Fact
from shapes import plural
from svg_text import Style, svg_text


class Drawing:
    def __init__(self, rng, category):
        self.rng = rng
        self.category = category
        self.style = Style(rng)
        self.elements = []
        self.facts = []
        self.colors = rng.shuffled(colors.NAMES)   # handed out in this order
        self.parts = []                            # (name, colour, is plural)

    # -- elements ---------------------------------------------------------
    def add(self, element, part=None, fill=None, stroke=None, width=3):
        """One element in a spelled colour; returns it."""
        element.part = part
        element.fill, element.stroke, element.width = fill, stroke, width
        self.elements.append(element)
        return element

    def color(self):
        return self.colors.pop()

    def spell(self, color):
        return self.style.spell_color(self.rng, color)

    def part(self, name, element, stroke=False, width=3, fact=True, many=False):
        """A part in a colour of its own, with the question for it. Returns the colour."""
        color = self.color()
        spelled = self.spell(color)
        many = many or isinstance(element, list)
        for e in element if isinstance(element, list) else [element]:
            self.add(e, name.replace(" ", "-"), *((None, spelled, width) if stroke else (spelled,)))
        if fact:
            self.color_fact(name, color, many)
        return color

    # -- facts ------------------------------------------------------------
    def fact(self, *args, **kw):
        self.facts.append(Fact(*args, **kw))

    def color_fact(self, name, color, many=False):
        self.parts.append((name, color, many))
        be = "are" if many else "is"
        self.fact("color", "What color %s the %s?" % (be, name), color,
                  "The %s %s %s." % (name, be, color), colors.NAMES)

    def count(self, name, low=1, windows=1, kind="count"):
        """How many of something: draws the number and notes the questions."""
        c = Count(self.rng, low, windows)
        many = plural(name)
        says = "There %s %d %s." % ("is" if c.n == 1 else "are", c.n, name if c.n == 1 else many)
        self.fact(kind, "How many %s are there?" % many, c.n, says, c.pool(self.rng))
        if self.rng.chance(0.5):
            self.fact("reasoning", "If one more %s were added, how many %s would there be?"
                      % (name, many), c.n + 1, says[:-1] + ", and one more makes %d."
                      % (c.n + 1), c.pool(self.rng, 1))
        return c.n

    def figure_kind(self, name, among=shapes.FIGURES):
        """Which figure a part has the form of: draws it and notes the question."""
        kind = self.rng.pick(among)
        self.fact("shape", "What is the shape of the %s?" % name, kind,
                  "The shape of the %s is %s." % (name, kind), among)
        return kind

    def choice(self, kind, question, values, statement, keep=True):
        """One of a few equally likely variants. `statement` has %s for the value."""
        value = self.rng.pick(values)
        self.fact(kind, question, value, statement % value, values, keep)
        return value

    def finish(self):
        """Facts that every drawing has; colours of other parts become near misses."""
        used = [c for _, c, _ in self.parts]
        for f in self.facts:
            if f.kind == "color":
                f.near = [c for c in used if c != f.answer]
        names = [name for name, _, _ in self.parts]
        if len(names) >= 4:
            name, color, _ = self.rng.pick(self.parts)
            self.fact("reasoning", "Which part of the drawing is %s?" % color, "the " + name,
                      "The %s part is the %s." % (color, name), ["the " + n for n in names])
        named = [e.part for e in self.elements]
        for e in self.elements:
            self.style.spell_element(self.rng, e, named.count(e.part) > 1)
        return self

    # -- text -------------------------------------------------------------
    def scaled(self):
        return [scale(e, self.style.size / 100) for e in self.elements]

    def program(self):
        return svg_text(self.scaled(), self.style)


def scale(e, f):
    """The element with every length times f (drawings are made on 0..100)."""
    if f == 1:
        return e
    if e.kind in ("polyline", "polygon"):
        geo = [(x * f, y * f) for x, y in e.geo]
    elif e.kind == "path":
        geo = [(s[0], s[1] * f, s[2] * f, s[3], s[4], s[5], s[6] * f, s[7] * f) if s[0] == "A"
               else (s[0], *[v * f for v in s[1:]]) for s in e.geo]
    else:
        geo = tuple(v * f for v in e.geo)
    copy = shapes.Element(e.kind, geo, e.part)
    copy.fill, copy.stroke, copy.spelling = e.fill, e.stroke, e.spelling
    copy.width = e.width * f
    return copy
