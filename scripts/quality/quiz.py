#!/usr/bin/env python3
"""Questions with four options each from the data of BSD's quiz(6), as a CSV file for sgp-eval.

    quiz.py /usr/share/games/bsdgames/quiz -o quiz.csv
    sgp-eval -m MODEL --data quiz.csv --protocol logprob --system '' --chat-template none --records MODEL.jsonl

Capitals, chemical elements, presidents, lines of plays and poems, names of animals: facts that other
people wrote down, asked in turn with three wrong answers of the same kind. The package is Debian's
bsdgames; nothing of it is part of this project.
"""
import argparse
import csv
import random
import re
from pathlib import Path

# File, field that is given, field that is asked for, the question.
ASKED = [
    ("africa", 0, 1, "What is the capital of {}?"), ("america", 0, 1, "What is the capital of {}?"),
    ("asia", 0, 1, "What is the capital of {}?"), ("europe", 0, 1, "What is the capital of {}?"),
    ("state", 0, 1, "What is the capital of the state of {}?"),
    ("elements", 3, 0, "What is the chemical symbol of {}?"),
    ("elements", 0, 3, "Which chemical element has the symbol {}?"),
    ("pres", 0, 3, "Who was president of the United States after {}?"),
    ("sexes", 0, 1, "What is the female of {}?"), ("babies", 0, 1, "What is a young {} called?"),
    ("collectives", 0, 1, "What is a group of {} called?"),
    ("bard", 0, 2, 'In which play by Shakespeare is the line "{}"?'),
    ("poetry", 0, 3, 'Who wrote the line "{}"?'),
    ("latin", 0, 1, 'What does the Latin "{}" mean?'),
]


def spelled_out(text):
    """What quiz(6) takes as an answer, at its longest: {optional} is there, of a|b and [a|b] the first."""
    before = None
    while before != text:
        before = text
        text = re.sub(r"\[([^\[\]|{}]*)(\|[^\[\]{}]*)?\]", r"\1", text)
        text = re.sub(r"\{([^{}|]*)(\|[^{}]*)?\}", r"\1", text)
    return " ".join(text.split("|")[0].split())


def facts(path):
    text = path.read_text("latin-1").replace("\\\n", "")
    for line in text.splitlines():
        yield [spelled_out(field) for field in line.split(":")]


def questions(folder):
    dice = random.Random(7)
    for name, given, asked, words in ASKED:
        known = {f[given]: f[asked] for f in facts(folder / name) if len(f) > max(given, asked) and f[given] and f[asked]}
        answers = sorted(set(known.values()))
        for fact, right in known.items():
            options = [right, *dice.sample([a for a in answers if a != right], 3)]
            dice.shuffle(options)
            yield name, words.format(fact), options, "ABCD"[options.index(right)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--every", type=int, default=1, help="only each N-th question")
    options = parser.parse_args()
    with open(options.output, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["id", "Question", "A", "B", "C", "D", "Answer", "Subject", "Split"])
        for number, (subject, words, choices, letter) in enumerate(questions(options.folder)):
            if number % options.every == 0:
                out.writerow([number, words, *choices, letter, subject, "quiz"])


if __name__ == "__main__":
    main()
