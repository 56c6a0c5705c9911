"""The two tables of 256-bit VNNI are the same machine code, but for how vpdpbusd is written.

A machine whose processor has the instruction in one encoding only runs one of them in the unit
tests; this carries what they prove over to the other. Arguments: the object in AVX-VNNI's encoding,
the object in AVX-512's.
"""
import re
import subprocess
import sys


def instructions(path):
    """Without what moves when an instruction grows by a byte: addresses and fillers."""
    process = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True,
                             stdout=subprocess.PIPE, text=True)
    found = []
    for line in process.stdout.splitlines():
        match = re.match(r"\s+[0-9a-f]+:\t(.*)", line)
        if not match or re.search(r"\bnop|xchg\s+%ax,%ax", match[1]):
            continue
        text = re.sub(r"[0-9a-f]+ <.*", "", match[1])
        text = re.sub(r"-?0x[0-9a-f]+\(%rip\)", "(%rip)", text)
        found.append(re.sub(r"\s+", " ", text).strip(" #"))
    return found


def main():
    vex, evex = (instructions(path) for path in sys.argv[1:])
    marked = sum(line.startswith("{vex} vpdpbusd") for line in vex)
    dots = sum("vpdpbusd" in line for line in evex)
    if marked == 0 or marked != dots:
        sys.exit(f"{marked} dot products in AVX-VNNI's encoding, {dots} in AVX-512's")
    for at, (a, b) in enumerate(zip(vex, evex)):
        if a.removeprefix("{vex} ") != b:
            sys.exit(f"instruction {at} differs: {a} and {b}")
    if len(vex) != len(evex):
        sys.exit(f"{len(vex)} instructions and {len(evex)}")
    print(f"{len(vex)} instructions, {dots} dot products")


if __name__ == "__main__":
    main()
