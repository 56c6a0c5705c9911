"""Muon for matrices, Adam for the rest; rates that rise, stay, and fall at the end.

Muon (Jordan et al., 2024) steps along the momentum with its singular values brought
near 1 by a Newton-Schulz iteration. For a model this small it learns as much as Adam
from a good deal fewer tokens, and tokens are what a small machine is short of.
"""

import torch


def orthogonal(g):
    """Nearly the orthogonal factor of each matrix of a stack."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = g.shape[-2] > g.shape[-1]
    x = (g.mT if tall else g).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return (x.mT if tall else x).float()


class Optimizer:
    """`matrices` and `others`: name -> leaf tensor."""

    def __init__(self, matrices, others, muon_rate=0.02, adam_rate=0.003, decay=0.01,
                 betas=(0.9, 0.98)):
        self.matrices, self.others = matrices, others
        self.muon_rate, self.adam_rate, self.decay, self.betas = muon_rate, adam_rate, decay, betas
        self.state = {n: torch.zeros_like(p) for n, p in matrices.items()}
        for n, p in others.items():
            self.state[n + ".m"], self.state[n + ".v"] = torch.zeros_like(p), torch.zeros_like(p)
        self.steps = 0
        self.stacks = {}
        for n, p in matrices.items():
            self.stacks.setdefault(tuple(p.shape), []).append(n)

    @torch.no_grad()
    def step(self, rate):
        """One step with both rates times `rate`; gradients are used up."""
        self.steps += 1
        for (rows, columns), names in self.stacks.items():
            steps = []
            for n in names:
                m, g = self.state[n], self.matrices[n].grad
                m.mul_(0.95).add_(g)
                steps.append(g.add(m, alpha=0.95))
            updates = orthogonal(torch.stack(steps))
            scale = self.muon_rate * rate * max(1.0, rows / columns) ** 0.5
            for n, u in zip(names, updates):
                p = self.matrices[n]
                p.mul_(1 - self.muon_rate * rate * self.decay).add_(u, alpha=-scale)
        b1, b2 = self.betas
        for n, p in self.others.items():
            m, v = self.state[n + ".m"], self.state[n + ".v"]
            m.lerp_(p.grad, 1 - b1)
            v.lerp_(p.grad * p.grad, 1 - b2)
            mean = m / (1 - b1 ** self.steps)
            root = (v / (1 - b2 ** self.steps)).sqrt_().add_(1e-8)
            p.addcdiv_(mean, root, value=-self.adam_rate * rate)
        for p in list(self.matrices.values()) + list(self.others.values()):
            p.grad = None


def schedule(done, total, warm, fall):
    """The rate's factor after `done` of `total` tokens: up, flat, and down to nothing."""
    if done < warm:
        return (done + 1) / warm
    return min(1.0, max(0.02, (total - done) / max(1, fall)))
