"""perplexity: figures that must agree with each other, records, refusals."""
import json
import math
import pathlib
import shutil

import tiny_models
from harness import ToolTest, main


class Perplexity(ToolTest):
    tool = "perplexity"

    def setUp(self):
        super().setUp()
        self.model = self.data("examples/village")
        self.text = self.folder / "story.txt"
        self.text.write_bytes(self.ok("-m", self.model, "-p", "The miller", "--temp", "1", "-n",
                                      "400", "--ignore-eos", tool="generate").stdout)

    def test_text_and_json_say_the_same(self):
        text = self.ok("-m", self.model, "-i", self.text, "-c", "64").out
        figures = json.loads(self.ok("-m", self.model, "-i", self.text, "-c", "64", "--json").out)
        self.assertIn(f"{figures['perplexity']:.4f} ± {figures['error']:.4f}", text)
        self.assertEqual(figures["scored"], figures["chunks"] * 31)

    def test_records_add_up_to_the_figure(self):
        out = self.ok("-m", self.model, "-i", self.text, "-c", "64", "--per-token").stdout
        scores = [json.loads(line)["logprob"] for line in out.splitlines()]
        figures = json.loads(self.ok("-m", self.model, "-i", self.text, "-c", "64", "--json").out)
        self.assertEqual(len(scores), figures["scored"])
        self.assertAlmostEqual(math.exp(-sum(scores) / len(scores)), figures["perplexity"], 9)

    def test_a_model_does_not_differ_from_itself(self):
        figures = json.loads(self.ok("-m", self.model, "--base", self.model, "-i", self.text, "-c",
                                     "64", "--json").out)
        self.assertEqual(figures["kl"]["max"], 0)
        self.assertEqual(figures["same_top"]["share"], 1)
        self.assertEqual(figures["base"]["perplexity"], figures["perplexity"])

    def test_several_models_in_a_table_say_what_each_says_alone(self):
        for scheme in ("w2", "w8"):
            self.ok("-m", self.model, "-o", f"{scheme}.lathe", "-s", scheme, tool="quantize")
        words = ("-b", self.model, "-i", self.text, "-c", "64")
        several = json.loads(self.ok("-m", "w2.lathe", "--also", "w8.lathe", *words, "--continue", "24", "--json").out)
        self.assertEqual([m["model"] for m in several["models"]], ["w2.lathe", "w8.lathe"])
        for row in several["models"]:
            alone = json.loads(self.ok("-m", row["model"], *words, "--json").out)
            self.assertAlmostEqual(row["perplexity"], alone["perplexity"], 9)
            self.assertAlmostEqual(row["kl"]["mean"] / alone["kl"]["mean"], 1, 2)
            self.assertEqual(row["same_top"]["mean"], alone["same_top"]["share"])
            self.assertAlmostEqual(several["base"]["perplexity"] / alone["base"]["perplexity"], 1, 5)
        few, many = several["models"]
        self.assertLess(few["bytes"], many["bytes"])
        self.assertGreater(few["kl"]["mean"], many["kl"]["mean"])
        self.assertGreater(few["edits"]["mean"], many["edits"]["mean"])
        self.assertLess(few["first_difference"]["mean"], many["first_difference"]["mean"])
        self.assertLessEqual(many["first_difference"]["mean"], 24)
        table = self.ok("-m", "w2.lathe", "--also", "w8.lathe", *words).out.splitlines()
        self.assertEqual([line.split()[0] for line in table], ["model", str(self.model), "w2.lathe", "w8.lathe"])
        self.assertIn(f"{few['kl']['mean']:.5f} ± {few['kl']['error']:.5f}", table[2])

    def test_a_model_goes_on_as_itself(self):
        row = json.loads(self.ok("-m", self.model, "-b", self.model, "-i", self.text, "-c", "64", "--continue", "8",
                                 "--json").out)["models"][0]
        self.assertEqual((row["edits"]["mean"], row["first_difference"]["mean"]), (0, 8))
        self.assertEqual(row["same_continuations"], row["continuations"])

    def test_a_table_needs_a_baseline_and_room(self):
        bad = lambda *options, message: self.fails(2, "-m", self.model, "-i", self.text, *options, message=message)
        bad("--also", self.model, message="--also needs --baseline MODEL")
        bad("--continue", "8", message="--continue needs --baseline MODEL")
        bad("-b", self.model, "--also", self.model, "--per-token", message="have no place there")
        bad("-b", self.model, "-c", "64", "--continue", "33", message="more than --ctx 64")
        (self.folder / "lines").write_text("{}\n")
        bad("-b", "lines", "--also", self.model, message="needs the model, not its lines")

    def test_one_token_alone_has_no_standard_error(self):
        # Chunks of four tokens have one that is scored.
        words = ("-m", self.model, "-i", self.text, "-c", "4", "--chunks", "1", "-b", self.model)
        figures = json.loads(self.ok(*words, "--json").out)
        self.assertEqual(figures["scored"], 1)
        for figure in (figures, figures["base"], figures["ln_ratio"], figures["kl"],
                       figures["same_top"]):
            self.assertIsNone(figure["error"])
        text = self.ok(*words).out
        self.assertNotIn("±", text)
        self.assertIn(f"perplexity        {figures['perplexity']:.4f}\n", text)

    def test_the_summary_of_records_is_a_line_for_each_figure(self):
        result = self.ok("-m", self.model, "-i", self.text, "-c", "64", "--per-token", "-b", self.model)
        self.assertRegex(result.err, r"(?m)^perplexity: base perplexity +\d")
        self.assertNotIn("\\n", result.err)

    def test_memory_is_bounded_and_changes_nothing(self):
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8", tool="quantize")
        words = ("-m", "w8.lathe", "-i", self.text, "-c", "128", "--per-token")
        wanted = self.ok(*words).stdout
        self.assertEqual(self.ok(*words, "--kv-memory", "2M").stdout, wanted)
        self.fails(5, *words, "--kv-memory", "1K", message="KV memory of 1000 bytes holds nothing")

    def test_what_the_kv_type_costs(self):
        def kl(kv, base):
            out = self.ok("-m", self.model, "-b", self.model, "-i", self.text, "-c", "64", "--json",
                          "--kv-type", kv, "--base-kv-type", base).out
            return json.loads(out)["kl"]["mean"]
        self.assertEqual(kl("f32", "f32"), 0)
        self.assertLess(kl("f16", "f32"), 1e-6)
        self.assertLess(kl("int8", "f32"), 1e-2)
        self.assertGreater(kl("int8", "f32"), kl("f16", "f32"))
        self.assertLess(kl("int4", "f32"), 1e-1)
        self.assertGreater(kl("k8v4", "f32"), kl("int8", "f32"))
        self.assertGreater(kl("int4", "f32"), kl("k8v4", "f32"))
        self.fails(2, "-m", self.model, "-i", self.text, "--base-kv-type", "f32", message="--baseline")

    def test_infinite_logits_are_an_error(self):
        # Finite weights, 6e37 each, that make infinite logits.
        model = tiny_models.altered(self.model, self.folder / "large",
                                    {"model.norm.weight": b"\x40\x7e"})
        self.ok("-q", "-m", model, "-s", "w8", "-o", "w8.lathe", tool="quantize")
        for path in (model, "w8.lathe"):
            for base in ([], ["--base", self.model]):
                self.fails(3, "-m", path, *base, "-i", self.text, "-c", "64", message="not numbers")

    def test_batches_change_nothing_for_a_quantized_model(self):
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8", tool="quantize")
        runs = {self.ok("-m", "w8.lathe", "-i", self.text, "-c", "64", "-t", t, "--per-token").stdout
                for t in ["1", "2", "3"]}
        self.assertEqual(len(runs), 1)

    def test_the_real_model_agrees_with_llama_perplexity(self):
        # Measured with llama-perplexity -c 128 on the same text: 3.5431.
        model = self.shared("stories260K.bin")
        self.ok(model, "--tokenizer", self.shared("tok512.bin"), "-o", "s.lathe", tool="convert")
        text = self.data("golden/stories260k/sample.txt")
        out = json.loads(self.ok("-m", "s.lathe", "-i", text, "-c", "128", "--json").out)
        self.assertAlmostEqual(out["perplexity"], 3.543, 3)

    def worse(self):
        """The model with another weight of its last norm for each: what it says is off."""
        folder = self.folder / "worse"
        shutil.copytree(self.model, folder)
        path = folder / "model.safetensors"
        data = bytearray(path.read_bytes())
        size = int.from_bytes(data[:8], "little")
        begin, end = json.loads(data[8:8 + size])["model.norm.weight"]["data_offsets"]
        for at in range(8 + size + begin + 1, 8 + size + end, 4):
            data[at] ^= 0x80  # the sign of every other bf16
        path.write_bytes(data)
        return folder

    def test_gates_say_what_is_lost_and_how_surely(self):
        worse = self.worse()
        compare = ["-m", worse, "--baseline", self.model, "-i", self.text, "-c", "64"]
        figures = json.loads(self.ok(*compare, "--json").out)
        lost = 100 * (1 - figures["same_top"]["share"])
        self.assertGreater(lost, 10)
        for gate in (f"same-top<-{lost / 2:.4f}%", "perplexity<-5%", "<-5"):
            missed = self.run_tool(*compare, "--fail-if", gate)
            self.assertEqual(missed.status, 1, missed)
            self.assertIn(f"gate missed: {gate}: ", missed.err)
            self.assertRegex(missed.err, r"\(95 %: \d+\.\d\d … \d+\.\d\d\)")
            self.assertRegex(missed.err, r"went from [\d.e+]+ of .* to [\d.e+]+, a loss of \d+\.\d\d %")
            self.assertIn("perplexity", missed.out)  # the figures come all the same
        self.ok(*compare, "--fail-if", f"same-top<-{min(99.0, lost + 1):.4f}%")
        # At the edge nothing is lost beyond it, and what may be noise is no loss.
        same = ["-m", self.model, "-b", self.model, "-i", self.text, "-c", "64"]
        self.ok(*same, "--fail-if", "<0%")
        self.fails(2, "-m", self.model, "-i", self.text, "--fail-if", "<0%", message="--baseline")
        self.fails(2, *same, "--fail-if", "kl<-1%", message=["kl<-1%", "same-top"])
        self.fails(2, *same, "--fail-if", "perplexity", message="not a gate")

    def test_two_recorded_runs_side_by_side(self):
        worse = self.worse()
        for name, model in (("ours.jsonl", worse), ("base.jsonl", self.model)):
            self.ok("-q", "-m", model, "-i", self.text, "-c", "64", "--per-token", "-o", name)
        live = json.loads(self.ok("-m", worse, "-b", self.model, "-i", self.text, "-c", "64", "--json").out)
        half = json.loads(self.ok("-m", worse, "-b", "base.jsonl", "-i", self.text, "-c", "64",
                                  "--json").out)
        said = json.loads(self.ok("--compare", "ours.jsonl", "base.jsonl", "--json").out)
        for key in ("perplexity", "error", "mean_nll", "scored", "chunks", "ln_ratio", "same_top", "delta_p"):
            self.assertEqual(said[key], live[key], key)
            self.assertEqual(half[key], live[key], key)
        self.assertNotIn("kl", said)  # it takes all logits
        self.assertEqual(said["base"]["perplexity"], live["base"]["perplexity"])
        self.assertIn("same top token", self.ok("--compare", "ours.jsonl", "base.jsonl").out)
        missed = self.run_tool("--compare", "ours.jsonl", "base.jsonl", "--fail-if", "perplexity<-5%")
        self.assertEqual(missed.status, 1, missed)
        self.assertIn(f"gate missed: perplexity<-5%: perplexity went from {live['base']['perplexity']:.4g} of "
                      f"base.jsonl to {live['perplexity']:.4g}, a loss of "
                      f"{100 * (1 - live['base']['perplexity'] / live['perplexity']):.2f} %", missed.err)
        self.ok("--compare", "base.jsonl", "base.jsonl", "--fail-if", "<0%")

    def test_runs_over_another_text_are_not_compared(self):
        self.ok("-q", "-m", self.model, "-i", self.text, "-c", "64", "--per-token", "-o", "a.jsonl")
        lines = (self.folder / "a.jsonl").read_text().splitlines(keepends=True)
        self.write("short.jsonl", "".join(lines[:-1]))
        last = json.loads(lines[-1])
        self.fails(3, "--compare", "a.jsonl", "short.jsonl",
                   message=[f"position {last['position']} of chunk {last['chunk']}", "the second ends"])
        self.fails(3, "-m", self.model, "-b", "a.jsonl", "-i", self.text, "-c", "32", message="--ctx")
        self.write("no.jsonl", lines[0] + '{"chunk":0}\n')
        self.fails(3, "--compare", "a.jsonl", "no.jsonl", message=["no.jsonl, line 2", "position"])
        self.write("empty.jsonl", "")
        self.fails(3, "--compare", "a.jsonl", "empty.jsonl", message="--per-token")
        self.write("more.jsonl", json.dumps({**json.loads(lines[0]), "logprob": 0.5}))
        self.fails(3, "--compare", "more.jsonl", "a.jsonl", message="more than 0")
        old = [{k: v for k, v in json.loads(line).items() if k != "top"} for line in lines]
        self.write("old.jsonl", "".join(json.dumps(line) + "\n" for line in old))
        self.assertNotIn("same_top", json.loads(self.ok("--compare", "a.jsonl", "old.jsonl", "--json").out))
        self.fails(2, "--compare", "a.jsonl", "old.jsonl", "--fail-if", "same-top<-1%", message="perplexity")
        self.fails(2, "--compare", "a.jsonl", "a.jsonl", "-m", self.model, message="--compare")
        self.fails(2, "-i", self.text, message=["-m MODEL", "--compare"])
        for model in (self.model, pathlib.Path(self.model) / "model.safetensors"):
            self.fails(2, "--compare", "a.jsonl", model, message=["-m NEW -b BASE", "village"])
        noted = self.ok("--compare", "a.jsonl", "a.jsonl", "--fail-if", "<0%")
        self.assertNotIn("gain", noted.err)
        noted = self.run_tool("--compare", "a.jsonl", "a.jsonl", "--fail-if", "perplexity<2%")
        self.assertEqual(noted.status, 1, noted)
        self.assertIn("asks for a gain of 2 %", noted.err)

    def test_the_old_names_of_options_go_on(self):
        new = self.ok("-m", self.model, "--baseline", self.model, "--baseline-kv-type", "f32", "-i",
                      self.text, "-c", "64", "--per-token").stdout
        old = self.ok("-m", self.model, "--base", self.model, "--base-kv-type", "f32", "-i",
                      self.text, "--ctx", "64", "--per-token").stdout
        self.assertEqual(old, new)

    def test_with_an_adapter_the_figures_are_those_of_the_merged_model(self):
        base, adapter = self.data("golden/models/tiny-llama"), self.data("golden/lora/tiny-llama")
        self.ok(base, "--lora", adapter, "-o", "merged.lathe", "--dtype", "f32", tool="convert")
        text = self.write("text.txt", "The miller found nine letters. " * 20)
        figures = [json.loads(self.ok(*model, "-i", text, "-c", "16", "--json").out)["mean_nll"]
                   for model in (["-m", base, "--lora", adapter], ["-m", "merged.lathe"],
                                 ["-m", base])]
        self.assertAlmostEqual(figures[0], figures[1], 4)
        self.assertNotAlmostEqual(figures[0], figures[2], 4)
        self.fails(4, "-m", base, "--lora", "absent", "-i", text, message="absent")

    def test_refusals(self):
        self.fails(3, "-m", self.model, "-i", self.text, "-c", "100000", message="100000")
        self.fails(5, "-m", self.model, "-i", self.write("long.txt", "The miller. " * 5000), "-c",
                   "4096", message="context")
        self.fails(2, "-m", self.model, "-c", "2", message="-c")
        self.fails(4, "-m", self.model, "-i", "absent.txt", message="absent.txt")
        self.fails(4, "-m", self.model, "--base", "absent", "-i", self.text, message="absent")
        self.fails(3, "-m", self.model, stdin="", message="1 tokens")


if __name__ == "__main__":
    main()
