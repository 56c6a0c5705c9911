"""What holds for every tool, with no model at hand."""
import functools
import json
import os
import re
import signal
import subprocess
import unittest

from harness import BIN, ISAS, PREFIX, ROOT, ToolTest, main, program, programs, run_process

HELP_SECTIONS = ["Usage: ", "Common options:", "Examples:", "Exit status:", "See also: "]


def for_each_tool(test):
    """Runs a test method once per program, with self.tool set and the name as its argument."""
    @functools.wraps(test)
    def loop(self):
        names = programs()
        self.assertTrue(names, f"no programs in {BIN}")
        for name in names:
            with self.subTest(tool=name):
                self.tool = name
                test(self, name)
    return loop


class EveryTool(ToolTest):
    @for_each_tool
    def test_help_teaches(self, name):
        for option in ("-h", "--help"):
            result = self.ok(option)
            self.assertEqual(result.stderr, b"")
            for section in HELP_SECTIONS:
                self.assertIn(section, result.out)
            self.assertTrue(result.out.startswith(f"{PREFIX}{name} - "), result.out[:80])
        for line in result.out.splitlines():
            # Commands are for copying and stay on one line.
            if not line.startswith(f"  {name} ") and "|" not in line:
                self.assertLessEqual(len(line), 80, line)

    @for_each_tool
    def test_version_names_libraries_and_instruction_set(self, name):
        for option in ("-V", "--version"):
            result = self.ok(option)
            self.assertRegex(result.out, r"^lathe \d+\.\d+\.\d+\n")
            self.assertRegex(result.out, rf"instruction set: ({'|'.join(ISAS)})\b")
            self.assertIn("oneDNN", result.out)

    @for_each_tool
    def test_bogus_instruction_set_is_refused(self, name):
        self.fails(6, "--version", env={"LATHE_ISA": "bogus"}, tool=name, message="bogus")

    @for_each_tool
    def test_generic_instruction_set_runs_everywhere(self, name):
        result = self.ok("--version", env={"LATHE_ISA": "generic"})
        self.assertIn("instruction set: generic", result.out)

    def test_other_instruction_sets_run_or_are_refused(self):
        for isa in ISAS[1:]:
            result = self.run_tool("--version", env={"LATHE_ISA": isa}, tool="bench")
            if result.status == 0:
                self.assertIn(f"instruction set: {isa} ", result.out)
            else:
                self.assertEqual(result.status, 6)
                self.assertIn(f"LATHE_ISA={isa}: this processor cannot run it", result.err)

    def test_unknown_instruction_set_is_told_the_known_ones(self):
        result = self.run_tool("--version", env={"LATHE_ISA": "avx"}, tool="bench")
        self.assertEqual(result.status, 6)
        self.assertIn(f'unknown; use {", ".join(ISAS[:-1])} or {ISAS[-1]}', result.err)

    def test_man_page_names_every_instruction_set(self):
        page = (ROOT / "man/lathe.7").read_text("utf-8")
        for isa in ISAS:
            self.assertIn(f".Cm {isa}", page)

    @for_each_tool
    def test_unknown_option_is_wrong_usage(self, name):
        result = self.fails(2, "--no-such-option", tool=name, message="--no-such-option")
        self.assertEqual(result.stdout, b"")
        self.assertEqual(len(result.err.splitlines()), 1)

    @for_each_tool
    def test_close_option_is_suggested(self, name):
        self.fails(2, "--quite", tool=name, message="--quiet")

    @for_each_tool
    def test_unprintable_bytes_are_escaped(self, name):
        result = self.run_tool("--nö\x1b[31m\n\x7f")
        self.assert_failed(result, 2, tool=name)
        self.assertIn("\\x1b", result.err)

    @for_each_tool
    def test_missing_value(self, name):
        self.fails(2, "--progress", tool=name, message="--progress")

    @for_each_tool
    def test_value_outside_its_choices(self, name):
        self.fails(2, "--progress", "sometimes", tool=name, message=["sometimes", "never"])

    @for_each_tool
    def test_errors_as_json(self, name):
        for words in (["--error-format", "json"], ["--error-format=json"]):
            result = self.run_tool(*words, "--no-such-option")
            self.assertEqual(result.status, 2)
            lines = result.err.splitlines()
            self.assertEqual(len(lines), 1)
            error = json.loads(lines[0])["error"]
            self.assertEqual(error["code"], "usage")
            self.assertEqual(error["exit"], 2)
            self.assertEqual(error["tool"], PREFIX + name)
            self.assertIn("--no-such-option", error["message"])

    @for_each_tool
    def test_full_device(self, name):
        with open("/dev/full", "wb") as full:
            result = self.run_tool("--help", stdout=full)
        self.assert_failed(result, 4, tool=name, message="No space left")

    @for_each_tool
    def test_closed_stdout(self, name):
        result = self.shell(f"'{program(name)}' --help >&-")
        self.assert_failed(result, 4, tool=name, message="standard output")

    @for_each_tool
    def test_closed_stdin_and_stderr(self, name):
        result = self.shell(f"'{program(name)}' --help <&- 2>&-")
        self.assertEqual(result.status, 0, result)

    @for_each_tool
    def test_closed_pipe_is_quiet(self, name):
        read, write = os.pipe()
        os.close(read)
        try:
            result = self.run_tool("--help", stdout=write)
        finally:
            os.close(write)
        self.assertEqual(result.status, -signal.SIGPIPE, result)
        self.assertEqual(result.stderr, b"")

    @for_each_tool
    def test_two_formats_exclude_each_other(self, name):
        options = self.ok("--help").out
        if "--json" not in options or "-m, --model" in options:
            return  # a required option would be missed first
        self.fails(2, "--json", "--format", "text", tool=name)


