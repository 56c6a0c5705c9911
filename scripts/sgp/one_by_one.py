#!/usr/bin/env python3
"""Answers prompts with another program, a process for each, as a shell loop would: what the
batching of sgp-eval is compared with, in speed and in words.

    sgp-eval -m MODEL.gguf --data testdata/sgp/svg.csv.zst --limit 20 --emit-prompts > prompts.jsonl
    scripts/sgp/one_by_one.py llama-completion MODEL.gguf prompts.jsonl -n 64 > answers.jsonl
    sgp-eval --data testdata/sgp/svg.csv.zst --limit 20 --responses answers.jsonl

For models that are spoken to in Llama 2's form, as this project's is.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time

import prompts


def text_of(line):
    messages = {message["role"]: message["content"] for message in line["messages"]}
    if messages.get("system", prompts.SYSTEM) != prompts.SYSTEM:
        sys.exit("one_by_one.py: the prompts have another system message")
    return prompts.chat(messages["user"])


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("program", help="path of llama-completion")
    a.add_argument("model", help="GGUF")
    a.add_argument("prompts", help="from sgp-eval --emit-prompts")
    a.add_argument("-n", type=int, default=64, help="most new tokens")
    a.add_argument("-t", type=int, default=2, help="threads")
    o = a.parse_args()
    with open(o.prompts, encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    begun = time.monotonic()
    for line in asked:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as prompt:
            prompt.write(text_of(line))
            prompt.flush()
            done = subprocess.run(
                [o.program, "-m", o.model, "-f", prompt.name, "-n", str(o.n), "-t", str(o.t), "--temp",
                 "0", "-no-cnv", "--no-display-prompt", "--no-warmup", "-c", "2048"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        # What it prints after an answer is no part of it.
        text = re.sub(r"( \[end of text\])?\n*$", "", done.stdout.decode("utf-8", "replace"))
        print(json.dumps({"id": line["id"], "response": text}), flush=True)
    seconds = time.monotonic() - begun
    print(f"{len(asked)} prompts in {seconds:.1f} s, {60 * len(asked) / seconds:.0f} per minute",
          file=sys.stderr)


if __name__ == "__main__":
    main()
