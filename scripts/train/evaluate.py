#!/usr/bin/env python3
"""Scores a model on the test sets by the reference's protocol, with transformers alone.

Greedy, the first match of the reference's pattern counts; the adapter is put on by
PEFT. Slow and simple on purpose: what the project's own tools say is compared to it.
"""

import argparse
import os
import re
import sys
import time

import sentencepiece
import torch
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "sgp"))
import prompts  # noqa: E402
import writer  # noqa: E402

LETTER = re.compile(r"(?i)Answer\s*:\s*([A-D])")
NUMBER = re.compile(r"(?i)Answer\s*:\s*([^\n]+)")


@torch.no_grad()
def replies(model, sp, messages, new, batch):
    """The greedy reply to each message; rows of like length together."""
    ids = [[1] + sp.encode(prompts.chat(m)) for m in messages]
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    out = [""] * len(ids)
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        width = max(len(ids[i]) for i in some)
        rows = torch.tensor([[0] * (width - len(ids[i])) + ids[i] for i in some])
        mask = torch.tensor([[0] * (width - len(ids[i])) + [1] * len(ids[i]) for i in some])
        got = model.generate(input_ids=rows, attention_mask=mask, do_sample=False,
                             max_new_tokens=new, pad_token_id=0, eos_token_id=2)
        for i, row in zip(some, got[:, width:].tolist()):
            out[i] = sp.decode([t for t in row[:row.index(2) if 2 in row else None] if t > 2])
    return out


def right(found, row):
    if found is None:
        return False
    if len(row) > 2:
        return found == row[6]
    try:
        return float(found) == float(row[1])
    except ValueError:
        return found.strip() == row[1].strip()


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--model", required=True, help="Hugging Face folder of the base")
    a.add_argument("--adapter", help="PEFT folder")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--batch", type=int, default=16)
    a.add_argument("--new", type=int, default=48, help="most new tokens")
    a.add_argument("--limit", type=int, help="only the first so many rows of each file")
    a.add_argument("--show", type=int, default=0, help="print so many wrong replies")
    a.add_argument("--bf16", action="store_true", help="compute in bf16 rather than f32")
    a.add_argument("files", nargs="+")
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    sp = sentencepiece.SentencePieceProcessor(
        model_file=os.path.join(o.model, "tokenizer.model"))
    model = AutoModelForCausalLM.from_pretrained(
        o.model, dtype=torch.bfloat16 if o.bf16 else torch.float32)
    if o.adapter:
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, o.adapter)
    model.eval()
    for path in o.files:
        begun = time.time()
        rows = writer.read(path)[1][:o.limit]
        pattern = NUMBER if len(rows[0]) == 2 else LETTER
        texts = replies(model, sp, [prompts.user_message(r) for r in rows], o.new, o.batch)
        found = [(m.group(1) if (m := pattern.search(t)) else None) for t in texts]
        good = [right(f, r) for f, r in zip(found, rows)]
        name = os.path.basename(path).split(".")[0]
        subjects = sorted({r[7] for r in rows}) if len(rows[0]) > 2 else []
        for subject in subjects + ["all"]:
            some = [g for g, r in zip(good, rows) if subject in ("all", r[-1])]
            print("%-8s %-10s %5.1f %% of %d" % (name, subject, 100 * sum(some) / len(some),
                                                len(some)), flush=True)
        print("%-8s answered   %5.1f %%, %.0f s" % (
            name, 100 * sum(f is not None for f in found) / len(rows), time.time() - begun))
        shown = 0
        for t, r, g in zip(texts, rows, good):
            if not g and shown < o.show:
                shown += 1
                print("  wrong:", r[1 if len(r) > 2 else 0].rsplit("\n", 1)[-1], r[2:7],
                      repr(t), flush=True)


if __name__ == "__main__":
    main()
