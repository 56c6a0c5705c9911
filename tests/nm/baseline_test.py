"""Outside the kernels of an instruction set, the code is plain x86-64.

Disassembles the library's objects and looks for AVX instructions. Argument: the objects, with
commas between them.
"""
import re
import subprocess
import sys

# The wide registers, or a VEX/EVEX mnemonic on the narrow ones. (verr, verw and the
# virtualization instructions also begin with v; no compiler emits those.)
WIDE = re.compile(r"%[yz]mm\d|\sv[a-z0-9]+\s.*%xmm")


def main():
    objects = sys.argv[1].split(",")
    problems = []
    for path in objects:
        process = subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", path],
                                   stdout=subprocess.PIPE, text=True, errors="replace")
        count = sum(1 for line in process.stdout if WIDE.search(line))
        if process.wait() != 0:
            sys.exit(f"objdump {path} failed")
        if count:
            problems.append(f"{path}: {count} AVX instructions")
    print("\n".join(problems) or f"{len(objects)} objects of plain code")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
