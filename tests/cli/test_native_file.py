"""A second reader of .lathe files, written from man/lathe.5 alone: the page must be enough."""
import json
import struct

from harness import ToolTest, main

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
         "BOOL": 1}


def read_header(data):
    size, = struct.unpack_from("<Q", data)
    return json.loads(data[8:8 + size].decode("utf-8")), 8 + size


def elements(shape):
    count = 1
    for dimension in shape:
        count *= dimension
    return count


class NativeFile(ToolTest):
    tool = "convert"

    def setUp(self):
        super().setUp()
        self.source = self.data("examples/village")
        self.ok(self.source, "-o", "village.lathe")
        self.bytes = (self.folder / "village.lathe").read_bytes()
        self.header, self.begin = read_header(self.bytes)
        self.metadata = self.header.pop("__metadata__")

    def content(self, name):
        first, last = self.header[name]["data_offsets"]
        return self.bytes[self.begin + first:self.begin + last]

    def test_layout(self):
        self.assertEqual(self.begin % 4096, 0)
        offset = 0
        for name, tensor in self.header.items():
            first, last = tensor["data_offsets"]
            self.assertEqual(first, offset, name)
            self.assertEqual(last - first, elements(tensor["shape"]) * SIZES[tensor["dtype"]], name)
            offset = last
            if name.startswith("__pad."):
                self.assertEqual(tensor["dtype"], "U8")
                self.assertLess(last - first, 64)
                self.assertEqual(set(self.content(name)), {0})
            else:
                self.assertEqual(first % 64, 0, name)
        self.assertEqual(self.begin + offset, len(self.bytes))

    def test_metadata(self):
        self.assertEqual(self.metadata["format"], "lathe")
        self.assertEqual(self.metadata["format_version"], "1")
        self.assertEqual(self.metadata["source.format"], "hf")
        self.assertEqual(self.metadata["source.name"], "village")
        self.assertRegex(self.metadata["tool"], r"^lathe \d")
        named = [name for name in self.header if not name.startswith("__pad.")]
        self.assertRegex(self.metadata["xxh3.tensors"], r"^[0-9a-f]{16}( [0-9a-f]{16})*$")
        self.assertEqual(len(self.metadata["xxh3.tensors"].split()), len(named))
        self.assertRegex(self.metadata["xxh3.header"], r"^[0-9a-f]{16}$")

    def test_weights_are_the_sources(self):
        data = (self.source / "model.safetensors").read_bytes()
        source, begin = read_header(data)
        source.pop("__metadata__", None)
        weights = {name for name in self.header if not name.startswith("__")}
        self.assertEqual(weights, set(source))
        for name, tensor in source.items():
            self.assertEqual(self.header[name]["dtype"], tensor["dtype"])
            self.assertEqual(self.header[name]["shape"], tensor["shape"])
            first, last = tensor["data_offsets"]
            self.assertEqual(self.content(name), data[begin + first:begin + last], name)

    def test_files_ride_along(self):
        config = json.loads(self.content("__file__/config.json"))
        self.assertEqual(config["hidden_size"], 48)
        self.assertEqual(self.content("__file__/tokenizer.model"),
                         (self.source / "tokenizer.model").read_bytes())

    def test_damage_is_found(self):
        data = bytearray(self.bytes)
        first, _ = self.header["model.norm.weight"]["data_offsets"]
        data[self.begin + first] ^= 1
        self.write("damaged.lathe", bytes(data))
        self.ok("--verify", "village.lathe")
        self.fails(3, "--verify", "damaged.lathe", message="model.norm.weight")


if __name__ == "__main__":
    main()
