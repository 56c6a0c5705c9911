"""serve: OpenAI's API over HTTP, and callers of every kind."""
import concurrent.futures
import contextlib
import gzip
import http.client
import json
import signal
import socket
import stat
import threading
import time

from harness import ToolTest, main
from servers import CHAT, COMPLETIONS, Server


class ServeTest(ToolTest):
    tool = "serve"

    def generated(self, prompt, *options):
        return self.ok("-m", self.data("examples/village"), "-p", prompt, *options,
                       tool="generate").out


class Answers(ServeTest):
    def test_a_completion_is_what_generate_writes(self):
        server = Server(self)
        answer = server.complete(prompt="The miller", max_tokens=40)
        self.assertEqual(answer["choices"][0]["text"], self.generated("The miller", "-n", "40"))
        self.assertEqual(answer["object"], "text_completion")
        self.assertEqual(answer["model"], "village")
        self.assertEqual(answer["usage"]["completion_tokens"], 40)
        self.assertEqual(answer["usage"]["total_tokens"],
                         answer["usage"]["prompt_tokens"] + 40)
        self.assertAlmostEqual(answer["created"], time.time(), delta=120)

    def test_a_stream_has_the_same_text(self):
        server = Server(self)
        whole = server.complete(prompt="The miller", max_tokens=40)["choices"][0]
        chunks = server.stream(prompt="The miller", max_tokens=40)
        self.assertGreater(len(chunks), 1)
        self.assertEqual("".join(c["choices"][0]["text"] for c in chunks), whole["text"])
        reasons = [c["choices"][0]["finish_reason"] for c in chunks]
        self.assertEqual(reasons, [None] * (len(chunks) - 1) + [whole["finish_reason"]])
        self.assertEqual(len({c["id"] for c in chunks}), 1)

    def test_a_conversation_streams_its_role_first_and_its_usage_last(self):
        server = Server(self, "--chat-template", "chatml")
        messages = [{"role": "user", "content": "Hello"}]
        whole = server.complete(CHAT, messages=messages, max_tokens=12)
        chunks = server.stream(CHAT, messages=messages, max_tokens=12,
                               stream_options={"include_usage": True})
        self.assertEqual(chunks[0]["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertEqual(chunks[-1]["choices"], [])
        for member in ("prompt_tokens", "completion_tokens", "total_tokens"):
            self.assertEqual(chunks[-1]["usage"][member], whole["usage"][member])
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1])
        self.assertEqual(text, whole["choices"][0]["message"]["content"])
        self.assertTrue(all(c["object"] == "chat.completion.chunk" for c in chunks))

    def test_several_answers_and_log_probabilities(self):
        server = Server(self)
        body = {"prompt": "A heron", "max_tokens": 6, "n": 3, "temperature": 1, "seed": 5,
                "logprobs": 2}
        whole = server.complete(**body)["choices"]
        self.assertEqual([c["index"] for c in whole], [0, 1, 2])
        self.assertEqual(len(whole[0]["logprobs"]["tokens"]), 6)
        texts, ends = ["", "", ""], {}
        for chunk in server.stream(**body):
            choice = chunk["choices"][0]
            texts[choice["index"]] += choice["text"]
            if choice["finish_reason"]:
                ends[choice["index"]] = choice
        self.assertEqual(texts, [c["text"] for c in whole])
        self.assertEqual([ends[i]["logprobs"] for i in range(3)], [c["logprobs"] for c in whole])

    def test_a_schema_is_kept(self):
        server = Server(self)
        schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 99}},
                  "required": ["n"], "additionalProperties": False}
        answer = server.complete(prompt="The miller", max_tokens=200, temperature=1, seed=3,
                                 response_format={"type": "json_schema",
                                                  "json_schema": {"name": "n", "schema": schema}})
        choice = answer["choices"][0]
        self.assertEqual(choice["finish_reason"], "stop")
        self.assertLessEqual(json.loads(choice["text"])["n"], 99)

    def test_callers_side_by_side_get_what_each_would_get_alone(self):
        model = self.folder / "w4.lathe"
        self.ok("-m", self.data("examples/village"), "-s", "w4", "-o", model, tool="quantize")
        server = Server(self, "--max-batch", "8", model=model)
        prompts = [f"The {word}" for word in ("miller", "heron", "chapel", "garden", "fair")] * 8

        def ask(number):
            body = {"prompt": prompts[number], "max_tokens": 30, "temperature": 0.8,
                    "seed": number}
            if number % 2:
                return "".join(c["choices"][0]["text"] for c in server.stream(**body))
            return server.complete(**body)["choices"][0]["text"]

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            texts = list(pool.map(ask, range(len(prompts))))
        for number in (0, 7, 22, 39):
            alone = self.ok("-m", model, "-p", prompts[number], "-n", "30", "--temp", "0.8",
                            "--seed", str(number), tool="generate").out
            self.assertEqual(texts[number], alone)
        self.assertEqual(server.metric('lathe_requests_total{endpoint="/v1/completions",'
                                       'status="200"}'), len(prompts))

    def test_models_and_health(self):
        server = Server(self, "--alias", "mill")
        listed = json.loads(server.ask("/v1/models")[2])
        self.assertEqual([m["id"] for m in listed["data"]], ["mill"])
        self.assertEqual(json.loads(server.ask("/v1/models/mill")[2]), listed["data"][0])
        self.assertEqual(server.ask("/v1/models/other")[0], 404)
        self.assertEqual(json.loads(server.ask("/health")[2]), {"status": "ok"})

    def test_metrics_count(self):
        server = Server(self)
        server.complete(prompt="The miller", max_tokens=7)
        self.assertEqual(server.metric("lathe_generated_tokens_total"), 7)
        self.assertEqual(server.metric("lathe_time_to_first_token_seconds_count"), 1)
        self.assertEqual(server.metric('lathe_request_seconds_bucket{le="+Inf"}'), 1)
        text = server.ask("/metrics")[2]
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [-+.e\d]+)$')

    def test_one_connection_serves_many_requests(self):
        server = Server(self)
        with contextlib.closing(server.connect()) as connection:
            for _ in range(3):
                connection.request("POST", COMPLETIONS,
                                   json.dumps({"prompt": "A heron", "max_tokens": 2}))
                answer = connection.getresponse()
                self.assertEqual(answer.status, 200)
                answer.read()


