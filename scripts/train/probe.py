#!/usr/bin/env python3
"""What the base knows, by kind of question: its answer in words to a caption's question.

No options and no prompt, only `program ⏎ Question: … ⏎ Answer:` as in the captions it
was trained on; greedy, right when the first tokens are the answer's. Tells whether the
base needs more training before an adapter can teach it the benchmark's form.
"""

import argparse
import os
import sys
from collections import defaultdict

import sentencepiece
import torch

import llama

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "sgp"))
import corpus  # noqa: E402
from rng import Rng  # noqa: E402


def questions(first, count):
    """(kind, text, answer): one question per drawing, CAD program and digit."""
    for seed in range(first, first + count):
        rng = Rng(seed, "probe")
        d = corpus.svg(seed)
        f = rng.pick([f for f in d.facts if f.kind != "semantics"])
        yield f.kind, d.program() + "\nQuestion: %s\nAnswer:" % f.question, f.answer
        title = [f for f in d.facts if f.kind == "semantics"]
        if title and seed % 3 == 0:
            yield "semantics", d.program() + "\nThis is", title[0].answer
        c = corpus.cad(seed)
        f = rng.pick(c.facts)
        yield c.subject, c.program() + "\nQuestion: %s\nAnswer:" % f.question, f.answer
        n, p = corpus.digit(seed)
        yield "digit", p + "\nThis is the digit", str(n)


@torch.no_grad()
def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("model", help="Hugging Face folder")
    a.add_argument("--first", type=int, default=800_000)
    a.add_argument("--count", type=int, default=150)
    a.add_argument("--threads", type=int, default=1)
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    sp = sentencepiece.SentencePieceProcessor(model_file=os.path.join(o.model, "tokenizer.model"))
    model = llama.Llama(*llama.load_folder(o.model))
    asked, right = defaultdict(int), defaultdict(int)
    for kind, text, answer in questions(o.first, o.count):
        head = [1] + sp.encode(text)
        full = [1] + sp.encode(text + " " + answer)
        logits = model.logits(model.hidden(torch.tensor([full[:-1]])))[0]
        asked[kind] += 1
        right[kind] += logits[len(head) - 1:].argmax(-1).tolist() == full[len(head):]
    for kind in sorted(asked):
        print("%-10s %5.1f %% of %d" % (kind, 100 * right[kind] / asked[kind], asked[kind]))


if __name__ == "__main__":
    main()
