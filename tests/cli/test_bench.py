"""bench: forms of the results, comparisons and gates; never a figure of speed."""
import csv
import io
import json

from harness import ToolTest, main


class Bench(ToolTest):
    tool = "bench"

    def setUp(self):
        super().setUp()
        self.model = self.data("examples/village")

    def measure(self, *more):
        return self.ok("-m", self.model, "-p", "16", "-n", "4", "-r", "2", *more)

    def test_json_has_the_names_that_scripts_know(self):
        rows = json.loads(self.measure("-o", "json").stdout)
        self.assertEqual([(r["n_prompt"], r["n_gen"]) for r in rows], [(16, 0), (0, 4)])
        for row in rows:
            self.assertEqual(len(row["samples_ts"]), 2)
            self.assertGreater(row["avg_ts"], 0)
            self.assertGreater(row["limit_share"], 0)

    def test_csv_jsonl_sql(self):
        rows = list(csv.DictReader(io.StringIO(self.measure("--format", "csv").out)))
        self.assertEqual([r["test"] for r in rows], ["pp16", "tg4"])
        lines = self.measure("--format", "jsonl").out.splitlines()
        self.assertEqual([json.loads(line)["test"] for line in lines], ["pp16", "tg4"])
        self.assertEqual(self.measure("--format", "sql").out.count("INSERT INTO"), 2)

    def test_ranges_depth_and_batches(self):
        out = self.ok("-m", self.model, "-p", "0", "-n", "2", "-d", "0,8-16+8", "-r", "1",
                      "--format", "jsonl").out
        self.assertEqual([json.loads(line)["test"] for line in out.splitlines()],
                         ["tg2", "tg2@d8", "tg2@d16"])
        out = self.ok("-m", self.model, "-p", "8", "-n", "2", "-npl", "2-4*2", "-pg", "4,2", "-r",
                      "1").out
        self.assertIn("pp8+tg2x4", out)
        self.assertIn("S_TG t/s", out)

    def test_compare_and_gates(self):
        base = self.measure("--format", "json").stdout
        self.write("base.json", base)
        rows = json.loads(base)
        for row in rows:
            row["samples_ts"] = [2 * x for x in row["samples_ts"] * 5]
        self.write("fast.json", json.dumps(rows))
        out = self.ok("--compare", "fast.json", "base.json", "--fail-if", "tg<-5%")
        self.assertIn("tg4", out.out)
        missed = self.run_tool("--compare", "base.json", "fast.json", "--fail-if", "<10%")
        self.assertEqual(missed.status, 1, missed)
        self.assertIn("gate missed", missed.err)
        self.measure("--compare", "base.json")

    def test_plot(self):
        self.measure("--plot", "chart.svg")
        self.assertTrue((self.folder / "chart.svg").read_text().startswith("<svg"))

    def test_machine(self):
        figures = json.loads(self.ok("--machine", "--format", "json").stdout)
        self.assertGreater(figures["read_bytes_per_second"], 1e8)
        self.assertGreater(figures["int8_ops_per_second"], 1e8)

    def test_a_shape_instead_of_a_model(self):
        out = json.loads(self.ok("--shape", "llama-42m", "--scheme", "w8", "-p", "8", "-n", "4", "-r",
                                 "1", "--format", "json", env={"TMPDIR": str(self.folder)}).stdout)
        self.assertEqual({row["model_filename"] for row in out}, {"llama-42m"})
        self.assertEqual(len(out), 2)
        self.assertEqual(list(self.folder.iterdir()), [])  # nothing stays
        self.fails(2, "--shape", "llama-9999t", message="tinyllama-1.1b")
        self.fails(2, "--shape", "llama-42m", "--scheme", "w5", message="w5")
        self.fails(2, "-m", "x", "--scheme", "w8", message="--shape")

    def test_refusals(self):
        self.fails(2, message="-m MODEL")
        self.fails(2, "-m", self.model, "-p", "x", message="x")
        self.fails(2, "-m", self.model, "-p", "0", "-n", "0", message="nothing")
        self.fails(4, "-m", "absent", message="absent")
        self.fails(5, "-m", self.model, "-p", "100000", message="context")
        self.write("bad.json", "[{}]")
        self.fails(3, "--compare", "bad.json", "bad.json", message="bad.json")
        self.fails(2, "--compare", "bad.json", message="-m MODEL")


if __name__ == "__main__":
    main()
