#!/usr/bin/env python3
"""Checks that drafts change no byte: every prompt with copies, with a smaller model and with both,
greedy and sampled, one at a time and many at once, against the answers without drafts.

    scripts/speculation/same_bytes.py -m MODEL --draft MODEL [--prompts N] [--tokens N]

The model must be quantized. Half of the prompts repeat what they were given, as those of
prompts.py do; the others are pieces of the tests' sources, with no answer in sight. Prints a line
for each way; exit status 1 where an answer differs.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

import prompts

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pieces(count):
    """Beginnings of a few lines each, from texts that everybody who runs this has."""
    lines = []
    for path in sorted((ROOT / "man").glob("*.[1-7]")) + sorted((ROOT / "lib").glob("*/*.h")):
        lines += [line for line in path.read_text("utf-8").splitlines() if len(line) > 40]
    dice = random.Random("pieces")
    for _ in range(count):
        start = dice.randrange(len(lines) - 4)
        yield "\n".join(lines[start:start + dice.randint(1, 4)])


def rows(count, tokens):
    kinds = (prompts.edit, prompts.mend, prompts.extract)
    texts = [kinds[i % 3](random.Random(f"same {i}")) for i in range(count // 2)]
    texts += pieces(count - len(texts))
    return "".join(json.dumps({"id": i, "prompt": text, "max_tokens": tokens, "seed": i}) + "\n"
                   for i, text in enumerate(texts))


def answers(given, batch, temp, options):
    """Each prompt's record, and what the run's drafts came to."""
    done = subprocess.run([given.generate, "-q", "-m", given.model, "--jsonl", "--max-batch", str(batch), "-t",
                           str(given.threads), "--temp", temp, "--summary", "/dev/stderr", *options],
                          input=given.rows.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or len(records) != given.prompts:
        sys.exit(f"generate ended with {done.returncode}, {len(records)} records: {done.stderr.decode()[-600:]}")
    return records, json.loads(done.stderr).get("drafts", {})


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-m", "--model", required=True)
    options.add_argument("--draft", required=True)
    options.add_argument("--generate", default=str(ROOT / "build/bin/generate"))
    options.add_argument("--prompts", type=int, default=500)
    options.add_argument("--tokens", type=int, default=32)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    given.rows = rows(given.prompts, given.tokens)
    ways = {"none": ["--lookup", "off"],
            "lookup": ["--lookup", "on"],
            "draft": ["--lookup", "off", "--draft", given.draft],
            "both": ["--lookup", "on", "--draft", given.draft]}
    differ = 0
    print("| drafts | choice | at once | drafted | held | differences |\n|---|---|---:|---:|---:|---:|", flush=True)
    for choice, temp in (("greedy", "0"), ("sampled", "0.8")):
        wanted = None
        for batch in (1, given.batch):
            for name, way in ways.items():
                records, drafts = answers(given, batch, temp, way)
                wanted = wanted or records
                wrong = sum(a != b for a, b in zip(records, wanted))
                differ += wrong
                print(f"| {name} | {choice} | {batch} | {drafts.get('drafted', 0)} | {drafts.get('accepted', 0)} "
                      f"| {wrong} |", flush=True)
    print(f"{given.prompts} prompts, {differ} differences")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
