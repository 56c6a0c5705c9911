"""sgp-eval --report in a real browser: it renders, filters work, and hostile text runs nothing."""
import csv
import io
import json
import sys
import unittest

import chromium
from harness import ToolTest, main

SVG = ("Examine the following SVG code carefully and answer the question based on your "
       "interpretation of the rendered image.\n\n%s\n\nQuestion: %s")
CAD = ("Examine the following CAD code carefully to understand the 2D object it generates and "
       "answer the question based on your interpretation of the rendered image of that object."
       "\n\n%s\n\nHint: the CAD code has the following syntax: ...\n\nQuestion: %s")
SQUARE = '<svg viewBox="0 0 10 10"><rect width="10" height="10" fill="#%s"/></svg>'
HACK = "document.title='hacked';window.hacked=1"

HOSTILE_PROGRAMS = [
    f'<svg xmlns="http://www.w3.org/2000/svg" onload="{HACK}"><script>{HACK}</script>'
    '<rect width="9" height="9"/></svg>',
    f'<svg><!-- </script><script>{HACK}</script> --><rect width="9" height="9"/></svg>',
    f'<svg><foreignObject width="9" height="9"><iframe src="javascript:{HACK}"></iframe>'
    f'<img src="x" onerror="{HACK}"></foreignObject></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<image href="http://example.invalid/a.png" width="9" height="9"/>'
    '<use xlink:href="http://example.invalid/b.svg#c"/>'
    '<style>@import url(http://example.invalid/c.css);</style></svg>',
    f'<svg><a href="javascript:{HACK}"><rect width="9" height="9"/></a><set onbegin="{HACK}"/>'
    f'<animate attributeName="href" values="javascript:{HACK}"/></svg>',
    f'<svg width=10 height=10><rect width=10 height=10 onclick="{HACK}"><p><script>{HACK}'
    '</script></svg>',   # no XML: read as HTML, and repaired
    '<svg><!-- <script> --></svg>',
]
HOSTILE_WORDS = [
    f"</script><script>{HACK}</script>",
    f"<!--<script>{HACK}",
    f'<img src=x onerror="{HACK}"> <svg onload="{HACK}">',
    "a\u202eb\u2028c\u0000d\u200be\x1b[31m",
    f"]]></script><iframe srcdoc='<script>{HACK}</script>'></iframe>",
    f"javascript:{HACK} @DATA@ @JS@ ${{1}} {{{{x}}}} \\u003cscript>",
    "Answer: B" + "x" * 100_000,
]


def table(rows):
    out = io.StringIO()
    w = csv.writer(out, lineterminator="\n")
    w.writerow(["PID", "Question", "A", "B", "C", "D", "Answer", "Subject"])
    w.writerows(rows)
    return out.getvalue()


