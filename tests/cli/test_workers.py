"""Rows and questions that workers answer: the same bytes as one process gives, whatever happens."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

from harness import TIMEOUT, ToolTest, main, program
from servers import until

WORDS = ("miller", "heron", "chapel", "garden", "fair", "baker", "bell", "ford", "kettle", "well")


class Worker:
    """A process of serve --worker."""

    def __init__(self, test, address, *arguments, model, wait=True):
        words = [program("serve"), "-m", os.fspath(model), "--worker", address, "-t", "1",
                 *map(os.fspath, arguments)]
        self.process = subprocess.Popen(words, cwd=test.folder, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        test.addCleanup(self.kill)
        self.lines = []
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self.drain, daemon=True)
        self.reader.start()
        if wait:
            while not self.ready.wait(1):
                test.assertIsNone(self.process.poll(), "".join(self.lines))

    def drain(self):
        for line in self.process.stderr:
            self.lines.append(line.decode())
            if " works at " in self.lines[-1]:
                self.ready.set()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()


class WorkersTest(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        self.model = self.folder / "w8.lathe"
        self.ok("-m", self.data("examples/village"), "-s", "w8", "-o", self.model,
                tool="quantize")

    def address(self, name):
        return f"ipc://{self.folder}/{name}"

    def worker(self, name, *arguments, **more):
        more.setdefault("model", self.model)
        return Worker(self, self.address(name), *arguments, **more)

    def workers_file(self, *names):
        path = self.folder / "workers.txt"
        path.write_text("# who answers\n" + "".join(self.address(n) + "\n" for n in names))
        return path

    def rows(self, count, tokens=24):
        """Rows of every kind, in a file. Two of five are long enough that their prompts may be
        computed apart."""
        rows = []
        for i in range(count):
            more = (0, 1, 3, 7, 14)[i % 5]
            row = {"id": i, "prompt": f"The {WORDS[i % 10]}" + " and the fair" * more,
                   "max_tokens": 1 + (7 * i) % tokens}
            if i % 3 == 1:
                row.update(temperature=0.9, seed=i, n=1 + i % 2)
            if i % 7 == 2:
                row.update(logprobs=2)
            if i % 11 == 3:
                row.update(regex="[a-z ]+\\.")
            if i % 13 == 4:
                row = {"id": i, "prompt": "x", "nonsense": 1}
            if i % 17 == 5:
                row.update(stop=["the"])
            rows.append(json.dumps(row))
        path = self.folder / "rows.jsonl"
        path.write_text("\n".join(rows) + "\n")
        return path

    def alone(self, rows):
        """What one process gives."""
        self.assertIn(self.run_tool("-m", self.model, "--jsonl", "-i", rows, "-o", "alone.jsonl",
                                    "-f").status, (0, 1))
        return (self.folder / "alone.jsonl").read_bytes()

    def begin(self, rows, output, *arguments):
        """A run with workers, under way."""
        process = subprocess.Popen(
            [program("generate"), "-m", self.model, "--jsonl", "-i", rows, "-o", output,
             "--workers", self.folder / "workers.txt", *arguments],
            cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.addCleanup(end)
        return process


def records_in(path):
    """How many a file has that somebody writes, or has put in place a moment ago."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


