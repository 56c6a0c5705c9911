#!/usr/bin/env python3
"""Trains the base: a language model on programs with captions.

Can be stopped and started at will: it goes on from OUT/checkpoint.pt. Texts are read
once, in order, so --tokens says how far; when it is reached, OUT/model is a
Hugging Face folder.
"""

import argparse
import json
import os
import signal
import sys
import time

import numpy
import torch

import llama
from export import export
from hints import WEIGHTS, HintFile, Hints
from optimizer import Optimizer, schedule
from team import Team


CLASSES = ["program", "caption", "decided"]
WINDOW = 1024      # texts that are sorted by length together


class Texts:
    """The files that make_data.py base writes."""

    def __init__(self, prefix):
        self.ids = numpy.memmap(prefix + ".ids", "<u2", "r")
        self.classes = numpy.memmap(prefix + ".cls", "u1", "r")
        self.start = numpy.fromfile(prefix + ".idx", "<i4")
        self.hints = HintFile(prefix)

    def __len__(self):
        return len(self.start) - 1

    def text(self, i, class_weights):
        """ids of a text and the weights of their losses."""
        a, b = self.start[i], self.start[i + 1]
        ids = torch.from_numpy(self.ids[a:b].astype("int64"))
        weights = class_weights[torch.from_numpy(self.classes[a:b].astype("int64"))]
        weights[0] = 0
        return ids, weights

    def weight(self, i, class_weights):
        """The sum of a text's weights."""
        counts = numpy.bincount(self.classes[self.start[i] + 1:self.start[i + 1]], minlength=3)
        return float(sum(w * n for w, n in zip(class_weights, counts)))


def padded(rows, count, width):
    """Texts -> a batch of `count` rows of `width`; what is padded has no weight."""
    ids = torch.zeros(count, width, dtype=torch.long)
    weights = torch.zeros(count, width)
    for k, (i, w) in enumerate(rows):
        ids[k, :len(i)], weights[k, :len(i)] = i, w
    return ids, weights


def long_rows(rows, width):
    """Texts end to end in one row: a context longer than one text, for one batch in 20."""
    ids = torch.cat([i for i, _ in rows])[:width]
    weights = torch.cat([w for _, w in rows])[:width]
    return padded([(ids, weights)], 1, width)


