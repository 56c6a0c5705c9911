#!/usr/bin/env python3
"""How the reading of a prompt slows down as it grows, beside other programs: a table and a drawing.

    growth.py measure -m MODEL [--peer 'NAME=llama-bench -m FILE -o json ...'] [--peer-depth N] -o growth.tsv
    growth.py table growth.tsv
    growth.py plot growth.tsv -o growth.svg

measure times pieces of 512 tokens behind 0 to 261,632 others. Of ours only the first of these are
computed (bench --compute-depth), a peer computes all, so it is asked up to --peer-depth only. Each
depth is measured by all in turn, as often as --turns says. A prompt's whole time is the sum of its
pieces', those between two depths on the line from one to the other.
"""
import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIECE = 512
COLORS = ["#1f6feb", "#d1242f", "#8250df"]


def rate(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command}: status {done.returncode}\n{done.stderr[-800:]}")
    said = json.loads(done.stdout)
    rows = said if isinstance(said, list) else said["results"]
    return rows[0]["avg_ts"]


def measure(options):
    test = f"-p {PIECE} -n 0 -r 1"
    depths = [d for d in (0, 1024, 4096, 16384, 65536, 131072, 262144 - PIECE) if d <= options.depth]
    with open(options.output, "w", newline="") as file:
        out = csv.writer(file, delimiter="\t", lineterminator="\n")
        out.writerow(["by", "depth", "tokens_per_second"])
        for depth in depths:
            found = {}
            for _ in range(options.turns):
                ours = f"{options.bench} -q -m {options.model} --kv-type {options.kv_type} --json --no-warmup"
                found.setdefault("Lathe", []).append(
                    rate(f"{ours} {options.flags} {test} -d {depth} --compute-depth {2 * PIECE}"))
                for peer in options.peer if depth <= options.peer_depth else []:
                    name, command = peer.split("=", 1)
                    found.setdefault(name, []).append(rate(f"{command} {test} -d {depth}"))
            for name, rates in found.items():
                out.writerow([name, depth, f"{statistics.median(rates):.2f}"])
                print(name, depth, *(f"{r:.1f}" for r in rates), file=sys.stderr, flush=True)
            file.flush()


def read(path):
    """Seconds a token by depth, of each program."""
    found = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["by"], []).append((int(row["depth"]), 1 / float(row["tokens_per_second"])))
    return found


def seconds(costs, tokens):
    """Of a prompt; None where its end was not measured."""
    total = 0.0
    for at in range(0, tokens, PIECE):
        behind = [i for i in range(len(costs)) if costs[i][0] <= at]
        i = min(behind[-1], len(costs) - 2) if len(costs) > 1 else 0
        if at > costs[-1][0]:
            return None
        (d0, c0), (d1, c1) = costs[i], costs[i + 1]
        total += PIECE * (c0 + (c1 - c0) * (at - d0) / (d1 - d0))
    return total


def table(options):
    found = read(options.rows)
    print("| tokens | " + " | ".join(found) + " |\n|---:|" + "---:|" * len(found))
    for tokens in (1024, 4096, 16384, 65536, 131072, 262144):
        cells = [seconds(costs, tokens) for costs in found.values()]
        if any(c is not None for c in cells):
            print(f"| {tokens:,} | " + " | ".join("" if c is None else f"{c:.1f} s" for c in cells) + " |")


def plot(options):
    """Milliseconds a token by depth, on logarithms of both."""
    width, height, left, top, right, bottom = 460, 300, 48, 28, 16, 30
    found = read(options.rows)
    costs = [c for each in found.values() for _, c in each]
    low, high = math.floor(math.log10(min(costs) * 1e3)), math.ceil(math.log10(max(costs) * 1e3))
    ends = (math.log2(PIECE), 18)

    def x(depth):
        return left + (math.log2(depth) - ends[0]) / (ends[1] - ends[0]) * (width - left - right)

    def y(ms):
        return top + (high - math.log10(ms)) / (high - low) * (height - top - bottom)

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
           'font-size="9"><rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="16" font-size="12">milliseconds a token of a prompt, by its place</text>']
    for power in range(low, high + 1):
        at = y(10.0 ** power)
        svg.append(f'<path d="M{left} {at:.1f}H{width - right}" stroke="#ddd"/>'
                   f'<text x="{left - 5}" y="{at + 3:.1f}" text-anchor="end">{10.0 ** power:g}</text>')
    for power in range(10, 19, 2):
        svg.append(f'<text x="{x(2 ** power):.1f}" y="{height - 12}" text-anchor="middle">{2 ** (power - 10)}k</text>')
    for number, (name, pieces) in enumerate(found.items()):
        color = COLORS[number % len(COLORS)]
        # The middle of the piece, so that the first has a place.
        marks = [(x(max(PIECE, depth + PIECE / 2)), y(cost * 1e3)) for depth, cost in pieces]
        svg.append('<polyline points="' + " ".join(f"{a:.1f},{b:.1f}" for a, b in marks)
                   + f'" fill="none" stroke="{color}" stroke-width="1.5"/>')
        svg += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{color}"/>' for a, b in marks]
        svg.append(f'<text x="{left + 12}" y="{top + 14 + 13 * number}" font-size="11" fill="{color}">{name}</text>')
    Path(options.output).write_text("\n".join(svg) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    m = commands.add_parser("measure")
    m.add_argument("--bench", default=ROOT / "build/bin/bench")
    m.add_argument("-m", "--model", required=True)
    m.add_argument("--kv-type", default="int8")
    m.add_argument("--flags", default="", help="more of bench's options")
    m.add_argument("--depth", type=int, default=262144, help="how far")
    m.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    m.add_argument("--peer-depth", type=int, default=16384)
    m.add_argument("--turns", type=int, default=1)
    m.add_argument("-o", "--output", required=True)
    for name in ("table", "plot"):
        p = commands.add_parser(name)
        p.add_argument("rows")
        if name == "plot":
            p.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    {"measure": measure, "table": table, "plot": plot}[options.command](options)


if __name__ == "__main__":
    main()
