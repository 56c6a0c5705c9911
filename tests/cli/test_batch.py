"""generate --jsonl and --lines: what a batch promises, whatever is in it and whatever happens to it.

LATHE_KILLS=200 kills that many runs in the test of kills (a handful without).
"""
import atexit
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import ROOT, TIMEOUT, ToolTest, limit, main, program, run_process

KILLS = int(os.environ.get("LATHE_KILLS", "6"))
WORDS = ["The", "miller", "found", "nine", "letters", "beside", "the", "well", "A", "heron", "My",
         "aunt", "sold", "a", "copper", "kettle", "at", "noon", "gardener", "baker"]


def text(seed, words):
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(words))


def rows(count, seed=1, tokens=24):
    """Rows of every kind; some can only fail."""
    draw = random.Random(seed)
    out = []
    for i in range(count):
        row = {"id": i, "prompt": text(draw.randrange(count) // 2, draw.randrange(1, 40)),
               "max_tokens": draw.randrange(1, tokens)}
        if draw.random() < 0.4:
            row.update(temperature=0.9, seed=draw.randrange(1000), top_p=0.95)
        if draw.random() < 0.2:
            row["stop"] = ["the "]
        if draw.random() < 0.1:
            row["n"] = 2
        if draw.random() < 0.1:
            row["logprobs"] = 1
        out.append(json.dumps(row))
        if draw.random() < 0.1:
            out[-1] = draw.choice(["", "{", '{"prompt":"a","unknown":1}', '{"prompt":[7777777]}'])
    return out


class BatchTest(ToolTest):
    tool = "generate"

    models = {}

    def source(self):
        return self.data("examples/village")

    def model(self, scheme="w8"):
        """The village, quantized: only then are bytes promised whatever runs beside."""
        if scheme not in self.models:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="lathe-batch-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self.models[scheme] = folder / f"{scheme}.lathe"
            self.ok("-m", self.source(), "-o", self.models[scheme], "--scheme", scheme,
                    tool="quantize")
        return self.models[scheme]

    def batch(self, lines, *arguments, status=0, **more):
        """The records of a batch, which must be one for each line."""
        stdin = "".join(line + "\n" for line in lines)
        more.setdefault("model", self.model())
        result = self.run_tool("-m", more.pop("model"), "--jsonl", *arguments, stdin=stdin, **more)
        self.assertEqual(result.status, status, result)
        records = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(records), len(lines), result)
        return records

    def one(self, row, *arguments, status=0, **more):
        return self.batch([json.dumps(row)], *arguments, status=status, **more)[0]

    def leftovers(self):
        return sorted(name for name in os.listdir(self.folder)
                      if ".tmp." in name or ".partial" in name)


