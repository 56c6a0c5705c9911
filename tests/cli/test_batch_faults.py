"""Faults around generate --jsonl: disks, descriptors, names, models that change, broken compression.

What a batch promises of its rows, pipes, signals and kills is in test_batch.py.
"""
import json
import os
import shutil
import struct
import subprocess
import unittest

from harness import TIMEOUT, main, program, run_process
from test_batch import BatchTest, rows, text


class FaultTest(BatchTest):
    def setUp(self):
        super().setUp()
        self.lines = rows(30)
        self.write("in.jsonl", "".join(line + "\n" for line in self.lines))
        self.plain = ["-m", self.model(), "--jsonl", "-q", "-i", "in.jsonl"]
        self.wanted = self.run_tool(*self.plain).stdout
        self.assertEqual(self.wanted.count(b"\n"), 30)

    def words(self, *more):
        return " ".join(f"'{w}'" for w in [program("generate"), *self.plain, *more])

    def in_namespace(self, script):
        """Runs a script that may mount; skips the test where that isn't allowed."""
        unshare = shutil.which("unshare")
        if unshare is None or run_process([unshare, "-rm", "true"]).status != 0:
            self.skipTest("no mounts of our own here")
        return run_process([unshare, "-rm", "bash", "-c", script], cwd=self.folder)


class Disks(FaultTest):
    def test_a_full_disk_leaves_whole_records_and_is_resumed(self):
        (self.folder / "small").mkdir()
        script = (f"mount -t tmpfs -o size=8k none small || exit 99\n{self.words('-o', 'small/out')}\n"
                  "echo $? > status; cp small/out.partial left; ls small > names\n"
                  "mount -o remount,size=1m small\n"
                  f"{self.words('-o', 'small/out', '--resume')}; cp small/out out; ls small >> names")
        result = self.in_namespace(script)
        self.assertEqual((self.folder / "status").read_text(), "4\n", result)
        self.assertIn("No space left", result.err)
        left = (self.folder / "left").read_bytes()
        self.assertTrue(left.endswith(b"\n"))  # whole records, in the order in which they ended
        self.assertLessEqual(set(left.splitlines()), set(self.wanted.splitlines()))
        self.assertEqual((self.folder / "out").read_bytes(), self.wanted)
        self.assertEqual((self.folder / "names").read_text(), "out.partial\nout\n")

    def test_a_folder_that_cannot_be_written(self):
        (self.folder / "ro").mkdir()
        for more in (["-o", "ro/out"], ["-o", "ro/out", "--resume"], ["--summary", "ro/summary"],
                     ["--kv-spill", "ro/spill"]):
            result = self.in_namespace(f"mount -t tmpfs -o ro none ro || exit 99\n{self.words(*more)}")
            self.assert_failed(result, 4, message="ro/")
            self.assertEqual(result.stdout, b"", more)

    def test_what_exists_is_refused_before_anything_is_computed(self):
        self.write("old", "old")
        for more in (["-o", "old"], ["--summary", "old"], ["--kv-spill", "old"]):
            result = self.fails(4, *self.plain, *more, message="old")
            self.assertEqual(result.stdout, b"", more)
            self.assertEqual((self.folder / "old").read_bytes(), b"old")
        for more in (["-o", "no/out"], ["--summary", "no/summary"], ["--kv-spill", "no/spill"],
                     ["--cache-dir", "no/such/cache"], ["--cache-dir", "old"]):
            result = self.fails(4, *self.plain, *more)
            self.assertEqual(result.stdout, b"", more)
        self.assertEqual(self.leftovers(), [])

    def test_a_spill_file_that_is_soon_full(self):
        for blocks in (0, 16, 64):
            script = f"ulimit -f {blocks}; exec {self.words('--kv-memory', '150K', '--kv-spill', 's')}"
            result = self.shell(script)
            self.assertEqual((result.status, result.stdout), (1, self.wanted), result)
            self.assertLessEqual(result.err.count("\n"), 1)
            self.assertFalse((self.folder / "s").exists())


