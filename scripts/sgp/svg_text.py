"""Drawings as SVG text, spelled in the many ways in which people write SVG."""

import colors


class Style:
    """The habits of one author: drawn once per drawing."""

    def __init__(self, rng):
        self.size = rng.pick([100, 100, 100, 100, 64, 200])
        self.header = rng.below(4)
        self.css = rng.chance(0.15)            # style="fill:red" rather than fill="red"
        self.fill_first = rng.chance(0.15)
        self.ids = rng.chance(0.2)
        self.groups = rng.chance(0.6)
        self.as_path = 0.25 if rng.chance(0.6) else 0.9
        self.relative = rng.chance(0.3)
        self.outline = rng.chance(0.12)
        self.indent = "  " if rng.chance(0.1) else ""
        self.colors = rng.pick(["named", "named", "named", "hex", "mixed"])

    def spell_color(self, rng, name):
        spellings = colors.SPELLINGS[name]
        if self.colors == "named":
            return rng.pick(spellings[:3])
        if self.colors == "hex":
            return rng.pick(spellings[3:])
        return rng.pick(spellings)

    def spell_element(self, rng, e, many=False):
        """Choices for one element, kept so that a moved copy reads alike."""
        e.spelling = {
            "name": "class" if many else "id",
            "path": (e.kind in ("polygon", "polyline", "line") and rng.chance(self.as_path)
                     or e.kind == "rect" and not e.geo[4] and rng.chance(0.06)),
            "relative": self.relative and rng.chance(0.8),
            "hv": rng.chance(0.7),
            "comma": rng.chance(0.2),
        }


def number(v, digits):
    v = round(float(v), digits)
    return str(int(v)) if v == int(v) else ("%.*f" % (digits, v)).rstrip("0")


def path_data(segments, spelling, digits):
    """Segments with absolute coordinates -> the text of d, relative if so spelled.

    Relative numbers are differences of the rounded absolute ones, so that rounding
    doesn't add up along the path.
    """
    relative = spelling.get("relative")
    sep = "," if spelling.get("comma") else " "
    out = []
    at = start = (0.0, 0.0)

    def r(v):
        return round(float(v), digits)

    def n(v):
        return number(v, digits)

    def pair(x, y):
        return n(r(x) - at[0]) + sep + n(r(y) - at[1]) if rel else n(x) + sep + n(y)

    for i, (command, *v) in enumerate(segments):
        rel = relative and i > 0
        if command == "Z":
            out.append("Z" if not rel else "z")
            at = start
            continue
        letter = command.lower() if rel else command
        x, y = v[-2], v[-1]
        if command == "L" and spelling.get("hv") and r(y) == at[1]:
            out.append(("h" if rel else "H") + n(r(x) - at[0] if rel else x))
        elif command == "L" and spelling.get("hv") and r(x) == at[0]:
            out.append(("v" if rel else "V") + n(r(y) - at[1] if rel else y))
        elif command == "A":
            out.append(letter + " ".join([n(v[0]), n(v[1]), n(v[2]), str(v[3]), str(v[4]),
                                          pair(x, y)]))
        else:
            out.append(letter + " ".join(pair(v[k], v[k + 1]) for k in range(0, len(v), 2)))
        at = (r(x), r(y))
        if command == "M":
            start = at
    return "".join(out)


def outline_segments(e):
    """A polygon, polyline, line or plain rect as path segments."""
    if e.kind == "rect":
        x, y, w, h, _ = e.geo
        points = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    elif e.kind == "line":
        points = [e.geo[:2], e.geo[2:]]
    else:
        points = e.geo
    segments = [("M", *points[0])] + [("L", *p) for p in points[1:]]
    return segments + ([("Z",)] if e.kind in ("rect", "polygon") else [])


def geometry(e, digits=0):
    """(tag, [(attribute, text)…]) of an element."""
    def n(v):
        return number(v, digits)
    g = e.geo
    if e.kind == "path":
        return "path", [("d", path_data(g, e.spelling, digits))]
    if e.spelling.get("path"):
        return "path", [("d", path_data(outline_segments(e), e.spelling, digits))]
    if e.kind == "rect":
        attributes = [("x", n(g[0])), ("y", n(g[1])), ("width", n(g[2])), ("height", n(g[3]))]
        return "rect", attributes + ([("rx", n(g[4]))] if g[4] else [])
    if e.kind == "circle":
        return "circle", [("cx", n(g[0])), ("cy", n(g[1])), ("r", n(g[2]))]
    if e.kind == "ellipse":
        return "ellipse", [("cx", n(g[0])), ("cy", n(g[1])), ("rx", n(g[2])), ("ry", n(g[3]))]
    if e.kind == "line":
        return "line", [("x1", n(g[0])), ("y1", n(g[1])), ("x2", n(g[2])), ("y2", n(g[3]))]
    return e.kind, [("points", " ".join(n(x) + "," + n(y) for x, y in g))]


def paint(e, style, inherited):
    attributes = []
    if e.stroke:
        if e.kind not in ("line",):
            attributes.append(("fill", "none"))
        attributes += [("stroke", e.stroke), ("stroke-width", number(e.width, 1))]
    elif not inherited:
        attributes.append(("fill", e.fill))
        if style.outline:
            attributes += [("stroke", "black"), ("stroke-width", "1")]
    if style.css and attributes:
        return [("style", ";".join(k + ":" + v for k, v in attributes))]
    return attributes


def tag_text(e, style, inherited, digits):
    name, shape = geometry(e, digits)
    color = paint(e, style, inherited)
    attributes = color + shape if style.fill_first else shape + color
    if style.ids and e.part:
        attributes = [(e.spelling.get("name", "id"), e.part)] + attributes
    return "<" + name + "".join(' %s="%s"' % a for a in attributes) + "/>"


def header(style):
    s = style.size
    return ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">' % (s, s),
            '<svg width="%d" height="%d" xmlns="http://www.w3.org/2000/svg">' % (s, s),
            '<svg viewBox="0 0 %d %d">' % (s, s),
            '<svg viewBox="0 0 %d %d" xmlns="http://www.w3.org/2000/svg">' % (s, s)][style.header]


def svg_text(elements, style, digits=0):
    lines = [header(style)]
    i = 0
    while i < len(elements):
        e = elements[i]
        run = i + 1
        while run < len(elements) and e.fill and elements[run].fill == e.fill:
            run += 1
        if style.groups and run - i >= 2:
            color = ('style="fill:%s"' if style.css else 'fill="%s"') % e.fill
            lines.append(style.indent + "<g " + color + ">")
            lines += [style.indent * 2 + tag_text(x, style, True, digits) for x in elements[i:run]]
            lines.append(style.indent + "</g>")
        else:
            lines += [style.indent + tag_text(x, style, False, digits) for x in elements[i:run]]
        i = run
    return "\n".join(lines + ["</svg>"])
