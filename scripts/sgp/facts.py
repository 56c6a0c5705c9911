"""A fact: something that is true of a drawing because it was drawn that way.

From a fact come a question with its options, and a sentence for a caption.
`pool` holds the values that were equally likely when the drawing was made; the
wrong options are taken from it, so the options alone say nothing.
"""

KINDS = ["semantics", "color", "shape", "count", "reasoning"]


class Fact:
    def __init__(self, kind, question, answer, statement, pool, keep=True, near=()):
        self.kind = kind
        self.question = question
        self.answer = str(answer)
        self.statement = statement
        self.pool = [str(p) for p in pool]
        self.keep = keep          # still right when the drawing is turned
        self.near = list(near)    # the likeliest wrong options: colours of other parts
        assert self.answer in self.pool, (question, answer, pool)

    def options(self, rng, letter=None):
        """Four options in random order, and the letter of the right one (or `letter`)."""
        wrong = [p for p in self.pool if p != self.answer]
        near = [p for p in self.near if p in wrong]
        chosen = rng.sample(near, min(2, len(near)))
        chosen += rng.sample([p for p in wrong if p not in chosen], 3 - len(chosen))
        options = rng.shuffled(chosen + [self.answer])
        at = options.index(self.answer)
        if letter:
            to = "ABCD".index(letter)
            options[at], options[to] = options[to], options[at]
            at = to
        return options, "ABCD"[at]


class Count:
    """A number drawn so that windows of four numbers stay fair.

    First a window {k, k+1, k+2, k+3} is drawn, then a number from it. A question
    shows a window that holds the number, each as likely as the next: within the
    window shown every number is then equally likely.
    """

    def __init__(self, rng, low=1, windows=1, step=1):
        self.low, self.windows, self.step = low, windows, step
        self.n = low + rng.below(windows) + rng.below(4)

    def pool(self, rng, shift=0):
        starts = [k for k in range(self.low, self.low + self.windows)
                  if k <= self.n <= k + 3]
        k = rng.pick(starts)
        return [str((v + shift) * self.step) for v in range(k, k + 4)]
