"""Broken copies of a model of every format, through the real programs: none may die of a signal,
hang, take memory that the input does not explain, or fail without saying why; and what is
accepted works further on. LATHE_MUTANTS sets how many mutants per format and command (60)."""
import os
import pathlib
import shutil
import tempfile
import unittest

import mutants
import tiny_models
from harness import main, program

COUNT = int(os.environ.get("LATHE_MUTANTS", "60"))
SEED = int(os.environ.get("LATHE_MUTANTS_SEED", "1"))
LIMITS = mutants.Limits(timeout=120.0, memory=float(os.environ.get("LATHE_MUTANTS_MEMORY", "512")))

MAKERS = {"spm.gguf": tiny_models.gguf, "bpe.gguf": tiny_models.gguf_bpe,
          "folder": tiny_models.hugging_face, "shards": tiny_models.sharded,
          "model.bin": tiny_models.llama2c}


class Mutants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="lathe-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name, make in MAKERS.items():
            make(cls.folder / name)

    def words(self, tool, name, *arguments):
        """The command line of `tool` over a mutant of `name`."""
        more = ["--tokenizer", str(self.folder / "tokenizer.bin")] if name == "model.bin" else []
        return [program(tool), *arguments, *more]

    def sweep(self, source, command):
        """All mutants end well."""
        statuses, bad = mutants.sweep(mutants.Source(source, SEED), command, COUNT, LIMITS)
        self.assertEqual(bad, [], f"{command} over {source}")
        # If every mutant passed or none did, the parser was not tested.
        self.assertIn(3, statuses, statuses)

    def check_all(self, command_of):
        for name in MAKERS:
            with self.subTest(name):
                self.sweep(self.folder / name, command_of(name))

    def test_generate(self):
        self.check_all(lambda name: self.words("generate", name, "-m", "{}", "-p", "the", "-n", "1",
                                               "-t", "1"))

    def test_list(self):
        self.check_all(lambda name: [program("convert"), "--list", "{}"])

    def test_tokenize(self):
        for name in MAKERS:
            name = "tokenizer.bin" if name == "model.bin" else name
            with self.subTest(name):
                self.sweep(self.folder / name, [program("tokenize"), "-m", "{}", "-i", __file__])

    # Two things may still be found out late: weights that are finite but overflow on the way, and
    # what convert warned of (no tokenizer, or one of an unknown kind).
    CHAIN = """
        {convert} 2> {{folder}}/warnings; status=$?; cat {{folder}}/warnings >&2
        [ $status = 0 ] || exit $status
        {verify} || exit 99
        [ -s {{folder}}/warnings ] && exit 0
        message=$({generate} 2>&1 > {{folder}}/text) && exit 0
        case "$message" in *"are not numbers"*) exit 0;; esac
        echo "$message" >&2; exit 99"""

    def test_what_is_accepted_converts_and_runs(self):
        def command(name):
            out = "{folder}/out.lathe"
            return ["sh", "-c", self.CHAIN.format(
                convert=" ".join(self.words("convert", name, "-q", "{}", "-o", out)),
                verify=f"{program('convert')} --verify {out}",
                generate=f"{program('generate')} -m {out} -p the -n 1 -t 1")]
        self.check_all(command)

    def test_tokenizer_bin(self):
        self.sweep(self.folder / "tokenizer.bin",
                   [program("generate"), "-m", str(self.folder / "model.bin"), "--tokenizer", "{}",
                    "-p", "a", "-n", "1", "-t", "1"])

    def test_native_file(self):
        native = self.folder / "native.lathe"
        code, _, stderr = mutants.run([program("convert"), str(self.folder / "folder"), "-o",
                                       str(native)], 60, self.folder)
        self.assertEqual(code, 0, stderr)
        self.sweep(native, [program("generate"), "-m", "{}", "-p", "the", "-n", "1", "-t", "1"])
        self.sweep(native, [program("convert"), "--list", "{}"])
        self.sweep(native, [program("convert"), "--verify", "{}"])


if __name__ == "__main__":
    main()
