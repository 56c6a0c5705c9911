#!/usr/bin/env python3
"""Runs the 60 prompts of testdata/speculation with and without drafts: the answers must be the
same bytes, and the table says how many tokens a second each way gives.

    scripts/speculation/compare.py -m MODEL [--draft MODEL] [--batch N] [--temp X] [--limit N]

With --peer 'PROGRAM [OPTIONS]' --peer-model FILE.gguf llama.cpp's lookup example runs beside it, on the
same prompts.
Exit status 1 where an answer differs.
"""
import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "testdata/speculation/prompts.jsonl"


def run(program, model, rows, batch, options):
    """The records without what differs between runs of other options, and the run's summary."""
    with tempfile.TemporaryDirectory() as folder:
        summary = pathlib.Path(folder) / "summary.json"
        done = subprocess.run([program, "-q", "-m", model, "--jsonl", "--max-batch", str(batch), "--summary", summary,
                               *options], input="".join(rows).encode(), stdout=subprocess.PIPE, check=True)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        return records, json.loads(summary.read_text())


def peer_speed(program, model, rows, threads):
    """Tokens a second over all prompts, by what llama.cpp's example says of its decoding."""
    tokens = seconds = 0.0
    for row in map(json.loads, rows):
        done = subprocess.run([*shlex.split(program), "-m", model, "-p", row["prompt"], "-n", str(row["max_tokens"]),
                               "--temp", "0", "-t", str(threads)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        found = re.search(rb"decoded\s+(\d+) tokens in\s+([0-9.]+) seconds", done.stdout)
        if not found:
            sys.exit(f"{program}: says nothing of its speed:\n{done.stdout[-600:].decode('utf-8', 'replace')}")
        tokens += float(found[1])
        seconds += float(found[2])
    return tokens / seconds


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-m", "--model", required=True)
    options.add_argument("--draft")
    options.add_argument("--generate", default=str(ROOT / "build/bin/generate"))
    options.add_argument("--batch", type=int, default=1)
    options.add_argument("--temp", default="0")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--limit", type=int, default=60)
    options.add_argument("--peer")
    options.add_argument("--peer-model")
    given = options.parse_args()
    rows = PROMPTS.read_text("utf-8").splitlines(keepends=True)
    rows = rows[::max(1, len(rows) // given.limit)][:given.limit]
    ways = {"off": ["--lookup", "off"], "lookup": ["--lookup", "auto"]}
    if given.draft:
        ways["draft"] = ["--lookup", "off", "--draft", given.draft]
        ways["both"] = ["--lookup", "auto", "--draft", given.draft]
    wanted, differ, base = None, 0, None
    print("| drafts | seconds | tokens/s | x | writing alone | x | tokens a pass | drafted | held |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, way in ways.items():
        records, summary = run(given.generate, given.model, rows, given.batch,
                               ["--temp", given.temp, "-t", str(given.threads), *way])
        wanted = wanted or records
        differ += sum(a != b for a, b in zip(records, wanted)) + abs(len(records) - len(wanted))
        rate = summary["tokens"] / summary["seconds"]
        writing = 1 / summary["tpot"]["mean"]
        base = base or (rate, writing)
        drafts = summary.get("drafts", {"passes": 0, "drafted": 0, "accepted": 0})
        passes = max(1, drafts["passes"])
        print(f"| {name} | {summary['seconds']:.2f} | {rate:.0f} | {rate / base[0]:.2f} "
              f"| {writing:.0f} | {writing / base[1]:.2f} "
              f"| {1 + drafts['accepted'] / passes:.2f} | {drafts['drafted']} | {drafts['accepted']} |", flush=True)
    if given.peer:
        print(f"| llama.cpp lookup | | | | {peer_speed(given.peer, given.peer_model, rows, given.threads):.0f} | | | | |")
    print(f"{len(wanted)} answers, {differ} differences")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
