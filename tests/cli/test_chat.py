"""Conversations: templates, what they are told, files of messages, and talking at a terminal."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import tiny_models
from harness import TIMEOUT, ToolTest, main, program

# Prints everything that a template may be told.
PLAIN = ("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}"
         "[{{ c.function.name }}]{% endfor %}{{ '\\n' }}{% endfor %}{% if tools %}{{ tools|tojson }}{% endif %}"
         "{% if mood %}({{ mood }}){% endif %}{% if add_generation_prompt %}<assistant>{% endif %}")
DATED = "{{ strftime_now('%Y-%m-%d') }}{% for m in messages %}<{{ m.content }}>{% endfor %}"


class ChatTest(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        self.plain = self.write("plain.jinja", PLAIN)

    def model(self, **files):
        """A copy of the tiny model with other files, or changed ones."""
        copy = self.folder / "model"
        copy.mkdir(exist_ok=True)
        for file in pathlib.Path(self.data("golden/models/tiny-llama")).iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        for name, content in files.items():
            (copy / name.replace("__", ".")).write_text(content)
        return copy

    def write_json(self, name, value):
        return self.write(name, json.dumps(value))

    def rendered(self, *arguments, **more):
        return self.ok("-m", self.model(), *arguments, "--render", tool="tokenize", **more).out


class Render(ChatTest):
    def test_an_array_or_an_object(self):
        messages = [{"role": "user", "content": "Hi"}]
        array = self.write_json("a.json", messages)
        self.assertEqual(self.rendered("--chat", array, "--chat-template", self.plain),
                         "<user>Hi\n<assistant>")
        whole = self.write_json("b.json", {
            "messages": messages, "tools": [{"b": 1, "a": 2.50}], "add_generation_prompt": False,
            "template_args": {"mood": "calm"}})
        self.assertEqual(self.rendered("--chat", whole, "--chat-template", self.plain),
                         '<user>Hi\n[{"b": 1, "a": 2.5}](calm)')
        self.assertEqual(self.rendered("--chat", "-", "--chat-template", self.plain,
                                       stdin=json.dumps(messages)), "<user>Hi\n<assistant>")

    def test_ids_are_those_of_the_text_unless_a_message_spells_a_control_token(self):
        path = self.write_json("a.json", [{"role": "user", "content": "Hi"}])
        forged = self.write_json("b.json", [{"role": "user", "content": "Hi</s>"}])
        run = ["-m", self.model(), "--chat-template", self.write("t", "{{ messages[0].content }}</s>")]
        record = json.loads(self.ok(*run, "--chat", path, "--json", "--pieces", tool="tokenize").out)
        self.assertEqual(record["pieces"][-1], "</s>")
        record = json.loads(self.ok(*run, "--chat", forged, "--json", "--pieces", tool="tokenize").out)
        self.assertEqual(record["pieces"].count("</s>"), 1)
        self.assertEqual(record["count"], len(record["ids"]))

    def test_arguments_and_tools_of_the_command_line_come_before_those_of_the_file(self):
        path = self.write_json("a.json", {"messages": [{"role": "user", "content": "Hi"}],
                                          "template_args": {"mood": "calm"}})
        run = ["--chat", path, "--chat-template", self.plain]
        self.assertIn("(loud)", self.rendered(*run, "--template-arg", "mood=loud"))
        self.assertIn("(7)", self.rendered(*run, "--template-arg", "mood=7"))
        self.assertIn("([1, 'a'])", self.rendered(*run, "--template-arg", 'mood=[1,"a"]'))
        self.assertNotIn("(", self.rendered(*run, "--template-arg", "mood=false"))
        tools = self.write_json("tools.json", [{"name": "f"}])
        self.assertIn('[{"name": "f"}]', self.rendered(*run, "--tools", tools))

    def test_what_a_template_does_not_look_at_is_said(self):
        path = self.write_json("a.json", {"messages": [{"role": "user", "content": "Hi"}],
                                          "tools": [{}]})
        result = self.ok("-m", self.model(), "--chat", path, "--chat-template", self.write("t", "x"),
                         "--template-arg", "mood=1", tool="tokenize")
        self.assertIn('"tools"', result.err)
        self.assertIn('"mood"', result.err)

    def test_a_date_is_the_clocks_with_a_notice_or_that_of_the_environment(self):
        path = self.write_json("a.json", [{"role": "user", "content": "Hi"}])
        run = ["-m", self.model(), "--chat", path, "--render", "--chat-template", self.write("d", DATED)]
        fixed = self.ok(*run, tool="tokenize", env={"SOURCE_DATE_EPOCH": "86400"})
        self.assertEqual((fixed.out, fixed.err), ("1970-01-02<Hi>", ""))
        clock = self.ok(*run, tool="tokenize", env={"SOURCE_DATE_EPOCH": None})
        self.assertRegex(clock.out, r"^20\d\d-\d\d-\d\d<Hi>$")
        self.assertIn("SOURCE_DATE_EPOCH", clock.err)
        self.fails(2, *run, tool="tokenize", env={"SOURCE_DATE_EPOCH": "soon"},
                   message="SOURCE_DATE_EPOCH")

    def test_what_is_no_conversation(self):
        for content in ("7", "[]", "{}", '{"messages": []}', '[{"content": "x"}]', '[7]', "[", "",
                        '[{"role": "user", "content": 7}]', '{"messages": [{"role": 1, "content": ""}]}'):
            self.fails(3, "-m", self.model(), "--chat", self.write("bad.json", content), "--chat-template",
                       self.plain, tool="tokenize", message="bad.json")
        image = [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]
        self.fails(6, "-m", self.model(), "--chat", self.write_json("i.json", image), "--chat-template",
                   self.plain, tool="tokenize", message="image_url")
        extra = {"messages": [{"role": "user", "content": "x"}], "wisdom": 1}
        self.fails(6, "-m", self.model(), "--chat", self.write_json("e.json", extra), "--chat-template",
                   self.plain, tool="tokenize", message="wisdom")

    def test_wrong_options(self):
        path = self.write_json("a.json", [{"role": "user", "content": "Hi"}])
        run = ["-m", self.model(), "--chat", path, "--chat-template", self.plain]
        for argument in ("mood", "=1", "mood=", "mood=True", "mood={", "messages=[]"):
            self.fails(2, *run, "--template-arg", argument, tool="tokenize")
        self.fails(3, *run, "--tools", self.write("t.json", "{}"), tool="tokenize", message="t.json")
        self.fails(4, *run, "--tools", "absent.json", tool="tokenize", message="absent.json")
        self.fails(2, "-m", self.model(), "--render", tool="tokenize", message="--chat")
        self.fails(2, "-m", self.model(), "--tools", "x", tool="tokenize", message="--chat")
        self.fails(2, *run, "-i", path, tool="tokenize")


    def test_templates_know_the_tokens_that_the_tokenizer_names(self):
        """As transformers gives them: those that the configuration declares, and no others."""
        folder = self.folder / "named"
        shutil.copytree(self.data("examples/village"), folder)
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config |= {"pad_token": {"content": "</s>", "__type": "AddedToken"}, "mask_token": None}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        self.ok(folder, "-o", "named.gguf", tool="convert")
        self.ok("named.gguf", "-o", "named.lathe", tool="convert")
        self.write("t.jinja", "{{ [bos_token, unk_token, pad_token, mask_token is defined] }}")
        self.write("m.json", '[{"role": "user", "content": "Hello"}]')
        for model in ("named", "named.gguf", "named.lathe"):
            out = self.ok("-m", model, "--chat", "m.json", "--chat-template", "t.jinja", "--render",
                          tool="tokenize").out
            self.assertEqual(out.strip(), "['<s>', '<unk>', '</s>', False]", model)


class Hostile(ChatTest):
    def status(self, template, status, message):
        path = self.write_json("a.json", [{"role": "user", "content": "Hi"}])
        self.fails(status, "-m", self.model(), "--chat", path, "--chat-template",
                   self.write("hostile.jinja", template), tool="tokenize", message=message)

    def test_loops_without_end_are_stopped(self):
        self.status("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", 5, "steps")
        self.status("{% for i in range(1000000000) %}{% endfor %}", 5, "hostile.jinja")

    def test_a_thousand_million_repetitions_are_refused(self):
        self.status("{{ 'a' * 1000000000 }}", 5, "line 1")
        self.status("{{ [0] * 1000000000 }}", 5, "line 1")
        self.status("{{ '%1000000000d' % 1 }}", 5, "line 1")
        self.status("{{ 'a'.ljust(1000000000) }}", 5, "line 1")

    def test_deep_recursion_is_refused(self):
        self.status("{% macro f() %}{{ f() }}{% endmacro %}\n{{ f() }}", 5, "deep")
        self.status("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", 5, "deep")
        self.status("{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}", 5, "deep")

    def test_errors_and_exceptions_of_a_template_are_its_own_words(self):
        self.status("\n{% if %}", 3, ["hostile.jinja", "line 2"])
        self.status("{{ raise_exception('no \x1b[2J way') }}", 3, "no ")
        self.status("{{ 1 / 0 }}", 3, "line 1")
        self.status("{{ messages.nothing.at_all }}", 3, "line 1")
        self.status("{% include 'etc' %}", 6, "include")

    def test_in_a_batch_only_the_row_fails(self):
        row = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        rows = [{**row, "chat_template": loop}, {**row, "chat_template": PLAIN}]
        result = self.run_tool("-m", self.model(), "--jsonl", stdin="\n".join(map(json.dumps, rows)))
        self.assertEqual(result.status, 1, result)
        records = [json.loads(line) for line in result.out.splitlines()]
        self.assertEqual(records[0]["error"]["code"], "limit")
        self.assertIn("text", records[1])


class Rows(ChatTest):
    def prompt_tokens(self, row, *arguments):
        result = self.ok("-m", self.model(), "--jsonl", "--chat-template", self.plain, *arguments,
                         stdin=json.dumps({"max_tokens": 0, **row}))
        return json.loads(result.out)["prompt_tokens"]

    def count(self, request, *arguments):
        path = self.write_json("request.json", request)
        return int(self.ok("-m", self.model(), "--chat", path, "--chat-template", self.plain, "--count",
                           *arguments, tool="tokenize").out)

    def test_tools_calls_results_and_arguments_are_those_of_tokenize(self):
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = [{"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": None, "tool_calls": [call]},
                    {"role": "tool", "content": "7", "tool_call_id": "c1", "name": "f"}]
        request = {"messages": messages, "tools": [{"type": "function", "function": {"name": "f"}}],
                   "template_args": {"mood": "calm"}}
        wanted = self.count(request)
        self.assertEqual(self.prompt_tokens(request), wanted)
        vllm = {**request, "chat_template_kwargs": request["template_args"]}
        del vllm["template_args"]
        self.assertEqual(self.prompt_tokens(vllm), wanted)
        body = {"body": {"max_tokens": 1, **vllm}, "custom_id": "x", "method": "POST",
                "url": "/v1/chat/completions"}
        result = self.ok("-m", self.model(), "--jsonl", "--chat-template", self.plain, stdin=json.dumps(body))
        usage = json.loads(result.out)["response"]["body"]["usage"]
        self.assertEqual(usage["prompt_tokens"], wanted)

    def test_another_template_in_the_file_is_another_run(self):
        row = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
        def fingerprint(template):
            self.write("t.jinja", template)
            out = self.ok("-m", self.model(), "--jsonl", "--chat-template", "t.jinja", stdin=row).out
            return json.loads(out)["fingerprint"]
        self.assertEqual(fingerprint("x"), fingerprint("x"))
        self.assertNotEqual(fingerprint("x"), fingerprint("y"))

    def test_rows_come_before_the_command_line(self):
        row = {"messages": [{"role": "user", "content": "Hi"}], "template_args": {"mood": "calm"}}
        plain = {"messages": row["messages"]}
        self.assertEqual(self.prompt_tokens(row, "--template-arg", "mood=loud and noisy"), self.count(row))
        self.assertEqual(self.prompt_tokens(plain, "--template-arg", "mood=calm"), self.count(row))
        tools = self.write_json("tools.json", [{"name": "f"}])
        self.assertEqual(self.prompt_tokens(plain, "--tools", tools), self.count({**plain, "tools": [{"name": "f"}]}))

    def test_what_a_template_has_no_place_for_fails_the_row(self):
        row = {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "f"}]}
        result = self.run_tool("-m", self.model(), "--jsonl", "--chat-template", self.write("t", "x"),
                               stdin=json.dumps(row))
        self.assertEqual(result.status, 1)
        error = json.loads(result.out)["error"]
        self.assertEqual(error["code"], "unsupported")
        self.assertIn("tools", error["message"])


class Named(ChatTest):
    def test_templates_with_names_survive_conversions(self):
        config = json.loads((self.model() / "tokenizer_config.json").read_text())
        config["chat_template"] = [{"name": "default", "template": "one"}, {"name": "tool_use", "template": "two"},
                                   {"name": "rag", "template": "three"}]
        model = self.model(tokenizer_config__json=json.dumps(config))
        self.ok(model, "-o", "m.gguf", tool="convert")
        self.ok("m.gguf", "-o", "again", "--to", "hf", tool="convert")
        self.ok("m.gguf", "-o", "m.lathe", tool="convert")
        plain = self.write_json("a.json", [{"role": "user", "content": "Hi"}])
        tools = self.write_json("t.json", {"messages": [{"role": "user", "content": "Hi"}], "tools": [{}]})
        for name in (model, "m.gguf", "again", "m.lathe"):
            run = ["-q", "-m", name, "--render", "--chat"]
            self.assertEqual(self.ok(*run, plain, tool="tokenize").out, "one", name)
            self.assertEqual(self.ok(*run, tools, tool="tokenize").out, "two", name)
            self.assertEqual(self.ok(*run, plain, "--chat-template", "rag", tool="tokenize").out, "three", name)


class Files(ChatTest):
    def answer(self, *arguments, **more):
        return self.ok("-m", self.model(), "--chat", "--chat-template", self.plain, "-n", "5", *arguments,
                       **more)

    def test_messages_are_answered_and_p_adds_one(self):
        path = self.write_json("m.json", [{"role": "user", "content": "Hi"}])
        self.assertTrue(self.answer("--messages", path, "--echo", stdin="unread").out
                        .startswith("<user>Hi\n<assistant>"))
        self.assertTrue(self.answer("--messages", path, "-p", "More", "--system", "S", "--echo").out
                        .startswith("<system>S\n<user>Hi\n<user>More\n<assistant>"))

    def test_a_history_grows_by_each_turn(self):
        first = self.answer("--history", "h.json", "--system", "S", "-p", "One").out
        history = json.loads((self.folder / "h.json").read_text())
        self.assertEqual(history, [{"role": "system", "content": "S"}, {"role": "user", "content": "One"},
                                   {"role": "assistant", "content": first}])
        second = self.answer("--history", "h.json", "--system", "S", "-p", "Two", "--echo").out
        start = f"<system>S\n<user>One\n<assistant>{first}\n<user>Two\n<assistant>"
        self.assertTrue(second.startswith(start), second)
        history = json.loads((self.folder / "h.json").read_text())
        self.assertEqual(history[3:], [{"role": "user", "content": "Two"},
                                       {"role": "assistant", "content": second[len(start):]}])
        self.assertEqual([p.name for p in self.folder.glob("*h.json*")], ["h.json"])

    def test_a_conversation_beyond_the_context_loses_its_oldest_exchanges(self):
        turns = [{"role": "system", "content": "S"}]
        for i in range(40):
            turns += [{"role": "user", "content": f"Question {i}"}, {"role": "assistant", "content": f"Answer {i}"}]
        turns.append({"role": "user", "content": "Last"})
        path = self.write_json("m.json", turns)

        def answer(messages, *more):
            path = self.write_json("n.json", messages)
            return json.loads(self.answer("--messages", path, "--json", "--ctx", "120", *more).out)

        self.fails(5, "-m", self.model(), "--chat", "--chat-template", self.plain, "--messages", path, "--ctx",
                   "120", message=["120", "context"])
        shifted = self.answer("--messages", path, "--json", "--ctx", "120", "--context-shift")
        got = json.loads(shifted.out)
        left_out = int(re.search(r"the oldest (\d+) messages", shifted.err)[1])
        want = answer(turns[:1] + turns[1 + left_out:])
        self.assertEqual((got["ids"], got["prompt_tokens"]), (want["ids"], want["prompt_tokens"]))
        # Half of the context at most; with one exchange more it would be more than that.
        self.assertLessEqual(want["prompt_tokens"], 60)
        self.assertGreater(answer(turns[:1] + turns[left_out - 1:])["prompt_tokens"], 60)
        # The last exchange stays whatever it takes, and its answer ends with the context.
        alone = answer(turns[-1:], "--context-shift", "-n", "-1", "--ignore-eos", "--loop-stop", "0")
        self.assertEqual(alone["finish_reason"], "context")
        self.fails(5, "-m", self.model(), "--chat", "--chat-template", self.plain, "--context-shift", "--ctx", "9",
                   "-p", "this is too long for that", message="9")

    def test_an_objects_other_members_stay(self):
        path = self.write("h.json", '{"tools": [{"x": 1.50}], "messages": [{"role":"user","content":"A"},'
                                    '{"role":"assistant","content":"B"}]}')
        self.answer("--history", path, "-p", "C")
        self.assertIn('{"x":1.50}', path.read_text().replace(" ", ""))
        history = json.loads(path.read_text())
        self.assertEqual([m["content"] for m in history["messages"]][:3], ["A", "B", "C"])
        self.assertEqual(len(history["messages"]), 4)

    def test_a_turn_that_fails_leaves_the_history_as_it_was(self):
        self.answer("--history", "h.json", "-p", "One")
        before = (self.folder / "h.json").read_bytes()
        run = ["-m", self.model(), "--chat", "--history", "h.json", "-p", "x", "--chat-template", self.plain]
        self.fails(5, *run, "--ctx", "4")
        self.fails(2, *run, "--system", "late", message="system")
        self.fails(4, *run, "-o", "absent/out")
        self.fails(4, *run, "--history", "absent/h.json", message="absent")
        self.assertEqual((self.folder / "h.json").read_bytes(), before)
        self.write("h.json", "[1")
        self.fails(3, *run, message="h.json")
        self.assertEqual((self.folder / "h.json").read_text(), "[1")

    def test_options_that_contradict_each_other(self):
        model = ["-m", self.model(), "-p", "x"]
        self.fails(2, *model, "--messages", "m.json", message="--chat")
        self.fails(2, *model, "--history", "m.json", message="--chat")
        self.fails(2, *model, "--chat", "--history", "-", message="--history")
        self.fails(2, *model, "--reasoning", "drop", message="--chat")
        self.fails(2, *model, "--chat", "--messages", "a", "--history", "b", message="exclude")
        self.fails(2, "-m", self.model(), "--jsonl", "--chat", "--messages", "a", message="--jsonl")


class Reasoning(ChatTest):
    def setUp(self):
        super().setUp()
        # The prompt ends inside of reasoning, which this model never ends.
        self.open = self.write("open.jinja", "{{ messages[0].content }}<think>\n")
        self.chat = ["-m", self.model(), "--chat", "--chat-template", self.open, "-p", "Hello", "-n", "9"]
        self.kept = self.ok(*self.chat).out

    def test_is_kept_dropped_or_stands_apart(self):
        self.assertEqual(self.ok(*self.chat, "--reasoning", "keep").out, self.kept)
        self.assertEqual(self.ok(*self.chat, "--reasoning", "drop").out, "")
        apart = self.ok(*self.chat, "--reasoning", "separate")
        self.assertEqual(apart.out, "")
        self.assertEqual(apart.err.strip(), self.kept.strip())
        answer = json.loads(self.ok(*self.chat, "--reasoning", "separate", "--json").out)
        self.assertEqual((answer["text"], answer["reasoning"]), ("", self.kept.strip()))
        self.assertNotIn("reasoning", json.loads(self.ok(*self.chat, "--json").out))

    def test_stands_apart_unasked_where_its_marks_are_control_tokens(self):
        path = pathlib.Path(self.data("golden/models/tiny-llama")) / "tokenizer_config.json"
        config = json.loads(path.read_text())
        config["added_tokens_decoder"] = {"400": {"content": "[THINK]", "special": True}}
        model = self.model(tokenizer_config__json=json.dumps(config))
        plain = self.write("plain.jinja", "{{ messages[0].content }}")
        run = ["-m", model, "--chat", "--chat-template", plain, "-p", "Hello", "-n", "3", "--json"]
        self.assertEqual(json.loads(self.ok(*run).out)["reasoning"], "")
        self.assertNotIn("reasoning", json.loads(self.ok(*run, "--reasoning", "keep").out))

    def test_records_have_it(self):
        row = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
        run = ["-m", self.model(), "--jsonl", "--chat-template", self.open, "--reasoning"]
        record = json.loads(self.ok(*run, "separate", stdin=json.dumps(row)).out)
        self.assertEqual((record["text"], record["reasoning"]), ("", self.kept.strip()))
        record = json.loads(self.ok(*run, "drop", stdin=json.dumps(row)).out)
        self.assertEqual((record["text"], record.get("reasoning")), ("", None))
        body = {"custom_id": "x", "url": "/v1/chat/completions", "body": row}
        record = json.loads(self.ok(*run, "separate", stdin=json.dumps(body)).out)
        message = record["response"]["body"]["choices"][0]["message"]
        self.assertEqual((message["content"], message["reasoning_content"]), ("", self.kept.strip()))

    def test_a_history_has_it(self):
        self.ok(*self.chat, "--reasoning", "separate", "--history", "h.json")
        answer = json.loads((self.folder / "h.json").read_text())[1]
        self.assertEqual((answer["content"], answer["reasoning_content"]), ("", self.kept.strip()))


class Defaults(ChatTest):
    CONFIG = json.dumps({"do_sample": True, "temperature": 0.5, "top_k": 7, "top_p": 0.75,
                         "repetition_penalty": 1.25, "eos_token_id": 2})

    def note(self, model, *arguments):
        result = self.ok("-m", model, "--chat", "--chat-template", self.plain, "-p", "Hi", "-n", "3", "-v",
                         *arguments)
        found = re.search(r"--temp .*", result.err)
        return found[0] if found else ""

    def test_a_conversation_is_drawn_as_the_model_says_and_v_shows_it(self):
        model = self.model(generation_config__json=self.CONFIG)
        wanted = "--temp 0.5 --top-k 7 --top-p 0.75 --min-p 0 --repeat-penalty 1.25 --repeat-last -1 --seed 0"
        self.assertEqual(self.note(model), wanted)
        self.ok(model, "-o", "m.lathe", tool="convert")
        self.assertEqual(self.note("m.lathe"), wanted)
        given = ["--temp", "0.5", "--top-k", "7", "--top-p", "0.75", "--repeat-penalty", "1.25", "--repeat-last", "-1"]
        chat = ["--chat", "--chat-template", self.plain, "-p", "Hi", "-n", "20"]
        plain = self.folder / "plain"
        (self.folder / "model").rename(plain)
        self.assertEqual(self.ok("-m", plain, *chat).out, self.ok("-m", self.model(), *chat, *given).out)

    def test_gguf_files_of_others_say_it_with_keys(self):
        tiny_models.gguf(self.folder / "k.gguf", [
            ("general.sampling.temp", 6, 0.6), ("general.sampling.top_k", 4, 20),
            ("general.sampling.top_p", 6, 0.95)])
        wanted = "--temp 0.6 --top-k 20 --top-p 0.95 --min-p 0 "
        self.assertIn(wanted, self.note("k.gguf"))
        self.ok("k.gguf", "-o", "k.lathe", tool="convert")
        self.assertIn(wanted, self.note("k.lathe"))

    def test_options_come_before_it(self):
        model = self.model(generation_config__json=self.CONFIG)
        self.assertIn("--temp 0 --top-k 7 --top-p 1 ", self.note(model, "--temp", "0", "--top-p", "1"))

    def test_it_says_nothing_of_plain_texts(self):
        greedy = self.ok("-m", self.model(), "-p", "Hi", "-n", "9").out
        self.assertEqual(self.ok("-m", self.model(generation_config__json=self.CONFIG), "-p", "Hi", "-n", "9").out,
                         greedy)

    def test_a_model_that_does_not_draw_is_greedy(self):
        config = json.dumps({"do_sample": False, "temperature": 0.5, "top_k": 7})
        self.assertIn("--temp 0 ", self.note(self.model(generation_config__json=config)))

    def test_what_is_not_done_is_said(self):
        config = json.dumps({"num_beams": 4, "typical_p": 1.0, "min_length": 0, "bad_words_ids": None,
                             "no_repeat_ngram_size": 3})
        result = self.ok("-m", self.model(generation_config__json=config), "--chat", "--chat-template",
                         self.plain, "-p", "x", "-n", "1")
        self.assertIn("num_beams, no_repeat_ngram_size", result.err)
        for neutral in ("typical_p", "min_length", "bad_words"):
            self.assertNotIn(neutral, result.err)

    def test_values_that_are_none_are_named(self):
        for config, name in (({"temperature": "hot"}, "temperature"), ({"top_p": 7}, "top_p"),
                             ({"repetition_penalty": 0}, "repetition_penalty"), ({"top_k": 1.5}, "top_k")):
            self.fails(3, "-m", self.model(generation_config__json=json.dumps(config)), "--chat",
                       "--chat-template", self.plain, "-p", "x", message=name)

    def test_an_answer_that_repeats_itself_ends_with_a_notice(self):
        # This model repeats one token without end.
        chat = ["-m", self.model(), "--chat", "--chat-template", self.write("t", "{{ messages[0].content }}"),
                "-p", "Once upon a time", "-n", "60", "--json"]
        stopped = self.ok(*chat, "--loop-stop", "9")
        answer = json.loads(stopped.out)
        self.assertEqual(answer["finish_reason"], "loop")
        self.assertLess(answer["tokens"], 30)
        self.assertIn("--loop-stop", stopped.err)
        free = self.ok(*chat, "--loop-stop", "0")
        self.assertEqual((json.loads(free.out)["tokens"], free.err), (60, ""))
        drawn = self.ok(*chat, "--loop-stop", "9", "--temp", "0.001")
        self.assertEqual(json.loads(drawn.out)["tokens"], 60)
        plain = self.ok("-m", self.model(), "-p", "Once upon a time", "-n", "60", "--json")
        self.assertEqual(json.loads(plain.out)["tokens"], 60)

    def test_a_text_for_a_model_of_conversations_is_noticed_once(self):
        config = json.loads((self.model() / "tokenizer_config.json").read_text())
        model = self.model(tokenizer_config__json=json.dumps({**config, "chat_template": PLAIN}))
        result = self.ok("-m", model, "-p", "Hi", "-n", "1")
        self.assertEqual(result.err.count("--chat"), 1)
        for quiet in (["-q", "-p", "Hi"], ["--chat", "-p", "Hi"]):
            self.assertEqual(self.ok("-m", model, *quiet, "-n", "1").err, "")


class Talk(ChatTest):
    """At a terminal, which a pseudo-terminal is."""

    def start(self, *arguments, **files):
        parent, child = pty.openpty()
        words = [program("generate"), "-m", str(self.model(**files)), "--chat", "--chat-template", str(self.plain),
                 *arguments]
        self.process = subprocess.Popen(words, stdin=child, stdout=child, stderr=subprocess.PIPE,
                                        cwd=self.folder, env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
                                        start_new_session=True,
                                        preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
        os.close(child)
        self.terminal, self.seen = parent, ""
        self.addCleanup(os.close, parent)
        self.addCleanup(self.process.kill)
        self.addCleanup(self.process.stderr.close)

    def wait_for(self, pattern, seconds=TIMEOUT):
        """Reads on until the pattern comes; returns what came up to its end."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, f"no {pattern!r} in {self.seen!r}")
            try:
                self.seen += os.read(self.terminal, 4096).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                self.fail(f"no {pattern!r} in {self.seen!r}")
        out, self.seen = self.seen[:found.end()], self.seen[found.end():]
        return out

    def type(self, text):
        os.write(self.terminal, text.encode())

    def prompt(self):
        return self.wait_for(r"\x1b\[\?2004h[^\n]*> ")

    def end(self):
        self.type("\x04")
        status = self.process.wait(TIMEOUT)
        return status, self.process.stderr.read().decode()

    def test_messages_are_answered_until_control_d(self):
        self.start("-n", "4", "--history", "h.json", "-v")
        self.prompt()
        self.type("Hello\n")
        self.prompt()
        self.type("And näw?\n")
        self.prompt()
        status, err = self.end()
        self.assertEqual(status, 0, err)
        history = json.loads((self.folder / "h.json").read_text())
        self.assertEqual([m["role"] for m in history], ["user", "assistant"] * 2)
        self.assertEqual([history[0]["content"], history[2]["content"]], ["Hello", "And näw?"])
        # The second prompt begins with the first and its answer, which are not read again.
        reused = re.findall(r"(\d+) of them read before", err)
        self.assertEqual(reused[0], "0")
        self.assertGreater(int(reused[1]), 8)
        self.assertIn("/help", err)

    def test_lines_that_are_pasted_together_are_one_message(self):
        self.start("-n", "2", "--history", "h.json")
        self.prompt()
        self.type("\x1b[200~one\rtwo\nthree\x1b[201~")
        time.sleep(0.2)
        self.type("\n")
        self.prompt()
        self.assertEqual(self.end()[0], 0)
        history = json.loads((self.folder / "h.json").read_text())
        self.assertEqual(history[0]["content"], "one\ntwo\nthree")

    def start_endless(self, *arguments):
        """Answers longer than what a terminal holds unread: they cannot end before they are stopped."""
        config = json.loads((pathlib.Path(self.data("golden/models/tiny-llama")) / "config.json").read_text())
        config["max_position_embeddings"] = 1 << 17
        self.start("--loop-stop", "0", "--ignore-eos", "-v", *arguments, config__json=json.dumps(config))

    def test_control_c_stops_an_answer_and_gives_a_line_up(self):
        self.start_endless("--history", "h.json")
        self.prompt()
        self.type("to be given up\x03")
        self.prompt()
        self.type("Go\n")
        self.wait_for(r"Go\r?\n(.|\n)*\w")
        self.type("\x03")
        self.prompt()
        status, err = self.end()
        self.assertEqual(status, 0, err)
        self.assertIn("(cancelled)", err)
        history = json.loads((self.folder / "h.json").read_text())
        self.assertEqual([m["content"] for m in history][:1], ["Go"])
        self.assertEqual(len(history), 2)

    def test_control_c_before_the_first_word_stops_the_answer(self):
        self.start_endless()
        for _ in range(5):
            self.prompt()
            self.type("Go\n")
            self.wait_for(re.escape("\x1b[?2004l"))
            self.type("\x03")
        self.prompt()
        status, err = self.end()
        self.assertEqual(status, 0, err)
        self.assertEqual(err.count("(cancelled)"), 5, err)

    def test_commands_are_few_and_listed(self):
        self.start("-n", "2")
        self.prompt()
        for line in ("Hi", "/help", "/nonsense", "/save said.json", "/clear", "//slash", "/save after.json"):
            self.type(line + "\n")
            self.prompt()
        self.type("/quit\n")
        self.assertEqual(self.process.wait(TIMEOUT), 0)
        err = self.process.stderr.read().decode()
        for part in ("/clear", "/save", "/quit", '"/nonsense"'):
            self.assertIn(part, err)
        said = json.loads((self.folder / "said.json").read_text())
        self.assertEqual([m["role"] for m in said], ["user", "assistant"])
        after = json.loads((self.folder / "after.json").read_text())
        self.assertEqual([after[0]["content"], len(after)], ["/slash", 2])

    def test_a_turn_that_does_not_fit_leaves_the_conversation(self):
        self.start("-n", "2", "--ctx", "24", "--history", "h.json")
        self.prompt()
        self.type("this is by far too long for so small a context, is it not\n")
        self.prompt()
        self.type("a\n")
        self.prompt()
        status, err = self.end()
        self.assertEqual(status, 0, err)
        self.assertIn("context", err)
        self.assertEqual(json.loads((self.folder / "h.json").read_text())[0]["content"], "a")

    def test_a_conversation_without_end(self):
        self.start("-n", "2", "--ctx", "40", "--context-shift", "--history", "h.json")
        self.prompt()
        for number in range(12):
            self.type(f"Message {number}\n")
            self.prompt()
        status, err = self.end()
        self.assertEqual(status, 0, err)
        self.assertIn("no longer sees the oldest", err)
        self.assertNotIn("/clear begins", err)
        said = [m["content"] for m in json.loads((self.folder / "h.json").read_text())]
        self.assertEqual(said[::2], [f"Message {number}" for number in range(12)])

    def test_options_that_mean_nothing_here_are_refused(self):
        for option in (["--cache-dir", "c"], ["--echo"]):
            self.start(*option)
            self.assertEqual(self.process.wait(TIMEOUT), 2)
            self.assertIn(option[0], self.process.stderr.read().decode())

    def test_a_pipe_stays_a_filter(self):
        result = self.ok("-m", self.model(), "--chat", "--chat-template", self.plain, "-n", "2", stdin="Hi\n")
        self.assertNotIn("\x1b", result.out)
        self.assertEqual(result.err, "")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
