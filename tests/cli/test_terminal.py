"""Nothing that a file, a name or another program says reaches a terminal as it is: messages, tables
and JSON hold no byte that a terminal obeys.

What is a result as such (a text that is written or decoded) goes to a pipe unchanged, and to a
terminal with such characters shown.
"""
import json
import os
import pty
import re

import tiny_models
from harness import ToolTest, main

# A title, a cleared screen, the 8-bit CSI, directions turned, a deletion, a second line.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\u2066\x7f\r\x08"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Terminal(ToolTest):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        tiny_models.hugging_face(self.model)

    def clean(self, tool, *arguments, statuses=(0,), **more):
        """Runs a tool; neither stream has anything that a terminal obeys."""
        result = self.run_tool(*arguments, tool=tool, **more)
        self.assertIn(result.status, statuses, result)
        for stream in (result.stdout, result.stderr):
            self.assertNotRegex(stream.decode("utf-8"), RAW)
        return result

    def edit(self, name, change):
        path = self.model / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    def test_names_that_were_typed(self):
        absent = "absent" + HOSTILE
        for tool in ("generate", "tokenize", "perplexity", "quantize", "bench"):
            self.clean(tool, "-m", absent, "-o", "out", statuses=(2, 4))
            self.clean(tool, "--" + HOSTILE, statuses=(2,))
            self.clean(tool, "--progress=" + HOSTILE, statuses=(2,))
            self.clean(tool, HOSTILE, HOSTILE, statuses=(2, 4))
            self.clean(tool, "-m", absent, "--error-format", "json", "-o", "out", statuses=(2, 4))
        self.clean("convert", absent, "-o", "out", statuses=(4,))
        self.clean("convert", "model", "-o", absent + "/x", statuses=(4,))
        self.clean("generate", "-m", "model", "--jsonl", "-i", absent, statuses=(4,))
        self.clean("generate", "-m", "model", "-p", "x", "--cache-dir", absent + "/x", statuses=(4,))
        self.clean("sgp-eval", "--data", absent, "-m", "model", statuses=(4,))
        self.clean("bench", "--compare", absent, absent, statuses=(4,))

    def test_a_models_own_words(self):
        def tokens(content):
            content["model"]["vocab"]["the" + HOSTILE] = len(content["model"]["vocab"])
        self.edit("tokenizer.json", tokens)
        self.edit("config.json", lambda c: c.update({"_name_or_path": HOSTILE, "_" + HOSTILE: HOSTILE}))
        named = self.folder / ("named" + HOSTILE)
        self.model.rename(named)
        for statement in (["convert", "--list", named], ["convert", "--list", "--json", named],
                          ["convert", named, "--dry-run", "-o", "x.lathe"],
                          ["quantize", "-m", named, "--dry-run", "-v"],
                          ["quantize", "-m", named, "-o", "q" + HOSTILE, "-v"],
                          ["quantize", "-m", named, "-o", "r" + HOSTILE, "--json"],
                          ["tokenize", "-m", named, "--json"], ["tokenize", "-m", named, "--pieces"],
                          ["generate", "-m", named, "-p", "the", "-n", "4", "--json", "--logprobs", "9"],
                          ["perplexity", "-m", named, "-c", "4", "--per-token"],
                          ["perplexity", "-m", named, "-c", "4", "--json", "-b", named]):
            with self.subTest(statement[:2]):
                # The vocabulary may have become too large for the model: that is a message, too.
                self.clean(*statement, stdin="the heron " + HOSTILE, statuses=(0, 3))
        for form in ("md", "csv", "json", "jsonl", "sql"):
            with self.subTest(form):
                self.clean("bench", "-m", named, "-p", "4", "-n", "2", "-r", "1", "--format", form,
                           statuses=(0, 3))

    def test_a_key_that_is_not_understood(self):
        self.edit("config.json", lambda c: c.update({HOSTILE: HOSTILE}))
        self.clean("generate", "-m", "model", "-p", "x", statuses=(6,))

    def test_fields_that_are_wrong(self):
        for name, key in (("config.json", "model_type"), ("config.json", "hidden_size"),
                          ("config.json", "torch_dtype"), ("config.json", "rope_scaling"),
                          ("tokenizer_config.json", "tokenizer_class"),
                          ("tokenizer_config.json", "eos_token"), ("tokenizer.json", "normalizer"),
                          ("tokenizer.json", "pre_tokenizer"), ("tokenizer.json", "decoder")):
            before = (self.model / name).read_bytes()
            for value in (HOSTILE, {"type": HOSTILE}, [HOSTILE]):
                with self.subTest(f"{name} {key} {type(value)}"):
                    self.edit(name, lambda c, k=key, v=value: c.update({k: v}))
                    self.clean("generate", "-m", "model", "-p", "the", "-n", "1", "--json",
                               statuses=(0, 3, 6))
            (self.model / name).write_bytes(before)
        for template in ("{{ '" + HOSTILE.strip() + "'.x.y }}", "{% " + HOSTILE + " %}",
                         "{{ raise_exception('" + HOSTILE.strip() + "') }}"):
            (self.model / "chat_template.jinja").write_text(template)
            self.clean("generate", "-m", "model", "--chat", "-p", "x", statuses=(3, 6))
        (self.model / "model.safetensors").write_bytes(HOSTILE.encode() * 9)
        self.clean("generate", "-m", "model", "-p", "x", statuses=(3,))

    def test_tensors_by_their_names(self):
        blob = (self.model / "model.safetensors").read_bytes()
        size = int.from_bytes(blob[:8], "little")
        header = json.loads(blob[8:8 + size])
        header["x" + HOSTILE] = header.pop("model.norm.weight")
        header.setdefault("__metadata__", {})[HOSTILE] = HOSTILE
        text = json.dumps(header).encode()
        (self.model / "model.safetensors").write_bytes(
            len(text).to_bytes(8, "little") + text + blob[8 + size:])
        self.clean("convert", "--list", "model")
        self.clean("convert", "--list", "model/model.safetensors")
        self.clean("convert", "--list", "model", "--json")
        self.clean("convert", "model", "-o", "out.lathe", statuses=(3, 6))
        self.clean("generate", "-m", "model", "-p", "x", statuses=(3, 6))

    def test_rows_and_records(self):
        rows = [{"id": HOSTILE, "prompt": "the " + HOSTILE, "max_tokens": 2, "echo": True,
                 "metadata": {HOSTILE: HOSTILE}},
                {"prompt": "the", HOSTILE: 1}, {"prompt": "the", "chat_template": HOSTILE},
                {"messages": [{"role": HOSTILE, "content": HOSTILE}]},
                {"custom_id": HOSTILE, "url": HOSTILE, "body": {}},
                {"custom_id": [HOSTILE, 1.5], "method": HOSTILE, "body": {"messages": []}},
                {"prompt": "the", "stop": HOSTILE, "max_tokens": 3, "id": {HOSTILE: 1.50}}]
        lines = [json.dumps(row, ensure_ascii=False) for row in rows] + [HOSTILE, '{"a":"' + HOSTILE]
        result = self.clean("generate", "-m", "model", "--jsonl", statuses=(1,),
                            stdin="\n".join(lines).replace("\r", ""))
        records = [json.loads(line) for line in result.out.splitlines()]
        self.assertEqual(len(records), len(lines))
        self.assertEqual(records[0]["id"], HOSTILE)
        self.write("r.jsonl", f'{{"index":0,"fingerprint":"{HOSTILE}"}}\n{{}}\n')
        (self.folder / "r.jsonl").rename(self.folder / "out.jsonl.partial")
        self.clean("generate", "-m", "model", "--jsonl", "-o", "out.jsonl", "--resume",
                   stdin='{"prompt":"the"}\n', statuses=(3,))

    def test_results_and_other_programs(self):
        rows = [{"n_prompt": 4, "n_gen": 0, "avg_ts": 5.0, "model_filename": HOSTILE,
                 "model_type": HOSTILE, "cpu_info": HOSTILE, "build_commit": HOSTILE, "isa": HOSTILE,
                 "type_k": HOSTILE, "test_time": HOSTILE, "command": HOSTILE}]
        self.write("rows.json", json.dumps(rows, ensure_ascii=False))
        self.write("bad.json", json.dumps([{HOSTILE: HOSTILE}]))
        self.write("rubbish.json", HOSTILE)
        self.clean("bench", "--compare", "rows.json", "rows.json", statuses=(0, 3))
        self.clean("bench", "--compare", "rows.json", "rows.json", "--fail-if", HOSTILE, statuses=(1, 2))
        for name in ("bad.json", "rubbish.json"):
            self.clean("bench", "--compare", name, "rows.json", statuses=(3,))
        for name, script in (("prints", "cat rows.json"), ("prints-rubbish", "cat rubbish.json"),
                             ("fails", "cat rubbish.json >&2; exit 3")):
            self.write(name, f"#!/bin/sh\n{script}\n").chmod(0o755)
            for form in ("md", "csv", "json", "sql"):
                self.clean("bench", "-m", "model", "-p", "4", "-n", "0", "-r", "2", "--interleave",
                           "./" + name, "--format", form, "-q", statuses=(0, 3, 4))

    def on_a_terminal(self, tool, *arguments):
        """What a tool writes to a terminal that is its standard output."""
        main_end, terminal = pty.openpty()
        result = self.run_tool(*arguments, tool=tool, stdin=b"", stdout=terminal)
        os.close(terminal)
        out = b""
        try:
            while piece := os.read(main_end, 65536):
                out += piece
        except OSError:  # the other end is closed, and everything was read
            pass
        os.close(main_end)
        self.assertEqual(result.status, 0, result)
        return out.decode("utf-8").replace("\r\n", "\n")

    def test_tables_fit_a_terminal(self):
        """Of 80 columns, which one that does not say has."""
        village, real = self.data("examples/village"), self.data("models/base")
        self.ok(village, "-o", "a-name-of-a-file-that-is-much-too-long-for-any-table.gguf", tool="convert")
        self.ok(village, "-o", "another-name-of-a-file-that-is-too-long-for-any-table.gguf", tool="convert")
        models = [word for path in sorted(self.folder.glob("a*.gguf")) for word in ("-m", path.name)]
        self.ok("--data", self.data("sgp/svg.csv.zst"), "--limit", "2", "--emit-prompts", "-o", "asked.jsonl",
                tool="sgp-eval")
        self.write("said.jsonl", "".join(
            json.dumps({"id": f"svg-{i:04}", "response": "Answer: A"}) + "\n" for i in range(2)))
        for tool, *words in (["bench", *models, "-p", "4", "-n", "4", "-npl", "1-2", "-r", "2"],
                             ["bench", *models[:2], "-p", "4", "-n", "0", "-r", "1", "--mixed",
                              "in=8..16,out=4..8,n=6", "--first-token", "warm"],
                             ["quantize", "--dry-run", "-m", real, "-s", "w4"],
                             ["quantize", "-q", "-v", "-m", village, "-s", "w4", "-o", "v.lathe"],
                             ["convert", "--list", models[1]],
                             ["convert", "--dry-run", real, "--to", "gguf"],
                             ["sgp-eval", "-q", "--data", self.data("sgp/svg.csv.zst"), "--limit", "2",
                              "--responses", "said.jsonl", "--leaderboard"]):
            with self.subTest(tool=tool, words=words):
                shown = self.on_a_terminal(tool, *words)
                rows = [line for line in shown.splitlines() if line.count("  ") > 2 or "|" in line]
                self.assertGreater(len(rows), 2, shown)
                for line in rows:
                    self.assertLessEqual(len(line), 80, shown)

    def test_results_on_a_terminal(self):
        shown = self.on_a_terminal("generate", "-m", "model", "-p", "the" + HOSTILE, "-n", "1",
                                      "--echo")
        self.assertNotRegex(shown, RAW)
        self.assertIn("\\x1b]0;owned\\x07", shown)
        piped = self.ok("-m", "model", "-p", "the" + HOSTILE, "-n", "1", "--echo", tool="generate").out
        self.assertIn(HOSTILE, piped)


if __name__ == "__main__":
    main()
