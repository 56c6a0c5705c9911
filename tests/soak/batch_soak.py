#!/usr/bin/env python3
"""Soaks `generate --jsonl`: random rows for an hour, and beside them short runs that end in every way.

    LATHE_BIN=build/bin tests/soak/batch_soak.py --seconds 3600

One process answers rows from a pipe from beginning to end, with so little memory for keys and values
that requests give way to each other; every answer is compared with an earlier one to the same row, and
its memory, descriptors and threads are watched: they must not grow once it has warmed up. Meanwhile
others share its cache folder and are killed, interrupted, resumed, starved of disk and memory, or lose
their reader, and entries of the cache are damaged. Not a part of ctest. It may be stopped and continued
(SIGSTOP, SIGCONT). Exit status 1 when anything was wrong.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness

WORDS = ("The miller found nine letters beside the well A heron My aunt sold a copper kettle at noon "
         "gardener baker when bell rang under stairs").split()
BAD = ["", "{", "[]", '{"prompt":"a","unknown":1}', '{"prompt":[7777777]}', '{"prompt":"\\ud800"}',
       '{"prompt":"a","temperature":1e999}', "\0", "[" * 5000, '{"prompt":"' + "x" * 9000 + '"}']


def random_row(draw, pool):
    """A row out of `pool` different ones (so that answers repeat), rarely a bad one."""
    if draw.random() < 0.08:
        return draw.choice(BAD)
    seed = draw.randrange(pool)
    own = random.Random(seed)
    row = {"prompt": " ".join(own.choice(WORDS) for _ in range(own.randrange(1, 90)))}
    if own.random() < 0.3:
        row["prompt"] = " ".join(WORDS[:20]) + " " + row["prompt"]
    row["max_tokens"] = own.randrange(1, 60)
    if own.random() < 0.5:
        row.update(temperature=own.random() * 1.5, seed=own.randrange(99))
    if own.random() < 0.2:
        row["n"] = own.randrange(2, 5)
    if own.random() < 0.2:
        row["stop"] = own.choice(["the ", [".", "zebra"]])
    if own.random() < 0.1:
        row["logprobs"] = own.randrange(4)
    return json.dumps(row)


CACHE_SIZE = 2 << 20  # bytes that all processes together may leave there


def unexpected(err):
    """What processes that share a cache folder may not say: of damage (it is done to them) they may."""
    return [line for line in err.splitlines() if b"the cache entry is damaged: it is" not in line]


class Process:
    """What the kernel says of a process: kB of memory, open descriptors, threads."""

    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}")

    def figures(self):
        status = dict(line.split(":", 1) for line in
                      (self.folder / "status").read_text().splitlines())
        return (int(status["RssAnon"].split()[0]), len(os.listdir(self.folder / "fd")),
                int(status["Threads"]))


class Soak:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.draw = random.Random(options.seed)
        self.problems = []
        self.model = folder / "village.lathe"
        self.run("quantize", "-m", harness.TESTDATA / "examples/village", "-o", self.model, "-s", "w8",
                 status=0)

    def command(self, *arguments):
        return [harness.program("generate"), "-m", str(self.model), "--jsonl", "-q",
                *map(str, arguments)]

    def run(self, tool, *arguments, status=None, **more):
        result = harness.run_process([harness.program(tool), *map(str, arguments)], cwd=self.folder,
                                     **more)
        if status is not None and result.status != status:
            self.problems.append(f"{tool}: {result}")
        return result

    # ---- the long run

    def long_run(self):
        process = subprocess.Popen(
            self.command("--kv-memory", "300K", "--kv-spill", "spill", "--cache-dir", "cache",
                         "--cache-size", str(CACHE_SIZE), "--max-batch", "12", "--prefill-chunk",
                         "32"),
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        rows, warnings = collections.deque(), []  # rows that have no record yet
        feeder = threading.Thread(target=self.feed, args=(process, rows))
        listener = threading.Thread(target=lambda: warnings.extend(process.stderr))
        watched = []
        watcher = threading.Thread(target=self.watch, args=(process, watched))
        for thread in (feeder, listener, watcher):
            thread.start()
        answers, failed, index = {}, 0, -1
        for index, line in enumerate(process.stdout):
            record = json.loads(line)
            row = rows.popleft()
            if record.pop("index") != index:
                self.problems.append(f"record {index} has another index")
            failed += "error" in record
            record.pop("fingerprint")
            if row in BAD:
                if "error" not in record:
                    self.problems.append(f"{row[:60]!r} was answered")
            elif answers.setdefault(row, record) != record:
                self.problems.append(f"two answers to {row}:\n{answers[row]}\n{record}")
        status = process.wait()
        for thread in (feeder, listener, watcher):
            thread.join()
        if status != 1 or rows:
            self.problems.append(f"status {status}, {index + 1} records, {len(rows)} more rows")
        self.problems += [f"said {line!r}" for line in unexpected(b"".join(warnings))]
        self.judge(watched)
        print(f"{index + 1} rows, {failed} failed; {len(answers)} different ones; "
              f"{len(warnings)} lines on stderr")

    def feed(self, process, rows):
        draw = random.Random(self.options.seed + 1)
        end = time.monotonic() + self.options.seconds
        while time.monotonic() < end:
            burst = [random_row(draw, self.options.pool) for _ in range(draw.randrange(1, 60))]
            rows.extend(burst)
            process.stdin.write("".join(row + "\n" for row in burst).encode())
            process.stdin.flush()
            time.sleep(draw.random() * self.options.pause)
        process.stdin.close()

    def watch(self, process, watched):
        figures = Process(process.pid)
        while process.poll() is None:
            try:
                watched.append((*figures.figures(), *self.cache_figures()))
            except (OSError, KeyError):  # it begins, or ended while it was looked at
                pass
            time.sleep(1)

    def cache_figures(self):
        """kB in the cache folder, and files there that are no pages."""
        size = strangers = 0
        for folder, _, names in os.walk(self.folder / "cache"):
            for name in names:
                try:
                    size += os.stat(os.path.join(folder, name)).st_size
                    strangers += not name.endswith(".kv")
                except FileNotFoundError:  # evicted
                    pass
        return size // 1024, strangers

    def judge(self, watched):
        """The last half takes no more than the second quarter did, but for a little."""
        if len(watched) < 20:
            print("too short a run to judge its memory")
            return
        names = ("kB of memory", "descriptors", "threads", "kB of cache", "other files in it")
        print("most of", ", ".join(names), "in each twelfth of the time:")
        for i in range(12):
            part = watched[len(watched) * i // 12:len(watched) * (i + 1) // 12]
            print("  " + " ".join(f"{max(column):7}" for column in zip(*part)))
        early, late = watched[len(watched) // 4:len(watched) // 2], watched[len(watched) // 2:]
        for column, slack in enumerate((4096, 1, 0, 64, 0)):
            before, after = max(w[column] for w in early), max(w[column] for w in late)
            if after > before * 1.05 + slack:
                self.problems.append(f"{names[column]} grew from {before} to {after}")
        # Each of the processes may be a sixteenth ahead of its last look, and a text.
        if max(w[3] for w in watched) * 1024 > CACHE_SIZE * 3 // 2:
            self.problems.append("the cache grew past its size")

    # ---- short runs

    def short_runs(self, until):
        count = {}
        while time.monotonic() < until:
            run = self.draw.choice([self.kill_and_resume, self.interrupt, self.close_pipe,
                                    self.fill_disk, self.starve, self.two_readers, self.damage])
            folder = self.folder / "short"
            folder.mkdir(exist_ok=True)
            run(folder)
            count[run.__name__] = count.get(run.__name__, 0) + 1
            for path in folder.iterdir():
                if path.name not in ("in.jsonl", "out.jsonl", "out.jsonl.partial"):
                    self.problems.append(f"{run.__name__} left {path.name}")
                path.unlink()
            time.sleep(self.draw.random() * self.options.pause)
        print("short runs:", json.dumps(count))

    def input(self, folder, count):
        (folder / "in.jsonl").write_text(
            "".join(random_row(self.draw, self.options.pool) + "\n" for _ in range(count)))

    def wanted(self, folder):
        return harness.run_process(self.command("-i", "in.jsonl"), cwd=folder).stdout

    def kill_and_resume(self, folder):
        self.input(folder, 60)
        wanted = self.wanted(folder)
        command = self.command("-i", "in.jsonl", "-o", "out.jsonl", "--resume", "--cache-dir",
                               "../cache", "--cache-size", str(CACHE_SIZE))
        for _ in range(self.draw.randrange(1, 5)):
            process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=self.draw.random() * 0.3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        harness.run_process(command, cwd=folder)
        if (folder / "out.jsonl").read_bytes() != wanted:
            self.problems.append("kill and resume ended in other bytes")

    def interrupt(self, folder):
        self.input(folder, 60)
        wanted = self.wanted(folder)
        number = self.draw.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        process = subprocess.Popen(self.command("-i", "in.jsonl", "-o", "out.jsonl"), cwd=folder,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=self.draw.random() * 0.2)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        if process.wait() not in (-number, 0, 1):
            self.problems.append(f"interrupted: status {process.returncode}")
        partial = folder / "out.jsonl.partial"
        left = partial.read_bytes() if partial.exists() else b""
        if not wanted.startswith(left) or (left and not left.endswith(b"\n")):
            self.problems.append("an interrupted run left other bytes")

    def close_pipe(self, folder):
        self.input(folder, 200)
        process = subprocess.Popen(self.command("-i", "in.jsonl", "--unordered"), cwd=folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(self.draw.randrange(4)):
            process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        if process.wait() != -signal.SIGPIPE or err:
            self.problems.append(f"closed pipe: status {process.returncode}, {err!r}")

    def fill_disk(self, folder):
        self.input(folder, 60)
        command = " ".join(self.command("-i", "in.jsonl", "-o", "out.jsonl"))
        blocks = self.draw.randrange(0, 8)
        result = harness.run_process(["bash", "-c", f"ulimit -f {blocks}; exec {command}"], cwd=folder)
        if result.status not in (0, 1, 4):
            self.problems.append(f"ulimit -f {blocks}: {result}")

    def starve(self, folder):
        """Hardly more memory than the longest row needs, and a spill file that is soon full."""
        self.input(folder, 60)
        wanted = self.wanted(folder)
        command = " ".join(self.command("-i", "in.jsonl", "--kv-memory",
                                        f"{self.draw.randrange(140, 400)}K", "--kv-spill", "spill"))
        blocks = self.draw.choice([0, 16, 100, "unlimited"])
        result = harness.run_process(["bash", "-c", f"ulimit -f {blocks}; exec {command}"], cwd=folder)
        told = [line for line in result.err.splitlines() if "the spill file cannot be written" not in line]
        if result.stdout != wanted or told:
            self.problems.append(f"starved, ulimit -f {blocks}: other bytes, {told}")

    def two_readers(self, folder):
        """Processes that fill and empty one cache folder at once give the same answers."""
        self.input(folder, 40)
        wanted = self.wanted(folder)
        command = self.command("-i", "in.jsonl", "--cache-dir", "../cache", "--cache-size", "1M")
        both = [subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE) for _ in range(2)]
        for process in both:
            out, err = process.communicate()
            if out != wanted or unexpected(err):
                self.problems.append(f"one of two with one cache: other bytes, {err!r}")

    def damage(self, _):
        """Puts damaged entries in the place of some; others may be reading the old ones."""
        entries = list((self.folder / "cache").rglob("*.kv"))
        for path in self.draw.sample(entries, min(len(entries), 5)):
            try:
                content = bytearray(path.read_bytes())
            except FileNotFoundError:  # evicted
                continue
            if len(content) > 4096 and self.draw.random() < 0.5:
                content[self.draw.randrange(4096, len(content))] ^= 1 << self.draw.randrange(8)
            else:  # it may have been cut before
                content = content[:self.draw.randrange(len(content) + 1)]
            other = self.folder / "damaged"
            other.write_bytes(content)
            other.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pool", type=int, default=2000, help="different rows")
    parser.add_argument("--pause", type=float, default=0.2, help="most seconds between bursts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lathe-soak-") as name:
        soak = Soak(options, pathlib.Path(name))
        long_run = threading.Thread(target=soak.long_run)
        long_run.start()
        soak.short_runs(time.monotonic() + options.seconds)
        long_run.join()
        for left in ("spill",):
            if (pathlib.Path(name) / left).exists():
                soak.problems.append(f"{left} is still there")
    for problem in soak.problems[:20]:
        print("PROBLEM", problem)
    print(f"{len(soak.problems)} problems")
    sys.exit(1 if soak.problems else 0)


if __name__ == "__main__":
    main()
