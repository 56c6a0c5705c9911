"""quantize asked for a result: the bound is kept, as others measure it too."""
import json
import xml.etree.ElementTree as xml

from harness import ROOT, ToolTest, main

MODEL = "examples/village"


class Budget(ToolTest):
    tool = "quantize"

    def setUp(self):
        super().setUp()
        text = "".join((ROOT / f).read_text("utf-8") for f in ("README.md", "man/convert.1", "man/quantize.1"))
        (self.folder / "text").write_text(text, "utf-8")

    def within(self, *options, **more):
        return self.ok("-m", self.data(MODEL), "-o", "q.lathe", "-f", "--measure", "text", *map(str, options), **more)

    def kl(self):
        out = self.ok("-m", "q.lathe", "-b", self.data(MODEL), "-i", "text", "--chunks", "12", "--json", tool="perplexity")
        return json.loads(out.out)

    def test_a_loss_is_kept(self):
        for bound in (0.01, 0.05):
            out = self.within("--max-kld", bound)
            measured = float(out.err.split("KL ")[-1].split()[0])
            self.assertLessEqual(measured, bound)
            # As perplexity measures it, which reads the text as its own and begins it with BOS.
            self.assertLess(abs(self.kl()["kl"]["mean"] / measured - 1), 0.3)

    def test_a_size_is_kept_and_more_is_better(self):
        losses = []
        for size in (66_000, 80_000):
            out = self.within("--max-size", size)
            self.assertLessEqual((self.folder / "q.lathe").stat().st_size, size)
            self.assertGreater((self.folder / "q.lathe").stat().st_size, size * 0.94)
            losses.append(float(out.err.split("KL ")[-1].split()[0]))
        self.assertLess(losses[1], losses[0])

    def test_bits_are_kept(self):
        out = self.within("--max-bits", "7")
        self.assertLessEqual(float(out.err.split(" bits per weight of the matrices")[0].split()[-1]), 7)
        self.assertEqual(self.ok("--verify", "q.lathe", "--against", self.data(MODEL)).out[:11], "q.lathe: ok")

    def test_the_curve_is_printed_and_drawn(self):
        out = self.within("--max-kld", "0.1", "--dry-run", "--plot", "c.svg")
        rows = [line.split() for line in out.out.splitlines()[1:]]
        bits, losses = [float(r[-2]) for r in rows], [float(r[-1]) for r in rows]
        self.assertGreater(len(rows), 8)
        self.assertEqual(bits, sorted(bits))
        self.assertEqual(losses, sorted(losses, reverse=True))
        drawn = xml.parse(self.folder / "c.svg").getroot()
        self.assertEqual(len(drawn.findall("{http://www.w3.org/2000/svg}circle")), len(rows))
        self.assertFalse((self.folder / "q.lathe").exists())

    def test_what_cannot_be_had_is_said(self):
        bad = lambda *options, message: self.fails(
            2, "-m", self.data(MODEL), "-o", "q.lathe", "--measure", "text", *options, message=message)
        bad("--max-size", "10K", message="the smallest file that there are schemes for takes")
        bad("--max-bits", "1", message="the smallest schemes take")
        bad("--max-kld", "1e-6", message="the best schemes lose")
        bad("--max-ppl", "1", message="as +1%")
        bad("--max-kld", "0.1", "--max-size", "1M", message="exclude each other")
        bad("--max-kld", "0.1", "-s", "w4", message="choose the schemes")
        self.assertFalse((self.folder / "q.lathe").exists())


if __name__ == "__main__":
    main()
