"""Processes that mpirun starts and that compute one model together: the bytes of one process."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from harness import BIN, TIMEOUT, ToolTest, main, program, run_process

MPIRUN = shutil.which("mpirun")
if MPIRUN is None:
    print("there is no mpirun here: scripts/setup installs one")
    sys.exit(77)
if not any((BIN.parent / folder / "liblathe-mpi.so").exists() for folder in ("lib", "lib64")):
    print("this build has no MPI (LATHE_MPI)")
    sys.exit(77)

# More processes than cores, as root too, and no look for networks that a machine may not have.
OPTIONS = ["--oversubscribe", "--allow-run-as-root", "--mca", "btl", "self,vader",
           "--mca", "plm_rsh_agent", "false"]


def mpirun(count, *words):
    return [MPIRUN, *OPTIONS, "-n", str(count), *words]


def cores():
    return len(os.sched_getaffinity(0))


class Mpi(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        self.model = self.folder / "w4.lathe"
        self.ok("-m", self.data("models/base"), "-s", "w4", "-o", self.model, tool="quantize")

    def together(self, count, *arguments, tool=None, **more):
        more.setdefault("cwd", self.folder)
        words = [program(tool or self.tool), *map(os.fspath, arguments)]
        return run_process(mpirun(count, *words), **more)

    def same(self, *arguments, counts=(2, 3), status=0, tool=None, **more):
        """Standard output of several processes is that of one."""
        alone = self.run_tool(*arguments, tool=tool, **more)
        self.assertEqual(alone.status, status, alone)
        for count in counts:
            result = self.together(count, *arguments, tool=tool, **more)
            self.assertEqual(result.status, status, result)
            self.assertEqual(result.stdout, alone.stdout, f"{count} processes")
        return alone

    def test_texts_are_those_of_one_process(self):
        self.same("-m", self.model, "-p", "A red circle", "-n", "40", counts=(2, 3, 4))
        self.same("-m", self.model, "-p", "A red circle", "-n", "40", "--temp", "1.1", "--seed", "3",
                  "--kv-type", "int8")
        # The first process alone reads standard input.
        self.same("-m", self.model, "-n", "9", stdin="The blue square", counts=(2,))

    def test_layers_in_place_of_rows(self):
        self.same("-m", self.model, "-p", "A red circle", "-n", "24", "--pipeline", counts=(2, 4))
        rows = "".join(json.dumps({"prompt": f"The {word} is", "max_tokens": 4 + i}) + "\n"
                       for i, word in enumerate(["roof", "circle", "sky"] * 2))
        self.same("-m", self.model, "--jsonl", "--pipeline", counts=(3,), stdin=rows)
        text = self.write("text", "A drawing of a house with a red roof and a blue door. " * 20)
        self.same("-m", self.model, "-i", text, "-c", "64", "--pipeline", counts=(2,),
                  tool="perplexity")
        self.same("-m", self.model, "-p", "A red circle", "--embed", "--pipeline", counts=(2,))
        result = self.together(9, "-m", self.model, "-p", "A", "--pipeline")
        self.assertEqual(result.status, 6, result)
        self.assertIn("each of 9 processes needs a layer for itself, and there are 6", result.err)

    def test_layers_with_drafts_and_shared_beginnings(self):
        self.same("-m", self.model, "--draft", self.data("models/base"), "-p", "A red circle",
                  "-n", "24", "--pipeline", counts=(2,))
        rows = "".join(json.dumps({"prompt": "A red circle and " * 9 + word, "max_tokens": 8,
                                   "n": 2, "temperature": 1, "seed": 4}) + "\n"
                       for word in ("a", "the", "one"))
        self.same("-m", self.model, "--jsonl", "--lookup", "on", "--max-batch", "4", "--pipeline",
                  counts=(3,), stdin=rows)

    def test_rows_are_those_of_one_process(self):
        rows = [json.dumps({"id": i, "prompt": f"The {word} is", "max_tokens": 3 + 5 * (i % 4),
                            "temperature": i % 2, "seed": i})
                for i, word in enumerate(["roof", "circle", "sky", "door"] * 6)]
        rows[5] = '{"prompt": 7}'
        alone = self.same("-m", self.model, "--jsonl", status=1, counts=(2, 4),
                          stdin="\n".join(rows) + "\n")
        self.assertEqual(len(alone.out.splitlines()), 24)

    def test_perplexity_is_that_of_one_process(self):
        text = self.write("text", "A drawing of a house with a red roof and a blue door. " * 40)
        self.same("-m", self.model, "-i", text, "-c", "64", "--per-token", counts=(2, 4),
                  tool="perplexity")

    def test_float_models_and_other_files(self):
        self.same("-m", self.data("models/base"), "-p", "A red circle", "-n", "12", counts=(2,))
        gguf = self.folder / "m.gguf"
        self.ok("-m", self.data("models/base"), "-s", "q4_k_m", "-o", gguf, tool="quantize")
        self.same("-m", gguf, "-p", "A red circle", "-n", "12", "--no-mmap", counts=(2,))

    def test_speed(self):
        out = self.together(2, "--shape", "llama-42m", "-p", "8", "-n", "4", "-r", "1", "--json",
                            "--layers", "2", tool="bench")
        self.assertEqual(out.status, 0, out)
        rows = json.loads(out.out)
        self.assertEqual({row["n_processes"] for row in rows}, {2})
        self.assertEqual({row["n_threads"] for row in rows}, {max(1, cores() // 2)})

    def test_output_is_written_once(self):
        out = self.folder / "out"
        result = self.together(3, "-m", self.model, "-p", "A", "-n", "5", "-o", out)
        self.assertEqual((result.status, result.stdout), (0, b""), result)
        self.ok("-m", self.model, "-p", "A", "-n", "5", "-o", self.folder / "alone")
        self.assertEqual(out.read_bytes(), (self.folder / "alone").read_bytes())
        # And what goes wrong is said once, with its exit status.
        result = self.together(3, "-m", self.model, "-p", "A", "-n", "5", "-o", out)
        self.assertEqual(result.status, 4, result)
        self.assertEqual(result.err.count("generate: error: "), 1, result)

    def test_errors_end_all_with_one_sentence(self):
        for status, arguments in ((4, ["-m", "absent.gguf"]), (2, ["--no-such-option"]),
                                  (6, ["-m", self.model, "-p", "A", "--cache-dir", "c"])):
            result = self.together(3, *arguments)
            self.assertEqual(result.status, status, result)
            self.assertEqual(result.err.count("generate: error: "), 1, result)
        self.assertEqual(self.together(2, "--version").out.count("lathe "), 1)

    def test_each_for_itself(self):
        result = self.together(2, "-m", self.model, "-p", "A", "-n", "3",
                               env={"LATHE_MPI": "off"})
        alone = self.ok("-m", self.model, "-p", "A", "-n", "3")
        self.assertEqual(sorted(result.stdout), sorted(2 * alone.stdout), result)
        words = [program("generate"), "-m", str(self.model), "-n", "3", "-p"]
        result = run_process([*mpirun(1, *words, "A"), ":", "-n", "1", *words, "B"],
                             cwd=self.folder)
        self.assertEqual(result.status, 2, result)
        self.assertEqual(result.err.count("different arguments"), 1, result)

    def test_a_process_that_dies_ends_all(self):
        for victim in (1, 0):
            words = mpirun(2, program("generate"), "-m", str(self.model), "-p", "A", "-n", "100000",
                           "--ignore-eos", "--ctx", "0", "-o", "out.txt")
            run = subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
            self.addCleanup(run.wait)
            processes = self.wait_for_processes(run, 2)
            os.kill(processes[victim], signal.SIGKILL)
            self.assertNotEqual(run.wait(TIMEOUT), 0)
            for process in processes:
                self.wait_for(lambda p=process: not pathlib.Path(f"/proc/{p}/exe").exists())
            # What was unfinished does not look finished.
            self.assertFalse((self.folder / "out.txt").exists())

    def wait_for_processes(self, run, count):
        """The processes of generate below mpirun, by rank, when they have the model."""
        def found():
            by_rank = {}
            for child in subprocess.run(["ps", "-o", "pid=", "--ppid", str(run.pid)],
                                        capture_output=True, text=True, check=False).stdout.split():
                try:
                    folder = pathlib.Path("/proc") / child
                    environment = (folder / "environ").read_bytes().split(b"\0")
                    if str(self.model).encode() not in (folder / "maps").read_bytes():
                        continue
                except OSError:
                    continue
                rank = [v for v in environment if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
                by_rank[int(rank[0].partition(b"=")[2])] = int(child)
            return [by_rank[i] for i in range(count)] if len(by_rank) == count else None
        return self.wait_for(found, run)

    def wait_for(self, what, run=None):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            result = what()
            if result:
                return result
            self.assertTrue(run is None or run.poll() is None, "ended early")
            time.sleep(0.02)
        return self.fail("did not happen")


if __name__ == "__main__":
    main()
