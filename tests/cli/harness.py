"""Runs tools as real processes and checks stdout, stderr and exit status.

Environment: LATHE_BIN (folder of the programs), LATHE_PREFIX (LATHE_PROGRAM_PREFIX of the build),
LATHE_TESTDATA, LATHE_SHARED_DATA. Python's standard library only.
"""
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LATHE_BIN", ROOT / "build/bin")).resolve()
PREFIX = os.environ.get("LATHE_PREFIX", "")
TESTDATA = pathlib.Path(os.environ.get("LATHE_TESTDATA", ROOT / "testdata")).resolve()
SHARED = pathlib.Path(os.environ.get("LATHE_SHARED_DATA", ROOT / "../shared/data")).resolve()
TIMEOUT = 300
# What LATHE_ISA may name.
ISAS = re.search(r"set\(LATHE_KERNEL_NAMES ([^)]*)\)",
                 (ROOT / "lib/kernels/tables.cmake").read_text("utf-8"))[1].split()

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests run under nohup: the tools would heed it too


class Result:
    """What a finished process left: status (negative: died of that signal), stdout, stderr."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr

    @property
    def out(self):
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self):
        return self.stderr.decode("utf-8", "replace")

    def __repr__(self):
        return f"status {self.status}\nstdout: {self.stdout[:2000]!r}\nstderr: {self.err[-2000:]}"


def program(tool):
    """The path of a program; skips the test when this build has none of that name."""
    path = BIN / (PREFIX + tool)
    if not path.exists():
        raise unittest.SkipTest(f"{path} is not built")
    return str(path)


def programs():
    """Names, without prefix, of all programs of this build."""
    if not BIN.is_dir():
        return []
    return sorted(p.name[len(PREFIX):] for p in BIN.iterdir() if os.access(p, os.X_OK))


@functools.cache
def sanitized():
    """Whether this build has a sanitizer: its shadow takes terabytes of address space, and it looks
    at memory through a pipe."""
    content = next(BIN.iterdir()).read_bytes() if BIN.is_dir() else b""
    return b"__asan_init" in content or b"__tsan_init" in content


def limit(what, value):
    """A shell command that limits address space (-v, kB) or descriptors (-n), where that can be."""
    return ":" if sanitized() else f"ulimit {what} {value}"


def run_process(command, stdin=b"", env=None, cwd=None, timeout=TIMEOUT, **more):
    """Runs a list of words; `env` is added to the environment (None as a value removes)."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    environment = dict(os.environ)
    for key, value in (env or {}).items():
        environment.pop(key, None)
        if value is not None:
            environment[key] = value
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if "stdin" not in more:
        pipes["input"] = stdin
    pipes.update(more)
    done = subprocess.run(command, env=environment, cwd=cwd, timeout=timeout, check=False, **pipes)
    return Result(done.returncode, done.stdout or b"", done.stderr or b"")


class ToolTest(unittest.TestCase):
    """Base of the tests of one tool; sets self.folder, an empty folder to run in."""

    tool = ""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lathe-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_tool(self, *arguments, tool=None, **more):
        more.setdefault("cwd", self.folder)
        words = [program(tool or self.tool), *map(os.fspath, arguments)]
        return run_process(words, **more)

    def has_isa(self, isa):
        """Whether this machine can run that kernel table."""
        return self.run_tool("--version", env={"LATHE_ISA": isa}).status == 0

    def ok(self, *arguments, **more):
        """Runs the tool and expects status 0."""
        result = self.run_tool(*arguments, **more)
        self.assertEqual(result.status, 0, result)
        return result

    def fails(self, status, *arguments, message=None, **more):
        """Runs the tool and expects `status` and its one line of error; `message` is a part of
        that line or a list of parts."""
        result = self.run_tool(*arguments, **more)
        self.assert_failed(result, status, tool=more.get("tool"), message=message)
        return result

    def assert_failed(self, result, status, tool=None, message=None):
        self.assertEqual(result.status, status, result)
        lines = result.err.splitlines()
        self.assertTrue(lines, "nothing on stderr")
        start = f"{PREFIX}{tool or self.tool}: error: "
        self.assertTrue(lines[-1].startswith(start), result)
        self.assertEqual(sum(line.startswith(start) for line in lines), 1, result)
        for part in [message] if isinstance(message, str) else message or []:
            self.assertIn(part, lines[-1])
        for byte in result.stderr:
            self.assertTrue(byte >= 0x20 or byte in b"\n\r\t", f"raw byte {byte:#x} in stderr")

    def shell(self, script, **more):
        """Runs a bash script with the programs in PATH and pipefail set."""
        more.setdefault("cwd", self.folder)
        env = dict(more.pop("env", {}) or {})
        env["PATH"] = f"{BIN}:{os.environ['PATH']}"
        return run_process(["bash", "-c", "set -o pipefail\n" + script], env=env, **more)

    def write(self, name, content):
        """Writes a file of the test's folder and returns its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    @staticmethod
    def data(name):
        path = TESTDATA / name
        if not path.exists():
            raise AssertionError(f"{path} is missing")
        return path

    @staticmethod
    def shared(name):
        path = SHARED / name
        if not path.exists():
            raise unittest.SkipTest(f"{path} is not here")
        return path


def main():
    unittest.main(verbosity=1)
