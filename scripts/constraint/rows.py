#!/usr/bin/env python3
"""Rows for bench_constraint from collections of schemas with instances.

    rows.py suite FOLDER    JSON-Schema-Test-Suite's tests/draft2020-12
    rows.py mask FOLDER     JSONSchemaBench's maskbench/data

An instance is written as json.dumps writes it; where a schema names members, also in their order.
"""
import itertools
import json
import pathlib
import sys


def orders(value, most=120):
    """The same value with the members of its objects in other orders, the first as it is."""
    if isinstance(value, list):
        for items in itertools.islice(itertools.product(*[list(orders(v, 6)) for v in value]), most):
            yield list(items)
    elif isinstance(value, dict):
        for names in itertools.islice(itertools.permutations(value), most):
            for values in itertools.islice(itertools.product(*[list(orders(value[n], 4)) for n in names]), 16):
                yield dict(zip(names, values))
    else:
        yield value


def texts(value):
    return list(itertools.islice((json.dumps(v, ensure_ascii=False) for v in orders(value)), 240))


def suite(folder):
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        for group in json.loads(path.read_text()):
            row = {"name": f"{path.stem}: {group['description']}",
                   "schema": json.dumps(group["schema"], ensure_ascii=False), "valid": [], "invalid": []}
            for test in group["tests"]:
                if test["valid"]:
                    row["valid"].append(texts(test["data"]))
                else:
                    row["invalid"].append(texts(test["data"]))
            yield row


def mask(folder):
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        data = json.loads(path.read_text())
        row = {"name": path.stem, "schema": json.dumps(data["schema"], ensure_ascii=False), "valid": [], "invalid": []}
        for test in data.get("tests", []):
            row["valid" if test["valid"] else "invalid"].append(json.dumps(test["data"], ensure_ascii=False))
        yield row


for line in {"suite": suite, "mask": mask}[sys.argv[1]](sys.argv[2]):
    print(json.dumps(line))
