"""The project's own model (testdata/models): what it answers, what bits cost it, its adapter.

Trained weights show what random ones can't: that a chain of tools keeps what was learned. The
figures are those of the shipped weights; quantized ones are the same on every machine.
"""
import json
import shutil
import subprocess
import unittest

from harness import ISAS, ToolTest, main

DIGITS = 4  # of perplexities

# Greedy, in the benchmark's words, to the first questions of svg.
ANSWERS = [
    "The mark is green.\nAnswer: C",
    "The shape of the repeated figure is cross.\nAnswer: B",
    "There are 3 crosses.\nAnswer: D",
    "The mark is at the bottom right.\nAnswer: C",
    "This is a house.\nAnswer: D",
    "The wall is orange.\nAnswer: A",
    "The shape of the windows is triangle.\nAnswer: B",
    "There are 2 windows.\nAnswer: C"
]
PERPLEXITY = {"base": "2.854", "f32": "20.77", "w8r": "20.73", "w4": "20.62"}
# KL divergence from f32 of the mixture w4, mean: what a like file of llama.cpp's (Q4_K_S, 4.73 bits)
# loses in the same text.
LIMITS = {"base": 0.0157, "f32": 0.1169}
CORRECT = {"w8r": 46, "w4": 45}  # of 60; floats may differ from machine to machine


class Models(ToolTest):
    tool = "sgp-eval"

    @classmethod
    def setUpClass(cls):
        if not shutil.which("zstd"):
            raise unittest.SkipTest("no zstd")

    def base(self):
        return self.data("models/base")

    def adapter(self):
        return self.data("models/sit")

    def merged(self, scheme="f32"):
        """The path of base and adapter in one file, quantized unless the scheme is f32."""
        out = self.folder / f"{scheme}.lathe"
        if out.exists():
            return out
        if scheme == "f32":
            self.ok("-q", self.base(), "--lora", self.adapter(), "--dtype", "f32", "-o", out,
                    tool="convert")
        else:
            self.ok("-q", "-m", self.merged(), "-s", scheme, "-o", out, tool="quantize")
        return out

    def unpacked(self, name):
        return subprocess.run(["zstd", "-dcq", str(self.data("sgp") / name)], check=True,
                              stdout=subprocess.PIPE).stdout

    def score(self, model, *more, name="svg", limit=60):
        result = json.loads(self.ok("-q", "-m", model, "--data", self.data(f"sgp/{name}.csv.zst"),
                                    "--limit", str(limit), "--json", *more).stdout)
        return round(result["score"] * result["count"]), result["answered"]

    def compared(self, model, base=None):
        result = self.ok("-q", "-m", model, *(("-b", base) if base else ()), "-c", "512",
                         "--chunks", "8", "--json", tool="perplexity",
                         stdin=self.unpacked("heldout.txt.zst"))
        return json.loads(result.stdout)

    def perplexity(self, model):
        return self.compared(model)["perplexity"]

    def answers(self, model, *more):
        """Greedy answers to the first questions, in the benchmark's words."""
        prompts = self.folder / "prompts.jsonl"
        if not prompts.exists():
            self.ok("-q", "--data", self.data("sgp/svg.csv.zst"), "--limit", str(len(ANSWERS)),
                    "--emit-prompts", "-o", prompts)
        lines = self.ok("-q", "-m", model, "--jsonl", "-i", prompts, *more,
                        tool="generate").stdout.splitlines()
        return [json.loads(line)["text"].strip() for line in lines]

    def test_answers_are_golden(self):
        for scheme in ("f32", "w8"):
            with self.subTest(scheme=scheme):
                self.assertEqual(self.answers(self.merged(scheme)), ANSWERS)

    def test_the_adapter_beside_the_base_says_the_same(self):
        self.assertEqual(self.answers(self.base(), "--lora", self.adapter()), ANSWERS)
        small = self.folder / "base-w8.lathe"
        self.ok("-q", "-m", self.base(), "-s", "w8", "-o", small, tool="quantize")
        self.assertEqual(self.answers(small, "--lora", self.adapter()), ANSWERS)

    def test_an_adapter_leaves_quantized_answers_the_same_bits(self):
        small = self.folder / "base-w8.lathe"
        self.ok("-q", "-m", self.base(), "-s", "w8", "-o", small, tool="quantize")
        again = self.folder / "adapter.gguf"
        self.ok("-q", self.adapter(), "--base", self.base(), "-o", again, tool="convert")
        rows = [{"prompt": f'<rect x="{i}" fill="red"/> What color is it? {"In a word." * i}',
                 "max_tokens": 6, "logprobs": 1} for i in range(5)]

        def logprobs(rows, *more, isa=None):
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            result = self.ok("-q", "-m", small, "--lora", self.adapter(), "--lora", f"{again}:0.25",
                             "--jsonl", *more, tool="generate", stdin=lines,
                             env={"LATHE_ISA": isa})
            return [json.loads(line)["logprobs"] for line in result.stdout.splitlines()]

        alone = [logprobs([row])[0] for row in rows]
        for isa in filter(self.has_isa, ISAS):
            for more in ([], ["--prefill-chunk", "7"], ["-t", "1", "--max-batch", "2"]):
                self.assertEqual(logprobs(rows, *more, isa=isa), alone, (isa, more))

    def test_perplexity_to_four_digits(self):
        for scheme, want in PERPLEXITY.items():
            with self.subTest(scheme=scheme):
                model = self.base() if scheme == "base" else self.merged(scheme)
                self.assertEqual(f"{self.perplexity(model):.{DIGITS}g}", want)

    def test_four_bits_stay_near(self):
        for name, limit in LIMITS.items():
            with self.subTest(model=name):
                model = self.base() if name == "base" else self.merged()
                small = self.folder / f"{name}-w4.lathe"
                report = json.loads(self.ok("-q", "-m", model, "-o", small, "--json",
                                            tool="quantize").stdout)
                self.assertLess(report["outputs"][0]["bits_per_weight"], 4.7322)
                self.assertLess(self.compared(small, model)["kl"]["mean"], limit)

    def test_scores(self):
        for scheme, want in CORRECT.items():
            with self.subTest(scheme=scheme):
                self.assertEqual(self.score(self.merged(scheme)), (want, 1.0))

    def test_the_base_does_not_know_the_benchmark(self):
        self.assertEqual(self.score(self.base(), "-n", "48"), (0, 0.0))  # no answer in its form
        right, _ = self.score(self.base(), "--protocol", "logprob", limit=120)
        self.assertLess(right, 120 * 0.4)


if __name__ == "__main__":
    main()
