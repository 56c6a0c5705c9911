"""The options of a man page are those of the tool's --help, which come from the parser's table."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness
from mdoc import PAGES, options


def help_options(tool):
    result = harness.run_process([harness.program(tool), "--help"])
    names = set()
    for line in result.out.splitlines():
        match = re.match(r"(?:  (?=-)|      (?=--))((?:-\w, )?--[a-z][\w-]*|-\w\b)", line)
        if match:
            names.update(match[1].split(", "))
    return names


def main():
    problems, tools = [], harness.programs()
    for tool in tools:
        page = PAGES / f"{tool}.1"
        if not page.exists():
            continue  # man.pages says so
        in_page, in_help = options(page.read_text("utf-8")), help_options(tool)
        problems += [f"{page.name}: {name} is missing" for name in sorted(in_help - in_page)]
        problems += [f"{page.name}: {name} is not in --help" for name in sorted(in_page - in_help)]
        if not in_help:
            problems.append(f"{tool}: --help lists no options")
    print("\n".join(problems) or f"options agree for {', '.join(tools)}")
    sys.exit(1 if problems or not tools else 0)


if __name__ == "__main__":
    main()
