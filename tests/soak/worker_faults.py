#!/usr/bin/env python3
"""Runs of rows over workers to which things happen: kill -9, SIGSTOP, cut and slow connections,
garbage in their midst and beside them, a full disk. Every row must be there, with the bytes of one
process.

    python3 tests/soak/worker_faults.py --runs 100 [--seed N] [--roles prefill,prefill,decode]

Prints what each run went through, and at the end how long runs stood still behind a fault.
"""
import argparse
import os
import pathlib
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import program
from test_workers import Worker, WorkersTest, records_in

FAULTS = ("kill", "stop", "cut", "slow", "garbage", "noise")


class Proxy:
    """A way to a worker that can be cut, slowed and garbled."""

    def __init__(self, port):
        self.port, self.pairs, self.slow, self.garble = port, set(), 0.0, False
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self.lock:
                self.pairs.add((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(one, other), daemon=True).start()

    def copy(self, one, other):
        try:
            while data := one.recv(65536):
                if self.slow:
                    time.sleep(self.slow)
                if self.garble:
                    self.garble = False
                    data = os.urandom(len(data))
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()
        self.cut()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run(WorkersTest):
    """One run. Not found by a loader: main() makes them."""

    def runTest(self):
        pass

    def start(self, number):
        port = self.ports[number]
        self.processes[number] = Worker(self, f"tcp://127.0.0.1:{port}", "--max-batch", "2",
                                        "--role", self.roles[number], model=self.model, wait=False)

    def harm(self, what, number, chance):
        process, proxy = self.processes[number].process, self.proxies[number]
        if what == "kill":
            self.processes[number].kill()
            self.start(number)
        elif what == "stop":
            process.send_signal(signal.SIGSTOP)
            # Longer than it takes to be left out, now and then.
            threading.Timer(chance.choice((0.3, 8)), process.send_signal, [signal.SIGCONT]).start()
        elif what == "cut":
            proxy.cut()
        elif what == "slow":
            proxy.slow = 0.2
        elif what == "garbage":
            proxy.garble = True
        elif what == "noise":
            try:
                with socket.create_connection(("127.0.0.1", self.ports[number]), timeout=5) as at:
                    at.sendall(os.urandom(1000))
            except OSError:
                pass

    def go(self, chance):
        self.setUp()
        count = len(self.given) if self.given else chance.randint(2, 4)
        self.ports = [free_port() for _ in range(count)]
        self.proxies = [Proxy(port) for port in self.ports]
        self.processes = [None] * count
        self.roles = self.given or [chance.choice(("both", "prefill", "decode", "auto"))
                                    for _ in range(count)]
        for number in range(count):
            self.start(number)
        (self.folder / "workers.txt").write_text("".join(p.address + "\n" for p in self.proxies))
        rows = self.rows(150, tokens=80)
        want = self.alone(rows)
        done, faults = self.under_faults(chance, rows, len(want))
        got = self.folder / "got.jsonl"
        same = got.exists() and got.read_bytes() == want
        for proxy in self.proxies:
            proxy.close()
        self.doCleanups()
        return same and done == 1, faults

    def under_faults(self, chance, rows, size):
        partial = self.folder / "got.jsonl.partial"
        planned = [chance.choice(FAULTS) for _ in range(chance.randint(1, 4))]
        faults, still = [], []
        if chance.random() < 0.2:  # a disk that is full halfway
            faults.append("full disk")
            limit = size // 2
            subprocess.run(
                [program("generate"), "-q", "-m", self.model, "--jsonl", "-i", rows, "-o",
                 "got.jsonl", "--workers", self.folder / "workers.txt"], cwd=self.folder,
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        run = self.begin(rows, "got.jsonl", "--resume", "-q")
        at = 0
        while run.poll() is None:
            lines = records_in(partial)
            if planned and lines >= at:
                what, number = planned.pop(), chance.randrange(len(self.ports))
                self.harm(what, number, chance)
                faults.append(what)
                at = lines + chance.randint(1, 40)
                began, before = time.monotonic(), lines
                still.append((began, before))
            if still and lines > still[-1][1]:
                self.waits.append(time.monotonic() - still.pop()[0])
            time.sleep(0.005)
        return run.returncode, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--roles", help="of all runs, with commas; default: chosen anew for each")
    options = parser.parse_args()
    waits, bad, counts = [], 0, {}
    for number in range(options.runs):
        chance = random.Random(f"{options.seed} {number}")
        run = Run()
        run.waits = waits
        run.given = options.roles.split(",") if options.roles else None
        began = time.monotonic()
        good, faults = run.go(chance)
        bad += not good
        for fault in faults:
            counts[fault] = counts.get(fault, 0) + 1
        print(f"{number}: {'same bytes' if good else 'WRONG'} after {', '.join(faults) or 'nothing'}"
              f", {time.monotonic() - began:.1f} s", flush=True)
    print(f"{options.runs} runs, {bad} wrong; {counts}")
    if len(waits) > 1:
        waits.sort()
        print(f"to the next record behind a fault: median {statistics.median(waits):.3f} s, "
              f"p90 {waits[int(0.9 * len(waits))]:.3f} s, longest {waits[-1]:.3f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
