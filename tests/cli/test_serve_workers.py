"""serve --workers: callers over HTTP, and workers that answer them and may die."""
import concurrent.futures
import itertools
import json

from harness import main
from servers import CHAT, COMPLETIONS, Server, until
from test_workers import WORDS, WorkersTest


class ServedByWorkers(WorkersTest):
    ROLES = {"p": "prefill", "d": "decode", "e": "decode"}

    def begin_workers(self):
        return {name: self.worker(name, "--role", role, "--max-batch", "4")
                for name, role in self.ROLES.items()}

    def server(self, *arguments):
        return Server(self, "-m", self.model, "--workers", self.workers_file(*self.ROLES),
                      "--max-connections", "64", *arguments, model=None)

    def bodies(self, count):
        for i in range(count):
            body = {"prompt": f"The {WORDS[i % 10]} " + "found a bell beside the well and " * (i % 7),
                    "max_tokens": 1 + 5 * i % 40}
            if i % 2:
                body.update(temperature=0.8, seed=i)
            yield body

    def alone(self, bodies):
        rows = "".join(json.dumps(body) + "\n" for body in bodies)
        out = self.ok("-m", self.model, "--jsonl", stdin=rows).out
        return [json.loads(line)["text"] for line in out.splitlines()]

    def test_callers_are_answered_while_workers_die(self):
        workers = self.begin_workers()
        server = self.server()
        bodies = list(self.bodies(120))
        want = self.alone(bodies)

        def ask(number):
            body = bodies[number]
            if number % 3 == 0:
                return "".join(chunk["choices"][0]["text"] for chunk in server.stream(**body))
            return server.complete(**body)["choices"][0]["text"]

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = [pool.submit(ask, number) for number in range(len(bodies))]
            for least, name in ((10, "d"), (40, "p"), (70, "e")):
                until(lambda least=least: sum(a.done() for a in answers) >= least)
                workers[name].kill()
                workers[name] = self.worker(name, "--role", self.ROLES[name], "--max-batch", "4")
            self.assertEqual([answer.result() for answer in answers], want)
        self.assertEqual(server.metric("lathe_waiting") + server.metric("lathe_running"), 0)
        self.assertEqual(server.end(), 0)

    def test_what_an_engine_of_its_own_would_answer(self):
        self.begin_workers()
        ours = self.server()
        other = Server(self, "-m", self.model, model=None)
        talk = {"messages": [{"role": "user", "content": "Where is the bell?"}], "max_tokens": 9}
        for path, body in (
                (COMPLETIONS, {"prompt": "The miller", "max_tokens": 20, "n": 3, "logprobs": 2,
                               "temperature": 1, "seed": 5, "stop": ["the"]}),
                (COMPLETIONS, {"prompt": "The heron", "max_tokens": 30, "regex": "[a-z ]+\\."}),
                (CHAT, dict(talk, chat_template="chatml")), (CHAT, talk)):
            got = [server.ask(path, body) for server in (ours, other)]
            self.assertEqual(got[0][0], got[1][0], got)
            shown = [json.loads(text) for _, _, text in got]
            self.assertEqual(shown[0].get("choices"), shown[1].get("choices"))
            self.assertEqual(shown[0].get("error"), shown[1].get("error"))
        status, _, text = ours.ask("/v1/embeddings", {"input": "The miller"})
        self.assertGreaterEqual(status, 400)
        self.assertIn("workers", json.loads(text)["error"]["message"])

    def test_a_prompt_is_computed_by_one_worker_and_answered_by_another(self):
        for name in ("p", "d"):
            self.worker(name, "--role", self.ROLES[name])
        server = self.server()
        numbers = itertools.count()

        def all_but_the_last_token_came_along():  # once both are there, and a prompt is new
            prompt = f"The miller {next(numbers)} " + "found a bell beside the well and " * 8
            usage = server.complete(prompt=prompt, max_tokens=2)["usage"]
            self.assertGreater(usage["prompt_tokens"], 64)
            return usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1
        until(all_but_the_last_token_came_along)

    def test_what_does_not_go_together_is_refused(self):
        path = self.workers_file("a")
        for arguments, message in (
                (["-m", self.model, "--max-batch", "3"], "--max-batch"),
                (["-m", self.model, "-t", "2"], "--threads"),
                (["-m", self.model, "--worker", self.address("b")], "--worker"),
                (["--models", self.folder], "--workers")):
            self.fails(2, "--workers", path, *arguments, message=message, tool="serve")


if __name__ == "__main__":
    main()