class Habits(ToolTest):
    """What people type who come from other programs."""

    def test_a_bare_argument_is_led_to_its_option(self):
        self.fails(2, "model.gguf", tool="generate", message=["model.gguf", "-m MODEL"])
        self.fails(2, "-m", "model.gguf", "Hello", tool="generate", message=["Hello", "-p TEXT"])
        self.fails(2, "model.gguf", tool="perplexity", message="-m MODEL")
        self.fails(2, "-m", "a", "-p", "b", "c", tool="generate", message="one argument too many")
        self.fails(2, "-m", "a", "b.txt", tool="perplexity", message="-i FILE")
        self.fails(2, "-m", "a", "b.txt", tool="tokenize", message="-i FILE")
        self.fails(2, "-m", "a", "b", tool="bench", message="one argument too many")
        for words in (["a.csv"], ["a.jsonl.zst"], ["-m", "a", "b"], ["-m", "a", "--data", "b", "-q", "c"]):
            self.fails(2, *words, tool="sgp-eval", message="--data FILE")
        self.fails(2, "a.gguf", tool="sgp-eval", message="-m MODEL")
        self.fails(2, "a", "b", tool="convert", message="one argument too many")

    def test_a_second_model_is_an_error_where_one_is_read(self):
        for tool in ("generate", "perplexity", "quantize", "tokenize", "convert"):
            self.fails(2, "-m", "a", "-m", "b", tool=tool, message="-m is given 2 times")

    def test_convert_takes_its_model_as_the_others_do(self):
        self.ok("-m", self.data("examples/village"), "-o", "a.lathe", tool="convert")
        self.ok(self.data("examples/village"), "-o", "b.lathe", tool="convert")
        self.assertEqual((self.folder / "a.lathe").read_bytes(),
                         (self.folder / "b.lathe").read_bytes())
        self.fails(2, "a.lathe", "-m", "b.lathe", "--list", tool="convert", message="one model")