class Answers(BatchTest):
    def test_are_those_of_solo_runs(self):
        for scheme in ("w8", "w4"):
            model = self.model(scheme)
            lines = [json.dumps({"prompt": text(i, 1 + 5 * i), "max_tokens": 20, "seed": i,
                                 "temperature": 0.7 if i % 2 else 0}) for i in range(6)]
            for record, line in zip(self.batch(lines, model=model), lines):
                row = json.loads(line)
                solo = self.ok("-m", model, "-p", row["prompt"], "-n", "20", "--json",
                               "--seed", str(row["seed"]), "--temp", str(row["temperature"]))
                wanted = json.loads(solo.stdout)
                for name in ("text", "finish_reason", "prompt_tokens", "tokens"):
                    self.assertEqual(record[name], wanted[name], name)

    def test_do_not_depend_on_how_they_were_made(self):
        model = self.model()
        stdin = "".join(line + "\n" for line in rows(40))
        outputs = set()
        for arguments in ([], ["--max-batch", "1"], ["--max-batch", "3"], ["--max-batch", "16"],
                          ["--kv-memory", "200K", "--prefill-chunk", "7"],
                          ["--kv-memory", "200K", "--kv-spill", "spill"],
                          ["--cache-dir", "cache"], ["--cache-dir", "cache"],
                          ["-t", "1"], ["-t", "3", "--max-batch", "5"],
                          ["--timeout-per-request", "1000"]):
            result = self.run_tool("-m", model, "--jsonl", "-q", *arguments, stdin=stdin)
            self.assertEqual(result.status, 1, result)
            self.assertEqual(result.err, "", arguments)
            outputs.add(result.stdout)
        self.assertEqual(len(outputs), 1)
        for isa in ("generic", "avx2"):
            result = self.run_tool("-m", model, "--jsonl", "-q", stdin=stdin, env={"LATHE_ISA": isa})
            if result.status != 6:
                self.assertIn(result.stdout, outputs)

    def test_command_line_gives_the_defaults(self):
        records = self.batch(['{"prompt":"A heron"}', '{"prompt":"A heron","max_tokens":2}'],
                             "-n", "5", "--echo")
        self.assertEqual([r["tokens"] for r in records], [5, 2])
        self.assertEqual(records[0]["prompt"], "A heron")
        stop = self.one({"prompt": "A heron"}, "--stop", " seven")
        self.assertEqual((stop["text"], stop["finish_reason"], stop["stop"]),
                         (" painted", "stop", " seven"))

    def test_n_best(self):
        flat = [self.one({"prompt": "My aunt", "temperature": 1, "seed": 5 + i, "max_tokens": 12})
                for i in range(3)]
        best = self.one({"prompt": "My aunt", "temperature": 1, "seed": 5, "max_tokens": 12},
                        "--n-best", "3")
        self.assertEqual([c["text"] for c in best["choices"]], [r["text"] for r in flat])
        self.assertEqual(best["tokens"], sum(r["tokens"] for r in flat))
        self.assertNotIn("text", best)
        same = self.ok("-m", self.model(), "--lines", "--n-best", "2", "-n", "3", stdin="My aunt\n")
        self.assertIn("warning: --n-best", same.err)

    def test_lines(self):
        result = self.ok("-m", self.model(), "--lines", "-n", "4", stdin="A heron\nThe miller\r\nMy")
        records = [json.loads(line) for line in result.stdout.splitlines()]
        for record, prompt in zip(records, ("A heron", "The miller", "My")):
            solo = self.ok("-m", self.model(), "-p", prompt, "-n", "4").out
            self.assertEqual(record["text"], solo)
        self.assertEqual(len(records), 3)

    def test_conversations(self):
        arguments = ["--chat-template", "chatml", "-n", "8"]
        record = self.one({"messages": [{"role": "system", "content": "Be brief."},
                                        {"role": "user", "content": "Hi"}]}, *arguments)
        solo = self.ok("-m", self.model(), "--chat", *arguments, "--system", "Be brief.", "-p", "Hi")
        self.assertEqual(record["text"], solo.out)
        again = self.one({"prompt": "Hi"}, "--chat", "--system", "Be brief.", *arguments)
        self.assertEqual(again["text"], solo.out)

    def test_timings_are_there_when_asked_for(self):
        record = self.one({"prompt": "A heron", "max_tokens": 5}, "--timings")
        self.assertEqual(sorted(record["timings"]), ["prefill", "queued", "total", "tpot", "ttft"])
        self.assertIn("cached_tokens", record)
        self.assertNotIn("timings", self.one({"prompt": "A heron", "max_tokens": 5}))

    def test_verbose_says_what_the_engine_did(self):
        result = self.ok("-m", self.model(), "--lines", "-v", "-n", "4", stdin="A heron\nThe miller\n")
        self.assertRegex(result.err, r"\d+ steps of [\d.]+ tokens; [\d.]+ % of the time in the model")

    def test_shared_beginnings_are_read_once(self):
        start = text(1, 200)
        lines = [json.dumps({"prompt": f"{start} {i}", "max_tokens": 2}) for i in range(8)]
        records = self.batch(lines, "--timings")
        cached = sum(r["cached_tokens"] for r in records)
        self.assertGreater(cached, 0.7 * sum(r["prompt_tokens"] for r in records))

    def test_cache_dir_serves_the_next_process(self):
        start = text(1, 200)
        plain = self.ok("-m", self.model(), "-p", start, "-n", "9").out
        for _ in range(2):
            out = self.ok("-m", self.model(), "-p", start, "-n", "9", "--cache-dir", "cache")
            self.assertEqual(out.out, plain)
        record = self.one({"prompt": start, "max_tokens": 9}, "--cache-dir", "cache", "--timings")
        self.assertEqual(record["text"], plain)
        self.assertGreater(record["cached_tokens"], 0.5 * record["prompt_tokens"])


