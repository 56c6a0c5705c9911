"""generate: text, sampling, stops, conversations, JSON, and what goes wrong."""
import ctypes
import json
import math
import os
import pathlib
import resource
import shutil
import signal
import subprocess

import tiny_models
from harness import ToolTest, main, program, run_process, sanitized

# What llama2.c's own program prints for this model with temperature 0 and no prompt.
STORY = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. "
    "She said, \"I want to play with your ball, but I can't find it.\"\n"
    "Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to "
    "do.\"\nLily didn't want to help her mom, so she")

# transformers' greedy ids (float32) for the tiny model of testdata: prompt -> answer.
GREEDY = {
    "Once upon a time": [283, 114, 224, 368, 315, 157, 157, 157, 157, 157, 157, 157, 157, 157, 157,
                         157, 157, 157, 157, 157, 157, 157, 157, 157, 24, 190, 291, 213, 343, 38],
    "": [255, 69, 295, 66, 280, 367, 43, 114, 108, 126, 174, 379, 124, 390, 141, 213, 343, 168, 291,
         317, 98, 353, 66, 373, 226, 372, 101, 340, 196, 114],
    "Hello": [255, 24, 396, 183, 43, 125, 333, 154, 51, 310, 114, 108, 257, 114, 108, 126, 156, 395,
              100, 234, 396, 157, 196, 195, 75, 234, 114, 183, 89, 376],
}


class GenerateTest(ToolTest):
    tool = "generate"

    def model(self):
        return self.data("golden/models/tiny-llama")

    def json(self, *arguments, **more):
        return json.loads(self.ok("-m", self.model(), "--json", *arguments, **more).stdout)


def lock_little():
    """In the child: no more than 4 KB may be locked, for root neither."""
    drop_from_bounding_set, may_lock = 24, 14
    ctypes.CDLL(None).prctl(drop_from_bounding_set, may_lock, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))


class Weights(GenerateTest):
    def test_float_models_run_on_every_instruction_set(self):
        source = self.data("examples/village")
        prompts = ["A", "A heron", "A heron painted", "A heron painted seven apples",
                   "A heron painted seven apples under the stairs"]  # 2 to 10 tokens
        for dtype in ("f32", "f16", "bf16"):
            model = self.folder / f"{dtype}.lathe"
            self.ok(source, "--dtype", dtype, "-o", model, tool="convert")
            for prompt in prompts:
                texts = set()
                for isa in ("generic", "avx2", None):
                    if isa is None or self.has_isa(isa):
                        texts.add(self.ok("-m", model, "-p", prompt, "-n", "12",
                                          env={"LATHE_ISA": isa}).stdout)
                self.assertEqual(len(texts), 1, (dtype, prompt, texts))

    def test_where_they_lie_changes_nothing(self):
        answer = self.json("-p", "Hello", "-n", "12")
        self.ok("-m", self.model(), "-o", "w4.lathe", "-s", "w4", tool="quantize")
        quantized = self.ok("-m", "w4.lathe", "-p", "Hello", "-n", "12").stdout
        for options in (["--no-mmap"], ["--lock"], ["--no-mmap", "--lock"], ["--numa", "bind"],
                        ["--numa", "interleave", "--lock"]):
            self.assertEqual(self.json("-p", "Hello", "-n", "12", *options)["ids"], answer["ids"])
            self.assertEqual(
                self.ok("-m", "w4.lathe", "-p", "Hello", "-n", "12", *options).stdout, quantized)

    def test_too_low_a_limit_is_named(self):
        if sanitized():
            self.skipTest("a sanitizer answers mlock() without locking anything")
        self.fails(5, "-m", self.model(), "-p", "Hello", "-n", "1", "--lock",
                   preexec_fn=lock_little, message="is 4096 bytes")


