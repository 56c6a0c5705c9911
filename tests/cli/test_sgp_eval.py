"""sgp-eval: data, prompts, scores against an independent scorer, records, resuming, refusals."""
import csv
import io
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import time

import sgp_scorer
from harness import ToolTest, main, program

HEADER = "PID,Question,A,B,C,D,Answer,Subject\n"
SETS = ["svg", "cad", "mnist", "inv", *(f"inv_{k}{i}" for k in "tr" for i in range(5))]
# What models say, the reference's quirks among it. %s is a letter or a digit.
SAYINGS = ["Answer: %s", "I think so.\n\nAnswer: %s", "answer : %s", "**Answer:** %s", "Answer: (%s)",
           "Answer: Because of that", "The answer is %s.", "Answer:\n\n\u3000%s", "", "Answer:",
           "An\u017fwer: %s", "Answer: none\nAnswer: %s", "%s", "ANSWER:%s)", "Answer:  \n\n"]


class SgpEval(ToolTest):
    tool = "sgp-eval"

    def long_village(self):
        """village with room for long prompts."""
        folder = self.folder / "village"
        if not folder.exists():
            shutil.copytree(self.data("examples/village"), folder)
            config = json.loads((folder / "config.json").read_text())
            config["max_position_embeddings"] = 4096
            (folder / "config.json").write_text(json.dumps(config))
        return folder

    def quantized(self):
        path = self.folder / "w8.lathe"
        if not path.exists():
            self.ok("-m", self.long_village(), "-o", path, "-s", "w8", tool="quantize")
        return path

    def small_set(self, count=6, name="set.csv"):
        text = HEADER + "".join(f"{i},What is number {i // 2}?,a {i},b,c,d,{'ABCD'[i % 4]},s{i % 2}\n"
                                for i in range(count))
        return self.write(name, text)

    def sets(self, *names):
        return [self.data(f"sgp/{name}.csv.zst") for name in names or SETS]

    def ask(self, *arguments, status=0, **more):
        result = self.run_tool("-q", "--chat-template", "none", *arguments, **more)
        self.assertEqual(result.status, status, result)
        return result

    @staticmethod
    def records(path):
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def assert_scores(self, said, expected):
        """The figures of --json and those of the independent scorer."""
        def same(ours, theirs):
            for key in ("count", "score", "std", "standard_error", "answered"):
                self.assertAlmostEqual(ours[key], theirs[key], 12, key)
            for a, b in zip(ours["interval"], theirs["interval"]):
                self.assertAlmostEqual(a, b, 9)
        said["std"] = said["score:std"]
        same(said, expected)
        self.assertEqual([s["name"] for s in said["splits"]], sorted(expected["splits"]))
        for split in said["splits"]:
            same(split, expected["splits"][split["name"]])
            metrics = split["metrics"]
            self.assertEqual(metrics["score"], split["score"])
            self.assertEqual(metrics["score:std"], split["std"])
            for subject in split["subjects"]:
                theirs = expected["subjects"][f"{split['name']}/{subject['name']}"]
                same(subject, theirs)
                self.assertAlmostEqual(metrics[subject["name"]], theirs["score"], 12)
                self.assertAlmostEqual(metrics[subject["name"] + ":std"], theirs["std"], 12)
        self.assertEqual(len(said["consistency"]), len(expected["consistency"]))
        for one in said["consistency"]:
            theirs = expected["consistency"][one["name"]]
            self.assertEqual(one["questions"], theirs["questions"])
            self.assertAlmostEqual(one["consistency"], theirs["consistency"], 12)
            self.assertAlmostEqual(one["accuracy"], theirs["accuracy"], 12)

    # ---- prompts

    def test_prompts_are_the_references(self):
        for name in ("svg", "cad", "mnist", "inv_r3"):
            [data] = self.sets(name)
            out = self.ok("--data", data, "--emit-prompts").out
            _, rows = sgp_scorer.rows(data)
            expected = {row["PID"]: sgp_scorer.prompt(row) for row in rows}
            for line in out.splitlines():
                line = json.loads(line)
                system, user = line["messages"]
                self.assertEqual(system, {"role": "system",
                                          "content": "You are a large language model trained."})
                self.assertEqual(user, {"role": "user", "content": expected.pop(line["id"])})
                self.assertEqual((line["max_tokens"], line["temperature"]), (2048, 0))
            self.assertEqual(expected, {})

    def test_system_message_goes_by_the_models_name(self):
        data = self.small_set()
        for name, count in (("gemma-2b.gguf", 1), ("/x/Mistral-7B/", 1), ("llama.gguf", 2)):
            line = self.ok("--data", data, "--emit-prompts", "-m", name).out.splitlines()[0]
            self.assertEqual(len(json.loads(line)["messages"]), count, name)

    # ---- scores

    def test_scores_are_those_of_an_independent_scorer(self):
        draw = random.Random(4)
        responses, lines = {}, []
        for path in self.sets():
            split, rows = sgp_scorer.rows(path)
            for row in rows:
                right = draw.random() < 0.4
                wrong = draw.choice("ABCDab") if "A" in row else str(draw.randrange(10))
                what = row["Answer"] if right else wrong
                saying = draw.choice(SAYINGS)
                text = saying % what if "%s" in saying else saying
                responses[split, row["PID"]] = text
                lines.append(json.dumps({"id": row["PID"], "split": split, "response": text}))
        draw.shuffle(lines)
        answers = self.write("answers.jsonl", "\n".join(lines))
        said = json.loads(self.ok("--data", *self.sets(), "--responses", answers, "--json",
                                  "--records", "r.jsonl").out)
        expected = sgp_scorer.score(self.sets(), responses)
        self.assert_scores(said, expected)
        self.assertGreater(said["score"], 0.1)
        self.assertLess(said["answered"], 0.9)
        # Record by record, too.
        rows = {(s, r["PID"]): r for s, table in map(sgp_scorer.rows, self.sets()) for r in table}
        for record in self.records(self.folder / "r.jsonl"):
            key = record["split"], record["id"]
            found, score = sgp_scorer.verdict(rows[key], responses[key])
            self.assertEqual((record["extracted"], record["score"]), (found, score), record)

    def test_a_models_answers_are_scored_the_same(self):
        data = self.sets("svg", "mnist")
        said = json.loads(self.ask("-m", self.quantized(), "--data", *data, "--limit", "20", "-n", "24",
                                   "--records", "r.jsonl", "--json").out)
        records = self.records(self.folder / "r.jsonl")
        self.assertEqual(len(records), 40)
        right = 0
        for path in data:
            split, rows = sgp_scorer.rows(path)
            for row in rows[:20]:
                [record] = [r for r in records if (r["split"], r["id"]) == (split, row["PID"])]
                right += sgp_scorer.verdict(row, record["response"])[1]
                self.assertIn(record["finish"], ("stop", "length"))
                self.assertGreater(record["tokens"]["prompt"], 100)
        self.assertEqual(said["score"], right / 40)

    def quirk(self, response, *protocol, answer="B"):
        self.write("one.csv", HEADER + f"1,Q,red,green,blue,a cat,{answer},s\n")
        self.write("a.jsonl", json.dumps({"id": "1", "response": response}))
        self.ok("--data", "one.csv", "--responses", "a.jsonl", "--records", "q.jsonl", "-f", *protocol)
        [record] = self.records(self.folder / "q.jsonl")
        return record

    def test_quirk_small_letter(self):
        record = self.quirk("answer: b")
        self.assertEqual((record["extracted"], record["score"]), ("b", 0))
        self.assertEqual(record["robust"], {"extracted": "B", "score": 1})

    def test_quirk_because(self):
        record = self.quirk("Answer: Because")
        self.assertEqual((record["extracted"], record["score"]), ("B", 1))
        self.assertEqual(record["robust"], {"extracted": None, "score": 0})

    def test_quirk_emphasis(self):
        record = self.quirk("**Answer:** B")
        self.assertEqual((record["extracted"], record["score"]), (None, 0))
        robust = self.quirk("**Answer:** B", "--protocol", "robust")
        self.assertEqual((robust["extracted"], robust["score"]), ("B", 1))
        self.assertEqual(robust["reference"], {"extracted": None, "score": 0})

    def test_quirk_first_match(self):
        record = self.quirk("Answer: A is tempting.\nAnswer: B")
        self.assertEqual((record["extracted"], record["robust"]["extracted"]), ("A", "B"))

    def test_quirk_five_tries_of_a_greedy_answer_are_one(self):
        self.ask("-m", self.quantized(), "--data", self.small_set(2), "-n", "4", "--records", "r.jsonl")
        for record in self.records(self.folder / "r.jsonl"):
            self.assertEqual((record["extracted"], record["tries"]), (None, 5))

    # ---- data

    def test_bad_rows_are_reported_and_the_rest_is_evaluated(self):
        self.write("bad.csv", HEADER + "1,Q,a,b,c,d,A,s\n2,Q,a,b\n3,Q,a,b,c,d,X,s\n"
                                       "4,\"Q,a,b,c,d,A,s\n5,\"Q\",a,b,c,d,A,s\n6,Q,a,b,c,d,B,s\n")
        self.write("a.jsonl", "".join(json.dumps({"id": str(i), "response": "Answer: A"}) + "\n"
                                      for i in (1, 6)))
        result = self.run_tool("--data", "bad.csv", "--responses", "a.jsonl", "--json", "--records",
                               "r.jsonl")
        self.assertEqual(result.status, 1, result)
        said = json.loads(result.out)
        self.assertEqual((said["questions"], said["errors"], said["bad_rows"]), (5, 3, 3))
        self.assertEqual((said["count"], said["score"]), (2, 0.5))
        self.assertIn("row 2, line 3: 4 fields where the header has 8", result.err)
        self.assertIn('the answer "X" is none of the letters A to D', result.err)
        self.assertIn("closing quote in line 6", result.err)
        self.assertIn("5 questions = 2 scored + 3 failed (3 bad rows, 0 not asked)", result.err)
        errors = [r.get("error", {}).get("code") for r in self.records(self.folder / "r.jsonl")]
        self.assertEqual(errors, [None, "invalid_input", "invalid_input", "invalid_input", None])

    def test_a_file_without_the_columns_is_refused(self):
        self.write("x.csv", "PID,Text\n1,2\n")
        self.fails(3, "--data", "x.csv", "--emit-prompts", message=["x.csv", "Question", "--columns"])
        self.write("empty.csv", "")
        self.fails(3, "--data", "empty.csv", "--emit-prompts", message="empty.csv")
        self.fails(4, "--data", "absent.csv", "--emit-prompts", message="absent.csv")
        self.write("cut.csv.zst", self.sets("svg")[0].read_bytes()[:-20])
        self.fails(3, "--data", "cut.csv.zst", "--emit-prompts", message="cut.csv.zst")

    def test_a_bomb_is_refused(self):
        with open(self.folder / "bomb.csv.zst", "wb") as file:
            with subprocess.Popen(["zstd", "-q", "-1", "-c"], stdin=subprocess.PIPE,
                                  stdout=file) as packer:
                for _ in range(1100):
                    packer.stdin.write(b"a" * (1 << 20))
        self.fails(5, "--data", "bomb.csv.zst", "--emit-prompts", message=["bomb.csv.zst", "limit"])

    def test_standard_input_and_pipes_are_data(self):
        one = self.ok("--data", "-", "--emit-prompts", stdin=self.small_set().read_bytes()).out
        self.assertEqual(len(one.splitlines()), 6)
        two = self.shell("sgp-eval --data <(cat set.csv) --emit-prompts")
        self.assertEqual(two.out, one)

    def test_mmlu_without_header(self):
        self.write("algebra.csv", '"Find x, y",0,4,2,6,B\n')
        line = json.loads(self.ok("--data", "algebra.csv", "--columns", "Question,A,B,C,D,Answer",
                                  "--emit-prompts", "--system", "").out)
        self.assertEqual(line["id"], "algebra-1")
        self.assertTrue(line["messages"][0]["content"].endswith(
            "Find x, y\n\nA) 0\nB) 4\nC) 2\nD) 6"))

    # ---- records

    def test_same_bytes_for_threads_batches_and_instruction_sets(self):
        data = self.sets("inv")[0]
        runs = set()
        for env, arguments in (({}, ["-t", "1", "--max-batch", "1"]), ({}, ["-t", "2"]),
                               ({"LATHE_ISA": "generic"}, ["--max-batch", "5"])):
            self.ask("-m", self.quantized(), "--data", data, "--limit", "12", "-n", "12", "--records",
                     "r.jsonl", "-f", *arguments, env=env)
            runs.add((self.folder / "r.jsonl").read_bytes())
        self.assertEqual(len(runs), 1)

    def test_questions_about_one_program_follow_each_other(self):
        rows = [(i, f"Examine the following SVG code.\n\n<svg>{i % 3}</svg>\n\nQuestion: {i}?")
                for i in range(9)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER.strip().split(","))
        writer.writerows([i, q, "a", "b", "c", "d", "A", "s"] for i, q in rows)
        self.write("set.csv", text.getvalue())
        ids = [json.loads(line)["id"]
               for line in self.ok("--data", "set.csv", "--emit-prompts").out.splitlines()]
        self.assertEqual(ids, [str(i) for i in (0, 3, 6, 1, 4, 7, 2, 5, 8)])

    def test_kill_at_random_points_and_resume_give_the_same_file(self):
        data = self.small_set(60)
        command = ["-m", self.quantized(), "--data", data, "-n", "300", "--max-batch", "4", "-t", "1"]
        begun = time.monotonic()
        self.ask(*command, "--records", "whole.jsonl")
        seconds = time.monotonic() - begun
        draw = random.Random(int.from_bytes(os.urandom(4), "little"))
        killed = 0
        for attempt in range(40):
            process = subprocess.Popen(
                [program(self.tool), "-q", "--chat-template", "none", *map(str, command), "--records",
                 "cut.jsonl", "--resume"], cwd=self.folder, stdout=subprocess.DEVNULL)
            try:
                process.wait(draw.uniform(0.02, max(0.1, 0.3 * seconds)))
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
            process.wait()
            if killed < 2 and (self.folder / "cut.jsonl").exists():  # the machine is faster now
                (self.folder / "cut.jsonl").unlink()
                seconds /= 2
            if killed >= 10 and attempt >= 10:
                break
        self.assertGreaterEqual(killed, 2, "the run is too short to be killed")
        self.ask(*command, "--records", "cut.jsonl", "--resume")
        whole = (self.folder / "whole.jsonl").read_bytes()
        self.assertEqual((self.folder / "cut.jsonl").read_bytes(), whole)
        self.assertEqual(len(whole.splitlines()), 60)

    def test_an_interrupt_keeps_what_is_answered_and_says_so(self):
        data = self.small_set(400)
        command = ["-m", self.quantized(), "--data", data, "-n", "200", "--max-batch", "4", "-t", "1"]
        process = subprocess.Popen(
            [program(self.tool), "--chat-template", "none", *map(str, command), "--records", "r.jsonl"],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        partial = self.folder / "r.jsonl.partial"
        while not (partial.exists() and partial.read_bytes().count(b"\n") > 5):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        err = process.communicate()[1]
        self.assertEqual(process.returncode, -signal.SIGINT, err)
        said = re.search(r'stopped; (\d+) of 400 records are in "r.jsonl.partial"; --resume continues', err)
        self.assertTrue(said, err)
        kept = partial.read_bytes().splitlines()
        self.assertEqual(len(kept), int(said[1]))
        for line in kept:
            json.loads(line)
        result = self.run_tool("--chat-template", "none", *command, "--limit", "400", "--records", "r.jsonl",
                               "--resume")
        self.assertIn(f"{len(kept)} of 400 questions are answered", result.err)
        self.assertEqual(result.status, 0, result)
        err = ""
        for patience in (0.5, 2, 8, 32):  # it must have begun
            process = subprocess.Popen([program(self.tool), "--chat-template", "none", *map(str, command)],
                                       cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       text=True)
            time.sleep(patience)
            process.send_signal(signal.SIGINT)
            err = process.communicate()[1]
            if err:
                break
        self.assertIn("without --records nothing is kept", err)

    def test_memory_for_keys_and_values_is_bounded(self):
        data = self.small_set(12)
        runs = set()
        for memory in ([], ["--kv-memory", "2M"]):
            self.ask("-m", self.quantized(), "--data", data, "-n", "8", "--records", "r.jsonl", "-f", *memory)
            runs.add((self.folder / "r.jsonl").read_bytes())
        self.assertEqual(len(runs), 1)
        result = self.ask("-m", self.quantized(), "--data", data, "--kv-memory", "20K", status=1)
        self.assertIn("KV memory", result.err)

    def test_a_context_bounds_prompts_and_answers(self):
        command = ["-m", self.quantized(), "--data", self.small_set(8)]
        self.ask(*command, "-n", "8", "--records", "free.jsonl")
        prompts = [record["tokens"]["prompt"] for record in self.records(self.folder / "free.jsonl")]
        room = max(prompts) + 3
        self.ask(*command, "--ctx", str(room), "--records", "cut.jsonl")
        for record, prompt in zip(self.records(self.folder / "cut.jsonl"), prompts):
            self.assertLessEqual(record["tokens"]["generated"], room - prompt + 1)
        # Other positions may give other answers; the old word is the same.
        self.fails(3, "-q", "--chat-template", "none", *command, "--context-length", str(room + 1),
                   "--records", "cut.jsonl", "--resume", message="cut.jsonl")
        self.ask(*command, "--context-length", str(room), "--records", "cut.jsonl", "--resume")
        short = self.ask(*command, "--ctx", str(min(prompts) - 1), "--json", status=1)
        self.assertIn(f"but the context holds {min(prompts) - 1}", short.err)
        self.assertEqual(json.loads(short.out)["not_run"], 8)
        self.fails(5, *command, "--ctx", "100000", message=["--ctx 100000", "tokens"])
        self.fails(2, "--data", "set.csv", "--responses", "x", "--ctx", "9", message="--ctx")

    def test_resume_redoes_nothing_and_cuts_a_torn_line(self):
        command = ["-m", self.quantized(), "--data", self.small_set(8), "-n", "8"]
        self.ask(*command, "--records", "whole.jsonl")
        lines = (self.folder / "whole.jsonl").read_bytes().splitlines(keepends=True)
        # A record that no model would write: kept, so it was not asked again.
        marked = lines[0].replace(b'"response":"', b'"response":"kept ')
        self.write("cut.jsonl.partial", marked + lines[1] + lines[2][:30])
        result = self.run_tool("--chat-template", "none", *command, "--records", "cut.jsonl", "--resume")
        self.assertEqual(result.status, 0, result)
        self.assertIn("2 of 8 questions are answered", result.err)
        self.assertEqual((self.folder / "cut.jsonl").read_bytes().splitlines(keepends=True),
                         [marked, *lines[1:]])

    def test_resume_refuses_another_run(self):
        model, data = self.quantized(), self.small_set(4)
        self.ask("-m", model, "--data", data, "-n", "8", "--records", "r.jsonl")
        for change in (["-n", "9"], ["-n", "8", "--system", "Be brief."],
                       ["-n", "8", "--protocol", "robust"], ["-n", "8", "--kv-type", "f32"]):
            result = self.run_tool("-q", "--chat-template", "none", "-m", model, "--data", data,
                                   "--records", "r.jsonl", "--resume", *change)
            self.assert_failed(result, 3, message="r.jsonl")
        other = self.small_set(4, "set2.csv").rename(data)
        self.write(other.name, other.read_text().replace("number 0", "number 7"))
        result = self.run_tool("-q", "--chat-template", "none", "-m", model, "--data", data, "-n", "8",
                               "--records", "r.jsonl", "--resume")
        self.assert_failed(result, 3, message="r.jsonl")

    def test_existing_records_are_not_replaced(self):
        self.write("r.jsonl", "old")
        result = self.run_tool("-q", "--chat-template", "none", "-m", self.quantized(), "--data",
                               self.small_set(2), "-n", "2", "--records", "r.jsonl")
        self.assert_failed(result, 4, message="r.jsonl")
        self.assertEqual((self.folder / "r.jsonl").read_text(), "old")

    def test_a_full_disk_is_an_error(self):
        result = self.run_tool("-q", "--chat-template", "none", "-m", self.quantized(), "--data",
                               self.small_set(2), "-n", "2", "--records", "/dev/full")
        self.assert_failed(result, 4, message="/dev/full")
        self.ask("-m", self.quantized(), "--data", self.small_set(2), "-n", "2", "-o", "/dev/full",
                 status=4)

    def test_timings_are_there_when_asked_for(self):
        self.ask("-m", self.quantized(), "--data", self.small_set(2), "-n", "2", "--records", "r.jsonl",
                 "--timings")
        self.assertGreaterEqual(self.records(self.folder / "r.jsonl")[0]["seconds"], 0)

    # ---- prompts out, responses in

    def test_records_of_a_run_score_as_the_run(self):
        data = self.small_set(8)
        one = json.loads(self.ask("-m", self.quantized(), "--data", data, "-n", "16", "--records",
                                  "r.jsonl", "--json").out)
        two = json.loads(self.ok("--data", data, "--responses", "r.jsonl", "--json").out)
        for key in ("score", "answered", "splits", "readings"):
            self.assertEqual(one[key], two[key], key)

    def test_prompts_through_generate_score_as_a_run(self):
        data, model = self.small_set(6), self.long_village()
        whole = json.loads(self.run_tool("-q", "--chat-template", "llama2", "-m", model, "--data", data,
                                         "-n", "12", "--records", "r.jsonl", "--json").out)
        done = self.shell("sgp-eval --data set.csv -n 12 --emit-prompts | "
                          "generate -m village --jsonl --chat-template llama2 -q | "
                          "sgp-eval -q --data set.csv --responses - --records g.jsonl --json")
        self.assertEqual(done.status, 0, done)
        self.assertEqual(json.loads(done.out)["score"], whole["score"])
        self.assertEqual([r["response"] for r in self.records(self.folder / "g.jsonl")],
                         [r["response"] for r in self.records(self.folder / "r.jsonl")])

    def test_a_missing_response_is_a_failure(self):
        self.write("a.jsonl", '{"id":"0","response":"Answer: A"}\n{"id":"77","response":"x"}\nno\n')
        result = self.run_tool("--data", self.small_set(2), "--responses", "a.jsonl", "--json")
        self.assertEqual(result.status, 1, result)
        self.assertIn('no question has the id "77"', result.err)
        self.assertIn("line 3", result.err)
        self.assertIn("set/1: there is no response to it", result.err)
        said = json.loads(result.out)
        self.assertEqual((said["count"], said["questions"], said["score"]), (1, 2, 1))

    def test_all_readings_are_over_the_questions_that_were_asked(self):
        lines = [{"id": str(i), "response": "**Answer:** A" if i % 2 else "Answer: A"} for i in range(1300)]
        lines[100:400] = [{"id": str(i), "error": "too long"} for i in range(100, 400)]
        self.write("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        run = ["--data", self.small_set(1300, "svg.csv"), "--responses", "a.jsonl"]
        text = self.run_tool(*run).out.splitlines()
        self.assertEqual(len([line for line in text if "  1000 " in line]), 2, text)  # svg, by robust
        for line in text[1:]:
            if line.startswith("by"):
                self.assertIn("asked 1,000 of 1,300", text[1])
        self.assertTrue(all("asked " not in line or " of " in line for line in text))
        for protocol in ("reference", "robust"):
            said = json.loads(self.run_tool(*run, "--json", "--protocol", protocol).out)
            counts = {said["count"], said["splits"][0]["count"],
                      sum(s["count"] for s in said["splits"][0]["subjects"]),
                      *(reading["count"] for reading in said["readings"].values())}
            self.assertEqual(counts, {1000})
            self.assertEqual((said["questions"], said["errors"]), (1300, 300))

    # ---- ids within a subject

    def per_subject(self, name="sgp_inv_testset.csv"):
        """As the published sets number their questions; one number twice in a subject."""
        rows = [("8", "Q", "ball", "A"), ("8", "P", "box", "B"), ("9", "Q", "box", "D"),
                ("9", "R", "ball", "C"), ("9", "S", "ball", "C")]
        return self.write(name, HEADER + "".join(f"{i},What is {q}?,a,b,c,d,{answer},{subject}\n"
                                                 for i, q, subject, answer in rows))

    def test_ids_are_numbered_within_a_subject(self):
        data = self.per_subject()
        lines = [json.loads(line) for line in self.ok("--data", data, "--emit-prompts").out.splitlines()]
        ids = ["inv/ball/8", "inv/box/8", "9", "inv/ball/9", "inv/ball/9#2"]
        self.assertEqual([line["id"] for line in lines][:2], ids[:2])
        self.assertEqual(len({line["id"] for line in lines}), 5)
        answers = "".join(json.dumps({"id": line["id"], "response": f"Answer: {letter}"}) + "\n"
                          for line, letter in zip(lines, "ABDCB"))
        self.write("a.jsonl", answers)
        said = json.loads(self.ok("--data", data, "--responses", "a.jsonl", "--records", "r.jsonl",
                                  "--report", "r.html", "--json").out)
        self.assertEqual((said["count"], said["errors"], said["score"]), (5, 0, 0.8))
        self.assertEqual({s["name"]: s["count"] for s in said["splits"][0]["subjects"]},
                         {"ball": 3, "box": 2})
        # Records answer to their questions again, and to those of another run.
        again = json.loads(self.ok("--data", data, "--responses", "r.jsonl", "--baseline", "r.jsonl",
                                   "--json").out)
        self.assertEqual(again["score"], 0.8)
        self.assertEqual((again["baseline"]["rows"][0]["count"], again["baseline"]["changed"]), (5, []))
        page = (self.folder / "r.html").read_text("utf-8")
        for word in "QPRS":
            self.assertIn(f"What is {word}?", page)

    def test_sets_are_paired_by_position(self):
        for split in ("inv", "inv_t0"):
            self.per_subject(f"sgp_{split}_testset.csv")
        sets = ["sgp_inv_testset.csv", "sgp_inv_t0_testset.csv"]
        lines = self.ok("--data", *sets, "--emit-prompts").out.splitlines()
        self.write("a.jsonl", "".join(
            json.dumps({"id": json.loads(line)["id"], "response": f"Answer: {'ABCD'[i % 4]}"}) + "\n"
            for i, line in enumerate(lines)))
        said = json.loads(self.ok("--data", *sets, "--responses", "a.jsonl", "--json").out)
        self.assertEqual(said["consistency"][0]["questions"], 5)

    def test_the_option_none(self):
        self.write("rows.jsonl", "".join(json.dumps(
            {"PID": i, "Question": "How many arcs?", "Answer": answer, "Subject": "2D", **options}) + "\n"
            for i, (answer, options) in enumerate((
                ("A", {"A": "1", "B": "2", "C": "3", "D": None}),
                ("D", {"A": "1", "B": "2", "C": "3", "D": None}),
                ("B", {"options": {"A": "1", "B": "2", "C": "3", "D": None}})))))
        lines = self.ok("--data", "rows.jsonl", "--emit-prompts").out.splitlines()
        for line in lines:
            self.assertTrue(json.loads(line)["messages"][-1]["content"].endswith(
                "\n\nA) 1\nB) 2\nC) 3\nD) None"))
        self.assertEqual(len(lines), 3)

    # ---- memory

    def test_memory_grows_with_the_data(self):
        """Short rows are where a question costs most beside its bytes."""
        def peak(rows):
            self.write("t.csv", "Question,A,B,Answer\n" + "q,a,b,A\n" * rows)
            process = subprocess.Popen([program(self.tool), "-q", "--data", "t.csv", "--emit-prompts"],
                                       cwd=self.folder, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            return usage.ru_maxrss * 1024
        few, many = peak(50_000), peak(250_000)
        self.assertLess((many - few) / (200_000 * 8), 20, "bytes of memory for each byte of data")

    def test_words_of_files_do_not_reach_the_terminal_raw(self):
        hostile = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m all good\nsgp-eval: done"
        self.write("set.csv", HEADER + f'"1{hostile}","Q",a,b,c,d,A,"s{hostile}"\n2,Q,a,b,c,d,A,s\n')
        self.write("a.jsonl", "".join(json.dumps(line) + "\n" for line in (
            {"id": "2", "error": hostile}, {"id": "1" + hostile, "error": {"message": hostile}},
            {"id": hostile, "response": "x"})))
        result = self.run_tool("--data", "set.csv", "--responses", "a.jsonl", "--records", "r.jsonl")
        self.assertEqual(result.status, 1, result)
        self.assertIn("\\x1b]0;owned", result.err)
        again = self.run_tool("--data", "set.csv", "--responses", "r.jsonl", "--baseline", "r.jsonl",
                              "--changes")
        for text in (result.err, result.out, again.err, again.out):
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
            self.assertNotIn("\nsgp-eval: done", text)

    # ---- long prompts

    def test_prompts_longer_than_the_context_are_counted(self):
        """As many questions, and as long ones, as the benchmark's 2D split has."""
        draw = random.Random(2)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER.strip().split(","))
        for i in range(700):
            length = 7400 if i % 50 == 0 else draw.randrange(150, 2500)
            program_text, number = "0:External;", 1
            while len(program_text) < length:
                program_text += (f"{number}:Line(dirX={draw.uniform(-1, 1):.4f}, dirY=0.0000, "
                                 f"pntX={draw.random():.4f}, pntY=0.5, startParam=-0.1, "
                                 f"endParam=0.1, isConstruction=False);")
                number += 1
            writer.writerow([i, "Examine the following CAD code carefully to understand the 2D object it "
                             "generates and answer the question based on your interpretation of the "
                             f"rendered image of that object.\n\n{program_text}{number}:Stop;\n\nHint: the "
                             "CAD code has the following syntax: x\n\nQuestion: How many lines are "
                             "there?", number - 1, number, number + 1, number + 2, "A", "2D"])
        self.write("sgp_cad_testset.csv", text.getvalue())
        result = self.ask("-m", self.quantized(), "--data", "sgp_cad_testset.csv", "-n", "1", "--records",
                          "r.jsonl", "--json", status=1)
        said = json.loads(result.out)
        self.assertEqual((said["questions"], said["bad_rows"]), (700, 0))
        self.assertEqual(said["count"], 700 - said["errors"])
        self.assertGreaterEqual(said["not_run"], 14)
        self.assertLess(said["not_run"], 350)
        for record in self.records(self.folder / "r.jsonl"):
            if "error" in record:
                self.assertEqual(record["error"]["code"], "limit")
                self.assertRegex(record["error"]["message"],
                                 r"the prompt has \d{4,} tokens, but the context holds 4096")
        self.assertEqual(said["not_run"], said["errors"])

    # ---- other protocols

    def test_logprob_takes_the_likeliest(self):
        data = self.small_set(4)
        said = json.loads(self.ask("-m", self.quantized(), "--data", data, "--protocol", "logprob",
                                   "--records", "r.jsonl", "--json").out)
        records = self.records(self.folder / "r.jsonl")
        right = {"letter": 0, "text": 0, "text per byte": 0}
        for record, row in zip(records, csv.DictReader(data.read_text().splitlines())):
            logprob = record["logprob"]
            best = max(range(4), key=logprob["letter"].__getitem__)
            self.assertEqual(record["extracted"], "ABCD"[best])
            text = max(range(4), key=logprob["text"].__getitem__)
            per_byte = max(range(4), key=lambda i: logprob["text"][i] / len(row["ABCD"[i]]))
            self.assertEqual(logprob["by_text"]["extracted"], "ABCD"[text])
            self.assertEqual(logprob["by_text_per_byte"]["extracted"], "ABCD"[per_byte])
            for name, place in (("letter", best), ("text", text), ("text per byte", per_byte)):
                right[name] += row["Answer"] == "ABCD"[place]
            self.assertEqual(record["tokens"]["generated"], 0)
            self.assertTrue(all(math.isfinite(x) and x < 0 for x in logprob["letter"]))
        self.assertEqual(said["score"], right["letter"] / 4)
        for name in ("text", "text per byte"):
            self.assertEqual(said["readings"][name]["score"], right[name] / 4)

    def test_logprob_has_no_free_answers(self):
        self.write("m.csv", "Question,Answer\nWhich?,7\n")
        result = self.ask("-m", self.quantized(), "--data", "m.csv", "--protocol", "logprob", "--json",
                          status=1)
        self.assertEqual(json.loads(result.out)["errors"], 1)

    def test_a_judge_reads_each_response(self):
        self.ask("-m", self.quantized(), "--data", self.small_set(3), "-n", "4", "--records", "r.jsonl",
                 "--judge", self.quantized())
        for record in self.records(self.folder / "r.jsonl"):
            self.assertIn("response", record["judge"])
            self.assertIsNone(record["judge"]["extracted"])

    # ---- comparing

    def responses(self, name, right):
        """Records of six questions, of which the first `right` are answered rightly."""
        self.write("a.jsonl", "".join(
            json.dumps({"id": str(i), "response": "Answer: " + "ABCD"[(i if i < right else i + 1) % 4]})
            + "\n" for i in range(6)))
        out = self.ok("--data", self.small_set(), "--responses", "a.jsonl", "--records", name, "-f",
                      "--json").out
        return json.loads(out)

    def test_baseline_and_gates(self):
        self.assertEqual(self.responses("base.jsonl", 5)["score"], 5 / 6)
        self.responses("ours.jsonl", 2)
        compare = ["--data", "set.csv", "--responses", "ours.jsonl", "--baseline", "base.jsonl"]
        said = json.loads(self.ok(*compare, "--json").out)["baseline"]
        row = said["rows"][0]
        self.assertEqual((row["name"], row["count"], row["gained"], row["lost"]), ("", 6, 0, 3))
        self.assertAlmostEqual(row["p"], 0.25, 12)
        self.assertAlmostEqual(row["difference"], -0.5, 12)
        self.assertEqual([c["id"] for c in said["changed"]], ["2", "3", "4"])
        self.assertEqual({r["name"] for r in said["rows"]}, {"", "set", "set/s0", "set/s1"})
        text = self.ok(*compare, "--changes").out
        self.assertIn("- set/2: D, before C", text)
        for gate, status in (("set<-2%", 1), ("set<-51%", 0), ("<-49%", 1), ("set/s0<-99%", 0)):
            result = self.run_tool(*compare, "--fail-if", gate)
            self.assertEqual(result.status, status, (gate, result))
            self.assertEqual("gate missed" in result.err, status == 1)
        self.fails(2, *compare, "--fail-if", "set", message="not a gate")
        self.fails(2, "--compare", "ours.jsonl", message="two files of records")
        self.fails(2, *compare, "--fail-if", "absent<-1%",
                   message="nothing that is compared has such a name; there are set, set/s0, set/s1")

    def test_a_gate_means_lost_more_than(self):
        """3 of 20 right beside 4 of 20: five points exactly, which floating point makes more."""
        data = self.small_set(20, "svg.csv")
        for name, right in (("base.jsonl", 4), ("now.jsonl", 3)):
            self.write(name, "".join(
                json.dumps({"id": str(i), "response": "Answer: " + "ABCD"[(i + (i >= right)) % 4]})
                + "\n" for i in range(20)))
        self.ok("--data", data, "--responses", "base.jsonl", "--records", "base_records.jsonl")
        compare = ["--data", data, "--responses", "now.jsonl", "--baseline", "base_records.jsonl"]
        self.ok(*compare, "--fail-if", "svg<-5%", "--fail-if", "<-5%")
        result = self.run_tool(*compare, "--fail-if", "svg<-4.9%")
        self.assertEqual(result.status, 1, result)
        self.assertIn("gate missed: svg<-4.9%: -5.00 points (p = 1.0000: can't tell it from chance)",
                      result.err)

    def test_two_recorded_runs_need_no_data(self):
        self.responses("base.jsonl", 5)
        self.responses("ours.jsonl", 2)
        with_data = json.loads(self.ok("--data", "set.csv", "--responses", "ours.jsonl", "--baseline",
                                       "base.jsonl", "--json").out)
        without = json.loads(self.ok("--responses", "ours.jsonl", "--baseline", "base.jsonl", "--json").out)
        self.assertEqual(without, with_data)
        self.assertEqual(json.loads(self.ok("--compare", "ours.jsonl", "base.jsonl", "--json").out), without)
        self.fails(2, "--compare", "ours.jsonl", "base.jsonl", "--baseline", "base.jsonl", message="--compare")
        robust = [json.loads(self.ok(*data, "--responses", "ours.jsonl", "--json", "--protocol", "robust").out)
                  for data in ([], ["--data", "set.csv"])]
        self.assertEqual(*robust)
        self.ok("--responses", "ours.jsonl", "--baseline", "base.jsonl", "--report", "page.html")
        self.fails(2, "--responses", "ours.jsonl", "--baseline", "base.jsonl", "--fail-if", "svg<-1%",
                   message="there are set, set/s0, set/s1")
        self.fails(2, "--responses", "ours.jsonl", "--split", "set", message="without --data")
        self.write("bare.jsonl", '{"id":"1","response":"Answer: A"}\n')
        self.fails(3, "--responses", "bare.jsonl", message=["bare.jsonl", "line 1", "answer"])

    def test_recorded_probabilities_are_compared(self):
        model, data = self.quantized(), self.small_set(6)
        self.ask("-m", model, "--data", data, "--protocol", "logprob", "--records", "base.jsonl")
        records = self.records(self.folder / "base.jsonl")
        for record in records[:3]:
            record["logprob"]["letter"][(" ABCD".index(record["extracted"])) % 4] = 0.0
        self.write("ours.jsonl", "".join(json.dumps(record) + "\n" for record in records))
        said = json.loads(self.ok("--data", data, "--responses", "ours.jsonl", "--baseline", "base.jsonl",
                                  "--json").out)
        self.assertEqual(said["protocol"], "logprob")
        self.assertEqual([c["id"] for c in said["baseline"]["changed"]],
                         [r["id"] for r in records[:3] if (r["extracted"] == r["answer"]) !=
                          ("ABCD"["ABCD".index(r["extracted"]) - 3] == r["answer"])])
        same = json.loads(self.ok("--responses", "base.jsonl", "--baseline", "base.jsonl", "--json").out)
        self.assertEqual((same["protocol"], same["baseline"]["changed"]), ("logprob", []))
        self.assertEqual(set(same["readings"]), {"text", "text per byte"})

    def test_precisions_of_the_projects_model_side_by_side(self):
        models = self.data("sgp").parent / "models"
        if not (models / "sit").exists():
            self.skipTest("the project's model is not here")
        self.ok(models / "base", "--lora", models / "sit", "-o", "f.lathe", tool="convert")
        data = ["--data", *self.sets("svg", "cad"), "--limit", "40", "--json"]
        said = json.loads(self.ok("-q", "-m", "f.lathe", *data, "--records", "f.jsonl").out)
        self.assertGreater(said["score"], 0.5)  # chance is 0.25
        self.assertGreater(said["answered"], 0.95)
        for scheme in ("w8", "w4"):
            self.ok("-m", "f.lathe", "-o", f"{scheme}.lathe", "-s", scheme, tool="quantize")
            said = json.loads(self.ok("-q", "-m", f"{scheme}.lathe", *data, "--baseline",
                                      "f.jsonl").out)
            everything = said["baseline"]["rows"][0]
            self.assertEqual(everything["count"], 80)
            self.assertGreater(everything["p"], 0.001, "far from the float model")

    def test_an_adapter_beside_the_model(self):
        models = self.data("sgp").parent / "models"
        data = ["--data", *self.sets("svg"), "--limit", "6", "--json", "-n", "12"]
        self.ok(models / "base", "--lora", models / "sit", "--dtype", "f32", "-o", "f.lathe", tool="convert")
        answers = []
        for name, model in (("merged", ["-m", "f.lathe"]),
                            ("beside", ["-m", models / "base", "--lora", models / "sit"])):
            self.ok("-q", *model, *data, "--records", f"{name}.jsonl")
            answers.append([record["response"] for record in self.records(self.folder / f"{name}.jsonl")])
        self.assertEqual(*answers)
        # A run goes on with the same adapter only.
        self.fails(3, "-m", models / "base", *data, "--records", "beside.jsonl", "--resume",
                   message="beside.jsonl")
        self.fails(2, *data[:2], "--responses", "beside.jsonl", "--lora", models / "sit",
                   message="--lora")

    # ---- usage

    def test_options_that_do_not_go_together(self):
        self.small_set()
        data = ["--data", "set.csv"]
        for words, part in ((["--emit-prompts"], "--data"), (data, "-m MODEL"),
                            ([*data, "-m", "x", "--seed", "1"], "--limit"),
                            ([*data, "-m", "x", "--resume"], "--records"),
                            ([*data, "-m", "x", "--records", "-"], "--records"),
                            ([*data, "-m", "x", "--fail-if", "svg<-2%"], "--baseline"),
                            ([*data, "--emit-prompts", "--responses", "x"], "exclude"),
                            ([*data, "--emit-prompts", "--protocol", "logprob"], "logprob"),
                            ([*data, "--responses", "x", "--judge", "y"], "--responses")):
            self.fails(2, *words, message=part)

    def test_a_model_without_a_tokenizer_is_refused(self):
        self.fails(4, "--data", self.small_set(), "-m", "absent.gguf", message="absent.gguf")


if __name__ == "__main__":
    main()
