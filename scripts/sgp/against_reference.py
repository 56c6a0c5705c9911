"""sgp-eval beside the benchmark's own code: every prompt byte for byte, every score.

    python3 scripts/sgp/against_reference.py --reference CHECKOUT [--sgp-eval PROGRAM]
        [--records RECORDS.jsonl] SET.csv|SET.jsonl...

CHECKOUT is a folder with the reference's common.py, sgp_eval.py, mnist_eval.py,
evaluate_consistency.py and custom_types.py (either of its versions). They are imported and run as
they are; what they need is numpy, jinja2 and tqdm, and pandas for the version that reads CSV. Rows
are handed to them as their present loader gives them: null where a field is empty or "None".

Without --records responses are made up, the reference's quirks among them. With it they are those
of a run of sgp-eval (--records), so that a model's own words are scored by both. Nothing is
written outside a temporary folder. Prints a table per set and ends with 1 when anything differs.
"""
import argparse
import csv
import importlib
import importlib.util
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import types

SAYINGS = ["Answer: %s", "I think so.\n\nAnswer: %s", "answer : %s", "**Answer:** %s", "Answer: (%s)",
           "Answer: Because of that", "The answer is %s.", "Answer:\n\n\u3000%s", "", "Answer:",
           "An\u017fwer: %s", "Answer: none\nAnswer: %s", "%s", "ANSWER:%s)", "Answer:  \n\n",
           "Answer\uff1a%s", "Answer\u00a0:\u00a0%s", "Answer: %s\nAnswer: A", "so: ANSWER: %s."]


def split_of(path):
    name = re.sub(r"\.(csv|jsonl)$", "", path.name)
    return re.sub(r"^sgp_|_testset$", "", name)


def rows_of(path):
    """The rows as the reference's loader gives them: None where "None" or nothing stands."""
    text = path.read_text("utf-8")
    if path.name.endswith(".jsonl"):
        rows = []
        for line in filter(None, text.splitlines()):
            row = {k.capitalize(): v for k, v in json.loads(line).items()}
            row.update(row.pop("Options", {}))
            rows.append(row)
        return rows
    with open(path, newline="", encoding="utf-8") as file:
        csv.field_size_limit(1 << 30)
        return [{k: None if v in ("", "None") else v for k, v in row.items()}
                for row in csv.DictReader(file)]


def load_reference(folder, into):
    """The reference's modules, as a package."""
    package = into / "reference"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("common", "custom_types", "sgp_eval", "mnist_eval"):
        (package / f"{name}.py").write_text((folder / f"{name}.py").read_text("utf-8"), "utf-8")
    # What they import and these comparisons don't call.
    for name, member in (("blobfile", None), ("datasets", "load_dataset"), ("pandas", "read_csv")):
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            stub = types.ModuleType(name)
            if member:
                setattr(stub, member, None)
            sys.modules[name] = stub
    sys.path.insert(0, str(into))
    consistency = (folder / "evaluate_consistency.py").read_text("utf-8")
    # Its functions; below them it runs on the author's files.
    consistency = consistency.split("\nmodel = ")[0]
    return (importlib.import_module("reference.common"), importlib.import_module("reference.sgp_eval"),
            importlib.import_module("reference.mnist_eval"), consistency)


class Speaker:
    """Answers the reference's prompts with given responses, and notes the prompts."""

    def __init__(self, responses):
        self.responses = responses
        self.prompts = set()

    def _pack_message(self, role, content):
        return {"role": role, "content": content}

    def __call__(self, messages):
        self.prompts.add(messages[-1]["content"])
        return self.responses[messages[-1]["content"]]


class Equal:
    """In place of GPT-4o: equal as numbers, or as texts."""

    def __call__(self, messages):
        one, two = re.findall(r"(?m)^    Expression [12]: (.*)$", messages[0]["content"])[-2:]
        try:
            same = float(one) == float(bare(two))
        except ValueError:
            same = one.strip() == bare(two)
        return "Yes" if same else "No"


def bare(text):
    return text.strip().strip("$*").rstrip(".").strip()


def run_reference(reference, rows, prompts, responses):
    """EvalResult of the reference on these rows."""
    _, sgp_eval, mnist_eval, _ = reference
    choice = rows[0].get("A") is not None or "A" in rows[0]
    speaker = Speaker(dict(zip(prompts, responses)))
    evaluation = object.__new__(sgp_eval.SGPEval if choice else mnist_eval.MNISTEval)
    evaluation.examples = rows
    evaluation.api = "haiku"  # two threads at once, and one pass
    if not choice:
        evaluation.equality_checker = Equal()
    result = evaluation(speaker)
    if speaker.prompts != set(prompts):
        raise SystemExit("the reference asked other prompts than it was given")
    return result


def prompts_of(reference, rows):
    common, _, mnist_eval, _ = reference
    if "A" in rows[0]:
        return [common.format_multichoice_question(row) for row in rows]
    return [mnist_eval.QUERY_TEMPLATE.format(**row) for row in rows]


def made_up(rows, draw):
    out = []
    for row in rows:
        wrong = draw.choice("ABCDab") if "A" in row else str(draw.randrange(10))
        what = row["Answer"] if draw.random() < 0.5 else wrong
        saying = draw.choice(SAYINGS)
        out.append(saying % what if "%s" in saying else saying)
    return out


def same(a, b):
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)


