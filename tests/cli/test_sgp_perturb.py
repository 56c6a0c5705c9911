"""sgp-eval --perturb and --export-sit: sets in the benchmark's columns, pictures that really moved.

Pictures are compared by rendering (rsvg-convert of librsvg2-bin; without it those tests are
skipped): the rewritten program against the original inside a transform, and, where the shift is
a whole number of pixels, against the original's own pixels, moved.
"""
import csv
import io
import json
import re
import subprocess

import packages
import png
from harness import ToolTest, main

QUESTION = "Examine the following SVG code carefully.\n\n%s\n\nQuestion: What \"is\" it, x=\"1\"?"
COLUMNS = ["PID", "Question", "A", "B", "C", "D", "Answer", "Subject"]
SIZE = 100
ROOT = re.compile(r"<(\w+:)?svg\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")


def render(svg):
    done = subprocess.run(["rsvg-convert", "-w", str(SIZE), "-h", str(SIZE)], input=svg.encode(),
                          stdout=subprocess.PIPE, check=True)
    return png.pixels(done.stdout)[2]


def inside(svg, transform):
    """The drawing within a group that has the transform."""
    head = ROOT.search(svg)
    prefix = head[1] or ""
    end = svg.rindex(f"</{prefix}svg")
    return (f'{svg[:head.end()]}<{prefix}g transform="{transform}">{svg[head.end():end]}'
            f"</{prefix}g>{svg[end:]}")


def program(question):
    return question.split("\n\n", 1)[1].rsplit("\n\nQuestion:", 1)[0]


