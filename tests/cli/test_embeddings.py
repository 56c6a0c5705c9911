"""Vectors of texts: generate --embed, and /v1/embeddings of serve."""
import base64
import json
import math
import struct

from harness import ToolTest, main
from servers import Server

EMBEDDINGS = "/v1/embeddings"
TEXTS = ["A heron", "The miller found nine letters beside the well when the bell rang", "May"]


class EmbedTest(ToolTest):
    tool = "generate"

    def w8(self):
        self.ok("-m", self.data("examples/village"), "-s", "w8", "-o", "w8.lathe",
                tool="quantize")
        return "w8.lathe"

    def vector(self, model, text, *options):
        return json.loads(self.ok("-m", model, "--embed", "-p", text, *options).out)

    def rows(self, model, *options):
        (self.folder / "texts").write_text("\n".join(TEXTS) + "\n")
        out = self.ok("-m", model, "--embed", "--lines", "-i", "texts", *options).out
        return [json.loads(line) for line in out.splitlines()]


class Generate(EmbedTest):
    def test_a_vector_has_length_one(self):
        vector = self.vector(self.data("examples/village"), TEXTS[0])
        self.assertAlmostEqual(sum(x * x for x in vector), 1.0, places=5)
        short = self.vector(self.data("examples/village"), TEXTS[0], "--dimensions", "4")
        self.assertEqual(len(short), 4)
        self.assertAlmostEqual(sum(x * x for x in short), 1.0, places=5)
        self.assertAlmostEqual(short[0] / short[1], vector[0] / vector[1], places=3)

    def test_rows_have_the_same_bytes_alone_and_together(self):
        model = self.w8()
        for pooling in ("mean", "last", "cls"):
            one = self.rows(model, "--pooling", pooling, "-t", "1")
            two = self.rows(model, "--pooling", pooling, "-t", "2")
            self.assertEqual(one, two)
            for text, row in zip(TEXTS, one):
                alone = self.ok("-m", model, "--embed", "-p", text, "--pooling", pooling, "--json")
                self.assertEqual(json.loads(alone.out)["embedding"], row["embedding"])
                self.assertEqual(json.loads(alone.out)["prompt_tokens"], row["prompt_tokens"])

    def test_a_run_resumes_and_errors_have_their_records(self):
        rows = [{"id": i, "prompt": text} for i, text in enumerate(TEXTS)]
        rows += [{"messages": [{"role": "user", "content": "Hello"}]}, {"prompt": [5, 999999]},
                 {"prompt": [5, 6]}]
        (self.folder / "rows").write_text("".join(json.dumps(row) + "\n" for row in rows))
        call = ["-m", self.data("examples/village"), "--embed", "--jsonl", "-i", "rows", "-o",
                "out"]
        self.assertEqual(self.run_tool(*call).status, 1)
        first = (self.folder / "out").read_text()
        records = [json.loads(line) for line in first.splitlines()]
        self.assertEqual(len(records), len(rows))
        self.assertIn("messages", records[3]["error"]["message"])
        self.assertIn("999999", records[4]["error"]["message"])
        self.assertEqual(len(records[5]["embedding"]), len(records[0]["embedding"]))
        self.assertEqual(self.run_tool(*call, "--resume").status, 1)
        self.assertEqual((self.folder / "out").read_text(), first)

    def test_options_of_answers_are_refused(self):
        model = self.data("examples/village")
        for option in (["--chat"], ["--temp", "1"], ["-n", "5"], ["--stop", "x"],
                       ["--regex", "a"], ["--draft", model]):
            self.fails(2, "-m", model, "--embed", "-p", "x", *option, message=option[0].strip("-"))
        self.fails(2, "-m", model, "-p", "x", "--pooling", "last", message="--embed")
        self.fails(2, "-m", model, "-p", "x", "--embed", "--dimensions", "1000",
                   message="dimensions")


