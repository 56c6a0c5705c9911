"""quantize that is killed, stopped and resumed."""
import array
import json
import os
import random
import signal
import struct
import subprocess
import time

from harness import TIMEOUT, ToolTest, main, program


class Interrupted(ToolTest):
    """Kills at any moment: the final name is whole, and --resume ends in the same bytes."""
    tool = "quantize"

    def setUp(self):
        super().setUp()
        # 34 MB in 39 tensors; plain kernels on one thread, so that there is a while to hit.
        dim, hidden, layers, heads, vocab, context = 256, 768, 10, 4, 2000, 64
        count = (vocab * dim + layers * (2 * dim + 4 * dim * dim + 3 * dim * hidden) + dim +
                 context * dim // heads)
        values = array.array("f", [random.Random(1).gauss(0, 0.02) for _ in range(40961)])
        weights = (values.tobytes() * (count // len(values) + 1))[:4 * count]
        self.write("big.bin", struct.pack("<7i", dim, hidden, layers, heads, heads, vocab, context) +
                   weights)
        self.ok("-q", "-m", "big.bin", "-o", "whole.lathe", "-s", "w4g32a", "--also",
                "w8=whole8.lathe")
        self.whole = (self.folder / "whole.lathe").read_bytes()

    def start(self, *more, output="out.lathe"):
        process = subprocess.Popen(
            [program("quantize"), "-m", "big.bin", "-o", output, "-s", "w4g32a", "-t", "1", *more],
            cwd=self.folder, stderr=subprocess.PIPE, env={**os.environ, "LATHE_ISA": "generic"})
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def wait_for_partial(self, process, size=1000000, name="out.lathe.partial"):
        path = self.folder / name
        while process.poll() is None:
            if path.exists() and path.stat().st_blocks * 512 > size:
                return True
            time.sleep(0.001)
        return False

    def names(self):
        return sorted(n for n in os.listdir(self.folder) if n.startswith("out"))

    def test_kills_and_resumes_end_in_the_same_bytes(self):
        delays = random.Random(3)
        kept = 0
        for _ in range(60):
            process = self.start("--resume")
            time.sleep(delays.uniform(0.02, 0.5))
            process.kill()
            process.wait(TIMEOUT)
            kept += b"kept from before" in process.stderr.read()
            if process.returncode == 0:
                break
            if (self.folder / "out.lathe").exists():  # killed when all but its end was done
                self.assertEqual((self.folder / "out.lathe").read_bytes(), self.whole)
                self.assertEqual(self.start("--resume").wait(TIMEOUT), 0)
                break
        else:
            self.assertEqual(self.start("--resume").wait(TIMEOUT), 0)
        self.assertEqual((self.folder / "out.lathe").read_bytes(), self.whole)
        self.assertEqual(self.names(), ["out.lathe"])

    def test_resume_keeps_what_is_done(self):
        process = self.start()  # without --resume: a kill -9 leaves what can be taken up
        if not self.wait_for_partial(process):
            self.skipTest("it was done before the kill")
        process.kill()
        process.wait(TIMEOUT)
        self.assertEqual(self.names(), ["out.lathe.partial"])
        # Other options, another input: refused, and nothing is lost.
        self.fails(3, "-m", "big.bin", "-o", "out.lathe", "--resume", "-s", "w8", message="--resume")
        out = json.loads(self.ok("-m", "big.bin", "-o", "out.lathe", "-s", "w4g32a", "--resume",
                                 "--json").stdout)["outputs"][0]
        self.assertGreater(out["kept_tensors"], 0)
        self.assertTrue(all("sqnr_db" in t for t in out["tensors"] if t["scheme"] != "keep"))
        self.assertEqual((self.folder / "out.lathe").read_bytes(), self.whole)
        self.assertEqual(self.names(), ["out.lathe"])

    def test_what_was_damaged_meanwhile_is_made_again(self):
        process = self.start("--resume")
        if not self.wait_for_partial(process):
            self.skipTest("it was done before the kill")
        process.kill()
        process.wait(TIMEOUT)
        with open(self.folder / "out.lathe.partial", "r+b") as file:
            file.seek(300000)
            file.write(bytes(4096))
        self.ok("-m", "big.bin", "-o", "out.lathe", "-s", "w4g32a", "--resume")
        self.assertEqual((self.folder / "out.lathe").read_bytes(), self.whole)

    def test_another_input_is_refused(self):
        process = self.start("--resume")
        if not self.wait_for_partial(process):
            self.skipTest("it was done before the kill")
        process.kill()
        process.wait(TIMEOUT)
        with open(self.folder / "big.bin", "r+b") as file:
            file.seek(100000)
            file.write(struct.pack("<f", 0.5))
        self.fails(3, "-m", "big.bin", "-o", "out.lathe", "-s", "w4g32a", "--resume",
                   message="other weights")
        self.assertEqual(self.names(), ["out.lathe.partial"])
        self.ok("-m", "big.bin", "-o", "out.lathe", "-s", "w4g32a")
        self.assertEqual(self.names(), ["out.lathe"])

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for resume in ([], ["--resume"]):
                process = self.start(*resume)
                if not self.wait_for_partial(process):
                    continue
                process.send_signal(number)
                if process.wait(TIMEOUT) == 0:
                    continue
                self.assertEqual(process.returncode, -number)
                self.assertEqual(self.names(), ["out.lathe.partial"] if resume else [])
                for name in self.names():
                    os.unlink(self.folder / name)

    def test_two_writers_of_one_file(self):
        first = self.start()
        self.wait_for_partial(first, 0)
        self.assertEqual(self.start("--resume").wait(TIMEOUT), 4)
        second = self.start()
        statuses = sorted([first.wait(TIMEOUT), second.wait(TIMEOUT)])
        self.assertEqual(statuses, [0, 4])
        self.assertEqual((self.folder / "out.lathe").read_bytes(), self.whole)
        self.assertEqual(self.names(), ["out.lathe"])

    def test_what_a_kill_between_two_names_left_is_finished_by_the_same_command(self):
        command = ("-m", "big.bin", "-o", "out.lathe", "-s", "w4g32a", "--also", "w8=out8.lathe",
                   "--also", "q8_0=out.gguf", "--resume")
        self.ok(*command)
        whole = {name: (self.folder / name).read_bytes() for name in self.names()}
        self.assertEqual(len(whole), 3)
        for done in (("out.lathe",), ("out8.lathe", "out.gguf"), tuple(whole)):
            for name in set(whole) - set(done):
                (self.folder / name).rename(self.folder / (name + ".partial"))
            times = {name: (self.folder / name).stat().st_mtime_ns for name in done}
            result = self.ok(*command)
            for name in done:
                self.assertIn(f'"{name}": is done already', result.err)
                self.assertEqual((self.folder / name).stat().st_mtime_ns, times[name])
            self.assertEqual({n: (self.folder / n).read_bytes() for n in self.names()}, whole)
        # Something else of that name, or what was damaged since, is nothing that was done.
        damaged = bytearray(whole["out8.lathe"])
        damaged[-1] ^= 1
        for content in (b"precious", bytes(damaged), whole["out.lathe"]):
            self.write("out8.lathe", content)
            self.fails(4, *command, message='"out8.lathe": the file exists')
            self.assertEqual((self.folder / "out8.lathe").read_bytes(), content)

    def test_two_outputs_resume_each_where_it_was(self):
        process = self.start("--also", "w8=out8.lathe")
        if not self.wait_for_partial(process):
            self.skipTest("it was done before the kill")
        process.kill()
        process.wait(TIMEOUT)
        self.ok("-m", "big.bin", "-o", "out.lathe", "-s", "w4g32a", "--resume", "--also",
                "w8=out8.lathe")
        self.assertEqual((self.folder / "out.lathe").read_bytes(), self.whole)
        self.assertEqual((self.folder / "out8.lathe").read_bytes(),
                         (self.folder / "whole8.lathe").read_bytes())
        self.assertEqual(self.names(), ["out.lathe", "out8.lathe"])


if __name__ == "__main__":
    main()
