#!/usr/bin/env python3
"""Writes the training data as token ids: `base` (programs with captions) or `sit`.

A file of 16-bit ids, and an index of 32-bit numbers. base: the offset of each text, and
a file of classes, a byte per id: 0 program, 1 caption, 2 what the program decides in the
caption. sit: see sit_groups(). Besides, hints for the attention: four 16-bit numbers each
(kind, token that looks, token looked at, id that it should find), and where those of each text begin. Any program that
also occurs in testdata/sgp is left out.
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
import sources  # noqa: E402

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


LOOKUP, LEGEND, GATHER = range(3)     # kinds of hints for the attention (train_base.py)


class Text:
    """Token ids of a text, <s> first, and where each stands in it."""

    def __init__(self, sp, text):
        self.sp, self.text = sp, text
        self.ids, self.spans, end = [BOS], [(-1, -1)], -1
        for i in sp.encode(text):     # sentencepiece puts a space before a text
            begin, end = end, end + (1 if sp.is_byte(i) else len(sp.id_to_piece(i)))
            self.ids.append(i)
            self.spans.append((begin, end))
        assert end == len(text), "generated text is ASCII"
        self.at = [k for k, (a, b) in enumerate(self.spans) for _ in range(max(0, a), b)]

    def piece(self, piece):
        return self.sp.piece_to_id(piece)

    def token(self, place):
        """The token that holds the character at `place`."""
        return self.at[place]


def drawn_hints(text, program, begin):
    """GATHER: the end of each element looks at its colour, and knows its name."""
    if not program.startswith("<svg"):
        return
    for name, color, end in sources.elements(program):
        yield (GATHER, text.token(begin + end[0]), text.token(begin + color[1] - 1),
               text.piece("\u2581" + name))


def fact_hints(text, program, begin, fact, facts, place):
    """LOOKUP: the token before an answer at `place` looks at what decides it."""
    places = sources.places(program, fact, facts)
    if program.startswith("<svg"):
        places = places[1::2]             # ends of elements, which know the rest
    for a, b in places:
        q = text.token(place) - 1
        yield LOOKUP, q, text.token(begin + b - 1), text.ids[q + 1]


def option_hints(text, letter, value, asked):
    """LEGEND: the token before the letter at `asked` looks at the value's end, which has
    looked at its letter: GATHER. `letter`: place of the listed letter; `value`: its end."""
    last = text.token(value - 1)
    if asked:
        q = text.token(asked) - 1
        yield LEGEND, q, last, text.ids[q + 1]
        yield LEGEND, q, last + 1, text.ids[q + 1]
    k = text.token(letter)
    piece = text.piece("\u2581" + text.text[letter])
    for q in (last, last + 1):
        yield GATHER, q, k, piece


LEGENDS = re.compile(r"Key: ([^.]*)\.")


def base_text(sp, program, caption, facts):
    """(ids, classes, hints) of a text: program, line feed, caption with its marks."""
    parts = re.split("[%s]" % corpus.MARKS, caption)
    whole = program + "\n" + "".join(parts)
    text = Text(sp, whole)
    classes = [int(a > len(program)) for a, _ in text.spans]
    hints = set(drawn_hints(text, program, 0))
    legend = {}
    m = LEGENDS.search(whole, len(program))
    if m:
        for entry in re.finditer(r"(\w) = ([^,]+)", m.group(1)):
            letter, value = m.start(1) + entry.start(1), m.start(1) + entry.end(2)
            legend[entry.group(1)] = letter, value
            hints.update(option_hints(text, letter, value, None))
    at = len(program) + 1
    for i, part in enumerate(parts):
        if i % 2:
            for k in range(text.token(at), text.token(at + len(part) - 1) + 1):
                classes[k] = 2
            before = whole[len(program):at + len(part)]
            if before.endswith("Letter: " + part):
                hints.update(option_hints(text, *legend[part], at))
            for f in facts:
                if before.endswith(("\nQuestion: %s\nAnswer: %s" % (f.question, f.answer),
                                    f.statement[:f.statement.rindex(f.answer)] + f.answer)):
                    hints.update(fact_hints(text, program, 0, f, facts, at))
                    break
        at += len(part)
    return text.ids + [EOS], classes + [1], sorted(hints)


def base_texts(sp, first, count, banned):
    seed = first
    while count:
        program, caption, facts = corpus.marked_document(seed)
        seed += 1
        if corpus.normal(program) not in banned:
            count -= 1
            yield base_text(sp, program, caption, facts)


def question_hints(text, program, reply, row, fact, facts):
    """Hints for one question: its text is prompt, space, reply."""
    whole = text.text
    begin, said = whole.index(program), len(whole) - len(reply)
    hints = set(drawn_hints(text, program, begin))
    if fact is None:                      # a digit: said first, then copied
        a = said + reply.index("digit ") + 6
        q = text.token(len(whole) - 1) - 1
        hints.add((LEGEND, q, text.token(a), text.ids[q + 1]))
        return hints
    place = said + fact.statement.rindex(fact.answer)
    hints.update(fact_hints(text, program, begin, fact, facts, place))
    at = whole.rindex("\n\nA) ", 0, said) + 2
    for letter, value in zip("ABCD", row[2:6]):
        end = at + 3 + len(value)
        hints.update(option_hints(text, at, end, len(whole) - 1 if letter == row[6] else None))
        at = end + 1
    return hints


def sit_groups(sp, first, count, banned):
    """(prefix ids, [(prompt's rest, answer ids)…], hints): questions on one program.

    Hints count from the row's beginning: prefix, then each question with its answer.
    """
    seed = first
    while count:
        _, questions, facts = sit.group(seed)
        seed += 1
        programs = [row[1 if len(row) > 2 else 0].split("\n\n")[1] for row, _, _ in questions]
        if any(corpus.normal(p) in banned for p in programs):
            continue
        count -= 1
        texts = []
        for (row, reply, fact), program in zip(questions, programs):
            prompt = prompts.chat(prompts.user_message(row))
            ids = [BOS] + sp.encode(prompt)
            text = Text(sp, prompt + " " + reply)
            assert text.ids[:len(ids)] == ids
            texts.append((ids, text.ids[len(ids):] + [EOS],
                          question_hints(text, program, reply, row, fact, facts)))
        shared = os.path.commonprefix([p for p, _, _ in texts])
        if len(texts) == 1:
            shared = shared[:-1]
        n, at, hints = len(shared), len(shared), set()
        for p, a, some in texts:
            for kind, q, k, id_ in some:
                hints.add((kind, q if q < n else q - n + at, k if k < n else k - n + at, id_))
            at += len(p) - n + len(a)
        yield shared, [(p[n:], a) for p, a, _ in texts], sorted(hints)


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
    index, at, hints, first_hint = [], 0, 0, []
    with open(o.output + ".ids", "wb") as f, open(o.output + ".hints", "wb") as h:
        if o.what == "base":
            with open(o.output + ".cls", "wb") as g:
                for ids, classes, some in base_texts(sp, o.first, o.count, banned):
                    f.write(numpy.array(ids, "<u2").tobytes())
                    g.write(bytes(classes))
                    h.write(numpy.array(some, "<i2").tobytes())
                    index.append(at)
                    first_hint.append(hints)
                    at, hints = at + len(ids), hints + len(some)
            index.append(at)
        else:
            for shared, rest, some in sit_groups(sp, o.first, o.count, banned):
                ids = list(shared)
                row = [len(shared), len(rest)]
                for prompt, answer in rest:
                    ids += prompt + answer
                    row += [len(prompt), len(answer)]
                f.write(numpy.array(ids, "<u2").tobytes())
                h.write(numpy.array(some, "<i2").tobytes())
                index += row
                first_hint.append(hints)
                at, hints = at + len(ids), hints + len(some)
    numpy.array(first_hint + [hints], "<i4").tofile(o.output + ".hix")
    numpy.array(index, "<i4").tofile(o.output + ".idx")
    print("%d texts, %d ids, %d hints, %d test programs kept out"
          % (o.count, at, hints, len(banned)))


if __name__ == "__main__":
    main()
