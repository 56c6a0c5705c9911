#!/usr/bin/env python3
"""Writes the training data as token ids: `base` (programs with captions) or `sit`.

A file of 16-bit ids, and an index of 32-bit numbers. base: the offset of each text, and
a file of classes, a byte per id: 0 program, 1 caption, 2 what the program decides in the
caption. sit: see sit_groups(). Any program that also occurs in
testdata/sgp is left out.
"""

import argparse
import csv
import io
import os
import re
import subprocess
import sys

import numpy
import sentencepiece

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "sgp"))
import corpus  # noqa: E402
import prompts  # noqa: E402
import sit  # noqa: E402

BOS, EOS = 1, 2


def test_programs(folder):
    """Normal forms of all programs in the test sets (the text between blank lines)."""
    out = set()
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith(".csv.zst"):
            text = subprocess.run(["zstd", "-dcq", os.path.join(folder, name)], check=True,
                                  capture_output=True).stdout.decode()
            for row in csv.DictReader(io.StringIO(text)):
                out.add(corpus.normal(row["Question"].split("\n\n")[1]))
    return out


def classified(sp, program, caption):
    """(ids, classes) of a text: program, line feed, caption with its marks."""
    parts = re.split("[%s]" % corpus.MARKS, caption)
    spans, at = [], len(program) + 1
    for i, part in enumerate(parts):
        if i % 2:
            spans.append((at, at + len(part)))
        at += len(part)
    ids, classes = [BOS], [0]
    text = program + "\n" + "".join(parts)
    begin = -1                       # sentencepiece puts a space before a text
    for i in sp.encode(text):
        end = begin + (1 if sp.is_byte(i) else len(sp.id_to_piece(i)))
        ids.append(i)
        inside = any(a < end and begin < b for a, b in spans)
        classes.append(2 if inside else int(begin > len(program)))
        begin = end
    assert begin == len(text), "generated text is ASCII"
    return ids + [EOS], classes + [1]


def base_texts(sp, first, count, banned):
    seed = first
    while count:
        program, caption = corpus.marked_document(seed)
        seed += 1
        if corpus.normal(program) not in banned:
            count -= 1
            yield classified(sp, program, caption)


def sit_groups(sp, first, count, banned):
    """(prefix ids, [(prompt's rest, answer ids)…]): questions that share one program."""
    seed = first
    while count:
        program, questions = sit.group(seed)
        seed += 1
        if corpus.normal(program) in banned:
            continue
        count -= 1
        texts = []
        for row, reply in questions:
            prompt = [BOS] + sp.encode(prompts.chat(prompts.user_message(row)))
            full = [BOS] + sp.encode(prompts.chat(prompts.user_message(row)) + " " + reply) + [EOS]
            assert full[:len(prompt)] == prompt
            texts.append((prompt, full[len(prompt):]))
        shared = os.path.commonprefix([p for p, _ in texts])
        if len(texts) == 1:
            shared = shared[:-1]
        yield shared, [(p[len(shared):], a) for p, a in texts]


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("what", choices=["base", "sit"])
    a.add_argument("--first", type=int, default=corpus.TRAIN_FROM, help="first seed")
    a.add_argument("--count", type=int, default=100000)
    a.add_argument("--tokenizer", required=True, help="tokenizer.model")
    a.add_argument("--tests", default=os.path.join(HERE, "..", "..", "testdata", "sgp"))
    a.add_argument("-o", "--output", required=True, help="PREFIX: writes PREFIX.ids, PREFIX.idx, …")
    o = a.parse_args()
    sp = sentencepiece.SentencePieceProcessor(model_file=o.tokenizer)
    banned = test_programs(o.tests)
    index, at = [], 0
    with open(o.output + ".ids", "wb") as f:
        if o.what == "base":
            with open(o.output + ".cls", "wb") as g:
                for ids, classes in base_texts(sp, o.first, o.count, banned):
                    f.write(numpy.array(ids, "<u2").tobytes())
                    g.write(bytes(classes))
                    index.append(at)
                    at += len(ids)
            index.append(at)
        else:
            for shared, rest in sit_groups(sp, o.first, o.count, banned):
                ids = list(shared)
                row = [len(shared), len(rest)]
                for prompt, answer in rest:
                    ids += prompt + answer
                    row += [len(prompt), len(answer)]
                f.write(numpy.array(ids, "<u2").tobytes())
                index += row
                at += len(ids)
    numpy.array(index, "<i4").tofile(o.output + ".idx")
    print("%d texts, %d ids, %d test programs kept out" % (o.count, at, len(banned)))


if __name__ == "__main__":
    main()