class Text(GenerateTest):
    def test_greedy_ids_are_those_of_transformers(self):
        for prompt, ids in GREEDY.items():
            # Of the last token the second best is 0.025 nats behind: less than what bytes lose.
            for kv, same in (("f32", 30), ("f16", 30), ("int8", 29)):
                answer = self.json("-p", prompt, "-n", "30", "--kv-type", kv)
                self.assertEqual(answer["ids"][:same], ids[:same], prompt)

    def test_prints_the_text_and_nothing_else(self):
        answer = self.json("-p", "Hello", "-n", "12")
        result = self.ok("-m", self.model(), "-p", "Hello", "-n", "12")
        self.assertEqual(result.out, answer["text"])
        self.assertEqual(result.stderr, b"")
        self.assertEqual(self.ok("-m", self.model(), "-p", "Hello", "-n", "0").stdout, b"")

    def test_text_that_ends_within_a_character_is_valid_utf8(self):
        # The first byte of an answer to "Hello" begins no character.
        out = self.ok("-m", self.model(), "-p", "Hello", "-n", "1").stdout
        self.assertEqual(out, "\ufffd".encode())

    def test_a_prompt_that_a_chat_model_only_continues_is_told_of(self):
        base = ["-m", self.data("models/base"), "-p", "Hello", "-n", "1"]
        told = self.ok(*base)
        self.assertEqual(told.err.count("--chat"), 1, told)
        for silent in (["-q"], ["--chat"], ["--special"]):
            self.assertEqual(self.ok(*base, *silent).err, "", silent)
        village = self.ok("-m", self.data("examples/village"), "-p", "Hello", "-n", "1")
        self.assertEqual(village.err, "")  # it has no template
        self.assertEqual(told.stdout, self.ok(*base, "-q").stdout)

    def test_echo(self):
        plain = self.ok("-m", self.model(), "-p", "Hello", "-n", "9").stdout
        echoed = self.ok("-m", self.model(), "-p", "Hello", "-n", "9", "--echo").stdout
        self.assertEqual(echoed, b"Hello" + plain)
        self.assertEqual(self.json("-p", "Hello", "-n", "9", "--echo")["prompt"], "Hello")

    def test_prompt_from_stdin_and_from_a_file(self):
        wanted = self.json("-p", "Hello", "-n", "9")["ids"]
        self.assertEqual(self.json("-n", "9", stdin="Hello")["ids"], wanted)
        self.assertEqual(self.json("-n", "9", stdin="Hello\n")["ids"], wanted)
        self.assertEqual(self.json("-n", "9", stdin="Hello\r\n")["ids"], wanted)
        prompt = self.write("prompt.txt", "Hello\n")
        self.assertEqual(self.json("-n", "9", "-i", prompt)["ids"], wanted)
        # Only the last newline goes, and -p keeps its own.
        two = self.json("-n", "9", stdin="Hello\n\n")
        self.assertEqual(two["prompt_tokens"], self.json("-p", "Hello\n", "-n", "9")["prompt_tokens"])
        self.assertNotEqual(two["ids"], wanted)

    def test_output_file(self):
        wanted = self.ok("-m", self.model(), "-p", "Hello", "-n", "9").stdout
        arguments = ["-m", self.model(), "-p", "Hello", "-n", "9", "-o", "answer.txt"]
        self.assertEqual(self.ok(*arguments).stdout, b"")
        self.assertEqual((self.folder / "answer.txt").read_bytes(), wanted)
        self.fails(4, *arguments, message="answer.txt")
        self.ok(*arguments, "-f")

    def test_stop_texts_end_it_and_are_not_printed(self):
        text = self.json("-p", "", "-n", "30")["text"]
        at = text.index("fd(")
        answer = self.json("-p", "", "-n", "30", "--stop", "nowhere", "--stop", "fd(")
        self.assertEqual(answer["text"], text[:at])
        self.assertEqual(answer["finish_reason"], "stop")
        self.assertEqual(answer["stop"], "fd(")
        out = self.ok("-m", self.model(), "-p", "", "-n", "30", "--stop", "fd(")
        self.assertEqual(out.out, text[:at])

    def test_finish_reasons(self):
        self.assertEqual(self.json("-p", "Hello", "-n", "3")["finish_reason"], "length")
        full = self.json("-p", "Hello", "-n", "-1", "--ctx", "20", "--ignore-eos")
        self.assertEqual(full["finish_reason"], "context")
        # The last token is read at the last position and needs none of its own.
        self.assertEqual(full["prompt_tokens"] + full["tokens"], 21)

    def test_threads_and_isa_do_not_change_a_short_greedy_text(self):
        wanted = self.json("-p", "Hello", "-n", "20")["ids"]
        for threads in ("1", "2", "3"):
            self.assertEqual(self.json("-p", "Hello", "-n", "20", "-t", threads)["ids"], wanted)


