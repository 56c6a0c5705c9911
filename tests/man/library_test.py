"""The programs in lathe(3) are those of tests/consumer/examples, which are built and run."""
import pathlib
import re
import sys

from mdoc import PAGES, SOURCE, unescape

EXAMPLES = SOURCE / "tests/consumer/examples"


def main():
    page = (PAGES / "lathe.3").read_text("utf-8")
    blocks = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", page, re.M | re.S)
    programs = ["\n".join(unescape(line) for line in block.splitlines()) for block in blocks]
    programs = [text for text in programs if ";" in text]  # not commands
    sources = {path.name: path.read_text("utf-8") for path in sorted(EXAMPLES.glob("*.c*"))}
    problems, shown = [], set()
    for text in programs:
        homes = {name for name, source in sources.items() if text in source}
        shown |= homes
        if not homes:
            problems.append(f"no file of {EXAMPLES} has this part of lathe(3):\n{text}")
    problems += [f"lathe(3) shows nothing of {name}" for name in sorted(set(sources) - shown)]
    print("\n\n".join(problems) or f"{len(programs)} programs stand in lathe(3) as they are tested")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
