"""convert: chains of formats, listings, checks, refusals, and outputs that are whole or absent."""
import hashlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import time

import tiny_models
from harness import TIMEOUT, ToolTest, main, program

MODEL = "examples/village"
MUTANTS = int(os.environ.get("LATHE_MUTANTS", "40"))  # per format; 2000 for a thorough run


def weights(folder):
    """{name: (dtype, shape, digest)} of a Hugging Face folder, shards or not."""
    out = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        size, = struct.unpack_from("<Q", data)
        for name, tensor in json.loads(data[8:8 + size]).items():
            if name == "__metadata__":
                continue
            first, last = tensor["data_offsets"]
            digest = hashlib.sha256(data[8 + size + first:8 + size + last]).hexdigest()
            out[name] = (tensor["dtype"], tensor["shape"], digest)
    return out


def llama2c_file(dim=16, hidden=24, layers=2, heads=4, kv_heads=2, vocab=40, length=32):
    """A small llama2.c checkpoint with random weights."""
    head = dim // heads
    count = (abs(vocab) * dim + layers * (2 * dim + 2 * dim * dim + 2 * kv_heads * head * dim +
                                          3 * dim * hidden) + dim + length * head)
    if vocab < 0:
        count += -vocab * dim
    numbers = random.Random(5)
    return (struct.pack("<7i", dim, hidden, layers, heads, kv_heads, vocab, length) +
            struct.pack(f"<{count}f", *(numbers.uniform(-1, 1) for _ in range(count))))


