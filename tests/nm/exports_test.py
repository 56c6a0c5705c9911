"""liblathe.so exports the public interface only. Argument: the library."""
import re
import subprocess
import sys

# Member functions of public classes, what C++ makes of a public class, and the interface for C.
OURS = re.compile(r"(typeinfo (name )?for |vtable for |non-virtual thunk to |virtual thunk to |VTT for |"
                  r"guard variable for )?lathe::|lathe_[a-z_]+$")


def main():
    out = subprocess.run(["nm", "-D", "--defined-only", "-C", sys.argv[1]], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    names = [re.sub(r"^[0-9a-f]*\s+\S\s+", "", line) for line in out.splitlines()]
    problems = [name for name in names if not OURS.match(name) and not name.startswith("LATHE_")]
    for name in problems:
        print(f"exported, but not of the public interface: {name}")
    for name in ("lathe::version[abi:cxx11]()", "lathe_version"):
        if name not in names:
            problems.append(name)
            print(f"{name} is not exported: this test looks at the wrong thing")
    print(f"{len(names)} symbols exported")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
