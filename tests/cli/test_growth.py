"""What a reader takes grows with its input: each kind of input at the sizes n and 2n must not take
more than three times the processor's time or the memory. A list searched for each entry of a list,
a text copied for each of its characters, a rule tried again from each place: with sizes of today's
files such things look like a hang, and a stranger's file can ask for hours.

n doubles until a run takes as long as can be measured, so that a slow machine is no other case."""
import csv
import functools
import io
import itertools
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import tiny_models
from harness import TESTDATA, main, program, sanitized

MEASURABLE = 0.15  # seconds of processor time
SLACK = 0.1
REFUSED = 5  # too large a question: the input is not read on
BUDGET = 3  # seconds that a question may take until it is refused as too large, on any machine
MEMORY_SLACK = 8 << 20
STATUSES = {0, 1, 3, 4, 5, 6}  # an input may be refused; it may not crash or be a bug of ours
MODEL = TESTDATA / "examples/village"


# Waits for a program and prints (status, seconds of processor time, kB). A process of its own, as
# the most memory of a child counts its parent's at the time of the fork.
WAITER = """import os, sys
null = os.open(os.devnull, os.O_RDWR)
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                       file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)])
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)"""


def measure(words, folder):
    """(status, seconds of processor time, most bytes in memory, stderr)"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", WAITER, *words], cwd=folder, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    status, seconds, memory = done.stdout.split()
    return int(status), float(seconds), int(memory) * 1024, done.stderr.decode("utf-8", "replace")


# ---- inputs: each writes one of size n into a folder and returns the command over it

KINDS = {}


def kind(*arguments, cap=1 << 20, first=256):
    """Names a maker of inputs; with arguments, one kind for each."""
    def add(make):
        for argument in arguments or [None]:
            name = make.__name__ if argument is None else f"{make.__name__}({argument})"
            KINDS[name] = (functools.partial(make) if argument is None
                           else functools.partial(make, what=argument), first, cap)
        return make
    return add


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def tokenizer_parts():
    """tokenizer.json of the tiny model, as an object."""
    with tempfile.TemporaryDirectory() as folder:
        tiny_models.write_folder_files(pathlib.Path(folder))
        return json.loads((pathlib.Path(folder) / "tokenizer.json").read_text("utf-8"))


def tokenize(folder, tokenizer, text, *more):
    write(folder, "tokenizer.json", tokenizer)
    write(folder, "text", text)
    return ["tokenize", "-m", "tokenizer.json", "-i", "text", "--count", "-t", "1", *more]


TEXTS = {
    "letters": "a", "spaces": " ", "lines": "\n", "digits": "7", "words": "the ", "marks": "\u0301",
    "marks of two classes": "\u0301\u0323", "emoji": "\U0001f600", "hangul": "\u1100\u1161\u11a8",
    "apostrophes": "'s", "end marks": "<|end|>", "nearly end marks": "<|end|", "zero bytes": "\0",
    "bad bytes": b"\xff", "half characters": b"\xf0\x9f", "han": "\u4e00", "capitals": "aB"}


@kind(*TEXTS)
def text_of(folder, n, what):
    piece = TEXTS[what]
    text = piece * n if isinstance(piece, bytes) else ("e" + piece * n).encode()
    return tokenize(folder, tokenizer_parts(), text, "--special")


@kind("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Replace", "Prepend")
def normalizer(folder, n, what):
    parts = tokenizer_parts()
    parts["normalizer"] = {"type": what}
    if what == "Strip":
        parts["normalizer"] |= {"strip_left": True, "strip_right": True}
    if what == "Replace":
        parts["normalizer"] |= {"pattern": {"String": "\u0301"}, "content": "aa"}
    if what == "Prepend":
        parts["normalizer"] |= {"prepend": "aa"}
    return tokenize(folder, parts, "e" + "\u0301\u0323\u0327" * n + " " * n)


@kind(r"\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+", r"(?=[\s\S]*Z)x|[\s\S]", r"(a*)*b", r"(a|a)*$", r"\s*\S")
def regex(folder, n, what):
    parts = tokenizer_parts()
    split = {"type": "Split", "pattern": {"Regex": what}, "behavior": "Isolated", "invert": False}
    parts["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        split, parts["pre_tokenizer"] | {"use_regex": False}]}
    return tokenize(folder, parts, ("a" * 50 + " " * 50) * (n // 100 + 1))


@kind()
def characters_of_a_regex(folder, n):
    parts = tokenizer_parts()
    parts["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "a|" * n + "b"},
                              "behavior": "Isolated", "invert": False}
    return tokenize(folder, parts, "ab")


@kind("vocab", "added", "added alike", "merges", "sparse", "template", "decoder", "long token",
      cap=1 << 18)
def tokenizer_of(folder, n, what):
    parts = tokenizer_parts()
    model = parts["model"]
    free = len(model["vocab"])
    if what == "vocab":
        model["vocab"] |= {f"w{i}": free + i for i in range(n)}
    elif what == "sparse":
        model["vocab"]["far"] = n * 512
    elif what in ("added", "added alike"):
        parts["added_tokens"] += [
            {"id": free + i, "content": f"<x{i}>" if what == "added" else "the " + "y" * (i % 999) + f"{i}",
             "special": True, "normalized": False} for i in range(n)]
    elif what == "merges":
        letters = "abcdefghijklmnopqrstuvwxyz"
        words, merges, rng = set(model["vocab"]), [], random.Random(1)
        have = list(letters)
        while len(merges) < n:
            a, b = rng.choice(have), rng.choice(letters)
            if len(a) < 12 and a + b not in words:
                words.add(a + b)
                have.append(a + b)
                model["vocab"][a + b] = len(model["vocab"])
                merges.append(f"{a} {b}")
        model["merges"] += merges
    elif what == "template":
        parts["post_processor"] = {"type": "TemplateProcessing", "pair": [], "special_tokens": {
            "<|end|>": {"id": "<|end|>", "ids": [0], "tokens": ["<|end|>"]}},
            "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}}] * n
            + [{"Sequence": {"id": "A", "type_id": 0}}]}
    elif what == "decoder":
        parts["decoder"] = {"type": "Sequence", "decoders": [parts["decoder"]] * n}
    else:
        model["vocab"]["a" * n] = free
    return tokenize(folder, parts, "the lot " * 64)


@kind("ids", "wide ids", cap=1 << 19)
def decode(folder, n, what):
    parts = tokenizer_parts()
    text = "5 " * n if what == "ids" else " " * n + "5"
    return [*tokenize(folder, parts, text)[:-3], "--decode", "-t", "1"]


@kind("string", "arrays", "objects", "numbers", "keys", "escapes")
def config(folder, n, what):
    tiny_models.hugging_face(folder / "m")
    extra = {"string": '"' + "a" * n + '"', "arrays": "[" * n + "]" * n, "numbers": "1" * n,
             "objects": '{"a":' * n + "1" + "}" * n, "escapes": '"' + "\\u00e9" * n + '"',
             "keys": "{" + ",".join(f'"k{i}":{i}' for i in range(n)) + "}"}[what]
    path = folder / "m/config.json"
    write(folder, "m/config.json", path.read_text("utf-8").rstrip()[:-1] + ',"_comment":' + extra + "}")
    return ["convert", "--list", "m"]


@kind("tensors", "rank", "holes", cap=1 << 16)
def safetensors(folder, n, what):
    tiny_models.hugging_face(folder / "m")
    content = (folder / "m/model.safetensors").read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + size])
    if what == "rank":
        header["more"] = {"dtype": "F32", "shape": [1] * n, "data_offsets": [0, 4]}
    else:
        at = len(content) - 8 - size
        header |= {f"more.{i}": {"dtype": "F32", "shape": [0 if what == "holes" else 1],
                                 "data_offsets": [at, at] if what == "holes" else [at + 4 * i, at + 4 * i + 4]}
                   for i in range(n)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    write(folder, "m/model.safetensors",
          struct.pack("<Q", len(text)) + text + content[8 + size:]
          + bytes(4 * n if what == "tensors" else 0))
    return ["convert", "--list", "m"]


@kind("tensors", "shards", cap=1 << 15)
def index(folder, n, what):
    tiny_models.sharded(folder / "m")
    path = folder / "m/model.safetensors.index.json"
    listed = json.loads(path.read_text("utf-8"))
    shard = "model-00001-of-00002.safetensors"
    for i in range(n):
        listed["weight_map"][f"more.{i}"] = shard if what == "tensors" else f"s{i}.safetensors"
    write(folder, "m/model.safetensors.index.json", listed)
    return ["convert", "--list", "m"]


@kind("keys", "strings", "numbers", "tensors", "tokens", "merges", cap=1 << 18)
def gguf(folder, n, what):
    tokens = ["<|end|>", *tiny_models.byte_characters(), "th"]
    merges = ["t h"]
    if what == "tokens":
        tokens += [f"w{i}" for i in range(n)]
    if what == "merges":
        letters = [a + b + c + d for a, b, c, d in itertools.product(
            "abcdefghijklmnopqrstuvwxyz", repeat=4)][:n]
        pairs = dict.fromkeys([t[:2] for t in letters] + [t[2:] for t in letters])
        tokens += [t for t in pairs if t != "th"] + letters
        merges = [f"{t[0]} {t[1]}" for t in pairs] + [f"{t[:2]} {t[2:]}" for t in letters]
    keys = [("tokenizer.ggml.model", tiny_models.text("gpt2"), 8),
            ("tokenizer.ggml.pre", tiny_models.text("gpt-2"), 8),
            ("tokenizer.ggml.tokens", tiny_models.strings(tokens), 9),
            ("tokenizer.ggml.merges", tiny_models.strings(merges), 9)]
    if what == "keys":
        keys += [(f"x.{i}", struct.pack("<I", i), 4) for i in range(n)]
    if what == "strings":
        keys += [("x", tiny_models.strings(["a"] * n), 9)]
    if what == "numbers":
        keys += [("x", struct.pack("<IQ", 4, n) + bytes(4 * n), 9)]
    tensors = [f"t{i}" for i in range(n)] if what == "tensors" else []
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys) + 1)
    out += tiny_models.text("general.architecture") + struct.pack("<I", 8) + tiny_models.text("llama")
    out += b"".join(tiny_models.text(k) + struct.pack("<I", t) + v for k, v, t in keys)
    out += b"".join(tiny_models.text(t) + struct.pack("<IQIQ", 1, 8, 0, 32 * i)
                    for i, t in enumerate(tensors))
    out += bytes(-len(out) % 32) + bytes(32 * len(tensors))
    write(folder, "m.gguf", out)
    if what == "tensors":
        return ["convert", "--list", "m.gguf"]
    return ["tokenize", "-m", "m.gguf", "-i", os.devnull, "--count"]


@kind("rows", "bad rows", "one prompt", "stops", "biases", "ids", "messages", "nested", cap=1 << 18)
def batch(folder, n, what):
    row = {"prompt": "A", "max_tokens": 1}
    rows = [row]
    if what == "rows":
        rows = [{"prompt": "A", "max_tokens": 1, "id": i} for i in range(n // 16 + 1)]
    elif what == "bad rows":
        rows = [{"no": 1}] * n
    elif what == "one prompt":
        row["prompt"] = "A heron " * n
    elif what == "stops":
        row["stop"] = [f"x{i}" for i in range(n)]
    elif what == "biases":
        row["logit_bias"] = {str(i % 400): 1 for i in range(n)}
    elif what == "ids":
        row["prompt"] = [5] * n
    elif what == "messages":
        row = {"messages": [{"role": ("user", "assistant")[i % 2], "content": "A"} for i in range(n | 1)],
               "max_tokens": 1}
        rows = [row]
    lines = "\n".join(map(json.dumps, rows)) + "\n"
    if what == "nested":
        lines = '{"prompt":' + "[" * n + "\n"
    write(folder, "rows", lines)
    return ["generate", "-m", str(MODEL), "--jsonl", "-i", "rows", "-q", "-t", "1",
            "--chat-template", "chatml"]


@kind("rows", "text", "columns", "quotes", "subjects", "null options", cap=1 << 18)
def sgp_questions(folder, n, what):
    header = ["Question", "A", "B", "C", "D", "Answer", "Subject"]
    rows = [["q", "a", "b", "c", "d", "A", "s"]]
    if what in ("rows", "subjects", "null options"):
        rows = [["q", "a", "b", "c", "" if what[0] == "n" else "d", "A",
                 f"s{i}" if what == "subjects" else "s"] for i in range(n)]
    elif what == "text":
        rows[0][0] = "q" * n
    elif what == "quotes":
        rows[0][0] = '"' * n
    else:
        header += [f"c{i}" for i in range(n)]
        rows[0] += ["x"] * n
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    write(folder, "set.csv", out.getvalue())
    return ["sgp-eval", "-q", "--data", "set.csv", "--emit-prompts"]


SVGS = {
    "elements": lambda n: "<rect width='1' height='2'/>" * n,
    "groups": lambda n: "<g>" * n + "</g>" * n,
    "moved groups": lambda n: "<g transform='translate(1 2)'>" * n + "</g>" * n,
    "path": lambda n: "<path d='M0 0" + "l1 1" * n + "'/>",
    "arcs": lambda n: "<path d='M0 0" + "a1 1 0 01 1 1" * n + "'/>",
    "numbers": lambda n: "<path d='M0 0L" + "1" * n + " 1'/>",
    "points": lambda n: "<polygon points='" + "1,2 " * n + "'/>",
    "transform": lambda n: "<rect transform='" + "rotate(1)" * n + "'/>",
    "rules": lambda n: "<style>" + ".a{fill:red}" * n + "</style>" + "<rect class='a'/>" * 8,
    "rules and elements": lambda n: ("<style>" + "".join(f".a{i}{{fill:red}}" for i in range(n)) + "</style>"
                                     + "".join(f"<rect class='a{i}'/>" for i in range(n))),
    "classes": lambda n: "<style>.a{fill:red}</style><rect class='" + "b " * n + "a'/>",
    "uses": lambda n: "<rect id='a' width='1'/>" + "<use href='#a'/>" * n,
    "chain of uses": lambda n: "<g id='a0'/>" + "".join(
        f"<use id='a{i + 1}' href='#a{i}'/>" for i in range(n)),
    "doubling uses": lambda n: "<g id='a0'/>" + "".join(
        f"<g id='a{i + 1}'><use href='#a{i}'/><use href='#a{i}'/></g>" for i in range(n)),
    "comments": lambda n: "<!--x-->" * n,
    "text": lambda n: "<text>" + "a" * n + "</text>",
    "entities": lambda n: "<text>" + "&amp;" * n + "</text>",
    "attributes": lambda n: "<rect " + " ".join(f"a{i}='1'" for i in range(n)) + "/>",
    "unclosed": lambda n: "<g>" * n,
    "declaration": lambda n: "<rect style='" + "fill:red;" * n + "'/>",
    "gradients": lambda n: "".join(f"<linearGradient id='g{i}' href='#g{max(i - 1, 0)}'/>" for i in range(n)),
}


@kind(*SVGS, cap=1 << 17)
def drawing(folder, n, what):
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'>{SVGS[what](n)}</svg>"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [["Question", "A", "B", "C", "D", "Answer", "Subject"],
         [f"Examine the following SVG code:\n{svg}\nWhat is it?", "a", "b", "c", "d", "A", "s"]])
    write(folder, "set.csv", out.getvalue())
    shutil.rmtree(folder / "moved", ignore_errors=True)
    return ["sgp-eval", "-q", "--data", "set.csv", "--perturb", "translate", "--copies", "1", "-o", "moved"]


@kind("rows", "text", "answers", cap=1 << 18)
def sgp_responses(folder, n, what):
    count = n if what == "rows" else 1
    write(folder, "set.jsonl", "".join(json.dumps(
        {"id": str(i), "question": "q", "options": {"A": "a", "B": "b"}, "answer": "A"}) + "\n"
        for i in range(count)))
    say = {"rows": "Answer: A", "text": "a " * n, "answers": "Answer: B\n" * n}[what]
    write(folder, "said.jsonl", "".join(json.dumps({"id": str(i), "response": say}) + "\n"
                                        for i in range(count)))
    return ["sgp-eval", "-q", "--data", "set.jsonl", "--responses", "said.jsonl", "--protocol", "robust"]


@kind("rows", "names", cap=1 << 16)
def bench_results(folder, n, what):
    row = {"n_prompt": 0, "n_gen": 8, "avg_ts": 1.0, "stddev_ts": 0.1, "samples_ts": [1.0, 1.1]}
    rows = [row | {"n_gen": i + 1} for i in range(n)]
    if what == "names":
        rows = [row | {"model_filename": "m" * n}]
    write(folder, "a.json", rows)
    return ["bench", "--compare", "a.json", "a.json"]


@kind("entries", "wide", cap=1 << 15)
def importance(folder, n, what):
    tiny_models.hugging_face(folder / "m")
    names = [f"x{i}" for i in range(n)] if what == "entries" else ["x"]
    out = struct.pack("<i", len(names))
    for name in names:
        width = 1 if what == "entries" else n
        out += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 1, width) + bytes(4 * width)
    write(folder, "imatrix", out)
    return ["quantize", "-q", "-m", "m", "-s", "w8", "--importance", "imatrix", "--dry-run"]


@kind("targets", "matrices", cap=1 << 15)
def adapter(folder, n, what):
    shutil.copytree(TESTDATA / "models/sit", folder / "a", dirs_exist_ok=True)
    path = folder / "a/adapter_config.json"
    said = json.loads(path.read_text("utf-8"))
    if what == "targets":
        said["target_modules"] = [*said["target_modules"], *(f"x{i}" for i in range(n))]
        write(folder, "a/adapter_config.json", said)
    else:
        content = (folder / "a/adapter_model.safetensors").read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8:8 + size])
        header |= {f"base_model.model.x.{i}.lora_A.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
                   for i in range(n)}
        text = json.dumps(header).encode()
        write(folder, "a/adapter_model.safetensors",
              struct.pack("<Q", len(text)) + text + content[8 + size:])
    return ["generate", "-m", str(TESTDATA / "models/base"), "--lora", "a", "-p", "A", "-n", "1", "-t", "1"]


@kind("pieces", "long piece", cap=1 << 17)
def llama2c_tokenizer(folder, n, what):
    pieces = [b"<unk>", b"<s>", b"</s>", *(f"<0x{b:02X}>".encode() for b in range(256))]
    pieces += [f"w{i}".encode() for i in range(n)] if what == "pieces" else [b"w" * n]
    out = struct.pack("<I", max(map(len, pieces)))
    out += b"".join(struct.pack("<fi", -1.0, len(p)) + p for p in pieces)
    write(folder, "tokenizer.bin", out)
    write(folder, "text", "the lot " * 64)
    return ["tokenize", "-m", "tokenizer.bin", "-i", "text", "--count"]


@kind("text", "words", cap=1 << 18)
def sentencepiece(folder, n, what):
    write(folder, "text", "aheron" * n if what == "text" else "a heron " * n)
    return ["tokenize", "-m", str(MODEL / "tokenizer.model"), "-i", "text", "--count", "-t", "1"]


@kind("gates", "options", cap=1 << 12)
def command_line(folder, n, what):
    bench_results(folder, 1, "rows")
    return ["bench", "--compare", "a.json", "a.json",
            *(["--fail-if", "tg<-5%"] * n if what == "gates" else ["-v"] * n)]


class Growth(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lathe-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def take(self, make, n):
        """What the input of size n takes: (seconds, bytes, exit status)."""
        tool, *words = make(self.folder, n)
        status, seconds, memory, err = measure([program(tool), *words], self.folder)
        self.assertIn(status, STATUSES, err[-2000:])
        return seconds, memory, status

    def check(self, make, first, cap):
        # Sizes double until a run can be measured, and each is held to the one before.
        n, once = first, self.take(make, first)
        while n < cap and once[0] < MEASURABLE:
            n *= 2
            twice = self.take(make, n)
            if not self.within(once, twice):  # a neighbour's work, perhaps: once more
                once, twice = self.take(make, n // 2), self.take(make, n)
                self.assertTrue(self.within(once, twice),
                                f"n = {n // 2}: {once[0]:.2f} s and {once[1] >> 10} kB; "
                                f"2n: {twice[0]:.2f} s and {twice[1] >> 10} kB")
            once = twice

    @staticmethod
    def within(once, twice):
        # The first input that is too large takes the whole of its budget, however little the one before took.
        if twice[2] == REFUSED and once[2] != REFUSED:
            return twice[0] <= BUDGET and twice[1] <= 3 * once[1] + MEMORY_SLACK
        return twice[0] <= 3 * once[0] + SLACK and twice[1] <= 3 * once[1] + MEMORY_SLACK


def add_tests():
    for name, (make, first, cap) in KINDS.items():
        def test(self, make=make, first=first, cap=cap):
            self.check(make, first, cap)
        setattr(Growth, f"test_{name}", test)


if not sanitized():  # a sanitizer's own time and memory grow otherwise
    add_tests()

if __name__ == "__main__":
    main()
