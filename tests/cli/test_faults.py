"""What the system does to a process: signals, full disks, limits, closed descriptors."""
import os
import pathlib
import signal
import subprocess
import time
import unittest

from harness import TIMEOUT, ToolTest, limit, main, program

MODEL = "examples/village"


class Signals(ToolTest):
    """A tool that waits for its input has its output open: what is left of that?"""

    tool = "tokenize"

    def start(self, *arguments):
        """Starts the tool on a pipe that stays open, and waits until its output has begun."""
        process = subprocess.Popen(
            [program(self.tool), "-m", str(self.data(MODEL)), "-o", "out.txt", *arguments],
            cwd=self.folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        for _ in range(2000):
            if any(name.startswith("out.txt.tmp.") for name in os.listdir(self.folder)):
                return process
            self.assertIsNone(process.poll(), "ended before its time")
            time.sleep(0.01)
        self.fail("no output was begun")
        return process

    def test_output_goes_away(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                process = self.start()
                process.send_signal(number)
                self.assertEqual(process.wait(TIMEOUT), -number)
                self.assertEqual(os.listdir(self.folder), [])

    def test_old_output_stays(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number.name):
                self.write("out.txt", "old")
                process = self.start("--force")
                process.send_signal(number)
                self.assertEqual(process.wait(TIMEOUT), -number)
                self.assertEqual((self.folder / "out.txt").read_bytes(), b"old")

    def test_nohup_is_heeded(self):
        process = subprocess.Popen(
            ["bash", "-c", "trap '' HUP; exec \"$@\"", "bash", program(self.tool), "-m",
             str(self.data(MODEL)), "-o", "out.txt"],
            cwd=self.folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        while not any(name.startswith("out.txt.tmp.") for name in os.listdir(self.folder)):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        process.stdin.write(b"still here\n")
        process.stdin.close()
        self.assertEqual(process.wait(TIMEOUT), 0)
        self.assertTrue((self.folder / "out.txt").exists())


class Limits(ToolTest):
    def leftovers(self):
        return [name for name in os.listdir(self.folder) if ".tmp." in name]

    def test_file_too_large(self):
        script = (f"ulimit -f 20; exec '{program('convert')}' '{self.data(MODEL)}' -o out.lathe")
        result = self.shell(script)
        self.assert_failed(result, 4, tool="convert", message=["out.lathe", "File too large"])
        self.assertEqual(os.listdir(self.folder), [])

    def test_full_device_as_output(self):
        self.fails(4, "-m", self.data(MODEL), "-p", "The", "-n", "3", "-o", "/dev/full",
                   tool="generate", message="No space left")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folder_that_cannot_be_written(self):
        locked = self.folder / "locked"
        locked.mkdir(mode=0o555)
        self.fails(4, self.data(MODEL), "-o", locked / "out.lathe", tool="convert",
                   message="out.lathe")

    def test_absent_folder(self):
        self.fails(4, self.data(MODEL), "-o", "absent/out.lathe", tool="convert",
                   message="absent/out.lathe")

    def test_little_memory_is_no_death_by_signal(self):
        for kilobytes in (60_000, 70_000, 80_000, 100_000, 150_000):
            script = (f"{limit('-v', kilobytes)}; exec '{program('generate')}' -m '{self.data(MODEL)}' "
                      "-p The -n 3")
            result = self.shell(script)
            # 127: the loader itself had too little.
            self.assertIn(result.status, (0, 5, 127), f"{kilobytes} kB: {result}")

    def test_few_descriptors(self):
        script = f"{limit('-n', 5)}; exec '{program('generate')}' -m '{self.data(MODEL)}' -p The -n 3"
        result = self.shell(script)
        self.assertIn(result.status, (0, 4), result)

    def test_one_command_is_the_same_twice(self):
        command = ["-m", self.data(MODEL), "-p", "The miller", "-n", "40"]
        self.assertEqual(self.ok(*command, tool="generate").stdout,
                         self.ok(*command, tool="generate").stdout)

    def test_locale_has_no_influence(self):
        command = ["-m", self.data(MODEL), "-p", "The miller", "-n", "20", "--temp", "0.5"]
        results = {self.ok(*command, tool="generate", env={"LC_ALL": name, "LANG": name}).stdout
                   for name in ("C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8")}
        self.assertEqual(len(results), 1)

    def test_file_names_are_bytes(self):
        name = os.fsencode(self.folder) + b"/\xff\x1b[1m.lathe"
        self.ok(self.data(MODEL), "-o", os.fsdecode(name), tool="convert")
        self.assertTrue(pathlib.Path(os.fsdecode(name)).exists())
        result = self.run_tool(self.data(MODEL), "-o", os.fsdecode(name), tool="convert")
        self.assert_failed(result, 4, tool="convert", message="\\xff\\x1b[1m.lathe")


if __name__ == "__main__":
    main()