class Verbose(GenerateTest):
    def test_says_what_it_runs_on_and_what_bounds_it(self):
        self.ok("-q", "-m", self.data("examples/village"), "-s", "w8", "-o", "w8.lathe", tool="quantize")
        done = self.ok("-v", "-m", "w8.lathe", "-p", "A heron", "-n", "12", "--ignore-eos", "-t", "1",
                       "--kv-type", "int8", env={"LATHE_ISA": "generic"})
        self.assertRegex(done.err, r"1 thread, generic; llama 0\.1M \S+: \S+ [kM]B of weights \(.*w8\S* \d+ %")
        self.assertRegex(done.err, r"up to \S+ [kM]?B of keys and values \(int8\)")
        self.assertRegex(done.err, r"writing reads \S+ [kM]B of weights for each token.* bounds? it")
        quiet = self.ok("-m", "w8.lathe", "-p", "A heron", "-n", "12", "--ignore-eos")
        self.assertEqual(quiet.err, "")
        self.assertNotIn("bound", self.ok("-v", "-m", "w8.lathe", "-p", "A heron", "-n", "1").err)


class Adapters(GenerateTest):
    def test_beside_the_model_and_merged_give_the_same_text(self):
        base, adapter = self.model(), self.data("golden/lora/tiny-llama")
        merged = self.folder / "merged.lathe"
        self.ok(base, "--lora", adapter, "--dtype", "f32", "-o", merged, tool="convert")

        def ids(model, *more):
            result = self.ok("-m", model, "-p", "Hello", "-n", "24", "--ignore-eos", "--json", *more)
            return json.loads(result.stdout)["ids"]

        adapted = ids(base, "--lora", adapter)
        self.assertEqual(adapted, ids(merged))
        self.assertNotEqual(adapted, ids(base))

    def test_several_with_factors_are_their_sum(self):
        base, adapter = self.model(), self.data("golden/lora/tiny-llama")

        def logprobs(*more):
            result = self.ok("-m", base, "-p", "Hello", "-n", "4", "--ignore-eos", "--json", "--logprobs",
                             "1", "--kv-type", "f32", *more)
            return [step["logprob"] for step in json.loads(result.stdout)["logprobs"]]

        whole, plain = logprobs("--lora", adapter), logprobs()
        halves = logprobs("--lora", f"{adapter}:0.5", "--lora", f"{adapter}:0.5")
        for x, y in zip(whole, halves):
            self.assertAlmostEqual(x, y, 4)
        self.assertNotAlmostEqual(whole[0], plain[0], 3)
        self.assertEqual(logprobs("--lora", f"{adapter}:0"), plain)
        self.assertEqual(logprobs("--lora", f"{adapter}:1"), whole)
        named = self.folder / "adapter:2"  # a name wins over a factor
        shutil.copytree(adapter, named)
        self.assertEqual(logprobs("--lora", named), whole)

    def test_a_gguf_adapter_says_the_same(self):
        base, adapter = self.model(), self.data("golden/lora/tiny-llama")
        self.ok(adapter, "--base", base, "-o", "a.gguf", tool="convert")
        self.ok(base, "-o", "base.gguf", tool="convert")
        asked = ["-p", "Hello", "-n", "12", "--ignore-eos", "--json"]
        ids = {json.loads(self.ok("-m", model, "--lora", lora, *asked).stdout)["ids"].__repr__()
               for model in (base, "base.gguf") for lora in (adapter, "a.gguf")}
        self.assertEqual(len(ids), 1, ids)

    def test_a_name_that_no_module_has_is_a_warning(self):
        adapter = self.folder / "adapter"
        shutil.copytree(self.data("golden/lora/tiny-llama"), adapter)
        config = json.loads((adapter / "adapter_config.json").read_text())
        config["target_modules"] = [*config["target_modules"], "query_key_value"]
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        result = self.ok("-m", self.model(), "--lora", adapter, "-p", "Hello", "-n", "4")
        self.assertIn('target_modules names "query_key_value"', result.err)

    def test_an_adapter_alone_is_no_model(self):
        adapter = self.data("golden/lora/tiny-llama")
        self.ok(adapter, "--base", self.model(), "-o", "a.gguf", tool="convert")
        for path in (adapter, "a.gguf"):
            self.fails(3, "-m", path, "-p", "x", message=["is an adapter", "--lora"])
            self.fails(3, "-m", path, "-o", "w4.lathe", tool="quantize", message=["is an adapter", "--lora"])

    def test_an_adapter_of_another_model_is_refused(self):
        self.fails(3, "-m", self.model(), "-p", "x", "--lora", self.data("golden/lora/all-linear"),
                   message="all-linear")
        self.fails(4, "-m", self.model(), "-p", "x", "--lora", "absent", message="absent")


