#!/usr/bin/env python3
"""Renders the inv sets and compares: is each moved program the same picture, moved?

inv_tK must be the picture of inv in other place, inv_rK also turned. The generator is
asked for the moves; librsvg (rsvg-convert) draws the base program inside a transform,
and the rewritten program as it is. The share of pixels that clearly differ is printed.
"""

import argparse
import struct
import subprocess
import sys
import zlib

import corpus
import generate
import invariance
from rng import Rng

SIZE = 200


def unpacked(png):
    """The bytes of the pixels of an 8-bit PNG (RGBA), without its row filters."""
    at, data, width = 8, b"", 0
    while at < len(png):
        size, = struct.unpack(">I", png[at:at + 4])
        kind, body = png[at + 4:at + 8], png[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, _, depth, color = struct.unpack(">IIBB", body[:10])
            assert depth == 8 and color == 6, "not RGBA of 8 bits"
        if kind == b"IDAT":
            data += body
        at += size + 12
    raw, out = zlib.decompress(data), bytearray()
    stride = width * 4
    last = bytearray(stride)
    for y in range(len(raw) // (stride + 1)):
        how = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            left = row[i - 4] if i >= 4 else 0
            up, corner = last[i], last[i - 4] if i >= 4 else 0
            if how == 1:
                row[i] = (row[i] + left) & 255
            elif how == 2:
                row[i] = (row[i] + up) & 255
            elif how == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif how == 4:
                p = left + up - corner
                near = min((abs(p - left), 0, left), (abs(p - up), 1, up),
                           (abs(p - corner), 2, corner))
                row[i] = (row[i] + near[2]) & 255
        out += row
        last = row
    return bytes(out)


def render(svg):
    png = subprocess.run(["rsvg-convert", "-w", str(SIZE), "-h", str(SIZE)], input=svg.encode(),
                         stdout=subprocess.PIPE, check=True).stdout
    return unpacked(png)


def wrapped(svg, move):
    head, rest = svg.split("\n", 1)
    return '%s\n<g transform="%s">\n%s</g></svg>' % (head, move.transform(),
                                                    rest.rsplit("</svg>", 1)[0])


def difference(a, b):
    """Share of pixels of which some channel differs by more than a third."""
    pixels = len(a) // 4
    return sum(any(abs(a[4 * i + k] - b[4 * i + k]) > 85 for k in range(4))
               for i in range(pixels)) / pixels


def check(first, drawings):
    """Worst share of differing pixels, and the blank pictures, over some drawings."""
    worst, blank = 0.0, 0
    for i in range(drawings):
        d = corpus.svg(first + i, generate.NAMES[i % len(generate.NAMES)])
        base = invariance.small(d)
        shifts, turns = invariance.moves(Rng(first + i, "check"), d.style.size)
        before = invariance.program(d, base)
        for m in (shifts[0], turns[0], turns[1]):
            a, b = render(wrapped(before, m)), render(invariance.program(d, base, m))
            worst = max(worst, difference(a, b))
            blank += not any(a)
    return worst, blank


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--first", type=int, default=560_000)
    a.add_argument("--drawings", type=int, default=60)
    a.add_argument("--most", type=float, default=0.01, help="share of pixels that may differ")
    o = a.parse_args()
    worst, blank = check(o.first, o.drawings)
    print("%d drawings, 3 moves each: at most %.2f %% of pixels differ, %d blank pictures"
          % (o.drawings, 100 * worst, blank))
    return worst > o.most or blank > 0


if __name__ == "__main__":
    sys.exit(main())
