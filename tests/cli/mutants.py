#!/usr/bin/env python3
"""Runs a command over seeded mutants of a model file or folder and judges how each run ended.

    mutants.py [--count N] [--seed S] [--jobs J] [--timeout SECONDS] [--memory MB] [--keep FOLDER]
               FILE|FOLDER -- COMMAND ... {} ...

{} stands for the mutant's path. A run is bad when it dies of a signal, passes the timeout or the
memory, ends with a status other than 0, 2, 3, 4, 5 or 6, fails without a last line "tool: error: ...",
or sends a raw control byte to stderr. Bad mutants are kept in --keep. The same seed makes the same
mutants everywhere. Exit status 0 if no run was bad, 1 otherwise. Python's standard library only.

Mutants are made by kind of file, with fields known where the format allows it:
  any file       flipped bits, random bytes, extreme integers, cuts, insertions, repeated pieces
  GGUF           counts, lengths, type numbers, dimensions, offsets and metadata values
  safetensors    the header's length; numbers, names and brackets of its JSON
  llama2.c       the seven header fields
  JSON           numbers, literals, strings and brackets
A folder's mutant is the folder with one of its files mutated.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import struct
import sys
import tempfile
import time

ALLOWED = {0, 2, 3, 4, 5, 6}
EXTREMES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
            1 << 32, 1 << 40, (1 << 61) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 32, (1 << 64) - 1]
JSON_VALUES = [b"0", b"-1", b"1", b"2", b"3", b"1e400", b"-0.0", b"0.5", b"1e30", b"null", b"true",
               b'"x"', b'""', b"[]", b"{}", b"4294967296", b"9223372036854775808",
               b"18446744073709551615", b"99999999999999999999", b"NaN", b"[[[[[[[[[[", b'"\\ud800"',
               b'"\\u0000"', b'"\xff"', b'"..\\/..\\/x"', b"1000000000", b"2147483647"]


def generic(rng, data, reach=None):
    """One edit that knows nothing of the format."""
    if not data:
        return data
    reach = min(len(data), reach or len(data))
    at = rng.randrange(reach if rng.random() < 0.75 else len(data))
    kind = rng.randrange(8)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
    if kind == 1:
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1:]
    if kind in (2, 3):
        width = rng.choice([1, 2, 4, 8])
        value = struct.pack("<Q", rng.choice(EXTREMES))[:width]
        return data[:at] + value + data[at + width:]
    if kind == 4:
        return data[:at]
    if kind == 5:
        return data[:at] + rng.randbytes(rng.randint(1, 40)) + data[at:]
    if kind == 6:
        piece = data[at:at + rng.randint(1, 64)]
        to = rng.randrange(len(data))
        return data[:to] + piece + data[to:]
    return data[:at] + data[at + rng.randint(1, 32):]


def gguf_fields(data):
    """(offset, width) of every number that a reader of GGUF has to trust or to check."""
    fields = [(4, 4), (8, 8), (16, 8)]
    widths = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    tensors, keys = struct.unpack_from("<QQ", data, 8)
    at = 24

    def string(at):
        fields.append((at, 8))
        return at + 8 + struct.unpack_from("<Q", data, at)[0]

    for _ in range(keys):
        at = string(at)
        kind = struct.unpack_from("<I", data, at)[0]
        fields.append((at, 4))
        at += 4
        if kind == 8:
            at = string(at)
        elif kind == 9:
            element, count = struct.unpack_from("<IQ", data, at)
            fields += [(at, 4), (at + 4, 8)]
            at += 12
            for i in range(count):
                if element == 8:
                    length = struct.unpack_from("<Q", data, at)[0]
                    if i < 8:
                        fields.append((at, 8))
                    at += 8 + length
                else:
                    if i < 8:
                        fields.append((at, widths[element]))
                    at += widths[element]
        else:
            fields.append((at, widths[kind]))
            at += widths[kind]
    for _ in range(tensors):
        at = string(at)
        dims = struct.unpack_from("<I", data, at)[0]
        fields.append((at, 4))
        for d in range(dims):
            fields.append((at + 4 + 8 * d, 8))
        at += 4 + 8 * dims
        fields += [(at, 4), (at + 4, 8)]
        at += 12
    return fields, at


def set_field(rng, data, field):
    at, width = field
    old = int.from_bytes(data[at:at + width], "little")
    new = rng.choice([rng.choice(EXTREMES), old + 1, old - 1, old * 2, old // 2, rng.getrandbits(64),
                      rng.randrange(64)]) % (1 << 8 * width)
    return data[:at] + new.to_bytes(width, "little") + data[at + width:]


def json_edit(rng, text):
    """One edit of a JSON text that mostly keeps it JSON."""
    spots = [m.span() for m in re.finditer(rb'-?\d[\d.eE+-]*|true|false|null|"(?:[^"\\]|\\.)*"', text)]
    if not spots or rng.random() < 0.1:
        return generic(rng, text)
    begin, end = rng.choice(spots)
    kind = rng.randrange(6)
    if kind <= 3:
        return text[:begin] + rng.choice(JSON_VALUES) + text[end:]
    if kind == 4:  # one value in another's place
        other = rng.choice(spots)
        return text[:begin] + text[other[0]:other[1]] + text[end:]
    return text[:begin] + text[end:]


class Kind:
    """How one file is mutated."""

    def __init__(self, data, name=""):
        self.data = data
        self.fields = []
        self.reach = 4096
        self.json = None
        if data[:4] == b"GGUF":
            self.fields, self.reach = gguf_fields(data)
        elif len(data) > 9 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") < len(data):
            self.json = (8, 8 + int.from_bytes(data[:8], "little"))
            self.fields = [(0, 8)]
            self.reach = self.json[1]
        elif data[:1] in (b"{", b"["):
            self.json = (0, len(data))
        elif name.endswith(".bin") and len(data) > 28:
            self.fields = [(4 * i, 4) for i in range(7)]
            self.reach = 28

    def mutant(self, rng):
        data = self.data
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            roll = rng.random()
            if self.json and roll < 0.7:
                begin, end = self.json
                edited = json_edit(rng, data[begin:end])
                head = data[:begin]
                if begin == 8 and rng.random() < 0.9:  # the header's length stays true
                    head = struct.pack("<Q", len(edited))
                data = head + edited + data[end:]
            elif self.fields and roll < 0.7:
                data = set_field(rng, data, rng.choice(self.fields))
            else:
                data = generic(rng, data, self.reach)
            if data[:8] != self.data[:8] or len(data) != len(self.data):
                break  # fields may have moved
        return data


class Source:
    """A model file or folder, and its n-th mutant."""

    def __init__(self, path, seed):
        self.path = pathlib.Path(path)
        self.seed = seed
        if self.path.is_dir():
            files = sorted(p for p in self.path.iterdir() if p.is_file())
        else:
            files = [self.path]
        self.kinds = {p: Kind(p.read_bytes(), p.name) for p in files}

    def write(self, number, folder):
        """Writes mutant `number` into `folder` and returns its path."""
        rng = random.Random(self.seed * 1_000_003 + number)
        victim = rng.choice(list(self.kinds))
        content = self.kinds[victim].mutant(rng)
        if not self.path.is_dir():
            target = folder / self.path.name
            target.write_bytes(content)
            return target
        target = folder / self.path.name
        target.mkdir()
        for path, kind in self.kinds.items():
            (target / path.name).write_bytes(content if path == victim else kind.data)
        return target


def run(command, timeout, folder):
    """Status (negative: signal, None: timeout), peak memory in MB, stderr."""
    errors = folder / "stderr"
    with open(errors, "wb") as err, open(os.devnull, "r+b") as null:
        actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), 0), (os.POSIX_SPAWN_DUP2, null.fileno(), 1),
                   (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    deadline = time.monotonic() + timeout
    late = False
    pause = 0.001
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline and not late:
            late = True
            os.kill(pid, 9)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    code = None if late else os.waitstatus_to_exitcode(status)
    return code, usage.ru_maxrss / 1024, errors.read_bytes()


def judge(code, memory, stderr, limits):
    """What is bad about a run, or nothing."""
    if code is None:
        return f"took more than {limits.timeout} s"
    if code < 0:
        return f"died of signal {-code}"
    if code not in ALLOWED:
        return f"ended with status {code}"
    if memory > limits.memory:
        return f"took {memory:.0f} MB"
    if code != 0:
        lines = stderr.decode("utf-8", "replace").splitlines()
        if not lines or not re.match(r"[\w-]+: error: .", lines[-1]):
            return f"status {code} without a line of error"
    if any(b < 0x20 and b not in b"\n\r\t" or b == 0x7f for b in stderr):
        return "sent a raw control byte to stderr"
    return None


class Limits:
    def __init__(self, timeout=30.0, memory=512.0):
        self.timeout, self.memory = timeout, memory


def sweep(source, command, count, limits, jobs=2, keep=None, first=0):
    """Runs `command` over mutants [first, first + count). Returns (statuses: {status: times},
    bad: [(number, reason, stderr)])."""
    def one(number):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="lathe-mutant-"))
        try:
            target = source.write(number, folder)
            words = [w.replace("{}", str(target)).replace("{folder}", str(folder)) for w in command]
            code, memory, stderr = run(words, limits.timeout, folder)
            reason = judge(code, memory, stderr, limits)
            if reason and keep:
                kept = pathlib.Path(keep) / f"{number}-{target.name}"
                shutil.rmtree(kept, ignore_errors=True)
                (shutil.copytree if target.is_dir() else shutil.copy)(target, kept)
            return number, code, reason, stderr[-400:]
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    statuses, bad = {}, []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for number, code, reason, stderr in pool.map(one, range(first, first + count)):
            statuses[code] = statuses.get(code, 0) + 1
            if reason:
                bad.append((number, reason, stderr))
    return statuses, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=30)
    parser.add_argument("--memory", type=float, default=512, help="MB")
    parser.add_argument("--keep")
    parser.add_argument("source")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    if args.keep:
        pathlib.Path(args.keep).mkdir(parents=True, exist_ok=True)
    statuses, bad = sweep(Source(args.source, args.seed), args.command, args.count,
                          Limits(args.timeout, args.memory), args.jobs, args.keep, args.first)
    counts = ", ".join(f"{n} × {s}" for s, n in sorted(statuses.items(), key=str))
    print(f"{args.count} mutants: status {counts}; {len(bad)} bad")
    for number, reason, stderr in bad[:50]:
        print(f"  mutant {number}: {reason}: {stderr.decode('utf-8', 'replace').strip()[-300:]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