class Refusals(ServeTest):
    def refused(self, server, status, body, message, path=COMPLETIONS, headers=None):
        got, _, text = server.ask(path, body, headers)
        self.assertEqual(got, status, text)
        error = json.loads(text)["error"]
        self.assertIn(message, error["message"])
        return error

    def test_what_cannot_be_answered_is_named(self):
        server = Server(self)
        cases = [
            ("{", "the request"),
            ("[]", "is no JSON object"),
            ("", "the request is blank"),
            (b"\xff\xfe", "the request"),
            ({}, "there is neither"),
            ({"prompt": "a", "wrong": 1}, '"wrong"'),
            ({"prompt": "a", "temperature": -1}, "temperature"),
            ({"prompt": "a", "max_tokens": "3"}, "max_tokens"),
            ({"prompt": [1, 2, 10 ** 6]}, ""),
            ({"prompt": "a", "best_of": 4}, "best_of"),
            ({"prompt": "x " * 3000}, "context"),
            ({"prompt": "a", "grammar": "root = 1"}, "grammar"),
            ({"messages": [{"role": "user", "content": "a"}]}, "messages"),
        ]
        for body, message in cases:
            with self.subTest(body=str(body)[:40]):
                self.refused(server, 400, body, message)
        self.refused(server, 400, {"prompt": "a"}, "messages", path=CHAT)
        self.assertEqual(server.complete(prompt="A", max_tokens=1)["usage"]["total_tokens"], 3)

    def test_other_addresses_and_methods(self):
        server = Server(self)
        for path, method in (("/", "GET"), ("/v1/completions", "GET"), ("/v1/models", "POST"),
                             ("/v1/../../etc/passwd", "GET"), ("/%2e%2e/etc/passwd", "GET"),
                             ("/v1/completions", "DELETE")):
            with self.subTest(path=path, method=method):
                status, _, text = server.ask(path, "" if method == "POST" else None, method=method)
                self.assertIn(status, (400, 404))
                self.assertIn("error", json.loads(text))

    def test_keys(self):
        keys = self.write("keys", "# of the mill\nsk-one\n\nsk-two\n")
        server = Server(self, "--api-key-file", keys)
        body = {"prompt": "A heron", "max_tokens": 1}
        for header in (None, "sk-one", "Bearer sk-on", "Bearer sk-one2", "Bearer ", "Basic sk-one"):
            headers = {} if header is None else {"Authorization": header}
            self.assertEqual(self.refused(server, 401, body, "a key is needed",
                                          headers=headers)["type"], "authentication_error")
        self.assertEqual(server.ask("/metrics")[0], 401)
        self.assertEqual(server.ask("/health")[0], 200)
        for key in ("sk-one", "sk-two"):
            self.assertEqual(server.ask(COMPLETIONS, body,
                                        {"Authorization": f"Bearer {key}"})[0], 200)

    def test_addresses_that_others_reach_need_keys(self):
        model = self.data("examples/village")
        for address in ("0.0.0.0:0", "[::]:0", "192.168.1.1:80", "127.example.net:80"):
            self.fails(2, "-m", model, "--listen", address, message="--api-key-file")
        for address in ("8080", "localhost", "localhost:", ":80", "::1:80", "a:b", "a:70000",
                        "a:-1", "unix:", "unix:" + "a" * 200):
            self.fails(2, "-m", model, "--listen", address, message="--listen")
        self.fails(3, "-m", model, "--api-key-file", self.write("empty", "\n# none\n"),
                   message="no key")
        self.fails(4, "-m", model, "--api-key-file", "absent", message="absent")

    def test_an_address_that_is_taken(self):
        server = Server(self)
        self.fails(4, "-m", self.data("examples/village"), "--listen", f"127.0.0.1:{server.port}",
                   message="in use")

    def test_large_bodies(self):
        server = Server(self, "--max-body", "10000")
        large = json.dumps({"prompt": "x" * 20000})
        self.refused(server, 413, large, "10000 bytes")

        def chunks():
            for begin in range(0, len(large), 1000):
                yield large[begin:begin + 1000].encode()

        with contextlib.closing(server.connect()) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", COMPLETIONS, chunks(), encode_chunked=True,
                                   headers={"Transfer-Encoding": "chunked"})
            self.assertEqual(connection.getresponse().status, 413)
        bomb = gzip.compress(b"x" * 50_000_000)
        self.assertLess(len(bomb), 100_000)
        server2 = Server(self, "--max-body", "100000")
        self.assertEqual(server2.ask(COMPLETIONS, bomb, {"Content-Encoding": "gzip"})[0], 413)
        for one in (server, server2):
            self.assertEqual(one.complete(prompt="A", max_tokens=1)["usage"]["total_tokens"], 3)

    def test_bytes_that_are_no_request(self):
        server = Server(self)
        for data in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n",
                     b"POST /v1/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                     b"POST /v1/completions HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\nabcde",
                     b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
                     b"GET /health HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
                     b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n"):
            with self.subTest(data=data[:40]), \
                    socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    raw.sendall(data)
                    raw.shutdown(socket.SHUT_WR)
                answer = b""
                with contextlib.suppress(ConnectionResetError):
                    while piece := raw.recv(65536):
                        answer += piece
                self.assertNotIn(b"200 OK", answer[:20])
        self.assertEqual(server.ask("/health")[0], 200)
        self.assertIsNone(server.process.poll())