class Answers(WorkersTest):
    def test_two_workers_give_the_bytes_of_one_process(self):
        self.worker("a", "--max-batch", "4")
        self.worker("b", "--max-batch", "4")
        rows = self.rows(60)
        want = self.alone(rows)
        done = self.run_tool("-m", self.model, "--jsonl", "-i", rows, "-o", "got.jsonl",
                             "--workers", self.workers_file("a", "b"), "--summary", "sum.json")
        self.assertEqual(done.status, 1, done)  # of the rows with nonsense
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)
        summary = json.loads((self.folder / "sum.json").read_text())
        self.assertEqual(summary["records"], 60)
        self.assertGreater(summary["tokens"], 100)

    def test_a_worker_with_one_place_turns_rows_away_and_none_is_lost(self):
        self.worker("a", "--max-batch", "1", "--max-waiting", "0")
        rows = self.rows(30)
        want = self.alone(rows)
        self.run_tool("-m", self.model, "--jsonl", "-i", rows, "-o", "got.jsonl",
                      "--workers", self.workers_file("a"))
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)

    def test_standard_output_has_them_in_order(self):
        self.worker("a")
        rows = self.rows(20)
        want = self.alone(rows)
        got = self.run_tool("-m", self.model, "--jsonl", "-i", rows,
                            "--workers", self.workers_file("a"))
        self.assertEqual(got.stdout, want)

    def test_a_run_that_was_killed_is_resumed_to_the_same_bytes(self):
        self.worker("a", "--max-batch", "2")
        self.workers_file("a")
        rows = self.rows(200)
        want = self.alone(rows)
        run = self.begin(rows, "got.jsonl")
        partial = self.folder / "got.jsonl.partial"
        until(lambda: records_in(partial) >= 10 or run.poll() is not None)
        run.kill()
        run.wait()
        self.run_tool("-m", self.model, "--jsonl", "-i", rows, "-o", "got.jsonl", "--resume",
                      "--workers", self.folder / "workers.txt")
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)

    def test_questions_are_answered_as_by_one_process(self):
        self.worker("a")
        self.worker("b")
        questions = self.folder / "questions.csv"
        questions.write_text("PID,Question,A,B,C,D,Answer,Subject\n" + "".join(
            f"{i},What did the {word} find?,a {word},seven,a well,copper,{'ABCD'[i % 4]},s\n"
            for i, word in enumerate(WORDS)))
        for protocol in ("reference", "logprob"):
            common = ["-m", self.model, "--data", questions, "-n", "8", "--protocol", protocol]
            alone = self.run_tool(*common, "--records", f"{protocol}1.jsonl", tool="sgp-eval")
            self.assertEqual(alone.status, 0, alone)
            got = self.run_tool(*common, "--records", f"{protocol}2.jsonl", "--workers",
                                self.workers_file("a", "b"), tool="sgp-eval")
            self.assertEqual(got.status, 0, got)
            self.assertEqual((self.folder / f"{protocol}1.jsonl").read_bytes(),
                             (self.folder / f"{protocol}2.jsonl").read_bytes())


class Roles(WorkersTest):
    def long_rows(self, count):
        path = self.folder / "rows.jsonl"
        path.write_text("".join(json.dumps(
            {"prompt": f"The {WORDS[i % 10]} " + "found a bell beside the well and " * (i % 7),
             "max_tokens": 1 + 5 * i % 40, "temperature": 0.5 * (i % 2), "seed": i}) + "\n"
            for i in range(count)))
        return path

    def test_prompts_and_answers_apart_give_the_bytes_of_one_process(self):
        rows = self.long_rows(120)
        want = self.alone(rows)
        for roles in (("prefill", "prefill", "decode"), ("prefill", "decode", "decode")):
            names = [f"{role}{number}" for number, role in enumerate(roles)]
            workers = [self.worker(name, "--role", role, "--max-batch", "4")
                       for name, role in zip(names, roles)]
            self.ok("-m", self.model, "--jsonl", "-i", rows, "-o", "got.jsonl", "-f",
                    "--workers", self.workers_file(*names))
            self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)
            for worker in workers:
                worker.kill()

    def test_roles_that_are_left_open_follow_the_traffic(self):
        path = self.folder / "rows.jsonl"
        long = [{"prompt": f"The {WORDS[i % 10]} " + "found a bell beside the well and " * 6,
                 "max_tokens": 1 + i % 2} for i in range(150)]
        short = [{"prompt": f"The {WORDS[i % 10]}", "max_tokens": 40, "temperature": 0.5 * (i % 2),
                  "seed": i} for i in range(150)]
        path.write_text("".join(json.dumps(row) + "\n" for row in long + short))
        want = self.alone(path)
        names = ["a", "b", "c"]
        for name in names:
            self.worker(name, "--role", "auto", "--max-batch", "4")
        run = self.ok("-v", "-m", self.model, "--jsonl", "-i", path, "-o", "got.jsonl",
                      "--workers", self.workers_file(*names))
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)
        told = [line for line in run.err.splitlines() if "worker" in line]
        self.assertTrue(any("computes prompts" in line for line in told), run)
        self.assertIn("writes answers", told[-1])

    def test_each_kind_may_die(self):
        rows = self.long_rows(300)
        want = self.alone(rows)
        roles = {"p": "prefill", "q": "prefill", "d": "decode"}
        workers = {name: self.worker(name, "--role", role, "--max-batch", "2")
                   for name, role in roles.items()}
        self.workers_file(*roles)
        run = self.begin(rows, "got.jsonl")
        partial = self.folder / "got.jsonl.partial"
        for least, name in ((10, "p"), (60, "d"), (120, "q"), (180, "p")):
            until(lambda: run.poll() is not None or records_in(partial) >= least)
            workers[name].kill()
            workers[name] = self.worker(name, "--role", roles[name], "--max-batch", "2")
        self.assertEqual(run.wait(TIMEOUT), 0)
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)


