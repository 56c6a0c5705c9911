"""bench: forms of the results, comparisons and gates; never a figure of speed."""
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import time

from harness import TIMEOUT, ToolTest, main, program


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

    def test_what_checking_a_draft_costs(self):
        rows = json.loads(self.ok("-m", self.model, "--speculate", "-d", "0,9", "-r", "1",
                                  "--json").stdout)
        names = [f"check{n}{depth}" for depth in ("", "@d9") for n in range(1, 17)]
        self.assertEqual([row["test"] for row in rows], names)
        self.assertEqual([row["n_check"] for row in rows], 2 * list(range(1, 17)))
        results = self.write("results.json", json.dumps(rows))
        table = self.ok("-m", self.model, "--speculate", "-r", "1").out
        self.assertRegex(table, r"\| +16 \| +0 \| +[0-9.]+ \| +[0-9.]+ \| +[0-9]+ % \|")
        self.ok("--compare", results, results, "--fail-if", "check8<-5%")
        self.fails(2, "-m", self.model, "--speculate", "--npl", "2", message="--npl")

    def test_what_a_smaller_model_must_get_right(self):
        rows = json.loads(self.ok("-m", self.model, "--speculate", "--draft", self.model, "-d", "5", "-r",
                                  "1", "--json").stdout)
        first, last = rows[0], rows[-1]
        self.assertEqual([first[key] for key in ("times_one", "pays_above", "draft_ms")], [1, None, None])
        self.assertEqual(last["draft_filename"], str(self.model))
        for row, drafted in ((rows[1], 1), (last, 15)):
            more = row["times_one"] - 1
            self.assertAlmostEqual(row["pays_above"], max(0, more / drafted))
            self.assertGreater(row["draft_ms"], 0)
            drafting = row["draft_ms"] * first["median_ts"] / 1e3
            self.assertAlmostEqual(row["draft_pays_above"], max(0, more / drafted + drafting))
        table = self.ok("-m", self.model, "--speculate", "--draft", self.model, "-r", "1").out
        self.assertRegex(table, r"\| written, it pays above \|")
        plain = json.loads(self.ok("-m", self.model, "-p", "4", "-n", "0", "-r", "1", "--json").stdout)[0]
        self.assertIsNone(plain["pays_above"])
        self.fails(2, "-m", self.model, "--draft", self.model, message="--speculate")
        self.fails(3, "-m", self.model, "--speculate", "--draft", self.data("golden/models/llama-plain"),
                   message="no tokenizer")

    def test_an_adapter_counts(self):
        model, adapter = self.data("golden/models/tiny-llama"), self.data("golden/lora/tiny-llama")
        rows = [json.loads(self.ok("-m", model, "-p", "8", "-n", "0", "-r", "1", "--json", *more).out)[0]
                for more in ([], ["--lora", adapter], ["--lora", adapter, "--lora", f"{adapter}:-1"])]
        extra = [row["model_size"] - rows[0]["model_size"] for row in rows]
        self.assertGreater(extra[1], 0)
        self.assertEqual(extra[2], 2 * extra[1])
        self.assertEqual([row["model_type"].endswith(" LoRA") for row in rows], [False, True, True])
        self.fails(4, "-m", model, "--lora", "absent", message="absent")

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
        for row in rows:  # a machine whose other work cannot make the gate miss
            row["samples_ts"] = [x / 1e6 for x in row["samples_ts"]]
        self.write("slow.json", json.dumps(rows))
        self.measure("--baseline", "slow.json", "--fail-if", "<-99%")
        self.fails(2, "--compare", "a", "b", "--baseline", "c", message="give one")
        self.fails(2, "--compare", "base.json", message=["--compare NEW", "-m MODEL"])

    def test_gates_that_no_test_is_named_for(self):
        self.write("base.json", self.measure("--format", "json").stdout)
        both = ["--compare", "base.json", "base.json"]
        self.fails(2, *both, "--fail-if", "tp<-5%", message=["tp<-5%", "pp16, tg4"])
        self.write("pp.json", json.dumps(json.loads((self.folder / "base.json").read_bytes())[:1]))
        self.fails(2, "--compare", "base.json", "pp.json", "--fail-if", "tg<-5%", message="pp16")
        self.fails(2, "-m", self.model, "-p", "16", "-n", "0", "--fail-if", "tg<-5%",
                   "--interleave", "false", message="pp16")

    def test_what_is_wrong_is_told_before_measuring(self):
        # Measuring this would run into the harness's limit.
        long = ["-m", self.model, "-p", "128", "-n", "64", "-r", "100000"]
        self.fails(4, *long, "--compare", "absent.json", message="absent.json")
        self.write("c.svg", "")
        self.fails(4, *long, "--plot", "c.svg", message="c.svg")
        self.fails(2, *long, "--compare", "c.svg", "c.svg", message="two files")
        self.fails(2, *long, "--kv-type", "f16,int5", message="int5")

    def test_types_of_the_kv_cache(self):
        rows = json.loads(self.measure("--kv-type", "f16,int8", "--plot", "c.svg", "-o",
                                       "json").stdout)
        self.assertEqual([r["type_k"] for r in rows], ["f16", "f16", "int8", "int8"])
        self.assertIn("tg4, KV int8", (self.folder / "c.svg").read_text())
        self.assertRegex(self.measure("--kv-type", "f16,int8").out, r"\| threads \| +kv \|")

    def test_a_quantized_model_is_called_by_its_scheme(self):
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8", tool="quantize")
        out = self.ok("-m", "w8.lathe", "-p", "8", "-n", "0", "-r", "1", "--format", "jsonl").out
        self.assertTrue(json.loads(out)["model_type"].endswith(" w8"), out)

    def test_a_mixture_has_its_own_name(self):
        self.ok("-m", self.model, "-o", "w4.lathe", tool="quantize")
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8g32", tool="quantize")
        rows = json.loads(self.ok("-m", "w4.lathe", "-m", "w8.lathe", "-p", "0", "-n", "1", "-r",
                                  "1", "--json").out)
        self.assertEqual([row["model_type"].split()[-1] for row in rows], ["w4", "w8g32"])

    def other(self, rates, name="other-bench"):
        """A command that prints llama-bench's JSON: tests and their rates, growing run by run."""
        rows = [{"n_prompt": p, "n_gen": g, "n_depth": 0, "model_filename": "m.gguf",
                 "build_commit": "abc", "avg_ts": ts} for (p, g), ts in rates.items()]
        self.write("rows.json", json.dumps(rows))
        script = self.write(name, "#!/bin/sh\necho run >> runs\ncat rows.json\n")
        script.chmod(0o755)
        return f"./{name}"

    def test_interleave_sets_another_program_beside_ours(self):
        command = self.other({(16, 0): 1e-3, (0, 4): 1e9})
        out = self.measure("-r", "3", "--interleave", command).out
        self.assertEqual((self.folder / "runs").read_text().count("run"), 3)
        self.assertRegex(out, r"\| pp16 +\| .* \| other-bench \| .* … ")
        self.assertRegex(out, r"\| tg4 +\| .* \| other-bench \| .* \| +0\.000 ")
        rows = json.loads(self.measure("--interleave", command, "--interleave", command + " ",
                                       "--format", "json", "--plot", "c.svg").stdout)
        self.assertEqual([r["command"] for r in rows], [None] * 2 + [command] * 2 + [command + " "] * 2)
        for row in rows[2:]:
            self.assertEqual(row["model_filename"], "m.gguf")
            self.assertEqual(len(row["samples_ts"]), 2)
        self.assertGreater(rows[2]["ratio"], 1e5)
        self.assertLess(rows[3]["ratio"], 0.1)
        self.assertLessEqual(rows[2]["ratio_low"], rows[2]["ratio"])
        self.assertIn(">other-bench 2<", (self.folder / "c.svg").read_text())
        # The results are a base for later, without the other program's rows.
        self.write("both.json", json.dumps(rows))
        self.ok("--compare", "both.json", "both.json", "--fail-if", "<-1%")

    def test_interleave_in_every_form_and_with_gates(self):
        command = self.other({(16, 0): 1e-3})
        csv_rows = list(csv.DictReader(io.StringIO(
            self.measure("--interleave", command, "-o", "csv").out)))
        self.assertEqual([r["command"] for r in csv_rows], ["", "", command])
        done = self.measure("--interleave", command, "--format", "jsonl", "--fail-if", "pp<50%")
        self.assertEqual(len(done.out.splitlines()), 3)
        self.assertIn("has no tg4", done.err)
        sql = self.measure("--interleave", command, "--format", "sql").out
        self.assertEqual(sql.count("INSERT INTO"), 3)
        self.assertIn("ratio REAL", sql)
        slow = self.other({(16, 0): 1e12}, name="fast-bench")
        missed = self.run_tool("-m", self.model, "-p", "16", "-n", "0", "-r", "2", "--interleave",
                               slow, "--fail-if", "pp<-5%")
        self.assertEqual(missed.status, 1, missed)
        self.assertIn("gate missed", missed.err)

    def test_interleave_with_ourselves(self):
        command = f"{program('bench')} -m {self.model} -p 16 -n 4 -r 1 -o json"
        self.assertRegex(self.measure("--interleave", command).out, r"pp16.*bench.*1\.|0\.")
        command = f"{program('bench')} -m {self.model} -p 8 -n 2 --npl 2 -r 1 -o jsonl"
        self.assertIn("pp8+tg2x2", self.ok("-m", self.model, "-p", "8", "-n", "2", "--npl", "2",
                                           "-r", "2", "--interleave", command).out)

    def test_interleave_refusals(self):
        def refused(status, command, *more, message):
            self.fails(status, "-m", self.model, "-p", "16", "-n", "0", "-r", "2", "--interleave",
                       command, *more, message=message)
        refused(4, "no-such-program --x", message=["no-such-program", "not found"])
        refused(4, "echo '[]'; echo why >&2; exit 3", message=["exit status 3", "why"])
        refused(3, "echo no json", message="no json")
        refused(3, "true", message="printed nothing")
        refused(3, self.other({(8, 0): 1, (0, 4): 1}), message=["pp8, tg4", "here pp16"])
        refused(3, "echo '[{\"n_prompt\":16,\"avg_ts\":1},{\"n_prompt\":16,\"avg_ts\":1}]'",
                message="more than once")
        refused(5, "sleep 100", "--interleave-timeout", "0.2", message=["sleep 100", "0.2 s"])
        refused(2, "true", "--compare", "x.json", message="exclude")
        refused(2, "true", "-t", "1,2", message="one setting")
        self.fails(2, "-m", self.model, "--fail-if", "tg<1%", message="--interleave")

    def test_a_signal_ends_the_other_program_too(self):
        self.write("slow.sh", "echo $$ > pid; trap '' INT TERM; while :; do sleep 0.1; done")
        process = subprocess.Popen([program("bench"), "-m", self.model, "--interleave",
                                    "sh slow.sh"], cwd=self.folder, stderr=subprocess.DEVNULL)
        pid = self.folder / "pid"
        while not (pid.exists() and pid.read_text().endswith("\n")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(TIMEOUT), -signal.SIGINT)
        with self.assertRaises(ProcessLookupError):
            for _ in range(10000):
                os.kill(int(pid.read_text()), 0)
                time.sleep(0.01)

    def test_first_token_cold_and_warm(self):
        program("generate")
        model = self.folder / "village"
        shutil.copytree(self.model, model)
        rows = json.loads(self.ok("-m", model, "--first-token", "both", "-p", "0", "-n", "0", "-r",
                                  "2", "-t", "1", "--format", "json").stdout)
        self.assertEqual([r["test"] for r in rows], ["first-token-cold", "first-token-warm"])
        for row in rows:
            self.assertGreater(row["n_prompt"], 0)
            self.assertEqual(row["n_gen"], 1)
            self.assertEqual(len(row["samples_ns"]), 2)
            self.assertGreater(row["peak_resident_bytes"], 1e6)
            self.assertGreater(row["minor_faults"], 0)
        self.assertEqual(rows[1]["cached_share"], 1)
        out = self.ok("-m", model, "--first-token", "warm", "-p", "8", "-n", "0", "-r", "1").out
        self.assertIn("in the page cache before", out)
        self.assertIn("| pp8 ", out)
        self.assertNotIn("first-token-cold", out)
        self.fails(2, "--shape", "llama-42m", "--first-token", "cold", message="--shape")
        self.fails(4, "-m", "absent", "--first-token", "cold", message="absent")

    def test_what_the_process_took(self):
        row = json.loads(self.measure("--format", "json").stdout)[0]
        self.assertGreater(row["peak_resident_bytes"], row["shared_bytes"])
        self.assertGreaterEqual(row["minor_faults"], 0)
        self.assertGreaterEqual(row["steal_share"], 0)
        self.assertIn("| peak memory |", self.measure().out.replace("test ", ""))

    def test_plot(self):
        self.measure("--plot", "chart.svg")
        self.assertTrue((self.folder / "chart.svg").read_text().startswith("<svg"))
        self.write("base.json", self.measure("--format", "json").stdout)
        self.ok("--compare", "base.json", "base.json", "--plot", "both.svg")
        self.assertEqual((self.folder / "both.svg").read_text().count(">base.json<"), 2)

    def test_machine(self):
        figures = json.loads(self.ok("--machine", "--format", "json").stdout)
        self.assertGreater(figures["read_bytes_per_second"], 1e8)
        self.assertGreater(figures["int8_ops_per_second"], 1e8)
        self.assertGreater(figures["f32_ops_per_second"], 1e8)
        self.assertGreater(figures["bf16_ops_per_second"], 1e8)

    def test_a_shape_instead_of_a_model(self):
        out = json.loads(self.ok("--shape", "llama-42m", "--scheme", "w8", "-p", "8", "-n", "4", "-r",
                                 "1", "--format", "json", env={"TMPDIR": str(self.folder)}).stdout)
        self.assertEqual({row["model_filename"] for row in out}, {"llama-42m"})
        self.assertEqual(len(out), 2)
        self.assertEqual(list(self.folder.iterdir()), [])  # nothing stays
        self.fails(2, "--shape", "llama-9999t", message="tinyllama-1.1b")
        self.fails(2, "--shape", "llama-42m", "--scheme", "w7", message="w7")
        self.fails(2, "-m", "x", "--scheme", "w8", message="--shape")
        self.fails(2, "-m", "x", "--layers", "2", message="--shape")
        self.fails(2, "--shape", "llama-42m", "--layers", "9", message="8 layers")
        few = json.loads(self.ok("--shape", "llama-42m", "--layers", "2", "-p", "8", "-n", "0", "-r", "1",
                                 "--format", "json", env={"TMPDIR": str(self.folder)}).stdout)
        self.assertLess(few[0]["model_n_params"], out[0]["model_n_params"])

    def test_a_signal_takes_the_folder_of_random_weights_away(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
                       signal.SIGXCPU, signal.SIGABRT):
            process = subprocess.Popen([program("bench"), "--shape", "smollm2-135m", "-q"],
                                       env={**os.environ, "TMPDIR": str(self.folder)})
            while not list(self.folder.iterdir()):
                self.assertIsNone(process.poll())
                time.sleep(0.005)
            process.send_signal(number)
            self.assertEqual(process.wait(TIMEOUT), -number)
            self.assertEqual(list(self.folder.iterdir()), [])

    def test_json_that_is_nested_without_end_is_refused(self):
        deep = '{"n_prompt":512,"avg_ts":5.0,"x":' + "[" * 200000 + "]" * 200000 + "}"
        self.write("deep.json", f"[{deep}]")
        self.fails(3, "--compare", "deep.json", "deep.json", message="nested more than 200 levels")
        self.write("rows.json", deep)
        script = self.write("other", "#!/bin/sh\ncat rows.json\n")
        script.chmod(0o755)
        self.fails(3, "-m", self.model, "-p", "4", "-n", "0", "-r", "1", "--interleave", "./other",
                   message="nested more than 200 levels")

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
