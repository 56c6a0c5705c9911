#!/usr/bin/env python3
"""Cuts texts by every pre-tokenizer of GGUF with the `tokenizers` package.

    pre_tokenizers_golden.py > testdata/golden/pre_tokenizers.json

The regexes are read from lib/tokenizer (gguf_pre.cc, gguf_pre_splits.h), so that a test can tell when
this file is older than they are. The output has the texts and, of each pre-tokenizer, its regexes and
the lengths of the words of each text, in characters. Needs the Python package tokenizers.
"""
import json
import pathlib
import random
import re
import sys

import tokenizers
from tokenizers import Regex, pre_tokenizers

import tokenizers_golden

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "lib" / "tokenizer"
LITERAL = re.compile(r'R"\((.*?)\)"|"((?:[^"\\]|\\.)*)"|(k\w+)', re.S)

TEXTS = ["It's HelloWorld, isn't it? WE'LL see: DON'T!", "camelCase XMLHttpRequest iPhone ÉCOLE École éCole",
         "1 12 123 1234 12345 1234567 1234567890123 ١٢٣٤ १२३४", "a1b22c333d4444 3.14159 1,000,000",
         "河水慢慢地流。静かな川が流れる。강물이 흐른다 hello河水world", "नमस्ते दुनिया สวัสดีชาวโลก ສະບາຍດີ", "line\nline\n\n\nline\r\n\r\n  indented\n\t\ttabs  ",
         "  leading and trailing   ", "x = (a + b) * c; // done!!\n/* more */\n", "<html>\n  <p class=\"x\">&amp;</p>\n</html>", "...---...!!!???\n/\n//", "e\u0301te\u0301 n\u0303 a\u0300\u0323b",
         "«quoted» “text” ‘single’ ！全角，標點。", "IMGIMGABCZ <sentinel:12> ABABZ", "A B C d e f", "a b c. d e 1 f\u0301 g", "\u00a0\u3000\u2003wide blanks\u2028\u2029", "$5 + €7 = £12 ^_^ ~`|",
         "\U0001f600\U0001f468\u200d\U0001f469 emoji\U0001f1e9\U0001f1ea", "ㄅㄆㄇ ㄱㄴㄷ Ǆǅǆ ªº ʰʱ"]


def strings(body, names):
    """The values of the C++ string literals and names of constants in `body`."""
    out = []
    for raw, plain, name in LITERAL.findall(body):
        if name:
            out.append(names[name])
        else:
            out.append(raw or re.sub(r"\\(.)", r"\1", plain))
    return out


def read_pres():
    splits, names = (SOURCE / "gguf_pre_splits.h").read_text("utf-8"), {}
    for name, body in re.findall(r"inline constexpr std::string_view (k\w+) =(.*?);\n", splits, re.S):
        names[name] = "".join(strings(body, names))
    table, lists = (SOURCE / "gguf_pre.cc").read_text("utf-8"), {}
    for name, body in re.findall(r"constexpr Splits<\d> (k\w+)\{(.*?)\};\n", table, re.S):
        lists[name] = strings(body, names)
    return {name: lists[body] for name, body in re.findall(r'GgufPre\{\.name = "([^"]+)",\s*\.splits = (k\w+)', table)}


def main():
    rng = random.Random(7)
    texts = TEXTS + [tokenizers_golden.random_text(rng) for _ in range(40)]
    out = {"made_with": f"tokenizers {tokenizers.__version__}", "texts": texts, "pres": {}}
    for name, splits in read_pres().items():
        cut = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), "isolated") for split in splits])
        lengths = []
        for text in texts:
            words = [word for word, _ in cut.pre_tokenize_str(text)]
            assert "".join(words) == text, (name, text)
            lengths.append([len(word) for word in words])
        out["pres"][name] = {"splits": splits, "lengths": lengths}
    json.dump(out, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
