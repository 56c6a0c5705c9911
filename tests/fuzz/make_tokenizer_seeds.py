#!/usr/bin/env python3
"""Writes the seed corpora of the tokenizer formats to testdata/fuzz/ (they are kept in the tree).

Python's standard library only.
"""
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "fuzz"


def write(folder, name, content):
    path = ROOT / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# ---- protobuf

def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def blob(field, b):
    return varint(field << 3 | 2) + varint(len(b)) + b


def piece(text, score=0.0, kind=1):
    return blob(1, blob(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + number(3, kind))


def charsmap():
    """Rules "a" -> "b": one block of a double array whose root has its children at 0 ^ byte."""
    units = [0] * 256
    for i in range(256):
        units[i] = 0x80000000  # no label matches
    units[0] = 1 << 10                       # the root: children at 0 ^ 1
    at = 1 ^ ord("a")
    units[at] = ord("a") | 1 << 8 | 2 << 10  # has a leaf, children at `at` ^ 2
    units[at ^ 2] = 0x80000000 | 0           # the value: text 0
    return struct.pack("<I", 1024) + struct.pack("<256I", *units) + b"b\0"


def spm(kind, pieces, fallback=False, rules=b"", **normalizer):
    out = b"".join(pieces)
    out += blob(2, number(3, kind) + number(35, int(fallback)))
    out += blob(3, blob(1, b"identity") + blob(2, rules) + number(3, normalizer.get("dummy", 1)) +
                number(4, normalizer.get("squeeze", 0)) + number(5, 1))
    return out


def make_spm():
    control = [piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("</s>", 0, 3)]
    letters = [piece(t, -i) for i, t in enumerate(["▁a", "ab", "▁", "a", "b", "t", "s", "é", "1"])]
    byte = [piece(f"<0x{b:02X}>", 0, 6) for b in range(256)]
    write("sentencepiece", "bpe_bytes.model", spm(2, control + byte + letters, True))
    write("sentencepiece", "bpe_user.model", spm(2, control + letters + [piece("it's", 0, 4), piece("abt", 0, 5)]))
    write("sentencepiece", "unigram.model", spm(1, control + letters, squeeze=1))
    write("sentencepiece", "unigram_rules.model", spm(1, control + letters, rules=charsmap()))
    write("sentencepiece", "word.model", spm(3, control + letters))
    write("sentencepiece", "char.model", spm(4, control + letters))


def make_llama2c():
    tokens = [b"<unk>", b"\n<s>\n", b"\n</s>\n"] + [f"<0x{b:02X}>".encode() for b in range(256)]
    tokens += [b" a", b"ab", b" ", b"a", b"b", "é".encode()]
    out = struct.pack("<i", 6)
    for i, token in enumerate(tokens):
        out += struct.pack("<fi", -float(max(0, i - 258)), len(token)) + token
    write("llama2c_tokenizer", "small.bin", out)


def make_json():
    vocab = {t: i for i, t in enumerate(["a", "b", "ab", "i", "t", "it", "'", "s", "Ġ", "1", "Ã", "©", "▁", "<unk>"])}
    merges = [["a", "b"], ["i", "t"]]
    model = {"type": "BPE", "unk_token": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": merges}
    added = [{"id": 20, "content": "<s>", "special": True, "lstrip": True, "rstrip": True, "normalized": False},
             {"id": 21, "content": "it", "special": False, "single_word": True, "normalized": True}]
    byte = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    split = {"type": "Split", "pattern": {"Regex": "\\s+|\\w\\b"}, "behavior": "MergedWithNext", "invert": True}
    meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
    single = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
              "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [20], "tokens": ["<s>"]}}}
    normalizers = [{"type": "NFKC"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": True},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, {"type": "Prepend", "prepend": "▁"}]
    decoders = [{"type": "Replace", "pattern": {"Regex": "▁+"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 1}]
    files = {
        "bytes": {"added_tokens": added, "pre_tokenizer": byte, "decoder": byte, "post_processor": single, "model": model},
        "split": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, {"type": "Digits"}, {"type": "Punctuation"}, byte]},
                  "decoder": byte, "model": {**model, "ignore_merges": True}},
        "meta": {"normalizer": {"type": "Sequence", "normalizers": normalizers}, "pre_tokenizer": meta,
                 "decoder": {"type": "Sequence", "decoders": decoders}, "model": {**model, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}},
        "plain": {"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {**model, "merges": ["a b", "i t"]}},
    }
    for name, content in files.items():
        write("tokenizer_json", name + ".json", json.dumps(content, ensure_ascii=False).encode())


make_spm()
make_llama2c()
make_json()