class Perturb(ToolTest):
    tool = "sgp-eval"

    def write_set(self, programs):
        out = io.StringIO()
        w = csv.writer(out, lineterminator="\n")
        w.writerow(COLUMNS)
        for name, svg in programs:
            w.writerow([name, QUESTION % svg, "a", "b", "c", "d", "B", "shape"])
        self.write("svg.csv", out.getvalue())

    def tricky(self):
        return [(p.stem, p.read_text("utf-8")) for p in sorted(self.data("svg").glob("*.svg"))]

    def moved(self, kind, *more):
        log = self.ok("--data", "svg.csv", "--perturb", kind, "-o", "out", "-f", "-v", *more).err
        self.moves = {(name, int(copy)): move for name, copy, move in
                      re.findall(r"(\S+): copy (\d+): (.*)", log)}
        sets = {}
        for path in sorted((self.folder / "out").iterdir()):
            rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
            self.assertEqual(rows[0], COLUMNS)
            sets[path.stem] = rows[1:]
        return sets

    def test_sets_are_complete_and_repeatable(self):
        self.write_set(self.tricky())
        for kind in ("translate", "rotate"):
            sets = self.moved(kind, "--copies", "3", "--seed", "5")
            letter = kind[0]
            self.assertEqual(sorted(k for k in sets if not k.startswith("inv_") or letter in k[4:]),
                             ["inv"] + [f"inv_{letter}{i}" for i in range(3)])
            for rows in (sets["inv"], sets[f"inv_{letter}0"]):
                self.assertEqual([r[0] for r in rows], [name for name, _ in self.tricky()])
                self.assertEqual({tuple(r[2:]) for r in rows}, {("a", "b", "c", "d", "B", "shape")})
            self.assertEqual([program(r[1]) for r in sets["inv"]],
                             [svg for _, svg in self.tricky()])
            self.assertEqual(sets, self.moved(kind, "--copies", "3", "--seed", "5"))
            other = self.moved(kind, "--copies", "3", "--seed", "6")
            self.assertNotEqual(sets[f"inv_{letter}1"], other[f"inv_{letter}1"])

    def test_a_part_of_a_set_gives_a_part_of_the_result(self):
        self.write_set(self.tricky())
        whole = self.moved("rotate")["inv_r3"]
        self.write_set(self.tricky()[4:6])
        self.assertEqual(self.moved("rotate")["inv_r3"], whole[4:6])

    def test_the_sets_are_read_again(self):
        self.write_set(self.tricky())
        sets = self.moved("translate")
        self.write("responses.jsonl", "".join(
            json.dumps({"id": f"{part}/{name}", "response": "Answer: B"}) + "\n"
            for part in sets for name, _ in self.tricky()))
        out = json.loads(self.ok("--data", "out", "--responses", "responses.jsonl", "--json").out)
        self.assertEqual(out["consistency"][0]["name"], "translation")
        self.assertEqual(out["consistency"][0]["consistency"], 1)
        self.assertAlmostEqual(out["consistency"][0]["accuracy"], 1)

    def test_what_cannot_be_moved_is_left_out_and_named(self):
        self.write_set([("good", '<svg viewBox="0 0 9 9"><circle r="1"/></svg>'),
                        ("bad", '<svg viewBox="0 0 9 9"><circle r="1</svg>'), ("none", "text")])
        result = self.run_tool("--data", "svg.csv", "--perturb", "rotate", "-o", "out")
        self.assertEqual(result.status, 1, result)
        self.assertIn("bad: ", result.err)
        self.assertIn("none: no SVG program", result.err)
        self.assertIn("3 questions = 1 moved + 2 left out", result.err)
        rows = list(csv.reader(io.StringIO((self.folder / "out/inv_r4.csv").read_text())))
        self.assertEqual([r[0] for r in rows], ["PID", "good"])

    def test_translate_is_the_benchmarks(self):
        svg = '<svg viewBox="0 0 500 200"><circle cx="50" cy="60" r="9"/></svg>'
        self.write_set([("one", svg)])
        self.moved("translate", "--copies", "5")
        for move in self.moves.values():
            dx, dy = map(float, re.fullmatch(r"translate\(([\d.]+) ([\d.]+)\)", move).groups())
            self.assertTrue(2.5 <= dx <= 5 and 1 <= dy <= 2, move)

    def test_pictures_that_a_move_would_change_are_refused(self):
        sheet = '<style>rect[x="5"]{fill:red}rect{stroke:lime}</style>'
        self.write_set([("css", f'<svg viewBox="0 0 9 9">{sheet}<rect x="5" width="3" height="2"/></svg>'),
                        ("case", '<svg viewBox="0 0 9 9"><RECT X="5" WIDTH="3"/></svg>')])
        result = self.run_tool("--data", "svg.csv", "--perturb", "translate", "-o", "out")
        self.assertEqual(result.status, 1, result)
        self.assertIn("css: a style sheet selects elements by their x, which moving rewrites", result.err)
        self.assertIn('case: an element is called "RECT"', result.err)
        self.assertIn("2 questions = 0 moved + 2 left out", result.err)

    def test_sets_appear_together(self):
        """A disk that is full after the first of them leaves none."""
        self.write_set([(f"{i}", f'<svg viewBox="0 0 9 9"><rect width="{i}" height="2"/></svg>')
                        for i in range(100, 400)])
        command = "ulimit -f 60; sgp-eval -q --data svg.csv --perturb rotate -o %s"
        result = self.shell(command % "out")
        self.assertEqual(result.status, 4, result)
        self.assertFalse((self.folder / "out").exists(), "a folder with a part of the sets")
        (self.folder / "there").mkdir()
        self.write("there/inv.csv", "old")
        result = self.shell(command % "there" + " -f")
        self.assertEqual(result.status, 4, result)
        self.assertEqual({p.name: p.read_text() for p in (self.folder / "there").iterdir()},
                         {"inv.csv": "old"})
        self.fails(4, "--data", "svg.csv", "--perturb", "rotate", "-o", "there", message="exists")
        self.assertEqual([p.name for p in (self.folder / "there").iterdir()], ["inv.csv"])

    def test_usage(self):
        self.write_set(self.tricky()[:1])
        self.fails(2, "--data", "svg.csv", "--perturb", "rotate", message="-o FOLDER")
        self.fails(2, "--data", "svg.csv", "--perturb", "rotate", "-o", "x", "-m", "model",
                   message="nobody is asked")
        self.moved("rotate")
        self.fails(4, "--data", "svg.csv", "--perturb", "rotate", "-o", "out", message="exists")

    # ---- pictures

    def check_pictures(self, kind):
        packages.program(["rsvg-convert"], "librsvg2-bin")
        self.write_set(self.tricky())
        sets = self.moved(kind, "--copies", "2", "--seed", "1")
        for i, (name, svg) in enumerate(self.tricky()):
            before = render(svg)
            for copy in range(2):
                rewritten = program(sets[f"inv_{kind[0]}{copy}"][i][1])
                transform = self.moves[name, copy]
                after = render(rewritten)
                wanted = render(inside(svg, transform))
                with self.subTest(name=name, copy=copy, transform=transform):
                    self.assertLess(png.difference(wanted, after), 0.002)
                    self.assertGreater(png.difference(before, after), 0.002, "nothing moved")

    def test_shifted_pictures(self):
        self.check_pictures("translate")

    def test_turned_pictures(self):
        self.check_pictures("rotate")

    def test_shifted_pixels(self):
        """Independent of any transform: the pixels themselves are at another place."""
        packages.program(["rsvg-convert"], "librsvg2-bin")
        svg = ('<svg viewBox="0 0 100 100"><path d="m30 40h20v.5l10 9.5-5 20-25-5z" fill="#a33"/>'
               '<g transform="rotate(30 60 40) scale(2)"><ellipse cx="30" cy="20" rx="5" ry="3"/>'
               '</g></svg>')
        self.write_set([("one", svg)])
        sets = self.moved("translate-far", "--copies", "2", "--seed", "1")
        before = render(svg)
        for copy in range(2):
            dx, dy = map(int, re.findall(r"-?\d+", self.moves["one", copy]))
            after = render(program(sets[f"inv_t{copy}"][0][1]))
            shifted = bytearray(len(before))
            for y in range(SIZE):
                for x in range(SIZE):
                    u, v = x - dx, y - dy
                    if 0 <= u < SIZE and 0 <= v < SIZE:
                        at, old = 4 * (y * SIZE + x), 4 * (v * SIZE + u)
                        shifted[at:at + 4] = before[old:old + 4]
            self.assertLess(png.difference(bytes(shifted), after), 0.0005)


