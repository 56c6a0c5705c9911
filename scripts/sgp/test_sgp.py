"""Run by `python3 -m unittest discover scripts/sgp`."""

import hashlib
import os
import re
import shutil
import sys
import unittest
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import cad3d  # noqa: E402
import categories  # noqa: E402
import check_invariance  # noqa: E402
import colors  # noqa: E402
import corpus  # noqa: E402
import digits  # noqa: E402
import generate  # noqa: E402
import guess  # noqa: E402
import invariance  # noqa: E402
import prompts  # noqa: E402
import questions  # noqa: E402
import shapes  # noqa: E402
import sit  # noqa: E402
import sources  # noqa: E402
import svg_text  # noqa: E402
import writer  # noqa: E402
from facts import KINDS, Count  # noqa: E402
from rng import Rng  # noqa: E402

DATA = os.path.join(HERE, "..", "..", "testdata", "sgp")
SOME = range(300_000, 300_400)


class SameEverywhere(unittest.TestCase):
    def test_rng(self):
        r = Rng(1)
        self.assertEqual([r.below(1000) for _ in range(5)], [519, 590, 235, 761, 48])

    def test_documents(self):
        text = "\0".join("\n".join(corpus.document(s)) for s in range(corpus.TRAIN_FROM,
                                                                     corpus.TRAIN_FROM + 500))
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), "95d7444a6550fd22388d67846906a361a0b53f9bbd818d73d6b1eab5633562e8")

    def test_sit(self):
        text = repr([[q[:2] for q in sit.group(s)[1]] for s in range(corpus.TRAIN_FROM, corpus.TRAIN_FROM + 200)])
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), "3f6eb742746598c8909f31eca64cd54944f59b2f992a4cff1e35ba808743d0b7")


class Facts(unittest.TestCase):
    def test_options(self):
        for seed in SOME:
            rng = Rng(seed, "test")
            for f in corpus.svg(seed).facts + corpus.cad(seed).facts:
                options, letter = f.options(rng)
                self.assertEqual(len(set(options)), 4)
                self.assertEqual(options["ABCD".index(letter)], f.answer)
                self.assertTrue(set(options) <= set(f.pool))
                options, letter = f.options(rng, "C")
                self.assertEqual((options[2], letter), (f.answer, "C"))

    def test_statements_name_the_answer(self):
        for seed in SOME:
            for f in corpus.svg(seed).facts + corpus.cad(seed).facts:
                self.assertIn(f.answer, f.statement)

    def test_count_windows_are_fair(self):
        seen = {}
        for seed in range(6000):
            rng = Rng(seed, "count")
            c = Count(rng, 1, 3)
            pool = c.pool(rng)
            seen.setdefault(pool[0], [0] * 4)[pool.index(str(c.n))] += 1
        for counts in seen.values():
            for n in counts:
                self.assertAlmostEqual(n / sum(counts), 0.25, delta=0.04)

    def test_every_kind_in_every_category(self):
        for name in categories.CATEGORIES:
            kinds = {f.kind for s in range(40) for f in corpus.svg(s, name).facts}
            self.assertEqual(kinds, set(KINDS), name)
        self.assertGreaterEqual(len(categories.CATEGORIES), 19)

    def test_options_give_nothing_away(self):
        g = guess.trained(1500)
        rows = []
        for seed in range(400_000, 401_000):
            rng = Rng(seed, "guess")
            rows += [questions.svg_row("", "", f, rng) for f in corpus.svg(seed).facts]
        share, n = guess.accuracy(g, rows)
        self.assertGreater(n, 5000)
        self.assertLess(share, 0.28)