class OpenAi(BatchTest):
    def request(self, url, **body):
        return json.dumps({"custom_id": "r-1", "method": "POST", "url": url,
                           "body": {"model": "gpt-x", **body}})

    def test_chat_completion(self):
        record = self.batch([self.request(
            "/v1/chat/completions", messages=[{"role": "user", "content": "Hi"}],
            max_completion_tokens=6, logprobs=True, top_logprobs=2, n=2, temperature=1, user="u")],
            "--chat-template", "chatml")[0]
        self.assertEqual(record["custom_id"], "r-1")
        self.assertIsNone(record["error"])
        self.assertEqual(record["response"]["status_code"], 200)
        body = record["response"]["body"]
        self.assertEqual((body["object"], body["model"]), ("chat.completion", "gpt-x"))
        self.assertEqual([c["index"] for c in body["choices"]], [0, 1])
        for choice in body["choices"]:
            self.assertEqual(choice["message"]["role"], "assistant")
            tokens = choice["logprobs"]["content"]
            self.assertEqual(len(tokens), 6)
            self.assertEqual(len(tokens[0]["top_logprobs"]), 2)
            joined = b"".join(bytes(t["bytes"]) for t in tokens).decode()
            self.assertEqual(joined.lstrip(), choice["message"]["content"].lstrip())
        usage = body["usage"]
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])
        self.assertEqual(usage["completion_tokens"], 12)

    def test_completion(self):
        record = self.batch([self.request("/v1/completions", prompt="A heron", max_tokens=5,
                                          echo=True, logprobs=1)])[0]
        choice = record["response"]["body"]["choices"][0]
        solo = self.ok("-m", self.model(), "-p", "A heron", "-n", "5").out
        self.assertEqual(choice["text"], "A heron" + solo)
        self.assertEqual(len(choice["logprobs"]["token_logprobs"]), 5)

    def test_errors_keep_the_form(self):
        record = self.batch([self.request("/v1/embeddings", input="x")], status=1)[0]
        self.assertIsNone(record["response"])
        self.assertEqual(record["custom_id"], "r-1")
        self.assertEqual(record["error"]["code"], "unsupported")


class Malformed(BatchTest):
    GOOD = '{"prompt":"A heron","max_tokens":2}'

    def test_each_line_has_its_record(self):
        bad = ["", "   ", "x", "{", "[]", "null", "12", '"a"', self.GOOD + " x", self.GOOD * 2,
               '{"prompt":"a","prompt":"b"}', '{"prompt":"\\ud800"}', '{"prompt":1e999}',
               '{"prompt":"a","temperature":1e999}', '{"prompt":"a","temperature":NaN}', "[" * 100000,
               '{"a":' * 50000, "\0", '{"prompt":"a\0"}', "\x1b[31m", "{}", '{"prompt":{}}',
               '{"prompt":"a","top_p":7}', '{"prompt":"a","seed":-1}', '{"messages":[]}',
               '{"messages":[{"role":"user","content":"a"}]}', '{"prompt":"a","n":0}',
               '{"prompt":"' + "x" * 20000 + '"}']
        lines = [line for b in bad for line in (b, self.GOOD)]
        result = self.run_tool("-m", self.model(), "--jsonl",
                               stdin="".join(line + "\n" for line in lines))
        self.assertEqual(result.status, 1, result)
        records = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(records), len(lines))
        for i, (record, line) in enumerate(zip(records, lines)):
            self.assertEqual(record["index"], i)
            self.assertEqual("error" in record, line != self.GOOD, line[:80])
            if "error" in record:
                self.assertIn(record["error"]["code"], ("invalid_input", "unsupported", "limit"))
                self.assertTrue(record["error"]["message"])
            if "error" in record:
                self.assertFalse(record["error"]["message"].startswith('"line'), record)
        self.assertIn(f"{len(lines)} in = {len(bad)} ok + {len(bad)} failed", result.err)
        for byte in result.stderr:
            self.assertTrue(byte >= 0x20 or byte in b"\n")

    def test_invalid_utf8_and_odd_ends(self):
        good = self.GOOD.encode()
        for content, ok in ((b"", []), (good, [True]), (good + b"\r\n" + good, [True, True]),
                            (b"\xef\xbb\xbf" + good + b"\n", [True]),
                            (b'{"prompt":"\xff"}\n', [False]), (b"\xff\xfe{\0}\0\n\0", [False] * 2),
                            (good + b"\n\n", [True, False])):
            result = self.run_tool("-m", self.model(), "--jsonl", stdin=content)
            self.assertEqual(result.status, 0 if all(ok) else 1, result)
            records = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertEqual(["error" not in r for r in records], ok, content)

    def test_a_long_line_takes_no_memory(self):
        script = (f"{limit('-v', 600000)}; {{ printf '{{\"prompt\":\"'; head -c 1000000000 /dev/zero | "
                  f"tr '\\0' x; printf '\"}}\\n%s\\n' '{self.GOOD}'; }} | "
                  f"'{program('generate')}' -m '{self.model()}' --jsonl")
        result = self.shell(script)
        self.assertEqual(result.status, 1, result)
        records = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(records[0]["error"]["code"], "limit")
        self.assertIn("1000000013 bytes", records[0]["error"]["message"])
        self.assertIn("text", records[1])

    def test_prompts_that_do_not_fit(self):
        record = self.one({"prompt": text(1, 5000)}, status=1)
        self.assertEqual(record["error"]["code"], "limit")
        self.assertRegex(record["error"]["message"], r"\d+ tokens.*holds \d+")
        record = self.one({"prompt": text(1, 300), "max_tokens": 100}, "--kv-memory", "100K",
                          status=1)
        self.assertEqual(record["error"]["code"], "limit")

    def test_timeout(self):
        record = self.one({"prompt": "A heron", "max_tokens": -1, "ignore_eos": True},
                          "--timeout-per-request", "0.000001", status=1)
        self.assertEqual(record["error"]["code"], "timeout")

    def test_input_that_cannot_be_read(self):
        self.fails(4, "-m", self.model(), "--jsonl", "-i", "absent", message="absent")
        self.fails(4, "-m", self.model(), "--jsonl", "-i", ".", message="folder")
        self.assertEqual(self.leftovers(), [])

    def test_options_that_do_not_go_together(self):
        for words in (["--jsonl", "--lines"], ["--jsonl", "-p", "x"], ["--jsonl", "--json"],
                      ["--jsonl", "--resume"], ["-p", "x", "--resume"], ["-p", "x", "--n-best", "2"],
                      ["-p", "x", "--kv-memory", "1G"], ["-p", "x", "--cache-size", "1G"],
                      ["--jsonl", "--kv-memory", "1X"], ["--jsonl", "--kv-memory", "-1"],
                      ["--jsonl", "--max-batch", "0"], ["--jsonl", "--timeout-per-request", "nan"],
                      ["--jsonl", "--summary", "-"]):
            self.fails(2, "-m", self.model(), *words)


