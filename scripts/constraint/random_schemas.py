#!/usr/bin/env python3
"""Schemas at random over the keywords that are enforced, instances of them, and a check of answers.

    random_schemas.py rows FIRST LAST EACH     rows for bench_constraint: schemas of these seeds, each
                                               with so many valid instances (needs jsonschema)
    random_schemas.py batch FIRST LAST EACH    rows for generate --jsonl: so many answers per schema
    random_schemas.py check < RECORDS          of that: how many answers are valid (needs jsonschema)
"""
import json
import random
import string
import sys

PATTERNS = {
    "^[a-z]{2,5}$": lambda r: "".join(r.choice("abcxyz") for _ in range(r.randint(2, 5))),
    "^(foo|bar)-[0-9]+$": lambda r: r.choice(["foo", "bar"]) + "-" + str(r.randint(0, 999)),
    "[A-Z]": lambda r: text(r, 3) + "Q" + text(r, 3),
    "^x": lambda r: "x" + text(r, 4),
    "\\d{3}$": lambda r: text(r, 2).replace("\n", "") + "%03d" % r.randint(0, 999),
    "^[^ ]*$": lambda r: text(r, 9).replace(" ", "").replace("\n", ""),
    "^[0-9]{4}-[0-9]{2}$": lambda r: "2024-05",
}
FORMATS = {
    "date": lambda r: "2024-%02d-%02d" % (r.randint(1, 12), r.randint(1, 28)),
    "date-time": lambda r: "2024-02-03T04:05:%02dZ" % r.randint(0, 59),
    "time": lambda r: "10:11:12.5+01:00",
    "ipv4": lambda r: ".".join(str(r.randint(0, 255)) for _ in range(4)),
    "uuid": lambda r: "%08x-1234-4abc-8def-0123456789ab" % r.getrandbits(32),
    "email": lambda r: "joe.b@example.org",
    "hostname": lambda r: "a-b.example.com",
}
NAMES = ["name", "age", "a", "ab", "abc", "x-y", "é", "items", "type", "na me", '"q"']
LEAVES = ["string", "integer", "number", "boolean", "enum", "pattern"]
NODES = LEAVES + ["null", "array", "object", "const", "anyOf", "any", "format", "ref", "allOf", "oneOf"]


def text(r, n):
    return "".join(r.choice(string.ascii_letters + " 0123456789" + 'é"\\\n/あ😀_-') for _ in range(n))


def numbers(r, kind):
    low = r.choice([-1000, -17, -1, 0, 1, 3, 42, 999])
    high = low + r.choice([0, 1, 5, 10, 97, 1000, 123456])
    if kind == "number" and r.random() < .5:
        low, high = low + r.choice([.5, .25, .125, .3]), high + r.choice([.5, .75, .9])
    out = {"type": kind}
    if r.random() < .4:
        out[r.choice(["minimum", "exclusiveMinimum"])] = low
    if r.random() < .4:
        out[r.choice(["maximum", "exclusiveMaximum"])] = high + 2
    return out


def bounded(r, out, low, high, most, width):
    if r.random() < .5:
        out[low] = r.randint(0, most)
        if r.random() < .7:
            out[high] = out[low] + r.randint(0, width)
    return out


def one_of(r, depth):
    return {"oneOf": [{"type": "string", "minLength": 1}, {"type": "integer"},
                      {"type": "object", "properties": {"kind": {"const": "a"}, "v": schema(r, depth + 1)},
                       "required": ["kind"], "additionalProperties": False},
                      {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]}]}


def schema(r, depth):
    kind = r.choice(NODES if depth < 3 else LEAVES)
    if kind == "string":
        return bounded(r, {"type": "string"}, "minLength", "maxLength", 4, 12)
    if kind in ("integer", "number"):
        return numbers(r, kind)
    if kind == "enum":
        values = [1, "a", 'é"\\', None, True, 2.5, "two words", [1, 2], {"a": 1}, -3, ""]
        return {"enum": r.sample(values, r.randint(1, 5))}
    if kind == "const":
        return {"const": r.choice([7, "x y", "\n", False, {"k": [1, "z"]}, []])}
    if kind == "anyOf":
        return {"anyOf": [schema(r, depth + 1) for _ in range(r.randint(2, 3))]}
    if kind == "any":
        return r.choice([True, {}])
    if kind == "pattern":
        return {"type": "string", "pattern": r.choice(list(PATTERNS))}
    if kind == "format":
        return {"type": "string", "format": r.choice(list(FORMATS))}
    if kind == "ref":
        return {"$ref": "#/$defs/" + r.choice("abc")}
    if kind == "allOf":
        return {"allOf": [{"type": ["object"]}, an_object(r, depth + 1),
                          {"properties": {"zz": schema(r, depth + 2)}}]}
    if kind == "oneOf":
        return one_of(r, depth)
    if kind == "array":
        out = bounded(r, {"type": "array"}, "minItems", "maxItems", 3, 4)
        if r.random() < .8:
            out["items"] = schema(r, depth + 1)
        if r.random() < .3:
            out["prefixItems"] = [schema(r, depth + 1) for _ in range(r.randint(1, 3))]
        return out
    return an_object(r, depth) if kind == "object" else {"type": kind}


def an_object(r, depth):
    names = r.sample(NAMES, r.randint(0, 5))
    out = {"type": "object", "properties": {n: schema(r, depth + 1) for n in names}}
    if names and r.random() < .7:
        out["required"] = r.sample(names, r.randint(0, len(names)))
    kind = r.random()
    if kind < .5:
        out["additionalProperties"] = False
    elif kind < .65:
        out["additionalProperties"] = schema(r, depth + 1)
    if r.random() < .2:
        out["patternProperties"] = {"^k": schema(r, depth + 2)}
    if not names and r.random() < .3:
        out["propertyNames"] = {"pattern": "^[a-z]+$"}
    return out


