"""tokenize: ids, pieces, counts, lines and back, with a real process."""
import json

from harness import ToolTest, main

# A byte-level vocabulary without merges: a byte's id is its place.
PRINTABLE = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]


def byte_chars():
    table, extra = {}, 0x100
    for b in range(256):
        if b in PRINTABLE:
            table[b] = chr(b)
        else:
            table[b] = chr(extra)
            extra += 1
    return table


def small_tokenizer():
    vocab = {c: b for b, c in byte_chars().items()}
    vocab["th"] = 256
    vocab["the"] = 257
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    return json.dumps({
        "added_tokens": [{"id": 258, "content": "<s>", "special": True, "normalized": False}],
        "pre_tokenizer": level, "decoder": level,
        "post_processor": {"type": "TemplateProcessing", "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [258], "tokens": ["<s>"]}}},
        "model": {"type": "BPE", "vocab": vocab, "merges": ["t h", "th e"]}})


class Tokenize(ToolTest):
    tool = "tokenize"

    def setUp(self):
        super().setUp()
        self.model = self.write("tokenizer.json", small_tokenizer())

    def text(self, stdin, *arguments):
        return self.ok("-m", self.model, *arguments, stdin=stdin).stdout

    def test_ids(self):
        self.assertEqual(self.text("the t"), b"258 257 32 116\n")
        self.assertEqual(self.text("the t", "--ids", "--no-special"), b"257 32 116\n")
        self.assertEqual(self.text(""), b"258\n")

    def test_pieces_are_escaped(self):
        self.assertEqual(self.text("the \n", "--pieces"), "<s> the Ġ Ċ\n".encode())

    def test_pieces_reach_no_terminal_raw(self):
        tokenizer = json.loads(small_tokenizer())
        tokenizer["added_tokens"] += [{"id": 259, "content": "a\u009b31m\u202eb \"q\" \\", "special": False, "normalized": False}]
        model = self.write("hostile.json", json.dumps(tokenizer))
        result = self.ok("-m", model, "--pieces", "--no-special", stdin="a\u009b31m\u202eb \"q\" \\")
        self.assertEqual(result.stdout, b'a\\xc2\\x9b31m\\xe2\\x80\\xaeb\\x20"q"\\x20\\\\\n')

    def test_a_line_that_cannot_be_encoded_is_no_other_lines_affair(self):
        tokenizer = json.loads(small_tokenizer())
        tokenizer["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(?=[\\s\\S]*Z)x|[\\s\\S]"},
                                      "behavior": "Isolated", "invert": False}
        model = self.write("hostile.json", json.dumps(tokenizer))
        result = self.run_tool("-m", model, "--lines", "--no-special", "--count", stdin="ab\n" + "a" * 100000 + "\nabc\n")
        self.assertEqual((result.status, result.stdout), (1, b"2\n\n3\n"), result)
        self.assertIn("line 2: the regex", result.err)

    def test_a_mark_of_the_byte_order_is_no_text(self):
        self.assertEqual(self.text(b"\xef\xbb\xbfthe"), b"258 257\n")
        self.assertEqual(self.text(b"\xef\xbb\xbfthe\nt\n", "--lines", "--no-special"), b"257\n116\n")
        self.assertEqual(self.text(b"the\xef\xbb\xbf", "--no-special"), b"257 239 187 191\n")

    def test_two_tokens_that_begin_a_text_are_warned_of(self):
        result = self.ok("-m", self.model, "--special", stdin="<s>the")
        self.assertEqual(result.stdout, b"258 258 257\n")
        self.assertIn('the text begins with "<s>", which is put in front of it anyhow', result.err)
        self.assertEqual(self.ok("-m", self.model, "--special", "--no-special", stdin="<s>the").err, "")
        self.assertEqual(self.ok("-m", self.model, stdin="<s>the").err, "")

    def test_check_says_what_does_not_come_back(self):
        self.assertEqual(self.text("the\u00e9 \n\t<s>", "--check", "--count"), b"10\n")
        result = self.run_tool("-m", self.model, "--check", "--count", "--no-special", stdin=b"the\xff")
        self.assertEqual((result.status, result.stdout), (1, b"4\n"), result)
        self.assertIn('from byte 3 on it has "\\xff", they', result.err)
        tokenizer = json.loads(small_tokenizer())
        tokenizer["normalizer"] = {"type": "Lowercase"}
        model = self.write("lower.json", json.dumps(tokenizer))
        result = self.run_tool("-m", model, "--check", "--lines", "--count", stdin="the\nThe\n")
        self.assertEqual((result.status, result.stdout), (1, b"2\n2\n"), result)
        self.assertIn('line 2 does not come back from its ids: from byte 0 on it has "The", they "the"', result.err)

    def test_ids_of_rows_without_a_token_have_no_text(self):
        (self.folder / "model").mkdir()
        self.write("model/tokenizer.json", small_tokenizer())
        self.write("model/config.json", json.dumps({"vocab_size": 300}))
        self.assertEqual(self.ok("-m", "model", "--decode", stdin="257 299 116").stdout, b"thet")
        self.fails(3, "-m", "model", "--decode", stdin="257 300", message="300")
        self.write("model/config.json", json.dumps({"vocab_size": 257}))
        self.fails(3, "-m", "model", stdin="t", message='"the" with the id 257')

    def test_count(self):
        self.assertEqual(self.text("the the", "--count", "--no-special"), b"3\n")

    def test_special_tokens_need_the_option(self):
        self.assertEqual(self.text("<s>", "--no-special"), b"60 115 62\n")
        self.assertEqual(self.text("<s>", "--no-special", "--special"), b"258\n")

    def test_json(self):
        self.assertEqual(json.loads(self.text("the", "--json", "--pieces")),
                         {"count": 2, "ids": [258, 257], "pieces": ["<s>", "the"]})

    def test_lines_are_documents(self):
        self.assertEqual(self.text("the\n\nt\r\n", "--lines", "--no-special"), b"257\n\n116\n")
        self.assertEqual(self.text("the\nt", "--lines", "--count"), b"2\n2\n")
        records = self.text("the\n\n", "--lines", "--json", "--no-special").splitlines()
        self.assertEqual([json.loads(r) for r in records], [{"count": 1, "ids": [257]}, {"count": 0, "ids": []}])

    def test_decode(self):
        text = "the  q\tü 你好\n"
        ids = self.text(text)
        self.assertEqual(self.text(ids, "--decode"), text.encode())
        self.assertEqual(self.text("[258, 257]", "--decode"), b"the")
        self.assertEqual(self.text("[258, 257]", "--decode", "--special"), b"<s>the")
        self.assertEqual(self.text("257\n116\n", "--decode", "--lines"), b"the\nt\n")

    def test_any_bytes_come_back_or_become_replacement_characters(self):
        ids = self.text(b"a\x00\x7f\xff", "--no-special")
        self.assertEqual(self.text(ids, "--decode"), b"a\x00\x7f\xef\xbf\xbd")

    def test_bad_ids(self):
        self.fails(3, "-m", self.model, "--decode", stdin="1 x 2", message='"x" at offset 2')
        self.fails(3, "-m", self.model, "--decode", stdin="9999", message="9999")
        self.fails(3, "-m", self.model, "--decode", stdin="99999999999999999999", message="no token id")

    def test_bad_lines_keep_the_records_in_step(self):
        result = self.run_tool("-m", self.model, "--decode", "--lines", stdin="257\nx\n116\n")
        self.assertEqual((result.status, result.stdout), (1, b"the\n\nt\n"))
        result = self.run_tool("-m", self.model, "--decode", "--lines", "--json", stdin="257\nx\n")
        self.assertEqual(result.status, 1)
        self.assertEqual([*map(json.loads, result.stdout.splitlines())][1]["error"]["code"], 3)

    def test_threads_change_nothing(self):
        text = ("the theory of 'things' that\n  1234 they've\t" * 20000).encode()
        one = self.text(text, "-t", "1")
        self.assertEqual(one, self.text(text, "-t", "3"))
        lines = self.text(text, "-t", "1", "--lines")
        self.assertEqual(lines, self.text(text, "-t", "3", "--lines"))

    def test_output_file(self):
        self.ok("-m", self.model, "-o", "ids", stdin="the")
        self.assertEqual((self.folder / "ids").read_bytes(), b"258 257\n")
        self.fails(4, "-m", self.model, "-o", "ids", stdin="t", message="ids")
        self.assertEqual((self.folder / "ids").read_bytes(), b"258 257\n")

    def test_full_disk_and_closed_pipe(self):
        result = self.shell(f"tokenize -m {self.model} -i {self.write('t', 'the ' * 100000)} > /dev/full")
        self.assertEqual(result.status, 4, result)
        result = self.shell(f"tokenize -m {self.model} -i {self.folder / 't'} | head -c 10")
        self.assertEqual((result.stdout, result.stderr), (b"258 257 32", b""), result)

    def test_a_pipe_that_waits_is_answered(self):
        script = f"""
coproc tokenize -m {self.model} --lines --no-special
for word in the t the; do echo "$word" >&"${{COPROC[1]}}"; read -r -t 60 ids <&"${{COPROC[0]}}" || exit 9; echo "$ids"; done
"""
        result = self.shell(script)
        self.assertEqual((result.status, result.stdout), (0, b"257\n116\n257\n"), result)

    def test_usage_and_missing_files(self):
        self.fails(2, "-m", self.model, "--count", "--pieces", stdin="")
        self.fails(4, "-m", "absent.json", stdin="", message="absent.json")
        self.fails(4, "-m", self.model, "-i", "absent.txt", message="absent.txt")
        self.fails(3, "-m", self.write("empty", b""), stdin="", message="empty")
        self.fails(3, "-m", self.write("cut.json", small_tokenizer()[:-20]), stdin="", message="cut.json")
        self.fails(6, "-m", self.write("u.json", '{"model":{"type":"Unigram","vocab":[]}}'), stdin="", message="Unigram")

    def test_real_vocabularies(self):
        for model, ids in (("vocab/ggml-vocab-gpt-2.gguf", b"15496 995 198\n"),
                           ("vocab/ggml-vocab-llama-spm.gguf", b"1 15043 3186 13\n"),
                           ("llama2-tokenizer.model", b"1 15043 3186 13\n")):
            self.assertEqual(self.ok("-m", self.shared(model), stdin="Hello world\n").stdout, ids)

    def test_llama2c_tokenizer(self):
        result = self.ok("-m", self.shared("tok512.bin"), "--pieces", stdin="Once upon a time")
        self.assertEqual(result.out, "<s> ▁Once ▁upon ▁a ▁time\n")