class Sampling(GenerateTest):
    def draw(self, *arguments):
        return self.json("-p", "Hello", "-n", "20", "--ignore-eos", *arguments)["ids"]

    def test_a_seed_gives_the_same_text_again_and_another_gives_another(self):
        first = self.draw("--temp", "1", "--seed", "5")
        self.assertEqual(self.draw("--temp", "1", "--seed", "5"), first)
        self.assertNotEqual(self.draw("--temp", "1", "--seed", "6"), first)
        self.assertEqual(self.draw("--temp", "1"), self.draw("--temp", "1", "--seed", "0"))

    def test_filters_that_leave_one_token_are_greedy(self):
        greedy = self.draw()
        self.assertEqual(self.draw("--temp", "2", "--top-k", "1"), greedy)
        self.assertEqual(self.draw("--temp", "2", "--top-p", "0"), greedy)
        self.assertEqual(self.draw("--temp", "2", "--min-p", "1"), greedy)
        self.assertNotEqual(self.draw("--temp", "2"), greedy)

    def test_repeat_penalty_breaks_a_loop(self):
        looped = self.json("-p", "Once upon a time", "-n", "20")["ids"]
        free = self.json("-p", "Once upon a time", "-n", "20", "--repeat-penalty", "5")["ids"]
        self.assertGreater(looped.count(157), 10)
        self.assertLess(free.count(157), 3)

    def test_filters_without_temperature_are_warned_about(self):
        result = self.ok("-m", self.model(), "-p", "Hello", "-n", "2", "--top-p", "0.5")
        self.assertIn("warning", result.err)
        self.assertIn("--temp", result.err)

    def test_ranges(self):
        for option, value in (("--temp", "-1"), ("--temp", "nan"), ("--top-p", "1.5"),
                              ("--top-p", "nan"), ("--min-p", "-0.1"), ("--top-k", "-1"),
                              ("--repeat-penalty", "0"), ("--seed", "-1"), ("-n", "-2"),
                              ("-n", "many"), ("--logprobs", "-1"), ("--kv-type", "f64"),
                              ("--stop", "")):
            self.fails(2, "-m", self.model(), "-p", "x", option, value)