class Pressure(ServeTest):
    def test_more_requests_than_may_wait_are_told_to_come_back(self):
        server = Server(self, "--max-batch", "1", "--max-waiting", "0")
        held = server.connect()
        held.request("POST", COMPLETIONS, json.dumps(
            {"prompt": "The miller", "max_tokens": -1, "ignore_eos": True, "stream": True,
             "temperature": 1, "n": 1024}))
        self.assertTrue(held.getresponse().readline().startswith(b"data: "))
        status, headers, text = server.ask(COMPLETIONS, {"prompt": "A", "max_tokens": 1})
        self.assertEqual(status, 503)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertEqual(json.loads(text)["error"]["code"], "too_many_requests")
        # Its caller's going cancels it.
        held.sock.shutdown(socket.SHUT_RDWR)
        held.close()
        server.wait_until(lambda: server.ask(COMPLETIONS, {"prompt": "A", "max_tokens": 1})[0] == 200)

    def test_callers_who_leave_end_their_requests(self):
        server = Server(self)
        for stream in (True, False):
            connection = server.connect()
            connection.request("POST", COMPLETIONS, json.dumps(
                {"prompt": "The miller", "max_tokens": -1, "ignore_eos": True, "n": 1024,
                 "temperature": 1, "stream": stream}))
            server.wait_until(lambda: server.metric("lathe_running") > 0)
            connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
            server.wait_until(lambda: server.metric("lathe_running") == 0)

    def test_more_callers_than_may_connect_are_turned_away(self):
        server = Server(self, "--max-connections", "4")
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
        server.wait_until(lambda: self.turned_away(server))
        for connection in held:
            connection.close()
        server.wait_until(lambda: not self.turned_away(server))

    @staticmethod
    def turned_away(server):
        try:
            status, headers, text = server.ask("/health")
        except (ConnectionError, http.client.HTTPException):
            return True
        return status == 503 and headers["Retry-After"] == "1" and "come back" in text

    def test_many_callers_at_once(self):
        server = Server(self, "--max-connections", "400", "--max-waiting", "1000")
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(lambda i: server.complete(prompt="A heron", max_tokens=1 + i % 5)
                                    ["usage"]["completion_tokens"], range(400)))
        self.assertEqual(answers, [1 + i % 5 for i in range(400)])

    def test_a_request_whose_time_is_up(self):
        server = Server(self, "--timeout-per-request", "0.2")
        status, _, text = server.ask(COMPLETIONS, {"prompt": "The miller", "max_tokens": -1,
                                                   "ignore_eos": True, "n": 1024, "temperature": 1})
        self.assertEqual(status, 504, text)
        self.assertEqual(json.loads(text)["error"]["code"], "timeout")