class Faults(WorkersTest):
    def test_workers_that_are_killed_stopped_and_begun_anew_change_no_byte(self):
        names = ["a", "b", "c"]
        workers = {name: self.worker(name, "--max-batch", "2") for name in names}
        self.workers_file(*names)
        rows = self.rows(300, tokens=60)
        want = self.alone(rows)
        run = self.begin(rows, "got.jsonl")
        partial = self.folder / "got.jsonl.partial"

        def progress(least):
            until(lambda: run.poll() is not None or records_in(partial) >= least)

        progress(10)
        workers["a"].kill()
        progress(40)
        os.kill(workers["b"].process.pid, signal.SIGSTOP)
        workers["a"] = self.worker("a", "--max-batch", "2")
        progress(80)
        workers["c"].kill()
        progress(120)
        os.kill(workers["b"].process.pid, signal.SIGCONT)
        workers["c"] = self.worker("c", "--max-batch", "2")
        self.assertEqual(run.wait(TIMEOUT), 1)
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)

    def test_a_worker_that_is_asked_to_end_loses_no_row(self):
        first = self.worker("a", "--max-batch", "2", "--drain", "0")
        self.workers_file("a")
        rows = self.rows(120, tokens=60)
        want = self.alone(rows)
        run = self.begin(rows, "got.jsonl")
        partial = self.folder / "got.jsonl.partial"
        until(lambda: run.poll() is not None or records_in(partial) >= 10)
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(TIMEOUT)
        self.worker("a", "--max-batch", "2")
        self.assertEqual(run.wait(TIMEOUT), 1)
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)

    def test_workers_replaced_one_by_one_by_those_with_another_file_lose_no_row(self):
        other = self.folder / "packed.lathe"
        self.ok("-m", self.model, "--archive", "-o", other, tool="convert")
        names = ["a", "b", "c"]
        workers = {name: self.worker(name, "--max-batch", "2") for name in names}
        self.workers_file(*names)
        rows = self.rows(300, tokens=60)
        want = self.alone(rows)
        run = self.begin(rows, "got.jsonl")
        partial = self.folder / "got.jsonl.partial"
        for least, name in zip((10, 70, 130), names):
            until(lambda least=least: run.poll() is not None or records_in(partial) >= least)
            workers[name].process.send_signal(signal.SIGTERM)
            self.assertEqual(workers[name].process.wait(TIMEOUT), 0)
            workers[name] = self.worker(name, "--max-batch", "2", model=other)
        self.assertEqual(run.wait(TIMEOUT), 1)
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)

    def test_garbage_harms_nobody(self):
        self.worker("a", "--max-batch", "2")
        rows = self.rows(40)
        want = self.alone(rows)
        self.workers_file("a")
        run = self.begin(rows, "got.jsonl")
        for garbage in (b"", b"\0" * 1000, b"GET / HTTP/1.1\r\n\r\n", os.urandom(5000),
                        b"\xff\0\0\0\0\0\0\0\1\x7f" + os.urandom(100)):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(self.folder / "a"))
                try:
                    caller.sendall(garbage)
                except OSError:
                    pass
        self.assertEqual(run.wait(TIMEOUT), 1)
        self.assertEqual((self.folder / "got.jsonl").read_bytes(), want)


