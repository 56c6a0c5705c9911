"""What may lie where: the top level, file lengths, sizes, nothing of one machine in a file; what
comes from outside goes through the reader with limits; and how much <lathe/lathe.h> brings."""
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("LATHE_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
TOP = {"CMakeLists.txt", "tools", "lib", "scripts", "testdata", "tests", "man", "README.md",
       "LICENSE"}
LONG = 800         # lines: past this a file's first lines say "Long because"
TOOL_MAIN = 350    # lines of tools/<name>.cc: some 250 are enough for options, a call and a report
BIG = 2 << 20      # bytes
# nlohmann's own readers recurse or build without limits; parse_json() does not.
UNBOUNDED = re.compile(r"\bjson::(parse|sax_parse|accept|from_\w+)\b|\bJson::(parse|accept)\b")
BOUNDED = pathlib.Path("lib/base/json.cc")
CORE_HEADERS = 15  # of what <lathe/lathe.h> includes, itself counted
CORE_LINES = 1200
TEXT = {".cc", ".h", ".py", ".md", ".txt", ".cmake", ".sh", ".in", ".1", ".5", ".7", ""}

# A tensor's name stands in the table of a model's tensors, in a family's row, or where the prefixes of
# wrapped models are taken off, and nowhere else.
TENSOR_TABLE = {"model_tensors.cc", "family.cc", "wrapper.cc"}
TENSOR_NAME = re.compile(r'"[^"]*\b(?:(?:[qkvo]|gate|up|down)_proj|lm_head|embed_tokens|'
                         r"model\.layers|blk\.|token_embd|output_norm|attn_(?:q|k|v|output|norm)\b|"
                         r"ffn_(?:gate|up|down|norm)\b)")


def tracked():
    try:
        listing = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        print("no git here: not a checkout")
        sys.exit(77)
    return [pathlib.Path(os.fsdecode(name)) for name in listing.stdout.split(b"\0") if name]


def core():
    """Problems of the public core: the headers that <lathe/lathe.h> leads to."""
    folder = SOURCE / "lib/include"
    lines, queue = {}, ["lathe/lathe.h"]
    while queue:
        name = queue.pop()
        if name not in lines:
            text = (folder / name).read_text("utf-8")
            lines[name] = len(text.splitlines())
            queue += re.findall(r'^#include "(lathe/[^"]+)"', text, re.M)
    total = sum(lines.values())
    print(f"<lathe/lathe.h> brings {len(lines)} headers, {total} lines")
    if len(lines) > CORE_HEADERS or total > CORE_LINES:
        yield (f"lathe/lathe.h brings {len(lines)} headers and {total} lines; {CORE_HEADERS} and "
               f"{CORE_LINES} are enough for a core: {' '.join(sorted(lines))}")


def main():
    problems = list(core())
    for path in tracked():
        top = path.parts[0]
        if top not in TOP and not top.startswith("."):
            problems.append(f"{path}: only {', '.join(sorted(TOP))} and dot files at the top")
        full = SOURCE / path
        if not full.is_file():
            continue
        if full.stat().st_size > BIG and top != "testdata":
            problems.append(f"{path}: {full.stat().st_size} bytes")
        if path.suffix not in TEXT or top == "testdata":
            continue
        text = full.read_text("utf-8", "replace")
        lines = text.splitlines()
        if len(lines) > LONG and "Long because" not in "\n".join(lines[:40]):
            problems.append(f"{path}: {len(lines)} lines, and its header does not say why "
                            '("Long because ...")')
        if path.parent == pathlib.Path("tools") and len(lines) > TOOL_MAIN and path.suffix == ".cc":
            problems.append(f"{path}: {len(lines)} lines; the rest belongs into the library")
        if top in ("lib", "tools") and path != BOUNDED and UNBOUNDED.search(text):
            problems.append(f"{path}: parses JSON without limits; see lib/base/json.h and "
                            "lathe/host/json_integer.h")
        if path.suffix in (".cc", ".h") and text and not text.endswith("\n"):
            problems.append(f"{path}: no newline at the end")
        if path.parts[0] == "lib" and path.name not in TENSOR_TABLE:
            for line in lines:
                if TENSOR_NAME.search(line.partition("//")[0]):
                    problems.append(f"{path}: knows a tensor's name, which checkpoint/"
                                    f"model_tensors.h is for: {line.strip()}")
        if re.search(r"(?<![\w.])/(home|work|root)/\w", text) and path.name != "layout_test.py":
            problems.append(f"{path}: names a folder of one machine")
    print("\n".join(problems) or "everything is in its place")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