def of_seed(seed):
    r = random.Random(seed)
    out = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    top = an_object(r, 0) if r.random() < .6 else schema(r, 0)
    out.update({} if isinstance(top, bool) else top)
    out["$defs"] = {"a": schema(r, 2),
                    "b": {"type": "object", "properties": {"next": {"$ref": "#/$defs/b"}, "v": {"type": "integer"}},
                          "required": ["v"]},
                    "c": {"type": ["array", "null"], "items": {"$ref": "#/$defs/c"}, "maxItems": 2}}
    return out


def any_value(r):
    return r.choice([1, -2.5, "any", None, True, [], {}, {"a": [1, {"b": "c"}]}, 1e-7, 12345678901])


def merged(parts):
    out = {"type": "object", "properties": {}}
    for part in parts:
        for key, value in part.items():
            if key == "properties":
                out["properties"].update(value)
            elif key != "type":
                out[key] = value
    return out


def guess(r, s, root, depth=0):
    """A value that a schema probably allows; a validator has the last word."""
    if depth > 14:
        raise RecursionError
    if s is True or s == {}:
        return any_value(r)
    if "$ref" in s:
        return guess(r, root["$defs"][s["$ref"][-1]], root, depth + 1)
    if "enum" in s:
        return r.choice(s["enum"])
    if "const" in s:
        return s["const"]
    for key in ("anyOf", "oneOf"):
        if key in s:
            return guess(r, r.choice(s[key]), root, depth + 1)
    if "allOf" in s:
        return guess(r, merged(s["allOf"]), root, depth + 1)
    kind = s.get("type")
    kind = r.choice(kind) if isinstance(kind, list) else kind
    if kind == "string":
        if "pattern" in s:
            return PATTERNS[s["pattern"]](r)
        if "format" in s:
            return FORMATS[s["format"]](r)
        low = s.get("minLength", 0)
        return text(r, r.randint(low, s.get("maxLength", low + 10)))
    if kind in ("integer", "number"):
        bound = s.get("maximum", s.get("exclusiveMaximum"))
        low = s.get("minimum", s.get("exclusiveMinimum", 0 if bound is None else bound - 100))
        high = low + 200 if bound is None else bound
        if kind == "integer":
            return r.randint(int(low), int(high))
        return round(r.uniform(low, high), r.randint(0, 6))
    if kind == "array":
        first = s.get("prefixItems", [])
        n = r.randint(s.get("minItems", 0), s.get("maxItems", s.get("minItems", 0) + 3))
        return [guess(r, first[i] if i < len(first) else s.get("items", True), root, depth + 1) for i in range(n)]
    if kind == "object":
        return guess_object(r, s, root, depth)
    return {"boolean": r.random() < .5, "null": None}.get(kind, None)


def guess_object(r, s, root, depth):
    out = {}
    for name, value in s.get("properties", {}).items():
        if name in s.get("required", []) or r.random() < .5:
            out[name] = guess(r, value, root, depth + 1)
    rest = s.get("additionalProperties", True)
    for key, value in s.get("patternProperties", {}).items():
        if r.random() < .5:
            out["k" + "".join(r.choice("abc") for _ in range(3))] = guess(r, value, root, depth + 1)
    if rest is not False and r.random() < .4:
        name = "z" + "".join(r.choice("abcn") for _ in range(4))
        out[name] = guess(r, rest, root, depth + 1)
    return out


def spelled(r, value):
    return r.choice([lambda: json.dumps(value), lambda: json.dumps(value, ensure_ascii=False),
                     lambda: json.dumps(value, indent=2), lambda: json.dumps(value, separators=(",", ":")),
                     lambda: json.dumps(value, indent="\t", ensure_ascii=False)])()


def validator(s):
    from jsonschema import Draft202012Validator, FormatChecker
    return Draft202012Validator(s, format_checker=FormatChecker())


def rows(first, last, each):
    for seed in range(first, last):
        s, r = of_seed(seed), random.Random(seed + 10**6)
        valid, check = [], validator(s)
        for _ in range(4 * each):
            try:
                value = guess(r, s, s)
            except (RecursionError, ValueError):
                continue
            if len(valid) < each and check.is_valid(value):
                valid.append(spelled(r, value))
        print(json.dumps({"name": str(seed), "schema": json.dumps(s), "valid": valid, "invalid": []}))


def batch(first, last, each):
    for seed in range(first, last):
        for i in range(each):
            print(json.dumps({"id": seed, "prompt": "Say", "guided_json": of_seed(seed), "temp": 1.5,
                              "seed": seed * 1000 + i, "tokens": 200, "finish": True}))


def check():
    count = {"valid": 0, "invalid": 0, "cut": 0, "failed": 0}
    validators = {}
    for line in sys.stdin:
        record = json.loads(line)
        if "error" in record:
            count["failed"] += 1
        elif record.get("complete", True) is False:
            count["cut"] += 1
        else:
            v = validators.setdefault(record["id"], None) or validator(of_seed(record["id"]))
            validators[record["id"]] = v
            good = v.is_valid(json.loads(record["text"]))
            count["valid" if good else "invalid"] += 1
            if not good:
                print("invalid:", json.dumps(of_seed(record["id"])), record["text"])
    print(count)


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check()
    else:
        {"rows": rows, "batch": batch}[sys.argv[1]](*map(int, sys.argv[2:5]))
