"""The options of a man page are those of the tool's --help, which come from the parser's table; and
what lathe(7) says that options are called in several tools, and were once, is so."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness
from mdoc import PAGES, options


# Programs within programs have pages of their own, as git's have.
SUBCOMMANDS = {"bench-plan": ("bench", "plan"), "bench-serve": ("bench", "serve")}


def help_options(tool):
    name, *words = SUBCOMMANDS.get(tool, (tool,))
    result = harness.run_process([harness.program(name), *words, "--help"])
    names = set()
    for line in result.out.splitlines():
        match = re.match(r"(?:  (?=-)|      (?=--))((?:-\w, )?--[a-z][\w-]*|-\w\b)", line)
        if match:
            names.update(match[1].split(", "))
    return names


def word_table(text):
    """(option, its name of old or "", tools as the page names them) of lathe(7)'s table."""
    text = text.replace(",\n.It Ta Ta ", ", ")  # a cell of two lines
    for line in re.findall(r"^\.It Fl (.* Ta .* Ta .*|.* Ta Ta .*)$", text, re.M):
        names, old, tools = [cell.strip() for cell in line.split(" Ta")]
        yield "-" + names.split()[-1], old.replace("Fl ", "-"), tools


def check_words(tools):
    """What is wrong with that table: tools that have the option and are not named, or the other way
    round; and old names that a tool does not know."""
    have = {tool: help_options(tool) for tool in tools}
    rows = list(word_table((PAGES / "lathe.7").read_text("utf-8")))
    for option, old, where in rows:
        named = re.findall(r"[\w-]+", where) if "all" not in where.split() else None
        with_it = [tool for tool in tools if option in have[tool]]
        if named is not None and sorted(named) != sorted(with_it):
            yield f"lathe.7: {option} is said of {where}, and {', '.join(with_it)} have it"
        if not old.startswith("-"):
            continue
        for tool in with_it:
            said = harness.run_process([harness.program(tool), old]).err
            if "unknown option" in said or "error" not in said:
                yield f"lathe.7: {tool} does not know {old}: {said}"
    if len(rows) < 8:
        yield "lathe.7: no table of what options are called"


def main():
    problems, tools = [], harness.programs()
    for tool in [*tools, *SUBCOMMANDS]:
        page = PAGES / f"{tool}.1"
        if not page.exists():
            continue  # man.pages says so
        in_page, in_help = options(page.read_text("utf-8")), help_options(tool)
        problems += [f"{page.name}: {name} is missing" for name in sorted(in_help - in_page)]
        problems += [f"{page.name}: {name} is not in --help" for name in sorted(in_page - in_help)]
        if not in_help:
            problems.append(f"{tool}: --help lists no options")
    problems += check_words(tools)
    print("\n".join(problems) or f"options agree for {', '.join(tools)}")
    sys.exit(1 if problems or not tools else 0)


if __name__ == "__main__":
    main()
