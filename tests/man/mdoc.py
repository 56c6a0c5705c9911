"""Just enough mdoc to check our own pages: options and examples out of the source."""
import os
import pathlib
import re

SOURCE = pathlib.Path(os.environ.get("LATHE_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
PAGES = SOURCE / "man"
ESCAPES = {r"\e": "\\", r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\&": "", r"\(ga": "`",
           r"\(ti": "~", r"\(ha": "^"}


def unescape(line):
    return re.sub(r"\\(?:\(..|.)", lambda m: ESCAPES.get(m[0], m[0]), line)


def options(text):
    """Names of all options listed with `.It Fl`, as "-o" and "--output"."""
    names = set()
    for line in re.findall(r"^\.It Fl (.*)$", text, re.M):
        follows_fl = True
        for word in line.split():
            if word in ("Fl", ","):  # a comma lets Fl go on
                follows_fl = True
            elif follows_fl:
                names.add("-" + word)
                follows_fl = False
    return names


def examples(text):
    """(command, expected output lines) of every `$ ` line in the literal blocks."""
    for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text, re.M | re.S):
        command, output = None, []
        for line in map(unescape, block.splitlines()):
            if line.startswith("$ "):
                if command is not None:
                    yield command, output
                command, output = line[2:], []
            elif command is not None and line.startswith("> ") and not output:
                command += "\n" + line[2:]
            else:
                output.append(line)
        if command is not None:
            yield command, output
