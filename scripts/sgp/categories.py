"""The things that get drawn: one short function per category.

Each draws on 0..100 and notes facts as it goes. Where a drawing can vary in a way
worth asking about (a count, a figure, a side), the variant is drawn evenly from
a fixed list, so that the question about it is fair.
"""

from shapes import (FIGURES, circle, ellipse, figure, line, path, plural, polygon, polyline,
                    rect, ring)

CORNERS = ["top left", "top right", "bottom left", "bottom right"]
SIDES = ["up", "right", "down", "left"]
SIMPLE = ["circle", "rectangle", "triangle", "diamond", "star", "heart", "cross", "hexagon"]


def turned(point, quarter):
    """A point of the canvas after some quarter turns about its middle."""
    x, y = point
    for _ in range(quarter):
        x, y = 100 - y, x
    return x, y


def row(n, low, high):
    """n positions spread evenly over low..high, and the space that each has."""
    step = (high - low) / n
    return [low + step * (i + 0.5) for i in range(n)], step


def corner(d, name, figures=("circle",), r=7):
    """A small thing in one corner of the canvas."""
    where = d.choice("reasoning", "Where is the %s?" % name, CORNERS,
                     "The %s is at the %%s." % name, keep=False)
    x = 12 if "left" in where else 88
    y = 12 if "top" in where else 88
    d.part(name, figure(d.rng.pick(list(figures)), x, y, r))


def maybe_ground(d, y):
    if d.rng.chance(0.3):
        d.part("ground", rect(0, y, 100, 100 - y))


def house(d):
    r = d.rng
    w, top, base = r.between(44, 60), r.between(42, 50), r.between(82, 90)
    x = 50 - w // 2 + r.between(-6, 6)
    maybe_ground(d, base)
    d.part("wall", rect(x, top, w, base - top))
    roof = d.choice("shape", "What is the shape of the roof?",
                    ["triangle", "trapezoid", "rectangle", "semicircle"],
                    "The shape of the roof is %s.")
    h = r.between(16, 26)
    d.part("roof", {
        "triangle": lambda: polygon((x - 4, top), (x + w + 4, top), (x + w / 2, top - h)),
        "trapezoid": lambda: polygon((x - 4, top), (x + w + 4, top), (x + w - 10, top - h),
                                     (x + 10, top - h)),
        "rectangle": lambda: rect(x - 4, top - h / 2, w + 8, h / 2),
        "semicircle": lambda: path(("M", x, top), ("A", w / 2, w / 2, 0, 0, 1, x + w, top),
                                   ("Z",))}[roof]())
    d.part("door", rect(x + w / 2 - 6, base - 18, 12, 18))
    n = d.count("window")
    form = d.figure_kind("windows", SIMPLE[:4])
    xs, step = row(n, x + 2, x + w - 2)
    d.part("windows", [figure(form, cx, top + 10, min(6, step / 2 - 1)) for cx in xs], many=True)
    if r.chance(0.3):
        corner(d, "sun")


def tree(d):
    r = d.rng
    x, base = r.between(40, 60), r.between(84, 92)
    maybe_ground(d, base)
    w = r.between(8, 14)
    d.part("trunk", rect(x - w / 2, base - 30, w, 30))
    crown = d.figure_kind("crown", ["circle", "triangle", "ellipse", "diamond"])
    d.part("crown", figure(crown, x, 38, r.between(24, 30)))
    n = d.count("apple")
    spots = r.sample([(-10, 4), (10, 6), (0, -4), (-1, 14), (6, -2)], n)
    d.part("apples", [circle(x + a, 40 + b, 3) for a, b in spots], many=True)
    if r.chance(0.5):
        corner(d, "bird", ("triangle",), 5)


