"""Digits as pen strokes: a skeleton, shaken, turned a little and written as one path."""

import math

import svg_text

# Points of the pen on 0..100 (y down); None lifts it. Two hands for some digits.
SKELETONS = {
    0: [[(50, 8), (22, 24), (16, 50), (24, 80), (50, 92), (76, 80), (84, 50), (76, 22), (50, 8)]],
    1: [[(34, 26), (54, 8), (54, 50), (54, 92)], [(50, 8), (50, 36), (50, 64), (50, 92)]],
    2: [[(20, 28), (34, 10), (62, 8), (78, 28), (66, 50), (40, 70), (18, 92), (50, 92), (82, 90)]],
    3: [[(22, 16), (50, 6), (74, 22), (64, 42), (44, 48), (68, 54), (80, 72), (56, 92), (20, 84)]],
    4: [[(60, 8), (40, 34), (18, 64), (50, 64), (84, 64), None, (64, 40), (64, 66), (64, 94)],
        [(26, 8), (22, 30), (20, 50), (48, 52), (76, 50), None, (74, 8), (74, 50), (74, 94)]],
    5: [[(78, 8), (50, 8), (28, 10), (24, 42), (52, 38), (78, 54), (76, 78), (50, 92), (20, 84)]],
    6: [[(70, 8), (40, 24), (22, 52), (24, 80), (50, 92), (76, 78), (72, 56), (48, 50), (24, 66)]],
    7: [[(18, 10), (50, 10), (82, 10), (66, 36), (52, 64), (42, 92)],
        [(18, 10), (50, 10), (82, 10), (62, 50), (44, 92), None, (36, 50), (76, 50)]],
    8: [[(50, 48), (26, 32), (36, 10), (64, 10), (74, 32), (50, 48), (22, 68), (34, 90),
         (66, 90), (78, 68), (50, 48)]],
    9: [[(76, 34), (56, 50), (28, 42), (26, 20), (50, 8), (74, 20), (76, 50), (70, 76), (56, 94)]],
}

QUESTION = ("Examine the following SVG code carefully and answer the question based on your "
            "interpretation of the rendered image.\n\n%s\n\n"
            "Question: What number between 0 and 9 is shown in this image?")


def strokes(rng, digit):
    size = rng.pick([28, 28, 28, 64, 100])
    turn = math.radians(rng.real(-12, 12))
    wide, tall, slant = rng.real(0.55, 0.8), rng.real(0.7, 0.9), rng.real(-0.15, 0.15)
    dx, dy = rng.real(-6, 6), rng.real(-6, 6)
    lines, fresh = [], True
    for p in rng.pick(SKELETONS[digit]):
        if p is None:
            fresh = True
            continue
        x, y = p[0] - 50 + rng.real(-4, 4), p[1] - 50 + rng.real(-4, 4)
        x, y = x * wide - slant * y, y * tall
        x, y = (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
        point = ((50 + x + dx) * size / 100, (50 + y + dy) * size / 100)
        if fresh:
            lines.append([])
            fresh = False
        lines[-1].append(point)
    return size, lines


def program(rng, digit):
    """One SVG program that draws the digit."""
    size, lines = strokes(rng, digit)
    spelling = {"relative": rng.chance(0.3), "hv": rng.chance(0.5), "comma": rng.chance(0.2)}
    segments = []
    curved = rng.chance(0.3)
    for points in lines:
        segments.append(("M", *points[0]))
        rest = points[1:]
        while rest:
            if curved and len(rest) >= 2 and len(points) > 4:
                segments.append(("Q", *rest[0], *rest[1]))
                rest = rest[2:]
            else:
                segments.append(("L", *rest[0]))
                rest = rest[1:]
    d = svg_text.path_data(segments, spelling, 0)
    width = max(1, round(size * rng.real(0.04, 0.1)))
    color = rng.pick(["black", "black", "#000", "white"])
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">' % (size, size)]
    if color == "white":
        lines.append('<rect x="0" y="0" width="%d" height="%d" fill="black"/>' % (size, size))
    lines += ['<path d="%s" fill="none" stroke="%s" stroke-width="%d"/>' % (d, color, width),
              "</svg>"]
    return "\n".join(lines)
