"""bench plan: workers for prompts and workers for answers."""
import json

from harness import ToolTest, main

KNOWN = ("--prefill-rate", "1000", "--decode-rates", "1:91,10:500,40:800")


class BenchPlan(ToolTest):
    tool = "bench"

    def fails(self, status, *arguments, message=None, **more):
        result = self.run_tool(*arguments, **more)
        self.assert_failed(result, status, tool="bench plan", message=message)

    def plan(self, *arguments, status=0):
        result = self.run_tool("plan", "--json", *arguments)
        self.assertEqual(result.status, status, result)
        return json.loads(result.out)

    def test_rates_that_are_known(self):
        plan = self.plan(*KNOWN, "--workers", "5", "--traffic", "in=500,out=100,n=1")
        self.assertEqual(plan["schema"], "lathe.plan/1")
        self.assertEqual((plan["best"]["prefill"], plan["best"]["decode"]), (4, 1))
        self.assertAlmostEqual(plan["best"]["highest_rate"], 8)
        self.assertAlmostEqual(plan["rate"], 6.4)
        self.assertEqual(len(plan["splits"]), 5)
        text = self.ok("plan", *KNOWN, "--workers", "5", "--traffic", "in=500,out=100,n=1").out
        self.assertIn("4 prefill, 1 decode *", text)
        self.assertIn("5 both", text)

    def test_a_rate_that_is_not_held(self):
        plan = self.plan(*KNOWN, "--rate", "100", status=1)
        self.assertIsNone(plan["best"]["ttft"])
        self.assertEqual(self.plan(*KNOWN, "--rate", "0.1")["rate"], 0.1)

    def test_an_objective(self):
        free = self.plan(*KNOWN)["best"]["highest_rate"]
        kept = self.plan(*KNOWN, "--slo", "ttft=600ms,tpot=20ms")["best"]
        self.assertLess(kept["highest_rate"], free)
        self.assertEqual(kept["bound"], "objective")

    def test_a_trace_has_lengths_and_a_rate(self):
        self.write("trace", "".join(json.dumps({"at": i / 2, "in": 100 + i, "out": 20}) + "\n"
                                    for i in range(11)))
        plan = self.plan(*KNOWN, "--trace", "trace")
        self.assertAlmostEqual(plan["rate"], 2)
        self.assertAlmostEqual(plan["prompt_tokens"], 105)

    def test_rates_that_are_measured(self):
        plan = self.plan("-m", self.data("examples/village"), "--traffic", "in=20..40,out=8,n=9",
                         "--max-batch", "3", "-t", "1", "--workers", "3")
        rates = plan["rates"]
        self.assertEqual([one["batch"] for one in rates["decode"]], [1, 2, 3])
        for rate in (rates["prefill"], rates["transfer"], rates["bytes_per_token"],
                     rates["decode"][0]["tokens_per_second"]):
            self.assertGreater(rate, 0)
        # What is known is not measured.
        plan = self.plan("-m", self.data("examples/village"), *KNOWN, "--traffic", "in=20,out=8,n=1")
        self.assertEqual(plan["rates"]["prefill"], 1000)
        self.assertEqual(len(plan["rates"]["decode"]), 3)

    def test_what_means_nothing_is_refused(self):
        for arguments, message in (
                ([], "--prefill-rate"), (["--prefill-rate", "10"], "--decode-rates"),
                ([*KNOWN, "--transfer-rate", "1M"], "--kv-bytes"),
                ([*KNOWN, "--workers", "1"], "--workers"),
                ([*KNOWN, "--layers", "2"], "--shape"),
                (["-m", "a", "--shape", "b"], "two models"),
                ([*KNOWN, "--trace", "a", "--traffic", "in=1,out=1,n=1"], "--trace"),
                (["--prefill-rate", "1", "--decode-rates", "1:x"], "--decode-rates"),
                (["--prefill-rate", "1", "--decode-rates", "5:1,4:1"], "grow"),
                ([*KNOWN, "--slo", "fast"], "objective")):
            with self.subTest(arguments=arguments):
                self.fails(2, "plan", *arguments, message=message)
        self.fails(4, "plan", *KNOWN, "--trace", "absent", message="absent")


if __name__ == "__main__":
    main()
