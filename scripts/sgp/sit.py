"""Training questions in the benchmark's form, with a short reply that ends in the answer.

Questions on one program come together, so that a trainer can read the program once.
"""

import corpus
import digits
import questions
from rng import Rng

MOST = 8          # questions on one program
DIGITS = 5        # digits that are asked together


def reply(fact_or_text, answer):
    text = fact_or_text if isinstance(fact_or_text, str) else fact_or_text.statement
    return "%s\nAnswer: %s" % (text, answer)


def group(seed):
    """(program, [(row, reply, its fact)…], all facts) for a training seed.

    Digits come together too, and each has a program of its own: the first is None then.
    """
    rng = Rng(seed, "sit")
    kind = rng.real()
    if kind < 0.5:
        program, facts = corpus.drawn(seed)
        out = []
        for f in rng.shuffled(facts)[:MOST]:
            row = questions.svg_row("", program, f, rng)
            out.append((row, reply(f, row[6]), f))
        return program, out, facts
    if kind < 0.65:
        c = corpus.cad(seed)
        out = []
        for f in rng.shuffled(c.facts)[:MOST]:
            row = questions.cad_row("", c, f, rng)
            out.append((row, reply(f, row[6]), f))
        return c.program(), out, c.facts
    out = []
    for k in range(DIGITS):
        n, program = corpus.digit(seed * DIGITS + k)
        row = [digits.QUESTION % program, str(n)]
        out.append((row, reply("This is the digit %d." % n, n), None))
    return None, out, []
