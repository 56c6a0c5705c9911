#!/usr/bin/env python3
"""Makes tokenizer.json files of every supported kind, and what the `tokenizers` package makes of
random texts with them.

    tokenizers_golden.py FOLDER [--cases N] [--seed N] [--only NAME]

writes FOLDER/NAME.json: {"tokenizer": the file's text, "cases": [[text, ids, decoded]...]}; "ids" with
special tokens added and recognised, "decoded" without them. testdata/golden/tokenizers was made
with --cases 40; unit_tokenizer reads another folder when LATHE_GOLDEN_TOKENIZERS names one:

    tokenizers_golden.py /tmp/golden --cases 10000
    LATHE_GOLDEN_TOKENIZERS=/tmp/golden build/tests/unit_tokenizer --gtest_filter='Golden*'

Needs the Python package tokenizers; nothing else in this project does.
"""
import argparse
import json
import pathlib
import random
import unicodedata

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = """The river carried the old boat down to the harbour, and nobody asked who had untied it.
It's not what they've said; we'll see, I'm sure, that you'd rather wait. He doesn't. THEY'RE LATE!
In 1987 there were 365 days, 52 weeks and 12 months; 3.14159 is not 22/7, and 1,000,000 is a lot.
for (int i = 0; i < 10; ++i) { sum += values[i] * 2; }  // a loop, nothing more
    def render(self, width=80):\n        return "\\n".join(self.lines)\n\n
Der Fluss trug das Boot; größer, schöner, müde. L'été dernier, où étiez-vous? El niño soñó.
Мир был тих, и река текла медленно. 河水慢慢地流。静かな川が流れる。 강물이 흐른다.
<p class="note">Water &amp; stone</p> {"key": [1, 2, 3], "other": null}
""" * 3

# \\s of one dialect is not \\s of another: every kind of blank is worth a character.
BLANKS = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u0085", "\u2028", "\u3000", "\u180e", "\u200b", "\x0b", "\x1c"]
WORDS = ["the", "The", "river", "it's", "IT'S", "they've", "we'll", "x\u017f's", "'\u017f", "don't", "größer", "nin\u0303o", "niño", "été",
         "e\u0301te\u0301", "Å", "A\u030a", "\u212b", "ﬁne", "①②", "½", "m²", "Ⅷ", "١٢٣", "१२३", "Мир", "河水", "静か", "カﾞ", "강물", "\u1112\u1161\u11ab", "שלום",
         "مرحبا", "ไทย", "नमस्ते", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U00010400\U00010428", "İstanbul", "ΑΣ", "ß", "ẞ",
         "123", "4567", "3.14", "1,000", "...", "!?", "--", "::", "->", "_x_", "«»", "“q”", "€5", "$7", "+=", "^^", "`~", "|", "©", "a\u0300\u0323", "\ufeff", "\u200d",
         "\x00", "\x7f", "\ufffd", "▁", "▁▁", "Ġ", "Ċ", "<0x41>", "<unk>", "<s>", "</s>", "<|end|>", "<extra>", "foo", "xfoo", "foo bar", "MASK", " MASK ", "éx"]


def assigned():
    """Characters that every Unicode version in use agrees on."""
    old = unicodedata.ucd_3_2_0  # the oldest table at hand
    return [chr(c) for c in range(0x20, 0x2fa20)
            if old.category(chr(c)) not in ("Cn", "Cs", "Co") and
            old.category(chr(c)) == unicodedata.category(chr(c))]


ASSIGNED = assigned()


def random_text(rng):
    parts = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13])):
        kind = rng.random()
        if kind < 0.45:
            parts.append(rng.choice(WORDS))
        elif kind < 0.70:
            parts.append(rng.choice(BLANKS))
        elif kind < 0.80:
            parts.append("".join(rng.choice("abcdehilnorstABT0123456789'\"-.,;") for _ in range(rng.randint(1, 6))))
        elif kind < 0.88:
            begin = rng.randrange(len(TEXT) - 30)
            parts.append(TEXT[begin:begin + rng.randint(1, 30)])
        else:
            parts.append("".join(rng.choice(ASSIGNED) for _ in range(rng.randint(1, 4))))
    return "".join(parts)


def train(pre, alphabet, size, specials=()):
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False,
                                  special_tokens=list(specials), limit_alphabet=max(120, len(alphabet)))
    tokenizer.train_from_iterator(TEXT.splitlines(keepends=True), trainer)
    return json.loads(tokenizer.to_str())


def bases():
    byte_level = train(pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.ByteLevel.alphabet(), 360)
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    marks = train(pre_tokenizers.Metaspace(), ["▁"], 480, ["<unk>", "<s>", "</s>"] + bytes_)
    for key in ("added_tokens", ):
        marks[key] = []
    plain = train(pre_tokenizers.Split(" ", "isolated"), [" ", "\n", "▁"], 200, ["<unk>"])
    plain["added_tokens"] = []
    return byte_level, marks, plain


