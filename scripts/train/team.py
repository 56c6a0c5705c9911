"""Worker processes that share a step's micro-batches.

One thread each, and weights and gradients in shared memory: on a machine that others use
too, two threads inside every matrix product wait for each other all the time, while two
processes meet once a step. Which of them does a micro-batch changes the order of the
sums and nothing else.
"""

import atexit
import multiprocessing
import os
import signal
from multiprocessing.connection import wait

import torch


class Team:
    def __init__(self, leaves, compute, size):
        """`leaves`: name -> tensor that is trained; compute(job): adds to their .grad."""
        torch.set_num_threads(1)
        self.leaves = leaves
        for p in leaves.values():
            p.share_memory_()
            p.requires_grad_(True)
        self.grads, self.pipes, self.members = [], [], []
        fork = multiprocessing.get_context("fork")
        for _ in range(size):
            grads = {n: torch.zeros_like(p).share_memory_() for n, p in leaves.items()}
            ours, theirs = fork.Pipe()
            member = fork.Process(target=self.serve, args=(theirs, grads, compute), daemon=True)
            member.start()
            self.members.append(member)
            self.grads.append(grads)
            self.pipes.append(ours)
        atexit.register(self.close)     # before multiprocessing waits for them, as after an error

    def close(self):
        for member in self.members:
            member.kill()      # they ignore SIGTERM, which is for the one who saves

    def serve(self, pipe, grads, compute):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        torch.set_num_threads(1)
        for n, p in self.leaves.items():
            p.grad = grads[n]
        try:
            while True:
                pipe.send(compute(pipe.recv()))
        except EOFError:
            os._exit(0)

    def run(self, jobs):
        """Does all jobs; their gradients are then in .grad. Returns what compute() returned."""
        jobs, results = list(jobs), []
        busy = []
        for pipe in self.pipes:
            if jobs:
                pipe.send(jobs.pop())
                busy.append(pipe)
        while busy:
            for pipe in wait(busy):
                results.append(pipe.recv())
                if jobs:
                    pipe.send(jobs.pop())
                else:
                    busy.remove(pipe)
        with torch.no_grad():
            for n, p in self.leaves.items():
                p.grad = self.grads[0][n].clone()
                for grads in self.grads[1:]:
                    p.grad += grads[n]
                for grads in self.grads:
                    grads[n].zero_()
        return results
