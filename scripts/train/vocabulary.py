#!/usr/bin/env python3
"""Trains the sentencepiece vocabulary on generated text.

A piece may hold a whole bit of markup (` fill="`, `Line:(`, `"/>`) but never mixes
a number, a word or a colour with what stands beside it, so that a value is the same
piece wherever it stands. spm_train knows such borders as a "pretokenization
delimiter", a character put between the units of the training text alone. It also
stands before each line: most lines of a text follow a line feed, not the space that
sentencepiece puts before a text.
"""

import argparse
import os
import re
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sgp"))
import corpus  # noqa: E402
import prompts  # noqa: E402
import questions  # noqa: E402
from rng import Rng  # noqa: E402

BORDER = "\u2060"
UNITS = re.compile(r'[ \t]?[A-Za-z][A-Za-z0-9]*(?:-[a-z]+)*="|[ \t]?</?[a-z]+|#[0-9a-f]{3,6}\b|'
                   r'[A-Za-z_]+(?::?\(|=\(?)|[ \t]?[A-Za-z_]+|[ \t]?[0-9]+|'
                   r'[ \t]?[^A-Za-z0-9_\s]+|\s')


def sentences(n):
    for seed in range(corpus.TRAIN_FROM, corpus.TRAIN_FROM + n):
        program, caption = corpus.document(seed)
        yield from program.split("\n")
        yield from caption.split("\n")
        if seed % 20 == 0:           # enough of the prompt's words to have pieces for them
            d = corpus.svg(seed)
            row = questions.svg_row("", "", d.facts[0], Rng(seed, "vocabulary"))
            yield from prompts.chat(prompts.user_message(row)).split("\n")
            c = corpus.cad(seed)
            row = questions.cad_row("", c, c.facts[0], Rng(seed, "vocabulary"))
            yield from prompts.user_message(row).split("\n")


def forget_names(path):
    """Takes the names of files out of a model: the same bytes wherever it was made."""
    model = sentencepiece_model_pb2.ModelProto()
    with open(path, "rb") as f:
        model.ParseFromString(f.read())
    del model.trainer_spec.input[:]
    model.trainer_spec.ClearField("model_prefix")
    with open(path, "wb") as f:
        f.write(model.SerializeToString())


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--size", type=int, default=1280)
    a.add_argument("--documents", type=int, default=12000)
    a.add_argument("output", help="folder for tokenizer.model")
    o = a.parse_args()
    os.makedirs(o.output, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
        for s in sentences(o.documents):
            if s:
                text.write(BORDER + BORDER.join(UNITS.findall(s)) + "\n")
        text.flush()
        sentencepiece.SentencePieceTrainer.train(
            input=text.name, model_prefix=os.path.join(o.output, "tokenizer"),
            vocab_size=o.size, model_type="bpe", byte_fallback=True, character_coverage=1.0,
            normalization_rule_name="identity", remove_extra_whitespaces=False,
            split_by_unicode_script=False, split_by_number=False,
            pretokenization_delimiter=BORDER, max_sentencepiece_length=24, num_threads=1,
            minloglevel=1)
    os.remove(os.path.join(o.output, "tokenizer.vocab"))
    forget_names(os.path.join(o.output, "tokenizer.model"))


if __name__ == "__main__":
    main()