@unittest.skipUnless(run_process(["sh", "-c", "command -v zstd"]).status == 0, "no zstd(1)")
class Compressed(BatchTest):
    def setUp(self):
        super().setUp()
        self.write("in.jsonl", "".join(line + "\n" for line in rows(30)))
        self.shell("zstd -q in.jsonl")
        self.plain = self.run_tool("-m", self.model(), "--jsonl", "-i", "in.jsonl").stdout

    def test_in_and_out(self):
        result = self.run_tool("-m", self.model(), "--jsonl", "-i", "in.jsonl.zst", "-o", "out.zst")
        self.assertEqual(result.status, 1, result)
        self.assertEqual(self.shell("zstd -qdc out.zst").stdout, self.plain)
        self.assertEqual(self.leftovers(), [])
        piped = self.run_tool("-m", self.model(), "--jsonl",
                              stdin=(self.folder / "in.jsonl.zst").read_bytes())
        self.assertEqual(piped.stdout, self.plain)

    def test_concatenated_frames_are_one_input(self):
        zst = (self.folder / "in.jsonl.zst").read_bytes()
        result = self.run_tool("-m", self.model(), "--jsonl", stdin=zst + zst)
        self.assertEqual(len(result.stdout.splitlines()), 2 * len(self.plain.splitlines()))

    def test_damage_is_an_error_after_what_came_before(self):
        zst = (self.folder / "in.jsonl.zst").read_bytes()
        for bad in (zst[:-20], zst + b"rubbish", zst[:-2] + b"xx"):
            self.write("bad.zst", bad)
            self.fails(3, "-m", self.model(), "--jsonl", "-i", "bad.zst", message="bad.zst")

    def test_a_bomb_takes_no_memory(self):
        script = (f"{limit('-v', 600000)}; head -c 2000000000 /dev/zero | zstd -qc | "
                  f"'{program('generate')}' -m '{self.model()}' --jsonl")
        result = self.shell(script)
        self.assertEqual(result.status, 1, result)
        self.assertEqual(len(result.stdout.splitlines()), 1)