def added(id_, content, **flags):
    token = {"id": id_, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}
    token.update(flags)
    return token


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def sequence(kind, *parts):
    name = {"normalizer": "normalizers", "pre": "pretokenizers", "decoder": "decoders", "post": "processors"}[kind]
    return {"type": "Sequence", name: list(parts)}


BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
TEKKEN = GPT4O.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
KIMI_K2 = r"[\p{Han}]+|" + GPT4O.replace(UPPER, UPPER + r"&&[^\p{Han}]").replace(LOWER, LOWER + r"&&[^\p{Han}]").replace("/]*", "]*")
QWEN35 = QWEN2.replace(r"]?\p{L}+", r"]?[\p{L}\p{M}]+").replace(r"[^\s\p{L}", r"[^\s\p{L}\p{M}")
SEED_CODER = QWEN2.replace(r"\p{N}|", r"\p{N}{1}|").replace(r"\p{N}]+[\r\n]*", r"\p{N}\r\n]+")
BAILINGMOE = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
EXAONE_MOE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|"
              r"\s+(?!\S)|\s+")
DEEPSEEK_CODER = [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
                  {"type": "Digits", "individual_digits": True}]
DEEPSEEK_V3 = [split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
               split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^" "\r\n" r"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+["
                     "\r\n" r"]*|\s*[" "\r\n" r"]+|\s+(?!\S)|\s+")]
FALCON = [{"type": "Punctuation", "behavior": "Contiguous"}, byte_level(regex=True), {"type": "Digits", "individual_digits": False},
          split("[0-9][0-9][0-9]")]
