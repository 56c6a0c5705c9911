"""Servers of the tests' own: processes of serve, and what is asked of them."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from harness import TIMEOUT, program

COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"


def until(condition, patience=TIMEOUT):
    """Waits for it. Counted, not timed: the machine may stand still for a while."""
    for _ in range(50 * patience):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come about")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Server:
    """A server of its own process, for one test; `model` None where arguments say which."""

    def __init__(self, test, *arguments, model="examples/village", listen="127.0.0.1:0"):
        which = [] if model is None else ["-m", test.data(model)]
        words = [program("serve"), *which, "--listen", listen, *arguments]
        self.process = subprocess.Popen([os.fspath(word) for word in words], cwd=test.folder,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        test.addCleanup(self.kill)
        line = self.process.stderr.readline().decode()
        while line and " listens at " not in line:
            line = self.process.stderr.readline().decode()
        test.assertIn(" listens at ", line)
        self.where = line.split(" listens at ")[1].strip()
        self.port = None
        if self.where.startswith("http://"):
            self.port = int(self.where.rsplit(":", 1)[1])
        self.lines = []
        self.reader = threading.Thread(target=self.drain, daemon=True)
        self.reader.start()

    def drain(self):
        for line in self.process.stderr:
            self.lines.append(line.decode())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()

    def end(self, number=signal.SIGTERM, patience=TIMEOUT):
        """Asks for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(patience)

    def connect(self):
        if self.port is None:
            return UnixConnection(self.where.removeprefix("unix:"))
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def ask(self, path, body=None, headers=None, method=None):
        """Status, headers, and the body as text."""
        with contextlib.closing(self.connect()) as connection:
            data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method or ("GET" if body is None else "POST"), path, data,
                               headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def complete(self, path=COMPLETIONS, **body):
        status, _, text = self.ask(path, body)
        assert status == 200, text
        return json.loads(text)

    def stream(self, path=COMPLETIONS, **body):
        """The chunks of an answer that is streamed."""
        status, headers, text = self.ask(path, dict(body, stream=True))
        assert status == 200 and headers["Content-Type"] == "text/event-stream", text
        events = text.split("\n\n")
        assert events.pop() == "" and events.pop() == "data: [DONE]", text
        return [json.loads(event.removeprefix("data: ")) for event in events]

    def raw(self, data, patience=60):
        """What comes back for bytes that need be no HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            received = b""
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                while piece := connection.recv(65536):
                    received += piece
            return received

    def metric(self, name):
        text = self.ask("/metrics")[2]
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def wait_until(self, condition, patience=30):
        until(condition, patience)
