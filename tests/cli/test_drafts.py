"""generate with --draft: a smaller model writes ahead, and no byte of an answer changes."""
import json

from harness import ToolTest, main


class Drafts(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        village = self.data("examples/village")
        self.ok("-q", "-m", village, "-s", "w8", "-o", "w8.lathe", "--also", "w4=w4.lathe", tool="quantize")

    def test_answers_are_the_same_greedy_and_drawn_alone_and_together(self):
        rows = "".join(json.dumps({"prompt": prompt, "max_tokens": 60, "temperature": 0.8 * (i % 2), "seed": i}) + "\n"
                       for i, prompt in enumerate(["A heron", "The miller sold", "My aunt", "On Monday"] * 3))
        plain = self.ok("-q", "-m", "w8.lathe", "--jsonl", "--lookup", "off", stdin=rows).stdout
        for how in (("--lookup", "off"), ("--lookup", "on"), ("--max-batch", "1")):
            out = self.ok("-q", "-m", "w8.lathe", "--jsonl", "--draft", "w4.lathe", "--summary", "s.json", "-f", *how,
                          stdin=rows)
            self.assertEqual(out.stdout, plain, how)
            drafts = json.loads((self.folder / "s.json").read_text())["drafts"]
            self.assertGreater(drafts["model"]["drafted"], 0)
            self.assertLessEqual(drafts["model"]["accepted"], drafts["accepted"])

    def test_one_answer_says_what_its_drafts_gave(self):
        words = ("-m", "w8.lathe", "-p", "The gardener", "-n", "60", "--json", "--regex", "[A-Za-z ,.']{1,400}")
        plain = json.loads(self.ok(*words, "--lookup", "off").stdout)
        out = json.loads(self.ok(*words, "--lookup", "off", "--draft", "w4.lathe").stdout)
        self.assertEqual(out["text"], plain["text"])
        self.assertNotIn("drafts", plain["timings"])
        self.assertGreater(out["timings"]["drafts"]["model"]["drafted"], 0)

    def test_another_vocabulary_is_refused(self):
        self.fails(3, "-m", "w8.lathe", "-p", "x", "--draft", self.data("models/base"), message="a draft needs the model's own tokens")
        self.fails(4, "-m", "w8.lathe", "-p", "x", "--draft", "absent.lathe", message="absent.lathe")


if __name__ == "__main__":
    main()
