#!/usr/bin/env python3
"""What bench_constraint's verdicts come to: verdicts.py FILE [HOW MANY to show of each kind]."""
import collections
import json
import re
import sys

show = int(sys.argv[2]) if len(sys.argv) > 2 else 10
count = collections.Counter()
reasons = collections.Counter()
examples = collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    count["schemas"] += 1
    if "error" in row:
        count["not compiled"] += 1
        words = re.search(r"([^ .]+) (is not enforced[^:]*|is supported where|is \"[^\"]*\", which)", row["error"])
        reasons[" ".join(words.groups()) if words else re.sub(r"\$\S*|\d+", "#", row["error"])[:90]] += 1
        continue
    kinds = [kind for kind in ("refused", "accepted") if row[kind]]
    count["right" if not kinds else "wrong"] += 1
    for kind in kinds:
        count["with a valid text refused" if kind == "refused" else "with an invalid text accepted"] += 1
        examples[kind].append((row["name"], row[kind][0]))
for what, number in count.items():
    print(f"{number:6} {what}")
for reason, number in reasons.most_common(show):
    print(f"{number:6} not compiled: {reason}")
for kind, list_ in examples.items():
    for name, text in list_[:show]:
        print(f"{kind}: {name}: {json.dumps(text)[:160]}")