def car(d):
    r = d.rng
    y, h = r.between(52, 58), r.between(14, 18)
    d.part("body", rect(10, y, 80, h, r.pick([0, 4])))
    d.part("cabin", polygon((26, y), (36, y - 18), (64, y - 18), (76, y)))
    n = d.count("window")
    xs, step = row(n, 34, 68)
    form = d.figure_kind("windows", SIMPLE[:4])
    d.part("windows", [figure(form, x, y - 9, min(6, step / 2 - 1)) for x in xs], many=True)
    d.part("wheels", [circle(x, y + h, r.between(8, 10)) for x in (28, 72)], many=True)
    if r.chance(0.5):
        corner(d, "sun")


def flag(d):
    r = d.rng
    n = d.count("stripe")
    y, w = r.between(12, 18), r.between(54, 70)
    d.part("pole", rect(14, 8, 4, 84))
    upright = r.chance(0.5)
    stripes = [d.color() for _ in range(n)]
    h = 44 / n if not upright else w / n
    for i, color in enumerate(stripes):
        d.add(rect(18 + i * h, y, h, 44) if upright else rect(18, y + i * h, w, h),
              "stripe", d.spell(color))
        where = ["first", "second", "third", "fourth"][i]
        if n > 1:
            d.color_fact("%s stripe" % where, color)
    d.facts = [f for f in d.facts if "stripe" not in f.question or f.kind != "color"
               or r.chance(0.7)]
    emblem = d.figure_kind("emblem")
    d.part("emblem", figure(emblem, 18 + w / 2, y + 22, r.between(10, 14)))


def clock(d):
    r = d.rng
    big = r.between(34, 42)
    form = d.figure_kind("frame", ["circle", "diamond", "hexagon", "rectangle"])
    d.part("frame", figure(form, 50, 50, big))
    d.part("face", circle(50, 50, 22))
    hour = int(d.choice("reasoning", "Which hour does the clock show?",
                        [str(h) for h in range(1, 13)], "The hour hand points to %s.", False))
    (hx, hy), = ring(1, 50, 50, 13, hour * 30 - 90)
    d.part("hour hand", line(50, 50, hx, hy), stroke=True)
    if r.chance(0.5):
        d.part("minute hand", line(50, 50, 50, 30), stroke=True, width=2)
    n = d.count("mark")
    for x, y in [(50, 25), (75, 50), (50, 75), (25, 50)][:n]:
        d.add(circle(x, y, 2), "mark", "white")


def flower(d):
    r = d.rng
    x, y = r.between(42, 58), r.between(34, 42)
    d.part("stem", line(x, y, x, 94), stroke=True, width=r.between(3, 5))
    if r.chance(0.6):
        d.part("leaf", path(("M", x, 80), ("Q", x + 16, 76, x + 20, 60), ("Q", x + 4, 62, x, 80),
                            ("Z",)))
    n = d.count("petal", 4, 3)
    form = d.figure_kind("petals", ["circle", "diamond", "triangle", "heart"])
    d.part("petals", [figure(form, px, py, 8) for px, py in ring(n, x, y, 17)], many=True)
    d.part("center", circle(x, y, r.between(8, 11)))


def fish(d):
    r = d.rng
    way = SIDES.index(d.choice("reasoning", "Which way does the fish swim?", SIDES,
                               "The fish swims %s.", False))
    q = (way + 3) % 4                     # drawn swimming right, then turned
    a, b = r.between(24, 30), r.between(14, 18)
    d.part("body", ellipse(50, 50, *((a, b) if q % 2 == 0 else (b, a))))
    d.part("tail", polygon(*[turned(p, q) for p in
                             [(52 - a, 50), (36 - a, 38), (36 - a, 62)]]))
    eye = d.figure_kind("eye", SIMPLE[:6])
    d.part("eye", figure(eye, *turned((50 + a * 0.6, 46), q), 3))
    n = d.count("bubble")
    spots = r.sample([(12, 12), (24, 10), (12, 86), (86, 88), (88, 12)], n)
    d.part("bubbles", [circle(sx, sy, r.between(3, 5)) for sx, sy in spots], many=True)


