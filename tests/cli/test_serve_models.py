"""serve --models: several models in one process, opened when they are asked for."""
import concurrent.futures
import json
import os
import shutil
import threading

from harness import ToolTest, main
from servers import COMPLETIONS, Server, until


class ModelsTest(ToolTest):
    tool = "serve"

    def setUp(self):
        super().setUp()
        self.models = self.folder / "models"
        self.models.mkdir()
        for scheme in ("w4", "w8"):
            self.ok("-m", self.data("examples/village"), "-s", scheme, "-o",
                    self.models / f"{scheme}.lathe", tool="quantize")

    def server(self, *arguments):
        return Server(self, "--models", self.models, *arguments, model=None)

    def generated(self, model, prompt, tokens):
        return self.ok("-m", self.models / model, "-p", prompt, "-n", str(tokens),
                       tool="generate").out

    def refused(self, server, status, body, *parts):
        got, _, text = server.ask(COMPLETIONS, body)
        self.assertEqual(got, status, text)
        for part in parts:
            self.assertIn(part, json.loads(text)["error"]["message"])


class Names(ModelsTest):
    def test_each_answers_by_its_name(self):
        shutil.copytree(self.data("examples/village"), self.models / "village")
        server = self.server()
        listed = json.loads(server.ask("/v1/models")[2])["data"]
        self.assertEqual([m["id"] for m in listed], ["village", "w4", "w8"])
        self.assertNotIn("max_model_len", listed[1])
        for name, path in (("w4", "w4.lathe"), ("w8", "w8.lathe"), ("village", "village")):
            self.assertEqual(server.metric(f'lathe_model_open{{model="{name}"}}'), 0)
            answer = server.complete(model=name, prompt="The miller", max_tokens=20)
            self.assertEqual(answer["model"], name)
            self.assertEqual(answer["choices"][0]["text"], self.generated(path, "The miller", 20))
            self.assertEqual(server.metric(f'lathe_model_open{{model="{name}"}}'), 1)
            shown = json.loads(server.ask(f"/v1/models/{name}")[2])
            self.assertGreater(shown["max_model_len"], 0)
        self.assertEqual(server.metric("lathe_generated_tokens_total"), 60)
        self.assertEqual(server.ask("/v1/models/other")[0], 404)

    def test_names_that_are_none(self):
        (self.folder / "secret.lathe").write_bytes((self.models / "w4.lathe").read_bytes())
        (self.models / ".hidden.lathe").write_bytes((self.models / "w4.lathe").read_bytes())
        (self.models / "notes.txt").write_text("of the mill")
        server = self.server()
        for name in ("other", "../secret", "w4.lathe", ".hidden", "notes.txt", "w4\0", "W4",
                     str(self.models / "w4.lathe")):
            self.refused(server, 404, {"model": name, "prompt": "A"}, '"w4", "w8"')
        self.refused(server, 400, {"prompt": "A"}, "say which", '"w4", "w8"')
        self.refused(server, 400, {"model": 7, "prompt": "A"}, "model")
        self.refused(server, 400, "{", "the request")
        self.refused(server, 400, "[]", "is no JSON object")
        self.assertEqual(server.metric('lathe_model_open{model="w4"}'), 0)

    def test_the_only_one_needs_no_name(self):
        (self.models / "w8.lathe").unlink()
        server = self.server()
        self.assertEqual(server.complete(prompt="A", max_tokens=1)["model"], "w4")

    def test_files_that_come_and_go(self):
        server = self.server()
        self.refused(server, 404, {"model": "new", "prompt": "A"}, "no model")
        shutil.copy(self.models / "w4.lathe", self.models / "new.lathe")
        text = self.generated("w4.lathe", "The miller", 9)
        for _ in range(2):
            answer = server.complete(model="new", prompt="The miller", max_tokens=9)
            self.assertEqual(answer["choices"][0]["text"], text)
            # What is mapped stays as it was; a listing finds out that nobody can open it again.
            (self.models / "new.lathe").unlink(missing_ok=True)
        names = [m["id"] for m in json.loads(server.ask("/v1/models")[2])["data"]]
        self.assertEqual(names, ["w4", "w8"])
        self.refused(server, 404, {"model": "new", "prompt": "A"}, "no model")

    def test_two_of_one_name_have_their_whole_names(self):
        shutil.copytree(self.data("examples/village"), self.models / "w4")
        server = self.server()
        names = [m["id"] for m in json.loads(server.ask("/v1/models")[2])["data"]]
        self.assertEqual(names, ["w4", "w4.lathe", "w8"])
        for name in ("w4", "w4.lathe"):
            answer = server.complete(model=name, prompt="The miller", max_tokens=20)
            self.assertEqual(answer["choices"][0]["text"], self.generated(name, "The miller", 20))