class Page(ToolTest):
    tool = "sgp-eval"
    browser = None

    @classmethod
    def setUpClass(cls):
        cls.browser = chromium.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def setUp(self):
        super().setUp()
        self.browser.events.clear()

    def page(self, rows, responses, *more):
        """Scores the responses, and opens the report."""
        (self.folder / "svg.csv").write_text(table(rows), "utf-8")
        (self.folder / "responses.jsonl").write_text(
            "".join(json.dumps({"id": i, "response": r}) + "\n" for i, r in responses), "utf-8")
        self.run_tool("--data", "svg.csv", "--responses", "responses.jsonl", "--report",
                      "page.html", "-f", *more)
        self.browser.open(self.folder / "page.html",
                          "document.querySelectorAll('#list > li').length > 0")

    def cards(self):
        return self.browser.js("document.querySelectorAll('#list > .card').length")

    def clean(self):
        self.assertEqual(self.browser.complaints(), [])
        outside = [u for u in self.browser.requests() if not u.startswith(("file:", "data:"))]
        self.assertEqual(outside, [])

    def rows(self, n):
        colors = ["color", "shape", "count"]
        return [[f"q{i:05d}", SVG % (SQUARE % f"{i % 4096:03x}", f"Which is number {i}?"), "red",
                 "green", "blue", f"word{i}", "ABCD"[i % 4], colors[i % 3]] for i in range(n)]

    def test_shows_scores_and_questions(self):
        rows = self.rows(40)
        self.page(rows, [(r[0], "I say.\nAnswer: B") for r in rows[:39]], "--leaderboard")
        js = self.browser.js
        self.assertEqual(js("document.querySelector('.big').textContent"), "25.6%")  # of the 39
        self.assertEqual(js("[...document.querySelectorAll('.bar .name')].map(e=>e.textContent)"),
                         ["svg", "color", "count", "shape"])
        self.assertIn("asked 39 of 40", js("document.querySelector('.say').textContent"))
        self.assertEqual(js("document.querySelectorAll('tr.ours').length"), 0)  # other questions
        self.assertEqual(js("document.querySelector('#count').textContent"), "40 questions")
        first = "document.querySelector('#list .card')"
        self.assertEqual(js(f"{first}.querySelector('.ask').textContent"), "Which is number 0?")
        self.assertEqual(js(f"[...{first}.querySelectorAll('.options li')].map(e=>e.className)"),
                         ["key", "miss", "", ""])
        self.assertIn("I say.", js(f"{first}.querySelector('.words').textContent"))
        self.browser.wait(f"{first}.querySelector('img').naturalWidth > 0")
        js(f"{first}.querySelector('details').open = true")
        self.browser.wait(f"{first}.querySelector('.program') !== null")
        self.assertEqual(js(f"{first}.querySelector('.program').textContent"), SQUARE % "000")
        self.clean()

    def test_filters(self):
        rows = self.rows(100)
        self.page(rows, [(r[0], "Answer: B") for r in rows])
        js = self.browser.js

        def shown():
            return js("document.querySelector('#count').textContent")

        js("document.querySelector('[data-verdict=wrong]').click()")
        self.assertEqual(shown(), "75 of 100")
        js("document.querySelector('#subject').value = [...document.querySelector('#subject')"
           ".options].find(o => o.text === 'shape').value;"
           "document.querySelector('#subject').dispatchEvent(new Event('change'))")
        self.assertEqual(shown(), "24 of 100")
        self.assertTrue(js("[...document.querySelectorAll('.card header')].every("
                           "h => h.textContent.includes('shape'))"))
        js("document.querySelector('[data-verdict=all]').click();"
           "document.querySelector('#subject').value = '';"
           "document.querySelector('#subject').dispatchEvent(new Event('change'));"
           "document.querySelector('#search').value = 'WORD77';"
           "document.querySelector('#search').dispatchEvent(new Event('input'))")
        self.browser.wait("document.querySelector('#count').textContent === '1 of 100'")
        self.assertEqual(js("document.querySelector('.card mark').textContent"), "word77")
        js("document.querySelector('#search').value = 'nowhere';"
           "document.querySelector('#search').dispatchEvent(new Event('input'))")
        self.browser.wait("document.querySelector('#count').textContent === '0 of 100'")
        self.assertEqual(self.cards(), 0)
        self.clean()

    def test_changed_questions_of_a_baseline(self):
        rows = self.rows(12)
        self.page(rows, [(r[0], "Answer: A") for r in rows])
        self.ok("--data", "svg.csv", "--responses", "responses.jsonl", "--records", "base.jsonl")
        self.page(rows, [(r[0], "Answer: B") for r in rows], "--baseline", "base.jsonl")
        self.browser.js("document.querySelector('[data-verdict=changed]').click()")
        self.assertEqual(self.browser.js("document.querySelector('#count').textContent"),
                         "6 of 12")
        self.assertIn("baseline: A", self.browser.js("document.querySelector('.card').textContent"))
        self.clean()

    def test_hostile_text_runs_nothing(self):
        rows, responses = [], []
        for i in range(max(len(HOSTILE_PROGRAMS), len(HOSTILE_WORDS))):
            words = HOSTILE_WORDS[i % len(HOSTILE_WORDS)]
            rows.append([f"h{i}<script>{HACK}</script>",
                         SVG % (HOSTILE_PROGRAMS[i % len(HOSTILE_PROGRAMS)], words.replace("\0", "")),
                         words.replace("\0", ""), "</script>", "<!--", "b", "B",
                         f"<b onclick='{HACK}'>"])
            responses.append((rows[-1][0], words))
        self.page(rows, responses)
        js = self.browser.js
        self.assertEqual(self.cards(), len(rows))
        js("for (const d of document.querySelectorAll('details')) d.open = true;"
           "for (const i of document.images) i.loading = 'eager'")
        self.browser.wait("[...document.images].every(i => i.complete)")
        js("document.querySelectorAll('.card *').forEach(e => e.click())")
        self.assertEqual(js("String(window.hacked)"), "undefined")
        self.assertNotIn("hacked", js("document.title"))
        self.assertEqual(js("document.scripts.length"), 2)
        self.assertEqual(js("document.querySelectorAll('iframe, object, embed, .card script, "
                            "[onload], [onerror], [onclick]').length"), 0)
        self.assertTrue(js("[...document.images].every(i => i.src.startsWith('data:image/svg'))"))
        # What can't be seen is named.
        odd = js("[...document.querySelectorAll('.words .odd')].map(e => e.textContent)")
        self.assertEqual(odd, ["U+202E", "U+2028", "U+0000", "U+200B", "U+001B"])
        # The program that is no XML is drawn all the same.
        self.assertGreater(js("[...document.querySelectorAll('figcaption')].filter("
                              "e => e.textContent.includes('no well-formed XML')).length"), 0)
        self.clean()

    def test_the_policy_is_there_and_holds(self):
        rows = self.rows(3)
        self.page(rows, [])
        js = self.browser.js
        js("const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
           "document.body.append(s)")
        js("const i = document.createElement('img'); i.src = 'http://example.invalid/x.png';"
           "document.body.append(i)")
        self.assertEqual(js("String(window.hacked)"), "undefined")
        complaints = " ".join(self.browser.complaints())
        self.assertIn("Content Security Policy", complaints)

    def test_cad_is_drawn_or_says_why_not(self):
        rows = [["c0", CAD % ("SOL;Circle:(128,128,60);Ext:(128,128,128,128,128,128,128,200,128,"
                              "Newbody,One-sided);EOS", "What?"), "a", "b", "c", "d", "A", "3D"],
                ["c1", CAD % ("SOL;Line:(1,2);Nonsense;EOS", "What?"), "a", "b", "c", "d", "A",
                 "3D"]]
        self.page(rows, [("c0", "Answer: A")])
        self.browser.wait("document.querySelector('.card img').naturalWidth > 0")
        self.assertIn("not drawn: ", self.browser.js(
            "document.querySelectorAll('.card .sheet')[1].textContent"))
        self.clean()

    def test_thousands_of_questions(self):
        rows = self.rows(10_000)
        self.page(rows, [(r[0], "Answer: B") for r in rows])
        js = self.browser.js
        self.assertEqual(js("document.querySelector('#count').textContent"), "10,000 questions")
        self.assertLess(self.cards(), 200)
        before = self.cards()
        js("scrollTo(0, document.body.scrollHeight)")
        self.browser.wait(f"document.querySelectorAll('#list > .card').length > {before}")
        self.assertLess((self.folder / "page.html").stat().st_size, 10_000_000)
        self.clean()


if __name__ == "__main__":
    try:
        chromium.find()
    except unittest.SkipTest as notice:
        print(notice)
        sys.exit(77)
    main()
