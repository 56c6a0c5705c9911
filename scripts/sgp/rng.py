"""A small random generator whose numbers are the same on every Python.

`random.Random` promises that only for `random()`; the ways in which it draws
integers and samples have changed between versions. SplitMix64 is three lines.
"""

MASK = (1 << 64) - 1


class Rng:
    def __init__(self, seed, stream=""):
        self.state = seed & MASK
        for byte in stream.encode():
            self.state = (self.bits() ^ byte) & MASK
        self.bits()

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        """An integer in 0..n-1 (n is tiny against 2^64, so the bias is nil)."""
        return self.bits() % n

    def between(self, low, high):
        """An integer in low..high, both included."""
        return low + self.below(high - low + 1)

    def real(self, low=0.0, high=1.0):
        return low + (high - low) * ((self.bits() >> 11) / (1 << 53))

    def chance(self, p):
        return self.real() < p

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffled(self, items):
        items = list(items)
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items

    def sample(self, items, k):
        return self.shuffled(items)[:k]