def boat(d):
    r = d.rng
    y = r.between(62, 68)
    d.part("water", rect(0, y + 12, 100, 88 - y))
    d.part("hull", polygon((16, y), (84, y), (70, y + 18), (30, y + 18)))
    d.part("mast", line(50, y, 50, 14), stroke=True)
    sail = d.figure_kind("sail", ["triangle", "rectangle", "diamond", "semicircle"])
    d.part("sail", figure(sail, r.pick([34, 66]), 40, 14))
    n = d.count("porthole")
    xs, _ = row(n, 28, 72)
    d.part("portholes", [circle(x, y + 8, 3) for x in xs], many=True)
    if r.chance(0.4):
        corner_top = r.pick([14, 86])
        d.part("sun", circle(corner_top, 14, 8))


LETTERS = {
    "A": [(25, 85), (50, 15), (75, 85), None, (35, 58), (65, 58)],
    "E": [(70, 15), (30, 15), (30, 85), (70, 85), None, (30, 50), (62, 50)],
    "F": [(70, 15), (30, 15), (30, 85), None, (30, 50), (62, 50)],
    "H": [(28, 15), (28, 85), None, (72, 15), (72, 85), None, (28, 50), (72, 50)],
    "K": [(30, 15), (30, 85), None, (70, 15), (30, 52), (72, 85)],
    "L": [(30, 15), (30, 85), (70, 85)],
    "M": [(22, 85), (22, 15), (50, 55), (78, 15), (78, 85)],
    "N": [(28, 85), (28, 15), (72, 85), (72, 15)],
    "T": [(22, 15), (78, 15), None, (50, 15), (50, 85)],
    "V": [(24, 15), (50, 85), (76, 15)],
    "X": [(26, 15), (74, 85), None, (74, 15), (26, 85)],
    "Z": [(26, 15), (74, 15), (26, 85), (74, 85)],
}


def letter(d):
    r = d.rng
    if r.chance(0.5):
        d.part("background", rect(0, 0, 100, 100, r.pick([0, 10])))
    what = d.choice("reasoning", "Which letter is drawn?", list(LETTERS), "The letter is %s.")
    dx, dy, f = r.between(-6, 6), r.between(-4, 4), r.real(0.7, 0.95)
    strokes = [[]]
    for p in LETTERS[what]:
        if p is None:
            strokes.append([])
        else:
            strokes[-1].append((50 + (p[0] - 50) * f + dx, 50 + (p[1] - 50) * f + dy))
    if len(strokes) == 1:
        shape = polyline(*strokes[0])
    else:
        shape = path(*[("L" if i else "M", *p) for s in strokes for i, p in enumerate(s)])
    d.part("letter", shape, stroke=True, width=r.between(5, 9))
    n = d.count("dot")
    form = d.figure_kind("dots", SIMPLE[:4])
    xs, _ = row(n, 20, 80)
    d.part("dots", [figure(form, x, 93, 4) for x in xs], many=True)


def chart(d):
    r = d.rng
    n = d.count("bar", 3, 2)
    if r.chance(0.6):
        d.part("axis", polyline((8, 8), (8, 92), (94, 92)), stroke=True, width=2)
    xs, step = row(n, 12, 94)
    heights = r.shuffled([18, 28, 38, 48, 58, 68, 78])[:n]
    names = [d.color() for _ in range(n)]
    for x, h, c in zip(xs, heights, names):
        d.add(rect(x - step * 0.35, 92 - h, step * 0.7, h), "bar", d.spell(c))
    order = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
    i = r.below(n)
    d.color_fact("%s bar" % order[i], names[i])
    if n >= 4:
        for word, best in (("tallest", max(heights)), ("shortest", min(heights))):
            c = names[heights.index(best)]
            d.fact("reasoning", "What color is the %s bar?" % word, c,
                   "The %s bar is %s." % (word, c), names)
    marker = d.figure_kind("legend mark", SIMPLE)
    d.part("legend mark", figure(marker, 88, 8, 6))


