#!/usr/bin/env python3
"""300 rows by every way that the tools have to share work among processes: workers that do all, or
prompts and answers apart, or choose as the traffic is; processes that mpirun starts and that compute
each row together; shards. Each must have the bytes of one process.

    python3 tests/soak/same_bytes.py [--rows 300] [-m MODEL]

Prints a line for each way; status 1 where one had other bytes.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import program
from test_workers import WorkersTest

try:
    from test_mpi import cores, mpirun
except SystemExit:  # it has said why
    mpirun = None

WORDS = ("circle house tree blue red rect star line the a on of svg path fill width miller heron "
         "chapel garden").split()
WORKERS = {
    "two workers that do all": ("both",) * 2,
    "2P+1D": ("prefill", "prefill", "decode"),
    "1P+2D": ("prefill", "decode", "decode"),
    "three that choose": ("auto",) * 3,
}


def rows_of(count):
    """Rows of every kind, with short and long prompts and answers."""
    chance = random.Random(4)
    for i in range(count):
        row = {"id": i, "max_tokens": chance.randint(1, 60), "prompt": " ".join(
            chance.choice(WORDS) for _ in range(chance.choice((5, 40, 120, 200))))}
        if i % 3 == 1:
            row.update(temperature=0.9, seed=i, n=1 + i % 2)
        if i % 7 == 2:
            row.update(logprobs=2)
        if i % 11 == 3:
            row.update(regex="[a-z ]+\\.")
        if i % 17 == 5:
            row.update(stop=["the"])
        yield json.dumps(row) + "\n"


class Ways(WorkersTest):
    """All of them. Not found by a loader: main() makes it."""

    def runTest(self):
        pass

    def prepare(self, options):
        self.setUp()
        if options.model:
            self.model = pathlib.Path(options.model).resolve()
        else:
            self.model = self.folder / "w4.lathe"
            self.ok("-m", self.data("models/base"), "-s", "w4", "-o", self.model, tool="quantize")
        self.input = self.folder / "rows.jsonl"
        self.input.write_text("".join(rows_of(options.rows)))
        self.good = True
        self.want = None

    def command(self, *more):
        return [program("generate"), "-q", "-m", str(self.model), "--jsonl", "-i",
                str(self.input), "-o", "got.jsonl", "-f", *map(str, more)]

    def finish(self, words):
        subprocess.run(words, cwd=self.folder, stdin=subprocess.DEVNULL, check=True)

    def take(self, name, words):
        """Runs a way's last command, and compares what it wrote."""
        began = time.monotonic()
        self.finish(words)
        got = (self.folder / "got.jsonl").read_bytes()
        self.want = self.want or got
        same = got == self.want
        self.good = self.good and same
        print(f"{name}: {'same bytes' if same else 'OTHER BYTES'} ({len(got)}, sha256 "
              f"{hashlib.sha256(got).hexdigest()[:16]}), {time.monotonic() - began:.1f} s",
              flush=True)

    def with_workers(self, name, roles):
        names = [f"{role}{i}" for i, role in enumerate(roles)]
        workers = [self.worker(at, "--role", role, "--max-batch", "4")
                   for at, role in zip(names, roles)]
        self.take(name, self.command("--workers", self.workers_file(*names)))
        for worker in workers:
            worker.kill()

    def in_parts(self, count):
        """Computes them, and returns what puts the records of all in order."""
        records = b""
        for i in range(1, count + 1):
            self.finish(self.command("--shard", f"{i}/{count}"))
            records += (self.folder / "got.jsonl").read_bytes()
        (self.folder / "got.jsonl").write_bytes(records)
        return [word for word in self.command("--resume") if word != "-f"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("-m", "--model", help="default: a small one of the tests")
    options = parser.parse_args()
    ways = Ways()
    try:
        ways.prepare(options)
        ways.take("one process", ways.command())
        for name, roles in WORKERS.items():
            ways.with_workers(name, roles)
        for count in (2, 4) if mpirun else ():
            words = ways.command("-t", max(1, cores() // count))
            ways.take(f"mpirun -n {count}", mpirun(count, *words))
            ways.take(f"mpirun -n {count}, --pipeline", mpirun(count, *words, "--pipeline"))
        ways.take("three shards, put in order", ways.in_parts(3))
    finally:
        ways.doCleanups()
    return 0 if ways.good else 1


if __name__ == "__main__":
    sys.exit(main())
