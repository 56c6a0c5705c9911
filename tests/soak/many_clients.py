#!/usr/bin/env python3
"""Many callers of one server at once, for long: connections that stay, and each asks again and again;
beside them callers who leave in the midst of an answer, who send a request slowly or half of it, and
who send no request at all. Every request must be answered with the bytes that it would have alone,
and the server may not grow.

    python3 tests/soak/many_clients.py [--connections 2000] [--requests 10000] [--seconds 3600]
                                       [--rate N] [--workers N]

With --seconds rounds of so many requests follow each other for that long, with --rate no more of
them a second. With --workers the server has so many workers compute, prompts and answers apart, and
each few seconds one of them is killed, or stopped for a while. Ends with status 1 when a request was
lost, an answer had other bytes, or memory, threads or descriptors grew.
"""
import argparse
import asyncio
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import TESTDATA, program

WORDS = ("circle", "house", "tree", "blue", "red", "rect", "star", "line", "the", "a", "on", "of")
# What a server that has settled may still grow by.
GROWTH = 24 << 20


def bodies(count):
    """Requests of a few kinds, few enough that each is asked for often."""
    chance = random.Random(3)
    out = []
    for number in range(count):
        body = {"prompt": " ".join(chance.choice(WORDS) for _ in range(chance.randint(2, 24))),
                "max_tokens": chance.randint(1, 12)}
        if number % 3 == 1:
            body.update(temperature=0.9, seed=number)
        if number % 4 == 2:
            body.update(stream=True)
        out.append(body)
    return out