class Serve(EmbedTest):
    def embed(self, server, text, **more):
        status, _, answer = server.ask(EMBEDDINGS, {"model": "m", "input": text, **more})
        self.assertEqual(status, 200, answer)
        return json.loads(answer)

    def test_every_form_of_input_and_answer(self):
        model = self.w8()
        server = Server(self, model=self.folder / model)
        want = [row["embedding"] for row in self.rows(model)]
        for text, vector in zip(TEXTS, want):
            answer = self.embed(server, text)
            self.assertEqual(answer["object"], "list")
            self.assertEqual(answer["model"], "m")
            self.assertEqual(answer["data"],
                             [{"object": "embedding", "index": 0, "embedding": vector}])
            self.assertEqual(answer["usage"]["total_tokens"], answer["usage"]["prompt_tokens"])
        several = self.embed(server, TEXTS)
        self.assertEqual([one["index"] for one in several["data"]], [0, 1, 2])
        self.assertEqual([one["embedding"] for one in several["data"]], want)
        coded = self.embed(server, TEXTS[0], encoding_format="base64")["data"][0]["embedding"]
        numbers = struct.unpack(f"<{len(want[0])}f", base64.b64decode(coded))
        for got, number in zip(numbers, want[0]):
            self.assertTrue(math.isclose(got, number, rel_tol=1e-6))
        self.assertEqual(len(self.embed(server, TEXTS[0], dimensions=5)["data"][0]["embedding"]), 5)
        ids = self.embed(server, [5, 6, 7])
        self.assertEqual(ids["usage"]["prompt_tokens"], 3)
        self.assertEqual(self.embed(server, [[5, 6, 7]])["data"], ids["data"])

    def test_many_texts_beside_answers(self):
        server = Server(self, "--max-batch", "2", "--max-waiting", "1",
                        model=self.folder / self.w8())
        many = self.embed(server, [f"{text} {i}" for i in range(40) for text in TEXTS])
        self.assertEqual(len(many["data"]), 120)
        alone = self.embed(server, f"{TEXTS[1]} 7")["data"][0]["embedding"]
        self.assertEqual(many["data"][7 * 3 + 1]["embedding"], alone)
        self.assertEqual(len(server.complete(prompt="A heron", max_tokens=4)["choices"]), 1)
        metrics = server.ask("/metrics")[2]
        self.assertIn('lathe_requests_total{endpoint="/v1/embeddings",status="200"} 2', metrics)

    def test_what_cannot_be_is_refused_in_words(self):
        server = Server(self)
        for body, part in (({"input": ""}, "$.input is empty"),
                           ({"input": []}, "$.input is empty"),
                           ({"input": ["a", ""]}, "$.input[1] is empty"),
                           ({"input": 5}, "neither"),
                           ({"input": [5, "a"]}, "$.input[1]"),
                           ({"input": [[1], 2]}, "$.input[1]"),
                           ({"input": [999999]}, "999999"),
                           ({"input": ["a"] * 2049}, "2048"),
                           ({"input": "a", "dimensions": 0}, "dimensions"),
                           ({"input": "a", "dimensions": 4096}, "dimensions"),
                           ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
                           ({"input": [5] * 100000}, "context"),
                           ({}, "input"), ("[]", "object"), ("{", "the request")):
            status, _, answer = server.ask(EMBEDDINGS, body)
            self.assertEqual(status, 400, answer)
            self.assertIn(part, json.loads(answer)["error"]["message"])
        self.assertEqual(server.ask(EMBEDDINGS)[0], 404)
        parts = b'--b\r\nContent-Disposition: form-data; name="input"\r\n\r\na\r\n--b--\r\n'
        status, _, answer = server.ask(EMBEDDINGS, parts,
                                       {"Content-Type": "multipart/form-data; boundary=b"})
        self.assertEqual(status, 415, answer)

    def test_a_pooling_that_is_not_done_refuses_vectors_alone(self):
        self.ok(self.data("examples/village"), "-o", "folder", "--to", "hf", tool="convert")
        (self.folder / "folder/modules.json").write_text(json.dumps(
            [{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]))
        self.fails(6, "-m", "folder", "--embed", "-p", "x", message="Dense")
        self.vector("folder", "x", "--pooling", "mean")
        server = Server(self, model=self.folder / "folder")
        status, _, answer = server.ask(EMBEDDINGS, {"input": "a"})
        self.assertEqual(status, 400)
        self.assertIn("Dense", answer)
        server.complete(prompt="A heron", max_tokens=2)


if __name__ == "__main__":
    main()
