#!/usr/bin/env python3
"""Draws the losses in one or more log.jsonl against tokens read, as an SVG or PNG."""

import argparse
import json
import os

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def curve(path):
    """(tokens, loss) while training, and on texts held out."""
    train, held = [], []
    with open(path) as f:
        for line in f:
            e = json.loads(line)
            if "held_out" in e:
                held.append((e["tokens"], e["held_out"].get("decided", e["held_out"].get("loss"))))
            elif "tokens" in e:
                train.append((e["tokens"], e.get("decided", e.get("loss"))))
    return train, held


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("-o", "--output", required=True)
    a.add_argument("logs", nargs="+")
    o = a.parse_args()
    plt.rcParams["svg.hashsalt"] = "lathe"
    figure, places = plt.subplots(1, len(o.logs), figsize=(5 * len(o.logs), 3.2), squeeze=False)
    for place, path in zip(places[0], o.logs):
        train, held = curve(path)
        place.plot([t / 1e6 for t, _ in train], [x for _, x in train], lw=1, label="training")
        if held:
            place.plot([t / 1e6 for t, _ in held], [x for _, x in held], "o", ms=3,
                       label="held out")
        place.set_title(os.path.basename(os.path.dirname(os.path.abspath(path))))
        place.set_xlabel("million tokens")
        place.set_ylabel("loss per token")
        place.set_yscale("log")
        place.legend()
    figure.tight_layout()
    figure.savefig(o.output, metadata={"Date": None} if o.output.endswith("svg") else None)


if __name__ == "__main__":
    main()
