"""SGP-Bench's rules once more, after the paper and the protocol, with nothing but the standard
library: what sgp-eval says is compared with this.

    python3 sgp_scorer.py RESPONSES.jsonl DATA.csv[.zst]...     prints the scores as JSON
"""
import collections
import csv
import io
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

LETTER = re.compile(r"(?i)Answer\s*:\s*([A-D])")
FREE = re.compile(r"(?i)Answer\s*:\s*([^\n]+)")
CHOICE = ("Answer the following multiple choice question. The last line of your response should be "
          "of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of ABCD. "
          "Think step by step before answering.\n\n{Question}\n\nA) {A}\nB) {B}\nC) {C}\nD) {D}")
NUMBER = ("Solve the following problem step by step. The last line of your response should be of "
          "the form Answer: $ANSWER (without quotes) where $ANSWER is the answer to the problem.\n\n"
          "{Question}\n\nImportant, put your answer on its own line after \"Answer:\", and you do "
          "not need to use a \\boxed command.")


def rows(path):
    """(split, list of dicts) of a data file."""
    data = pathlib.Path(path).read_bytes()
    name = pathlib.Path(path).name
    if name.endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    split = re.sub(r"^sgp_|(_testset)?\.csv(\.zst)?$", "", name)
    table = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    for number, row in enumerate(table, 1):
        row.setdefault("PID", f"{split}-{number}")
    return split, table


def prompt(row):
    return (CHOICE if "A" in row else NUMBER).format(**row)


def number(text):
    text = text.strip().strip("$*").rstrip(".").strip()
    try:
        return float(text)
    except ValueError:
        return None


def verdict(row, response):
    """(extracted or None, 1.0 or 0.0)"""
    match = (LETTER if "A" in row else FREE).search(response)
    if not match:
        return None, 0.0
    found = match.group(1)
    if "A" in row:
        return found, float(found == row["Answer"])
    a, b = number(found), number(row["Answer"])
    same = a == b if a is not None and b is not None else found.strip() == row["Answer"].strip()
    return found, float(same)


def wilson(p, n):
    z = statistics.NormalDist().inv_cdf(0.975)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [max(0.0, middle - half), min(1.0, middle + half)]


def figures(verdicts):
    scores = [score for _, score in verdicts]
    mean = statistics.fmean(scores)
    std = statistics.pstdev(scores)
    return {"count": len(scores), "score": mean, "std": std,
            "standard_error": std / math.sqrt(len(scores)), "interval": wilson(mean, len(scores)),
            "answered": sum(found is not None for found, _ in verdicts) / len(verdicts)}


def consistency(by_split, splits):
    splits = [s for s in splits if s in by_split]
    ids = [i for i in by_split[splits[0]] if all(i in by_split[s] for s in splits)]
    shares = []
    for i in ids:
        answers = collections.Counter(by_split[s][i][0] for s in splits)
        shares.append(answers.most_common(1)[0][1] / len(splits))
    accuracy = statistics.fmean(statistics.fmean(v[1] for v in by_split[s].values())
                                for s in splits)
    return {"questions": len(ids), "consistency": statistics.fmean(shares), "accuracy": accuracy}


def score(data, responses):
    """`responses`: (split, PID) -> text. The figures of sgp-eval --json."""
    by_split, subjects = {}, collections.defaultdict(list)
    for path in data:
        split, table = rows(path)
        by_split[split] = {}
        for row in table:
            one = verdict(row, responses[split, row["PID"]])
            by_split[split][row["PID"]] = one
            if row.get("Subject"):
                subjects[split, row["Subject"]].append(one)
    out = figures([v for split in by_split.values() for v in split.values()])
    out["splits"] = {name: figures(list(v.values())) for name, v in by_split.items()}
    out["subjects"] = {f"{split}/{name}": figures(v) for (split, name), v in subjects.items()}
    out["consistency"] = {}
    for name, letter in (("translation", "t"), ("rotation", "r")):
        splits = ["inv"] + [f"inv_{letter}{i}" for i in range(5)]
        if sum(s in by_split for s in splits) > 1:
            out["consistency"][name] = consistency(by_split, splits)
    return out


def main():
    responses = {}
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            responses[record["split"], record["id"]] = record.get("response") or ""
    json.dump(score(sys.argv[2:], responses), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