class Refusals(WorkersTest):
    def test_a_worker_with_another_model_is_named(self):
        other = self.folder / "w4.lathe"
        self.ok("-m", self.data("examples/village"), "-s", "w4", "-o", other, tool="quantize")
        self.worker("a", model=other)
        self.fails(3, "-m", self.model, "--jsonl", "--workers", self.workers_file("a"),
                   stdin='{"prompt": "A"}\n', message="another model")

    def test_keys_decide_who_is_answered(self):
        good, bad = self.folder / "good", self.folder / "bad"
        good.write_text("5a" * 32 + "\n")
        bad.write_text("5b" * 32 + "\n")
        for key in (good, bad):
            key.chmod(0o600)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"tcp://127.0.0.1:{port}"
        Worker(self, address, "--worker-key", good, model=self.model)
        (self.folder / "w.txt").write_text(address + "\n")
        row = '{"prompt": "The miller", "max_tokens": 5}\n'
        got = self.ok("-m", self.model, "--jsonl", "--workers", "w.txt", "--worker-key", good,
                      stdin=row)
        self.assertEqual(got.out, self.ok("-m", self.model, "--jsonl", stdin=row).out)
        for arguments in (["--worker-key", bad], []):
            run = subprocess.Popen([program("generate"), "-m", self.model, "--jsonl", "--workers",
                                    "w.txt", *arguments], cwd=self.folder, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            run.stdin.write(row.encode())
            run.stdin.close()
            time.sleep(2)
            self.assertIsNone(run.poll())
            run.kill()
            self.assertEqual(run.stdout.read(), b"")
            run.wait()
            run.stdout.close()
            run.stderr.close()

    def test_what_does_not_go_together_is_refused(self):
        path = self.workers_file("a")
        for arguments, message in (
                (["--workers", path, "--max-batch", "3", "--jsonl"], "--max-batch"),
                (["--workers", path, "--check-cmd", "true", "--jsonl"], "--check-cmd"),
                (["--workers", path], "--jsonl"),
                (["--worker-key", path, "--jsonl"], "--worker-key")):
            self.fails(2, "-m", self.model, *arguments, message=message)
        path.write_text("tcp://192.0.2.1:4000\n")
        self.fails(2, "-m", self.model, "--jsonl", "--workers", path, message="--worker-key")
        path.write_text("elsewhere\n")
        self.fails(2, "-m", self.model, "--jsonl", "--workers", path, message="no address")
        path.write_text("# nobody\n")
        self.fails(3, "-m", self.model, "--jsonl", "--workers", path, message="no worker")
        path.write_text("abc\n")
        path.chmod(0o600)
        self.fails(3, "-m", self.model, "--worker", self.address("x"), "--worker-key", path,
                   message="64 hexadecimal", tool="serve")
        path.write_text("5a" * 32)
        path.chmod(0o644)
        self.fails(3, "-m", self.model, "--worker", self.address("x"), "--worker-key", path,
                   message="chmod 600", tool="serve")
        for host in ("0.0.0.0", "127.example.net"):
            self.fails(2, "-m", self.model, "--worker", f"tcp://{host}:4000",
                       message="--worker-key", tool="serve")

    def test_an_address_that_somebody_has_is_left_to_him(self):
        self.worker("a")
        self.fails(4, "-m", self.model, "--worker", self.address("a"), message="already",
                   tool="serve")


if __name__ == "__main__":
    main()
