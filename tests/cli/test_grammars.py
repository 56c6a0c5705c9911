"""generate with grammars, schemas, expressions and choices: whole processes, one answer and many."""
import json

from harness import ToolTest, main

PERSON = {"type": "object",
          "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0,
                                                                              "maximum": 130}},
          "required": ["name", "age"], "additionalProperties": False}


class Grammars(ToolTest):
    tool = "generate"

    def setUp(self):
        super().setUp()
        self.model = self.data("examples/village")

    def answer(self, *options):
        return json.loads(self.ok("-m", self.model, "-p", "A heron", "--json", "-n", "200", *options).stdout)

    def test_a_regex_is_matched_as_a_whole_at_any_temperature(self):
        for seed in range(5):
            out = self.answer("--regex", " [a-z]{3,9}( [0-9]{2}|!)", "--temp", "5", "--seed", str(seed))
            self.assertRegex(out["text"], r"\A [a-z]{3,9}( [0-9]{2}|!)\Z")
            self.assertEqual(out["finish_reason"], "stop")

    def test_a_choice_is_one_of_its_texts(self):
        out = self.answer("--choice", "yes", "--choice", "no", "--temp", "9", "--seed", "4")
        self.assertIn(out["text"], ("yes", "no"))

    def test_a_schema_gives_json_that_it_allows(self):
        self.write("person.json", json.dumps(PERSON))
        for seed in range(5):
            out = self.answer("--json-schema", "person.json", "--temp", "1.5", "--seed", str(seed))
            value = json.loads(out["text"])
            self.assertEqual(list(value), ["name", "age"])
            self.assertLessEqual(len(value["name"]), 12)
            self.assertTrue(0 <= value["age"] <= 130)

    def test_a_grammar_ends_the_answer_where_nothing_can_follow(self):
        self.write("g.gbnf", 'root ::= " " list\nlist ::= "[" (list ("," list)*)? "]" | [0-9]+ | "x"\n')
        out = self.answer("--grammar", "g.gbnf", "--temp", "2", "--seed", "3")
        self.assertRegex(out["text"], r"\A [\[\],0-9x]+\Z")

    def test_the_reason_says_when_an_answer_was_cut(self):
        for more in ((), ("--finish",)):
            out = self.ok("-m", self.model, "-p", "A", "--json", "-n", "3", "--regex", "[a-z ]{40}", *more).stdout
            self.assertEqual(json.loads(out)["finish_reason"], "length")
            self.assertIs(json.loads(out)["complete"], False)

    def test_an_answer_that_has_to_be_finished_is_whole(self):
        self.write("person.json", json.dumps(PERSON))
        for tokens in (45, 60, 75):
            for seed in range(3):
                out = json.loads(self.ok("-m", self.model, "-p", "A heron", "--json", "-n", str(tokens), "--finish",
                                         "--json-schema", "person.json", "--temp", "3", "--seed", str(seed)).stdout)
                self.assertEqual(list(json.loads(out["text"])), ["name", "age"])
                self.assertEqual(out["finish_reason"], "stop")
                self.assertLessEqual(out["tokens"], tokens)
                self.assertNotIn("complete", out)

    def test_rows_are_finished_where_they_or_all_ask_for_it(self):
        row = {"prompt": "A heron", "regex": "( [a-z]+)+ the end", "max_tokens": 30, "temp": 2, "seed": 1}
        text = "".join(json.dumps(r) + "\n" for r in (row, dict(row, finish=True)))
        cut, whole = self.records(text, 0)
        self.assertEqual((cut["finish_reason"], cut.get("complete")), ("length", False))
        self.assertEqual((whole["finish_reason"], whole.get("complete")), ("stop", None))
        self.assertTrue(whole["text"].endswith(" the end"))
        done = self.ok("--jsonl", "-q", "-m", self.model, "--finish", stdin=json.dumps(row) + "\n")
        self.assertEqual(json.loads(done.stdout)["text"], whole["text"])
        wrong, = self.records(json.dumps({"prompt": "A", "finish": True}) + "\n", 1)
        self.assertIn("finish", wrong["error"]["message"])
        self.fails(2, "-m", "absent", "-p", "x", "--finish", message="--finish")

    def test_a_context_that_is_empty_shows_no_space_and_the_grammar_knows(self):
        out = self.ok("-m", self.model, "-p", "", "--choice", "The miller", "--choice", "My aunt").stdout
        self.assertIn(out, (b"The miller", b"My aunt"))

    def test_rows_have_grammars_of_their_own_and_answers_are_those_of_solo_runs(self):
        rows = [{"prompt": "A heron", "regex": " [a-z]{5}"},
                {"prompt": "The miller"},
                {"prompt": "The miller", "guided_json": PERSON},
                {"prompt": "My aunt", "choice": [" one", " two"]},
                {"prompt": "A", "grammar": 'root ::= "a"+ "b"'},
                {"prompt": "A", "response_format": {"type": "json_object"}},
                {"prompt": "Who", "response_format": {"type": "json_schema", "json_schema": {
                    "name": "p", "strict": True, "schema": PERSON}}},
                {"prompt": "A", "guided_regex": "("},
                {"prompt": "A", "guided_json": {"not": {}}},
                {"prompt": "A", "guided_json": {"not": {}}, "lenient_schema": True},
                {"prompt": "A", "regex": "a", "choice": ["b"]}]
        rows = [dict(row, temperature=1.5, seed=11, max_tokens=120) for row in rows]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        together = self.records(text, 1)
        self.assertEqual(len(together), len(rows))
        for i, row in enumerate(rows):
            failed = i in (7, 8, 10)
            alone, = self.records(json.dumps(row) + "\n", 1 if failed else 0)
            for key in ("text", "finish_reason", "tokens"):
                self.assertEqual(alone.get(key), together[i].get(key), row)
            self.assertEqual("error" in together[i], failed, row)
        self.assertRegex(together[0]["text"], r"\A [a-z]{5}\Z")
        self.assertIn("$.not is not enforced", together[8]["error"]["message"])
        self.assertIn("says again", together[10]["error"]["message"])

    def records(self, text, status):
        done = self.run_tool("--jsonl", "-q", "-m", self.model, stdin=text)
        self.assertEqual(done.status, status, done)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_what_is_wrong_with_a_grammar_is_said_before_the_model_is_read(self):
        self.write("bad.gbnf", 'root ::= "a\n')
        self.fails(3, "-m", "absent", "-p", "x", "--grammar", "bad.gbnf", message="line 1, column 10")
        self.fails(3, "-m", "absent", "-p", "x", "--regex", "(", message="at byte 0")
        self.fails(6, "-m", "absent", "-p", "x", "--json-schema", '{"not": {}}', message="$.not is not enforced")
        self.fails(3, "-m", "absent", "-p", "x", "--json-schema", "{", message="not valid JSON")
        self.fails(4, "-m", "absent", "-p", "x", "--grammar", "none.gbnf", message="none.gbnf")
        self.fails(2, "-m", "absent", "-p", "x", "--regex", "a", "--choice", "b", message="exclude each other")
        self.fails(2, "-m", "absent", "-p", "x", "--lenient-schema", message="--json-schema")


if __name__ == "__main__":
    main()
