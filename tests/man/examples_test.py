"""Runs the examples of the man pages: commands in literal blocks that begin with "$ ".

Each page's examples run in order, in one folder, by bash with pipefail, with the programs in PATH.
The lines under a command are what it prints, stdout and stderr together; "..." stands for anything,
also within a line. An example of a program of others (OTHERS) is left out where that is missing.
prepare() says which files the examples may use.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness
from mdoc import PAGES, examples

OTHERS = ("parallel",)


def prepare(folder):
    """village: a model of sixty thousand parameters as a Hugging Face folder (scripts/example)."""
    (folder / "village").symlink_to(harness.TESTDATA / "examples/village")


def matches(expected, actual):
    pattern = "\n".join(re.escape(line.rstrip()) for line in expected)
    pattern = re.sub(r"(?m)^\\\.\\\.\\\.$", r"(?:.|\\n)*", pattern)
    pattern = pattern.replace(r"\.\.\.", ".*")
    text = "\n".join(line.rstrip() for line in actual.rstrip("\n").split("\n"))
    return re.fullmatch(pattern.rstrip("\n"), text) is not None


def run_page(page):
    problems, count = [], 0
    with tempfile.TemporaryDirectory(prefix="lathe-man-") as name:
        folder = pathlib.Path(name)
        prepare(folder)
        environment = dict(os.environ, PATH=f"{harness.BIN}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
        for command, expected in examples(page.read_text("utf-8")):
            if any(command.startswith(other + " ") and shutil.which(other) is None
                   for other in OTHERS):
                print(f"{page.name}: left out, since it is not installed: $ {command}")
                continue
            count += 1
            try:
                done = subprocess.run(["bash", "-c", "set -o pipefail\n" + command], cwd=folder,
                                      env=environment, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                      timeout=300, check=False)
            except subprocess.TimeoutExpired:
                problems.append(f"{page.name}: $ {command}\nstill running after 300 s")
                continue
            printed = done.stdout.decode("utf-8", "replace")
            # A failing command is an example too, when its message is shown.
            told = any(": error: " in line or '"error":' in line for line in expected)
            if (done.returncode != 0) != told:
                problems.append(f"{page.name}: $ {command}\nstatus {done.returncode}\n{printed}")
            elif not matches(expected, printed):
                shown = "\n".join(expected)
                problems.append(f"{page.name}: $ {command}\nprinted:\n{printed}\nthe page says:\n"
                                f"{shown}")
    return problems, count


def main():
    assert matches(["a", "...", "b ... c"], "a\nx\ny\nb 12 c\n") and not matches(["a"], "b")
    assert matches([], "") and not matches([], "x")
    problems, total = [], 0
    for page in sorted(PAGES.glob("*.[1-9]")):
        found, count = run_page(page)
        problems += found
        total += count
    print("\n\n".join(problems) or f"{total} examples run as they are printed")
    sys.exit(1 if problems or total == 0 else 0)


if __name__ == "__main__":
    main()