class Workers:
    """Of a server that has others compute. One is harmed now and then."""

    ROLES = ("prefill", "decode", "both", "decode")

    def __init__(self, folder, model, count):
        self.folder, self.model = folder, model
        self.file = folder / "workers.txt"
        self.file.write_text("".join(f"ipc://{folder}/w{i}\n" for i in range(count)))
        self.processes = [self.begin(i) for i in range(count)]
        self.killed = self.stopped = 0

    def begin(self, number):
        words = [program("serve"), "-q", "-m", self.model, "--worker",
                 f"ipc://{self.folder}/w{number}", "--role", self.ROLES[number % 4], "-t", "1",
                 "--max-batch", "8"]
        return subprocess.Popen(list(map(os.fspath, words)), stdin=subprocess.DEVNULL)

    async def harm(self, chance, ended):
        while not ended.is_set():
            await asyncio.sleep(chance.uniform(2, 10))
            number = chance.randrange(len(self.processes))
            process = self.processes[number]
            if chance.random() < 0.7:
                process.kill()
                process.wait()
                self.processes[number] = self.begin(number)
                self.killed += 1
            else:
                process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(chance.choice((0.3, 8)))
                process.send_signal(signal.SIGCONT)
                self.stopped += 1

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Server:
    def __init__(self, folder, connections, workers):
        model = folder / "w4.lathe"
        subprocess.run([program("quantize"), "-q", "-m", TESTDATA / "models/base", "-s", "w4",
                        "-o", model], check=True)
        words = [program("serve"), "-q", "-m", model, "--listen", f"unix:{folder}/lathe.sock",
                 "--max-connections", str(connections + 64), "--max-waiting", "512"]
        self.workers = Workers(folder, model, workers) if workers else None
        if workers:
            words += ["--workers", self.workers.file]
        self.path = f"{folder}/lathe.sock"
        self.model = model
        self.process = subprocess.Popen(list(map(os.fspath, words)), stdin=subprocess.DEVNULL)
        while not os.path.exists(self.path):
            assert self.process.poll() is None
            time.sleep(0.05)

    def close(self):
        self.process.kill()
        self.process.wait()
        if self.workers:
            self.workers.close()

    def use(self):
        """Bytes, threads, descriptors."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        value = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        return (1024 * int(value["RssAnon"].split()[0]), int(value["Threads"]),
                len(os.listdir(f"/proc/{self.process.pid}/fd")))


class Caller:
    """One connection, and its requests in turn."""

    def __init__(self, soak):
        self.soak = soak
        self.reader = self.writer = None
        self.last = 0.0  # when it was connected, or answered

    async def connect(self):
        self.last = time.monotonic()
        self.reader, self.writer = await asyncio.open_unix_connection(self.soak.server.path)

    async def reconnect(self):
        self.close()
        await self.connect()

    def request(self, number):
        data = json.dumps(self.soak.bodies[number]).encode()
        return (b"POST /v1/completions HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n"
                % len(data)) + data

    async def answer(self):
        """Status, headers in lower case, body."""
        status = int((await self.reader.readline()).split()[1])
        headers = {}
        while line := (await self.reader.readline()).strip():
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return status, headers, body

    def text_of(self, number, body):
        if not self.soak.bodies[number].get("stream"):
            return json.loads(body)["choices"][0]["text"]
        events = body.decode().split("\n\n")
        assert events[-2] == "data: [DONE]", events[-2:]
        return "".join(json.loads(event.removeprefix("data: "))["choices"][0]["text"]
                       for event in events[:-2])

    async def ask(self, number):
        while True:
            try:
                self.writer.write(self.request(number))
                await self.writer.drain()
                status, headers, body = await self.answer()
            except (ConnectionError, IndexError, asyncio.IncompleteReadError) as error:
                # Closed before the request came: nothing had been asked on it for long.
                if (age := time.monotonic() - self.last) < 20:
                    self.soak.lost.append((number, f"{age:.1f} s after an answer", repr(error)))
                await self.reconnect()
                continue
            self.last = time.monotonic()
            if headers.get("connection") == "close":
                await self.reconnect()
            if status == 503:
                self.soak.turned_away += 1
                await asyncio.sleep(random.random() * float(headers["retry-after"]))
                continue
            if status != 200:
                self.soak.wrong.append((number, status, body[:200]))
            elif (text := self.text_of(number, body)) != self.soak.want[number]:
                self.soak.wrong.append((number, text, self.soak.want[number]))
            self.soak.answered += 1
            return

    async def work(self, queue):
        await self.connect()
        while queue:
            await self.soak.turn()
            if queue:
                await self.ask(queue.pop())

    def close(self):
        if self.writer:
            self.writer.close()


class Soak:
    def __init__(self, server, options):
        self.server, self.options = server, options
        self.bodies = bodies(240)
        self.want = self.alone()
        self.answered = self.turned_away = self.harmed = 0
        self.wrong, self.lost = [], []
        self.next_turn = 0.0

    async def turn(self):
        """Waits until another request may be sent."""
        if self.options.rate:
            now = time.monotonic()
            self.next_turn = max(now, self.next_turn + 1 / self.options.rate)
            await asyncio.sleep(self.next_turn - now)

    def alone(self):
        """What each has by itself, from another program."""
        rows = "".join(json.dumps({k: v for k, v in body.items() if k != "stream"}) + "\n"
                       for body in self.bodies)
        done = subprocess.run([program("generate"), "-q", "-m", self.server.model, "--jsonl"],
                              input=rows.encode(), stdout=subprocess.PIPE, check=True)
        return [json.loads(line)["text"] for line in done.stdout.splitlines()]

    async def harm(self, chance, ended):
        """Callers as nobody wants them."""
        while not ended.is_set():
            caller = Caller(self)
            try:
                await caller.connect()
                data = caller.request(chance.randrange(len(self.bodies)))
                what = chance.randrange(4)
                if what == 0:  # leaves at once
                    caller.writer.write(data)
                elif what == 1:  # never sends the rest
                    caller.writer.write(data[:chance.randrange(len(data))])
                    await asyncio.sleep(chance.random())
                elif what == 2:
                    caller.writer.write(os.urandom(200))
                else:  # byte by byte, and is answered
                    for at in range(0, len(data), 16):
                        caller.writer.write(data[at:at + 16])
                        await caller.writer.drain()
                        await asyncio.sleep(0.001)
                    await caller.answer()
                await caller.writer.drain()
                self.harmed += 1
            except (OSError, ValueError, IndexError, asyncio.IncompleteReadError):
                pass
            caller.close()
            await asyncio.sleep(0.01 if not self.options.rate else 4 / self.options.rate)

    async def round(self, number):
        chance = random.Random(number)
        queue = [chance.randrange(len(self.bodies)) for _ in range(self.options.requests)]
        callers = [Caller(self) for _ in range(self.options.connections)]
        ended = asyncio.Event()
        harm = [asyncio.create_task(self.harm(random.Random(f"{number} {i}"), ended))
                for i in range(4)]
        if self.server.workers:
            harm.append(asyncio.create_task(self.server.workers.harm(chance, ended)))
        try:
            await asyncio.gather(*(caller.work(queue) for caller in callers))
        finally:
            ended.set()
            await asyncio.gather(*harm)
            for caller in callers:
                caller.close()


def settled(server, most):
    """What the server uses once the connections have gone."""
    for _ in range(600):
        use = server.use()
        if use[1] <= most:
            break
        time.sleep(0.1)
    return use


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0, help="requests a second, at most")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    wanted = options.connections + 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(
        wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with tempfile.TemporaryDirectory(prefix="lathe-soak-") as folder:
        server = Server(pathlib.Path(folder), options.connections, options.workers)
        try:
            return run(server, options)
        finally:
            server.close()


def run(server, options):
    soak = Soak(server, options)
    rest = server.use()[1] + 8
    begin, first, number, most = time.monotonic(), None, 0, 0
    while number < 2 or time.monotonic() - begin < options.seconds:
        before = time.monotonic()
        asyncio.run(soak.round(number))
        seconds = time.monotonic() - before
        number += 1
        use = settled(server, rest)
        most = max(most, use[0])
        first = first or use  # the first round fills caches
        print(f"round {number}: {soak.answered} answered, {len(soak.wrong)} wrong, "
              f"{len(soak.lost)} lost, "
              f"{soak.turned_away} times turned away, {soak.harmed} callers that harm, "
              f"{options.requests / seconds:.0f} requests/s; {use[0] / 1e6:.1f} MB, "
              f"{use[1]} threads, {use[2]} descriptors", flush=True)
        if server.workers:
            print(f"    workers killed {server.workers.killed} times, stopped "
                  f"{server.workers.stopped} times", flush=True)
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(120)
    good = (soak.answered == number * options.requests and not soak.wrong
            and not soak.lost and status == 0
            and use[0] <= first[0] + GROWTH and use[1] <= rest and use[2] <= first[2] + 8)
    for wrong in soak.wrong[:5]:
        print("wrong:", wrong)
    for lost in soak.lost[:5]:
        print("lost:", lost)
    print("all answered, nothing grew" if good else f"NOT GOOD (status {status}, first {first})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