def face(d):
    r = d.rng
    form = d.figure_kind("head", ["circle", "rectangle", "hexagon", "ellipse"])
    d.part("head", figure(form, 50, 50, r.between(36, 42), True))
    eyes = d.figure_kind("eyes", SIMPLE[:6])
    y = r.between(38, 44)
    d.part("eyes", [figure(eyes, x, y, 5) for x in (37, 63)], many=True)
    if r.chance(0.5):
        d.part("nose", polygon((50, 46), (46, 56), (54, 56)))
    mood = d.choice("reasoning", "What is the mood of the face?",
                    ["happy", "sad", "surprised", "neutral"], "The face is %s.")
    m = {"happy": lambda: path(("M", 36, 64), ("Q", 50, 78, 64, 64)),
         "sad": lambda: path(("M", 36, 72), ("Q", 50, 58, 64, 72)),
         "surprised": lambda: circle(50, 68, 5),
         "neutral": lambda: line(38, 67, 62, 67)}[mood]()
    d.part("mouth", m, stroke=True)
    n = d.count("hair")
    xs, _ = row(n, 30, 70)
    d.part("hairs", [line(x, 16, x, 4) for x in xs], stroke=True, width=2, many=True)


def robot(d):
    r = d.rng
    d.part("head", rect(34, 14, 32, 24, r.pick([0, 4])))
    d.part("body", rect(28, 40, 44, 36, r.pick([0, 4])))
    eyes = d.figure_kind("eyes", SIMPLE[:6])
    d.part("eyes", [figure(eyes, x, 25, 4) for x in (42, 58)], many=True)
    n = d.count("button")
    xs, _ = row(n, 30, 70)
    d.part("buttons", [circle(x, r.between(50, 60), 3) for x in xs], many=True)
    d.part("legs", [rect(x, 76, 8, 18) for x in (34, 58)], many=True)
    if r.chance(0.4):
        d.part("antenna", line(50, 14, 50, 4), stroke=True, width=2)


def balloons(d):
    r = d.rng
    n = d.count("balloon")
    form = d.figure_kind("balloons", ["circle", "ellipse", "heart", "star"])
    xs, _ = row(n, 8, 92)
    names = []
    for x in xs:
        y = r.between(22, 40)
        d.add(line(x, y, 50, 94), "string", stroke="black", width=1)
        c = d.color()
        names.append(c)
        d.add(figure(form, x, y, 9, True), "balloon", d.spell(c))
    for word, i in (("leftmost", 0), ("rightmost", n - 1)):
        if n > 1:
            d.color_fact("%s balloon" % word, names[i])
    if n == 1:
        d.color_fact("balloon", names[0])
    d.part("weight", rect(44, 90, 12, 8))


def snowman(d):
    r = d.rng
    maybe_ground(d, 88)
    d.part("bottom ball", circle(50, 72, r.between(18, 21)))
    d.part("middle ball", circle(50, 46, r.between(12, 15)))
    d.part("top ball", circle(50, 26, r.between(8, 10)))
    hat = d.figure_kind("hat", ["rectangle", "triangle", "semicircle", "star"])
    d.part("hat", figure(hat, 50, 11, 8))
    n = d.count("button")
    ys, _ = row(n, 36, 58)
    d.part("buttons", [circle(50, y, 2) for y in ys], many=True)


def umbrella(d):
    r = d.rng
    y = r.between(44, 52)
    d.part("handle", path(("M", 50, y), ("L", 50, 82), ("Q", 50, 92, 60, 90)), stroke=True)
    d.part("canopy", path(("M", 14, y), ("A", 36, 36, 0, 0, 1, 86, y), ("Z",)))
    n = d.count("spot")
    form = d.figure_kind("spots", SIMPLE)
    xs, _ = row(n, 24, 76)
    d.part("spots", [figure(form, x, y - 10, 4) for x in xs], many=True)
    side = d.choice("reasoning", "Where is the drop?", ["left of the handle", "right of the handle",
                                                       "above the canopy", "there is no drop"],
                    "The drop: %s.", keep=False)
    if side != "there is no drop":
        at = {"l": (28, 74), "r": (74, 70), "a": (50, 6)}[side[0]]
        d.part("drop", figure("diamond", *at, 5))


