"""Where in a program the answer to a fact stands: character ranges, found in the text.

A trainer can tell the model's attention to look there, which spares it the search for
a needle (see scripts/train/README.md). Best effort: a fact whose place isn't a place
(a mood, a direction) has none. Only training uses this, never a test.
"""

import re

import colors
from shapes import plural

NAME_OF = {s: name for name, all_ in colors.SPELLINGS.items() for s in all_}
TAG = re.compile(r"<(/?)(\w+)([^>]*)>")
PAINT = re.compile(r'\b(fill|stroke)(?:="|:)([#\w]+)')
PART_OF = re.compile(r"(?:What is the shape of|Where is|How many|If one more) (?:the )?(.*?)"
                     r"(?: figure)?(?:\?| are there| were added)")


def painted(attributes, at):
    """(colour's name, its range) of a tag's attributes: the fill, else the stroke."""
    found = {}
    for m in PAINT.finditer(attributes):
        if m.group(2) != "none":
            found.setdefault(m.group(1), (NAME_OF.get(m.group(2), m.group(2)),
                                          (at + m.start(2), at + m.end(2))))
    return found.get("fill") or found.get("stroke")


def elements(program):
    """[(colour's name, range of the colour, range of the tag's end)] of the drawn elements."""
    out, group = [], None
    for m in TAG.finditer(program):
        if m.group(2) == "g":
            group = None if m.group(1) else painted(m.group(3), m.start(3))
        elif m.group(2) != "svg":
            paint = painted(m.group(3), m.start(3)) or group
            if group and paint and "fill" not in m.group(3):
                paint = group
            if paint:
                out.append((*paint, (m.end() - 1, m.end())))
    return out


def color_of(fact, facts):
    """The colour of the elements that decide a fact, or None."""
    for text in (fact.answer, *re.findall(r"\w+", fact.question)):
        if text in colors.SPELLINGS:
            return text
    m = PART_OF.match(fact.question)
    name = m and m.group(1)
    for f in facts if name else []:
        if f.kind == "color" and re.search(r"the (?:%s|%s)\?$" % (re.escape(name),
                                           re.escape(plural(name))), f.question):
            return f.answer
    return None


def in_svg(program, fact, facts):
    color = color_of(fact, facts)
    return [r for name, *ranges in elements(program) if name == color for r in ranges]


ORDER = ["first", "second", "third", "fourth", "fifth"]


def in_solid(program, fact):
    """DeepCAD's form: the end of a sketch's outline, its holes, its extrusion."""
    steps = list(re.finditer(r"(SOL;.*?)(Ext:\(([^)]*)\))", program))
    which = [i for i, w in enumerate(ORDER) if w in fact.question]
    step = steps[which[0]] if which and which[0] < len(steps) else steps[0]
    loops = [m.start() for m in re.finditer("SOL", step.group(1))]
    end = step.start() + (loops[1] if len(loops) > 1 else len(step.group(1)))
    if "holes" in fact.question:
        return [(step.start() + b - 1, step.start() + b) for b in loops[2:]] + \
            ([(step.end(1) - 1, step.end(1))] if len(loops) > 1 else [(end - 1, end)])
    if "outline" in fact.question:
        return [(end - 1, end)]
    if "extrusion do" in fact.question:
        at = step.start(3) + step.group(3).rindex(",")
        return [(at - 1, at)]
    if "How many extrusions" in fact.question:
        return [(s.start(2), s.start(2) + 3) for s in steps]
    if "deepest" in fact.question:
        return [(s.end(2) - 1, s.end(2)) for s in steps
                if "the " + ORDER[steps.index(s)] == fact.answer]
    return []


def in_sketch(program, fact):
    """SketchGraphs' form: the names of the entities, or of the last constraint."""
    word = fact.answer
    if fact.kind == "reasoning":
        at = program.rindex(word + "(")
        return [(at, at + len(word))]
    if fact.kind == "count":
        word = re.match(r"How many (\w+)s", fact.question).group(1)
    if fact.kind in ("count", "semantics"):
        return [m.span(1) for m in re.finditer(":(%s)\\(" % word.capitalize(), program)]
    return []


def places(program, fact, facts):
    if program.startswith("<svg"):
        return in_svg(program, fact, facts)
    return in_solid(program, fact) if program.startswith("SOL") else in_sketch(program, fact)
