"""--cache-dir: several processes in one folder, whatever happens to them and to the files.

LATHE_CACHE_ROUNDS=50 goes through so many rounds of processes at once (two without).
"""
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

from harness import TIMEOUT, limit, main, program, run_process
from test_batch import BatchTest, text

ROUNDS = int(os.environ.get("LATHE_CACHE_ROUNDS", "2"))
PAGE_FILE = 16384  # bytes of one page of the village: 4096 of header, 64 positions
MAGIC = b"LTHKVPG1"


class CacheTest(BatchTest):
    def folder_files(self):
        return sorted(p for p in (self.folder / "cache").rglob("*") if p.is_file())

    def pages(self):
        return [p for p in self.folder_files() if p.suffix == ".kv"]

    def command(self, *arguments):
        return [program("generate"), "-m", str(self.model()), "--jsonl", "-q", "-t", "1", *arguments]

    def answers(self, name, *arguments, **more):
        return run_process(self.command("-i", name, *arguments), cwd=self.folder, **more)

    def rows_file(self, name, prompts, tokens=6):
        return self.write(name, "".join(json.dumps({"prompt": p, "max_tokens": tokens}) + "\n"
                                        for p in prompts))


class ManyProcesses(CacheTest):
    """They read, write and evict in one small folder; some are killed."""

    SIZE = 20 * PAGE_FILE

    def setUp(self):
        super().setUp()
        shared = [text(seed, 70) for seed in (1, 2)]
        self.names, self.wanted = [], {}
        for i in range(6):
            name = f"{i}.jsonl"
            prompts = [f"{shared[(i + j) % 2]} {text(10 * i + j, 5 + 9 * j)}" for j in range(4)]
            prompts += [text(1000 + 10 * i + j, 30 + 20 * j) for j in range(4)]
            self.rows_file(name, prompts)
            self.names.append(name)
            self.wanted[name] = self.answers(name).stdout
            self.assertEqual(self.wanted[name].count(b'"text"'), 8)

    def round(self, draw):
        """All at once; of two of them not more is asked than that they harm nobody."""
        arguments = ["--cache-dir", "cache", "--cache-size", str(self.SIZE)]
        started = [(name, subprocess.Popen(self.command("-i", name, *arguments), cwd=self.folder,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE))
                   for name in self.names]
        killed = draw.sample(started, 2)
        for _, process in killed:
            time.sleep(draw.random() * 0.05)
            process.kill()
        for name, process in started:
            out, err = process.communicate(timeout=TIMEOUT)
            if process.returncode == -signal.SIGKILL:
                self.assertIn((name, process), killed)
                continue
            self.assertEqual((process.returncode, out, err), (0, self.wanted[name], b""), name)

    def test_give_the_answers_of_each_alone(self):
        draw = random.Random(1)
        for _ in range(ROUNDS):
            self.round(draw)
            self.assertEqual(self.pages(), self.folder_files(), "something is left behind")
            for path in self.pages():
                content = path.read_bytes()
                self.assertEqual((len(content), content[:8]), (PAGE_FILE, MAGIC), path)
                self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertGreater(len(self.pages()), 0)
        # Whoever ends well leaves no more than the size, whatever the killed had written.
        for name in self.names:
            result = self.answers(name, "--cache-dir", "cache", "--cache-size", str(self.SIZE))
            self.assertEqual((result.stdout, result.err), (self.wanted[name], ""))
        self.assertLessEqual(sum(p.stat().st_size for p in self.folder_files()), self.SIZE)

    def test_write_each_page_once(self):
        name = self.names[0]
        arguments = ["-i", name, "--cache-dir", "cache"]
        started = [subprocess.Popen(self.command(*arguments), cwd=self.folder,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for _ in range(4)]
        for process in started:
            self.assertEqual(process.communicate(timeout=TIMEOUT), (self.wanted[name], b""))
        self.assertEqual(self.pages(), self.folder_files())
        self.assertEqual(self.answers(name, "--cache-dir", "alone").stdout, self.wanted[name])
        self.assertEqual(sorted(p.name for p in self.pages()),
                         sorted(p.name for p in (self.folder / "alone").rglob("*.kv")))


class Damage(CacheTest):
    def setUp(self):
        super().setUp()
        self.rows_file("in.jsonl", [text(1, 120)])
        self.wanted = self.answers("in.jsonl").stdout
        self.assertIn(b'"text"', self.wanted)
        self.fill()
        self.assertGreaterEqual(len(self.pages()), 4)

    def fill(self):
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        self.assertEqual(self.cached(), ("", self.wanted))

    def cached(self, *arguments):
        result = self.answers("in.jsonl", "--cache-dir", "cache", *arguments)
        self.assertEqual(result.status, 0, result)
        return result.err, result.stdout

    def digest(self):
        return {p.name: hashlib.sha256(p.read_bytes()).digest() for p in self.pages()}

    def test_is_warned_of_and_mended(self):
        whole = self.digest()
        draw = random.Random(4)
        for how in ("flip", "cut", "grow", "empty", "zero", "swap"):
            for _ in range(2):
                paths = self.pages()
                path = draw.choice(paths)
                content = bytearray(path.read_bytes())
                if how == "flip":
                    # The rest of the header's block is nothing's.
                    at = draw.choice([draw.randrange(0, 310), draw.randrange(4096, PAGE_FILE)])
                    content[at] ^= 1 << draw.randrange(8)
                elif how == "cut":
                    content = content[:draw.randrange(1, PAGE_FILE)]
                elif how == "grow":
                    content += b"x"
                elif how == "empty":
                    content = b""
                elif how == "zero":
                    content[4096:] = bytes(PAGE_FILE - 4096)
                else:  # another page of the same text under this name
                    content = draw.choice([p for p in paths if p != path]).read_bytes()
                path.write_bytes(content)
                err, out = self.cached()
                self.assertEqual(out, self.wanted, how)
                self.assertEqual(err.count("damaged"), 1, (how, err))
                self.assertIn("removed", err)
                self.assertEqual(self.digest(), whole, how)
        self.assertEqual(self.cached(), ("", self.wanted))

    def test_another_models_page_under_the_same_name_is_not_believed(self):
        ours = {p.relative_to(self.folder / "cache"): p.read_bytes() for p in self.pages()}
        shutil.rmtree(self.folder / "cache")
        other = self.run_tool("-m", self.model("w4"), "--jsonl", "-q", "-i", "in.jsonl",
                              "--cache-dir", "cache")
        self.assertEqual(other.status, 0, other)
        theirs = sorted(self.pages())
        self.assertEqual(len(theirs), len(ours))
        self.assertFalse({p.name for p in theirs} & {p.name for p in ours})
        contents = [p.read_bytes() for p in theirs]
        shutil.rmtree(self.folder / "cache")
        for name, content in zip(sorted(ours), contents):
            path = self.folder / "cache" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        err, out = self.cached()
        self.assertEqual(out, self.wanted)
        self.assertIn("damaged", err)
        self.assertEqual({p.relative_to(self.folder / "cache"): p.read_bytes()
                          for p in self.pages()}, ours)

    def test_strange_things_in_the_folder_do_no_harm(self):
        first = self.pages()[0]
        cache = self.folder / "cache"
        (cache / "zz").mkdir()
        (cache / "zz" / "notes.txt").write_text("mine")
        (cache / "file").write_text("mine")
        os.mkfifo(cache / "zz" / "pipe")
        (cache / "zz" / ("0" * 32 + "-" + "1" * 32 + ".kv")).symlink_to("/dev/zero")
        old = cache / "zz" / (first.name + ".tmp.12345.0")
        old.write_bytes(b"left by a writer that was killed")
        os.utime(old, (1, 1))
        first.unlink()
        os.mkfifo(first)
        self.assertEqual(self.cached()[1], self.wanted)
        first.unlink()
        first.mkdir()
        self.assertEqual(self.cached()[1], self.wanted)
        self.assertEqual(self.cached("--cache-size", "1")[1], self.wanted)
        self.assertEqual((cache / "zz" / "notes.txt").read_text(), "mine")
        self.assertTrue((cache / "file").exists())
        self.assertFalse(old.exists())

    def test_files_that_are_cut_while_they_are_read(self):
        """Cut in place and mended, again and again, as nothing of ours would."""
        whole = [(path, path.read_bytes()) for path in self.pages()]
        done = threading.Event()

        def cut():
            draw = random.Random(5)
            while not done.is_set():
                path, content = draw.choice(whole)
                with contextlib.suppress(FileNotFoundError):
                    os.truncate(path, draw.choice((4096, 5000, PAGE_FILE - 1)))
                    time.sleep(0.0002)
                    path.write_bytes(content)

        thread = threading.Thread(target=cut)
        self.addCleanup(thread.join)
        self.addCleanup(done.set)
        thread.start()
        for _ in range(10 * ROUNDS):
            err, out = self.cached()  # status 0
            self.assertEqual(out, self.wanted)
            for line in err.splitlines():
                self.assertIn("the cache entry is damaged: it is", line)

    def test_a_folder_that_changes_under_a_running_process(self):
        process = subprocess.Popen(self.command("--cache-dir", "cache"), cwd=self.folder,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        cache = self.folder / "cache"

        def ask(seed):
            row = json.dumps({"prompt": text(seed, 120), "max_tokens": 6})
            process.stdin.write(row.encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())["text"]

        def alone(seed):
            return self.ok("-m", self.model(), "-p", text(seed, 120), "-n", "6").out

        wanted = {seed: alone(seed) for seed in range(1, 6)}
        self.assertEqual(ask(1), wanted[1])
        for path in self.pages():  # replaced, as if by others: by what is damaged
            other = path.with_suffix(".new")
            other.write_bytes(bytes(PAGE_FILE))
            other.rename(path)
        self.assertEqual(ask(2), wanted[2])
        self.assertEqual(ask(1), wanted[1])
        for path in self.pages():
            os.truncate(path, 5000)
        self.assertEqual(ask(3), wanted[3])
        shutil.rmtree(cache)
        self.assertEqual(ask(4), wanted[4])
        cache.write_text("no folder any more")
        self.assertEqual(ask(5), wanted[5])
        self.assertEqual(ask(1), wanted[1])
        process.stdin.close()
        self.assertEqual(process.wait(TIMEOUT), 0)


class NoRoom(CacheTest):
    """Nothing of the cache is worth an answer."""

    def setUp(self):
        super().setUp()
        self.rows_file("in.jsonl", [text(i, 60) for i in range(8)])
        self.wanted = self.answers("in.jsonl").stdout

    def in_namespace(self, script):
        """Runs a script that may mount; skips the test where that isn't allowed."""
        unshare = shutil.which("unshare")
        if unshare is None or run_process([unshare, "-rm", "true"]).status != 0:
            self.skipTest("no mounts of our own here")
        return run_process([unshare, "-rm", "bash", "-c", "set -e\n" + script], cwd=self.folder)

    def words(self):
        return " ".join(f"'{w}'" for w in self.command("-i", "in.jsonl", "--cache-dir", "cache"))

    def test_files_too_large_for_the_limit(self):
        result = self.shell(f"ulimit -f 8; exec {self.words()}")
        self.assertEqual((result.status, result.stdout), (0, self.wanted), result)
        self.assertEqual(result.err.count("\n"), 1, result)
        self.assertIn("no more is written there", result.err)
        self.assertEqual(self.folder_files(), [])

    def test_a_full_disk(self):
        (self.folder / "cache").mkdir()
        result = self.in_namespace(f"mount -t tmpfs -o size=60k,mode=700 none cache\n{self.words()}\n"
                                   "find cache -type f -printf '%s\\n' >&2")
        self.assertEqual((result.status, result.stdout), (0, self.wanted), result)
        warning, *sizes = result.err.splitlines()
        self.assertIn("No space left", warning)
        self.assertTrue(sizes)
        self.assertEqual(set(sizes), {str(PAGE_FILE)})

    def test_a_folder_that_cannot_be_written(self):
        (self.folder / "cache").mkdir()
        result = self.in_namespace("mount -t tmpfs -o ro,mode=700 none cache\n" + self.words())
        self.assert_failed(result, 4, message="cache folder")
        self.assertEqual(result.stdout, b"")

    def test_few_descriptors(self):
        for descriptors in (6, 7, 8, 9, 12):
            result = self.shell(f"{limit('-n', descriptors)}; exec {self.words()}")
            self.assertIn(result.status, (0, 4, 127), result)
            if result.status == 0:
                self.assertEqual(result.stdout, self.wanted)
            shutil.rmtree(self.folder / "cache", ignore_errors=True)


del BatchTest

if __name__ == "__main__":
    main()
