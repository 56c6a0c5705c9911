"""--shard: parts of a run by several processes, and the whole that they make."""
import json
import subprocess

from harness import ToolTest, main, program


class Shards(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        self.model = self.folder / "w4.lathe"
        self.ok("-m", self.data("examples/village"), "-s", "w4", "-o", self.model, tool="quantize")
        lines = [json.dumps({"id": i, "prompt": f"The {word}", "max_tokens": 5 + i % 7})
                 for i, word in enumerate(["miller", "heron", "chapel", "garden", "fair"] * 5)]
        lines[7] = '{"prompt": 3}'
        self.rows = self.write("rows.jsonl", "\n".join(lines) + "\n")

    def answer(self, out, *options, status=1):
        result = self.run_tool("-m", self.model, "--jsonl", "-i", self.rows, "-o", out, *options)
        self.assertEqual(result.status, status, result)
        return (self.folder / out).read_bytes()

    def test_parts_make_the_whole(self):
        whole = self.answer("whole.jsonl")
        parts = [self.answer(f"part{i}.jsonl", "--shard", f"{i}/4", status=int(i == 4))
                 for i in range(1, 5)]
        self.assertEqual([len(part.splitlines()) for part in parts], [7, 6, 6, 6])
        self.assertEqual(sorted(b"".join(parts).splitlines()), sorted(whole.splitlines()))
        # One behind the other they are an unfinished run: it is checked, and put in order.
        self.write("merged.jsonl", b"".join(parts))
        self.assertEqual(self.answer("merged.jsonl", "--resume"), whole)
        # What a part lacks is made.
        self.write("most.jsonl", b"".join(parts[:2]) + parts[3])
        self.assertEqual(self.answer("most.jsonl", "--resume"), whole)

    def test_a_part_goes_on_where_it_was(self):
        part = self.answer("part.jsonl", "--shard", "2/4", status=0)
        self.write("again.jsonl", b"".join(part.splitlines(keepends=True)[:3]))
        self.assertEqual(self.answer("again.jsonl", "--shard", "2/4", "--resume", status=0), part)
        result = self.run_tool("-m", self.model, "--jsonl", "-i", self.rows, "-o", "again.jsonl",
                               "--shard", "3/4", "--resume")
        self.assert_failed(result, 3, message="another shard's")

    def test_the_records_on_standard_output_are_in_order(self):
        out = self.ok("-m", self.model, "--jsonl", "-i", self.rows, "--shard", "3/3").out
        self.assertEqual([json.loads(line)["index"] for line in out.splitlines()],
                         list(range(2, 25, 3)))

    def test_more_parts_than_rows(self):
        self.assertEqual(self.answer("none.jsonl", "--shard", "30/40", status=0), b"")

    def test_no_part_of_a_whole(self):
        for text in ("0/4", "5/4", "4", "1/", "/4", "a/4", "1/4x", "-1/4", "1/99999999"):
            self.fails(2, "-m", self.model, "--jsonl", "-i", self.rows, "--shard", text,
                       message=text)
        self.fails(2, "-m", self.model, "-p", "A", "--shard", "1/2", message="--shard")

    def test_a_text_by_parts_has_the_perplexity_of_the_whole(self):
        text = self.write("text", "The miller carried nine letters to the chapel. " * 60)
        options = ("-m", self.model, "-i", text, "-c", "32", "--per-token")
        whole = self.ok(*options, "-o", "whole", tool="perplexity")
        parts = b""
        for i in range(1, 4):
            self.ok(*options, "--shard", f"{i}/3", "-o", f"part{i}", tool="perplexity")
            parts += (self.folder / f"part{i}").read_bytes()
        self.assertEqual(sorted(parts.splitlines()),
                         sorted((self.folder / "whole").read_bytes().splitlines()))
        self.write("merged", parts)
        report = json.loads(self.ok("--compare", "merged", "whole", "--json",
                                    tool="perplexity").out)
        self.assertIn(f"{report['perplexity']:.4f}"[:5], whole.err)
        self.fails(2, "-m", self.model, "-i", text, "--shard", "1/2", tool="perplexity",
                   message="--per-token")

    def test_questions_by_parts(self):
        options = ("-m", self.data("models/base"), "--data", self.data("sgp/inv.csv.zst"),
                   "--limit", "9", "-n", "8")
        self.ok(*options, "--records", "whole.jsonl", tool="sgp-eval")
        parts = b""
        for i in (1, 2):
            self.ok(*options, "--records", f"part{i}.jsonl", "--shard", f"{i}/2", tool="sgp-eval")
            parts += (self.folder / f"part{i}.jsonl").read_bytes()
        self.write("merged.jsonl", parts)
        self.ok(*options, "--records", "merged.jsonl", "--resume", tool="sgp-eval")
        self.assertEqual((self.folder / "merged.jsonl").read_bytes(),
                         (self.folder / "whole.jsonl").read_bytes())

    def test_parts_at_the_same_time(self):
        whole = self.answer("whole.jsonl")
        runs = [subprocess.Popen([program("generate"), "-q", "-m", self.model, "--jsonl", "-i",
                                  self.rows, "-o", f"part{i}.jsonl", "--shard", f"{i}/3", "-t", "1"],
                                 cwd=self.folder, stderr=subprocess.DEVNULL) for i in (1, 2, 3)]
        for run in runs:
            run.wait()
        merged = b"".join((self.folder / f"part{i}.jsonl").read_bytes() for i in (1, 2, 3))
        self.write("merged.jsonl", merged)
        self.assertEqual(self.answer("merged.jsonl", "--resume"), whole)


if __name__ == "__main__":
    main()
