"""Malformed model files through the real programs: each is refused with one clear line, by name.

The parsers' own tests look at every field; these look at what a user sees, and that nothing of a
refused model is written. Every case is a small model with one thing wrong.
"""
import json
import os
import struct

import tiny_models
from harness import ToolTest, main
from tiny_models import f32, strings, text

TYPES = {4: "<I", 5: "<i", 6: "<f", 10: "<Q"}


def pair(name, kind, value):
    """A key and its value as GGUF has them."""
    packed = value if isinstance(value, bytes) else struct.pack(TYPES[kind], value)
    return text(name) + struct.pack("<I", kind) + packed


def info(name, dims, kind, offset):
    return (text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) +
            struct.pack("<IQ", kind, offset))


class MalformedTest(ToolTest):
    tool = "convert"

    def refused(self, path, statuses=(3,), message=None):
        """By everything that opens models; what is refused leaves no output."""
        for tool, words in (("convert", (path, "-o", "out.lathe")),
                            ("quantize", ("-m", path, "-o", "out.lathe")),
                            ("generate", ("-m", path, "-p", "the", "-n", "2"))):
            result = self.run_tool(*words, tool=tool)
            self.assertIn(result.status, statuses, (path, result))
            self.assertEqual(result.stdout, b"")
            last = result.stderr.splitlines()[-1]
            self.assertTrue(last.startswith(f"{tool}: error: ".encode()), result)
            self.assertLess(len(last), 1500, result)
            self.assertNotRegex(result.stderr, rb"[\x00-\x09\x0b-\x1f\x7f]")
            if message:
                self.assertIn(message, result.err)
        self.assertEqual(sorted(self.folder.glob("out.lathe*")), [])


