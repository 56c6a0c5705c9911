#!/usr/bin/env python3
"""Workers on several hosts: network namespaces that a bridge joins, each with processes of its own, a
way of so many Mbit/s, a delay, and a key for what goes over it (CURVE). Rows over them must have the bytes of one
process, also where links are cut and mended, and those with another key get nothing.

    sudo python3 tests/soak/worker_hosts.py [--rate 100] [--delay 20] [--roles prefill,decode,both]

Needs root, for the namespaces, which go with it, and iproute2. The delay is netem's where the kernel
has it, and a relay's in front of each worker where it has not.
"""
import argparse
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import program
from test_workers import WorkersTest

PORT, INNER = 7000, 7001

# Run in a worker's namespace: passes on what comes, each way so much later.
RELAY = """
import asyncio, sys
delay, port, inner = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

async def late(queue, writer):
    loop = asyncio.get_running_loop()
    while item := await queue.get():
        due, data = item
        await asyncio.sleep(max(0.0, due - loop.time()))
        writer.write(data)
        await writer.drain()
    writer.close()

async def copy(reader, writer):
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue(4096)
    task = asyncio.create_task(late(queue, writer))
    try:
        while data := await reader.read(65536):
            await queue.put((loop.time() + delay, data))
    except OSError:
        pass
    await queue.put(None)
    await task

async def meet(reader, writer):
    try:
        there = await asyncio.open_connection("127.0.0.1", inner)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)

async def main():
    async with await asyncio.start_server(meet, "0.0.0.0", port) as server:
        await server.serve_forever()

asyncio.run(main())
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, stderr=subprocess.DEVNULL).returncode == 0


class Network:
    """A switch and hosts at it: 10.88.0.1 has the rows, the others workers."""

    def __init__(self, hosts, options):
        self.name, self.count = f"lathe{os.getpid()}", hosts
        self.netem = False
        ip("netns", "add", self.switch)
        self.at(self.switch, "ip", "link", "add", "bridge", "type", "bridge")
        self.at(self.switch, "ip", "link", "set", "bridge", "up")
        for i in range(hosts):
            self.join(i, options)

    switch = property(lambda self: f"{self.name}-switch")

    def host(self, i):
        return f"{self.name}-{i}"

    def at(self, host, *words, check=True):
        return subprocess.run(["ip", "netns", "exec", host, *words], check=check,
                              stderr=None if check else subprocess.DEVNULL).returncode == 0

    def join(self, i, options):
        host = self.host(i)
        ip("netns", "add", host)
        ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", f"port{i}",
           "netns", self.switch)
        self.at(self.switch, "ip", "link", "set", f"port{i}", "master", "bridge")
        self.link(i, "up")
        for words in (("addr", "add", f"10.88.0.{i + 1}/24", "dev", "eth0"),
                      ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
            self.at(host, "ip", *words)
        for where, device in ((host, "eth0"), (self.switch, f"port{i}")):
            tc = ("tc", "qdisc", "add", "dev", device, "root")
            # Half a way's delay at each end.
            self.netem = self.at(where, *tc, "netem", "delay", f"{options.delay / 2}ms", "rate",
                                 f"{options.rate}mbit", check=False)
            if not self.netem:
                self.at(where, *tc, "tbf", "rate", f"{options.rate}mbit", "burst", "64kb",
                        "latency", "400ms")

    def link(self, i, state):
        self.at(self.switch, "ip", "link", "set", f"port{i}", state)

    def close(self):
        for i in range(self.count):
            ip("netns", "del", self.host(i), check=False)
        ip("netns", "del", self.switch, check=False)


class Hosts(WorkersTest):
    """Not found by a loader: main() makes it."""

    def runTest(self):
        pass

    def start(self, i, *words):
        # Processes of another host are not seen, and nor is their memory.
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        process = subprocess.Popen(["ip", "netns", "exec", self.network.host(i), *apart, *words],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.wait()))

    def key(self, name):
        path = self.folder / name
        path.write_text(os.urandom(32).hex() + "\n")
        path.chmod(0o600)
        return path

    def over_hosts(self, rows, output, key):
        return subprocess.Popen(
            ["ip", "netns", "exec", self.network.host(0), program("generate"), "-q", "-m",
             self.model, "--jsonl", "-i", rows, "-o", output, "-f", "--workers",
             self.folder / "workers.txt", "--worker-key", key], cwd=self.folder,
            stdin=subprocess.DEVNULL)

    def cut_links(self, run, chance):
        """Now this link, now that one, for less and for more than it takes to be left out."""
        cuts = 0
        while run.poll() is None:
            time.sleep(chance.uniform(0.3, 1.5))
            i = chance.randint(1, self.network.count - 1)
            self.network.link(i, "down")
            cuts += 1
            time.sleep(chance.choice((0.2, 1, 7)))
            self.network.link(i, "up")
        return cuts

    def go(self, options):
        roles = options.roles.split(",")
        self.setUp()
        self.network = Network(len(roles) + 1, options)
        self.addCleanup(self.network.close)
        key = self.key("key")
        for i, role in enumerate(roles, 1):
            relayed = not self.network.netem
            self.start(i, program("serve"), "-q", "-m", str(self.model), "--worker",
                       f"tcp://127.0.0.1:{INNER}" if relayed else f"tcp://0.0.0.0:{PORT}",
                       "--worker-key", str(key), "--role", role, "-t", "1", "--max-batch", "4")
            if relayed:
                self.start(i, sys.executable, "-c", RELAY, str(options.delay / 1000), str(PORT),
                           str(INNER))
        (self.folder / "workers.txt").write_text(
            "".join(f"tcp://10.88.0.{i}:{PORT}\n" for i in range(2, len(roles) + 2)))
        rows = self.rows(options.rows, tokens=80)
        want = self.alone(rows)
        good = True
        for what in ("quiet", "links are cut"):
            began = time.monotonic()
            run = self.over_hosts(rows, "got.jsonl", key)
            cuts = self.cut_links(run, random.Random(1)) if what != "quiet" else 0
            run.wait()
            same = (self.folder / "got.jsonl").read_bytes() == want
            good = good and same
            print(f"{what}: {'same bytes' if same else 'WRONG'}, {options.rows} rows, "
                  f"{time.monotonic() - began:.1f} s, {cuts} cuts", flush=True)
        return good and self.strangers_get_nothing(rows)

    def strangers_get_nothing(self, rows):
        run = self.over_hosts(rows, "stranger.jsonl", self.key("other"))
        timer = threading.Timer(8, run.terminate)
        timer.start()
        run.wait()
        timer.cancel()
        # What is wrong with a row is said here, without a worker.
        lines = (self.folder / "stranger.jsonl.partial").read_text().splitlines()
        got = sum('"error"' not in line for line in lines)
        print(f"another key: {got} rows answered", flush=True)
        return got == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rate", type=float, default=100, help="Mbit/s of each link")
    parser.add_argument("--delay", type=float, default=20, help="milliseconds, one way")
    parser.add_argument("--roles", default="prefill,decode,both")
    parser.add_argument("--rows", type=int, default=150)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    hosts = Hosts()
    try:
        good = hosts.go(options)
        print("by netem" if hosts.network.netem else
              "the kernel has no netem: rates by tbf, the delay by relays")
    finally:
        hosts.doCleanups()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
