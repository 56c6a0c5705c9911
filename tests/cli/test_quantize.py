"""quantize: sizes, what other tools make of its output, refusals."""
import array
import json
import math
import os
import re
import struct

import tiny_models
from harness import ISAS, ROOT, ToolTest, main, run_process


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
        for scheme in ["w8", "w8r", "w6", "w5", "w4g32a", "w4g128"]:
            out = self.folder / f"{scheme}.lathe"
            self.ok("-m", self.model, "-o", out, "-s", scheme)
            losses.append(self.divergence(out))
            sizes.append(out.stat().st_size)
        self.assertEqual(losses, sorted(losses))
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertLess(losses[0], 0.01)
        losses = []
        for scheme in ["w4", "w3", "w2", "w2g32"]:
            out = self.folder / f"{scheme}.lathe"
            self.ok("-m", self.model, "-o", out, "-s", scheme)
            losses.append(self.divergence(out))
        self.assertEqual(losses, sorted(losses))

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
        isas = [isa for isa in ISAS if self.has_isa(isa)]
        for scheme in ("w4", "w4nlg32", "w4g32ad", "w8", "w6g16ad", "w5g32d"):
            files = set()
            for threads, isa in [("1", None), ("3", None)] + [("2", isa) for isa in isas]:
                out = self.folder / "out.lathe"
                self.ok("-m", self.model, "-o", out, "-f", "-t", threads, "-s", scheme,
                        env={"LATHE_ISA": isa})
                files.add(out.read_bytes())
            self.assertEqual(len(files), 1, scheme)

    def test_help_and_documents_name_every_scheme(self):
        error = self.fails(2, "-m", self.model, "-o", "x.lathe", "-s", "w7", message="w7").err
        listed = error.split("there are ", 1)[1].strip()
        self.assertIn(" ".join(listed.split()), " ".join(self.ok("--help").out.split()))
        names = re.findall(r"\b(?:w\d+(?:nl)?(?:r|gN)?|(?:iq|mxfp|q)\d_\w+|f\d+|mxfp4|bf16|keep)\b",
                           listed)
        for name in ("w4nlgN", "q4_k_m", "q2_k", "iq4_xs", "mxfp4", "q5_1"):
            self.assertIn(name, names)
        groups = re.findall(r"\d+", listed.split("N = ", 1)[1].split("(", 1)[0])
        for document in ("man/quantize.1", "lib/include/lathe/quantize.h"):
            text = (ROOT / document).read_text("utf-8")
            for name in names:
                self.assertRegex(text, rf"\b{name.replace('gN', 'g[0-9]+')}\b", document)
            for group in groups:
                self.assertRegex(text, rf"(?<!\d){group}(?!\d)", document)

    def test_standard_output_is_no_place_for_a_model(self):
        self.assertNotIn("standard output", self.ok("--help").out.replace("\n", " "))
        for output in ([], ["-o", "-"]):
            self.fails(2, "-m", self.model, *output, message="-o FILE")

    def test_output_verifies_and_lists(self):
        self.ok("-m", self.model, "-o", "w4.lathe")
        self.ok("w4.lathe", "--verify", tool="convert")
        self.assertIn("w4nlg64", self.ok("w4.lathe", "--list", tool="convert").out)

    def test_back_to_floats(self):
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8g32")
        self.ok("w8.lathe", "-o", "back.lathe", "--dtype", "f32", tool="convert")
        self.assertEqual(self.text("back.lathe", 20), self.text(self.model, 20))
        self.fails(6, "w8.lathe", "-o", "x.gguf", tool="convert", message="--dtype")

    def test_gguf_types(self):
        for scheme in ["q8_0", "q5_1", "q5_0", "q4_0", "q4_1", "iq4_nl", "mxfp4", "mxfp4_moe"]:
            out = self.folder / f"{scheme}.gguf"
            self.ok("-m", self.model, "-o", out, "-s", scheme)
            self.assertLess(self.divergence(out), 0.01 if scheme in ("q8_0", "mxfp4_moe") else 0.5)
        self.fails(2, "-m", self.model, "-o", "x.gguf", "-s", "w4", message="GGUF")
        self.fails(2, "-m", self.model, "-o", "x.gguf", "-s", "w8g32", message="GGUF")

    def types(self, file):
        out = self.ok(file, "--list", "--json", tool="convert").stdout
        return {t["name"]: t["dtype"] for t in json.loads(out)["tensors"]}

    def test_rows_too_short_for_blocks_of_256_get_those_of_32(self):
        for scheme, down in [("q4_k_m", "Q8_0"), ("q6_k", "Q8_0"), ("q3_k_m", "Q5_0"), ("iq4_xs", "IQ4_NL")]:
            self.ok("-m", self.model, "-o", "x.gguf", "-f", "-s", scheme)
            types = self.types("x.gguf")
            self.assertEqual(types["blk.1.ffn_down.weight"], down, scheme)
            # Of 48 inputs, which are no multiple of 32 either.
            self.assertEqual(types["blk.1.ffn_up.weight"], "F16", scheme)

    def test_mixtures_of_blocks_of_256(self):
        model = self.data("models/base")
        for scheme, embedding, up, least in [("Q4_K_M", "Q6_K", "Q4_K", 21), ("q2_k", "Q6_K", "Q2_K", 10),
                                             ("q3_k_m", "Q6_K", "Q3_K", 15), ("iq4_xs", "Q6_K", "IQ4_XS", 20)]:
            report = json.loads(self.ok("-m", model, "-o", "x.gguf", "-f", "-s", scheme, "--json").out)
            types = self.types("x.gguf")
            self.assertEqual(types["token_embd.weight"], embedding)
            self.assertEqual(types["blk.3.ffn_up.weight"], up)
            for tensor in report["outputs"][0]["tensors"]:
                self.assertGreater(tensor.get("sqnr_db", 100), least, tensor)
        self.ok("--verify", "x.gguf", "--against", model)

    def test_folders_that_other_programs_run(self):
        model = self.data("models/base")
        names = {"gptq": ["qweight", "qzeros", "scales", "g_idx"], "awq": ["qweight", "qzeros", "scales"],
                 "compressed-tensors": ["weight_packed", "weight_scale", "weight_shape"]}
        for scheme in ("gptq", "gptq8g32", "awq", "awq4g64", "compressed-tensors", "w8a16g64"):
            report = json.loads(self.ok("-m", model, "-o", scheme, "-s", scheme, "--exclude", "layers.2.*k_proj",
                                        "--json").out)["outputs"][0]
            config = json.loads((self.folder / scheme / "config.json").read_text())["quantization_config"]
            stored = (self.folder / scheme / "model.safetensors").read_bytes()
            header = json.loads(stored[8:8 + int.from_bytes(stored[:8], "little")])
            stem = "model.layers.1.mlp.down_proj."
            self.assertEqual([name[len(stem):] for name in header if name.startswith(stem)],
                             names[config["quant_method"]])
            self.assertIn("model.layers.2.self_attn.k_proj.weight", header)
            self.assertIn("model.layers.2.self_attn.k_proj" if config["quant_method"] != "gptq" else "k_proj",
                          json.dumps(config))
            self.assertTrue((self.folder / scheme / "tokenizer.json").exists()
                            or (self.folder / scheme / "tokenizer.model").exists())
            # It reads back, with the loss that was said.
            self.ok(scheme, "--dtype", "f32", "-o", f"{scheme}.lathe", "-f", tool="convert")
            self.ok(model, "--dtype", "f32", "-o", "f32.lathe", "-f", tool="convert")
            worst = min(t["sqnr_db"] for t in report["tensors"] if "sqnr_db" in t)
            self.assertGreater(worst, 38 if "8" in scheme.split("g")[0] else 17)
            told = {t["name"]: t for t in report["tensors"]}["model.layers.1.mlp.down_proj.weight"]
            self.assertAlmostEqual(self.sqnr("f32.lathe", f"{scheme}.lathe", told["name"]), told["sqnr_db"], delta=0.01)
            again = self.ok("-m", model, "-o", scheme, "-s", scheme, "--exclude", "layers.2.*k_proj", "-f", "-t", "3")
            self.assertEqual((self.folder / scheme / "model.safetensors").read_bytes(), stored, again.err)

    def tensor(self, file, name):
        data = (self.folder / file).read_bytes()
        size = int.from_bytes(data[:8], "little")
        at = json.loads(data[8:8 + size])[name]["data_offsets"]
        return array.array("f", data[8 + size + at[0]:8 + size + at[1]])

    def sqnr(self, before, after, name):
        a, b = self.tensor(before, name), self.tensor(after, name)
        return 10 * math.log10(sum(x * x for x in a) / sum((x - y) ** 2 for x, y in zip(a, b)))

    def test_folders_and_what_they_cannot_be(self):
        base = self.data("models/base")
        for out in ("x.gguf", "x.lathe"):
            self.fails(2, "-m", base, "-o", out, "-s", "awq", message="name a folder")
        self.fails(2, "-m", self.model, "-o", "x", "-s", "gptq4g32", message="48 inputs")
        self.fails(2, "-m", base, "-o", "x", "-s", "gptq", "--tensor", "down=awq", message="one scheme")
        self.fails(2, "-m", base, "-o", "x", "-s", "gptq", "--tensor", "down=w4", message="cannot hold")
        self.fails(2, "-m", base, "-o", "x", "-s", "gptq", "--tensor", "embed=gptq", message="embed_tokens")
        self.fails(6, "-m", base, "-o", "x", "-s", "gptq", "--resume", message="--resume")
        self.assertFalse((self.folder / "x").exists())
        self.ok("-m", base, "-o", "x", "-s", "awq")
        self.fails(4, "-m", base, "-o", "x", "-s", "awq", message="exists")

    def test_folders_of_families_whose_matrices_stand_in_one(self):
        """Each is quantized as one, and read back as the several that a model has."""
        def floats(name):
            raw = (self.folder / name).read_bytes()
            start = 8 + int.from_bytes(raw[:8], "little")
            return {name: array.array("f", raw[start + t["data_offsets"][0]:start + t["data_offsets"][1]])
                    for name, t in json.loads(raw[8:start]).items() if name.endswith("weight")}
        for family, part, modules, kept in (
                ("phi3-window", "qweight", ["qkv_proj", "gate_up_proj"], "o_proj"),
                ("glm4", "weight_packed", ["gate_up_proj"], "self_attn")):
            model = self.data(f"golden/models/{family}")
            scheme = "gptq4g32" if part == "qweight" else "w4a16g32"
            with self.subTest(family=family):
                self.ok("-m", model, "-o", family, "-s", scheme, "--exclude", kept)
                raw = (self.folder / family / "model.safetensors").read_bytes()
                names = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
                for module in modules:
                    stands = [n for n in names if f".{module}." in n]
                    self.assertEqual(len([n for n in stands if n.endswith(part)]), 2, stands)
                    self.assertFalse([n for n in stands if n.endswith(".weight")])
                self.ok(model, "-o", "a.lathe", "-f", "--dtype", "f32", tool="convert")
                self.ok(family, "-o", "b.lathe", "-f", "--dtype", "f32", tool="convert")
                was, now = floats("a.lathe"), floats("b.lathe")
                self.assertEqual(sorted(was), sorted(now))
                for name in was:
                    lost = math.dist(was[name], now[name]) / math.hypot(*was[name])
                    self.assertEqual(lost == 0, "_proj" not in name or kept in name, name)
                    self.assertLess(lost, 0.12, name)
        # Excluded together, or not at all: the part of most bits decides.
        self.ok("-m", self.data("golden/models/phi3-window"), "-o", "kept", "-s", "awq4g32", "--exclude", "k_proj")
        config = json.loads((self.folder / "kept" / "config.json").read_text())["quantization_config"]
        self.assertEqual(config["modules_to_not_convert"],
                         ["model.layers.0.self_attn.qkv_proj", "model.layers.1.self_attn.qkv_proj", "lm_head"])

    def test_what_stands_in_one_tensor_has_the_most_bits_of_any(self):
        self.ok("-m", self.data("golden/models/phi3-window"), "-o", "x.gguf", "-s", "q4_0",
                "--tensor", "k_proj=q8_0", "--tensor", "gate_proj=keep")
        out = self.ok("x.gguf", "--list", "--json", tool="convert").stdout
        types = {t["name"]: t["dtype"] for t in json.loads(out)["tensors"]}
        self.assertEqual(types["blk.0.attn_qkv.weight"], "Q8_0")
        self.assertEqual(types["blk.0.attn_output.weight"], "Q4_0")
        self.assertEqual(types["blk.1.ffn_up.weight"], "BF16")
        self.assertEqual(types["blk.1.ffn_down.weight"], "Q4_0")

    def test_experts_are_matrices_of_their_own(self):
        model = self.data("golden/models/qwen3-moe")
        out = self.ok("-m", model, "-o", "x.lathe", "-s", "w8", "--tensor", r"experts\.[0-3]\.=w4g16",
                      "--json").stdout
        schemes = {t["name"]: t["scheme"] for t in json.loads(out)["outputs"][0]["tensors"]}
        self.assertEqual(schemes["model.layers.1.mlp.experts.3.down_proj.weight"], "w4g16")
        self.assertEqual(schemes["model.layers.1.mlp.experts.4.down_proj.weight"], "w8g16dx")
        self.assertEqual(schemes["model.layers.1.mlp.gate.weight"], "keep")
        self.ok("-m", model, "-o", "x.gguf", "-s", "q8_0")
        out = self.ok("x.gguf", "--list", "--json", tool="convert").stdout
        tensors = {t["name"]: (t["dtype"], t["shape"]) for t in json.loads(out)["tensors"]}
        self.assertEqual(tensors["blk.0.ffn_up_exps.weight"][1], [8, 16, 32])
        self.assertEqual(tensors["blk.0.ffn_gate_inp.weight"][0], "BF16")

    def test_rules(self):
        def schemes(*more):
            out = self.ok("-m", self.model, "-o", "x.lathe", "--dry-run", "--json", *more).stdout
            return {t["name"]: t["scheme"] for t in json.loads(out)["outputs"][0]["tensors"]}

        all_w8 = schemes("-s", "w8", "--exclude", "embed_tokens", "--tensor", "v_proj=w4g32",
                         "--tensor", r"layers\.0\..*v_proj=w8g64")
        self.assertEqual(all_w8["model.embed_tokens.weight"], "keep")
        self.assertEqual(all_w8["model.layers.0.self_attn.v_proj.weight"], "w8g64")
        self.assertEqual(all_w8["model.layers.1.self_attn.v_proj.weight"], "w4g32")
        self.assertEqual(all_w8["model.layers.1.self_attn.q_proj.weight"], "w8g16dx")
        self.assertEqual(all_w8["model.norm.weight"], "keep")
        only = schemes("-s", "w8", "--include", "down_proj")
        self.assertEqual({n for n, s in only.items() if s != "keep"},
                         {n for n in only if "down_proj" in n})

    def test_dry_run_writes_nothing(self):
        out = self.ok("-m", self.model, "-o", "x.lathe", "--dry-run")
        self.assertIn("q_proj", out.out)
        lines = [line.split() for line in out.out.splitlines()]
        self.assertEqual(lines[-1][0], "total")
        self.assertEqual(int(lines[-1][-1]), sum(
            t["bytes"] for t in json.loads(self.ok("-m", self.model, "-o", "x.lathe", "--dry-run",
                                                   "--json").stdout)["outputs"][0]["tensors"]))
        # Layers that are treated alike share a line; -v tells them apart.
        rows = {line[0]: line for line in lines}
        self.assertEqual(rows["model.layers.0-1.self_attn.o_proj.weight"][1:4],
                         ["48x48", "BF16", "w4nlg32d"])
        split = self.ok("-m", self.model, "-o", "x.lathe", "--dry-run", "--tensor",
                        r"layers\.1\.self_attn.o=w8").out
        self.assertIn("model.layers.1.self_attn.o_proj.weight ", split)
        self.assertIn("model.layers.0-1.self_attn.v_proj.weight ", split)
        each = self.ok("-m", self.model, "-o", "x.lathe", "--dry-run", "-v").out
        self.assertEqual(len(each.splitlines()), 22)
        self.assertNotIn("SQNR", each)
        two = self.ok("-m", self.model, "-o", "x.lathe", "--also", "w8=y.lathe", "--dry-run").out
        self.assertEqual([line for line in two.splitlines() if line.endswith(":")],
                         ["x.lathe:", "y.lathe:"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_calibration(self):
        self.divergence(self.model)  # writes story.txt
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w4g128", "--calib", "story.txt",
                "--effort", "fast", "--save-importance", "importance.safetensors")
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
        # Of another model: other names, or other sizes.
        raw = (self.folder / "importance.safetensors").read_bytes()
        self.write("names.safetensors", raw.replace(b"_proj", b"_frob").replace(b"lm_", b"xx_")
                   .replace(b"embed", b"frobs"))
        self.fails(3, "-m", self.model, "-o", "d.lathe", "--importance", "names.safetensors",
                   message="names none")

    def test_error_feedback(self):
        self.divergence(self.model)  # writes story.txt
        calib = ["--calib", "story.txt"]
        self.ok("-m", self.model, "-o", "fast.lathe", "-s", "w4g128", *calib, "--effort", "fast")
        self.ok("-m", self.model, "-o", "good.lathe", "-s", "w4g128", *calib)
        self.assertLess(self.divergence("good.lathe"), 0.8 * self.divergence("fast.lathe"))
        # The recipe needs the text, not only what it says of each input.
        self.ok("--verify", "good.lathe", "--against", self.model, *calib)
        self.ok("-m", self.model, "-o", "x.lathe", *calib, "--save-importance", "i.safetensors")
        self.fails(2, "--verify", "good.lathe", "--against", self.model, "--importance",
                   "i.safetensors", message="--calib")
        # The text that comes along.
        self.ok("-m", self.model, "-o", "own.lathe", "--effort", "good")
        self.ok("--verify", "own.lathe", "--against", self.model, "--effort", "good")
        self.fails(2, "-m", self.model, "-o", "y.lathe", "--effort", "good", "--importance",
                   "i.safetensors", message="give one")
        # A second look is another file, which its recipe tells.
        self.ok("-m", self.model, "-o", "best.lathe", "-s", "w4g128", *calib, "--effort", "best")
        self.assertNotEqual((self.folder / "good.lathe").read_bytes(),
                            (self.folder / "best.lathe").read_bytes())
        self.assertLess(self.divergence("best.lathe"), self.divergence("fast.lathe"))
        self.ok("--verify", "best.lathe", "--against", self.model, *calib)
        # GGUF's types, and several outputs.
        self.ok("-m", self.model, "-o", "fast.gguf", "-s", "q4_0", *calib, "--effort", "fast")
        self.ok("-m", self.model, "-o", "good.gguf", "-s", "q4_0", *calib, "--also",
                "w4g128=also.lathe")
        self.assertLess(self.divergence("good.gguf"), self.divergence("fast.gguf"))
        self.assertEqual((self.folder / "good.lathe").read_bytes(),
                         (self.folder / "also.lathe").read_bytes())

    def test_error_feedback_gives_the_same_bytes_everywhere(self):
        self.divergence(self.model)  # writes story.txt
        made = []
        for isa in filter(self.has_isa, ISAS):
            for threads in ("1", "3"):
                for effort in ("good", "best"):
                    self.ok("-m", self.model, "-o", "a.lathe", "-f", "-s", "w4", "--calib",
                            "story.txt", "--effort", effort, "-t", threads, env={"LATHE_ISA": isa})
                    made.append((effort, (self.folder / "a.lathe").read_bytes()))
        self.assertEqual(len(set(made)), 2)

    def test_importance_of_llama_cpp(self):
        """Both of its forms say what ours says, to the same bytes."""
        names = {f"model.layers.{i}.{ours}.weight": f"blk.{i}.{theirs}.weight" for i in range(2)
                 for ours, theirs in [("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
                                      ("self_attn.v_proj", "attn_v"), ("mlp.up_proj", "ffn_up"),
                                      ("self_attn.o_proj", "attn_output"),
                                      ("mlp.gate_proj", "ffn_gate"),
                                      ("mlp.down_proj", "ffn_down")]}
        self.divergence(self.model)  # writes story.txt
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w4g32", "--calib", "story.txt",
                "--effort", "fast", "--save-importance", "i.safetensors")
        raw = (self.folder / "i.safetensors").read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:start])
        ours = {name: raw[start + t["data_offsets"][0]:start + t["data_offsets"][1]]
                for name, t in header.items() if name != "__metadata__"}
        columns = {names[name]: data for name, data in ours.items() if name in names}
        columns["output.weight"] = ours["lm_head.weight"]
        self.assertEqual(len(columns), 15)
        times = lambda data, n: array.array("f", [n * x for x in array.array("f", data)]).tobytes()
        dat = struct.pack("<i", len(columns))
        for name, data in columns.items():  # four calls: powers of two lose nothing
            dat += struct.pack("<i", len(name)) + name.encode()
            dat += struct.pack("<ii", 4, len(data) // 4) + times(data, 4)
        self.write("old.dat", dat)
        self.write("new.dat", dat + struct.pack("<ii", 4, 9) + b"story.txt")
        tensors = []
        for name, data in columns.items():
            tensors.append((f"{name}.in_sum2", [len(data) // 4, 1], times(data, 256)))
            tensors.append((f"{name}.counts", [1, 1], struct.pack("<f", 256)))
        self.write("i.gguf", self.gguf("imatrix", tensors))
        for name in ("old.dat", "new.dat", "i.gguf", "i.safetensors"):
            out = self.folder / "b.lathe"
            self.ok("-m", self.model, "-o", out, "-f", "-s", "w4g32", "--importance", name)
            self.assertEqual((self.folder / "a.lathe").read_bytes(), out.read_bytes(), name)
        refuse = lambda name, message: self.fails(3, "-m", self.model, "-o", "x.lathe",
                                                  "--importance", name, message=message)
        refuse(self.write("cut.dat", dat[:-5]), "ends inside")
        refuse(self.write("long.dat", dat + bytes(30)), "after its end")
        refuse(self.write("nan.dat", dat[:-4] + struct.pack("<f", float("nan"))), "not finite")
        refuse(self.write("other.gguf", self.gguf("model", tensors)), "imatrix")
        refuse(self.write("bare.gguf", self.gguf("imatrix", tensors[:1])), "counts")

    def test_importance_of_llama_cpp_with_experts(self):
        """Of a text so short that it meets few of them: both forms say what ours says, and who is
        not met is named."""
        model = tiny_models.mixture(self.model, self.folder / "moe")
        self.write("short.txt", "A heron")
        how = ("-m", model, "-f", "-s", "w4g32")
        run = self.ok(*how, "-o", "a.lathe", "--calib", "short.txt", "--effort", "fast",
                      "--save-importance", "i.safetensors")
        unmet = re.search(r"no token of the calibration text met (\d+) experts, .*", run.err)
        self.assertTrue(0 < int(unmet[1]) <= 8, run.err)
        raw = (self.folder / "i.safetensors").read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        ours = {name: array.array("f", raw[start + t["data_offsets"][0]:start + t["data_offsets"][1]])
                for name, t in json.loads(raw[8:start]).items() if name != "__metadata__"}
        met = {name for name in ours if ".experts." in name and "up_proj" in name}
        self.assertEqual(len(met), 12 - int(unmet[1]))
        missing = sorted((layer, e) for layer in range(2) for e in range(6)
                         if f"model.layers.{layer}.mlp.experts.{e}.up_proj.weight" not in met)
        self.assertIn("; ".join(f"layer {layer}, expert {e}" for layer, e in missing), unmet[0])

        # (name, a vector or one per expert); q, k and v, and gate and up, stand in one as elsewhere.
        entries = [("output.weight", [ours["lm_head.weight"]])]
        for i in range(2):
            of = lambda part: ours.get(f"model.layers.{i}.{part}.weight")
            entries += [(f"blk.{i}.attn_qkv.weight", [of("self_attn.q_proj")]),
                        (f"blk.{i}.attn_output.weight", [of("self_attn.o_proj")]),
                        (f"blk.{i}.ffn_down_exps.weight",
                         [of(f"mlp.experts.{e}.down_proj") for e in range(6)]),
                        (f"blk.{i}.ffn_gate_inp.weight", [of("self_attn.q_proj")]),  # is kept
                        (f"blk.{i}.ffn_{'gate_up' if i else 'gate'}_exps.weight",
                         [of(f"mlp.experts.{e}.up_proj") for e in range(6)])]
        dat, tensors = struct.pack("<i", len(entries)), []
        for name, vectors in entries:
            width = len(next(v for v in vectors if v))
            values = [x * 4 for v in vectors for x in v or [1.0] * width]
            dat += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 4, len(values))
            dat += array.array("f", values).tobytes()
            counts = [64.0 * 2 ** i if v else 0.0 for i, v in enumerate(vectors)]
            sums = [x * c for v, c in zip(vectors, counts) for x in v or [0.0] * width]
            tensors += [(f"{name}.in_sum2", [width, len(vectors)], array.array("f", sums).tobytes()),
                        (f"{name}.counts", [1, len(vectors)], array.array("f", counts).tobytes())]
        self.write("i.dat", dat)
        self.write("i.gguf", self.gguf("imatrix", tensors))
        for name in ("i.safetensors", "i.gguf", "i.dat"):
            said = self.ok(*how, "-o", "b.lathe", "--importance", name).err
            self.assertIn(unmet[0], said)
            a, b = ((self.folder / f"{x}.lathe").read_bytes() for x in "ab")
            # Recipes differ: theirs know the router, too.
            same = lambda file: file[8 + int.from_bytes(file[:8], "little"):]
            self.assertEqual(same(a), same(b), name)
        # A layer that does not say how many experts there are, and counts of none.
        bare = [t for t in tensors if "ffn_gate_inp" not in t[0]]
        self.write("bare.dat", dat.replace(b"ffn_gate_inp", b"ffn_gate_xxx"))
        self.fails(3, *how, "-o", "c.lathe", "--importance", "bare.dat", message="how many experts")
        self.ok(*how, "-o", "c.lathe", "--importance", self.write("bare.gguf", self.gguf("imatrix", bare)))
        odd = [(n, [1, 5], d[:20]) if "counts" in n and "down_exps" in n else (n, s, d)
                for n, s, d in tensors]
        self.fails(3, *how, "-o", "c.lathe", "--importance",
                   self.write("odd.gguf", self.gguf("imatrix", odd)), message="experts")

    def test_importance_saved_for_llama_cpp_says_the_same(self):
        self.write("story.txt", "A heron and a miller. " * 40)
        for model in (self.model, tiny_models.mixture(self.model, self.folder / "moe")):
            how = ("-m", model, "-f", "-s", "w8", "--effort", "fast")
            with self.subTest(model=str(model)):
                self.ok(*how, "-o", "a.lathe", "--calib", "story.txt", "--save-importance", "i.gguf")
                self.ok(*how, "-o", "b.lathe", "--importance", "i.gguf")
                a, b = ((self.folder / f"{x}.lathe").read_bytes() for x in "ab")
                self.assertEqual(a, b)
                saved = (self.folder / "i.gguf").read_bytes()
                self.assertTrue(saved.startswith(b"GGUF"))
                for key in (b"imatrix.datasets", b"imatrix.chunk_count", b"imatrix.chunk_size", b"story.txt"):
                    self.assertIn(key, saved)

    def test_a_shape_is_quantized_as_it_is_made(self):
        shape = ("--synthetic", "llama-42m")
        self.ok(*shape, "--layers", "2", "-o", "a.lathe")
        self.ok(*shape, "--layers", "2", "-o", "whole.lathe", tool="convert")
        self.ok("-m", "whole.lathe", "-o", "b.lathe")
        a, b = ((self.folder / f"{x}.lathe").read_bytes() for x in "ab")
        data = lambda file: file[8 + int.from_bytes(file[:8], "little"):]
        self.assertEqual(data(a), data(b))
        self.fails(2, *shape, "-m", self.model, "-o", "c.lathe", message="--synthetic")
        self.fails(2, "-m", self.model, "--layers", "1", "-o", "c.lathe", message="--synthetic")
        self.fails(2, *shape, "--layers", "9", "-o", "c.lathe", message="8 layers")

    def importance(self, value):
        """An importance matrix of the model with this value everywhere."""
        self.divergence(self.model)  # writes story.txt
        self.ok("-m", self.model, "-o", "i.lathe", "-f", "-s", "w4g32", "--calib", "story.txt",
                "--effort", "fast", "--save-importance", "i.safetensors")
        raw = bytearray((self.folder / "i.safetensors").read_bytes())
        start = 8 + int.from_bytes(raw[:8], "little")
        raw[start:] = struct.pack("<f", value) * ((len(raw) - start) // 4)
        return self.write("all.safetensors", raw)

    def test_extreme_importance_does_no_harm(self):
        def decibels(*more):
            out = self.ok("-m", self.model, "-o", "a.lathe", "-f", "--json", "-v", *more).stdout
            self.ok("a.lathe", "--verify", tool="convert")
            self.ok("-m", "a.lathe", "-p", "A", "-n", "1", tool="generate")
            return [t["sqnr_db"] for t in json.loads(out)["outputs"][0]["tensors"] if "sqnr_db" in t]
        for scheme in ("w4g32", "w4g16ad", "w8g32a", "w4nlg32"):
            plain = decibels("-s", scheme)
            for value in (0.0, 1e-45, 3e38):
                (self.folder / "i.safetensors").unlink(missing_ok=True)
                for a, b in zip(decibels("-s", scheme, "--importance", self.importance(value)),
                                plain):
                    self.assertAlmostEqual(a, b, 1)

    def test_scales_that_cannot_be_read_back_are_refused(self):
        tiny_models.hugging_face(self.folder / "good")
        huge = tiny_models.altered(self.folder / "good", self.folder / "huge",
                                   {"model.layers.0.mlp.up_proj.weight": struct.pack("<f", 1e30)})
        for scheme in ("q8_0", "q4_0", "q4_1"):
            self.fails(3, "-m", huge, "-s", scheme, "-o", "x.gguf",
                       message=["layers.0.mlp.up_proj", "too large"])
            self.assertFalse((self.folder / "x.gguf").exists())
        self.ok("-m", huge, "-s", "w8", "-o", "x.lathe")  # its unit reaches there

    def test_tensors_that_are_mostly_noise_are_named(self):
        # So small (9e-41 each) that no scale of a half can say it.
        model = tiny_models.altered(self.model, self.folder / "small",
                                    {f"model.layers.{i}.mlp.up_proj.weight": b"\x01\x00"
                                     for i in range(2)})
        result = self.ok("-m", model, "-s", "w4g32", "-o", "x.lathe")
        lines = [line for line in result.err.splitlines() if "mostly noise" in line]
        self.assertEqual(len(lines), 2, result)
        for i, line in enumerate(lines):
            self.assertIn(f"layers.{i}.mlp.up_proj.weight", line)
            self.assertIn("0.00 dB", line)
        self.assertNotIn("noise", self.ok("-m", self.model, "-s", "w4g32", "-o", "y.lathe").err)

    @staticmethod
    def gguf(kind, tensors):
        text = lambda s: struct.pack("<Q", len(s)) + s.encode()
        out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1)
        out += text("general.type") + struct.pack("<I", 8) + text(kind)
        data = b""
        for name, shape, raw in tensors:
            out += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
            data += raw + bytes(-len(raw) % 32)
        return out + bytes(-len(out) % 32) + data

    def test_several_outputs(self):
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w8", "--also", "w4=b.lathe")
        self.ok("-m", self.model, "-o", "c.lathe", "-s", "w4")
        self.assertEqual((self.folder / "b.lathe").read_bytes(),
                         (self.folder / "c.lathe").read_bytes())

    def test_several_outputs_of_several_kinds(self):
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w8", "--also", "q8_0=b.gguf",
                "--also", "keep=c.lathe", "--also", "w4nlg64=d.lathe")
        for scheme, name in [("w8", "a.lathe"), ("q8_0", "b.gguf"), ("keep", "c.lathe"),
                             ("w4nlg64", "d.lathe")]:
            out = self.folder / ("alone" + os.path.splitext(name)[1])
            self.ok("-m", self.model, "-o", out, "-f", "-s", scheme)
            self.assertEqual((self.folder / name).read_bytes(), out.read_bytes(), scheme)
        self.fails(2, "-m", self.model, "-o", "e.lathe", "--also", "w8=./e.lathe",
                   message="two outputs")
        self.assertEqual(len(list(self.folder.iterdir())), 6)

    def test_rebuilds_bit_for_bit(self):
        self.divergence(self.model)  # writes story.txt
        self.ok("-m", self.model, "-o", "a.lathe", "--also", "q4_0=b.gguf")
        self.ok("-m", self.model, "-o", "c.lathe", "-s", "w8", "--exclude", "k_proj",
                "--tensor", "v_proj=w4g32a")
        self.ok("-m", self.model, "-o", "d.lathe", "--calib", "story.txt", "--effort", "fast",
                "--save-importance", "i.safetensors")
        for name in ("a.lathe", "b.gguf", "c.lathe"):
            self.ok("--verify", name, "--against", self.model)
        self.ok("--verify", "d.lathe", "--against", self.model, "--importance", "i.safetensors")
        self.fails(2, "--verify", "d.lathe", "--against", self.model, message="--importance")
        self.ok("-m", self.model, "-o", "e.lathe", "--calib", self.write("x.txt", "The miller"),
                "--save-importance", "j.safetensors")
        self.fails(3, "--verify", "d.lathe", "--against", self.model, "--importance",
                   "j.safetensors", message="another importance matrix")

    def test_rebuilding_finds_what_differs(self):
        self.ok("-m", self.model, "-o", "a.lathe")
        raw = bytearray((self.folder / "a.lathe").read_bytes())
        start = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:start])
        name = "model.layers.1.mlp.up_proj.weight"
        raw[start + header[name]["data_offsets"][0] + 100] ^= 1
        self.write("bad.lathe", bytes(raw))
        result = self.run_tool("--verify", "bad.lathe", "--against", self.model, "--json")
        self.assertEqual(result.status, 1)
        self.assertIn(name, result.err)
        self.assertEqual(json.loads(result.stdout)["differing"], [name])
        self.write("short.lathe", bytes(raw[:-1]))
        self.fails(3, "--verify", "short.lathe", "--against", self.model)
        # Other weights, no recipe, half of the options.
        self.ok(self.model, "-o", "f16.lathe", "--dtype", "f16", tool="convert")
        self.fails(3, "--verify", "a.lathe", "--against", "f16.lathe", message="other weights")
        self.fails(3, "--verify", "f16.lathe", "--against", self.model, message="recipe")
        self.fails(2, "--verify", "a.lathe", message="--against")
        self.fails(2, "--verify", "a.lathe", "--against", self.model, "-o", "x", message="--verify")

    def test_listing_shows_schemes_and_shapes(self):
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w4g32ad")
        listed = json.loads(self.ok("a.lathe", "--list", "--json", tool="convert").stdout)
        tensors = {t["name"]: t for t in listed["tensors"]}
        q = tensors["model.layers.0.self_attn.q_proj.weight"]
        self.assertEqual((q["dtype"], q["shape"]), ("w4g32ad", [48, 48]))
        self.ok("-m", self.model, "-o", "b.gguf", "-s", "q8_0")
        self.ok("b.gguf", "-o", "b.lathe", tool="convert")
        text = self.ok("b.lathe", "--list", tool="convert").out
        self.assertNotIn("packed", text)

    def test_refusals(self):
        self.fails(2, "-m", self.model, "-o", "x.lathe", "-s", "w7", message="w7")
        self.fails(2, "-m", self.model, "-o", "x.lathe", "-s", "w8nlg32", message="w8nlg32")
        self.fails(2, "-o", "x.lathe", message="-m MODEL")
        self.fails(2, "-m", self.model, "-o", "x.lathe", "--tensor", "(=w8", message="(")
        self.fails(2, "-m", self.model, "-o", "x.lathe", "--tensor", "nothing", message="--tensor")
        for option in (["--tensor", "layers.9=w8"], ["--include", "norm"], ["--exclude", "qproj"]):
            self.fails(2, "-m", self.model, "-o", "x.lathe", *option, message="no matrix")
        self.fails(2, "-m", self.model, message="-o FILE")
        self.fails(4, "-m", "absent", "-o", "x.lathe", message="absent")
        self.ok("-m", self.model, "-o", "w8.lathe", "-s", "w8")
        self.fails(4, "-m", self.model, "-o", "w8.lathe", message="exists")
        self.fails(4, "-m", self.model, "-o", "/dev/full")
        self.assertFalse((self.folder / "x.lathe").exists())

    def test_what_is_quantized_is_quantized_again_with_a_warning(self):
        self.ok("-m", self.model, "-o", "q8.gguf", "-s", "q8_0")
        once = self.ok("-m", "q8.gguf", "-o", "w4.lathe")
        self.assertIn('warning: "q8.gguf": ', once.err)
        self.assertIn("quantized already (Q8_0", once.err)
        self.assertIn("--allow-requantize", once.err)
        self.assertLess(self.divergence("w4.lathe"), 0.2)
        silent = self.ok("-m", "q8.gguf", "-o", "b.lathe", "--allow-requantize")
        self.assertNotIn("already", silent.err)
        self.assertEqual((self.folder / "b.lathe").read_bytes(),
                         (self.folder / "w4.lathe").read_bytes())
        self.ok("--verify", "w4.lathe", "--against", "q8.gguf")
        # A dry run looks, too.
        dry = self.ok("-m", "q8.gguf", "--dry-run", "--json")
        self.assertIn("quantized already", dry.err)
        report = json.loads(dry.out)["outputs"][0]
        self.assertGreater(report["requantized_tensors"], 0)
        # From the kernels' own layout to another.
        self.ok("-m", "w4.lathe", "-o", "w8.lathe", "-s", "w8")
        self.assertLess(self.divergence("w8.lathe"), 0.2)

    def test_what_has_the_wanted_type_is_copied(self):
        self.ok("-m", self.model, "-o", "a.gguf", "-s", "q8_0")
        again = self.ok("-m", "a.gguf", "-o", "b.gguf", "-s", "q8_0", "--json")
        self.assertEqual(json.loads(again.out)["outputs"][0]["requantized_tensors"], 0)
        self.assertNotIn("already", again.err)
        self.assertEqual(self.text("a.gguf"), self.text("b.gguf"))
        self.ok("-m", self.model, "-o", "a.lathe", "-s", "w4g32")
        self.ok("-m", "a.lathe", "-o", "b.lathe", "-s", "w4g32")
        self.assertEqual(self.text("a.lathe"), self.text("b.lathe"))

    def test_names_of_others_lead_to_the_nearest_scheme(self):
        for name, nearest in [("q4_k_xl", "w4"), ("IQ3_M", "w3"), ("Q8_K", "w8"), ("Q6_K_L", "w6"),
                              ("Q5_K_XL", "w5"), ("nf4", "w4"), ("int8", "w8"),
                              ("fp16", "f16"), ("bfloat16", "bf16"), ("W4-G64", "w4g64"),
                              ("w4g48", "w4"), ("IQ3_S", "w3")]:
            self.fails(2, "-m", self.model, "-o", "x.lathe", "-s", name,
                       message=f"the nearest is {nearest};")
            self.ok("-m", self.model, "--dry-run", "-s", nearest)
        self.fails(2, "-m", self.model, "-o", "x.gguf", "-s", "Q4_K_XL", message="in a GGUF file q4_k_m;")
        for scheme, nearest in (("w4", "q4_k_m"), ("w8", "q8_0"), ("w4nlg64", "q4_k_m")):
            self.fails(2, "-m", self.model, "-o", "x.gguf", "-s", scheme, message=f"({nearest} is nearest)")
        self.fails(2, self.model, "x.gguf", "Q4_K_M", message="-m MODEL")
        self.fails(2, "-m", self.model, "x.gguf", "Q4_K_M", message="-o FILE -s SCHEME")
        error = self.fails(2, "-m", self.model, "-o", "x.lathe", "-s", "zebra", message="zebra")
        self.assertNotIn("nearest", error.err if error else "")

    def test_the_input_is_never_replaced(self):
        self.ok(self.model, "-o", "a.lathe", tool="convert")
        before = (self.folder / "a.lathe").read_bytes()
        os.link(self.folder / "a.lathe", self.folder / "b.lathe")
        (self.folder / "c.lathe").symlink_to("a.lathe")
        for name in ("a.lathe", "./a.lathe", "b.lathe", "c.lathe"):
            self.fails(2, "-m", "a.lathe", "-o", name, "-f", message=["is read", "another name"])
            self.fails(2, "-m", "a.lathe", "-o", "x.lathe", "--also", f"w8={name}", "-f",
                       message="another name")
            self.fails(2, "a.lathe", "-o", name, "-f", "--dtype", "f16", tool="convert",
                       message="another name")
        self.assertEqual((self.folder / "a.lathe").read_bytes(), before)
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
