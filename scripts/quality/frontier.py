#!/usr/bin/env python3
"""What quantized files lose for their size, ours beside other programs' types: a table and a drawing.

    frontier.py measure --model f16.lathe --gguf f16.gguf --name SmolLM2 --text WikiText=wiki.test.raw \\
        --text programs=programs.txt --peer llama.cpp=llama.cpp/build/bin --work DIR -o frontier.tsv
    frontier.py table frontier.tsv
    frontier.py plot frontier.tsv -o frontier.svg

measure makes each file, ours with what --effort good learns from the text that comes along and the
peers' with an importance matrix of the same text, measures its divergence from the unquantized model
with perplexity, and removes it. A file that perplexity does not read is measured by the peer's own
llama-perplexity. Rows that the table has already are not measured again, so that a run can be ended
at any time and goes on where it was.
"""
import argparse
import csv
import json
import math
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["model", "by", "type", "bytes", "text", "chunks", "kl", "kl_error", "same_top", "ln_ratio"]
OURS = ["w2", "w3", "w4", "w5", "w6", "w8"]
TYPES = {
    "llama.cpp": ["IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "Q2_K", "Q2_K_S", "IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M",
                  "Q3_K_S", "Q3_K_M", "Q3_K_L", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_1", "Q4_K_S", "Q4_K_M", "Q5_0",
                  "Q5_1", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0"],
    "ik_llama.cpp": ["IQ2_KT", "IQ2_KS", "IQ2_K", "IQ2_KL", "IQ3_KT", "IQ3_KS", "IQ3_K", "IQ3_KL", "IQ4_KT", "IQ4_KSS",
                     "IQ4_KS", "IQ4_K", "IQ5_KS", "IQ5_K", "IQ6_K"],
}
COLORS = {"Lathe": "#1f6feb", "llama.cpp": "#d1242f", "ik_llama.cpp": "#8250df"}


def run(*command, may_fail=False):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace")
    if done.returncode != 0 and not may_fail:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{(done.stderr or done.stdout)[-800:]}")
    return done


def read_rows(path):
    if not Path(path).exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


class Measurement:
    def __init__(self, options):
        self.o = options
        self.work = Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.texts = dict(t.split("=", 1) for t in options.text)
        self.done = {(r["model"], r["by"], r["type"], r["text"]) for r in read_rows(options.output)}

    def missing(self, by, kind):
        return [t for t in self.texts if (self.o.name, by, kind, t) not in self.done]

    def add(self, by, kind, size, text, kl, error="", same_top="", ln_ratio=""):
        path = Path(self.o.output)
        new = not path.exists()
        with open(path, "a", newline="") as file:
            out = csv.writer(file, delimiter="\t", lineterminator="\n")
            if new:
                out.writerow(COLUMNS)
            out.writerow([self.o.name, by, kind, size, text, self.o.chunks, kl, error, same_top, ln_ratio])
        print(self.o.name, by, kind, size, text, kl, file=sys.stderr, flush=True)

    def measure(self, by, files):
        """files: paths by type; all in one pass over each text, with the base once."""
        for text, path in self.texts.items():
            kinds = [k for k in files if text in self.missing(by, k)]
            if not kinds:
                continue
            also = [x for k in kinds[1:] for x in ("--also", files[k])]
            out = run(self.o.bin / "perplexity", "-q", "-b", self.o.model, "-m", files[kinds[0]], *also, "-i", path,
                      "--chunks", self.o.chunks, "--continue", 1, "--json", may_fail=len(files) > 1 or by != "Lathe")
            if out.returncode != 0 and len(files) > 1:  # which of them it is that cannot be read
                for kind in kinds:
                    self.measure(by, {kind: files[kind]})
                return
            if out.returncode != 0:
                self.measure_by_peer(by, kinds[0], files[kinds[0]], text, path)
                continue
            for kind, row in zip(kinds, json.loads(out.stdout)["models"]):
                self.add(by, kind, files[kind].stat().st_size, text, row["kl"]["mean"], row["kl"]["error"],
                         row["same_top"]["mean"], row["ln_ratio"]["mean"])

    def measure_by_peer(self, by, kind, file, text, path):
        program = Path(dict(p.split("=", 1) for p in self.o.peer)[by]) / "llama-perplexity"
        base = self.work / f"{by}-{text}.logits"
        common = ["-f", path, "-c", 512, "--chunks", self.o.chunks]
        if not base.exists():
            run(program, "-m", self.o.gguf, "--kl-divergence-base", base, *common)
        said = run(program, "-m", file, "--kl-divergence-base", base, "--kl-divergence", *common)
        found = re.search(r"Mean\s+KLD:\s+([-0-9.]+)\s+±\s+([0-9.]+)", said.stdout + said.stderr)
        if not found:
            sys.exit(f"{program}: says no divergence of {file}")
        self.add(by + " (own KL)", kind, file.stat().st_size, text, *map(float, found.groups()))

    def in_batches(self, by, kinds, make):
        kinds = [k for k in kinds if self.missing(by, k) and self.missing(by + " (own KL)", k)]
        for at in range(0, len(kinds), self.o.batch):
            files = make(kinds[at:at + self.o.batch])
            self.measure(by, files)
            for file in files.values():
                file.unlink()

    def quantize(self, *options):
        run(self.o.bin / "quantize", "-q", "-f", "-m", self.o.model, "--effort", self.o.effort, "--calib", self.o.calib,
            *options)

    def ours(self, kinds):
        files = {k: self.work / f"{k}.lathe" for k in kinds}
        also = [x for k in kinds[1:] for x in ("--also", f"{k}={files[k]}")]
        self.quantize("-s", kinds[0], "-o", files[kinds[0]], *also)
        return files

    def of_sizes(self, kinds):
        files = {k: self.work / f"{k}.lathe" for k in kinds}
        for kind, file in files.items():
            self.quantize("--max-size", kind.removeprefix("≤"), "-o", file)
        return files

    def importance(self):
        if self.o.importance:
            return self.o.importance
        path = self.work / f"{self.o.name}.imatrix.gguf"
        if not path.exists():
            unused = self.work / "unused.lathe"
            run(self.o.bin / "quantize", "-q", "-f", "-m", self.o.model, "-s", "w8r", "-o", unused, "--effort", "fast",
                "--calib", self.o.calib, "--save-importance", path)
            unused.unlink()
        return path

    def importance_for(self, by):
        """ik_llama.cpp reads the older form only, which llama.cpp's llama-imatrix still writes."""
        if by != "ik_llama.cpp":
            return self.importance()
        path = self.work / f"{self.o.name}.imatrix.dat"
        if not path.exists():
            folder = dict(p.split("=", 1) for p in self.o.peer).get("llama.cpp")
            if not folder:
                sys.exit(f"{path}: missing; --peer llama.cpp=FOLDER makes it, with llama-imatrix")
            run(Path(folder) / "llama-imatrix", "-m", self.o.gguf, "--in-file", self.importance(), "--output-format",
                "dat", "-o", path)
        return path

    def theirs(self, by, folder, kinds):
        files = {}
        for kind in kinds:
            files[kind] = self.work / f"{kind}.gguf"
            run(folder / "llama-quantize", "--imatrix", self.importance_for(by), self.o.gguf, files[kind], kind)
        return files

    def all(self):
        self.in_batches("Lathe", self.o.schemes, self.ours)
        self.in_batches("Lathe", ["≤" + size for size in self.o.sizes], self.of_sizes)
        for peer in self.o.peer:
            by, folder = peer.split("=", 1)
            kinds = [t for t in TYPES[by] if not self.o.types or t in self.o.types]
            self.in_batches(by, kinds, lambda kinds: self.theirs(by, Path(folder), kinds))


def points(rows, model, text):
    """(bytes, KL, by, type), by size."""
    return sorted((int(r["bytes"]), float(r["kl"]), r["by"].split(" (")[0], r["type"])
                  for r in rows if r["model"] == model and r["text"] == text)


def each(rows, column):
    return list(dict.fromkeys(r[column] for r in rows))


def table(options):
    """A line for each file; of ours also the best that another makes of that size or less."""
    rows = read_rows(options.rows)
    texts = each(rows, "text")
    for model in each(rows, "model"):
        by_text = {t: {(p[2], p[3]): p for p in points(rows, model, t)} for t in texts}
        print(f"| {model} | MB | " + " | ".join(f"KL {t}" for t in texts) + " | beside the best peer of that size |")
        print("|---|---:|" + "---:|" * len(texts) + "---|")
        for size, _, by, kind in points(rows, model, texts[0]):
            cells, beside = [], []
            for text in texts:
                own = by_text[text].get((by, kind))
                cells.append(f"{own[1]:.4f}" if own else "")
                peers = [p for p in by_text[text].values() if p[2] != "Lathe" and p[0] <= size]
                if own and by == "Lathe" and peers:
                    best = min(peers, key=lambda p: p[1])
                    beside.append(f"{own[1] / best[1]:.2f}× {best[3]}")
            print(f"| {by} {kind} | {size / 1e6:.1f} | " + " | ".join(cells) + f" | {', '.join(beside)} |")
        print()


def frontier(marks):
    best, out = math.inf, []
    for x, y in sorted(marks):
        if y < best:
            best = y
            out.append((x, y))
    return out


class Panel:
    """One model's points on logarithms of the divergence."""
    WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 420, 320, 48, 30, 16, 30

    def __init__(self, number, marks):
        self.x0 = number * self.WIDTH
        self.low, self.high = marks[0][0] / 1e6, marks[-1][0] / 1e6
        self.least = math.log10(min(m[1] for m in marks)) - 0.2
        self.most = math.ceil(math.log10(max(m[1] for m in marks)))

    def x(self, megabytes):
        share = (megabytes - self.low) / max(1e-9, self.high - self.low)
        return self.x0 + self.LEFT + share * (self.WIDTH - self.LEFT - self.RIGHT)

    def y(self, kl):
        share = (self.most - math.log10(kl)) / (self.most - self.least)
        return self.TOP + share * (self.HEIGHT - self.TOP - self.BOTTOM)

    def axes(self, title):
        out = [f'<text x="{self.x0 + self.LEFT}" y="16" font-size="12">{title}</text>']
        for power in range(math.ceil(self.least), self.most + 1):
            y = self.y(10.0 ** power)
            out.append(f'<path d="M{self.x0 + self.LEFT} {y:.1f}H{self.x0 + self.WIDTH - self.RIGHT}" stroke="#ddd"/>'
                       f'<text x="{self.x0 + self.LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{10.0 ** power:g}</text>')
        step = 10 ** math.floor(math.log10(max(1e-9, self.high - self.low)))
        step = step if (self.high - self.low) / step >= 4 else step / 4
        for mark in range(math.ceil(self.low / step), int(self.high / step) + 1):
            out.append(f'<text x="{self.x(mark * step):.1f}" y="{self.HEIGHT - 12}" text-anchor="middle">'
                       f'{mark * step:g}</text>')
        return out

    def named(self, marks, taken):
        """Those whose names have room beside the marks that have theirs already, best first."""
        out = []
        for mark in sorted(marks, key=lambda m: m[1]):
            if all(abs(self.y(other[1]) - self.y(mark[1])) > 7 for other in taken + out):
                out.append(mark)
        return out

    def dots(self, marks):
        out = []
        taken = {True: [], False: []}  # names of ours are on the left of their marks
        for by in dict.fromkeys(m[2] for m in marks):
            own = [m for m in marks if m[2] == by]
            color = COLORS.get(by, "#555")
            best = frontier([(m[0] / 1e6, m[1]) for m in own])
            line = " ".join(f"{self.x(b):.1f},{self.y(kl):.1f}" for b, kl in best)
            out.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>')
            ours = by == "Lathe"
            named = self.named([m for m in own if (m[0] / 1e6, m[1]) in best], taken[ours])
            taken[ours] += named
            for mark in own:
                x, y = self.x(mark[0] / 1e6), self.y(mark[1])
                out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>')
                if mark in named:
                    left = ours or x > self.x0 + self.WIDTH - 45
                    side = "end" if left else "start"
                    out.append(f'<text x="{x + (-4 if left else 4):.1f}" y="{y + (10 if ours else -2):.1f}" '
                               f'fill="{color}" font-size="7" text-anchor="{side}">{mark[3]}</text>')
        return out


def plot(options):
    rows = read_rows(options.rows)
    models, text = each(rows, "model"), each(rows, "text")[0]
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Panel.WIDTH * len(models)} {Panel.HEIGHT}" '
           'font-family="sans-serif" font-size="9"><rect width="100%" height="100%" fill="white"/>']
    for number, model in enumerate(models):
        marks = points(rows, model, text)
        panel = Panel(number, marks)
        svg += panel.axes(f"{model}: KL divergence ({text}) by MB") + panel.dots(marks)
        for i, by in enumerate(dict.fromkeys(m[2] for m in marks)):
            svg.append(f'<text x="{(number + 1) * Panel.WIDTH - 90}" y="{Panel.TOP + 14 + 12 * i}" font-size="11" '
                       f'fill="{COLORS.get(by, "#555")}">{by}</text>')
    Path(options.output).write_text("\n".join(svg) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    m = commands.add_parser("measure")
    m.add_argument("--bin", type=Path, default=ROOT / "build/bin")
    m.add_argument("--model", required=True, help="unquantized, for ours and as the base")
    m.add_argument("--gguf", required=True, help="the same for llama-quantize")
    m.add_argument("--name", required=True)
    m.add_argument("--text", action="append", required=True, metavar="NAME=FILE")
    m.add_argument("--peer", action="append", default=[], metavar="NAME=FOLDER", help="llama.cpp or ik_llama.cpp")
    m.add_argument("--schemes", nargs="*", default=OURS)
    m.add_argument("--sizes", nargs="*", default=[], help="of files of ours beside the schemes, as --max-size has them")
    m.add_argument("--types", nargs="*", help="of the peers, in place of all")
    m.add_argument("--effort", default="good")
    m.add_argument("--calib", default=ROOT / "tools/quantize/calibration.text")
    m.add_argument("--importance", help="an importance matrix of that text, when there is one")
    m.add_argument("--chunks", type=int, default=8)
    m.add_argument("--batch", type=int, default=6, help="files at once")
    m.add_argument("--work", required=True)
    m.add_argument("-o", "--output", required=True)
    for name in ("plot", "table"):
        p = commands.add_parser(name)
        p.add_argument("rows")
        if name == "plot":
            p.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    if options.command == "measure":
        Measurement(options).all()
    else:
        {"plot": plot, "table": table}[options.command](options)


if __name__ == "__main__":
    main()
