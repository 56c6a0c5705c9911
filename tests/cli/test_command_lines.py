"""Random command lines, made from each tool's own option table: none ends with 70 or by a signal, and
what is said is text.

LATHE_COMMAND_LINES=2000 tries that many for each tool (a few dozen without); LATHE_SEED chooses
others.
"""
import json
import os
import random
import re
import shlex
import signal
import subprocess

import tiny_models
from harness import PREFIX, ToolTest, limit, main, program, programs, run_process

COUNT = int(os.environ.get("LATHE_COMMAND_LINES", "40"))
SEED = os.environ.get("LATHE_SEED", "1")
SECONDS = 20 if "LATHE_COMMAND_LINES" in os.environ else 5  # longer work was asked for, and is ended
STATUSES = {0, 1, 2, 3, 4, 5, 6}
# Numbers at the edges of every type, and what is none.
NUMBERS = ["0", "1", "2", "3", "7", "-1", "-0", "00", "+1", "1e9", "0x10", "2147483647", "2147483648",
           "4294967296", "1073741824", "1099511627776", "9223372036854775807",
           "9223372036854775808", "18446744073709551615", "18446744073709551616", "9" * 400, "nan",
           "inf", "-inf", "1e308", "1e999", "1e-400", "0.5", ".5", "5.", "1,2", "1,,2", "1-3",
           "1-9223372036854775807", "1-16*2", "1-4+0", "3-1", "1G", "1T", "999999999T", "0K", "K"]
WORDS = ["", " ", "x", "-", "--", "---", "-x", "=", "a=b", "a,b", ",", "w4", "w8", "q8_0", "f16", "json",
         "text", "none", "%s%n", "{}", "[", "(", "*", "\\", "\"", "'", "a:b", "<", ">", "<-2%", "tg<-5%",
         "in=1..2,out=1..2,n=2", "in=9..1", "n=99999999999", "512,128", "\n", "\t", "\x1b[31m", "\x7f",
         "\u009b1m", "\u202e", "\u00e9", "\U0001f600", "x" * 5000, b"\xff\xfe", b"a\xc3", b"\xed\xa0\x80",
         b"\x80" * 50]
FILES = ["absent", "absent/x", ".", "model", "model/config.json", "text", "rows.jsonl", "set.csv",
         "empty", "/dev/null", "/dev/full", "out", "model.lathe", "zeros"]
# Nothing on standard error looks like this, but for a bar that was asked for.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def option_table(tool):
    """(names, takes a value, choices) of each option, from the completions for fish."""
    out = []
    for line in run_process([program(tool), "--completions", "fish"]).out.splitlines():
        words = shlex.split(line.partition(" -d '")[0])
        names, choices = [], []
        for flag, value in zip(words, words[1:]):
            if flag == "-l":
                names.append("--" + value)
            elif flag == "-s":
                names.append("-" + value)
            elif flag == "-a":
                choices = value.split()
        if names:
            out.append((names, "-r" in words or "-x" in words, choices))
    return out


class CommandLines(ToolTest):
    def setUp(self):
        super().setUp()
        tiny_models.hugging_face(self.folder / "model")
        self.write("text", "the heron\nand the well\n")
        self.write("empty", "")
        self.write("zeros", bytes(4096))
        self.write("rows.jsonl", '{"prompt":"the","max_tokens":2}\n{"prompt":5}\nrubbish\n')
        self.write("set.csv", "id,Question,A,B,Answer\n1,q?,a,b,A\n")
        self.run_tool("-m", "model", "-s", "w4", "-o", "model.lathe", tool="quantize")

    def value(self, draw, choices):
        kind = draw.random()
        if choices and kind < 0.5:
            return draw.choice(choices)
        return draw.choice(NUMBERS if kind < 0.7 else FILES if kind < 0.85 else WORDS)

    def words(self, draw, table):
        out = []
        if draw.random() < 0.8:
            out += ["-m", draw.choice(["model", "model.lathe", "model", "absent"])]
        for _ in range(draw.randrange(6)):
            names, takes_value, choices = draw.choice(table)
            name = draw.choice(names)
            value = self.value(draw, choices)
            joined = name.startswith("--") and draw.random() < 0.4
            if joined:
                out.append(os.fsencode(name) + b"=" + os.fsencode(value))
            else:
                out.append(name)
                if takes_value != (draw.random() < 0.03):
                    out.append(value)
        if draw.random() < 0.3:
            out.append(self.value(draw, []))
        return [os.fsencode(word).replace(b"\0", b"") for word in out]

    def run_once(self, tool, words):
        """Status (None: it took too long) and standard error."""
        command = ["bash", "-c", f"{limit('-v', 4 << 20)}; ulimit -c 0; exec \"$@\"", "bash",
                   program(tool), *words]
        with open(self.folder / "text", "rb") as stdin:
            process = subprocess.Popen(command, cwd=self.folder, stdin=stdin,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       start_new_session=True)
            try:
                return process.communicate(timeout=SECONDS)[1], process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return process.communicate()[1], None

    def check(self, tool, words):
        err, status = self.run_once(tool, words)
        self.assertIn(status, STATUSES | {None}, err)
        said = err.decode("utf-8")  # strictly
        if b"--progress" not in b" ".join(words):
            self.assertNotRegex(said, RAW)
        if status in STATUSES - {0, 1}:
            last = said.splitlines()[-1]
            if last.startswith("{"):
                self.assertEqual(json.loads(last)["error"]["exit"], status)
            else:
                self.assertTrue(last.startswith(f"{PREFIX}{tool}: error: "), last)
        return status

    def test_no_command_line_is_a_bug(self):
        for tool in programs():
            table = option_table(tool)
            self.assertGreater(len(table), 8, tool)
            draw = random.Random(f"{SEED} {tool}")
            seen = set()
            for number in range(COUNT):
                words = self.words(draw, table)
                with self.subTest(f"{tool} {number}: {words}"[:2000]):
                    seen.add(self.check(tool, words))
            self.assertGreater(len(seen - {None}), 0, tool)

    def test_flags_take_no_value(self):
        for tool in programs():
            for word in ("--verbose=x", "--verbose=99999999999999999999", "--quiet=<", "--help=1",
                         b"--quiet=\xff\xfe"):
                with self.subTest(f"{tool} {word}"):
                    self.assertEqual(self.check(tool, [os.fsencode(word)]), 2)
                    self.assertIn(b"takes no value", self.run_once(tool, [word])[0])


if __name__ == "__main__":
    main()
