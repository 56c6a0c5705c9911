"""Hugging Face folders that came quantized (testdata/golden/quantized): what is listed, said and
refused."""
import json
import pathlib
import re
import struct

from harness import ToolTest, main

Q = "model.layers.0.self_attn.q_proj."
DOWN = "model.layers.0.mlp.down_proj."


def load(folder):
    """The tensors of a folder, by name: [type, shape, bytes]."""
    data = (pathlib.Path(folder) / "model.safetensors").read_bytes()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    body = data[8 + size:]
    return {name: [t["dtype"], t["shape"], bytearray(body[slice(*t["data_offsets"])])]
            for name, t in header.items()}


def save(folder, tensors):
    header, body = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


class QuantizedFolders(ToolTest):
    tool = "convert"

    def source(self, name):
        return self.data(f"golden/quantized/{name}")

    def changed(self, name, change, config=None):
        """A copy of a folder whose tensors, and configuration of the method, were changed."""
        self.count = getattr(self, "count", 0) + 1
        folder = self.folder / f"{name}-{self.count}"
        folder.mkdir()
        for file in pathlib.Path(self.source(name)).glob("*.json"):
            if not file.name.startswith("expected"):
                (folder / file.name).write_bytes(file.read_bytes())
        tensors = load(self.source(name))
        change(tensors)
        save(folder, tensors)
        if config:
            whole = json.loads((folder / "config.json").read_text())
            config(whole["quantization_config"])
            (folder / "config.json").write_text(json.dumps(whole))
        return folder

    def refused(self, name, change, tensor, config=None, status=3):
        folder = self.changed(name, change, config)
        for more in (["--dtype", "f32"], []):
            self.fails(status, "-q", folder, *more, "-o", self.folder / "out.lathe", message=tensor)
            self.assertFalse((self.folder / "out.lathe").exists())

    def put(self, name, dtype, at, value):
        """Puts a number into a tensor."""
        def change(tensors):
            struct.pack_into("<" + dtype, tensors[name][2], at * struct.calcsize(dtype), value)
        return change

    def without(self, name):
        return lambda tensors: tensors.pop(name)

    def test_lists_matrices_with_their_schemes(self):
        for name, scheme in (("gptq-4", "w4g32"), ("awq", "w4g32az"), ("compressed-4", "w4g32"),
                             ("nf4", "w4nlr"), ("int8", "w8r")):
            with self.subTest(folder=name):
                out = self.ok("--list", self.source(name)).out
                line = next(line for line in out.splitlines() if "q_proj.weight" in line)
                self.assertIn("[64, 64]", line)
                self.assertIn(scheme, line)
                self.assertNotIn("qweight", out)

    def test_the_listing_counts_the_bytes_of_all_parts(self):
        tensors = load(self.source("gptq-4"))
        parts = sum(len(data) for name, (_, _, data) in tensors.items() if name.startswith(Q))
        out = self.ok("--list", self.source("gptq-4")).out
        line = next(line for line in out.splitlines() if "q_proj.weight" in line)
        self.assertEqual(line.split()[-1], str(parts))

    def test_says_what_is_lost_and_only_then(self):
        for name, said in (("gptq-4", False), ("compressed-4", False), ("bitnet", None), ("nf4", True),
                           ("hqq-4", True)):
            with self.subTest(folder=name):
                err = self.ok(self.source(name), "-o", self.folder / f"{name}.lathe").err
                match = re.search(r"(\d+) matrices are rounded .*SQNR ([\d.]+) dB", err)
                if said is None:
                    continue
                self.assertEqual(bool(match), said, err)
                if match:
                    self.assertEqual(match[1], "7")
                    self.assertGreater(float(match[2]), 42.0)

    def test_makes_no_floats_on_the_way(self):
        out = self.folder / "out.lathe"
        self.ok("-q", self.source("gptq-4"), "-o", out)
        listed = self.ok("--list", out).out
        self.assertRegex(listed, r"q_proj.weight +\[64, 64\] +w4g32")

    def test_quantizing_again_is_warned_of(self):
        err = self.ok("-m", self.source("gptq-4"), "-s", "w8", "-o", self.folder / "out.lathe",
                      tool="quantize").err
        self.assertIn("w4g32", err)

    def test_the_file_beside_the_configuration_counts(self):
        folder = self.changed("gptq-4-rows", lambda tensors: None)
        (folder / "quantize_config.json").unlink()
        self.fails(3, "-q", folder, "-o", self.folder / "out.lathe", message="lacks")

    def test_refuses_parts_that_are_lacking(self):
        for name, part in (("gptq-4", Q + "qzeros"), ("gptq-4", Q + "scales"), ("awq", Q + "qzeros"),
                           ("compressed-4", Q + "weight_scale"), ("compressed-4", Q + "weight_shape"),
                           ("nf4", Q + "weight.quant_map"), ("nf4-nested", Q + "weight.nested_absmax"),
                           ("hqq-4", Q + "zero"), ("hqq-4", Q + "shape")):
            with self.subTest(part=part):
                self.refused(name, self.without(part), part)

    def test_refuses_codes_whose_other_parts_are_lacking(self):
        """What would else be run with numbers that they are not, or be no matrix of weights."""
        for name, part in (("fp8-blocks", "weight_scale_inv"), ("fp8-rows", "weight_scale"),
                           ("fp8-whole", "qscale_weight"), ("modelopt-fp8", "weight_scale"),
                           ("compressed-fp8-rows", "weight_scale"), ("compressed-mxfp8", "weight_scale"),
                           ("compressed-int8", "weight_scale"), ("int8", "SCB")):
            with self.subTest(folder=name, part=part):
                self.refused(name, self.without(Q + part), Q)
        for name, part in (("compressed-nvfp4", "weight_global_scale"), ("compressed-nvfp4", "weight_scale"),
                           ("compressed-mxfp4", "weight_scale"), ("compressed-4-asym", "weight_zero_point"),
                           ("compressed-int8-asym", "weight_zero_point"), ("gptq-3-order-asym", "g_idx"),
                           ("auto-round-awq", "scales"), ("awq-gemv", "scales"), ("gptq-8", "scales")):
            with self.subTest(folder=name, part=part):
                self.refused(name, self.without(Q + part), Q + part)
        def ordered(config):
            config["config_groups"]["group_0"]["weights"]["actorder"] = "group"
        self.refused("compressed-4-order", self.without(Q + "weight_g_idx"), Q + "weight_g_idx", ordered)

    def test_refuses_numbers_that_are_none_in_every_format(self):
        nan = {"F32": ("I", 0x7fc00000), "F16": ("H", 0x7e00), "BF16": ("H", 0x7fc0), "F8_E4M3": ("B", 0x7f)}
        for name in sorted(p.name for p in pathlib.Path(self.source("")).iterdir()):
            for part, (dtype, _, _) in load(self.source(name)).items():
                if not part.startswith(Q) or dtype not in nan or part.endswith((".bias", ".weight", "nested_quant_map")):
                    continue
                with self.subTest(folder=name, part=part):
                    self.refused(name, self.put(part, *nan[dtype][:1], 0, nan[dtype][1]), Q)
        for name, part in (("compressed-nvfp4", "weight_global_scale"), ("modelopt-nvfp4", "weight_scale_2"),
                           ("gptq-3", "scales"), ("auto-round-awq", "scales"), ("awq-gemv", "scales")):
            with self.subTest(folder=name, part=part):
                dtype = load(self.source(name))[Q + part][0]
                self.refused(name, self.put(Q + part, nan[dtype][0], 0, 0), Q + part)
        for name in ("compressed-mxfp4", "compressed-mxfp8"):
            with self.subTest(folder=name):
                self.refused(name, self.put(Q + "weight_scale", "B", 3, 255), Q + "weight_scale")

    def test_refuses_parts_of_other_sizes_in_every_format(self):
        for name in sorted(p.name for p in pathlib.Path(self.source("")).iterdir()):
            for part, (_, shape, data) in load(self.source(name)).items():
                if not part.startswith(Q) or part.endswith(".bias") or shape in ([], [1]) or len(data) < 16:
                    continue
                def half(tensors, part=part, shape=shape, data=data):
                    at = next(i for i, n in enumerate(shape) if n > 1)
                    tensors[part][1] = [n // 2 if i == at else n for i, n in enumerate(shape)]
                    tensors[part][2] = data[:len(data) // 2]
                with self.subTest(folder=name, part=part):
                    self.refused(name, half, Q)

    def test_refuses_groups_that_are_none(self):
        self.refused("gptq-4", self.put(Q + "g_idx", "i", 5, 2), Q + "g_idx")
        self.refused("gptq-4", self.put(Q + "g_idx", "i", 5, -1), Q + "g_idx")

    def test_refuses_groups_of_other_sizes(self):
        self.refused("gptq-4", self.put(Q + "g_idx", "i", 5, 1), Q + "g_idx", status=6)

    def test_refuses_scales_that_are_none(self):
        for name, part, dtype, nan in (("gptq-4", Q + "scales", "H", 0x7e00), ("awq", Q + "scales", "H", 0x7c00),
                                       ("compressed-4", Q + "weight_scale", "H", 0x7fc0),
                                       ("nf4", Q + "weight.absmax", "I", 0x7fc00000),
                                       ("int8", Q + "SCB", "I", 0x7f800000),
                                       ("hqq-4", Q + "zero", "H", 0x7e00)):
            with self.subTest(folder=name):
                self.refused(name, self.put(part, dtype, 7, nan), part)
        for name, part in (("gptq-4", Q + "scales"), ("awq", Q + "scales"),
                           ("compressed-4", Q + "weight_scale")):
            with self.subTest(folder=name):
                self.refused(name, self.put(part, "H", 7, 0), part)
        self.refused("bitnet", self.put(Q + "weight_scale", "H", 0, 0), Q + "weight_scale")

    def test_refuses_widths_that_are_none(self):
        self.refused("gptq-4", lambda t: None, DOWN + "qzeros", config=lambda c: c.update(bits=8))
        self.refused("gptq-4", lambda t: None, DOWN + "scales", config=lambda c: c.update(group_size=64))

        def halved(tensors):
            dtype, (rows, cols), data = tensors[Q + "weight_packed"]
            tensors[Q + "weight_packed"] = [dtype, [rows, cols * 4], data * 4]
        self.refused("compressed-4", halved, Q + "weight_packed")

        def shape(tensors):
            dtype, (rows, cols), data = tensors[Q + "qweight"]
            tensors[Q + "qweight"] = [dtype, [cols, rows], data]
        self.refused("gptq-4", shape, Q + "qweight")
        self.refused("compressed-4", self.put(Q + "weight_shape", "q", 1, -64), Q + "weight_shape")
        self.refused("hqq-4", self.put(Q + "shape", "q", 0, 1 << 60), Q + "shape")

    def test_refuses_hostile_states(self):
        name = Q + "weight.quant_state.bitsandbytes__nf4"
        for text in ('{', '[]', '{"blocksize": 64}', '{"shape": [64, 64]}', '{"shape": 3, "blocksize": 64}',
                     '{"shape": [64, 64, 1], "blocksize": 64}', '{"shape": [64, -64], "blocksize": 64}',
                     '{"shape": [9223372036854775807, 2], "blocksize": 64}',
                     '{"shape": [64, 64], "blocksize": 0}', '{"shape": [64, 64], "blocksize": 1e300}',
                     '{"shape": [64, 64], "blocksize": 64, "nested_blocksize": "x"}', "[" * 5000, "\x1b[2J"):
            def change(tensors):
                tensors[name] = ["U8", [len(text)], text.encode()]
            with self.subTest(text=text[:60]):
                self.refused("nf4", change, name)
        def other(tensors):
            text = b'{"shape": [64, 32], "blocksize": 64}'
            tensors[name] = ["U8", [len(text)], text]
        self.refused("nf4", other, Q + "weight")

    def test_refuses_methods_that_are_not_read(self):
        for method in ("exl3", "aqlm", "?\x1b[2J"):
            folder = self.changed("gptq-4", lambda t: None, lambda c: c.update(quant_method=method))
            self.fails(6, "-q", folder, "-o", self.folder / "out.lathe", message="quantized by")
        folder = self.changed("gptq-4", lambda t: None, lambda c: c.update(checkpoint_format="marlin"))
        self.fails(6, "-q", folder, "-o", self.folder / "out.lathe", message="marlin")

    def test_keeps_a_bias_that_is_not_zero_from_being_lost(self):
        self.refused("gptq-4-asym", self.put(Q + "bias", "H", 3, 0x3c00), Q + "bias")


if __name__ == "__main__":
    main()
