"""Pixels of PNG files as rsvg-convert writes them (8 bits, RGB or RGBA), with nothing but zlib."""
import struct
import zlib


def chunks(png):
    at = 8
    while at < len(png):
        size, = struct.unpack(">I", png[at:at + 4])
        yield png[at + 4:at + 8], png[at + 8:at + 8 + size]
        at += size + 12


def nearest(left, up, corner):
    """Paeth's predictor."""
    p = left + up - corner
    return min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]


def pixels(png):
    """(width, height, RGBA bytes)"""
    data = b""
    for kind, body in chunks(png):
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert depth == 8 and color in (2, 6), "not RGB or RGBA of 8 bits"
        if kind == b"IDAT":
            data += body
    raw, out, step = zlib.decompress(data), bytearray(), 4 if color == 6 else 3
    stride = width * step
    last = bytearray(stride)
    for y in range(height):
        how = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride) if how else ():
            left = row[i - step] if i >= step else 0
            corner = last[i - step] if i >= step else 0
            add = (left, last[i], (left + last[i]) // 2, nearest(left, last[i], corner))[how - 1]
            row[i] = (row[i] + add) & 255
        last = row
        if step == 4:
            out += row
        else:
            for i in range(0, stride, 3):
                out += row[i:i + 3] + b"\xff"
    return width, height, bytes(out)


def difference(a, b):
    """Share of pixels of which some channel differs by more than a third."""
    n = len(a) // 4
    return sum(any(abs(a[4 * i + k] - b[4 * i + k]) > 85 for k in range(4))
               for i in range(n) if a[4 * i:4 * i + 4] != b[4 * i:4 * i + 4]) / n
