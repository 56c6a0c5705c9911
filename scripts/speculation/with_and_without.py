#!/usr/bin/env python3
"""Checks that drafts change no byte: every prompt with copies, with a smaller model and with both,
greedy and sampled, one at a time and many at once, against the answers without drafts that were
written one at a time. Each prompt is asked greedily and sampled in the same run, which reads it
once where it can.

    scripts/speculation/with_and_without.py -m MODEL --draft MODEL [--prompts N] [--first N] [--short] [--tokens N]

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


def lines_to_go_on_with():
    """Of texts that everybody who runs this has."""
    lines = []
    for path in sorted((ROOT / "man").glob("*.[1-7]")) + sorted((ROOT / "lib").glob("*/*.h")):
        lines += [line for line in path.read_text("utf-8").splitlines() if len(line) > 40]
    return lines


def text_of(i, lines, short):
    dice = random.Random(f"same {i}")
    if short:
        line = dice.choice(lines)
        return f"{line}\n{line[:len(line) // 2]}" if i % 2 == 0 else line
    if i % 2 == 0:
        return (prompts.edit, prompts.mend, prompts.extract)[i // 2 % 3](dice)
    start = dice.randrange(len(lines) - 4)
    return "\n".join(lines[start:start + dice.randint(1, 4)])


def rows(given):
    lines = lines_to_go_on_with()
    return "".join(json.dumps({"id": i, "prompt": text_of(i, lines, given.short), "max_tokens": given.tokens, "seed": i,
                               "temp": temp}) + "\n"
                   for i in range(given.first, given.first + given.prompts) for temp in (0, 0.8))


def answers(given, batch, options):
    """Each answer's record, and what the run's drafts came to."""
    done = subprocess.run([given.generate, "-q", "-m", given.model, "--jsonl", "--max-batch", str(batch), "-t",
                           str(given.threads), "--summary", "/dev/stderr", *options],
                          input=given.rows.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or len(records) != 2 * given.prompts:
        sys.exit(f"generate ended with {done.returncode}, {len(records)} records: {done.stderr.decode()[-600:]}")
    return records, json.loads(done.stderr).get("drafts", {})


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-m", "--model", required=True)
    options.add_argument("--draft", required=True)
    options.add_argument("--generate", default=str(ROOT / "build/bin/generate"))
    options.add_argument("--prompts", type=int, default=500)
    options.add_argument("--first", type=int, default=0, help="number of the first prompt")
    options.add_argument("--short", action="store_true", help="prompts of a line or two")
    options.add_argument("--tokens", type=int, default=32)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    given.rows = rows(given)
    ways = {"none": ["--lookup", "off"],
            "lookup": ["--lookup", "on"],
            "draft": ["--lookup", "off", "--draft", given.draft],
            "both": ["--lookup", "on", "--draft", given.draft]}
    differ = 0
    wanted = None
    print("| drafts | at once | drafted | held | greedy that differ | sampled |\n|---|---:|---:|---:|---:|---:|", flush=True)
    for batch in (1, given.batch):
        for name, way in ways.items():
            records, drafts = answers(given, batch, way)
            wanted = wanted or records
            wrong = [a != b for a, b in zip(records, wanted)]
            differ += sum(wrong)
            print(f"| {name} | {batch} | {drafts.get('drafted', 0)} | {drafts.get('accepted', 0)} "
                  f"| {sum(wrong[::2])} | {sum(wrong[1::2])} |", flush=True)
    print(f"{given.prompts} prompts, {differ} differences")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