class Gguf(MalformedTest):
    def setUp(self):
        super().setUp()
        tiny_models.gguf(self.folder / "good.gguf")
        self.good = (self.folder / "good.gguf").read_bytes()
        self.ok("good.gguf", "-o", "good.lathe")

    def test_a_scale_of_a_whole_matrix_is_no_part_of_it(self):
        name = "blk.0.ffn_up"
        tiny_models.gguf(self.folder / "one.gguf", more_tensors=[
            (f"{name}.scale", [1], [1.0]), (f"{name}.input_scale", [1], [0.3])])
        self.ok("one.gguf", "-o", "one.lathe")
        tiny_models.gguf(self.folder / "two.gguf", more_tensors=[(f"{name}.scale", [1], [0.5])])
        self.fails(6, "two.gguf", "-o", "two.lathe", message=f'"{name}.scale" scales a whole matrix')
        self.assertFalse((self.folder / "two.lathe").exists())

    def changed(self, old, new):
        self.assertEqual(self.good.count(old), 1, old)
        return self.good.replace(old, new)

    def case(self, name, content, **more):
        with self.subTest(name):
            self.write("bad.gguf", content)
            self.refused("bad.gguf", **more)

    def key(self, name, value, kind=4, old=None, **more):
        """The model with another value under a key of its."""
        at = self.good.index(text(name))
        size = len(text(name)) + 4
        was = struct.unpack("<I", self.good[at + size - 4:at + size])[0]
        width = 1 if was == 7 else 4
        new = pair(name, kind, value)
        if isinstance(value, float) or len(new) == size + width:
            content = self.good[:at] + new + self.good[at + size + width:]
        else:  # what follows moves: so do the offsets' padding
            header = self.header_end()
            head = self.good[:at] + new + self.good[at + size + width:header]
            content = head + bytes(-len(head) % 32) + self.good[(header + 31) // 32 * 32:]
        self.case(f"{name} = {value}", content, **more)

    def header_end(self):
        last = text("output.weight")
        at = self.good.rindex(last) + len(last)
        return at + 4 + 8 * struct.unpack("<I", self.good[at:at + 4])[0] + 12

    def test_beginnings(self):
        good = self.good
        self.case("empty", b"")
        self.case("one byte", b"G")
        self.case("magic", b"FUGG" + good[4:])
        self.case("version 0", good[:4] + struct.pack("<I", 0) + good[8:], statuses=(3, 6))
        self.case("version 9", good[:4] + struct.pack("<I", 9) + good[8:], statuses=(3, 6))
        self.case("big-endian", good[:4] + struct.pack(">I", 3) + good[8:], statuses=(3, 6))
        for count in (0, 1, 2**31, 2**63, 2**64 - 1):
            self.case(f"{count} tensors", good[:8] + struct.pack("<Q", count) + good[16:])
            self.case(f"{count} keys", good[:16] + struct.pack("<Q", count) + good[24:])
        for cut in (4, 8, 20, 24, 30, 100, 2000, len(good) // 2, len(good) - 33):
            self.case(f"cut at {cut}", good[:cut])
        self.case("trailing bytes", good + b"more of it")

    def test_keys(self):
        arch = "llama."
        for value in (0, 1, 3, 10**9, 2**32 - 1):
            self.key(arch + "block_count", value)
        for name in ("attention.head_count", "attention.head_count_kv", "embedding_length"):
            for value in (0, 3, 2**32 - 1):
                self.key(arch + name, value, statuses=(3, 6))
        for value in (0, 3, 4 * tiny_models.HEAD, 2**32 - 1):
            self.key(arch + "rope.dimension_count", value, statuses=(3, 6))
        for value in (0.0, -1.0, float("nan"), float("inf")):
            self.key(arch + "rope.freq_base", value, 6)
        for value in (float("nan"), -1.0):
            self.key(arch + "attention.layer_norm_rms_epsilon", value, 6)
        for value in (0, 2**32 - 1):
            self.key(arch + "context_length", value)
        self.key("tokenizer.ggml.eos_token_id", 2**31)
        self.key("tokenizer.ggml.bos_token_id", 283)
        self.key(arch + "block_count", 2.0, 6)
        self.key(arch + "block_count", text("two"), 8)

    def test_a_key_twice_and_of_an_unknown_type(self):
        key = pair("llama.context_length", 4, tiny_models.CONTEXT)
        self.case("twice", self.changed(text("tokenizer.ggml.bos_token_id"),
                                        text("tokenizer.ggml.eos_token_id")))
        for kind in (13, 99, 2**32 - 1):
            changed = key[:-8] + struct.pack("<I", kind) + key[-4:]
            self.case(f"type {kind}", self.changed(key, changed))
        nested = text("llama.context_length") + struct.pack("<IIQ", 9, 9, 1)
        self.case("arrays of arrays", self.changed(key, nested), statuses=(6,))

    def test_alignment(self):
        old = pair("general.name", 8, text("tiny"))
        for value in (0, 3, 2**31):
            self.case(f"alignment {value}", self.changed(old, pair("general.alignment", 4, value)))
        self.case("no number", self.changed(old, pair("general.alignment", 8, text("8"))))

    def test_tensors(self):
        dims = (tiny_models.HIDDEN,)
        name = "output_norm.weight"
        at = self.good.index(text(name)) + len(text(name))
        offset = struct.unpack("<Q", self.good[at + 16:at + 24])[0]
        old = info(name, dims, 0, offset)
        self.assertIn(old, self.good)

        def tensor(what, new):
            self.case(what, self.changed(old, new), statuses=(3, 6))
        for kind in (4, 5, 31, 99, 2**32 - 1):
            tensor(f"type {kind}", info(name, dims, kind, offset))
        for size in (0, 1, 2**63, 2**64 - 1, 2**62):
            tensor(f"{size} columns", info(name, (size,), 0, offset))
        for where in (1, offset + 1, 0, 32, 2**40, 2**63, 2**64 - 32):
            tensor(f"at {where}", info(name, dims, 0, where))
        for count in (0, 5, 2**32 - 1):
            tensor(f"{count} dimensions", text(name) + struct.pack("<I", count) + old[len(text(name)) + 4:])
        tensor("twice", info("blk.1.ffn_norm.weight"[:len(name)], dims, 0, offset))
        tensor("control bytes", info("\x1b[2J\x07" + name[5:], dims, 0, offset))
        tensor("no text", old.replace(b"output", b"outp\xff\0"))

    def test_vocabulary(self):
        pieces = tiny_models.spm_vocabulary()
        n = len(pieces)
        tokens = strings([p[0] for p in pieces])
        for what, new in (("fewer", strings([p[0] for p in pieces[:-1]])), ("none", strings([])),
                          ("a malformed byte", tokens.replace(b"<0x41>", b"<0xZZ>"))):
            key = text("tokenizer.ggml.tokens") + struct.pack("<I", 9)
            content = self.changed(key + tokens, key + new)
            moved = len(new) - len(tokens)
            header = self.header_end()
            head = content[:header + moved]
            self.case(what, head + bytes(-len(head) % 32) + self.good[(header + 31) // 32 * 32:])
        scores = struct.pack(f"<{n}f", *(p[1] for p in pieces))
        self.case("scores that are no numbers",
                  self.changed(scores, scores[:-4] + struct.pack("<f", float("nan"))))

    def test_scales_that_are_no_numbers(self):
        # (quantize looks no further than at the type.)
        size = 34 * len(tiny_models.spm_vocabulary())
        at = len(self.good) - (-size % 32) - 34
        for scale in (0x7e00, 0x7c00, 0xfc00):
            self.case(f"{scale:x}", self.good[:at] + struct.pack("<H", scale) + self.good[at + 2:],
                      statuses=(3, 6))

    def test_what_is_no_regular_file(self):
        os.mkfifo(self.folder / "fifo.gguf")
        (self.folder / "folder.gguf").mkdir()
        (self.folder / "loop.gguf").symlink_to("loop.gguf")
        (self.folder / "null.gguf").symlink_to("/dev/null")
        for name in ("fifo.gguf", "folder.gguf", "loop.gguf", "null.gguf", "/dev/zero", "absent.gguf"):
            with self.subTest(name):
                self.refused(name, statuses=(3, 4), message=name)


class Safetensors(MalformedTest):
    def setUp(self):
        super().setUp()
        tiny_models.hugging_face(self.folder / "good")
        self.content = (self.folder / "good" / "model.safetensors").read_bytes()
        size = struct.unpack("<Q", self.content[:8])[0]
        self.header = json.loads(self.content[8:8 + size])
        self.data = self.content[8 + size:]
        self.ok("good", "-o", "good.lathe")

    def case(self, name, content, **more):
        with self.subTest(name):
            (self.folder / "good" / "model.safetensors").write_bytes(content)
            self.refused("good", **more)

    def packed(self, header, data=None):
        raw = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(raw)) + raw + (self.data if data is None else data)

    def with_tensor(self, **change):
        header = json.loads(json.dumps(self.header))
        header["model.norm.weight"] |= change
        return self.packed(header)

    def test_headers(self):
        good = self.content
        self.case("empty", b"")
        self.case("one byte", b"\1")
        for size in (0, 1, 10**8 + 1, len(good), 2**63, 2**64 - 1):
            self.case(f"length {size}", struct.pack("<Q", size) + good[8:])
        for header in (b"", b"[]", b"  {}", b"{", b'{"a":' * 100000, b"\xff" * 64, b'{"__metadata__":1}',
                       b'{"__metadata__":{"a":1}}', json.dumps(self.header).encode() + b"x"):
            self.case(f"header {header[:20]}", self.packed(header), statuses=(3, 6))
        twice = json.dumps(self.header)[:-1] + ',"model.norm.weight":' + json.dumps(
            self.header["model.norm.weight"]) + "}"
        self.case("a tensor twice", self.packed(twice.encode()))
        for cut in (7, 8, 9, 500, len(good) - 1):
            self.case(f"cut at {cut}", good[:cut])
        self.case("trailing bytes", good + b"x")

    def test_tensors(self):
        begin, end = self.header["model.norm.weight"]["data_offsets"]
        for offsets in ([end, begin], [begin, end + 4], [begin - 4, end], [-4, end], [0.5, end],
                        [begin, 2**64], [begin], [begin, end, end], "x", [begin, str(end)], [0, end - begin]):
            self.case(f"offsets {offsets}", self.with_tensor(data_offsets=offsets))
        self.case("offset 1e400", self.with_tensor(data_offsets=["@", end]).replace(b'"@"', b"1e400"))
        for shape in ([0], [tiny_models.HIDDEN + 1], [2**63], [2**32, 2**32], [-32], [1] * 100, "x", [4, 8],
                      []):
            self.case(f"shape {shape}", self.with_tensor(shape=shape))
        for dtype in ("F33", "", 5, "I64", "BOOL"):
            self.case(f"dtype {dtype}", self.with_tensor(dtype=dtype), statuses=(3, 6))
        header = dict(self.header)
        moved = header.pop("model.norm.weight")
        self.case("absent", self.packed(header))
        self.case("escapes", self.packed(header | {"\x1b]0;x\x07": moved}))

    def test_config(self):
        path = self.folder / "good" / "config.json"
        good = json.loads(path.read_text())
        for change in ({"num_hidden_layers": 10**9}, {"num_hidden_layers": 0}, {"num_hidden_layers": 1},
                       {"hidden_size": 33}, {"hidden_size": -1}, {"num_attention_heads": 0},
                       {"num_attention_heads": 3}, {"num_key_value_heads": 0}, {"num_key_value_heads": 3},
                       {"vocab_size": 2**31}, {"vocab_size": 5}, {"max_position_embeddings": 0},
                       {"max_position_embeddings": 2**40}, {"rope_theta": 0}, {"rope_theta": "x"},
                       {"rms_norm_eps": -1}, {"eos_token_id": 10**6}, {"model_type": "\x1b[2Jgpt"},
                       {"rope_scaling": {"rope_type": "magic"}},
                       {"hidden_act": "swoosh"}, {"head_dim": 7}):
            with self.subTest(change):
                path.write_text(json.dumps(good | change))
                if change == {"eos_token_id": 10**6}:  # generation_config.json says otherwise
                    (self.folder / "good" / "generation_config.json").unlink()
                self.refused("good", statuses=(3, 5, 6))
        for content in ("", "{", "[]", "nul", '{"a":' * 100000, '{"model_type":"llama"}'):
            with self.subTest(content[:20]):
                path.write_text(content)
                self.refused("good", statuses=(3, 6))

    def test_index(self):
        folder = self.folder / "parts"
        tiny_models.sharded(folder)
        path = folder / "model.safetensors.index.json"
        good = json.loads(path.read_text())
        weights = good["weight_map"]
        self.ok("parts", "-o", "parts.lathe")
        one = "model.norm.weight"
        for shard in ("../good/model.safetensors", str(self.folder / "good" / "model.safetensors"),
                      "absent.safetensors", "", ".", 5, None,
                      next(s for s in weights.values() if s != weights[one])):
            with self.subTest(shard):
                path.write_text(json.dumps({"weight_map": weights | {one: shard}}))
                self.refused("parts", statuses=(3, 4))
        missing = {k: v for k, v in weights.items() if k != one}
        for index in ({"weight_map": missing}, {}, {"weight_map": []}, [], {"weight_map": weights | {"x": weights[one]}}):
            with self.subTest(str(index)[:60]):
                path.write_text(json.dumps(index))
                self.refused("parts")
        path.write_text(json.dumps(good))
        outside = self.folder / "outside.safetensors"
        (folder / weights[one]).rename(outside)
        (folder / weights[one]).symlink_to(outside)
        self.ok("parts", "-o", "linked.lathe")
        outside.unlink()
        self.refused("parts", message="there is nothing")


class Links(MalformedTest):
    """A folder that came from elsewhere with links in it."""

    TEXTS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
             "special_tokens_map.json", "chat_template.jinja")

    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        tiny_models.hugging_face(self.model)
        self.write("secret", "SECRET KEY {{ messages }}")

    def link(self, name, target):
        (self.model / name).unlink(missing_ok=True)
        (self.model / name).symlink_to(target)

    def test_no_text_comes_from_elsewhere(self):
        for name in self.TEXTS:
            with self.subTest(name):
                before = (self.model / name).read_bytes() if (self.model / name).exists() else None
                self.link(name, self.folder / "secret")
                self.refused("model", message=f'model/{name}": is a link that leads out')
                for tool, *more in (("generate", "-p", "x", "--chat"), ("tokenize",), ("perplexity",)):
                    result = self.run_tool("-m", "model", *more, tool=tool)
                    self.assertNotIn("SECRET", result.out + result.err)
                self.link(name, "nowhere")
                self.refused("model", message="there is nothing")
                (self.model / name).unlink()
                if before is not None:
                    (self.model / name).write_bytes(before)

    def test_the_hubs_cache_is_read(self):
        hub = self.folder / "hub" / "models--o--n"
        snapshot = hub / "snapshots" / "0123"
        snapshot.mkdir(parents=True)
        (hub / "blobs").mkdir()
        for i, file in enumerate(sorted(self.model.iterdir())):
            blob = hub / "blobs" / f"{i:040x}"
            file.rename(blob)
            (snapshot / file.name).symlink_to(f"../../blobs/{blob.name}")
            file.symlink_to(blob)
        self.ok("model", "-o", "local.lathe")
        self.ok(snapshot, "-o", "hub.lathe")
        self.assertEqual((self.folder / "local.lathe").stat().st_size,
                         (self.folder / "hub.lathe").stat().st_size)

    def test_pointers_of_git_lfs_are_named_as_such(self):
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 481516\n"
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            with self.subTest(name):
                before = (self.model / name).read_bytes()
                (self.model / name).write_text(pointer)
                self.refused("model", message=f'model/{name}": is a pointer of Git LFS')
                (self.model / name).write_bytes(before)
        for name in ("m.gguf", "m.lathe", "m.bin", "tokenizer.model"):
            self.write(name, pointer)
            self.refused(name, message=f'"{name}": is a pointer of Git LFS')
        tiny_models.sharded(self.folder / "parts")
        shard = next((self.folder / "parts").glob("model-*.safetensors"))
        shard.write_text(pointer)
        self.refused("parts", message=f'parts/{shard.name}": is a pointer of Git LFS')

    def test_pointers_in_the_place_of_data_are_named_as_such(self):
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 481516\n"
        for name in ("p.csv", "p.jsonl", "p.csv.zst"):
            self.write(name, pointer)
        village = self.data("examples/village")
        for tool, *words, name in (["sgp-eval", "-m", village, "--data", "p.csv"],
                                   ["sgp-eval", "-m", village, "--data", "p.csv.zst"],
                                   ["sgp-eval", "-m", village, "--data", "p.jsonl"],
                                   ["sgp-eval", "--baseline", "p.jsonl", "--responses", "p.jsonl"],
                                   ["generate", "-m", village, "--jsonl", "-i", "p.jsonl"],
                                   ["generate", "-m", village, "-i", "p.jsonl"],
                                   ["generate", "-m", village, "--chat", "--chat-template", "chatml",
                                    "-p", "x", "--messages", "p.jsonl"],
                                   ["tokenize", "-m", village, "--lines", "-i", "p.jsonl"],
                                   ["perplexity", "-m", village, "-c", "8", "-i", "p.jsonl"],
                                   ["bench", "--compare", "p.jsonl", "p.jsonl"],
                                   ["perplexity", "--compare", "p.jsonl", "p.jsonl"]):
            with self.subTest(tool=tool, name=name):
                self.fails(3, *words, name, tool=tool, message=f'"{name}": is a pointer of Git LFS')

    def test_a_token_that_is_none_is_told_with_the_file_that_names_it(self):
        for name, content, part in (
                ("tokenizer_config.json", '{"pad_token": "<none>"}', 'the pad_token "<none>"'),
                ("special_tokens_map.json", '{"eos_token": "<none>"}', 'the eos_token "<none>"'),
                ("generation_config.json", '{"eos_token_id": [1, 1000000]}', "eos_token_id is 1000000")):
            with self.subTest(name):
                path = self.model / name
                before = path.read_bytes() if path.exists() else None
                path.write_text(content)
                self.fails(3, "-m", "model", "-p", "x", tool="generate",
                           message=[f'"model/{name}": ', part])
                path.unlink()
                if before is not None:
                    path.write_bytes(before)

    def test_errors_name_the_file(self):
        for name in self.TEXTS[:-1]:
            with self.subTest(name):
                before = (self.model / name).read_bytes() if (self.model / name).exists() else None
                (self.model / name).write_text('{"a": ')
                self.fails(3, "-m", "model", "-p", "x", tool="generate", message=f'"model/{name}"')
                (self.model / name).unlink()
                if before is not None:
                    (self.model / name).write_bytes(before)


class Llama2c(MalformedTest):
    def test_fields(self):
        tiny_models.llama2c(self.folder / "model.bin")
        good = (self.folder / "model.bin").read_bytes()
        self.ok("model.bin", "--tokenizer", "tokenizer.bin", "-o", "good.lathe")
        for field in range(7):
            for value in (0, -1, 3, 2**31 - 1, -2**31):
                with self.subTest(field=field, value=value):
                    at = 4 * field
                    self.write("bad.bin", good[:at] + struct.pack("<i", value) + good[at + 4:])
                    self.refused("bad.bin", statuses=(3, 6))
        for content in (good[:-4], good + b"1234", good[:27], b"", good[:28]):
            self.write("bad.bin", content)
            self.refused("bad.bin")

    def test_tokenizers(self):
        tiny_models.llama2c(self.folder / "model.bin")
        good = (self.folder / "tokenizer.bin").read_bytes()
        for name, content in (("empty", b""), ("cut", good[:-1]), ("more", good + b"x"),
                              ("negative", good[:8] + struct.pack("<i", -1) + good[12:]),
                              ("huge", good[:8] + struct.pack("<i", 2**31 - 1) + good[12:]),
                              ("nan", good[:4] + f32([float("nan")]) + good[8:])):
            with self.subTest(name):
                self.write("bad.bin", content)
                self.fails(3, "model.bin", "--tokenizer", "bad.bin", "-o", "out.lathe", message="bad.bin")
                self.assertFalse((self.folder / "out.lathe").exists())


class Tokenizers(MalformedTest):
    def setUp(self):
        super().setUp()
        tiny_models.hugging_face(self.folder / "good")
        self.path = self.folder / "good" / "tokenizer.json"
        self.good = json.loads(self.path.read_text())

    def case(self, name, change, **more):
        with self.subTest(name):
            content = json.loads(json.dumps(self.good))
            change(content)
            self.path.write_text(json.dumps(content))
            result = self.run_tool("-m", "good", "-i", "-", stdin="the end", tool="tokenize")
            self.assertIn(result.status, more.get("statuses", (3, 6)), result)
            self.assertRegex(result.err, "^tokenize: error: ")

    def test_vocabularies(self):
        def ids(**more):
            return lambda c: c["model"]["vocab"].update(more)
        self.case("negative", ids(x=-1))
        self.case("2^32", ids(x=2**32))
        self.case("a duplicate", ids(x=5))
        self.case("a float", ids(x=0.5))
        self.case("no number", ids(x="x"))
        for merge in ("t zz", "zz t", "t", "t h e", "", 5, ["t"], ["t", "zz"]):
            self.case(f"merge {merge}", lambda c, m=merge: c["model"].update(merges=[m]))
        self.case("an unknown model", lambda c: c["model"].update(type="Magic"))
        self.case("no model", lambda c: c.pop("model"))
        self.case("an unknown normalizer", lambda c: c.update(normalizer={"type": "Magic"}))
        self.case("an unknown pre-tokenizer", lambda c: c.update(pre_tokenizer={"type": "Magic"}))
        self.case("an unknown decoder", lambda c: c.update(decoder={"type": "Magic"}))
        self.case("an empty added token", lambda c: c["added_tokens"][0].update(content=""))
        self.case("an added token past all", lambda c: c["added_tokens"][0].update(id=2**32))

    def test_a_hostile_regex_ends(self):
        def regex(pattern):
            return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                    "invert": False}
        self.case("no regex", lambda c: c.update(pre_tokenizer=regex("(")))
        content = json.loads(json.dumps(self.good))
        content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
            regex("(?:(?:a+)+)+(?=b)"), {"type": "ByteLevel", "add_prefix_space": False,
                                         "trim_offsets": True, "use_regex": False}]}
        self.path.write_text(json.dumps(content))
        result = self.run_tool("-m", "good", stdin="a" * 3000, tool="tokenize")
        self.assertIn(result.status, (0, 3, 5, 6), result)


class Prompts(MalformedTest):
    tool = "generate"

    def test_longer_than_the_context(self):
        tiny_models.gguf(self.folder / "m.gguf")
        for more in ((), ("--cache-dir", "cache")):
            result = self.fails(5, "-m", "m.gguf", *more, stdin="in the end " * 50, message="64")
            self.assertRegex(result.err, r"has \d\d\d+ tokens")


if __name__ == "__main__":
    main()