LLAMA2_DECODER = sequence("decoder", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                          {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})
GEMMA_DECODER = sequence("decoder", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"})


def kinds():
    """Yields (name, tokenizer.json as an object)."""
    byte_base, mark_base, plain_base = bases()

    def of(base, model=None, added_tokens=None, **parts):
        out = json.loads(json.dumps(base))
        for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
            out[key] = parts.get(key)
        out["model"].update(model or {})
        if added_tokens is not None:
            out["added_tokens"] = added_tokens
        return out

    def bytes_of(pre, **more):
        more.setdefault("decoder", BYTES)
        return of(byte_base, pre_tokenizer=pre, **more)

    size = len(byte_base["model"]["vocab"])
    yield "bytes-gpt2", bytes_of(byte_level(regex=True))
    yield "bytes-prefix", bytes_of(byte_level(prefix=True, regex=True), post_processor=byte_level())
    yield "bytes-whole", bytes_of(byte_level())
    yield "bytes-ignore-merges", bytes_of(byte_level(regex=True), model={"ignore_merges": True})
    yield "bytes-llama3", bytes_of(
        sequence("pre", split(LLAMA3), byte_level()), model={"ignore_merges": True},
        added_tokens=[added(size, "<s>", special=True), added(size + 1, "<|end|>", special=True), added(size + 2, "</s>", special=True)],
        post_processor=sequence("post", byte_level(), {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [size], "tokens": ["<s>"]},
                               "</s>": {"id": "</s>", "ids": [size + 2], "tokens": ["</s>"]}}}))
    yield "bytes-qwen2", bytes_of(sequence("pre", split(QWEN2), byte_level()), normalizer={"type": "NFC"})
    yield "bytes-gpt4o", bytes_of(sequence("pre", split(GPT4O), byte_level()))
    yield "bytes-gpt4o-removed", bytes_of(sequence("pre", split(GPT4O, "Removed", True), byte_level()))
    yield "bytes-starcoder", bytes_of(sequence("pre", {"type": "Digits", "individual_digits": True}, byte_level(regex=True)))
    yield "bytes-deepseek-coder", bytes_of(sequence("pre", *DEEPSEEK_CODER, byte_level()))
    yield "bytes-deepseek-v3", bytes_of(sequence("pre", *DEEPSEEK_V3, byte_level()))
    for name, regex in (("tekken", TEKKEN), ("kimi-k2", KIMI_K2), ("qwen35", QWEN35), ("seed-coder", SEED_CODER), ("bailingmoe", BAILINGMOE),
                        ("exaone-moe", EXAONE_MOE)):
        yield "bytes-" + name, bytes_of(sequence("pre", split(regex), byte_level()), model={"ignore_merges": name == "tekken"})
    yield "bytes-falcon", bytes_of(sequence("pre", *FALCON))
    for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase"):
        yield "normal-" + form.lower(), bytes_of(byte_level(regex=True), normalizer={"type": form})
    yield "normal-accents", bytes_of(byte_level(regex=True), normalizer=sequence("normalizer", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}))
    for left, right in ((True, True), (True, False), (False, True)):
        yield f"normal-strip-{left:d}{right:d}", bytes_of(byte_level(regex=True), normalizer={"type": "Strip", "strip_left": left, "strip_right": right})
    yield "normal-replace", bytes_of(byte_level(regex=True), normalizer=sequence(
        "normalizer", {"type": "Replace", "pattern": {"String": "e"}, "content": "E."}, {"type": "Replace", "pattern": {"Regex": r"\s{2,}|\d"}, "content": " "},
        {"type": "Prepend", "prepend": ">"}))
    yield "normal-bytes", of(byte_base, normalizer={"type": "ByteLevel"}, pre_tokenizer=split("Ġ", "MergedWithNext", kind="String"), decoder=BYTES)
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        yield "split-" + behavior.lower(), bytes_of(sequence("pre", split(r"[\s'-]|\d+", behavior), byte_level()))
        yield "split-not-" + behavior.lower(), bytes_of(sequence("pre", split(r"\w+", behavior, True), byte_level()))
        yield "split-text-" + behavior.lower(), bytes_of(sequence("pre", split("e", behavior, kind="String"), byte_level()))
        yield "punctuation-" + behavior.lower(), bytes_of(sequence("pre", {"type": "Punctuation", "behavior": behavior}, byte_level()))
    yield "split-empty", bytes_of(sequence("pre", split(r"(?=[A-Z])|\b"), byte_level()))
    yield "digits", bytes_of(sequence("pre", {"type": "Digits", "individual_digits": False}, byte_level()))
    yield "whitespace", of(plain_base, pre_tokenizer={"type": "Whitespace"}, model={"unk_token": "<unk>"})
    yield "whitespace-split", of(plain_base, pre_tokenizer={"type": "WhitespaceSplit"}, model={"unk_token": "<unk>", "fuse_unk": True})
    yield "plain-drops", of(plain_base, pre_tokenizer={"type": "WhitespaceSplit"})
    fallback = {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    prepend = {"type": "Prepend", "prepend": "▁"}
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    llama2_added = [added(0, "<unk>", special=True), added(1, "<s>", special=True), added(2, "</s>", special=True)]
    yield "llama2-legacy", of(mark_base, model=fallback, normalizer=sequence("normalizer", prepend, spaces), decoder=LLAMA2_DECODER, added_tokens=llama2_added)
    for scheme in ("always", "first", "never"):
        for cuts in (True, False):
            meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cuts}
            yield f"metaspace-{scheme}-{cuts:d}", of(mark_base, model=fallback, pre_tokenizer=meta, added_tokens=llama2_added,
                                                     decoder=sequence("decoder", {"type": "ByteFallback"}, {k: v for k, v in meta.items()}))
    yield "gemma", of(mark_base, model=fallback, normalizer=spaces, pre_tokenizer=split(" ", "MergedWithPrevious", kind="String"), decoder=GEMMA_DECODER,
                      added_tokens=llama2_added + [added(mark_base["model"]["vocab"].get(text, 480 + i), text) for i, text in enumerate(("\n\n", "\n\n\n", "▁▁", "<b>"))])
    assert len(mark_base["model"]["vocab"]) == 480
    partial = of(mark_base, model=fallback, pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}, decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True})
    yield "fallback-holes", of(partial, model={"vocab": {("#" + t if t in ("<0xC3>", "<0xE4>") else t): i for t, i in partial["model"]["vocab"].items()}},
                               pre_tokenizer=partial["pre_tokenizer"], decoder=partial["decoder"])
    yield "no-decoder", of(plain_base, pre_tokenizer={"type": "WhitespaceSplit"}, model={"unk_token": "<unk>"})
    extra = [added(size, "<s>", special=True), added(size + 1, "foo", single_word=True), added(size + 2, "MASK", lstrip=True, rstrip=True, special=True),
             added(size + 3, "<extra>", rstrip=True), added(size + 4, "foo bar"), added(size + 5, "<|end|>", lstrip=True, special=True)]
    yield "added", bytes_of(byte_level(prefix=True, regex=True), added_tokens=extra)
    norm = [added(size, "THE", normalized=True), added(size + 1, "foo", normalized=True, single_word=True), added(size + 2, "Mask", normalized=True, lstrip=True),
            added(size + 3, "<s>", special=True)]
    yield "added-normalized", bytes_of(byte_level(regex=True), normalizer={"type": "Lowercase"}, added_tokens=norm)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, source in kinds():
        if arguments.only not in (None, name):
            continue
        rng = random.Random(f"{arguments.seed} {name}")
        text = json.dumps(source, ensure_ascii=False, separators=(",", ":"))
        tokenizer = Tokenizer.from_str(text)
        cases = []
        for _ in range(arguments.cases):
            sample = random_text(rng)
            ids = tokenizer.encode(sample).ids
            cases.append([sample, ids, tokenizer.decode(ids)])
        path = arguments.folder / f"{name}.json"
        path.write_text(json.dumps({"made_with": f"tokenizers {tokenizers.__version__}", "tokenizer": text, "cases": cases},
                                   ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