class Lookup(GenerateTest):
    PROMPT = ("A heron painted seven apples under the stairs in early March. "
              "A heron painted seven apples under the stairs")

    def village(self):
        model = self.folder / "village.lathe"
        if not model.exists():
            self.ok("-m", self.data("examples/village"), "-s", "w8", "-o", model, tool="quantize")
        return model

    def answer(self, *arguments):
        return json.loads(self.ok("-m", self.village(), "-p", self.PROMPT, "-n", "60",
                                  "--ignore-eos", "--json", *arguments).stdout)

    def test_copies_change_no_token(self):
        for sampling in ([], ["--temp", "0.8", "--seed", "5"]):
            plain = self.answer("--lookup", "off", *sampling)
            self.assertNotIn("drafts", plain["timings"])
            copied = self.answer(*sampling)
            self.assertEqual(copied["ids"], plain["ids"])
            drafts = copied["timings"]["drafts"]
            self.assertGreater(drafts["drafted"], 0)
            self.assertLessEqual(drafts["accepted"], drafts["drafted"])
            self.assertEqual(drafts["passes"] + drafts["accepted"], 59)

    def test_a_given_text_is_copied_from(self):
        answer = self.answer("--lookup", "off")["text"]
        corpus = self.write("corpus.txt", self.PROMPT + answer)
        copied = self.answer("--lookup-corpus", corpus)
        self.assertEqual(copied["text"], answer)
        # How many are tried hangs on what passes take here.
        drafts = copied["timings"]["drafts"]
        self.assertGreater(drafts["accepted"], 0)
        self.assertGreater(drafts["accepted"], drafts["drafted"] // 2)

    def test_float_models_copy_on_request_only(self):
        model = self.data("examples/village")
        for how, drafts in (([], False), (["--lookup", "on"], True)):
            out = json.loads(self.ok("-m", model, "-p", self.PROMPT, "-n", "9", "--json",
                                     *how).stdout)
            self.assertEqual("drafts" in out["timings"], drafts)

    def test_a_corpus_that_nothing_reads_is_refused(self):
        self.fails(2, "-m", self.village(), "-p", "A", "--lookup", "off", "--lookup-corpus", "x",
                   message="--lookup-corpus")
        self.fails(4, "-m", self.village(), "-p", "A", "--lookup-corpus", "missing.txt",
                   message="missing.txt")


class Json(GenerateTest):
    def test_is_one_line_with_the_documented_fields(self):
        result = self.ok("-m", self.model(), "-p", "Hello", "-n", "5", "--json")
        self.assertEqual(result.stdout.count(b"\n"), 1)
        answer = json.loads(result.stdout)
        self.assertEqual(answer["schema"], "lathe.generate/1")
        self.assertEqual(answer["tokens"], 5)
        self.assertEqual(answer["prompt_tokens"], 5)
        timings = answer["timings"]
        for name in ("load", "ttft", "tpot", "tokens_per_second", "prompt_tokens_per_second"):
            self.assertGreater(timings[name], 0, name)
        self.assertNotIn("logprobs", answer)

    def test_timings_that_cannot_be_known_are_null(self):
        self.assertIsNone(self.json("-p", "Hello", "-n", "1")["timings"]["tpot"])

    def test_logprobs(self):
        answer = self.json("-p", "Hello", "-n", "4", "--logprobs", "3", "--temp", "1.5")
        self.assertEqual([t["id"] for t in answer["logprobs"]], answer["ids"])
        for token in answer["logprobs"]:
            self.assertEqual(len(token["top"]), 3)
            values = [t["logprob"] for t in token["top"]]
            self.assertEqual(values, sorted(values, reverse=True))
            self.assertLess(max(values), 0)
            known = {t["id"]: t["logprob"] for t in token["top"]}
            self.assertEqual(known.get(token["id"], token["logprob"]), token["logprob"])

    def test_logprobs_of_all_tokens_sum_to_one(self):
        answer = self.json("-p", "Hello", "-n", "1", "--logprobs", "1000")
        top = answer["logprobs"][0]["top"]
        self.assertEqual(len(top), 400)
        self.assertAlmostEqual(sum(math.exp(t["logprob"]) for t in top), 1.0, places=9)

    def test_logprobs_need_json(self):
        self.fails(2, "-m", self.model(), "-p", "x", "--logprobs", "2", message="--json")


class Chat(GenerateTest):
    def template(self, text):
        """A copy of the tiny model with a chat template of its own."""
        copy = self.folder / "model"
        copy.mkdir(exist_ok=True)
        for file in pathlib.Path(self.model()).iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        config = json.loads((copy / "tokenizer_config.json").read_text())
        config["chat_template"] = text
        (copy / "tokenizer_config.json").write_text(json.dumps(config))
        return copy

    def test_named_template(self):
        out = self.ok("-m", self.model(), "--chat", "--chat-template", "zephyr", "--system", "Be brief.",
                      "-p", "Hello", "-n", "3", "--echo").out
        self.assertTrue(out.startswith(
            "<|system|>\nBe brief.</s>\n<|user|>\nHello</s>\n<|assistant|>\n"), out)

    def test_the_models_own_template(self):
        model = self.template(
            "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
            "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}"
            "{{ message['content'] + eos_token }}{% endif %}{% endfor %}")
        answer = json.loads(self.ok("-m", model, "--chat", "-p", "Hello", "-n", "8", "--json",
                                    "--echo").stdout)
        self.assertEqual(answer["prompt"], "<s>[INST] Hello [/INST]")
        # The marks are plain text for this vocabulary, so this is a plain prompt, too; and BOS,
        # which the template prints and the tokenizer adds, came once.
        plain = json.loads(self.ok("-m", model, "-p", "[INST] Hello [/INST]", "-n", "8",
                                   "--json").stdout)
        self.assertEqual(answer["ids"], plain["ids"])
        self.assertEqual(answer["prompt_tokens"], plain["prompt_tokens"])

    def test_a_message_forges_no_control_token(self):
        def tokens(*arguments):
            return self.json("-n", "0", *arguments)["prompt_tokens"]
        chat = ["--chat", "--chat-template", "zephyr"]
        # "</s>" in a message is four characters, not the end of the turn.
        self.assertGreaterEqual(tokens(*chat, "-p", "a</s>") - tokens(*chat, "-p", "a"), 3)
        self.assertGreaterEqual(tokens("-p", "a</s>") - tokens("-p", "a"), 3)
        self.assertEqual(tokens("-p", "a</s>", "--special") - tokens("-p", "a"), 1)

    def test_any_template_is_run_and_what_is_none_is_refused(self):
        model = self.template("{{ '<|speaker|>' + messages[0]['role'] }}")
        self.assertTrue(self.ok("-m", model, "--chat", "-p", "x", "-n", "1", "--echo").out
                        .startswith("<|speaker|>user"))
        model = self.template("{{ '<|speaker|>' + }}")
        self.fails(3, "-m", model, "--chat", "-p", "x", message=["chat template", "line 1"])
        self.ok("-m", model, "--chat", "--chat-template", "chatml", "-p", "x", "-n", "1")

    def test_no_template(self):
        self.fails(6, "-m", self.model(), "--chat", "-p", "x", message="no chat template")

    def test_options_of_a_conversation_need_chat(self):
        self.fails(2, "-m", self.model(), "-p", "x", "--system", "y", message="--chat")
        self.fails(2, "-m", self.model(), "-p", "x", "--chat-template", "zephyr", message="--chat")
        self.fails(2, "-m", self.model(), "-p", "x", "--chat-template", "nothing", "--chat")
        self.fails(2, "-m", self.model(), "-p", "x", "--chat", "--special")


class Wrong(GenerateTest):
    def test_prompts_that_are_no_text(self):
        for prompt in (b"a\0b", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\n", b""):
            result = self.ok("-m", self.model(), "-n", "3", "--json", stdin=prompt)
            self.assertEqual(json.loads(result.stdout)["tokens"], 3)

    def test_utf16_is_named(self):
        for encoding in ("utf-16-le", "utf-16-be"):
            prompt = "\ufeffHello".encode(encoding)
            self.fails(3, "-m", self.model(), "-n", "3", stdin=prompt, message="UTF-16")

    def test_prompt_longer_than_the_context(self):
        self.fails(5, "-m", self.model(), "-p", "a b c d e f g h", "--ctx", "4", message=["4"])
        long = "word " * 600
        result = self.fails(5, "-m", self.model(), stdin=long, message="512")
        self.assertRegex(result.err, r"\d{4}")  # the prompt's own length

    def test_answer_longer_than_the_context_is_warned_of_at_once(self):
        for more in ((), ("--cache-dir", "cache")):
            result = self.ok("-m", self.model(), "-p", "a b c d", "--ctx", "20", "-n", "30", "--json",
                             "--ignore-eos", *more)
            answer = json.loads(result.stdout)
            self.assertEqual(answer["finish_reason"], "context")
            self.assertEqual(answer["tokens"], 21 - answer["prompt_tokens"])
            self.assertRegex(result.err, rf"^generate: warning: the prompt has "
                             rf"{answer['prompt_tokens']} tokens and the context holds 20: the answer "
                             rf"ends after {answer['tokens']} tokens, before the 30 of -n\n$")
        fits = self.ok("-m", self.model(), "-p", "a b c d", "--ctx", "20", "-n", str(answer["tokens"]))
        self.assertEqual(fits.err, "")

    def test_a_text_beyond_the_context(self):
        shift = ("-p", "a b c d", "--ctx", "20", "--ignore-eos", "--context-shift")
        text = self.json(*shift, "-n", "15", "--keep", "3")
        self.assertNotIn("context_shifts", text)
        long = self.ok("-m", self.model(), "--json", *shift, "-n", "60", "--keep", "3")
        answer = json.loads(long.stdout)
        self.assertEqual((answer["tokens"], answer["finish_reason"]), (60, "length"))
        self.assertEqual(answer["ids"][:10], text["ids"][:10])
        # Of 21 tokens 3 and 8 stay, and 10 more come before the context is full again.
        first = 21 - answer["prompt_tokens"]
        self.assertEqual(answer["context_shifts"], 1 + (60 - first - 1) // 10)
        self.assertRegex(long.err, r"^generate: the context was full \d+ times: .*\n$")
        endless = self.json(*shift, "-n", "-1", "--stop", "e")
        self.assertEqual(endless["finish_reason"], "stop")
        # A prompt that is too long loses what is oldest, too.
        whole = self.ok("-m", self.model(), "--context-shift", "-n", "4", "--json", stdin="word " * 600)
        self.assertEqual(json.loads(whole.stdout)["prompt_tokens"], 256)

    def test_a_text_beyond_the_context_is_one_plain_text(self):
        run = ("-m", self.model(), "-p", "x", "--context-shift")
        self.fails(2, *run, "--ctx", "20", "--keep", "19", message=["--keep", "20"])
        self.fails(2, *run, "--chat", "--keep", "1", message="system message")
        self.fails(2, "-m", self.model(), "-p", "x", "--keep", "1", message="--context-shift")
        self.fails(2, *run, "--cache-dir", "c", message="--cache-dir")
        self.fails(2, *run, "--check-cmd", "true", message="--check-cmd")
        self.fails(2, "-m", self.model(), "--lines", "--context-shift", message="--lines")

    def test_answer_that_memory_does_not_hold(self):
        shutil.copytree(self.data("examples/village"), self.folder / "endless")
        path = self.folder / "endless" / "config.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps(config | {"max_position_embeddings": 2**31}))
        asks = ("-m", "endless", "-p", "a b c d", "--kv-type", "f32")
        # At 384 bytes a position, 825 GB.
        result = self.fails(5, *asks, "-n", str(2**31 - 100), message="memory")
        self.assertEqual(result.stdout, b"")
        self.assertRegex(result.err, r"^generate: error: the prompt of \d+ tokens with up to 2147483548 "
                         r"more takes \d+\.\d GB of keys and values, but \d+.* of memory is left: ")
        self.assertEqual(self.ok(*asks, "-n", "5").err, "")
        whole = self.ok(*asks, "-n", "-1", "--stop", "e")
        self.assertRegex(whole.err, r"^generate: warning: the context of 2147483648 positions takes .* "
                         r"answer ends after \d+ tokens at the latest\n$")

    def test_context_larger_than_the_models(self):
        self.fails(5, "-m", self.model(), "-p", "x", "--ctx", "513", message=["513", "512"])

    def test_two_prompts(self):
        self.fails(2, "-m", self.model(), "-p", "x", "-i", "file", message="-p")

    def test_missing_model_and_input(self):
        self.fails(4, "-m", "absent.gguf", "-p", "x", message="absent.gguf")
        self.fails(4, "-m", self.model(), "-i", "absent.txt", message="absent.txt")
        self.fails(2, "-p", "x")

    def test_model_without_tokenizer(self):
        model = self.data("golden/models/llama-plain")
        self.fails(3, "-m", model, "-p", "x", message="--tokenizer")

    def test_tokenizer_given(self):
        tokenizer = pathlib.Path(self.model()) / "tokenizer.model"
        copy = self.folder / "bare"
        copy.mkdir()
        for name in ("config.json", "model.safetensors"):
            (copy / name).write_bytes((pathlib.Path(self.model()) / name).read_bytes())
        answer = json.loads(self.ok("-m", copy, "--tokenizer", tokenizer, "-p", "Hello", "-n", "5",
                                    "--json").stdout)
        self.assertEqual(answer["ids"], GREEDY["Hello"][:5])

    def test_truncated_model(self):
        copy = self.folder / "cut"
        copy.mkdir()
        for file in pathlib.Path(self.model()).iterdir():
            content = file.read_bytes()
            (copy / file.name).write_bytes(content[:60000])
        self.fails(3, "-m", copy, "-p", "x", message="model.safetensors")

    def test_full_device_and_closed_pipe(self):
        with open("/dev/full", "wb") as full:
            result = run_process([program("generate"), "-m", str(self.model()), "-p", "x"],
                                 stdout=full)
        self.assert_failed(result, 4)
        # The prompt is given when the reader has gone, so that every write meets a closed pipe.
        with subprocess.Popen([program("generate"), "-m", str(self.model())],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.close()
            process.stdout = None
            _, err = process.communicate(b"Hello")
        self.assertEqual(err, b"")
        self.assertEqual(process.returncode, -signal.SIGPIPE)

    def test_weights_that_are_no_numbers(self):
        layer = "model.layers.0."
        nan, huge = b"\xc0\x7f", b"\x40\x7e"  # bfloat16; the latter is 6e37
        matrix = tiny_models.altered(self.model(), self.folder / "matrix",
                                     {layer + "mlp.up_proj.weight": nan})
        self.fails(3, "-m", matrix, "-p", "x", message="not numbers")
        vector = tiny_models.altered(self.model(), self.folder / "vector",
                                     {layer + "input_layernorm.weight": nan})
        for tool, more in (("generate", ["-p", "x"]), ("quantize", ["-s", "w8", "-o", "x.lathe"]),
                           ("convert", ["-o", "x.lathe"])):
            words = [vector, *more] if tool == "convert" else ["-m", vector, *more]
            self.fails(3, *words, tool=tool, message=["input_layernorm", "not a number"])
        # Finite in the file, infinite on the way: quantized models must say it too.
        for name in ("input_layernorm", "post_attention_layernorm"):
            large = tiny_models.altered(self.model(), self.folder / name,
                                        {f"{layer}{name}.weight": huge})
            for scheme in ("w8", "w4", "w8g32a", "w4g16d"):
                self.ok("-q", "-m", large, "-s", scheme, "-o", "large.lathe", "-f", tool="quantize")
                for kv in ("f16", "int8"):
                    self.fails(3, "-m", "large.lathe", "-p", "Once upon a time", "-n", "2",
                               "--kv-type", kv, message="not numbers")


class Stories(GenerateTest):
    """The real model of 260,000 weights, where it is at hand."""

    def arguments(self):
        return ["-m", self.shared("stories260K.bin"), "--tokenizer", self.shared("tok512.bin")]

    def test_story(self):
        self.assertEqual(self.ok(*self.arguments(), "-p", "", "-n", "200").out, STORY)
        self.assertEqual(self.ok(*self.arguments(), "-p", "", "-n", "200", "-t", "1").out, STORY)

    def test_story_through_every_format(self):
        program("convert")
        first = self.folder / "s.lathe"
        self.ok(self.shared("stories260K.bin"), "--tokenizer", self.shared("tok512.bin"), "-o", first,
                tool="convert")
        self.assertEqual(self.ok("-m", first, "-p", "", "-n", "200").out, STORY)
        for name in ("s.gguf", "hf"):
            self.ok(first, "-o", self.folder / name, tool="convert")
            self.assertEqual(self.ok("-m", self.folder / name, "-p", "", "-n", "200").out, STORY)

    def test_ends_where_the_model_begins_a_new_story(self):
        answer = json.loads(self.ok(*self.arguments(), "-p", "The big dog", "-n", "400",
                                    "--json").stdout)
        self.assertEqual(answer["finish_reason"], "stop")
        self.assertEqual(answer["end_token"], 1)
        self.assertEqual(answer["tokens"], 187)

    def test_streams(self):
        command = [program("generate"), *map(os.fspath, self.arguments()), "-p", "", "-n", "60"]
        # A pipe in packet mode keeps each write apart, however late the reader comes.
        reader, writer = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
        with subprocess.Popen(command, stdout=writer), open(reader, "rb", buffering=0) as stream:
            os.close(writer)
            pieces = []
            while piece := stream.read(4096):
                pieces.append(piece)
        self.assertGreater(len(pieces), 10)
        self.assertTrue(STORY.encode().startswith(b"".join(pieces)))


if __name__ == "__main__":
    main()