def mushroom(d):
    r = d.rng
    y = r.between(48, 54)
    maybe_ground(d, 86)
    d.part("stalk", rect(42, y, 16, 38, r.pick([0, 6])))
    form = d.choice("shape", "What is the shape of the cap?",
                    ["semicircle", "triangle", "ellipse", "trapezoid"], "The shape of the cap is %s.")
    d.part("cap", {
        "semicircle": lambda: path(("M", 18, y), ("A", 32, 32, 0, 0, 1, 82, y), ("Z",)),
        "triangle": lambda: polygon((18, y), (82, y), (50, y - 34)),
        "ellipse": lambda: ellipse(50, y - 8, 32, 16),
        "trapezoid": lambda: polygon((18, y), (82, y), (66, y - 26), (34, y - 26))}[form]())
    n = d.count("spot")
    xs, _ = row(n, 32, 68)
    d.part("spots", [circle(x, y - 8, 3) for x in xs], many=True)
    corner(d, "snail", ("ellipse",), 6)


def cake(d):
    r = d.rng
    d.part("plate", ellipse(50, 84, 44, 7))
    layers = d.count("layer")
    names = [d.color() for _ in range(layers)]
    h, y = 40 / layers, 80
    for c in names:
        y -= h
        d.add(rect(22, y, 56, h), "layer", d.spell(c))
    if layers > 1:
        d.color_fact("top layer", names[-1])
        d.color_fact("bottom layer", names[0])
    n = d.count("candle")
    xs, _ = row(n, 26, 74)
    d.part("candles", [rect(x - 2, y - 14, 4, 14) for x in xs], many=True)
    form = d.figure_kind("flames", ["circle", "diamond", "triangle", "star"])
    d.part("flames", [figure(form, x, y - 19, 4) for x in xs], many=True)


def traffic_light(d):
    r = d.rng
    d.part("pole", rect(46, 70, 8, 28))
    d.part("box", rect(32, 4, 36, 68, r.pick([0, 6])))
    places = ["top lamp", "second lamp", "third lamp", "bottom lamp"]
    lit = d.choice("reasoning", "Which lamp is lit?", places, "The lit lamp is the %s.", False)
    form = d.figure_kind("lamps", SIMPLE[:4] + ["hexagon"])
    color = d.color()
    for i, place in enumerate(places):
        d.add(figure(form, 50, 14 + 16 * i, 7), "lamp",
              d.spell(color) if place == lit else "white")
    d.color_fact("lit lamp", color)
    n = d.count("bolt")
    xs, _ = row(n, 20, 80)
    d.part("bolts", [circle(x, 96, 2) for x in xs], many=True)


def rocket(d):
    r = d.rng
    way = SIDES.index(d.choice("reasoning", "Which way does the rocket fly?", SIDES,
                               "The rocket flies %s.", False))
    w = r.between(8, 11)

    def turn(*points):
        return polygon(*[turned(p, way) for p in points])
    d.part("body", turn((50 - w, 32), (50 + w, 32), (50 + w, 74), (50 - w, 74)))
    d.part("nose", turn((50 - w, 32), (50, 10), (50 + w, 32)))
    d.part("flame", turn((44, 74), (56, 74), (50, r.between(88, 94))))
    n = d.count("window")
    form = d.figure_kind("windows", SIMPLE[:4])
    ys, step = row(n, 34, 72)
    d.part("windows", [figure(form, *turned((50, y), way), min(4, step / 2 - 1)) for y in ys],
           many=True)