class Descriptors(FaultTest):
    def test_no_stderr(self):
        """Nothing that would be said there lands in a file that took its number."""
        words = self.words("-o", "out").replace("'-q'", "'-v'")
        result = self.shell(words + " 2>&-")
        self.assertEqual((result.status, result.stdout), (1, b""), result)
        self.assertEqual((self.folder / "out").read_bytes(), self.wanted)

    def test_none_at_all(self):
        result = self.shell(self.words("-o", "out") + " <&- >&- 2>&-")
        self.assertEqual(result.status, 1, result)
        self.assertEqual((self.folder / "out").read_bytes(), self.wanted)

    def test_an_input_that_ends_in_the_middle(self):
        for cut in (1, len(self.lines[0]) // 2, -1):
            content = (self.folder / "in.jsonl").read_bytes() + self.lines[0].encode()[:cut]
            result = self.run_tool("-m", self.model(), "--jsonl", "-q", stdin=content)
            self.assertEqual(result.status, 1, result)
            records = result.stdout.splitlines(keepends=True)
            self.assertEqual(b"".join(records[:30]), self.wanted)
            self.assertEqual([json.loads(r)["error"]["code"] for r in records[30:]], ["invalid_input"])

    def test_a_pipe_with_a_name(self):
        os.mkfifo(self.folder / "fifo")
        result = self.shell(f"cat in.jsonl > fifo & {self.words().replace('in.jsonl', 'fifo')}")
        self.assertEqual((result.status, result.stdout), (1, self.wanted))


class Names(FaultTest):
    def test_are_bytes(self):
        name = b"\xff\x1b[1m in.jsonl"
        shutil.copy(os.fsencode(self.folder) + b"/in.jsonl", os.fsencode(self.folder) + b"/" + name)
        arguments = [*self.plain[:-1], os.fsdecode(name), "-o", os.fsdecode(b"out\xfe\n")]
        result = self.run_tool(*arguments)
        self.assertEqual(result.status, 1, result)
        with open(os.fsencode(self.folder) + b"/out\xfe\n", "rb") as out:
            self.assertEqual(out.read(), self.wanted)
        self.fails(4, *arguments, message="out\\xfe")

    def test_the_locale_has_no_influence(self):
        for name in ("C", "de_DE.UTF-8", "tr_TR.UTF-8"):
            result = self.run_tool(*self.plain, "--temp", "0.5",
                                   env={"LC_ALL": name, "LC_NUMERIC": name})
            self.assertEqual(result.stdout, self.run_tool(*self.plain, "--temp", "0.5").stdout)


class Rows(BatchTest):
    def test_prompts_at_the_edge(self):
        good = {"max_tokens": 4}
        lines = [json.dumps({"prompt": p, **good}) for p in
                 ("", " ", "\0", "a\0b", "\U0001f600" * 20, "\ufeff", "\r\n", "</s><s>", "\x1b[2J")]
        for line, record in zip(lines, self.batch(lines)):
            solo = self.run_tool("-m", self.model(), "--json", "-n", "4", "-i", "-",
                                 stdin=json.loads(line)["prompt"])
            # Of a file, the last line's end is no part of the prompt, nor a mark of byte order.
            if json.loads(line)["prompt"] in ("\r\n", "\ufeff"):
                continue
            self.assertEqual(solo.status, 0, solo)
            self.assertEqual(record["text"], json.loads(solo.stdout)["text"], line)

    def test_strings_that_do_not_end(self):
        bad = ['{"prompt":"a', '{"prompt":"a\\', '{"prompt":"a\\u00', '{"prompt":"a"', '{"prompt"',
               '{"prompt":"a"}}', '{"prompt":"a",}', "{'prompt':'a'}", '{"prompt":"a"}\t\x0bx',
               '{"prompt":"a\tb"}', '{"prompt":"\\udc00\\ud800"}', '{"prompt":"a","max_tokens":1e400}',
               '{"prompt":"a","max_tokens":99999999999999999999}', '{"prompt":"a","max_tokens":0.5}',
               '{"prompt":"a","seed":18446744073709551616}', '{"prompt":"a","stop":[""]}',
               '{"prompt":[-1]}', '{"prompt":[1e3]}', '{"prompt":[2147483648]}', '{"prompt":[]}',
               '{"prompt":"a","max_tokens":null,"max_tokens":1}']
        for line, record in zip(bad, self.batch(bad, status=1)):
            self.assertIn("error", record, line)
            self.assertIn(record["error"]["code"], ("invalid_input", "unsupported", "limit"), line)

    def test_a_slow_first_row_holds_back_a_bounded_number(self):
        """Records in order wait for it; they must not all be held."""
        slow = {"prompt": "A", "max_tokens": 480, "ignore_eos": True}
        lines = [json.dumps(slow)] + [json.dumps({"prompt": "A", "max_tokens": 1})] * 9000
        records = self.batch(lines, "--max-batch", "2")
        self.assertEqual([r["index"] for r in records], list(range(9001)))


@unittest.skipUnless(run_process(["sh", "-c", "command -v zstd"]).status == 0, "no zstd(1)")
class Zstd(FaultTest):
    def test_skippable_frames_are_skipped(self):
        zst = run_process(["zstd", "-qc", self.folder / "in.jsonl"]).stdout
        skip = struct.pack("<II", 0x184D2A53, 5) + b"notes"
        result = self.run_tool("-m", self.model(), "--jsonl", "-q", stdin=skip + zst + skip)
        self.assertEqual((result.status, result.stdout), (1, self.wanted), result)

    def test_a_window_of_two_gigabytes_is_refused(self):
        # Magic; no single segment, no size, no checksum; window 2^(10+21); an empty raw block.
        frame = struct.pack("<IBB", 0xFD2FB528, 0, 21 << 3) + b"\x01\x00\x00"
        self.write("big.zst", frame)
        self.fails(5, "-m", self.model(), "--jsonl", "-i", "big.zst", message=["big.zst", "window"])

    def test_a_checksum_that_is_wrong(self):
        zst = bytearray(run_process(["zstd", "-qc", "--check", self.folder / "in.jsonl"]).stdout)
        zst[-1] ^= 1
        self.write("bad.zst", bytes(zst))
        result = self.fails(3, "-m", self.model(), "--jsonl", "-i", "bad.zst", message="bad.zst")
        self.assertTrue(self.wanted.startswith(result.stdout))


class Models(BatchTest):
    """What maps a model is told when the file goes, and never dies of a signal."""

    def start(self, model):
        process = subprocess.Popen(
            [program("generate"), "-m", str(model), "--jsonl", "-t", "1"], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        return process

    def ask(self, process, seed):
        row = json.dumps({"prompt": text(seed, 40), "max_tokens": 8})
        process.stdin.write(row.encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline()

    def test_replaced_while_it_runs(self):
        model = self.folder / "model.lathe"
        shutil.copy(self.model(), model)
        process = self.start(model)
        first = self.ask(process, 1)
        os.replace(shutil.copy(self.model("w4"), self.folder / "other"), model)
        again = json.loads(self.ask(process, 1))
        self.assertEqual(again["text"], json.loads(first)["text"])
        process.stdin.close()
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_cut_while_it_runs(self):
        model = self.folder / "model.lathe"
        shutil.copy(self.model(), model)
        process = self.start(model)
        self.ask(process, 1)
        os.truncate(model, 4096)
        try:
            self.ask(process, 2)
            process.stdin.close()
        except BrokenPipeError:
            pass
        status, err = process.wait(TIMEOUT), process.stderr.read()
        self.assertIn(status, (0, 4), err)  # 0: the weights had been copied
        if status == 4:
            self.assertIn(b"cut short", err)


del BatchTest, FaultTest

if __name__ == "__main__":
    main()
