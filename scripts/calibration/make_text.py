"""Makes tools/quantize/calibration.text, which quantize calibrates with when it is given no text.

    make_text.py FOLDER OUT

FOLDER holds the unpacked Debian packages sqlite3-doc, jargon-text, golang-1.19-src and
r-cran-janeaustenr (dpkg-deb -x PACKAGE FOLDER); tools/quantize/README.md says what is taken of them
and that all of it is in the public domain. Pieces of some two thousand characters stand in an order
drawn by lot, so that the beginning is a fair sample of the whole.
"""
import gzip
import html.parser
import pathlib
import random
import re
import struct
import sys
import zlib

ROOT = pathlib.Path(__file__).parents[2]
# Of pages that are lists of names and numbers.
LISTS = re.compile(r"(doc_|keyword|fullsql|toc|syntax|c3ref|c_interface|capi3ref|cves|releaselog|"
                   r"changes|requirements|copyright|sitemap|chronology|rescode|docs|index|opcode|"
                   r"oldnews|consortium|download|crew)")
BLOCKS = {"p", "div", "h1", "h2", "h3", "h4", "blockquote", "ul", "ol", "table", "pre"}
LINES = {"li", "tr", "br", "dd", "dt"}


class Page(html.parser.HTMLParser):
    """The text of a page; <pre> keeps its lines."""

    def __init__(self):
        super().__init__()
        self.out, self.hidden, self.pre = [], 0, 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style")
        self.pre += tag == "pre"
        self.out.append("\n\n" if tag in BLOCKS else "\n" if tag in LINES else "")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")
        self.pre -= tag == "pre"

    def handle_data(self, data):
        if not self.hidden:
            self.out.append(data if self.pre else re.sub(r"\s+", " ", data))


def text_of(path):
    page = Page()
    page.feed(path.read_text("utf-8", "ignore"))
    text = re.sub(r"\n +", "\n", re.sub(r"[ \t]+\n", "\n", "".join(page.out)))
    text = re.sub(r"\n{3,}", "\n\n", text)
    _, found, rest = text.partition("Search Changelog")
    return (rest if found else text).strip()


def novels(path):
    """The strings of R's serialized data: lines of books."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        stream = zlib.decompressobj()
        raw = stream.decompress(data[at + 4:])  # behind the length
        at = len(data) - len(stream.unused_data)
        lines, end = [], 0
        for match in re.finditer(rb"\x00[\x04\x00]\x00\x09", raw):
            start = match.end()
            length = struct.unpack(">I", raw[start:start + 4])[0] if start >= end else 1 << 31
            if length < 2000:
                end = start + 4 + length
                lines.append(raw[start + 4:end].decode("utf-8", "ignore"))
        yield "\n".join(lines)


def unwrapped(text):
    return "\n\n".join(re.sub(r"\s*\n\s*", " ", part) for part in re.split(r"\n\s*\n", text))


def pieces(text, size):
    """Paragraphs together, as many as reach that size; the last few are left out."""
    piece = ""
    for paragraph in re.split(r"\n\n+", text):
        piece += paragraph + "\n\n"
        if len(piece) >= size:
            yield piece
            piece = ""


def sources(folder):
    """(characters to take, pieces) of each kind."""
    def find(pattern):
        return sorted(folder.rglob(pattern))

    def of(texts, size=2000, most=None):
        return [piece for text in texts for piece in list(pieces(text, size))[:most]]

    yield 60000, of(unwrapped(book[3000:]) for book in novels(find("janeaustenr/data/Rdata.rdb")[0]))
    optics = find("Isaac.Newton-Opticks.txt")[0].read_text("utf-8")
    yield 30000, of([unwrapped(optics[8000:400000])])
    jargon = gzip.decompress(find("jargon.txt.gz")[0].read_bytes()).decode("utf-8")
    yield 70000, of([unwrapped(jargon[30000:-40000].replace("═", ""))])
    pages = [p for p in find("sqlite3/*.html") if not LISTS.match(p.name)]
    yield 90000, of(map(text_of, pages))
    yield 30000, [p for p in of((page.read_text("utf-8", "ignore")[6000:] for page in pages), 1500)
                  if "<" in p]
    code = [*ROOT.glob("lib/**/*.cc"), *ROOT.glob("lib/**/*.h"), *ROOT.glob("tests/**/*.py"),
            *ROOT.glob("scripts/**/*.py")]
    yield 50000, of((path.read_text("utf-8") for path in sorted(code)), 1500, 3)
    marked = [*ROOT.glob("testdata/svg/**/*.svg"), *ROOT.glob("testdata/**/*.json")]
    yield 15000, [path.read_text("utf-8", "ignore")[:1500] + "\n\n" for path in sorted(marked)
                  if path.stat().st_size < 20000]


def main():
    lot = random.Random(1)
    taken = []
    for size, found in sources(pathlib.Path(sys.argv[1])):
        found = [piece for piece in found if len(piece) < 6000]
        lot.shuffle(found)
        for piece in found:
            if size <= 0:
                break
            taken.append(piece)
            size -= len(piece)
    lot.shuffle(taken)
    pathlib.Path(sys.argv[2]).write_text("".join(taken), "utf-8")


if __name__ == "__main__":
    main()