class Completions(ToolTest):
    def long_options(self):
        """Long options at the beginning of --help's lines."""
        return set(re.findall(r"^\s+(?:-\w, )?(--[a-z][a-z0-9-]*)", self.ok("--help").out, re.M))

    @for_each_tool
    def test_unknown_shell(self, name):
        self.fails(2, "--completions", "tcsh", tool=name, message="tcsh")

    @for_each_tool
    def test_bash(self, name):
        script = self.ok("--completions", "bash").out
        path = self.write(name, script)
        probe = (f"set -e; source '{path}'; complete -p '{PREFIX}{name}' >/dev/null\n"
                 f"COMP_WORDS=({name} --) COMP_CWORD=1\n"
                 f"_{(PREFIX + name).replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
                 f"COMP_WORDS=({name} --progress a) COMP_CWORD=2\n"
                 f"_{(PREFIX + name).replace('-', '_')}; echo \"${{COMPREPLY[*]}}\"")
        result = run_process(["bash", "--norc", "-c", probe], cwd=self.folder)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.stderr, b"")
        offered = set(result.out.split())
        self.assertLessEqual({"--help", "--version", "--progress", "auto", "always"}, offered)
        for option in self.long_options():
            self.assertIn(option, offered)

    def completed(self, tool, *words, breaks=True):
        """What bash offers for the last of the words, as readline cuts them."""
        script = self.write(tool, self.ok("--completions", "bash", tool=tool).out)
        quoted = " ".join(f"'{word}'" for word in (tool, *words))
        probe = (f"source '{script}'; COMP_WORDS=({quoted}) COMP_CWORD={len(words)}\n"
                 f"_{(PREFIX + tool).replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        result = run_process(["bash", "--norc", "-c", probe], cwd=self.folder)
        self.assertEqual(result.stderr, b"", result)
        return result.out.splitlines()

    def test_bash_keeps_a_name_with_spaces_in_one_piece(self):
        self.write("my model.gguf", "")
        self.write("my other.gguf", "")
        self.assertEqual(sorted(self.completed("quantize", "-m", "my")),
                         ["my model.gguf", "my other.gguf"])

    def test_bash_completes_values_behind_an_equals_sign(self):
        self.assertEqual(self.completed("quantize", "--progress", "=", "al"), ["always"])
        self.assertEqual(self.completed("quantize", "--progress=al"), ["--progress=always"])
        self.assertIn("never", self.completed("quantize", "--progress", "="))

    def test_bash_knows_schemes_shapes_and_types(self):
        self.assertIn("w4nlg64", self.completed("quantize", "-s", "w4n"))
        self.assertIn("w8", self.completed("bench", "--scheme", "w"))
        self.assertEqual(self.completed("bench", "--shape", "tiny"), ["tinyllama-1.1b"])
        self.assertIn("tinyllama-1.1b", self.completed("convert", "--synthetic", "t"))
        self.assertEqual(sorted(self.completed("bench", "--kv-type", "f")), ["f16", "f32"])
        for scheme in self.completed("quantize", "--scheme", ""):
            result = self.run_tool("-m", self.data("examples/village"), "--dry-run", "-s", scheme,
                                   tool="quantize")
            # This model's rows are too short for the groups of other programs.
            self.assertTrue(result.status == 0 or "no multiple of" in result.err, result)

    def test_bash_completes_a_name_or_a_file(self):
        self.write("zebra.jinja", "")
        self.assertEqual(sorted(self.completed("generate", "--chat-template", "ze")), ["zebra.jinja", "zephyr"])
        self.assertIn("chatml", self.completed("sgp-eval", "--chat-template", ""))

    def check_with(self, shell, name, script, check):
        try:
            subprocess.run([shell, "--version"], check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            raise unittest.SkipTest(f"{shell} is not installed")
        path = self.write(f"completion.{shell}", script)
        result = run_process([shell, *check, str(path)], cwd=self.folder)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.stderr, b"", result)
        for option in self.long_options():
            self.assertIn(option[2:], script)

    @for_each_tool
    def test_zsh(self, name):
        script = self.ok("--completions", "zsh").out
        self.assertTrue(script.startswith(f"#compdef {PREFIX}{name}\n"))
        self.check_with("zsh", name, script, ["-n"])

    @for_each_tool
    def test_fish(self, name):
        script = self.ok("--completions", "fish").out
        self.check_with("fish", name, script, ["--no-execute"])
        self.check_with("fish", name, script, ["--no-config"])


if __name__ == "__main__":
    main()
