"""quantize: sizes, what other tools make of its output, refusals."""
import json

from harness import ToolTest, main, run_process, program


class Quantize(ToolTest):
    tool = "quantize"

    def setUp(self):
        super().setUp()
        self.model = self.data("examples/village")

    def text(self, model, tokens=40, **more):
        return self.ok("-m", model, "-p", "The miller", "-n", str(tokens), tool="generate",
                       **more).stdout

    def divergence(self, model):
        text = self.folder / "story.txt"
        if not text.exists():
            text.write_bytes(self.ok("-m", self.model, "-p", "The miller", "--temp", "1",
                                     "--ignore-eos", "-n", "400", tool="generate").stdout)
        out = self.ok("-m", model, "--base", self.model, "-i", text, "-c", "64", "--json",
                      tool="perplexity").stdout
        return json.loads(out)["kl"]["mean"]

    def test_more_bits_lose_less(self):
        losses, sizes = [], []
        for scheme in ["w8g32", "w8", "w4g32a", "w4g128"]:
            out = self.folder / f"{scheme}.lathe"
            self.ok("-m", self.model, "-o", out, "-s", scheme)
            losses.append(self.divergence(out))
            sizes.append(out.stat().st_size)
        self.assertEqual(losses, sorted(losses))
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertLess(losses[0], 0.01)

    def test_eight_bits_tell_the_same_story(self):
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8g32")
        self.assertEqual(self.text("w8.lathe", 20), self.text(self.model, 20))

    def test_same_tokens_for_threads_and_instruction_sets(self):
        self.ok("-m", self.model, "-o", "w4.lathe")
        texts = {self.text("w4.lathe", env={"LATHE_ISA": isa}) for isa in ["generic", None]}
        for threads in ["1", "2", "3"]:
            texts.add(self.ok("-m", "w4.lathe", "-p", "The miller", "-n", "40", "-t", threads,
                              tool="generate").stdout)
        self.assertEqual(len(texts), 1, texts)

    def test_same_file_for_threads_and_instruction_sets(self):
        files = set()
        for number, (threads, isa) in enumerate([("1", "generic"), ("3", None), ("2", None)]):
            out = self.folder / f"{number}.lathe"
            self.ok("-m", self.model, "-o", out, "-t", threads, env={"LATHE_ISA": isa})
            files.add(out.read_bytes())
        self.assertEqual(len(files), 1)

    def test_output_verifies_and_lists(self):
        self.ok("-m", self.model, "-o", "w4.lathe")
        self.ok("w4.lathe", "--verify", tool="convert")
        self.assertIn("w4g32ad", self.ok("w4.lathe", "--list", tool="convert").out)

    def test_back_to_floats(self):
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8g32")
        self.ok("w8.lathe", "-o", "back.lathe", "--dtype", "f32", tool="convert")
        self.assertEqual(self.text("back.lathe", 20), self.text(self.model, 20))
        self.fails(6, "w8.lathe", "-o", "x.gguf", tool="convert", message="--dtype")

    def test_gguf_types(self):
        for scheme in ["q8_0", "q4_0", "q4_1"]:
            out = self.folder / f"{scheme}.gguf"
            self.ok("-m", self.model, "-o", out, "-s", scheme)
            self.assertLess(self.divergence(out), 0.01 if scheme == "q8_0" else 0.5)
        self.fails(2, "-m", self.model, "-o", "x.gguf", "-s", "w4", message="GGUF")
        self.fails(2, "-m", self.model, "-o", "x.gguf", "-s", "w8g32", message="GGUF")

    def test_rules(self):
        def schemes(*more):
            out = self.ok("-m", self.model, "-o", "x.lathe", "--dry-run", "--json", *more).stdout
            return {t["name"]: t["scheme"] for t in json.loads(out)["outputs"][0]["tensors"]}

        all_w8 = schemes("-s", "w8", "--exclude", "embed_tokens", "--tensor", "v_proj=w4g32",
                         "--tensor", r"layers\.0\..*v_proj=w8g64")
        self.assertEqual(all_w8["model.embed_tokens.weight"], "keep")
        self.assertEqual(all_w8["model.layers.0.self_attn.v_proj.weight"], "w8g64")
        self.assertEqual(all_w8["model.layers.1.self_attn.v_proj.weight"], "w4g32")
        self.assertEqual(all_w8["model.layers.1.self_attn.q_proj.weight"], "w8")
        self.assertEqual(all_w8["model.norm.weight"], "keep")
        only = schemes("-s", "w8", "--include", "down_proj")
        self.assertEqual({n for n, s in only.items() if s != "keep"},
                         {n for n in only if "down_proj" in n})

    def test_dry_run_writes_nothing(self):
        out = self.ok("-m", self.model, "-o", "x.lathe", "--dry-run")
        self.assertIn("q_proj", out.out)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_calibration(self):
        self.divergence(self.model)  # writes story.txt
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w4g128", "--calib", "story.txt",
                "--save-importance", "importance.safetensors")
        self.ok("-m", self.model, "-o", "b.lathe", "-s", "w4g128", "--importance",
                "importance.safetensors")
        self.ok("-m", self.model, "-o", "c.lathe", "-s", "w4g128")
        a, b = (self.folder / "a.lathe").read_bytes(), (self.folder / "b.lathe").read_bytes()
        self.assertEqual(a, b)
        self.assertLess(self.divergence("a.lathe"), self.divergence("c.lathe"))
        empty = self.write("empty.txt", "")
        self.fails(3, "-m", self.model, "-o", "d.lathe", "--calib", empty, message="empty")
        self.fails(3, "-m", self.model, "-o", "d.lathe", "--importance", "a.lathe",
                   message="no importance matrix")

    def test_several_outputs(self):
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w8", "--also", "w4=b.lathe")
        self.ok("-m", self.model, "-o", "c.lathe", "-s", "w4")
        self.assertEqual((self.folder / "b.lathe").read_bytes(),
                         (self.folder / "c.lathe").read_bytes())

    def test_refusals(self):
        self.fails(2, "-m", self.model, "-o", "x.lathe", "-s", "w5", message="w5")
        self.fails(2, "-m", self.model, "-o", "x.lathe", "--tensor", "(=w8", message="(")
        self.fails(2, "-m", self.model, "-o", "x.lathe", "--tensor", "nothing", message="--tensor")
        self.fails(2, "-m", self.model, message="-o FILE")
        self.fails(4, "-m", "absent", "-o", "x.lathe", message="absent")
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8")
        self.fails(4, "-m", self.model, "-o", "w8.lathe", message="exists")
        self.fails(6, "-m", "w8.lathe", "-o", "x.lathe", message="quantized already")
        self.fails(4, "-m", self.model, "-o", "/dev/full")
        self.assertFalse((self.folder / "x.lathe").exists())

    def test_damaged_scale_is_refused(self):
        self.ok("-m", self.model, "-o", "w4.lathe", "-s", "w4g32")
        raw = bytearray((self.folder / "w4.lathe").read_bytes())
        header = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
        begin, end = header["model.embed_tokens.weight"]["data_offsets"]
        start = 8 + int.from_bytes(raw[:8], "little")
        raw[start + end - 64:start + end] = b"\x00\x7c" * 32  # the last scales: infinity
        self.write("bad.lathe", bytes(raw))
        self.fails(3, "-m", "bad.lathe", "-p", "x", tool="generate", message="not a number")
        self.fails(3, "bad.lathe", "--verify", tool="convert")


if __name__ == "__main__":
    main()
