#!/usr/bin/env python3
"""Whether `tokenize --chat --render` prints what transformers' apply_chat_template() does.

    chat_templates.py TOKENIZE FOLDER [-j N] [-v]        compare, for the templates of a folder
    chat_templates.py --write OUT FOLDER                 what transformers prints, as goldens

Each FOLDER/*.jinja is run on a matrix of conversations: with and without a system message, several
turns, tools, calls and their results, reasoning, parts of text, odd roles and orders; each with
thinking on, off and unsaid, and with the generation prompt on and off. A text has to be equal byte
for byte, and where transformers raises an exception, tokenize has to end with an error. The last
line says how many are; the status is 1 when some are not.

testdata/golden/chat was made with --write from the templates in it. Other people's templates are
compared, not kept.

Needs the Python packages transformers, tokenizers and jinja2; nothing else in this project does.
"""
import argparse
import concurrent.futures
import copy
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

DATE = 1795996923  # 2026-11-30 01:22:03 UTC
os.environ["TZ"] = "UTC"
time.tzset()

U, A, S, T, D = "user", "assistant", "system", "tool", "developer"


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def function(name, description, properties, required=()):
    return {"type": "function", "function": {
        "name": name, "description": description,
        "parameters": {"type": "object", "properties": properties, "required": list(required)}}}


TOOLS = [
    function("get_weather", "The weather in a \"town\" <now> & then.", {
        "town": {"type": "string", "description": "Its name, as in Zürich"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "description": "How many"}}, ["town"]),
    function("add", "Adds numbers.", {
        "numbers": {"type": "array", "items": {"type": "number"}},
        "options": {"type": "object", "properties": {"round": {"type": "boolean"}}},
        "mode": {"type": ["string", "null"]}}, ["numbers"]),
    function("noop", "Does nothing", {}),
]


def call(name, arguments, number=None, as_text=False):
    out = {"type": "function", "function": {
        "name": name, "arguments": json.dumps(arguments) if as_text else arguments}}
    return out if number is None else {"id": number, **out}


def asked(as_text=False):
    return message(A, "", tool_calls=[
        call("get_weather", {"town": "Zürich", "unit": "celsius", "days": 2, "x": None, "y": [1.5, True]},
             "call00001", as_text)])


RESULT = message(T, '{"temperature": 7.5}', tool_call_id="call00001", name="get_weather")
MANY = [message(A, None, tool_calls=[call("add", {"numbers": [1, 2.5, -3]}, "aaaaaaaaa"),
                                     call("noop", {}, "bbbbbbbbb")]),
        message(T, "0.5", tool_call_id="aaaaaaaaa", name="add"),
        message(T, "", tool_call_id="bbbbbbbbb", name="noop")]
ODD = "  a <b> & \"c\" 'd'\n\n\te\\n {{ x }} {% y %} Straße 日本 🙂 <|im_end|> [INST] \r\n "

CONVERSATIONS = {
    "user": [message(U, "Hi")],
    "system": [message(S, "Be brief."), message(U, "Hi")],
    "turns": [message(U, "One"), message(A, "Two"), message(U, "Three")],
    "system turns": [message(S, "Be brief."), message(U, "One"), message(A, "Two"),
                     message(U, "Three"), message(A, "Four"), message(U, "Five")],
    "answered": [message(S, "Be brief."), message(U, "One"), message(A, "Two")],
    "odd": [message(S, ODD), message(U, ODD), message(A, ODD), message(U, ODD)],
    "empty": [message(S, ""), message(U, "")],
    "blank": [message(S, " \n"), message(U, "\n x \n")],
    "developer": [message(D, "Be brief."), message(U, "Hi")],
    "system only": [message(S, "Be brief.")],
    "two systems": [message(S, "A"), message(S, "B"), message(U, "Hi")],
    "late system": [message(U, "One"), message(S, "Be brief."), message(U, "Two")],
    "two users": [message(U, "One"), message(U, "Two")],
    "two answers": [message(U, "One"), message(A, "Two"), message(A, "Three"), message(U, "Four")],
    "answer first": [message(A, "Hello"), message(U, "Hi")],
    "strange role": [message("wizard", "Hi")],
    "parts": [message(U, [{"type": "text", "text": "One "}, {"type": "text", "text": "two"}])],
    "parts turns": [message(S, [{"type": "text", "text": "Be brief."}]),
                    message(U, [{"type": "text", "text": "One"}]),
                    message(A, [{"type": "text", "text": "Two"}]), message(U, "Three")],
    "thought": [message(U, "One"), message(A, "Two", reasoning_content="I think\nso."),
                message(U, "Three")],
    "thought last": [message(U, "One"), message(A, "Two", reasoning_content="I think.")],
    "thinking": [message(U, "One"), message(A, "Two", thinking="I think."), message(U, "Three")],
    "reasoning": [message(U, "One"), message(A, "Two", reasoning="I think."), message(U, "Three")],
    "think tags": [message(U, "One"), message(A, "<think>\nI think.\n</think>\n\nTwo"),
                   message(U, "Three")],
    "tool": [message(U, "Weather?"), asked(), RESULT],
    "tool text": [message(U, "Weather?"), asked(True), RESULT],
    "tool turns": [message(S, "Be brief."), message(U, "Weather?"), asked(), RESULT,
                   message(A, "7.5 degrees."), message(U, "And now?")],
    "tool thought": [message(U, "Weather?"), {**asked(), "reasoning_content": "Ask."}, RESULT],
    "tool said": [message(U, "Weather?"), {**asked(), "content": "I ask."}, RESULT,
                  message(A, "Cold.")],
    "tools many": [message(U, "Add."), *MANY],
    "tools many turns": [message(U, "Add."), *MANY, message(A, "Done."), message(U, "Again."), *MANY],
    "called": [message(U, "Weather?"), asked()],
    "called text": [message(U, "Weather?"), asked(True)],
    "result only": [message(U, "Weather?"), RESULT],
    "result object": [message(U, "Weather?"), asked(),
                      {"role": T, "content": {"temperature": 7.5, "sky": None}, "name": "get_weather",
                       "tool_call_id": "call00001"}],
    "result parts": [message(U, "Weather?"), asked(),
                     {**RESULT, "content": [{"type": "text", "text": "cold"}]}],
    "no content": [message(U, "Weather?"), {k: v for k, v in asked().items() if k != "content"}, RESULT],
}
# Those that are run with the tools, too.
WITH_TOOLS = ["user", "system", "developer", "system turns", "parts", "thought", "two users"]
WITH_TOOLS += [name for name in CONVERSATIONS if re.match("tool|called|result|no content", name)]

