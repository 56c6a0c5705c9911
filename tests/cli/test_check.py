"""generate with --check-cmd: commands that judge, servers that judge, and those that do neither."""
import json
import os
import signal
import subprocess
import sys
import time

from harness import TIMEOUT, ToolTest, main, program

# Two ways to say it, one of them right; the first is what the village says unasked.
SHELL = ("if true; then echo a", "if true; then echo a; fi")
CXX = ("int f() { return 0 }", "int f() { return 0; }")
JSON = ('{"a": [1, 2}', '{"a": [1, 2]}')
SVG = ("<svg><rect></svg>", "<svg><rect/></svg>")
SGP = ("The roof is red.", "Answer: C")

SERVER = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(dict(judge(question["text"], question["complete"]), id=question["id"])), flush=True)
"""


class Check(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        self.model = self.data("examples/village")

    def answer(self, *options, status=0, **more):
        out = self.run_tool("-m", self.model, "-p", "A heron", "--json", *options, **more)
        self.assertEqual(out.status, status, out)
        return json.loads(out.stdout)

    def server(self, judge):
        """A command that stays; `judge` is a function of Python's."""
        self.write("server.py", judge + SERVER)
        return f"{sys.executable} server.py"

    def right_of(self, choices, command, *options):
        """What stands, whichever of the two the model would rather say."""
        words = [word for text in choices for word in ("--choice", text)]
        out = self.answer(*words, "-n", "100", "--check-cmd", command, "--check-tries", "100", *options)
        self.assertEqual(out["text"], choices[1], command)
        self.assertNotIn("check_failed", out)
        return out

    def test_a_shell_a_compiler_and_parsers_judge(self):
        self.right_of(SHELL, "bash -n")
        self.right_of(CXX, "g++ -fsyntax-only -x c++ -")
        self.right_of(CXX, "g++ -fsyntax-only {}.cc")
        self.right_of(JSON, f"{sys.executable} -m json.tool")
        self.right_of(SVG, f"{sys.executable} -c 'import sys, xml.dom.minidom as d; d.parse(sys.stdin)'")
        self.right_of(SGP, "grep -Eqx 'Answer: [A-D]'")

    def test_drawn_answers_too(self):
        for seed in range(4):
            self.right_of(JSON, f"{sys.executable} -m json.tool", "--temp", "1.5", "--seed", str(seed))

    def test_greedy_answers_leave_the_failed_path(self):
        free = self.answer("-n", "24")
        self.assertIn("seven", free["text"])
        out = self.answer("-n", "24", "--check-cmd", "grep -qv seven", "--check-at", "( )")
        self.assertNotIn("seven", out["text"])
        self.assertEqual(out["tokens"], 24)
        self.assertEqual(len(out["ids"]), 24)
        self.assertGreater(out["check"]["rejected"], 0)
        self.assertGreater(out["check"]["dropped_tokens"], 0)
        self.assertEqual(out["finish_reason"], "length")

    def test_after_all_tries_the_answer_stands_and_the_status_is_1(self):
        free = self.answer("-n", "20")
        out = self.answer("-n", "20", "--check-cmd", "false", "--check-tries", "3", status=1)
        self.assertEqual(out["text"], free["text"])
        self.assertEqual(out["check"]["judged"], 4)
        self.assertEqual(out["check_failed"], "exit status 1")
        text = self.run_tool("-m", self.model, "-p", "A heron", "-n", "20", "--check-cmd", "false")
        self.assertEqual(text.status, 1)
        self.assertEqual(text.out, free["text"])
        self.assertIn("was not accepted", text.err)

    def test_nothing_is_shown_that_is_taken_back(self):
        out = self.ok("-m", self.model, "-p", "A heron", "-n", "24", "--check-cmd", "grep -qv seven",
                      "--check-at", "( )")
        self.assertEqual(out.out, self.answer("-n", "24", "--check-cmd", "grep -qv seven",
                                              "--check-at", "( )")["text"])

    def test_the_prompt_is_judged_where_it_is_shown(self):
        self.write("save", "#!/bin/sh\ncat >> seen\n")
        os.chmod(self.folder / "save", 0o755)
        self.ok("-m", self.model, "-p", "A heron", "-n", "4", "--check-cmd", "./save", "--echo")
        self.assertEqual((self.folder / "seen").read_text(), "A heron pain")

    def test_the_text_is_no_argument_and_the_file_is_gone(self):
        self.write("look", "#!/bin/sh\necho \"$#|$*\" > arguments\ncat \"$1\" > copy\nls -l \"$1\" > mode\n")
        os.chmod(self.folder / "look", 0o755)
        self.answer("-n", "4", "--check-cmd", "./look {}.txt")
        arguments = (self.folder / "arguments").read_text()
        self.assertRegex(arguments, r"\A1\|/.*/lathe-check-[0-9a-f]+/text1\.txt\n\Z")
        self.assertEqual((self.folder / "copy").read_text(), " pain")
        self.assertTrue((self.folder / "mode").read_text().startswith("-rw-------"))
        self.assertFalse(os.path.exists(os.path.dirname(arguments[2:-1])))
        self.answer("-n", "4", "--check-shell", "--check-cmd", "cat \"$1\" | cat > copy2")
        self.assertEqual((self.folder / "copy2").read_text(), " pain")

    def test_no_shell_reads_the_command_unasked(self):
        out = self.answer("-n", "4", "--check-cmd", "test a = b || true", "--check-tries", "0", status=1)
        self.assertIn("test", out["check_failed"])
        self.answer("-n", "4", "--check-cmd", "test a = b || true", "--check-shell")

    def test_status_75_is_too_early_to_say(self):
        # Only at the end is it wrong.
        early = "test $(wc -c) -gt 30 || exit 75"
        out = self.answer("-n", "30", "--check-cmd", early, "--check-shell", "--check-at", "( )")
        self.assertNotIn("check_failed", out)
        self.assertEqual(out["text"], self.answer("-n", "30")["text"])
        out = self.answer("-n", "4", "--check-cmd", early, "--check-shell", "--check-tries", "1", status=1)
        self.assertEqual(out["check_failed"], "exit status 75")

    def test_commands_that_misbehave_cost_no_answer(self):
        free = self.answer("-n", "8")
        hostile = {
            "hangs": ("sleep 1000", "did not end within 0.3 s"),
            "floods": ("while :; do echo nonsense >&2; done", "did not"),
            "prints for ever": ("while :; do echo nonsense; done", "did not end"),
            "dies": ("kill -9 $$", "signal 9"),
            "leaves children": ("sleep 1000 & sleep 1000 & exit 3", "exit status 3"),
            "closes its input": ("exec <&-; exit 4", "exit status 4"),
            "is not there": ("no-such-program-anywhere", "cannot be run"),
            "has much to say": ("printf '\\033[1mx%.0s' $(seq 9000) >&2; exit 5", "\\x1b"),
        }
        for name, (command, message) in hostile.items():
            with self.subTest(name):
                patience = "0.3" if "did not" in message else "100"
                out = self.answer("-n", "8", "--check-cmd", command, "--check-shell", "--check-timeout", patience,
                                  "--check-tries", "1", status=1)
                self.assertEqual(out["text"], free["text"])
                self.assertIn(message, out["check_failed"])

    def test_a_large_text_need_not_be_read(self):
        self.answer("-n", "400", "--check-cmd", "true", "--check-at", "(.)")

    def test_nothing_is_left_running(self):
        self.answer("-n", "8", "--check-shell", "--check-cmd",
                    "sleep 1001 & echo $! > left; sleep 1001 & echo $! >> left; exit 0")
        for pid in (self.folder / "left").read_text().split():
            self.assertTrue(self.is_gone(int(pid)), pid)

    def is_gone(self, pid):
        for _ in range(2000):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                    if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return True
            except OSError:
                return True
            time.sleep(0.05)
        return False

    def test_a_signal_ends_the_command_and_its_children(self):
        for batch in (False, True):
            self.write("rows", '{"prompt": "A heron"}\n')
            how = ["--jsonl", "-i", "rows"] if batch else ["-p", "A heron"]
            left = self.folder / f"left{batch}"
            running = subprocess.Popen(
                [program("generate"), "-m", self.model, "-n", "8", *how, "--check-shell", "--check-cmd",
                 f"sleep 1002 & echo $! > {left}.new; mv {left}.new {left}; sleep 1002"],
                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(6000):
                if left.exists():
                    break
                time.sleep(0.05)
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=TIMEOUT)
            self.assertEqual(running.returncode, -signal.SIGTERM)
            self.assertTrue(self.is_gone(int(left.read_text())))

    def test_what_cannot_be_run_is_known_before_the_model_is_read(self):
        self.write("no-program", "")
        self.fails(4, "-m", "absent", "-p", "x", "--check-cmd", "./no-program", message="is no program")
        self.fails(4, "-m", "absent", "-p", "x", "--check-cmd", "./absent", message="does not exist")
        self.fails(4, "-m", "absent", "-p", "x", "--check-cmd", "no-such-program-anywhere", message="$PATH")
        self.fails(2, "-m", "absent", "-p", "x", "--check-cmd", "a 'b", message="not closed")
        self.fails(2, "-m", "absent", "-p", "x", "--check-cmd", "true", "--check-at", "lines", message="no place")
        self.fails(3, "-m", "absent", "-p", "x", "--check-cmd", "true", "--check-at", "(a", message="boundaries")
        self.fails(2, "-m", "absent", "-p", "x", "--check-tries", "2", message="needs --check-cmd")
        self.fails(2, "-m", "absent", "-p", "x", "--check-cmd", "cat {}", "--check-server", message="no place")

    def test_a_server_stays_and_steers(self):
        command = self.server("""
import os
open("starts", "a").write("x")
def judge(text, complete):
    words = text.split()
    if len(words) > 1 and words[1] != "wine":
        at = text.index(words[1])
        if not complete and text.endswith(words[1]): return {"verdict": "open"}
        return {"verdict": "wrong", "at": at, "allowed": ["wine ", "wine."], "message": "no wine"}
    return {"verdict": "ok", "more": 1}
""")
        out = self.answer("-n", "20", "--check-cmd", command, "--check-server", "--check-at", "( )")
        self.assertRegex(out["text"], r"\A \w+ wine[ .]")
        self.assertEqual((self.folder / "starts").read_text(), "x")
        self.assertNotIn("check_failed", out)

    def test_servers_that_misbehave_cost_no_answer(self):
        free = self.answer("-n", "8")
        hostile = {
            "ends at once": ("exit 3", "ended without an answer"),
            "never answers": ("sleep 1000", "did not answer within 0.5 s"),
            "answers nonsense": ("while read x; do echo '{\"verdict\": \"ok\"}'; done", "id"),
            "answers no JSON": ("while read x; do echo yes; done", "check server"),
            "floods": ("while :; do printf '%0999d' 0; done", "bytes without"),
            "complains": ("echo 'Error: no such module' >&2; exit 1", "no such module"),
        }
        for name, (command, message) in hostile.items():
            with self.subTest(name):
                out = self.answer("-n", "8", "--check-cmd", command, "--check-shell", "--check-server",
                                  "--check-timeout", "0.5", status=1)
                self.assertEqual(out["text"], free["text"])
                self.assertIn(message, out["check_failed"])

    def test_a_server_that_dies_of_a_text_is_started_again(self):
        command = self.server("""
import os
open("starts", "a").write("x")
def judge(text, complete):
    if "seven" in text: os._exit(9)
    return {"verdict": "ok"}
""")
        out = self.answer("-n", "24", "--check-cmd", command, "--check-server", "--check-at", "( )")
        self.assertNotIn("seven", out["text"])
        self.assertGreater(len((self.folder / "starts").read_text()), 1)

    def records(self, rows, *options, status=0):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        out = self.run_tool("-q", "-m", self.model, "--jsonl", *options, stdin=text)
        self.assertEqual(out.status, status, out)
        return [json.loads(line) for line in out.stdout.splitlines()]

    ROWS = [{"prompt": prompt, "max_tokens": 40, "seed": i, "temperature": 0.9 * (i % 2), "n": 1 + (i % 3 == 2),
             "stop": ["\n"] if i % 4 == 3 else []}
            for i, prompt in enumerate(["A heron", "The miller", "My aunt", "The gardener", "A", "On Monday"] * 2)]
    PICKY = ("--check-cmd", "grep -qvE 'seven|the g|mill'", "--check-at", "( )", "--check-tries", "5")

    def test_rows_are_judged_as_alone_whatever_runs_beside_them(self):
        self.ok("-q", "-m", self.model, "-s", "w8", "-o", "w8.lathe", tool="quantize")
        self.model = "w8.lathe"
        together = self.records(self.ROWS, *self.PICKY)
        for how in (("--max-batch", "1"), ("--lookup", "off", "--max-batch", "5"), ("--kv-memory", "1M")):
            self.assertEqual(together, self.records(self.ROWS, *self.PICKY, *how), how)
        rejected = 0
        for i in (0, 3, 7):
            alone = self.records([self.ROWS[i]], *self.PICKY)[0]
            for key in ("text", "tokens", "check", "finish_reason"):
                self.assertEqual(alone.get(key), together[i].get(key))
        for record in together:
            answers = record.get("choices", [record])
            rejected += sum(answer["check"]["rejected"] for answer in answers)
        self.assertGreater(rejected, 0)

    def test_all_records_come_whatever_the_command_does(self):
        for command in ("exit 1", "kill -9 $$", "sleep 60", "no-such-program-anywhere", "sleep 60 & exit 2"):
            out = self.records(self.ROWS, "--check-cmd", command, "--check-shell", "--check-timeout", "0.2",
                               "--check-tries", "0", status=1)
            self.assertEqual(len(out), len(self.ROWS))
            for record in out:
                self.assertNotIn("error", record)
                for answer in record.get("choices", [record]):
                    self.assertIn("check_failed", answer)
                    self.assertTrue(answer["text"])

    def test_a_resumed_run_knows_what_was_not_accepted(self):
        self.write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in self.ROWS[:3]))
        run = ("-q", "-m", self.model, "--jsonl", "-i", "rows.jsonl", "-o", "out.jsonl", "--resume",
               "--check-cmd", "false", "--check-tries", "0", "--summary", "summary.json")
        self.assertEqual(self.run_tool(*run).status, 1)
        first = (self.folder / "out.jsonl").read_bytes()
        self.assertEqual(self.run_tool(*run).status, 1)
        self.assertEqual((self.folder / "out.jsonl").read_bytes(), first)
        self.assertEqual(json.loads((self.folder / "summary.json").read_text())["check"]["failed"], 3)
        # Another command is another run.
        other = ["true" if word == "false" else word for word in run]
        self.assertNotEqual(self.run_tool(*other).status, 0)

    def test_no_row_names_a_command(self):
        record, = self.records([{"prompt": "A", "check_cmd": "true"}], status=1)
        self.assertIn("unknown key", record["error"]["message"])


if __name__ == "__main__":
    main()
