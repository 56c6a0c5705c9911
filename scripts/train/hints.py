"""Tells attention heads where to look, and what they find: losses beside the model's own.

A model this small needs very many texts to find out by itself that the colour of the
roof stands where the roof is drawn. The generator knows where (scripts/sgp/sources.py),
so some heads are taught their places: the loss of a head at a token is minus the log of
the share of attention that falls on the places that the hint allows. Heads:

    previous  layer 0, head 3            the token before (no data needed)
    gather    layer 1, head 1            an element's end -> its colour; an option's -> its letter
    lookup    layers 3 and 4, head 0     an answer -> the end of the element that decides it
    legend    layers 3 and 4, head 2     a letter -> the option that holds what was just said

And what was found is to be seen in the states between layers, read as the last layer's
are: after layer 2 the element's end names its colour, the option's end its letter
("named"); after layer 4 the answer is there ("found").
"""

import numpy
import torch
import torch.nn.functional as F

KINDS = ["lookup", "legend", "gather"]
HEADS = {"lookup": [(3, 0), (4, 0)], "legend": [(3, 2), (4, 2)], "gather": [(1, 1)]}
PREVIOUS = (0, 3)
SAYS = {"named": (3, ["gather"]), "found": (5, ["lookup", "legend"])}   # before which layer
WEIGHTS = {"lookup": 0.3, "legend": 0.3, "gather": 0.15, "previous": 0.05,
           "named": 0.3, "found": 0.3}


class HintFile:
    """PREFIX.hints and PREFIX.hix of make_data.py."""

    def __init__(self, prefix):
        self.all = numpy.fromfile(prefix + ".hints", "<i2").reshape(-1, 4)
        self.first = numpy.fromfile(prefix + ".hix", "<i4")

    def __getitem__(self, i):
        """(kind, looking, looked at, id found) of text i."""
        return self.all[self.first[i]:self.first[i + 1]]


class Hints:
    """The hints of a batch; collects losses while the model runs."""

    def __init__(self, rows, width):
        """`rows`: the hints of each row; tokens from `width` on don't exist."""
        self.at, self.total, self.shown = {}, 0.0, {}
        for kind, name in enumerate(KINDS):
            index, pairs, ids = {}, [], []
            for b, hints in enumerate(rows):
                for _, q, k, id_ in hints[hints[:, 0] == kind].tolist():
                    if q < width and k < width:
                        if (b, q) not in index:
                            index[b, q] = len(index)
                            ids.append(id_)
                        pairs.append((index[b, q], k))
            if not pairs:
                continue
            allowed = torch.full((len(index), width), float("-inf"))
            n, k = torch.tensor(pairs).T
            allowed[n, k] = 0
            b, q = torch.tensor(list(index)).T
            self.at[name] = b, q, allowed, torch.tensor(ids)

    def add(self, name, losses, share=1.0):
        mean = losses.mean()
        self.total = self.total + WEIGHTS[name] * share * mean
        self.shown[name] = self.shown.get(name, 0.0) + mean.item() * share

    def look(self, layer, scores):
        """Adds the losses of this layer's heads; scores: [row, head, looking, looked at]."""
        if layer == PREVIOUS[0]:
            p = scores[:, PREVIOUS[1], 1:].float().log_softmax(-1)
            p = p.diagonal(dim1=1, dim2=2)
            self.add("previous", -p[p > float("-inf")])     # a branch may not see the one before
        for name, heads in HEADS.items():
            for where, head in heads:
                if where == layer and name in self.at:
                    b, q, allowed, _ = self.at[name]
                    p = scores[b, head, q].float().log_softmax(-1)
                    self.add(name, -torch.logsumexp(p + allowed, -1), 1 / len(heads))

    def say(self, layer, states, logits):
        """Adds the losses of the states before this layer; `logits` reads states."""
        for name, (before, kinds) in SAYS.items():
            if before != layer:
                continue
            some = [self.at[k] for k in kinds if k in self.at]
            if some:
                b, q, ids = (torch.cat([x[i] for x in some]) for i in (0, 1, 3))
                self.add(name, F.cross_entropy(logits(states[b, q]).float(), ids, reduction="none"))