class Programs(unittest.TestCase):
    def test_svg_is_xml_on_its_canvas(self):
        tags = set()
        for seed in SOME:
            root = ElementTree.fromstring(corpus.svg(seed).program())
            for e in root.iter():
                tags.add(e.tag.split("}")[-1])
                for k in ("x", "y", "cx", "cy", "x1", "y1"):
                    if e.get(k):
                        self.assertLessEqual(-30, float(e.get(k)))
                        self.assertLessEqual(float(e.get(k)), 230)
        self.assertEqual(tags, {"svg", "g", "rect", "circle", "ellipse", "line", "polyline",
                                "polygon", "path"})

    def test_path_commands(self):
        found = set()
        for seed in range(300_000, 302_000):
            for d in re.findall(' d="([^"]*)"', corpus.svg(seed).program()):
                found |= set(re.findall("[A-Za-z]", d))
        self.assertTrue(set("MLHVCQAZlhvcqaz") <= found, found)

    def test_color_of_the_answer_is_in_the_program(self):
        for seed in SOME:
            d = corpus.svg(seed)
            text = d.program()
            for f in d.facts:
                if f.kind == "color":
                    self.assertTrue(any(s in text for s in colors.SPELLINGS[f.answer]))

    def test_counts_are_in_the_program(self):
        """A pattern's figures are the only elements beside its frame and its mark."""
        for seed in range(200):
            d = corpus.svg(seed, "pattern")
            frame = any("frame" == name for name, _, _ in d.parts)
            n = [int(f.answer) for f in d.facts if f.kind == "count"][0]
            self.assertEqual(len(d.elements), n + 1 + frame)

    def test_relative_paths_are_absolute_ones(self):
        segments = [("M", 10, 10), ("L", 20, 10), ("L", 20, 30), ("Q", 5, 5, 1, 2), ("Z",)]
        spell = svg_text.path_data
        self.assertEqual(spell(segments, {"hv": True}, 0), "M10 10H20V30Q5 5 1 2Z")
        self.assertEqual(spell(segments, {"hv": True, "relative": True}, 0),
                         "M10 10h10v20q-15 -25 -19 -28z")
        self.assertEqual(spell(segments, {"comma": True}, 0), "M10,10L20,10L20,30Q5,5 1,2Z")

    def test_cad(self):
        for seed in SOME:
            c = corpus.cad(seed)
            text = c.program()
            if c.subject == "2D":
                self.assertRegex(text, r"^0:External;1:Line\(.*;\d+:Stop;$")
            else:
                self.assertTrue(text.endswith(";EOS"))
                for n in re.findall(r"\d+", text):
                    self.assertLess(int(n), 256)
                if c.subject == "3Dcomplex":
                    n = [f.answer for f in c.facts if "How many extrusions" in f.question]
                    self.assertEqual(n, [str(text.count("Ext:("))])

    def test_outlines(self):
        for kind in cad3d.OUTLINES:
            self.assertTrue(cad3d.loop(kind, 128, 128, 80, Rng(1)).startswith("SOL;"))

    def test_digits_differ(self):
        self.assertEqual(len({digits.program(Rng(s), s % 10) for s in range(200)}), 200)


class Invariance(unittest.TestCase):
    def test_move(self):
        m = invariance.Move(1, 2, 90, (50, 50))
        self.assertEqual([round(v, 6) for v in m(60, 50)], [51, 62])

    def test_forms(self):
        m = invariance.Move(0, 0, 20, (50, 50))
        self.assertEqual(invariance.moved(shapes.rect(1, 2, 3, 4), m).kind, "polygon")
        self.assertEqual(invariance.moved(shapes.ellipse(1, 2, 3, 4), m).kind, "path")
        m = invariance.Move(1, 1)
        self.assertEqual(invariance.moved(shapes.rect(1, 2, 3, 4), m).geo[:2], (2, 3))

    @unittest.skipUnless(shutil.which("rsvg-convert"), "no rsvg-convert")
    def test_pictures(self):
        worst, blank = check_invariance.check(560_000, 6)
        self.assertLess(worst, 0.01)
        self.assertEqual(blank, 0)


