#!/usr/bin/env python3
"""Symbolic instruction tuning: a LoRA adapter on the frozen base.

Questions on one program share the reading of it: a row holds the common beginning of
their prompts once, then each question with its reply as a branch. A mask lets a branch
see the beginning and itself alone, and positions go on from the beginning's end, so
the losses are those of the questions each on its own, at a third of the work.

Can be stopped and started at will; --tokens counts all tokens of a row once.
"""

import argparse
import json
import os
import sys
import time

import numpy
import torch
import torch.nn.functional as F

import llama
import lora
from optimizer import Optimizer, schedule
from hints import WEIGHTS, HintFile, Hints
from team import Team
from train_base import Stop, means, save_checkpoint

WINDOW = 1024


class Groups:
    """The files that make_data.py sit writes: one row per program."""

    def __init__(self, prefix):
        self.ids = numpy.memmap(prefix + ".ids", "<u2", "r")
        index = numpy.fromfile(prefix + ".idx", "<i4").tolist()
        self.hints = HintFile(prefix)
        self.rows, at, i = [], 0, 0
        while i < len(index):
            shared, n = index[i:i + 2]
            branches = [tuple(index[i + 2 + 2 * k:i + 4 + 2 * k]) for k in range(n)]
            size = shared + sum(map(sum, branches))
            self.rows.append((at, shared, branches, size))
            at += size
            i += 2 + 2 * n

    def row(self, k, width):
        """ids, positions, mask, targets and weights of a row, padded to `width`."""
        at, shared, branches, size = self.rows[k]
        ids = torch.zeros(width, dtype=torch.long)
        ids[:size] = torch.from_numpy(self.ids[at:at + size].astype("int64"))
        position, branch = torch.arange(width), torch.zeros(width, dtype=torch.long)
        target, weight = torch.zeros(width, dtype=torch.long), torch.zeros(width)
        begin = shared
        for j, (prompt, answer) in enumerate(branches):
            end = begin + prompt + answer
            position[begin:end] = torch.arange(shared, shared + end - begin)
            branch[begin:end] = j + 1
            # the token before a reply's first predicts it; </s> comes last
            first = begin + prompt
            target[first - 1:end - 1] = ids[first:end]
            weight[first - 1:end - 1] = 1
            begin = end
        position[size:] = 0
        branch[size:] = len(branches) + 1
        see = (branch[None, :] == branch[:, None]) | (branch[None, :] == 0)
        see &= torch.arange(width)[None, :] <= torch.arange(width)[:, None]
        return ids, position, see, target, weight

    def plan(self, first, last, tokens, seed):
        order = sorted(range(first, last), key=lambda k: self.rows[k][3])
        out = []
        while order:
            width = -(-self.rows[order[-1]][3] // 32) * 32
            take = max(1, tokens // width)
            out.append((order[-take:], width, take))
            del order[-take:]
        turn = torch.randperm(len(out), generator=torch.Generator().manual_seed(seed * 7919 + first))
        return [out[k] for k in turn.tolist()]

    def batch(self, chosen, width, count):
        rows = [self.row(k, width) for k in chosen]
        rows += [tuple(torch.zeros_like(x) for x in rows[0])] * (count - len(rows))
        hints = Hints([self.hints[k] for k in chosen], width)
        ids, position, see, target, weight = (torch.stack(x) for x in zip(*rows))
        see |= torch.eye(width, dtype=torch.bool)
        mask = torch.zeros(see.shape, dtype=torch.bfloat16).masked_fill_(~see, float("-inf"))
        return ids, position, mask[:, None], target, weight, hints


def losses(model, ids, position, mask, target, weight, hints=None):
    """Loss and weight of every position that predicts a reply's token; whether it is right."""
    h = model.hidden(ids, position, mask, hints)
    at = weight.reshape(-1).nonzero().squeeze(1)
    logits = model.logits(h.reshape(-1, h.shape[-1])[at]).float()
    target = target.reshape(-1)[at]
    return F.cross_entropy(logits, target, reduction="none"), logits.argmax(-1) == target, target


def learn(model, groups, chosen, width, count, total, batches):
    """Adds a micro-batch's share to the gradients."""
    hinted = groups.batch(chosen, width, count)
    hints = hinted[-1]
    loss, _, _ = losses(model, *hinted)
    (loss.sum() / total + hints.total / batches).backward()
    return loss.sum().item(), len(loss), hints.shown


@torch.no_grad()
def validate(model, groups, first, last, micro):
    """Loss, and how often the token before </s> (the answer) is the likeliest."""
    total = right = asked = n = 0
    for chosen, width, count in groups.plan(first, last, micro, 0):
        loss, good, target = losses(model, *groups.batch(chosen, width, count)[:-1])
        total, n = total + loss.sum().item(), n + len(loss)
        last_token = (target == 2).nonzero().squeeze(1) - 1
        right += int(good[last_token].sum())
        asked += len(last_token)
    return {"loss": round(total / n, 4), "answers": round(right / asked, 4)}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--base", required=True, help="folder that train_base.py wrote")
    a.add_argument("--data", required=True, help="PREFIX of make_data.py sit")
    a.add_argument("--out", required=True, help="folder for the adapter")
    a.add_argument("--tokens", type=float, default=10e6)
    a.add_argument("--fall", type=float, default=4e6)
    a.add_argument("--batch", type=int, default=6144)
    a.add_argument("--micro", type=int, default=2048)
    a.add_argument("--r", type=int, default=32)
    a.add_argument("--alpha", type=int, default=64)
    a.add_argument("--muon", type=float, default=0.0, help="rate of Muon; 0: Adam for all")
    a.add_argument("--adam", type=float, default=0.002)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    o = a.parse_args()
    os.makedirs(o.out, exist_ok=True)
    config, weights = llama.load_folder(o.base)
    groups = Groups(o.data)
    held = (len(groups.rows) - 200, len(groups.rows))
    if held[0] < WINDOW:
        sys.exit(f"{o.data}: {len(groups.rows)} texts are too few: 200 are held out, {WINDOW} a window")
    low = lora.Lora(config, o.r, o.alpha, o.seed)
    state = {"window": 0, "next": 0, "tokens": 0, "seconds": 0.0}
    path = os.path.join(o.out, "checkpoint.pt")
    saved = torch.load(path, weights_only=True) if os.path.exists(path) else None
    if saved:
        low.w, state = saved["weights"], saved["state"]
    model = llama.Llama(config, weights, low)
    team = Team(low.w, lambda job: learn(model, groups, *job), o.workers)
    optimizer = Optimizer(low.w if o.muon else {}, {} if o.muon else low.w, o.muon, o.adam)
    if saved:
        optimizer.state, optimizer.steps = saved["optimizer"], saved["steps"]
    log = open(os.path.join(o.out, "log.jsonl"), "a")

    def note(**what):
        for f in (log, sys.stdout):
            print(json.dumps(what), file=f, flush=True)

    def save():
        save_checkpoint(o.out, {"weights": {n: w.detach() for n, w in low.w.items()},
                                "state": state, "steps": optimizer.steps,
                                "optimizer": optimizer.state})

    stop = Stop()
    last_save = time.time()
    shown = [0.0, 0, time.time(), 0]
    looks = {name: [0.0, 0] for name in WEIGHTS}
    work = []
    if state["window"]:
        first = (state["window"] - 1) * WINDOW
        work = groups.plan(first, first + WINDOW, o.micro, o.seed)
    while state["tokens"] < o.tokens:
        some, size = [], 0
        for _ in range(max(1, o.batch // o.micro)):
            if state["next"] == len(work):
                first = state["window"] * WINDOW
                if first + WINDOW > held[0]:
                    break
                work = groups.plan(first, first + WINDOW, o.micro, o.seed)
                state["window"], state["next"] = state["window"] + 1, 0
            some.append(work[state["next"]])
            size += sum(groups.rows[k][3] for k in some[-1][0])
            state["next"] += 1
        if not some:
            break
        total = sum(a for chosen, _, _ in some for k in chosen for _, a in groups.rows[k][2])
        for lost, count, looked in team.run((*job, total, len(some)) for job in some):
            for name, value in looked.items():
                looks[name] = [looks[name][0] + value, looks[name][1] + 1]
            shown[0] += lost
            shown[1] += count
        optimizer.step(schedule(state["tokens"], o.tokens, 30 * o.batch, o.fall))
        state["tokens"] += size
        shown[3] += size
        if optimizer.steps % 25 == 0:
            spent = time.time() - shown[2]
            state["seconds"] += spent
            note(step=optimizer.steps, tokens=state["tokens"], loss=round(shown[0] / shown[1], 4),
                 looks=means(looks), rate=round(shown[3] / spent), seconds=round(state["seconds"]))
            shown = [0.0, 0, time.time(), 0]
            looks = {name: [0.0, 0] for name in WEIGHTS}
        if optimizer.steps % 250 == 0:
            note(step=optimizer.steps, tokens=state["tokens"],
                 held_out=validate(model, groups, *held, o.micro))
            shown[2] = time.time()
        if stop or time.time() - last_save > 180:
            save()
            last_save = time.time()
        if stop:
            team.close()
            sys.exit(1)
    save()
    note(step=optimizer.steps, tokens=state["tokens"],
         held_out=validate(model, groups, *held, o.micro), seconds=round(state["seconds"]))
    team.close()
    low.save(o.out, os.path.basename(os.path.normpath(o.base)))


if __name__ == "__main__":
    sys.exit(main())
