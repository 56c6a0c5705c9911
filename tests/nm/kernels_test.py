"""Objects compiled for one instruction set export their kernel table and nothing else.

A weak symbol (an inline function, a template of the standard library) in an object compiled with
AVX-512 flags could be the copy that the linker keeps for the whole program, which then dies on an
older CPU. Arguments: isa=object,object... per instruction set.
"""
import re
import subprocess
import sys


def symbols(path):
    out = subprocess.run(["nm", "--defined-only", "--extern-only", "-C", path], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    for line in out.splitlines():
        match = re.match(r"[0-9a-f]*\s+(\S)\s+(.*)", line)
        if match:
            yield match.groups()


def main():
    problems, tables = [], {}
    for argument in sys.argv[1:]:
        isa, _, objects = argument.partition("=")
        table = rf"lathe::k{isa.replace('_', '')}\w*"
        for path in objects.split(","):
            for kind, name in symbols(path):
                if kind in "VvWwu":
                    problems.append(f"{isa}: weak symbol {name} in {path}")
                elif re.fullmatch(table, name, re.I) and kind in "RDBdrb":
                    tables.setdefault(isa, []).append(name)
                else:
                    problems.append(f"{isa}: {name} in {path} is not the table")
        if len(tables.get(isa, [])) != 1:
            problems.append(f"{isa}: one table expected, not {tables.get(isa)}")
    print("\n".join(problems) or f"tables: {tables}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
