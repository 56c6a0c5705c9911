"""serve under attack: what is refused is refused in words, counted and told, and harms nobody."""
import contextlib
import json
import random
import re
import socket
import subprocess
import threading

from harness import ToolTest, main, program
from servers import COMPLETIONS, Server, until
from test_workers import Worker

BODY = json.dumps({"prompt": "A heron", "max_tokens": 1}).encode()


def head(first, *headers):
    return "\r\n".join([first, *headers, "", ""]).encode("latin-1")


def post(*headers, host="Host: a"):
    return head("POST /v1/completions HTTP/1.1", host, *headers)


def answers(data):
    """The statuses of all answers on a connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", data)]


class SecurityTest(ToolTest):
    tool = "serve"

    def assert_answers(self, server, key=None):
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        status, _, text = server.ask(COMPLETIONS, BODY, headers)
        self.assertEqual(status, 200, text)
        self.assertEqual(json.loads(text)["usage"]["completion_tokens"], 1)

    def counted(self, server, status, headers=None):
        text = server.ask("/metrics", headers=headers or {})[2]
        return sum(float(count) for count in
                   re.findall(rf'^lathe_requests_total{{.*status="{status}"}} (\S+)$', text, re.M))


class Keys(SecurityTest):
    def test_nothing_but_health_is_answered_without_the_right_key(self):
        server = Server(self, "-v", "--api-key-file", self.write("keys", "sk-right\n"))
        right = {"Authorization": "Bearer sk-right"}
        refused = 0
        for path, body in ((COMPLETIONS, BODY), ("/v1/chat/completions", b"{}"),
                           ("/v1/models", None), ("/v1/models/village", None), ("/metrics", None),
                           ("/", None), ("//health", None), ("/health/", None),
                           ("/health%00", None), ("/v1/../health", None), ("/HEALTH", None)):
            for key in (None, "Bearer", "Bearer ", "Bearer sk-righ", "Bearer sk-rightt",
                        "Bearer SK-RIGHT", "Basic sk-right", "sk-right",
                        "Bearer sk-wrong, Bearer sk-right", "Bearer  sk-right"):
                headers = {} if key is None else {"Authorization": key}
                status, got, text = server.ask(path, body, headers)
                self.assertEqual(status, 401, (path, key, text))
                self.assertEqual(got["WWW-Authenticate"], "Bearer")
                self.assertNotIn("sk-right", text)
                refused += 1
        self.assertEqual(self.counted(server, 401, right), refused)
        until(lambda: sum(" 401\n" in line for line in server.lines) == refused)
        self.assertNotIn("sk-right", "".join(server.lines))
        self.assert_answers(server, "sk-right")

    def test_two_headers_with_keys(self):
        server = Server(self, "--api-key-file", self.write("keys", "sk-right\n"))
        for first, second in (("wrong", "right"), ("right", "wrong")):
            data = server.raw(head("GET /v1/models HTTP/1.1", "Host: a", "Connection: close",
                                   f"Authorization: Bearer sk-{first}",
                                   f"Authorization: Bearer sk-{second}"))
            self.assertEqual(answers(data), [401], data)


class Smuggling(SecurityTest):
    HIDDEN = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"

    def test_a_request_that_can_be_read_in_two_ways_is_refused_and_hides_none(self):
        server = Server(self, "-v")
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
        length = f"Content-Length: {len(BODY)}"
        cases = {
            "both": (post(length, "Transfer-Encoding: chunked"), chunks),
            "both the other way": (post("Transfer-Encoding: chunked", length), BODY),
            "two lengths": (post(length, "Content-Length: 0"), BODY),
            "the same length twice": (post(length, length), BODY),
            "a list of lengths": (post(f"{length}, {len(BODY)}"), BODY),
            "a signed length": (post(length.replace(": ", ": +")), BODY),
            "a length with a point": (post(length + ".0"), BODY),
            "a hexadecimal length": (post(f"Content-Length: {len(BODY):#x}"), BODY),
            "a length beyond all bounds": (post("Content-Length: 18446744073709551616"), BODY),
            "two encodings": (post("Transfer-Encoding: gzip, chunked"), chunks),
            "an encoding twice": (post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                                  chunks),
            "an unknown encoding": (post("Transfer-Encoding: xchunked"), chunks),
            "a blank before the colon": (post("Transfer-Encoding : chunked"), chunks),
            "a tab before the colon": (post("Content-Length\t: 5"), BODY),
            "a continued header": (post("X: a\r\n Content-Length: 5"), BODY),
            "a line that ends in LF": (post(f"X: a\n{length}"), BODY),
            "a line that ends in CR": (post(f"X: a\r{length}"), BODY),
            "a NUL": (post("X: a\0b", length), BODY),
            "no host": (post(length, host="X: a"), BODY),
            "two hosts": (post(length, "Host: b"), BODY),
            "no length": (post(), BODY),
            "a GET with a body": (head("GET /health HTTP/1.1", "Host: a", length), BODY),
            "an old one with chunks": (head("POST /v1/completions HTTP/1.0",
                                            "Transfer-Encoding: chunked"), chunks),
        }
        for name, (start, body) in cases.items():
            with self.subTest(name):
                data = server.raw(start + body + self.HIDDEN)
                self.assertEqual(answers(data), [400], data)
                self.assertIn(b"not sound", data)
        self.assertEqual(self.counted(server, 400), len(cases))
        until(lambda: sum(" 400\n" in line for line in server.lines) == len(cases))
        self.assert_answers(server)

    def test_chunks_that_are_broken_end_the_connection(self):
        server = Server(self)
        for chunks in (b"zz\r\nabc", b"-5\r\nabcde\r\n0\r\n\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n",
                       b"fffffffffffffffff\r\nabc", b"5", b"\r\n\r\n", b"5 x\nabcde0\n\n",
                       b"5\r\nabcdeX\r\nGET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"):
            with self.subTest(chunks):
                data = server.raw(post("Transfer-Encoding: chunked") + chunks + b"\r\n"
                                  + self.HIDDEN, patience=3)
                self.assertNotIn(200, answers(data), data)
                self.assertLessEqual(len(answers(data)), 1, data)
        self.assert_answers(server)

    def test_what_is_broken_is_followed_by_nothing(self):
        server = Server(self)
        for broken in (b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"\0\0\r\n\r\n",
                       b"GET / HTTP/3\r\n\r\n"):
            data = server.raw(broken + self.HIDDEN, patience=3)
            self.assertNotIn(200, answers(data), data)
        self.assert_answers(server)

    def test_sound_requests_in_one_piece_are_each_answered(self):
        server = Server(self)
        one = post(f"Content-Length: {len(BODY)}") + BODY
        last = head("GET /health HTTP/1.1", "Host: a", "Connection: close")
        self.assertEqual(answers(server.raw(one + one + self.HIDDEN + last)), [200] * 4)


class Paths(SecurityTest):
    def test_tricks_lead_nowhere(self):
        (self.folder / "secret").write_text("of the mill")
        server = Server(self)
        for target in ("/../secret", "/%2e%2e/secret", "/..%2fsecret", "/v1/models/../../secret",
                       "/v1/models/%2e%2e%2fsecret", "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
                       "/v1/models/village%00", "/v1/models/%00", "/....//secret", "//secret",
                       "/v1//models", "/v1/models/village/", "/\\..\\secret", "/%c0%ae%c0%ae/secret",
                       "/%", "/%2", "/%zz", "/?/../secret", "/" + "../" * 2000 + "secret"):
            data = server.raw(head(f"GET {target} HTTP/1.1", "Host: a", "Connection: close"))
            self.assertIn(answers(data), ([404], [400]), (target, data))
            self.assertNotIn(b"mill", data)
        for target in ("http://127.0.0.1/v1/models", "http://other/health", "*", "a:80", "v1/models",
                       "/v1/mod els", "/v1/models\0", "file:///etc/passwd"):
            data = server.raw(head(f"GET {target} HTTP/1.1", "Host: a"), patience=3)
            self.assertNotIn(200, answers(data), (target, data))
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"):
            data = server.raw(head(f"{method} /v1/models HTTP/1.1", "Host: a",
                                   "Connection: close"), patience=3)
            self.assertNotIn(200, answers(data), (method, data))
        self.assert_answers(server)

    def test_what_is_told_of_them_is_no_command_to_a_terminal(self):
        server = Server(self, "-v")
        server.raw(head("GET /%1b%5b2Ja%0ab HTTP/1.1", "Host: a", "Connection: close"))
        until(lambda: any("404" in line for line in server.lines))
        self.assertNotIn("\x1b", "".join(server.lines))
        self.assertEqual(sum("404" in line for line in server.lines), 1)


class Floods(SecurityTest):
    def test_heads_beyond_the_limit(self):
        server = Server(self)
        for data in (head("GET /health HTTP/1.1", "Host: a", *(["X: y"] * 20000)),
                     head("GET /health HTTP/1.1", "Host: a", "X: " + "y" * 200000),
                     head("GET /" + "a" * 200000 + " HTTP/1.1", "Host: a")):
            self.assertNotIn(200, answers(server.raw(data)))
        # A head of many headers that is within it is answered.
        self.assertEqual(answers(server.raw(head(
            "GET /health HTTP/1.1", "Host: a", "Connection: close", *(["X: y"] * 2000)))), [200])

    def test_a_flood_beside_callers_costs_them_nothing(self):
        server = Server(self, "--max-connections", "64")

        def flood(number):
            chance = random.Random(number)
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(
                        ("127.0.0.1", server.port), timeout=5) as caller:
                    caller.sendall(post(f"X: {'y' * chance.randrange(60000)}",
                                        "Content-Length: 999999")[:chance.randrange(60000)])

        threads = [threading.Thread(target=flood, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                self.assert_answers(server)
        finally:
            for thread in threads:
                thread.join()
        self.assert_answers(server)

    def test_mutants_of_requests(self):
        server = Server(self)
        chance = random.Random(5)
        whole = [post(f"Content-Length: {len(BODY)}", "Connection: close") + BODY,
                 post("Transfer-Encoding: chunked", "Connection: close")
                 + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
                 head("GET /v1/models HTTP/1.1", "Host: a", "Connection: close")]
        for _ in range(300):
            data = bytearray(chance.choice(whole))
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(data))
                what = chance.randrange(3)
                if what == 0:
                    data[at] = chance.randrange(256)
                elif what == 1:
                    del data[at:at + chance.randint(1, 9)]
                else:
                    data[at:at] = chance.choice((b"\r\n", b"\0", b": ", b"chunked", b"9" * 20))
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as caller, \
                    contextlib.suppress(ConnectionResetError, BrokenPipeError):
                caller.sendall(data)
                caller.shutdown(socket.SHUT_WR)
                got = b""
                while piece := caller.recv(65536):
                    got += piece
                # What a length leaves over is no request.
                self.assertLessEqual(answers(got).count(200), 1, bytes(data))
        self.assertIsNone(server.process.poll())
        self.assert_answers(server)


class WorkerKeys(ToolTest):
    tool = "generate"

    def key(self, name, digits):
        path = self.write(name, digits * 32 + "\n")
        path.chmod(0o600)
        return path

    def test_wrong_keys_are_told_and_harm_nobody(self):
        good, bad = self.key("good", "5a"), self.key("bad", "5b")
        model = self.data("examples/village")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"tcp://127.0.0.1:{port}"
        worker = Worker(self, address, "--worker-key", good, model=model)
        (self.folder / "w.txt").write_text(address + "\n")
        row = '{"prompt": "The miller", "max_tokens": 5}\n'
        for arguments in (["--worker-key", bad], []):
            run = subprocess.Popen([program("generate"), "-m", model, "--jsonl", "--workers",
                                    "w.txt", *arguments], cwd=self.folder, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            run.stdin.write(row.encode())
            run.stdin.close()
            told = len(worker.lines)
            until(lambda told=told: any("turned away" in line for line in worker.lines[told:]))
            self.assertIsNone(run.poll())
            run.kill()
            self.assertEqual(run.stdout.read(), b"")
            run.wait()
            run.stdout.close()
        got = self.ok("-m", model, "--jsonl", "--workers", "w.txt", "--worker-key", good,
                      stdin=row)
        self.assertEqual(got.out, self.ok("-m", model, "--jsonl", stdin=row).out)


if __name__ == "__main__":
    main()
