"""Installs into a temporary prefix, moves it elsewhere, and builds an outside project against it.

Arguments: cmake, its generator, the C++ compiler, the library folder's name (lib or lib/<triplet>).
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ["LATHE_BUILD"])


def run(*command, **more):
    done = subprocess.run([os.fspath(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"$ {' '.join(map(str, command))}\n{done.stdout}\nstatus {done.returncode}")
    return done.stdout


def expect(condition, text):
    if not condition:
        sys.exit(text)


def main():
    cmake, generator, compiler, library_folder = sys.argv[1:5]
    with tempfile.TemporaryDirectory(prefix="lathe-consumer-") as name:
        folder = pathlib.Path(name)
        run(cmake, "--install", BUILD, "--prefix", folder / "first")
        prefix = folder / "moved"
        (folder / "first").rename(prefix)  # what is installed must not know where

        # By CMake.
        run(cmake, "-G", generator, "-S", HERE, "-B", folder / "build",
            f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={compiler}")
        run(cmake, "--build", folder / "build")
        expect("lathe 0." in run(folder / "build/consumer"), "the consumer printed no version")

        # By pkg-config.
        if shutil.which("pkg-config"):
            environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / library_folder / "pkgconfig"))
            flags = run("pkg-config", "--cflags", "--libs", "lathe", env=environment).split()
            run(compiler, "-std=c++20", HERE / "main.cc", "-o", folder / "by-hand", *flags)
            libraries = str(prefix / library_folder)
            run(folder / "by-hand", env=dict(os.environ, LD_LIBRARY_PATH=libraries))

        # "man lathe" is the overview, not the page of the file's format.
        if shutil.which("man"):
            path = run("man", "-M", prefix / "share/man", "-w", "lathe").strip()
            expect(path.endswith("man7/lathe.7"), f"man lathe finds {path}")

        # The tools find the library beside them; pages and completions came along.
        tools = sorted((prefix / "bin").iterdir()) if (prefix / "bin").is_dir() else []
        for tool in tools:
            expect(run(tool, "--version").startswith("lathe "), f"{tool} --version")
            page = prefix / f"share/man/man1/{tool.name}.1"
            expect(page.exists(), f"{page} is not installed")
            for path in (f"bash-completion/completions/{tool.name}",
                         f"zsh/site-functions/_{tool.name}",
                         f"fish/vendor_completions.d/{tool.name}.fish"):
                expect((prefix / "share" / path).stat().st_size > 0, f"{path} is empty")
        if tools:
            expect((prefix / "share/man/man7/lathe.7").exists(), "lathe.7 is not installed")
        print(f"{len(tools)} tools, one library, found by CMake and by pkg-config")


if __name__ == "__main__":
    main()