class Harm(ModelsTest):
    def test_a_broken_file_says_so_and_the_others_answer(self):
        whole = (self.models / "w8.lathe").read_bytes()
        (self.models / "broken.lathe").write_bytes(whole[:len(whole) // 2])
        (self.models / "noise.gguf").write_bytes(os.urandom(1000))
        (self.models / "empty").mkdir()
        (self.models / "empty" / "config.json").write_text("{}")
        server = self.server()
        for _ in range(2):
            for name in ("broken", "noise", "empty"):
                self.refused(server, 500, {"model": name, "prompt": "A"}, name)
            self.assertEqual(server.complete(model="w4", prompt="A", max_tokens=1)["model"], "w4")
        self.assertEqual(server.ask("/health")[0], 200)
        (self.models / "broken.lathe").write_bytes(whole)  # and is mended
        self.assertEqual(server.complete(model="broken", prompt="A", max_tokens=1)["model"],
                         "broken")

    def test_what_does_not_go_together_is_refused(self):
        model = self.data("examples/village")
        self.fails(2, message="--models")
        self.fails(2, "-m", model, "--models", self.models, message="leave one out")
        self.fails(2, "-m", model, "--models-memory", "1G", message="--models-memory")
        self.fails(2, "--models", self.models, "--worker", "ipc://w", message="--worker")
        self.fails(2, "--models", self.models, "--alias", "a", message="--alias")
        self.fails(4, "--models", "absent", message="absent")
        empty = self.folder / "none"
        empty.mkdir()
        self.fails(3, "--models", empty, message="no model")


class Memory(ModelsTest):
    # Room for one of them, not for two.
    ONE = ("--kv-memory", "1M", "--models-memory", "1500k")
    LONG = {"prompt": "The miller", "max_tokens": 400, "ignore_eos": True, "n": 16,
            "temperature": 1, "seed": 1}

    def test_who_was_asked_for_the_longest_ago_makes_room(self):
        shutil.copy(self.models / "w4.lathe", self.models / "third.lathe")
        server = self.server("--kv-memory", "1M", "--models-memory", "2600k")

        def open_now():
            return [name for name in ("third", "w4", "w8")
                    if server.metric(f'lathe_model_open{{model="{name}"}}')]

        for name, now in (("w4", ["w4"]), ("w8", ["w4", "w8"]), ("w4", ["w4", "w8"]),
                          ("third", ["third", "w4"]), ("w8", ["third", "w8"])):
            server.complete(model=name, prompt="A heron", max_tokens=2)
            until(lambda now=now: open_now() == now)
        self.assertEqual(server.metric("lathe_models_put_out_total"), 2)
        self.assertEqual(server.metric('lathe_model_openings_total{model="w8"}'), 2)
        # What models counted that are gone stays counted.
        self.assertEqual(server.metric("lathe_generated_tokens_total"), 10)

    def test_a_request_under_way_keeps_its_model(self):
        server = self.server(*self.ONE)
        want = server.complete(model="w4", **self.LONG)["choices"]
        got = {}

        def ask():
            got["answer"] = server.complete(model="w4", **self.LONG)

        thread = threading.Thread(target=ask)
        thread.start()
        until(lambda: not thread.is_alive() or server.metric("lathe_running") > 0)
        text = server.complete(model="w8", prompt="The miller", max_tokens=20)["choices"][0]["text"]
        self.assertEqual(text, self.generated("w8.lathe", "The miller", 20))
        thread.join()
        self.assertEqual(got["answer"]["choices"], want)

    def test_many_callers_of_more_models_than_there_is_room_for_are_all_answered(self):
        for number in range(3):
            shutil.copy(self.models / "w4.lathe", self.models / f"copy{number}.lathe")
        server = self.server(*self.ONE, "--max-waiting", "1000")
        names = ["w4", "w8", "copy0", "copy1", "copy2"]
        want = {name: self.generated(f"{name}.lathe", "The miller", 9) for name in names}
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(
                lambda i: (names[i % 5], server.complete(model=names[i % 5], prompt="The miller",
                                                         max_tokens=9)["choices"][0]["text"]),
                range(60)))
        for name, text in answers:
            self.assertEqual(text, want[name])
        self.assertLessEqual(sum(server.metric(f'lathe_model_open{{model="{name}"}}')
                                 for name in names), 1)

    def test_one_that_never_fits(self):
        server = self.server("--kv-memory", "1M", "--models-memory", "1M")
        self.refused(server, 500, {"model": "w4", "prompt": "A"}, "--models-memory")
        self.assertEqual(server.ask("/health")[0], 200)

    def test_the_end_comes_while_somebody_waits_for_memory(self):
        server = self.server(*self.ONE)
        statuses = []

        def ask(body):
            statuses.append(server.ask(COMPLETIONS, body)[0])

        threads = [threading.Thread(target=ask, args=[dict(self.LONG, model=name)])
                   for name in ("w4", "w8")]
        threads[0].start()
        until(lambda: server.metric("lathe_running") > 0)
        threads[1].start()
        until(lambda: server.metric("lathe_models_put_out_total") > 0)
        self.assertEqual(server.end(patience=120), 0)
        for thread in threads:
            thread.join()
        self.assertIn(200, statuses)
        self.assertTrue(set(statuses) <= {200, 503}, statuses)


if __name__ == "__main__":
    main()