class Output(BatchTest):
    """Files: whole or not there, and an unfinished run is never lost."""

    def setUp(self):
        super().setUp()
        self.lines = rows(30)
        self.write("in.jsonl", "".join(line + "\n" for line in self.lines))
        self.command = ["-m", self.model(), "--jsonl", "-q", "-i", "in.jsonl", "-o", "out.jsonl"]
        self.wanted = self.run_tool("-m", self.model(), "--jsonl", "-q", "-i", "in.jsonl").stdout
        self.assertEqual(self.wanted.count(b"\n"), 30)

    def output(self):
        return (self.folder / "out.jsonl").read_bytes()

    def go(self, *more, status=1):
        result = self.run_tool(*self.command, *more)
        self.assertEqual(result.status, status, result)
        return result

    def test_is_written_and_not_overwritten(self):
        self.go()
        self.assertEqual(self.output(), self.wanted)
        self.assertEqual(self.leftovers(), [])
        self.fails(4, *self.command, message=["out.jsonl", "--resume", "--force"])
        self.go("-f")
        self.assertEqual(self.output(), self.wanted)

    def test_resume_after_a_cut_at_any_byte(self):
        for cut in (0, 1, 40, len(self.wanted) // 2, len(self.wanted) - 1, len(self.wanted)):
            for name in ("out.jsonl", "out.jsonl.partial"):
                for old in ("out.jsonl", "out.jsonl.partial"):
                    (self.folder / old).unlink(missing_ok=True)
                self.write(name, self.wanted[:cut])
                self.go("--resume")
                self.assertEqual(self.output(), self.wanted, (cut, name))
                self.assertEqual(self.leftovers(), [])

    def test_resume_redoes_nothing(self):
        marked = self.wanted.replace(b'"text":"', b'"text":"MARK', 1)
        self.assertNotEqual(marked, self.wanted)
        self.write("out.jsonl.partial", marked[:len(marked) * 2 // 3])
        result = self.run_tool(*self.command[:3], *self.command[4:], "--resume")
        self.assertEqual(self.output(), marked)
        self.assertIn("from an earlier run", result.err)

    def test_resume_refuses_another_run(self):
        half = self.wanted[:len(self.wanted) // 2]
        self.write("out.jsonl.partial", half)
        self.fails(3, *self.command, "--resume", "-n", "7", message="other options")
        self.fails(3, *self.command[2:], "-m", self.source(), "--resume", message="model")
        self.write("in.jsonl", "".join(line + "\n" for line in reversed(self.lines)))
        self.fails(3, *self.command, "--resume", message="another input")
        self.write("in.jsonl", "".join(line + "\n" for line in self.lines[:3]))
        self.fails(3, *self.command, "--resume", message="3 items")
        self.assertEqual((self.folder / "out.jsonl.partial").read_bytes(),
                         half[:half.rindex(b"\n") + 1])
        self.fails(4, *self.command, message="--resume")

    def test_a_refusal_leaves_nothing_beside_a_finished_file(self):
        self.write("out.jsonl", self.wanted)
        self.fails(3, *self.command, "--resume", "-n", "7", message=['"out.jsonl":', "other options"])
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.output(), self.wanted)

    def test_an_input_that_grew_is_continued(self):
        self.write("in.jsonl", "".join(line + "\n" for line in self.lines[:20]))
        self.run_tool(*self.command)
        self.write("in.jsonl", "".join(line + "\n" for line in self.lines))
        self.go("--resume")
        self.assertEqual(self.output(), self.wanted)

    def test_unordered_has_the_same_records(self):
        self.go("--unordered")
        self.assertEqual(sorted(self.output().splitlines()), sorted(self.wanted.splitlines()))
        whole = self.output()
        self.write("out.jsonl", whole[:len(whole) // 2])
        self.go("--unordered", "--resume")
        self.assertEqual(sorted(self.output().splitlines()), sorted(self.wanted.splitlines()))

    def test_two_writers(self):
        first = subprocess.Popen([program("generate"), "-m", str(self.model()), "--jsonl", "-o",
                                  "out.jsonl"], cwd=self.folder, stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        self.addCleanup(first.stderr.close)
        self.addCleanup(first.kill)
        while not (self.folder / "out.jsonl.partial").exists():
            self.assertIsNone(first.poll())
            time.sleep(0.01)
        for more in (["--resume"], ["-f"]):
            self.fails(4, *self.command, *more, message="another process")
        first.stdin.write((self.folder / "in.jsonl").read_bytes())
        first.stdin.close()
        self.assertEqual(first.wait(TIMEOUT), 1)
        self.assertEqual(self.output(), self.wanted)

    def test_the_input_may_be_the_output(self):
        self.run_tool("-m", self.model(), "--jsonl", "-q", "-i", "in.jsonl", "-o", "in.jsonl", "-f")
        self.assertEqual((self.folder / "in.jsonl").read_bytes(), self.wanted)

    def test_summary_file(self):
        self.go("--summary", "summary.json")
        summary = json.loads((self.folder / "summary.json").read_text())
        self.assertEqual(summary["schema"], "lathe.batch/1")
        self.assertEqual(summary["records"], 30)
        self.assertEqual(summary["ok"] + summary["failed"], 30)
        self.assertGreater(summary["throughput"], 0)
        for name in ("ttft", "tpot", "total"):
            values = [summary[name][p] for p in ("p50", "p90", "p99", "max")]
            self.assertEqual(values, sorted(values))

    def test_full_disk_and_limits(self):
        result = self.run_tool(*self.command[:-2], "-o", "/dev/full")
        self.assert_failed(result, 4, message="No space left")
        for target in ("> /dev/full", "-o out.jsonl"):
            result = self.shell(f"ulimit -f 2; exec '{program('generate')}' -m '{self.model()}' "
                                f"--jsonl -q -i in.jsonl {target}")
            self.assert_failed(result, 4)
        # What fitted is whole records, and the run goes on from there.
        partial = (self.folder / "out.jsonl.partial").read_bytes()
        self.assertTrue(partial.endswith(b"\n"))
        self.assertLess(set(partial.splitlines()), set(self.wanted.splitlines()))
        self.go("--resume")
        self.assertEqual(self.output(), self.wanted)

    def test_little_memory_and_few_descriptors(self):
        limits = [limit("-v", kilobytes) for kilobytes in (60000, 100000, 200000, 400000)]
        for limited in (*limits, limit("-n", 6), limit("-n", 9), "ulimit -s 256"):
            result = self.shell(f"{limited}; exec '{program('generate')}' -m '{self.model()}' "
                                "--jsonl -q -i in.jsonl")
            self.assertIn(result.status, (1, 4, 5, 127), f"{limited}: {result}")
            if result.status == 1:
                self.assertEqual(result.stdout, self.wanted)

    def test_closed_descriptors(self):
        result = self.shell(f"'{program('generate')}' -m '{self.model()}' --jsonl -i in.jsonl >&-")
        self.assert_failed(result, 4)
        result = self.shell(f"'{program('generate')}' -m '{self.model()}' --jsonl <&-")
        self.assert_failed(result, 4)


class FaultyCalls(BatchTest):
    """read(2) and write(2) that fail, or do less than they were asked for."""

    def setUp(self):
        super().setUp()
        library = self.folder / "faulty_io.so"
        source = ROOT / "tests/support/faulty_io.c"
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            self.skipTest("no C compiler")
        built = run_process([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"])
        self.assertEqual(built.status, 0, built)
        self.preload = {"LD_PRELOAD": str(library)}
        if self.run_tool("--version", env=self.preload).status != 0:
            self.skipTest("nothing can be preloaded here (a sanitizer)")
        self.write("in.jsonl", "".join(line + "\n" for line in rows(30)))
        self.wanted = self.run_tool("-m", self.model(), "--jsonl", "-q", "-i", "in.jsonl").stdout

    def go(self, call, how, name="", *more):
        env = dict(self.preload, FAULTY_IO=how, FAULTY_CALL=call, FAULTY_NAME=name)
        return self.run_tool("-m", self.model(), "--jsonl", "-q", "-i", "in.jsonl", *more, env=env)

    def test_short_and_interrupted_calls_change_nothing(self):
        for call in ("read", "write"):
            self.assertEqual(self.go(call, "short").stdout, self.wanted)
            result = self.go(call, "short", "", "-o", "out.jsonl", "-f")
            self.assertEqual(result.status, 1, result)
            self.assertEqual((self.folder / "out.jsonl").read_bytes(), self.wanted)

    def test_a_read_error_is_told_and_resumed(self):
        self.assert_failed(self.go("read", "eio:1", "in.jsonl"), 4, message="in.jsonl")

    def test_a_write_error_leaves_whole_records(self):
        for call in (1, 2, 9, 30):
            result = self.go("write", f"eio:{call}", "out.jsonl.partial", "-o", "out.jsonl", "--resume")
            self.assert_failed(result, 4, message="out.jsonl.partial")
            left = (self.folder / "out.jsonl.partial").read_bytes()
            self.assertLessEqual(set(left.splitlines()), set(self.wanted.splitlines()))
            self.assertEqual(left.count(b"\n"), call - 1)
            (self.folder / "out.jsonl.partial").unlink()
        self.write("out.jsonl.partial", left)
        result = self.go("read", "none", "", "-o", "out.jsonl", "--resume")
        self.assertEqual((self.folder / "out.jsonl").read_bytes(), self.wanted, result)


class Pipes(BatchTest):
    def start(self, *arguments, model=None, **more):
        process = subprocess.Popen(
            [program("generate"), "-m", str(model or self.model()), "--jsonl", *arguments], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        return process

    def test_rows_are_answered_as_they_come(self):
        process = self.start()
        for i in range(5):
            process.stdin.write(json.dumps({"id": i, "prompt": "A", "max_tokens": 3}).encode() + b"\n")
            process.stdin.flush()
            self.assertEqual(json.loads(process.stdout.readline())["id"], i)
        process.stdin.close()
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_a_slow_row_delays_only_its_successors_records(self):
        lines = [json.dumps({"id": "slow", "prompt": "A", "max_tokens": 400, "ignore_eos": True})]
        lines += [json.dumps({"id": i, "prompt": "A", "max_tokens": 2}) for i in range(5)]
        ordered = self.ok("-m", self.model(), "--jsonl", stdin="\n".join(lines)).stdout.splitlines()
        self.assertEqual(json.loads(ordered[0])["id"], "slow")
        # Unordered, the records behind a row that never ends come while it is being written.
        process = self.start("--unordered", "--kv-memory", "2G", model=self.endless_model())
        process.stdin.write("\n".join([self.ENDLESS, *lines[1:], ""]).encode())
        process.stdin.flush()
        ids = {json.loads(process.stdout.readline())["id"] for _ in range(5)}
        self.assertEqual(ids, set(range(5)))
        process.kill()

    def test_a_closed_pipe_ends_it_quietly(self):
        self.write("in.jsonl", "".join(line + "\n" for line in rows(200)))
        result = self.shell(f"'{program('generate')}' -m '{self.model()}' --jsonl -q -i in.jsonl | "
                            "head -n 2")
        self.assertEqual(result.status, 141, result)
        self.assertEqual(result.err, "")
        self.assertEqual(len(result.stdout.splitlines()), 2)

    def test_endless_input_takes_bounded_memory(self):
        row = json.dumps({"prompt": "A heron", "max_tokens": 1})
        result = self.shell(f"{limit('-v', 800000)}; yes '{row}' | head -n 30000 | "
                            f"'{program('generate')}' -m '{self.model()}' --jsonl | wc -l")
        self.assertEqual(result.out.strip(), "30000", result)

    def test_signals_end_it_between_records(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process = self.start("-o", "out.jsonl", "--resume")
            process.stdin.write(b'{"prompt":"A","max_tokens":3}\n' * 3)
            process.stdin.flush()
            partial = self.folder / "out.jsonl.partial"
            while not partial.exists() or partial.read_bytes().count(b"\n") < 3:
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(number)
            self.assertEqual(process.wait(TIMEOUT), -number)
            self.assertEqual(partial.read_bytes().count(b"\n"), 3)
            self.assertFalse((self.folder / "out.jsonl").exists())

    def test_an_error_before_the_first_record_leaves_nothing(self):
        command = ["-m", self.model(), "--jsonl", "-i", "absent", "-o", "out.jsonl"]
        self.fails(4, *command, message="absent")
        self.assertEqual(sorted(self.folder.glob("out*")), [])
        self.write("out.jsonl.partial", '{"index":0}\n')  # what an earlier run has written stays
        self.fails(4, *command, message="out.jsonl")
        self.assertEqual((self.folder / "out.jsonl.partial").read_text(), '{"index":0}\n')

    def endless_model(self):
        """One whose context nobody fills."""
        folder = self.folder / "long"
        shutil.copytree(self.source(), folder)
        config = json.loads((folder / "config.json").read_text())
        config["max_position_embeddings"] = 1 << 20
        self.write("long/config.json", json.dumps(config))
        return folder

    ENDLESS = json.dumps({"prompt": "A", "max_tokens": 1000000, "ignore_eos": True})

    def test_an_interrupt_keeps_what_is_finished_behind_a_row_that_is_not(self):
        lines = [json.dumps({"prompt": "A", "max_tokens": 3, "seed": i}) for i in range(20)]
        self.write("in.jsonl", "".join(line + "\n" for line in [self.ENDLESS, *lines]))
        self.write("short.jsonl", "".join(line + "\n" for line in [lines[0], *lines]))
        model = self.endless_model()
        command = ["-m", str(model), "--jsonl", "--kv-memory", "2G", "-i"]
        process = subprocess.Popen([program("generate"), *command, "in.jsonl", "-o", "out.jsonl"], cwd=self.folder, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        partial = self.folder / "out.jsonl.partial"
        while not partial.exists() or partial.read_bytes().count(b"\n") < 20:
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=TIMEOUT)[1].decode()
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn('stopped; 20 records are in "out.jsonl.partial"; --resume continues', err)
        kept = partial.read_bytes().splitlines()
        self.assertEqual(sorted(json.loads(line)["index"] for line in kept), list(range(1, 21)))
        # The input's first line is not in the file: with another one in its place it resumes.
        wanted = self.ok(*command, "short.jsonl").stdout.splitlines()
        result = self.ok(*command, "short.jsonl", "-o", "out.jsonl", "--resume")
        self.assertIn("20 of them from an earlier run", result.err)
        whole = (self.folder / "out.jsonl").read_bytes().splitlines()
        self.assertEqual([json.loads(line)["index"] for line in whole], list(range(21)))
        self.assertEqual(whole[1:], sorted(kept, key=lambda line: json.loads(line)["index"]))
        self.assertEqual(whole, wanted)
        self.assertEqual(self.leftovers(), [])

    def test_an_interrupt_hands_on_what_waits_on_standard_output(self):
        model = self.endless_model()
        for patience in (1, 4, 16, 64):  # until the five are done
            process = self.start("--kv-memory", "2G", model=model)
            process.stdin.write(self.ENDLESS.encode() + b"\n")
            process.stdin.write(b'{"prompt":"A","max_tokens":2}\n' * 5)
            process.stdin.flush()
            time.sleep(patience)
            process.send_signal(signal.SIGINT)
            out = process.stdout.read()
            self.assertEqual(process.wait(TIMEOUT), -signal.SIGINT)
            if out.count(b"\n") == 5:
                break
        self.assertEqual([json.loads(line)["index"] for line in out.splitlines()], list(range(1, 6)))

    def test_ids_come_back_as_they_were(self):
        for raw in ("123456789012345678901234567890", "1.10", "-0.0", "-0", "0", "1e50",
                    '{"z":[1.50,2],"a":10000000000000000000001}'):
            line = '{"id": %s, "metadata": {"b": 1.0, "a": %s}, "prompt": "A", "max_tokens": 1}\n'
            got = self.ok("-m", self.model(), "--jsonl", stdin=line % (raw, raw)).out
            self.assertTrue(got.startswith('{"index":0,"id":%s,"text":' % raw), got)
            self.assertIn(',"metadata":{"b":1.0,"a":%s},"fingerprint":"' % raw, got)
            line = '{"custom_id": %s, "body": {"messages": []}}\n'
            got = self.run_tool("-m", self.model(), "--jsonl", stdin=line % raw).out
            self.assertTrue(got.startswith('{"id":"batch_req_0","custom_id":%s,"resp' % raw), got)

    def test_a_signal_ends_it_though_nobody_reads(self):
        process = self.start()
        big = json.dumps({"prompt": text(1, 100), "max_tokens": 1, "echo": True}).encode() + b"\n"
        process.stdin.write(big * 60)
        process.stdin.flush()
        time.sleep(0.5)  # its output pipe may be full by now, or not: both are to end
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(TIMEOUT), -signal.SIGTERM)


class Kills(BatchTest):
    def test_kill_and_resume_end_in_the_same_bytes(self):
        model = self.model()
        count = 60
        self.write("in.jsonl", "".join(line + "\n" for line in rows(count, seed=3, tokens=60)))
        command = [program("generate"), "-m", str(model), "--jsonl", "-q", "-i", "in.jsonl"]
        started = time.monotonic()
        wanted = run_process(command, cwd=self.folder).stdout
        duration = time.monotonic() - started
        self.assertEqual(wanted.count(b"\n"), count)
        command += ["-o", "out.jsonl", "--resume", "--max-batch", "4"]
        draw = random.Random(5)
        out, kills, finished = self.folder / "out.jsonl", 0, 0
        while kills < KILLS:
            process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE)
            started = time.monotonic()
            try:
                # Anywhere from its start to its end.
                _, err = process.communicate(timeout=draw.random() * duration * 1.2)
                self.assertEqual((process.returncode, err), (1, b""))
                self.assertEqual(out.read_bytes(), wanted)
                out.unlink()
                duration = min(duration, time.monotonic() - started)
                finished += 1
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
        result = run_process(command, cwd=self.folder)
        self.assertEqual(result.status, 1, result)
        self.assertEqual(out.read_bytes(), wanted)
        self.assertEqual(self.leftovers(), [])
        if KILLS > 50:
            print(f"{kills} kills, {finished} runs that ended before theirs")


if __name__ == "__main__":
    main()