class GrammarCheck(ToolTest):
    tool = "tokenize"

    def test_says_of_each_line_whether_a_grammar_accepts_it(self):
        self.write("g.gbnf", 'root ::= "a"+ "\\x1b"? | "é"\n')
        result = self.run_tool("--grammar", "g.gbnf", "--check", stdin="aaa\n\nab\x1b\né\r\n".encode())
        self.assertEqual(result.status, 1, result)
        self.assertEqual(result.out, 'accepted\nunfinished at byte 0\nwrong at byte 1: "b\\x1b"\naccepted\n')

    def test_gives_json(self):
        self.write("g.gbnf", 'root ::= "ab"\n')
        result = self.run_tool("--grammar", "g.gbnf", "--check", "--json", stdin="ab\na\nb\n")
        self.assertEqual([json.loads(line) for line in result.out.splitlines()],
                         [{"accepted": True, "read": 2}, {"accepted": False, "read": 1, "unfinished": True},
                          {"accepted": False, "read": 0, "unfinished": False}])

    def test_refuses_what_makes_no_sense(self):
        self.write("g.gbnf", 'root ::= "ab"\nx ::= (')
        self.fails(3, "--grammar", "g.gbnf", "--check", message="line 2, column 7")
        self.fails(2, "--grammar", "g.gbnf", message="--check")
        self.fails(2, "--check", message="--model is required")


if __name__ == "__main__":
    main()