class TestSets(unittest.TestCase):
    """The files in testdata are what the generator writes, and are in good order."""

    @classmethod
    def setUpClass(cls):
        cls.sets = {}
        if not shutil.which("zstd"):
            raise unittest.SkipTest("no zstd")
        for name in sorted(os.listdir(DATA)):
            if name.endswith(".csv.zst"):
                cls.sets[name[:-8]] = writer.read(os.path.join(DATA, name))

    def test_sizes(self):
        self.assertEqual(len(self.sets), 14)
        self.assertGreaterEqual(len(self.sets["svg"][1]), 400)
        self.assertGreaterEqual(len(self.sets["cad"][1]), 200)
        self.assertGreaterEqual(len(self.sets["mnist"][1]), 100)
        for name, (columns, rows) in self.sets.items():
            self.assertEqual(columns, ["Question", "Answer"] if name == "mnist" else
                             questions.COLUMNS)
            if name.startswith("inv"):
                self.assertEqual(len(rows), 60)

    def test_answers_are_even(self):
        for name in ("svg", "cad", "inv"):
            rows = self.sets[name][1]
            for subject in {r[7] for r in rows}:
                letters = [r[6] for r in rows if r[7] == subject]
                counts = [letters.count(x) for x in "ABCD"]
                self.assertLessEqual(max(counts) - min(counts), 1)

    def test_inv_asks_alike(self):
        first = [[r[0]] + r[2:] for r in self.sets["inv"][1]]
        for name in self.sets:
            if name.startswith("inv_"):
                self.assertEqual([[r[0]] + r[2:] for r in self.sets[name][1]], first)

    def test_generator_writes_them(self):
        first = 60_000
        self.assertEqual(generate.svg_set(first, 100), self.sets["svg"][1])
        self.assertEqual(generate.cad_set(first, 80), self.sets["cad"][1])
        self.assertEqual(generate.mnist_set(first, 12), self.sets["mnist"][1])
        for name, rows in generate.inv_sets(first + 500_000, 12).items():
            self.assertEqual(rows, self.sets[name][1])

    def test_disjoint_from_training(self):
        tests = {corpus.normal(r[0 if name == "mnist" else 1].split("\n\n")[1])
                 for name, (_, rows) in self.sets.items() for r in rows}
        for seed in range(corpus.TRAIN_FROM, corpus.TRAIN_FROM + 5000):
            self.assertNotIn(corpus.normal(corpus.document(seed)[0]), tests)


class Prompts(unittest.TestCase):
    def test_forms(self):
        row = ["p", "Q", "1", "2", "3", "4", "A", "color"]
        self.assertTrue(prompts.user_message(row).endswith("\n\nQ\n\nA) 1\nB) 2\nC) 3\nD) 4"))
        self.assertIn("\\boxed", prompts.user_message(["Q", "7"]))

    def test_replies_end_in_the_answer(self):
        for seed in range(corpus.TRAIN_FROM, corpus.TRAIN_FROM + 200):
            for row, reply, _ in sit.group(seed)[1]:
                self.assertTrue(reply.endswith("\nAnswer: " + row[6 if len(row) > 2 else 1]))


class Sources(unittest.TestCase):
    def test_a_colour_stands_where_it_is_said_to(self):
        found = 0
        for seed in SOME:
            program, facts = corpus.drawn(seed)
            for f in facts:
                places = sources.places(program, f, facts)
                if f.kind == "color":
                    self.assertTrue(places, (seed, f.question))
                    a, b = places[0]
                    self.assertEqual(sources.NAME_OF[program[a:b]], f.answer)
                found += bool(places)
        self.assertGreater(found, 1000)

    def test_words_of_cad(self):
        for seed in SOME:
            c = corpus.cad(seed)
            for f in c.facts:
                text = [c.program()[a:b] for a, b in sources.places(c.program(), f, c.facts)]
                if c.subject == "2D" and f.kind == "semantics":
                    self.assertEqual({t.lower() for t in text}, {f.answer})
                if c.subject == "2D" and f.kind == "reasoning":
                    self.assertEqual(text, [f.answer])


if __name__ == "__main__":
    unittest.main()