class Tuning(ToolTest):
    tool = "sgp-eval"

    def setUp(self):
        super().setUp()
        self.write("svg.csv", "PID,Question,A,B,C,D,Answer,Subject\n"
                   '1,"Examine the following SVG code.\n\n<svg><a/></svg>\n\nQuestion: What?",x,y,'
                   "z,w,C,shape\n")

    def test_alpaca(self):
        record, = json.loads(self.ok("--data", "svg.csv", "--export-sit", "alpaca").out)
        self.assertEqual(list(record), ["instruction", "input", "output"])
        self.assertTrue(record["instruction"].startswith("Answer the following multiple choice"))
        self.assertTrue(record["instruction"].endswith("A) x\nB) y\nC) z\nD) w"))
        self.assertEqual(record["output"], "z\nAnswer: C")
        line = self.ok("--data", "svg.csv", "--export-sit", "jsonl").out
        self.assertEqual(json.loads(line), record)

    def test_chat(self):
        out = json.loads(self.ok("--data", "svg.csv", "--export-sit", "chat").out)
        self.assertEqual([m["role"] for m in out["messages"]], ["system", "user", "assistant"])
        out = json.loads(self.ok("--data", "svg.csv", "--export-sit", "chat", "--system", "",
                                 "--open-answers").out)
        self.assertEqual(out["messages"], [
            {"role": "user", "content": "Examine the following SVG code.\n\nWhat?\n\n"
                                        "<svg><a/></svg>"},
            {"role": "assistant", "content": "z"}])

    def test_every_row_of_our_sets(self):
        for name in ("svg", "cad", "mnist"):
            out = self.ok("--data", self.data(f"sgp/{name}.csv.zst"), "--export-sit", "jsonl").out
            self.assertTrue(all(json.loads(line)["output"] for line in out.splitlines()))
        self.assertEqual(len(out.splitlines()), 120)


if __name__ == "__main__":
    main()