class Comparison:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.reference = load_reference(options.reference, folder)
        self.bad = 0

    def sgp_eval(self, *arguments):
        done = subprocess.run([self.options.sgp_eval, "-q", *map(str, arguments)],
                              stdout=subprocess.PIPE, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"sgp-eval ended with {done.returncode}")
        return done.stdout.decode()

    def complain(self, text):
        self.bad += 1
        print("DIFFERS:", text)

    def compare_prompts(self, path, prompts):
        lines = [json.loads(line)
                 for line in self.sgp_eval("--data", path, "--emit-prompts").splitlines()]
        ours = sorted(line["messages"][-1]["content"] for line in lines)
        differ = sum(a != b for a, b in zip(ours, sorted(prompts))) + abs(len(ours) - len(prompts))
        if differ:
            self.complain(f"{path.name}: {differ} of {len(prompts)} prompts")
        ids = {line["messages"][-1]["content"]: line["id"] for line in lines}
        return differ, ids

    def compare_scores(self, path, rows, prompts, responses, ids):
        answers = self.folder / "answers.jsonl"
        answers.write_text("".join(json.dumps({"id": ids[p], "response": r}) + "\n"
                                   for p, r in zip(prompts, responses)), "utf-8")
        records = self.folder / "records.jsonl"
        said = json.loads(self.sgp_eval("--data", path, "--responses", answers, "--json", "--records",
                                        records, "-f"))
        result = run_reference(self.reference, rows, prompts, responses)
        [split] = said["splits"]
        ours = dict(split["metrics"])
        theirs = {**result.metrics, "score": result.score}
        if set(ours) != set(theirs) or any(not same(ours[k], float(theirs[k])) for k in ours):
            self.complain(f"{path.name}: {ours} beside {theirs}")
        return split, result

    def table(self, paths, draw):
        print(f"{'set':10} {'rows':>5} {'prompts':>8} {'ours %':>8} {'theirs %':>9} "
              f"{'subjects':>8} {'answered %':>10}")
        results = {}
        for path in paths:
            rows = rows_of(path)
            prompts = prompts_of(self.reference, rows)
            differ, ids = self.compare_prompts(path, prompts)
            if differ:
                continue
            responses = self.recorded(split_of(path), rows) or made_up(rows, draw)
            split, result = self.compare_scores(path, rows, prompts, responses, ids)
            results[split_of(path)] = result, responses
            print(f"{split_of(path):10} {len(rows):5} {'equal':>8} {100 * split['score']:8.3f} "
                  f"{100 * result.score:9.3f} {len(split['subjects']):8} "
                  f"{100 * split['answered']:10.1f}")
        return results

    def recorded(self, split, rows):
        """The responses of a run of ours, in the order of the rows; those not asked are empty, as
        the reference takes a refused prompt."""
        if not self.options.records:
            return None
        found = {}
        for line in self.options.records.read_text("utf-8").splitlines():
            record = json.loads(line)
            if record["split"] == split:
                found[record["subject"], record["id"]] = record.get("response", "")
        key = next(iter(rows[0]))
        key = key if key not in ("Question", "A") else None
        return [found[row.get("Subject") or "", str(row[key]) if key is not None else f"{split}-{i}"]
                for i, row in enumerate(rows, 1)]

    def consistency(self, paths, results):
        common, _, _, source = self.reference
        inv = [p for p in paths if split_of(p).startswith("inv")]
        if len(inv) < 6:
            return
        answers = self.folder / "answers.jsonl"
        with open(answers, "w", encoding="utf-8") as out:
            for path in inv:
                rows, split = rows_of(path), split_of(path)
                _, ids = self.compare_prompts(path, prompts_of(self.reference, rows))
                for prompt, response in zip(prompts_of(self.reference, rows), results[split][1]):
                    # Alone a set's ids need no split before them.
                    name = ids[prompt]
                    name = name if name.startswith(split + "/") else f"{split}/{name}"
                    out.write(json.dumps({"id": name, "response": response}) + "\n")
        said = json.loads(self.sgp_eval("--data", *inv, "--responses", answers, "--json"))
        folder = self.folder / "results"
        folder.mkdir(exist_ok=True)
        for path in inv:
            split = split_of(path)
            result = results[split][0]
            (folder / f"sgp_{split}_us.html").write_text(common.make_report(result), "utf-8")
            (folder / f"sgp_{split}_us.json").write_text(json.dumps({"score": result.score}))
        script = source.replace("'lxml'", "'html.parser'") + (
            "\nmodes = ['inv', 'inv_t0', 'inv_t1', 'inv_t2', 'inv_t3', 'inv_t4']\n"
            "calculate_average_accuracy(modes, 'us')\ncalculate_consistency(modes, 'us')\n")
        out = subprocess.run([sys.executable, "-c", script], cwd=self.folder, check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        accuracy = float(re.search(r"Average accuracy: ([\d.]+)", out)[1])
        rate = float(re.search(r"Consistency Rate: ([\d.]+)", out)[1])
        [ours] = [c for c in said["consistency"] if c["name"] == "translation"]
        print(f"consistency: ours {ours['consistency']:.6f}, theirs {rate:.3f}; accuracy: ours "
              f"{ours['accuracy']:.6f}, theirs {accuracy:.3f}; {ours['questions']} questions")
        if abs(ours["consistency"] - rate) > 5.1e-4 or abs(ours["accuracy"] - accuracy) > 5.1e-4:
            self.complain("consistency")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=pathlib.Path, required=True)
    parser.add_argument("--sgp-eval", default="sgp-eval")
    parser.add_argument("--records", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("sets", type=pathlib.Path, nargs="+")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options, pathlib.Path(folder))
        results = comparison.table(options.sets, random.Random(options.seed))
        if not comparison.bad:
            comparison.consistency(options.sets, results)
        return 1 if comparison.bad else 0


if __name__ == "__main__":
    sys.exit(main())
