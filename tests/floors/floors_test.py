"""The architecture as a test: every include line goes downward.

Rooms of lib/ stand on floors; a file may include its own room and rooms of lower floors, never a
neighbour on its own floor. A public header lathe/X.h belongs to the room that implements it.
A program of tools/ sees public headers, tools/common
and its own folder only. Kernels of one instruction set are compiled
with flags that others lack, so they may include next to nothing: an inline function or template
compiled there could be the copy that the linker keeps for everyone.
"""
import os
import pathlib
import re
import sys

FLOORS = [
    ["base"],
    ["io", "parallel"],
    ["tensor"],
    ["kernels", "container", "tokenizer"],
    ["archive", "foreign"],
    ["checkpoint", "constraint"],
    ["convert"],
    ["quant"],
    ["model"],
    ["speculate"],
    ["calibrate", "generate"],
    ["engine"],
    ["batch", "c", "eval"],
    ["bench", "sgp", "serve"],
    ["workers"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Public headers whose room is not to be seen from a .cc file of the same name.
HEADER_ROOM = {
    "export": "base",
    "archive": "archive",
    "error": "base",
    "failure": "base",
    "escape": "base",
    "terminal_text": "base",
    "progress": "base",
    "output_file": "io",
    "cpu_count": "parallel",
    "dtype": "tensor",
    "tokenizer_files": "tokenizer",
    "model_config": "checkpoint",
    "checkpoint": "checkpoint",
    "constraint": "constraint",
    "checkpoint_parts": "checkpoint",
    "tokenizer": "tokenizer",
    "chat": "tokenizer",
    "convert": "checkpoint",
    "list": "checkpoint",
    "quantized_source": "checkpoint",
    "model": "model",
    "activations": "model",
    "session": "model",
    "conversation": "generate",
    "answer_check": "generate",
    "sampler": "generate",
    "speculation": "speculate",
    "version": "base",
    "lathe": "engine",  # the core: batches, benchmarks and SGP-Bench stand above it
}

# What files of lib/kernels/<isa>/ may include besides their own folder and the plain structs of
# lower floors. <cmath> is there for std::fma and std::sqrt, which are builtins.
KERNEL_SYSTEM_HEADERS = {"cstddef", "cstdint", "cmath", "immintrin.h", "cpuid.h", "cstring"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    return [(kind, name) for kind, name in INCLUDE.findall(path.read_text("utf-8"))]


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cc", ".inc"))


class Check:
    def __init__(self, root):
        self.root = root
        self.lib = root / "lib"
        self.problems = []
        self.implemented = self.implementers()

    def problem(self, path, text):
        self.problems.append(f"{path.relative_to(self.root)}: {text}")

    def implementers(self):
        """Public header -> rooms of the .cc files that include it first."""
        rooms = {}
        for path in sorted(self.lib.rglob("*.cc")):
            first = next(iter(includes(path)), None)
            if first and first[1].startswith("lathe/"):
                rooms.setdefault(first[1], set()).add(path.relative_to(self.lib).parts[0])
        return rooms

    def room_of_public_header(self, name):
        """The room of "lathe/…": its folder's, where a room has that name; else who implements it."""
        parts = pathlib.PurePath(name).parts
        if len(parts) > 2 and parts[1] in FLOOR:
            return parts[1]
        stem = pathlib.PurePath(name).stem
        if stem in HEADER_ROOM:
            return HEADER_ROOM[stem]
        rooms = self.implemented.get(name, set())
        return next(iter(rooms)) if len(rooms) == 1 else None

    def room_of_include(self, path, name):
        """The room that "name" leads to, or None for a file of the includer's own folder."""
        first, _, rest = name.partition("/")
        if first == "lathe":
            room = self.room_of_public_header(name)
            if room is None:
                self.problem(path, f'"{name}" belongs to no room: not one room of lib/ has files that '
                                   "include it first, and HEADER_ROOM does not name it")
            return room
        if first in FLOOR and rest:
            return first
        self.problem(path, f'"{name}": write includes as "room/file.h" or "lathe/file.h"')
        return None

    def check_library_file(self, path, room):
        for kind, name in includes(path):
            if kind == "<":
                if name.startswith(("lathe/", *(f"{r}/" for r in FLOOR))):
                    self.problem(path, f"<{name}> is ours: include it in quotes")
                continue
            target = self.room_of_include(path, name)
            if target is None or target == room:
                continue
            if FLOOR[target] == FLOOR[room]:
                self.problem(path, f'"{name}": {target} is on the floor of {room}')
            elif FLOOR[target] > FLOOR[room]:
                self.problem(path, f'"{name}": {target} stands above {room}')

    def check_kernel_file(self, path):
        for kind, name in includes(path):
            if kind == "<" and name not in KERNEL_SYSTEM_HEADERS:
                self.problem(path, f"<{name}> may bring inline code into per-instruction-set objects")

    def check_tools(self):
        """A tool sees public headers, common/ and its own folder; common/ sees no tool's."""
        tools = self.root / "tools"
        for path in sources(tools):
            parts = path.relative_to(tools).parts
            own = parts[0] if len(parts) > 1 else path.stem
            for kind, name in includes(path):
                if kind == '"' and not name.startswith(("lathe/", "common/", f"{own}/")):
                    self.problem(path, f'"{name}": tools include "lathe/…", "common/…" and their own '
                                       "folder only")

    def run(self):
        rooms = [p for p in sorted(self.lib.iterdir()) if p.is_dir() and p.name != "include"]
        for folder in rooms:
            if folder.name not in FLOOR:
                self.problem(folder, "this room stands on no floor (FLOORS in tests/floors)")
                continue
            for path in sources(folder):
                self.check_library_file(path, folder.name)
                if folder.name == "kernels" and path.parent != folder:
                    self.check_kernel_file(path)
        for path in sources(self.lib / "include/lathe"):
            room = self.room_of_public_header(
                f"lathe/{path.relative_to(self.lib / 'include/lathe')}")
            if room is None:
                self.problem(path, "belongs to no room: nothing implements it")
                continue
            for kind, name in includes(path):
                if kind == '"' and not name.startswith("lathe/"):
                    self.problem(path, f'"{name}": a public header includes public headers only')
                if kind == "<" and name.startswith(("fmt/", "nlohmann/", "CLI/", "dnnl")):
                    self.problem(path, f"<{name}>: users of the library need not have it")
            self.check_library_file(path, room)
        self.check_tools()
        return self.problems


def self_test():
    """A checker that finds nothing must be one that can find something."""
    import tempfile
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path, text in {
            "lib/io/a.cc": '#include "model/x.h"\n',
            "lib/io/b.cc": '#include "parallel/x.h"\n',
            "lib/model/c.cc": '#include "io/x.h"\n#include "model/y.h"\n',
            "lib/kernels/avx2/d.cc": "#include <vector>\n",
            "lib/include/lathe/error.h": '#include "base/x.h"\n',
            "lib/attic/e.cc": "",
            "tools/t.cc": '#include "base/fail.h"\n#include "lathe/error.h"\n',
        }.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        found = {p.split(":")[0] for p in Check(root).run()}
        expected = {"lib/io/a.cc", "lib/io/b.cc", "lib/kernels/avx2/d.cc", "tools/t.cc",
                    "lib/include/lathe/error.h", "lib/attic"}
        assert found == expected, f"self test: {found ^ expected}"


if __name__ == "__main__":
    self_test()
    source = pathlib.Path(os.environ.get("LATHE_SOURCE", pathlib.Path(__file__).parents[2]))
    problems = Check(source.resolve()).run()
    print("\n".join(problems) or "every include goes downward")
    sys.exit(1 if problems else 0)
