"""Installs into a temporary prefix, moves it elsewhere, and builds outside projects against it.

Arguments: cmake, its generator, the C++ compiler, the library folder's name (lib or lib/<triplet>).
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ["LATHE_BUILD"])
VILLAGE = pathlib.Path(os.environ["LATHE_TESTDATA"]) / "examples/village"
# A project without a C++ compiler.
C_ONLY = """cmake_minimum_required(VERSION 3.25)
project(c_only LANGUAGES C)
find_package(Lathe 0.1 REQUIRED)
add_executable(complete-c {source})
target_link_libraries(complete-c PRIVATE Lathe::c)
"""


def run(*command, **more):
    done = subprocess.run([os.fspath(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"$ {' '.join(map(str, command))}\n{done.stdout}\nstatus {done.returncode}")
    return done.stdout


def expect(condition, text):
    if not condition:
        sys.exit(text)


def expect_output(expected, *command, **more):
    actual = run(*command, **more)
    expect(actual == expected, f"$ {' '.join(map(str, command))}\nprinted:\n{actual}\nexpected:\n{expected}")


def with_cmake(cmake, generator, prefix, source, build, *more):
    run(cmake, "-G", generator, "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", *more)
    run(cmake, "--build", build)


def with_pkg_config(compiler, prefix, library_folder, folder):
    """C++ needs to be told nothing of its standard; C gets none. Warnings of our headers are errors."""
    environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / library_folder / "pkgconfig"))
    flags = {name: run("pkg-config", "--cflags", "--libs", name, env=environment).split()
             for name in ("lathe", "lathe-c")}
    run(compiler, "-Wall", "-Wextra", "-Werror", HERE / "main.cc", "-o", folder / "by-hand",
        *flags["lathe"])
    for standard in ("c99", "c11"):
        run("cc", f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
            HERE / "examples/complete.c", "-o", folder / "by-hand-c", *flags["lathe-c"])
    environment["LD_LIBRARY_PATH"] = str(prefix / library_folder)
    run(folder / "by-hand", env=environment)
    run(folder / "by-hand-c", VILLAGE, "The miller", env=environment)


def run_examples(bin_folder, folder):
    """The programs of lathe(3); their answers are those of the tools."""
    story = " carried the garden gate inside the chapel during the fair. A heron painted seven apples und"
    expect_output(story + "\n", bin_folder / "complete", VILLAGE, "The miller")
    without = run(bin_folder / "complete", VILLAGE, "The miller", "eE")
    expect(len(without) > 40 and "e" not in without.lower(), f"complete without e: {without}")

    state = folder / "state"
    first = run(bin_folder / "complete-c", VILLAGE, "The miller", state)
    expect(story in first and " 0 of them" in first and "from the beginning" in first, first)
    again = run(bin_folder / "complete-c", VILLAGE, "The miller", state)
    expect(story in again and " 0 of them" not in again and "beginning" not in again, again)

    talk = run(bin_folder / "chat", VILLAGE, "zephyr", input="Who are you?\nWhy?\n")
    reused = [int(n) for n in re.findall(r"(\d+) of them read before", talk)]
    expect(len(reused) == 2 and reused[0] == 0 and reused[1] > 20, f"chat: {talk}")

    lines = "The baker mended nine letters.\nThe miller found a kettle.\n1 2 3\n"
    expect_output("1.000 The miller found a kettle.\n", bin_folder / "similar", VILLAGE,
                  "The miller found a kettle.", input=lines)


def check_programs(prefix):
    """The tools find the library beside them; pages and completions came along."""
    tools = sorted((prefix / "bin").iterdir()) if (prefix / "bin").is_dir() else []
    for tool in tools:
        expect(run(tool, "--version").startswith("lathe "), f"{tool} --version")
        page = prefix / f"share/man/man1/{tool.name}.1"
        expect(page.exists(), f"{page} is not installed")
        for path in (f"bash-completion/completions/{tool.name}",
                     f"zsh/site-functions/_{tool.name}",
                     f"fish/vendor_completions.d/{tool.name}.fish"):
            expect((prefix / "share" / path).stat().st_size > 0, f"{path} is empty")
    for page in ("man3/lathe.3", "man7/lathe.7"):
        expect((prefix / "share/man" / page).exists(), f"{page} is not installed")
    return len(tools)


def main():
    cmake, generator, compiler, library_folder = sys.argv[1:5]
    with tempfile.TemporaryDirectory(prefix="lathe-consumer-") as name:
        folder = pathlib.Path(name)
        run(cmake, "--install", BUILD, "--prefix", folder / "first")
        prefix = folder / "moved"
        (folder / "first").rename(prefix)  # what is installed must not know where

        cxx = f"-DCMAKE_CXX_COMPILER={compiler}"
        with_cmake(cmake, generator, prefix, HERE, folder / "build", cxx)
        expect("lathe 0." in run(folder / "build/consumer"), "the consumer printed no version")
        examples = next(prefix.glob("share/doc/*/examples"), None)
        expect(examples is not None, "the examples are not installed")
        with_cmake(cmake, generator, prefix, examples, folder / "examples", cxx)
        run_examples(folder / "examples", folder)
        (folder / "c").mkdir()
        (folder / "c/CMakeLists.txt").write_text(C_ONLY.format(source=examples / "complete.c"))
        with_cmake(cmake, generator, prefix, folder / "c", folder / "c/build")
        if shutil.which("pkg-config"):
            with_pkg_config(compiler, prefix, library_folder, folder)
        # "man lathe" is the overview, not the page of the file's format.
        if shutil.which("man"):
            path = run("man", "-M", prefix / "share/man", "-w", "lathe").strip()
            expect(path.endswith("man7/lathe.7"), f"man lathe finds {path}")
        print(f"{check_programs(prefix)} tools, one library, found by CMake and by pkg-config, "
              "from C++ and from C")


if __name__ == "__main__":
    main()
