"""Archives: every tool opens them, and convert gives back what they were made of."""
import pathlib
import shutil

from harness import ToolTest, main

MODEL = "examples/village"


def files(folder):
    return {p.name: p.read_bytes() for p in pathlib.Path(folder).iterdir()}


class Archive(ToolTest):
    tool = "convert"

    def archive(self, model, name="a.archive", *options):
        self.ok("--archive", model, "-o", name, *options)
        return name

    def test_a_folder_comes_back(self):
        out = self.ok("--archive", self.data(MODEL), "-o", "a.archive")
        self.assertRegex(out.err, r"a\.archive: [0-9.]+ kB from [0-9.]+ kB, 6[0-9]\.[0-9] % \(bf16 to")
        self.ok("a.archive", "-o", "back")
        self.assertEqual(files(self.folder / "back"), files(self.data(MODEL)))
        self.fails(4, "a.archive", "-o", "back", message="exists")

    def test_a_file_comes_back(self):
        for name in ("m.gguf", "m.lathe"):
            self.ok(self.data(MODEL), "-o", name)
            self.ok("-t", "1", self.archive(name, name + ".archive"), "-o", "back-" + name)
            self.assertEqual((self.folder / ("back-" + name)).read_bytes(), (self.folder / name).read_bytes())

    def test_is_converted_when_something_else_is_asked_for(self):
        archive = self.archive(self.data(MODEL))
        self.ok(archive, "-o", "a.gguf")
        self.ok(self.data(MODEL), "-o", "b.gguf")
        texts = [self.ok("-m", m, "-p", "The miller", "-n", "20", tool="generate").out for m in ("a.gguf", "b.gguf")]
        self.assertEqual(*texts)
        self.ok(archive, "--dtype", "f32", "-o", "c.lathe")

    def test_every_tool_opens_it(self):
        gguf = self.ok(self.data(MODEL), "-o", "m.gguf") and "m.gguf"
        for model in (self.data(MODEL), gguf):
            archive = self.archive(model, "a.archive", "-f")
            same = lambda tool, *args: self.assertEqual(
                self.ok("-m", archive, *args, tool=tool).stdout, self.ok("-m", model, *args, tool=tool).stdout)
            same("generate", "-p", "The miller", "-n", "30")
            self.assertEqual(self.ok("-m", archive, tool="tokenize", stdin="A heron").stdout,
                             self.ok("-m", model, tool="tokenize", stdin="A heron").stdout)
            same("perplexity", "-i", self.data(MODEL + "/config.json"), "-c", "64")
            lists = [self.ok("--list", m).out.splitlines()[2:] for m in (archive, model)]
            self.assertEqual(*lists)
            self.ok("-m", archive, "-s", "w4g32", "-o", "a.lathe", "-f", tool="quantize")
            self.ok("-m", model, "-s", "w4g32", "-o", "b.lathe", "-f", tool="quantize")
            texts = [self.ok("-m", m, "-p", "The miller", "-n", "30", tool="generate").stdout
                     for m in ("a.lathe", "b.lathe")]
            self.assertEqual(*texts)

    def test_damage_is_named(self):
        archive = self.folder / self.archive(self.data(MODEL))
        self.assertIn("ok, ", self.ok("--verify", archive).out)
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        archive.write_bytes(data)
        self.fails(3, archive, "-o", "back", message="model.safetensors/model.")
        self.assertFalse((self.folder / "back").exists())
        self.fails(3, "--verify", archive, message="model.safetensors/model.")
        self.fails(3, "-m", archive, "-p", "x", tool="generate", message="is damaged")

    def test_differences_to_a_base(self):
        base = self.folder / "base"
        shutil.copytree(self.data(MODEL), base)
        tuned = self.folder / "tuned"
        shutil.copytree(base, tuned)
        weights = bytearray((tuned / "model.safetensors").read_bytes())
        for i in range(len(weights) // 2, len(weights) // 2 + 2000, 2):
            weights[i] ^= 1
        (tuned / "model.safetensors").write_bytes(weights)
        out = self.ok(tuned, "--diff", base, "-o", "t.diff")
        self.assertIn("20 tensors as differences to the base, 1", out.err)
        self.assertLess((self.folder / "t.diff").stat().st_size, len(weights) // 4)
        self.ok("t.diff", "-o", "back")
        self.assertEqual(files(self.folder / "back"), files(tuned))
        base.rename(self.folder / "moved")
        self.fails(4, "-m", "t.diff", "-p", "x", tool="generate", message="LATHE_BASE")
        env = {"LATHE_BASE": str(self.folder / "moved")}
        self.assertEqual(self.ok("-m", "t.diff", "-p", "The", "-n", "9", tool="generate", env=env).stdout,
                         self.ok("-m", tuned, "-p", "The", "-n", "9", tool="generate").stdout)
        env = {"LATHE_BASE": str(tuned)}
        self.fails(3, "t.diff", "-o", "no", env=env, message="checksums differ")

    def test_options_that_do_not_go_together(self):
        model = self.data(MODEL)
        self.fails(2, "--archive", model, message="-o")
        self.fails(2, "--archive", model, "-o", "a", "--dtype", "f16", message="--archive")
        self.fails(2, "--archive", model, "-o", "a", "--list", message="--archive")
        self.archive(model)
        self.fails(2, "--archive", "a.archive", "-o", "b", message="is an archive already")


if __name__ == "__main__":
    main()