class Chains(ToolTest):
    tool = "convert"

    def test_every_format_and_back(self):
        source = self.data(MODEL)
        self.ok(source, "-o", "a.lathe")
        self.ok("a.lathe", "-o", "b.gguf")
        self.ok("b.gguf", "-o", "c")
        self.ok("c", "-o", "d.gguf")
        self.ok("d.gguf", "-o", "e.lathe")
        self.ok("e.lathe", "-o", "f/")
        self.assertEqual(weights(self.folder / "c"), weights(source))
        self.assertEqual(weights(self.folder / "f"), weights(source))
        # The same text from each.
        texts = {self.ok("-m", model, "-p", "The miller", "-n", "30", tool="generate").stdout
                 for model in (source, "a.lathe", "b.gguf", "c", "d.gguf", "e.lathe", "f")}
        self.assertEqual(len(texts), 1)
        left = {p.name for p in self.folder.iterdir()}
        self.assertEqual(left, {"a.lathe", "b.gguf", "c", "d.gguf", "e.lathe", "f"})

    def test_experts_in_mxfp4_stay_what_they_are(self):
        source = self.data("golden/models/gpt-oss")
        self.ok(source, "-o", "a.lathe")
        self.ok("a.lathe", "-o", "b.gguf")
        self.ok("b.gguf", "-o", "c")
        shutil.copytree(source, self.folder / "a")  # GGUF says what the model was called
        self.ok("a", "-o", "d.gguf")
        self.assertEqual(weights(self.folder / "c"), weights(source))
        self.assertEqual((self.folder / "b.gguf").read_bytes(), (self.folder / "d.gguf").read_bytes())
        config = json.loads((self.folder / "c/config.json").read_text())
        self.assertEqual(config["quantization_config"]["quant_method"], "mxfp4")
        self.assertEqual(config["torch_dtype"], "bfloat16")
        for file in ("a.lathe", "b.gguf"):
            types = {row["name"]: (row["dtype"], row["bytes"])
                     for row in json.loads(self.ok("--list", "--json", file).out)["tensors"]}
            experts = [value for name, value in types.items() if "exp" in name and value[0] == "MXFP4"]
            self.assertEqual(sum(size for _, size in experts), 2 * 4 * 3 * 64 * 32 * 17 // 32, file)
        # As floats they are turned, and no longer said to be quantized.
        self.ok("b.gguf", "--dtype", "bf16", "-o", "e")
        floats = weights(self.folder / "e")
        self.assertEqual(floats["model.layers.0.mlp.experts.down_proj"][:2], ("BF16", [4, 32, 64]))
        self.assertNotIn("quantization_config", json.loads((self.folder / "e/config.json").read_text()))
        self.ok(source, "--dtype", "bf16", "-o", "f")
        self.assertEqual(weights(self.folder / "f"), floats)

    def test_llama2c(self):
        for vocab in (40, -40):
            self.write("m.bin", llama2c_file(vocab=vocab))
            result = self.ok("m.bin", "-o", "m.lathe", "-f")
            self.assertIn("no tokenizer", result.err)
            self.ok("m.lathe", "-o", "m.gguf", "-f")
            self.ok("m.gguf", "-o", "hf", "-f")
            self.ok("m.bin", "-o", "direct", "-f")
            self.assertEqual(weights(self.folder / "hf"), weights(self.folder / "direct"))
            config = json.loads((self.folder / "hf/config.json").read_text())
            self.assertEqual(config["eos_token_id"], 1)
            self.assertEqual(config["tie_word_embeddings"], vocab > 0)

    def test_types(self):
        self.ok(self.data(MODEL), "--dtype", "f32", "-o", "a.lathe")
        self.ok("a.lathe", "--dtype", "f16", "-o", "b.gguf")
        listing = json.loads(self.ok("--list", "--json", "b.gguf").out)
        kinds = {(len(t["shape"]), t["dtype"]) for t in listing["tensors"]}
        self.assertEqual(kinds, {(1, "F32"), (2, "F16")})

    def test_shards(self):
        self.ok(self.data(MODEL), "-o", "shards", "--shard-size", "30K")
        self.assertGreater(len(list(self.folder.glob("shards/*.safetensors"))), 2)
        self.assertEqual(weights(self.folder / "shards"), weights(self.data(MODEL)))
        self.ok("shards", "-o", "one.lathe")
        for size in ("0", "-1", "5X", "", "99999999999999999999"):
            self.fails(2, self.data(MODEL), "-o", "x", f"--shard-size={size}")

    def test_the_stories_model_tells_its_story(self):
        story = ("Once upon a time, there was a little girl named Lily. She loved to play outside in the "
                 "park. One day, she saw a big, red ball.")
        self.ok(self.shared("stories260K.bin"), "--tokenizer", self.shared("tok512.bin"), "-o", "s.lathe")
        self.ok("s.lathe", "-o", "s.gguf")
        self.ok("s.gguf", "-o", "s")
        for model in ("s.lathe", "s.gguf", "s"):
            out = self.ok("-m", model, "-p", "", "-n", "200", tool="generate").out
            self.assertTrue(out.startswith(story), out)


class Reports(ToolTest):
    tool = "convert"

    def test_synthetic(self):
        self.ok("--synthetic", "llama-42m", "-o", "a.lathe")
        self.ok("--synthetic", "llama-42m", "-o", "b.gguf")
        self.ok("b.gguf", "-o", "c.lathe")  # the same weights in every form
        listed = [json.loads(self.ok(name, "--list", "--json").stdout)
                  for name in ("a.lathe", "c.lathe")]
        hashes = [{m["key"]: m["value"] for m in one["metadata"]}["source.xxh3"] for one in listed]
        self.assertEqual(hashes[0], hashes[1])
        self.ok("a.lathe", "--verify")
        self.fails(2, "--synthetic", "llama-9999t", "-o", "d.lathe", message="smollm2-135m")
        self.fails(2, "--synthetic", "llama-42m", "a.lathe", "-o", "d.lathe", message="--synthetic")

    def test_an_output_needs_a_name(self):
        self.fails(2, self.data(MODEL), "-o", "", message="-o")
        self.fails(2, self.data(MODEL), "--list", "--output=", message="-o")

    def test_layers_of_a_synthetic_mixture(self):
        shape = ("--synthetic", "qwen3-30b-a3b")
        out = self.ok(*shape, "--layers", "1", "-o", "a.lathe", "--dry-run", "--json").stdout
        names = [t["name"] for t in json.loads(out)["tensors"]]
        self.assertEqual(sum("experts" in name for name in names), 3 * 128)
        self.assertFalse(any("layers.1." in name for name in names))
        self.fails(2, *shape, "--layers", "49", "-o", "a.lathe", message="48 layers")
        self.fails(2, "a.lathe", "--layers", "2", "-o", "b.lathe", message="--synthetic")

    def test_context_length_of_a_synthetic_model(self):
        shape = ("--synthetic", "llama-42m")
        for output in ("a.lathe", "a.gguf", "folder"):
            self.ok(*shape, "--context-length", "65536", "-o", output)
        self.ok("a.gguf", "-o", "b.lathe")
        self.assertRegex(self.ok("--list", "a.gguf").out, r"context_length\s+65536\b")
        for name in ("a.lathe", "b.lathe", "folder/config.json"):
            self.assertRegex((self.folder / name).read_bytes(),
                             rb'"max_position_embeddings":\s*65536\b', name)
        for wrong in ("0", "-1", "3000000000", "1e3"):
            self.fails(2, *shape, "--context-length", wrong, "-o", "c.lathe",
                       message="--context-length")
        self.fails(2, "a.lathe", "--context-length", "100", "-o", "c.lathe", message="--synthetic")

    def test_list(self):
        self.ok(self.data(MODEL), "-q", "-o", "m.gguf")
        for model in (self.data(MODEL), "m.gguf"):
            listing = json.loads(self.ok("--list", "--format", "json", model).out)
            self.assertEqual(listing["schema"], "lathe.list/1")
            table = self.ok("--list", model).out
            for tensor in listing["tensors"]:
                self.assertIn(tensor["name"], table)
                self.assertIn(str(tensor["bytes"]), table)
            for value in listing["metadata"]:
                self.assertIn(value["key"], table)
        self.ok("--list", "m.gguf", "-o", "list.txt")
        self.assertEqual((self.folder / "list.txt").read_text(), self.ok("--list", "m.gguf").out)

    def test_list_escapes_what_a_file_says(self):
        header = json.dumps({"__metadata__": {"k\x1b[31m": "v\x07\u202e"},
                             "t\x1b[2J": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})
        self.write("m.safetensors", struct.pack("<Q", len(header)) + header.encode() + b"x")
        result = self.ok("--list", "m.safetensors")
        for raw in (b"\x1b", b"\x07", "\u202e".encode()):
            self.assertNotIn(raw, result.stdout)
        json.loads(self.ok("--list", "--json", "m.safetensors").out)

    def test_windows_that_llama_cpp_does_not_know_are_told_of(self):
        for model, told in (("mistral-window", True), ("phi3-window", True), ("gemma3", False),
                            ("gpt-oss-bf16", False)):
            result = self.ok(self.data(f"golden/models/{model}"), "-o", f"{model}.gguf")
            self.assertEqual("without a sliding window" in result.err, told, result)

    def test_dry_run_writes_nothing(self):
        result = self.ok(self.data(MODEL), "--dry-run", "--dtype", "f16", "-o", "m.gguf")
        self.assertIn("token_embd.weight", result.out)
        self.assertIn("BF16 -> F16", result.out)
        plan = json.loads(self.ok(self.data(MODEL), "-n", "--json").out)
        self.assertEqual(plan["schema"], "lathe.convert-plan/1")
        self.assertEqual(os.listdir(self.folder), [])

    def test_verify(self):
        self.ok(self.data(MODEL), "-o", "m.lathe")
        self.assertIn("ok", self.ok("--verify", "m.lathe").out)
        data = bytearray((self.folder / "m.lathe").read_bytes())
        data[20000] ^= 1
        self.write("bad.lathe", bytes(data))
        self.fails(3, "--verify", "bad.lathe", message=["bad.lathe", "1 of"])
        result = self.run_tool("--verify", "--json", "bad.lathe")
        self.assertEqual(result.status, 3)
        report = json.loads(result.out)
        self.assertEqual((report["ok"], len(report["mismatched"])), (False, 1))
        self.ok("m.lathe", "-o", "m.gguf")
        self.fails(6, "--verify", "m.gguf", message="m.gguf")
        self.assertEqual(self.run_tool("--list", "m.lathe", "-o", "/dev/full").status, 4)


class Refusals(ToolTest):
    tool = "convert"

    def test_inputs(self):
        os.mkfifo(self.folder / "fifo")
        (self.folder / "folder").mkdir()
        self.write("empty", b"")
        self.write("one", b"G")
        self.write("text", "hello " * 1000)
        for name, status, words in (("absent", 4, "absent"), ("fifo", 4, "pipe"),
                                    ("folder", 3, "config.json"), ("empty", 3, "empty"),
                                    ("one", 3, "one"), ("text", 3, "text"),
                                    ("/dev/null", 4, "device"), ("/dev/zero", 4, "device")):
            for option in (["-o", "out.lathe"], ["--list"]):
                with self.subTest(name=name, option=option):
                    self.fails(status, name, *option, message=words)
        self.assertFalse((self.folder / "out.lathe").exists())

    def test_exponents_out_of_range(self):
        source = self.data("golden/models/gpt-oss")
        for number, scale in enumerate((b"\xff", b"\xfc")):
            folder = tiny_models.altered(source, self.folder / f"m{number}",
                                         {"model.layers.1.mlp.experts.down_proj_scales": scale})
            for options in (["-o", "out.lathe"], ["--dtype", "f32", "-o", "out.lathe"]):
                self.fails(3, folder, *options, message="model.layers.1.mlp.experts.0.down_proj.weight")

    def test_truncated_inputs(self):
        self.ok(self.data(MODEL), "-o", "m.lathe")
        self.ok(self.data(MODEL), "-o", "m.gguf")
        self.write("m.bin", llama2c_file())
        shutil.copytree(self.data(MODEL), self.folder / "hf")
        weights_file = self.folder / "hf/model.safetensors"
        for path, model in ((self.folder / "m.lathe", "m.lathe"), (self.folder / "m.gguf", "m.gguf"),
                            (self.folder / "m.bin", "m.bin"), (weights_file, "hf")):
            whole = path.read_bytes()
            for size in (0, 1, 4, 7, 20, 100, len(whole) // 2, len(whole) - 1):
                with self.subTest(model=model, size=size):
                    path.write_bytes(whole[:size])
                    self.fails(3, model, "-o", "out.gguf")
            path.write_bytes(whole)
        self.assertFalse((self.folder / "out.gguf").exists())

    def test_outputs(self):
        source = self.data(MODEL)
        self.write("m.lathe", "old")
        self.fails(4, source, "-o", "m.lathe", message=["m.lathe", "--force"])
        self.assertEqual((self.folder / "m.lathe").read_text(), "old")
        self.ok(source, "-f", "-o", "m.lathe")
        self.ok(source, "-o", "hf")
        self.fails(4, source, "-o", "hf", message=["hf", "--force"])
        self.ok("hf", "-f", "-o", "hf")
        self.assertEqual(weights(self.folder / "hf"), weights(source))
        (self.folder / "home").mkdir()
        self.write("home/diary", "dear")
        self.fails(4, source, "-f", "-o", "home", message="home")
        self.assertEqual((self.folder / "home/diary").read_text(), "dear")
        for to in ("lathe", "gguf"):
            self.fails(4, source, "--to", to, "-o", "/dev/full", message="No space left")
        self.fails(4, source, "-o", "/dev/full")

    def test_usage(self):
        source = self.data(MODEL)
        self.fails(2, source, message="-o")
        self.fails(2, "-o", "x.lathe")
        self.fails(2, source, "-o", "x.bin", message=".bin")
        self.fails(2, source, "-o", "x.lathe", "--dtype", "q4")
        self.fails(2, source, "-o", "x.lathe", "--to", "onnx")
        self.fails(2, source, "--list", "--verify")
        self.fails(2, source, "-o", "x.lathe", "--json")

    def test_architecture_is_named(self):
        shutil.copytree(self.data(MODEL), self.folder / "hf")
        path = self.folder / "hf/config.json"
        config = json.loads(path.read_text())
        config.update(model_type="mamba", architectures=["MambaForCausalLM"])
        path.write_text(json.dumps(config))
        self.fails(6, "hf", "-o", "x.lathe", message="mamba")
        self.ok("--list", "hf")  # looking is allowed

    def test_tokenizers(self):
        self.write("empty.model", b"")
        self.fails(3, self.data(MODEL), "--tokenizer", "empty.model", "-o", "x.lathe",
                   message="empty.model")
        self.fails(4, self.data(MODEL), "--tokenizer", "absent", "-o", "x.lathe", message="absent")
        (self.folder / "folder").mkdir()
        self.fails(3, self.data(MODEL), "--tokenizer", "folder", "-o", "x.lathe", message="folder")


class Adapters(ToolTest):
    """--lora; that the sums are right is the unit tests' affair."""
    tool = "convert"

    def test_merges_and_leaves_the_rest(self):
        base, adapter = self.data("golden/models/qwen2-bias"), self.data("golden/lora/rslora")
        self.ok(base, "--lora", adapter, "-o", self.folder / "merged")
        before, after = weights(base), weights(self.folder / "merged")
        self.assertEqual(before.keys(), after.keys())
        changed = {n for n in before if before[n][2] != after[n][2]}
        self.assertEqual(changed, {f"model.layers.{i}.self_attn.{p}_proj.weight"
                                   for i in range(2) for p in "qv"})
        self.assertEqual({n: t[:2] for n, t in before.items()}, {n: t[:2] for n, t in after.items()})
        # By way of another format the same.
        self.ok(base, "-o", self.folder / "base.gguf")
        self.ok(self.folder / "base.gguf", "--lora", adapter, "-o", self.folder / "by-gguf")
        by_gguf = weights(self.folder / "by-gguf")
        self.assertEqual({n: by_gguf[n][2] for n in changed}, {n: after[n][2] for n in changed})
        # The model that it is made of stays.
        self.fails(2, self.folder / "base.gguf", "--lora", adapter, "-f", "-o",
                   self.folder / "base.gguf", message="another name")

    def test_adapters_go_to_gguf_and_back(self):
        base, adapter = self.data("golden/models/qwen2-bias"), self.data("golden/lora/rslora")
        done = self.ok(adapter, "--base", base, "-o", "a.gguf")
        self.assertIn("4 matrices", done.err)
        self.ok("a.gguf", "--base", base, "-o", "back")
        with open(self.folder / "back/adapter_config.json", encoding="utf-8") as file:
            config = json.load(file)
        self.assertEqual((config["peft_type"], config["target_modules"]), ("LORA", ["q_proj", "v_proj"]))
        for lora in (adapter, "a.gguf", "back", "back:1.0"):
            self.ok("-f", base, "--lora", lora, "-o", "merged")
            if lora == adapter:
                wanted = weights(self.folder / "merged")
            self.assertEqual(weights(self.folder / "merged"), wanted, lora)
        listing = json.loads(self.ok("--list", "a.gguf", "--json").out)
        self.assertEqual(len(listing["tensors"]), 8)
        self.fails(4, adapter, "--base", base, "-o", "a.gguf", message="a.gguf")
        self.fails(2, adapter, "-o", "b.gguf", message=["--base", "--lora"])
        self.fails(2, base, "--base", base, "-o", "b.gguf", message="--base")
        self.fails(2, adapter, "--base", base, "-o", "b.lathe", message=".gguf")
        self.fails(2, adapter, "--base", base, "-o", "b.gguf", "--dtype", "f16", message="--dtype")
        self.fails(3, adapter, "--base", self.data("golden/models/tiny-llama"), "-o", "b.gguf",
                   message="rslora")
        self.fails(3, "a.gguf", "--base", self.data("golden/models/llama-plain"), "-o", "b",
                   message="architecture")

    def test_refusals(self):
        base = self.data("golden/models/llama-plain")
        for adapter, code, named in [("regex-odd-sizes", 3, "down_proj"),
                                     ("nowhere", 4, "nowhere")]:
            self.fails(code, base, "--lora", self.data("golden/lora") / adapter, "-o",
                       self.folder / "out.lathe", message=named)
            self.assertFalse((self.folder / "out.lathe").exists())
        self.fails(2, "--list", base, "--lora", self.data("golden/lora/rslora"))


class Experts(ToolTest):
    tool = "convert"
    STORY = ("-p", "The miller", "-n", "30")

    def setUp(self):
        super().setUp()
        tiny_models.mixture(self.data(MODEL), self.folder / "moe")  # all experts are the village's
        self.village = self.ok("-m", self.data(MODEL), *self.STORY, tool="generate").stdout
        self.write("story.txt", self.ok("-m", self.data(MODEL), "-p", "A heron", "-n", "120",
                                        tool="generate").out * 4)

    def metadata(self, model):
        out = self.ok(model, "--list", "--json").stdout
        return {m["key"]: m["value"] for m in json.loads(out)["metadata"]}

    def test_by_number_to_every_format(self):
        for source in ("moe", "moe.lathe", "moe.gguf"):
            if source != "moe":
                self.ok("moe", "-o", source)
            for out in ("few.lathe", "few.gguf", "few"):
                run = self.ok(source, "--keep-experts", "0-2,4", "-o", out, "-f")
                self.assertIn("4 of 6 experts kept", run.err)
                self.assertNotIn("routing weight", run.err)
                text = self.ok("-m", out, *self.STORY, tool="generate").stdout
                self.assertEqual(text, self.village)
        self.assertEqual(self.metadata("few.gguf")["llama.expert_count"], 4)
        self.assertEqual(self.metadata("few.lathe")["experts.kept"], "0-2,4 of 6")
        self.assertEqual(json.loads((self.folder / "few/config.json").read_text())
                         ["num_local_experts"], 4)
        # All of them: nothing is edited.
        self.ok("moe", "--keep-experts", "0-5", "-o", "all.lathe")
        self.assertEqual((self.folder / "all.lathe").read_bytes(),
                         (self.folder / "moe.lathe").read_bytes())

    def test_by_use_keeps_what_a_text_needs_and_says_what_is_lost(self):
        self.ok("moe", "-o", "moe.gguf")
        run = self.ok("moe.gguf", "--by-use", "story.txt", "--keep", "3", "-o", "used.lathe")
        self.assertRegex(run.err, r"3 of 6 experts kept in each layer, which lost \d+\.\d\d % of "
                                  r"the routing weight on the text; most in layer [01], \d+\.\d\d %")
        self.assertEqual(self.ok("-m", "used.lathe", *self.STORY, tool="generate").stdout, self.village)
        plan = lambda *how: json.loads(self.ok("moe", *how, "-o", "x.lathe", "--dry-run", "--json")
                                       .stdout)["experts"]
        lost = {}
        for keep in range(2, 7):
            said = plan("--by-use", "story.txt", "--keep", str(keep))
            self.assertEqual([len(layer) for layer in said["kept"]], [keep, keep])
            self.assertGreaterEqual(said["lost_weight"]["worst"], said["lost_weight"]["share"])
            lost[keep] = said["lost_weight"]["share"]
        self.assertEqual(lost[6], 0.0)
        self.assertEqual(sorted(lost.values(), reverse=True), list(lost.values()))
        # The same by number, and what the others would lose: all that these do not.
        said = plan("--by-use", "story.txt", "--keep", "3")
        lists = [f"{i}:" + ",".join(map(str, layer)) for i, layer in enumerate(said["kept"])]
        others = [f"{i}:" + ",".join(str(e) for e in range(6) if e not in layer)
                  for i, layer in enumerate(said["kept"])]
        same = plan("--by-use", "story.txt", *(x for one in lists for x in ("--keep-experts", one)))
        self.assertEqual(same, said)
        rest = plan("--by-use", "story.txt", *(x for one in others for x in ("--keep-experts", one)))
        self.assertAlmostEqual(rest["lost_weight"]["share"] + lost[3], 1.0, places=6)
        self.ok("moe.gguf", *(x for one in lists for x in ("--keep-experts", one)), "-o", "listed.lathe")
        self.assertEqual((self.folder / "listed.lathe").read_bytes(),
                         (self.folder / "used.lathe").read_bytes())
        self.assertEqual([path.name for path in self.folder.glob("x.lathe*")], [])

    def test_from_another_model(self):
        self.ok("moe", "-o", "moe.gguf")
        # Another whose experts' second matrices are zeros.
        zero = {f"model.layers.{layer}.block_sparse_moe.experts.{e}.w2.weight": bytes(2)
                for layer in range(2) for e in range(6)}
        tiny_models.altered(self.folder / "moe", self.folder / "zero", zero)
        self.ok("moe", "--replace-experts", "zero", "--experts", "1:2-3", "-o", "mixed")
        of = weights(self.folder / "moe"), weights(self.folder / "zero"), weights(self.folder / "mixed")
        different = {name for name in of[0] if of[0][name] != of[2][name]}
        self.assertEqual(different, {f"model.layers.1.block_sparse_moe.experts.{e}.w2.weight"
                                     for e in (2, 3)})
        self.assertTrue(all(of[1][name] == of[2][name] for name in different))
        # By a copy of itself: the same file.
        shutil.copytree(self.folder / "moe", self.folder / "copy")
        self.ok("moe", "--replace-experts", "copy", "-o", "again.gguf")
        self.assertEqual((self.folder / "again.gguf").read_bytes(),
                         (self.folder / "moe.gguf").read_bytes())
        # Of one type in what holds them in one tensor, or else told what to do.
        self.ok("zero", "--dtype", "f32", "-o", "zero32")
        self.fails(6, "moe", "--replace-experts", "zero32", "--experts", "0", "-o", "x.gguf",
                   message="--dtype")
        self.ok("moe", "--replace-experts", "zero32", "--experts", "0", "--dtype", "f32", "-o", "x.gguf")

    def test_refusals(self):
        refuse = lambda message, *args: self.fails(2, "moe", "-o", "x.lathe", *args, message=message)
        refuse("goes through 2 experts", "--keep-experts", "3")
        refuse("no expert 6", "--keep-experts", "0-6")
        refuse("no list", "--keep-experts", "0-2,")
        refuse("no layer 2", "--keep-experts", "2:0-3")
        refuse("one number for all", "--keep-experts", "0-3", "--keep-experts", "1:0-2")
        refuse("--by-use", "--keep", "3")
        refuse("--keep N", "--by-use", "story.txt")
        refuse("7 experts cannot be kept", "--by-use", "story.txt", "--keep", "7")
        refuse("too few", "--by-use", "story.txt", "--keep", "1")
        refuse("give one", "--by-use", "story.txt", "--keep", "3", "--keep-experts", "0-2")
        refuse("--replace-experts", "--experts", "0")
        self.fails(2, self.data(MODEL), "-o", "x.lathe", "--keep-experts", "0", message="no mixture")
        self.fails(2, "moe", "--list", "--keep-experts", "0-3", message="--keep-experts")
        self.fails(3, "moe", "-o", "x.lathe", "--replace-experts", self.data(MODEL),
                   message="do not fit")
        self.fails(4, "moe", "-o", "x.lathe", "--replace-experts", "absent", message="absent")
        self.fails(4, "moe", "-o", "x.lathe", "--by-use", "absent", "--keep", "3", message="absent")
        self.fails(3, self.data("golden/models/mixtral"), "-o", "x.lathe", "--by-use", "story.txt",
                   "--keep", "3", message="tokenizer")
        self.write("empty.txt", "")
        self.fails(3, "moe", "-o", "x.lathe", "--by-use", "empty.txt", "--keep", "3", message="empty")
        self.assertEqual([path.name for path in self.folder.glob("x.lathe*")], [])


class Interruptions(ToolTest):
    """kill -9 and signals while a larger model is being written."""

    tool = "convert"

    def setUp(self):
        super().setUp()
        # 80 MB, so that there is a while to hit.
        head = struct.pack("<7i", 512, 1024, 4, 8, 8, 8000, 64)
        count = 8000 * 512 + 4 * (2 * 512 + 4 * 512 * 512 + 3 * 512 * 1024) + 512 + 64 * 64
        some = struct.pack("<16384f", *(random.uniform(-1, 1) for _ in range(16384)))
        self.write("big.bin", head + some * (4 * count // len(some) + 1))
        with open(self.folder / "big.bin", "r+b") as file:
            file.truncate(28 + 4 * count)

    def start(self, output):
        process = subprocess.Popen([program("convert"), "-q", "-f", "big.bin", "-o", output],
                                   cwd=self.folder, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def temporaries(self):
        return [name for name in os.listdir(self.folder) if ".tmp." in name]

    def wait_for_temporary(self, process):
        while not self.temporaries():
            if process.poll() is not None:
                return False
            time.sleep(0.001)
        return True

    def test_kill_leaves_the_old_or_the_new(self):
        self.ok("-q", "big.bin", "-o", "whole.lathe")
        whole = (self.folder / "whole.lathe").read_bytes()
        delays = random.Random(7)
        for _ in range(6):
            self.write("out.lathe", "old")
            process = self.start("out.lathe")
            self.wait_for_temporary(process)
            time.sleep(delays.uniform(0, 0.2))
            process.kill()
            process.wait(TIMEOUT)
            content = (self.folder / "out.lathe").read_bytes()
            self.assertTrue(content in (b"old", whole))
            for name in self.temporaries():
                os.unlink(self.folder / name)

    def test_a_model_that_is_cut_while_it_is_read_is_an_input_error(self):
        process = self.start("out.lathe")
        self.assertTrue(self.wait_for_temporary(process))
        os.truncate(self.folder / "big.bin", 5000)
        status = process.wait(TIMEOUT)
        if status == 0:
            self.skipTest("it was done before the cut")
        self.assertEqual(status, 4)
        self.assertIn(b"convert: error: ", process.stderr.read())
        self.assertEqual(sorted(os.listdir(self.folder)), ["big.bin"])

    def test_signals_leave_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for output in ("out.lathe", "out"):
                with self.subTest(signal=number.name, output=output):
                    process = self.start(output)
                    if self.wait_for_temporary(process):
                        process.send_signal(number)
                    status = process.wait(TIMEOUT)
                    self.assertIn(status, (0, -number))
                    self.assertEqual(self.temporaries(), [])
                    if status != 0:
                        self.assertFalse((self.folder / output).exists())
                    self.run_tool("-q", "-f", "big.bin", "-o", output)
                    shutil.rmtree(self.folder / output, ignore_errors=True)
                    (self.folder / "out.lathe").unlink(missing_ok=True)


class Mutants(ToolTest):
    """Damaged files through the real program: never a death by signal, and no half output."""

    tool = "convert"

    def mutate(self, data, numbers):
        out = bytearray(data)
        # Mostly in the header, where a byte says most.
        reach = len(out) if numbers.random() < 0.2 else min(len(out), 6000)
        for _ in range(numbers.choice((1, 1, 2, 8))):
            at = numbers.randrange(reach)
            kind = numbers.randrange(6)
            if kind == 0:
                out[at] ^= 1 << numbers.randrange(8)
            elif kind == 1:
                out[at] = numbers.choice((0, 1, 0x7f, 0x80, 0xff))
            elif kind == 2:
                out[at:at + 4] = struct.pack("<I", numbers.choice((0, 1, 0x7fffffff, 0xffffffff)))
            elif kind == 3:
                out[at:at + 8] = struct.pack("<Q", numbers.choice((0, 1 << 31, (1 << 63) - 1, (1 << 64) - 1)))
            elif kind == 4:
                del out[at:at + numbers.randrange(1, 9)]
            else:
                out[at:at] = bytes(numbers.randrange(256) for _ in range(numbers.randrange(1, 9)))
            if not out:
                return b""
            reach = min(reach, len(out))
        return bytes(out)

    def run_mutants(self, path, model, outputs, seed):
        original = path.read_bytes()
        numbers = random.Random(seed)
        accepted = 0
        for number in range(MUTANTS):
            path.write_bytes(self.mutate(original, numbers))
            output = outputs[number % len(outputs)]
            result = self.run_tool("-q", "-f", model, "-o", output, timeout=TIMEOUT)
            if result.status == 0:
                accepted += 1
                self.ok("--list", output)
            else:
                self.assertIn(result.status, (3, 4, 5, 6), f"mutant {number}: {result}")
                self.assert_failed(result, result.status)
                self.assertFalse((self.folder / output).exists(), f"mutant {number}")
            self.assertFalse([n for n in os.listdir(self.folder) if ".tmp." in n])
            if (self.folder / output).is_dir():
                shutil.rmtree(self.folder / output)
            else:
                (self.folder / output).unlink(missing_ok=True)
        path.write_bytes(original)

    def test_gguf(self):
        self.ok("-q", self.data(MODEL), "-o", "m.gguf")
        self.run_mutants(self.folder / "m.gguf", "m.gguf", ["o.lathe", "o.gguf", "o"], 1)

    def test_lathe(self):
        self.ok("-q", self.data(MODEL), "-o", "m.lathe")
        self.run_mutants(self.folder / "m.lathe", "m.lathe", ["o.gguf", "o"], 2)

    def test_safetensors(self):
        shutil.copytree(self.data(MODEL), self.folder / "hf")
        self.run_mutants(self.folder / "hf/model.safetensors", "hf", ["o.lathe", "o.gguf"], 3)

    def test_config(self):
        shutil.copytree(self.data(MODEL), self.folder / "hf")
        self.run_mutants(self.folder / "hf/config.json", "hf", ["o.lathe", "o.gguf", "o"], 4)

    def test_tokenizer(self):
        shutil.copytree(self.data(MODEL), self.folder / "hf")
        self.run_mutants(self.folder / "hf/tokenizer.model", "hf", ["o.gguf", "o.lathe"], 5)

    def test_llama2c(self):
        self.write("m.bin", llama2c_file())
        self.run_mutants(self.folder / "m.bin", "m.bin", ["o.lathe", "o.gguf", "o"], 6)


if __name__ == "__main__":
    main()