def plan(texts, first, last, tokens, seed):
    """Texts of like length together: [(indices, width)…], shuffled.

    Widths are multiples of 32, so that few shapes of matrices occur: the library that
    multiplies them compiles a program for each.
    """
    order = sorted(range(first, last), key=lambda i: texts.start[i + 1] - texts.start[i])
    out = []
    while order:
        width = -(-int(texts.start[order[-1] + 1] - texts.start[order[-1]]) // 32) * 32 + 1
        take = max(1, tokens // (width - 1))
        out.append((order[-take:], width))
        del order[-take:]
    turn = torch.randperm(len(out), generator=torch.Generator().manual_seed(seed * 7919 + first))
    return [out[k] for k in turn.tolist()]


def batch(texts, chosen, width, o, long=False):
    weights = torch.tensor(o.weights)
    if long:
        first = min(chosen)
        return (*long_rows([texts.text(i, weights) for i in range(first, first + 24)], 2049), None)
    rows = [texts.text(i, weights) for i in chosen]
    hints = Hints([texts.hints[i] for i in chosen], width - 1)
    return (*padded(rows, max(1, o.micro // (width - 1)), width), hints)


class Stop:
    """True once the process was asked to end: the trainers then save first."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGTERM, self.ask)

    def ask(self, *_):
        self.asked = True

    def __bool__(self):
        return self.asked


def add_losses(sums, losses, weights, o):
    """Adds up losses by class; the classes are told by their (different) weights."""
    for name, w in zip(CLASSES, o.weights):
        where = weights == torch.tensor(w)
        sums[name][0] += losses[where].sum().item()
        sums[name][1] += int(where.sum())


def learn(model, texts, o, some, width, long, total, batches):
    """Adds a micro-batch's share to the gradients; its losses by class and by hint."""
    ids, w, hints = batch(texts, some, width, o, long)
    loss, _, losses, lw = model.loss(ids, w, hints)
    loss = loss / total
    if hints is not None:
        loss = loss + hints.total / batches
    loss.backward()
    sums = {name: [0.0, 0] for name in CLASSES}
    add_losses(sums, losses, lw, o)
    return sums, hints.shown if hints is not None else {}


def means(sums):
    return {k: round(s / max(1, n), 4) for k, (s, n) in sums.items()}


@torch.no_grad()
def validate(model, texts, chosen, o):
    """Mean loss of each class of tokens."""
    sums = {name: [0.0, 0] for name in CLASSES}
    for some, width in plan(texts, *chosen, o.micro, 0):
        ids, weights, _ = batch(texts, some, width, o)
        _, _, losses, w = model.loss(ids, weights)
        add_losses(sums, losses, w, o)
    return means(sums)


def save_checkpoint(folder, state):
    path = os.path.join(folder, "checkpoint.pt")
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--data", required=True, help="PREFIX of make_data.py base")
    a.add_argument("--tokenizer", required=True, help="tokenizer.model, copied into the folder")
    a.add_argument("--out", required=True)
    a.add_argument("--tokens", type=float, default=20e6, help="train on so many")
    a.add_argument("--fall", type=float, default=6e6, help="the last so many at falling rate")
    a.add_argument("--batch", type=int, default=3072, help="tokens per step")
    a.add_argument("--micro", type=int, default=1024, help="tokens at once")
    a.add_argument("--weights", type=float, nargs=3, default=[0.1, 0.5, 3.0],
                   metavar=("PROGRAM", "CAPTION", "DECIDED"),
                   help="of the losses of program, caption and what the program decides in it")
    a.add_argument("--muon", type=float, default=0.008)
    a.add_argument("--adam", type=float, default=0.0015)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    a.add_argument("--set", nargs="*", default=[], help="config entries, name=value")
    o = a.parse_args()
    os.makedirs(o.out, exist_ok=True)

    config = dict(llama.CONFIG, **{k: json.loads(v) for k, v in (s.split("=") for s in o.set)})
    texts = Texts(o.data)
    held = (len(texts) - 400, len(texts))
    if held[0] < WINDOW:
        sys.exit(f"{o.data}: {len(texts)} texts are too few: 400 are held out, {WINDOW} a window")
    weights = llama.fresh_weights(config, o.seed)
    state = {"window": 0, "next": 0, "tokens": 0, "seconds": 0.0}
    path = os.path.join(o.out, "checkpoint.pt")
    saved = torch.load(path, weights_only=True) if os.path.exists(path) else None
    if saved:
        weights, state, config = saved["weights"], saved["state"], saved["config"]
    model = llama.Llama(config, weights)
    team = Team(weights, lambda job: learn(model, texts, o, *job), o.workers)
    matrices = {n: w for n, w in weights.items() if w.dim() == 2 and "embed" not in n}
    optimizer = Optimizer(matrices, {n: w for n, w in weights.items() if n not in matrices},
                          o.muon, o.adam)
    if saved:
        optimizer.state, optimizer.steps = saved["optimizer"], saved["steps"]
    log = open(os.path.join(o.out, "log.jsonl"), "a")

    def note(**what):
        print(json.dumps(what), file=log, flush=True)
        print(json.dumps(what), flush=True)

    def save():
        save_checkpoint(o.out, {"weights": {n: w.detach() for n, w in weights.items()},
                                "state": state, "config": config, "steps": optimizer.steps,
                                "optimizer": optimizer.state})

    stop = Stop()
    begun, last_save = time.time(), time.time()
    shown, sums = [time.time(), 0], {name: [0.0, 0] for name in CLASSES}
    looks = {name: [0.0, 0] for name in WEIGHTS}
    work = []
    if state["window"]:           # back to the place in the window that was being read
        first = (state["window"] - 1) * WINDOW
        work = plan(texts, first, first + WINDOW, o.micro, o.seed)
    while state["tokens"] < o.tokens:
        batches, size, total = [], 0, 0.0
        for _ in range(max(1, o.batch // o.micro)):
            if state["next"] == len(work):
                first = state["window"] * WINDOW
                if first + WINDOW > held[0]:
                    break
                work = plan(texts, first, first + WINDOW, o.micro, o.seed)
                state["window"], state["next"] = state["window"] + 1, 0
            some, width = work[state["next"]]
            state["next"] += 1
            batches.append((some, width, state["next"] % 20 == 0))
            size += sum(int(texts.start[i + 1] - texts.start[i]) for i in some)
            total += sum(texts.weight(i, o.weights) for i in some)
        if not batches:
            break
        for lost, looked in team.run((*b, total, len(batches)) for b in batches):
            for name in CLASSES:
                sums[name] = [x + y for x, y in zip(sums[name], lost[name])]
            for name, value in looked.items():
                looks[name] = [looks[name][0] + value, looks[name][1] + 1]
        optimizer.step(schedule(state["tokens"], o.tokens, 100 * o.batch, o.fall))
        state["tokens"] += size
        shown[1] += size
        if optimizer.steps % 100 == 0:
            spent = time.time() - shown[0]
            state["seconds"] += spent
            note(step=optimizer.steps, tokens=state["tokens"], **means(sums),
                 looks=means(looks), rate=round(shown[1] / spent), seconds=round(state["seconds"]))
            shown, sums = [time.time(), 0], {name: [0.0, 0] for name in CLASSES}
            looks = {name: [0.0, 0] for name in WEIGHTS}
        if optimizer.steps % 1000 == 0:
            note(step=optimizer.steps, tokens=state["tokens"],
                 held_out=validate(model, texts, held, o))
            shown[0] = time.time()
        if stop or time.time() - last_save > 180:
            save()
            last_save = time.time()
        if stop:
            team.close()
            sys.exit(1)
    save()
    note(step=optimizer.steps, tokens=state["tokens"], held_out=validate(model, texts, held, o),
         seconds=round(state["seconds"]), this_time=round(time.time() - begun))
    team.close()
    export(os.path.join(o.out, "model"), config, weights, o.tokenizer)


if __name__ == "__main__":
    sys.exit(main())