def cup(d):
    r = d.rng
    y = r.between(34, 40)
    d.part("saucer", ellipse(46, 86, 40, 6))
    d.part("handle", path(("M", 68, y + 8), ("C", 92, y + 6, 92, y + 36, 66, y + 34)), stroke=True,
           width=5)
    d.part("cup", polygon((20, y), (72, y), (64, 82), (28, 82)))
    form = d.figure_kind("picture on the cup")
    d.part("picture", figure(form, 46, 60, 9), fact=False)
    n = d.count("steam line")
    xs, _ = row(n, 24, 68)
    d.part("steam lines", [path(("M", x, y - 4), ("Q", x + 6, y - 12, x, y - 20)) for x in xs],
           stroke=True, width=2, many=True)


def ice_cream(d):
    r = d.rng
    d.part("cone", polygon((34, 54), (66, 54), (50, 96)))
    n = d.count("scoop")
    names = []
    for i in range(n):
        c = d.color()
        names.append(c)
        d.add(circle(50, 48 - 11 * i, 14 - 2 * i), "scoop", d.spell(c))
    if n > 1:
        d.color_fact("top scoop", names[-1])
        d.color_fact("bottom scoop", names[0])
    else:
        d.color_fact("scoop", names[0])
    form = d.figure_kind("topping", SIMPLE)
    d.part("topping", figure(form, 50, 40 - 12 * n + r.between(0, 3), 5))
    if r.chance(0.6):
        corner(d, "sun")


def arrow(d):
    r = d.rng
    way = SIDES.index(d.choice("reasoning", "Which way does the arrow point?", SIDES,
                               "The arrow points %s.", False))
    sign = d.figure_kind("sign", ["circle", "rectangle", "diamond", "hexagon"])
    d.part("sign", figure(sign, 50, 46, r.between(36, 42)))
    t = r.between(4, 6)
    pts = [(50 - t, 64), (50 - t, 46), (40, 46), (50, 30), (60, 46), (50 + t, 46), (50 + t, 64)]
    d.part("arrow", polygon(*[(x, y - 4) for x, y in (turned(p, way) for p in pts)]))
    n = d.count("post")
    xs, _ = row(n, 20, 80)
    d.part("posts", [rect(x - 2, 90, 4, 10) for x in xs], many=True)


def die(d):
    r = d.rng
    m = r.between(12, 18)
    d.part("die", rect(m, m, 100 - 2 * m, 100 - 2 * m, r.pick([0, 8])))
    n = d.count("pip", 1, 3)
    a, b, c = 32, 50, 68
    spots = [[(b, b)], [(a, a), (c, c)], [(a, a), (b, b), (c, c)],
             [(a, a), (c, a), (a, c), (c, c)], [(a, a), (c, a), (b, b), (a, c), (c, c)],
             [(a, a), (c, a), (a, b), (c, b), (a, c), (c, c)]][n - 1]
    form = d.figure_kind("pips", SIMPLE[:5])
    d.part("pips", [figure(form, x, y, 6) for x, y in spots], many=True)
    corner(d, "coin", ("circle",), 5)


def gift(d):
    r = d.rng
    y = r.between(40, 46)
    d.part("box", rect(18, y, 64, 90 - y))
    d.part("lid", rect(14, y - 10, 72, 10))
    d.part("ribbon", rect(45, y - 10, 10, 100 - y))
    bow = d.figure_kind("bow", SIMPLE)
    d.part("bow", figure(bow, 50, y - 18, 8))
    n = d.count("star")
    xs = [26, 36, 64, 74][:n]
    d.part("stars", [figure("star", x, 72, 5) for x in xs], many=True)


def train(d):
    r = d.rng
    y = r.between(40, 46)
    d.part("track", line(0, 82, 100, 82), stroke=True)
    d.part("engine", rect(8, y, 22, 74 - y))
    d.part("chimney", rect(12, y - 14, 6, 14))
    n = d.count("wagon")
    xs, step = row(n, 32, 98)
    d.part("wagons", [rect(x - step / 2 + 2, y + 8, step - 4, 66 - y) for x in xs], many=True)
    d.part("wheels", [circle(x, 77, 4) for x in [19] + xs], many=True)
    form = d.figure_kind("engine window", SIMPLE)
    d.part("engine window", figure(form, 22, y + 10, 5))