class Ends(ServeTest):
    LONG = {"prompt": "The miller", "max_tokens": 400, "ignore_eos": True, "temperature": 1}

    def begin(self, server, body):
        """A request that runs, and a thread that waits for its answer."""
        result = {}

        def ask():
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                result["answer"] = server.ask(COMPLETIONS, body)

        thread = threading.Thread(target=ask)
        thread.start()
        server.wait_until(lambda: not thread.is_alive() or server.metric("lathe_running") > 0)
        return thread, result

    def test_what_runs_is_answered_before_the_end(self):
        server = Server(self)
        thread, result = self.begin(server, dict(self.LONG, n=16))
        self.assertEqual(server.end(), 0)
        thread.join()
        status, _, text = result["answer"]
        self.assertEqual(status, 200)
        self.assertEqual(len(json.loads(text)["choices"]), 16)

    def test_what_takes_too_long_is_not(self):
        server = Server(self, "--drain", "0.2")
        thread, _ = self.begin(server, dict(self.LONG, max_tokens=-1, n=1024))
        self.assertEqual(server.end(), 1)
        thread.join()

    def test_nothing_runs(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            took = []
            while min(took, default=60) >= 50 and len(took) < 3:  # the machine may stand still
                server = Server(self)
                held = server.connect()  # a connection that asks for nothing holds nothing up
                held.connect()
                began = time.monotonic()
                self.assertEqual(server.end(number), 0)
                took.append(time.monotonic() - began)
                held.close()
            self.assertLess(min(took), 50)  # a connection may idle for 60

    def test_a_socket_file(self):
        path = self.folder / "lathe.sock"
        server = Server(self, listen=f"unix:{path}")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(server.complete(prompt="A", max_tokens=1)["usage"]["total_tokens"], 3)
        self.fails(4, "-m", self.data("examples/village"), "--listen", f"unix:{path}",
                   message="in use")
        server.process.kill()
        server.process.wait()
        self.assertTrue(path.exists())  # nobody could remove it
        server = Server(self, listen=f"unix:{path}")
        self.assertEqual(server.complete(prompt="A", max_tokens=1)["usage"]["total_tokens"], 3)
        self.assertEqual(server.end(), 0)
        self.assertFalse(path.exists())
        self.write("file", "kept")
        self.fails(4, "-m", self.data("examples/village"), "--listen",
                   f"unix:{self.folder / 'file'}", message="in use")
        self.assertEqual((self.folder / "file").read_text(), "kept")


if __name__ == "__main__":
    main()
