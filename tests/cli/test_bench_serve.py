"""bench serve: requests at a rate, to servers of ours and to others."""
import http.server
import json
import threading
import time
import xml.etree.ElementTree

from harness import ToolTest, main
from servers import Server
from test_workers import Worker


class Scripted(http.server.BaseHTTPRequestHandler):
    """A server whose times are known: `delay` to the first piece, `gap` to each further one."""

    protocol_version = "HTTP/1.1"
    delay, gap, status = 0.05, 0.02, 200
    bodies, broken = [], False

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.whole(200, {"data": [{"id": "scripted"}]})

    def whole(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, value):
        data = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.wfile.write(b"data: " + data + b"\n\n")
        self.wfile.flush()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append((time.monotonic(), body, self.headers.get("Authorization")))
        if self.status != 200:
            return self.whole(self.status, {"error": {"message": "not now"}})
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        time.sleep(self.delay)
        for number in range(body["max_tokens"]):
            if number:
                time.sleep(self.gap)
            self.event({"choices": [{"index": 0, "text": "a"}]})
            if self.broken and number == 1:
                return None
        self.event({"choices": [], "usage": {"prompt_tokens": len(body["prompt"]),
                                             "completion_tokens": body["max_tokens"]}})
        return self.event("[DONE]")


class BenchServe(ToolTest):
    tool = "bench"

    def fails(self, status, *arguments, message=None, **more):
        result = self.run_tool(*arguments, **more)
        self.assert_failed(result, status, tool="bench serve", message=message)

    def scripted(self, **values):
        kind = type("Kind", (Scripted,), dict(values, bodies=[]))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return kind, f"http://127.0.0.1:{server.server_port}/v1"

    def measure(self, url, *options, status=0):
        result = self.run_tool("serve", "--url", url, "--json", *options)
        self.assertEqual(result.status, status, result)
        return json.loads(result.out)

    def test_times_are_those_that_the_server_took(self):
        kind, url = self.scripted()
        run = self.measure(url, "--rate", "20", "--traffic", "in=10..20,out=5,n=12")["runs"][0]
        self.assertEqual((run["answered"], run["failed"], run["tokens"]), (12, 0, 60))
        self.assertEqual(run["prompt_tokens"], sum(len(b["prompt"]) for _, b, _ in kind.bodies))
        self.assertGreaterEqual(run["ttft"]["p50"], 0.05)
        self.assertLess(run["ttft"]["p50"], 0.5)
        self.assertGreaterEqual(run["tpot"]["p50"], 0.02)
        self.assertLess(run["tpot"]["p50"], 0.2)
        for _, body, _ in kind.bodies:
            self.assertTrue(body["stream"] and body["ignore_eos"] and body["model"] == "scripted")
            self.assertTrue(all(256 <= token < 512 for token in body["prompt"]))

    def test_requests_come_when_they_are_due(self):
        for arrivals in ("fixed", "poisson"):
            kind, url = self.scripted(delay=1.0)
            run = self.measure(url, "--rate", "20", "--traffic", "in=4,out=1,n=21", "--arrivals",
                               arrivals)["runs"][0]
            self.assertAlmostEqual(run["rate"], 20)
            times = sorted(at for at, _, _ in kind.bodies)
            # All 21 were sent before the first was answered: nobody waited.
            self.assertGreater(times[-1] - times[0], 0.9)
            self.assertLess(times[-1] - times[0], 2.0)

    def test_a_trace(self):
        kind, url = self.scripted()
        trace = self.write("trace", '{"at": 0, "in": 3, "out": 2}\n\n{"at": 0.4, "in": 5, "out": 1}\n')
        run = self.measure(url, "--trace", trace)["runs"][0]
        self.assertEqual((run["prompt_tokens"], run["tokens"]), (8, 3))
        self.assertGreater(kind.bodies[1][0] - kind.bodies[0][0], 0.35)
        for text, message in (("", "no request"), ('{"at": 1, "in": 1, "out": 1}\n' * 2, None),
                              ('{"at": 1, "in": 0, "out": 1}', "in"), ("{", "line 1"),
                              ('{"at": 2, "in": 1, "out": 1}\n{"at": 1, "in": 1, "out": 1}',
                               "before")):
            if message:
                self.fails(3, "serve", "--url", url, "--trace", self.write("wrong", text),
                           message=message)

    def test_an_objective(self):
        _, url = self.scripted()
        common = ("--rate", "50", "--traffic", "in=4,out=3,n=10")
        kept = self.measure(url, *common, "--slo", "ttft=5s,tpot=2000ms")["runs"][0]
        self.assertEqual((kept["kept"], kept["holds"]), (10, True))
        for objective in ("ttft=10ms", "tpot=5ms", "ttft=5s,tpot=5ms"):
            run = self.measure(url, *common, "--slo", objective, status=1)["runs"][0]
            self.assertEqual((run["kept"], run["holds"]), (0, False))
        self.measure(url, *common, "--slo", "ttft=10ms", "--slo-share", "0")

    def test_the_highest_rate_that_holds(self):
        # One at a time, 0.1 s each: more than 10 a second pile up.
        turn = threading.Lock()

        def answer_in_turn(handler):
            with turn:
                Scripted.do_POST(handler)

        kind, url = self.scripted(delay=0.1, do_POST=answer_in_turn)
        found = self.measure(url, "--rate", "5", "--traffic", "in=4,out=1,n=12", "--arrivals",
                             "fixed", "--slo", "ttft=300ms", "--find-rate")["runs"]
        rates = [run["rate"] for run in found if run["holds"]]
        self.assertGreater(max(rates), 3)
        self.assertLess(max(rates), 30)
        self.assertTrue(any(not run["holds"] for run in found))
        # A server that keeps what it knows of prompts does not meet one again.
        prompts = {tuple(body["prompt"]) for _, body, _ in kind.bodies}
        self.assertEqual(len(prompts), 12 * len(found))

    def test_what_goes_wrong_is_counted_and_shown(self):
        kind, url = self.scripted(status=503)
        common = ("--rate", "50", "--traffic", "in=4,out=3,n=4")
        run = self.measure(url, *common, status=1)["runs"][0]
        self.assertEqual((run["turned_away"], run["failed"]), (4, 0))
        kind.status = 500
        run = self.measure(url, *common, status=1)["runs"][0]
        self.assertEqual(run["failed"], 4)
        self.assertIn("not now", run["first_error"])
        _, url = self.scripted(broken=True)
        run = self.measure(url, *common, status=1)["runs"][0]
        self.assertEqual(run["failed"], 4)
        self.assertIn("broke off", run["first_error"])

    def test_wrong_usage(self):
        self.fails(2, "serve", message="--url")
        for options, message in ((("--url", "ftp://a"), "ftp://a"),
                                 (("--url", "http://a", "--find-rate"), "--slo"),
                                 (("--url", "http://a", "--slo", "x=1"), "x=1"),
                                 (("--url", "http://a", "--slo", "ttft=no"), "no"),
                                 (("--url", "http://a", "--trace", "a", "--rate", "2"), "--trace"),
                                 (("--url", "http://a", "--traffic", "in=1"), "in=1")):
            self.fails(2, "serve", *options, message=message)
        self.fails(4, "serve", "--url", "http://127.0.0.1:9/v1", message="no answer")

    def test_workers_in_place_of_a_server(self):
        model = self.folder / "w8.lathe"
        self.ok("-m", self.data("examples/village"), "-s", "w8", "-o", model, tool="quantize")
        roles = {"p": "prefill", "d": "decode"}
        for name, role in roles.items():
            Worker(self, f"ipc://{self.folder}/{name}", "--role", role, model=model)
        self.write("workers", "".join(f"ipc://{self.folder}/{name}\n" for name in roles))
        result = self.ok("serve", "--workers", "workers", "-m", model, "--rate", "100", "--traffic",
                         "in=40..60,out=2..8,n=30", "--vocab", "400", "--json")
        run = json.loads(result.out)["runs"][0]
        self.assertEqual((run["answered"], run["failed"]), (30, 0))
        for time_of in ("ttft", "total"):
            self.assertGreater(run[time_of]["p50"], 0)
        # Pieces have times between them, but a machine that stood still hears several at once.
        for time_of in ("tpot", "itl"):
            self.assertGreaterEqual(run[time_of]["max"], run[time_of]["p50"])
            self.assertGreaterEqual(run[time_of]["p50"], 0)
        self.fails(2, "serve", "--workers", "workers", message="-m")
        self.fails(2, "serve", "--workers", "workers", "-m", model, "--url", "http://a",
                   message="--url")
        self.fails(2, "serve", "--url", "http://a", "-m", model, message="-m")

    def test_an_engine_of_its_own_at_several_rates_with_a_plot(self):
        model = self.data("examples/village")
        result = self.ok("serve", "-m", model, "-t", "1", "--rate", "40,80", "--traffic",
                         "in=8..16,out=2..6,n=10", "--vocab", "400", "--slo", "ttft=60s,tpot=60s",
                         "--json", "--plot", "rates.svg")
        runs = json.loads(result.out)["runs"]
        self.assertEqual([run["rate"] for run in runs], [40, 80])
        self.assertEqual([(run["answered"], run["kept"]) for run in runs], [(10, 10)] * 2)
        drawn = xml.etree.ElementTree.parse(self.folder / "rates.svg").getroot()
        lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(lines), 9)  # of three times the median and two percentiles
        self.assertEqual({len(line.get("points").split()) for line in lines}, {2})
        self.fails(2, "serve", "--url", "http://a", "-t", "1", message="-t")
        self.fails(2, "serve", "-m", model, "--rate", "1,2", "--find-rate", "--slo", "ttft=1s",
                   message="--find-rate")
        self.fails(2, "serve", "-m", model, "--rate", "1,0", message="--rate")

    def test_a_server_of_ours_with_a_key(self):
        keys = self.write("keys", "sk-mill\n")
        server = Server(self, "--api-key-file", keys)
        url = server.where + "/v1"
        common = ("--rate", "100", "--traffic", "in=8..16,out=1..8,n=30", "--vocab",
                  "400")
        run = self.measure(url, *common, "--api-key-file", keys)["runs"][0]
        self.assertEqual((run["answered"], run["failed"]), (30, 0))
        self.fails(4, "serve", "--url", url, *common, message="401")


if __name__ == "__main__":
    main()