def scene(d):
    """Plain figures on a grid: nothing to recognise, everything to read."""
    r = d.rng
    n = r.between(3, 5)
    spots = r.sample([(x, y) for x in (20, 50, 80) for y in (20, 50, 80)], n)
    kinds = r.sample(FIGURES, n)
    sizes = r.sample([5, 7, 9, 11, 13], n)
    names = []
    for kind, (x, y), size in zip(kinds, spots, sizes):
        c = d.color()
        names.append(c)
        d.add(figure(kind, x + r.between(-3, 3), y + r.between(-3, 3), size), kind, d.spell(c))
    i, j = r.sample(range(n), 2)
    d.color_fact(kinds[i], names[i])
    d.color_fact(kinds[j], names[j])
    for k in (i, j):
        d.fact("shape", "What is the shape of the %s figure?" % names[k], kinds[k],
               "The shape of the %s figure is %s." % (names[k], kinds[k]), FIGURES)
    if n >= 4:
        for word, best in (("largest", max(sizes)), ("smallest", min(sizes))):
            k = sizes.index(best)
            d.fact("reasoning", "Which figure is the %s?" % word, "the " + kinds[k],
                   "The %s figure is the %s." % (word, kinds[k]), ["the " + q for q in kinds])
    x, y = spots[i]
    if x != 50 and y != 50:
        where = ("top " if y < 50 else "bottom ") + ("left" if x < 50 else "right")
        d.fact("reasoning", "Where is the %s?" % kinds[i], where,
               "The %s is at the %s." % (kinds[i], where), CORNERS, keep=False)


def pattern(d):
    """A row or column of one figure, with a frame: counting, and nothing else."""
    r = d.rng
    form = d.figure_kind("repeated figure", FIGURES)
    n = d.count(form, 1, 3)
    if r.chance(0.6):
        d.part("frame", rect(4, 4, 92, 92))
    ps, step = row(n, 10, 90)
    across = r.chance(0.6)
    other = r.between(30, 70)
    c = d.color()
    for p in ps:
        x, y = (p, other) if across else (other, p)
        d.add(figure(form, x, y, min(9, step / 2 - 1)), form, d.spell(c))
    d.color_fact(plural(form) if n > 1 else form, c, n > 1)
    corner(d, "mark", [f for f in ("circle", "triangle", "diamond") if f != form], 4)


CATEGORIES = {
    "house": house, "tree": tree, "car": car, "flag": flag, "clock": clock, "flower": flower,
    "fish": fish, "boat": boat, "letter": letter, "chart": chart, "face": face, "robot": robot,
    "balloons": balloons, "snowman": snowman, "umbrella": umbrella, "mushroom": mushroom,
    "cake": cake, "traffic light": traffic_light, "rocket": rocket, "cup": cup,
    "ice cream": ice_cream, "arrow": arrow, "die": die, "gift": gift, "train": train,
}
SCENES = {"scene": scene, "pattern": pattern}

# What a caption calls them.
TITLES = {name: ("a bar chart" if name == "chart" else "balloons" if name == "balloons" else
                 "an umbrella" if name == "umbrella" else "an arrow sign" if name == "arrow" else
                 "a letter" if name == "letter" else "an ice cream" if name == "ice cream" else
                 "a " + name) for name in CATEGORIES}


def draw(rng, drawing_class, name):
    d = drawing_class(rng, name)
    if name in CATEGORIES:
        CATEGORIES[name](d)
        d.fact("semantics", rng.pick(["What does the drawing show?", "What object is drawn?",
                                      "What is this a picture of?"]),
               TITLES[name], "This is %s." % TITLES[name], list(TITLES.values()))
    else:
        SCENES[name](d)
    return d.finish()
