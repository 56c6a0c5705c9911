"""What lib/README.md says of where additions go is true: each file that it names is there."""
import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ.get("LATHE_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
PATH = re.compile(r"`((?:lib|tools|tests|man|scripts|testdata)/[^`<{]*|README\.md)`")


def missing(text, root):
    named = PATH.findall(text)
    return len(named), sorted({path for path in named if not (root / path).exists()})


def main():
    assert missing("`lib/gone.cc` and `tools/<tool>.cc`", SOURCE) == (1, ["lib/gone.cc"])
    count, gone = missing((SOURCE / "lib/README.md").read_text("utf-8"), SOURCE)
    for path in gone:
        print(f"lib/README.md names {path}, which is not there")
    if count < 30:
        print(f"lib/README.md names {count} files only: has its form changed?")
    if not gone and count >= 30:
        print(f"all {count} files are there")
    sys.exit(1 if gone or count < 30 else 0)


if __name__ == "__main__":
    main()