ARGUMENTS = {
    "": {},
    "thinking": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"},
    "no thinking": {"enable_thinking": False, "thinking": False, "reasoning_effort": "low"},
}


def matrix():
    """(name, request as tokenize --chat reads it)"""
    for name, messages in CONVERSATIONS.items():
        for tools in ([False, True] if name in WITH_TOOLS else [False]):
            for said, arguments in ARGUMENTS.items():
                for generation in (True, False):
                    request = {"messages": messages, "add_generation_prompt": generation}
                    if tools:
                        request["tools"] = TOOLS
                    if arguments:
                        request["template_args"] = arguments
                    full = ", ".join([name] + ["tools"] * tools + [said] * bool(said) +
                                     ["no prompt"] * (not generation))
                    yield full, request


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(DATE, tz)


def make_tokenizer(folder):
    """A token for each byte, which is all that a template can see of a tokenizer, beside its BOS and EOS."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    letters = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    from transformers import PreTrainedTokenizerFast
    out = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    out.save_pretrained(folder)
    return out


def expected(tokenizer, template, request):
    """The text, or None and why there is none."""
    request = copy.deepcopy(request)
    try:
        return tokenizer.apply_chat_template(
            request["messages"], tools=request.get("tools"), chat_template=template, tokenize=False,
            add_generation_prompt=request["add_generation_prompt"], **request.get("template_args", {})), ""
    except Exception as error:  # whatever a template does
        return None, f"{type(error).__name__}: {error}"


def ours(tokenize, folder, template, path):
    done = subprocess.run([tokenize, "-m", folder, "--chat", path, "--render", "--chat-template", template],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=os.environ | {"SOURCE_DATE_EPOCH": str(DATE)}, check=False)
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "surrogateescape"), ""
    return None, f"{done.returncode}: {done.stderr.decode().strip().splitlines()[-1]}"


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at}: {a[max(0, at - 40):at + 40]!r} / {b[max(0, at - 40):at + 40]!r}"


def compare(arguments, tokenizer, folder):
    requests = list(matrix())
    for i, (_, request) in enumerate(requests):
        (folder / f"{i}.json").write_text(json.dumps(request, ensure_ascii=False), "utf-8")
    equal = total = raised = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        for path in sorted(arguments.folder.glob("*.jinja")):
            template = path.read_text("utf-8")
            got = list(pool.map(lambda i, path=path: ours(arguments.tokenize, folder, path, folder / f"{i}.json"),
                                range(len(requests))))
            bad = []
            for (name, request), (text, error) in zip(requests, got):
                want, why = expected(tokenizer, template, request)
                raised += want is None
                if want != text:
                    detail = (first_difference(want, text) if None not in (want, text) else
                              f"transformers: {why or 'a text'}; tokenize: {error or 'a text'}")
                    bad.append(f"    {name}: {detail}")
                elif text is None and error[:2] not in ("3:", "5:"):
                    bad.append(f"    {name}: {error}; transformers: {why}")
            print(f"{path.name}: {len(requests) - len(bad)} of {len(requests)}", flush=True)
            for line in bad if arguments.v else bad[:3]:
                print(line)
            equal += len(requests) - len(bad)
            total += len(requests)
    print(f"{equal} of {total} equal, {raised} of them errors")
    return equal == total


def write(arguments, tokenizer):
    """A line [template, request, text or null] each; not all of the matrix, so that it stays small."""
    with open(arguments.write, "w", encoding="utf-8") as out:
        for path in sorted(arguments.folder.glob("*.jinja")):
            template = path.read_text("utf-8")
            for name, request in matrix():
                unsaid = request["add_generation_prompt"] and "template_args" not in request
                if unsaid or ("tools" not in request and name.endswith("no thinking, no prompt")):
                    text, _ = expected(tokenizer, template, request)
                    out.write(json.dumps([path.name, request, text], ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokenize", nargs="?")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--write")
    parser.add_argument("-j", type=int, default=2)
    parser.add_argument("-v", action="store_true")
    arguments = parser.parse_args()
    from transformers.utils import chat_template_utils
    chat_template_utils.datetime = FixedDate
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokenizer = make_tokenizer(folder)
        if arguments.write:
            write(arguments, tokenizer)
        elif not compare(arguments, tokenizer, folder):
            sys.exit(1)


main()
