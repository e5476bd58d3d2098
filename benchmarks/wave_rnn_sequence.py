"""Cost of a sequence through a wave RNN: the operation, the plain loop, other networks.

    python benchmarks/wave_rnn_sequence.py [--threads 1] [--rounds 11] [--quick]

The plain loop is what the authors of the wave RNN write: `nn.Conv1d` with circular
padding and `nn.Linear` for each step, and autograd. The operation is `run_sequence`
with the same weights; gradients are compared before anything is timed. LSTM, GRU and
RNN are torch's own, with the hidden size that comes nearest in parameters; the dense
RNN has as many units as the wave RNN has states, and many more parameters.

All are timed by turns in one process, each right after an untimed run of its own, so
that what else the machine does meets all alike and none begins in the caches of
another. The ratio is the median over rounds of the loop's time over theirs. With one
thread the time is CPU time, on one core; with more it is elapsed time. Denormal numbers
count as 0 for all. Peak memory is that of a process of its own, above what it held
after a first short sequence.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

if __name__ == "__main__":  # libraries read these when they are loaded
    given = argparse.ArgumentParser(add_help=False)
    given.add_argument("--threads", default="1")
    threads = given.parse_known_args()[0].threads
    os.environ.update(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)

import numpy as np
import torch
from torch import Tensor, nn

from cortexwave.learning import STATE_BUDGET
from cortexwave.learning.sequence_op import run_sequence

LOOP = "plain loop"
MIB = 2**20


@dataclass(frozen=True)
class Size:
    """A network and a batch of sequences; `every_step` reads out at every step."""

    name: str
    sites: int
    channels: int
    inputs: int
    steps: int
    every_step: bool
    batch: int = 128
    outputs: int = 10

    @property
    def state(self) -> int:
        return self.sites * self.channels


COPY = Size("copy", 100, 6, 10, steps=30, every_step=True)
MNIST = Size("sMNIST", 256, 16, 1, steps=20, every_step=False)


class PlainLoop(nn.Module):
    """The wave RNN of its authors, step by step."""

    def __init__(self, size: Size):
        super().__init__()
        self.size, c = size, size.channels
        self.lateral = nn.Conv1d(c, c, 3, padding=1, padding_mode="circular")
        self.drive = nn.Linear(size.inputs, size.state)
        self.readout = nn.Linear(size.state, size.outputs)
        with torch.no_grad():  # a shift, and a little of everything else
            self.lateral.weight.mul_(0.2)
            self.lateral.weight[:, :, 2] += 0.8 * torch.eye(c)

    def forward(self, inputs: Tensor) -> Tensor:
        size = self.size
        h = inputs.new_zeros(len(inputs), size.channels, size.sites)
        read = []
        for x in inputs.unbind(dim=1):
            h = torch.relu(self.lateral(h) + self.drive(x).view_as(h))
            if size.every_step:
                read.append(self.readout(h.flatten(1)))
        return torch.stack(read, 1) if size.every_step else self.readout(h.flatten(1))


class Operation(nn.Module):
    """The same network, with the same parameters, through `run_sequence`."""

    def __init__(self, loop: PlainLoop, budget: int = STATE_BUDGET):
        super().__init__()
        self.loop, self.budget = loop, budget

    def forward(self, inputs: Tensor) -> Tensor:
        loop, size = self.loop, self.loop.size
        ring = (size.channels, 1, size.sites)
        bias = loop.drive.bias.view(ring) + loop.lateral.bias[:, None, None]
        passed = run_sequence(
            inputs,
            loop.lateral.weight[:, :, None],
            loop.drive.weight.t().view(-1, *ring),
            bias,
            readout=loop.readout.weight.view(-1, *ring) if size.every_step else None,
            readout_bias=loop.readout.bias if size.every_step else None,
            budget=self.budget,
        )
        if passed.readout is not None:
            return passed.readout
        return loop.readout(passed.last.flatten(1))


class Other(nn.Module):
    """A recurrent network of torch with a linear readout."""

    def __init__(self, kind: str, size: Size, hidden: int):
        super().__init__()
        make = {"LSTM": nn.LSTM, "GRU": nn.GRU}.get(kind)
        how = {"batch_first": True}
        self.size = size
        self.cells = (
            make(size.inputs, hidden, **how)
            if make is not None
            else nn.RNN(size.inputs, hidden, nonlinearity="relu", **how)
        )
        self.readout = nn.Linear(hidden, size.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        states = self.cells(inputs)[0]
        return self.readout(states if self.size.every_step else states[:, -1])


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def like_parameters(kind: str, size: Size, wanted: int) -> Other:
    """The network of this kind that comes nearest to so many parameters."""
    return min(
        (Other(kind, size, hidden) for hidden in range(16, 256)),
        key=lambda network: abs(parameters(network) - wanted),
    )


def contestants(size: Size) -> Iterator[tuple[str, nn.Module]]:
    torch.manual_seed(0)
    loop = PlainLoop(size)
    yield LOOP, loop
    yield "run_sequence", Operation(loop)
    yield "run_sequence, 16 MiB kept", Operation(loop, budget=2**24)
    for kind in ("LSTM", "GRU", "RNN"):
        other = like_parameters(kind, size, parameters(loop))
        yield f"nn.{kind}, {other.cells.hidden_size} units", other
    if size.state < 1000:
        yield f"dense RNN, {size.state} units", Other("RNN", size, size.state)


def train(network: nn.Module, inputs: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    network(inputs).square().mean().backward()


def infer(network: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        network(inputs)


def agreement(size: Size, inputs: Tensor) -> float:
    """Greatest error of a gradient of the operation, of the greatest gradient.

    Against the loop in float64: in float32 the loop itself may fall on the other side
    of a corner of relu.
    """
    torch.manual_seed(0)
    loop = PlainLoop(size)
    exact = copy.deepcopy(loop).double()
    train(exact, inputs.double())
    errors = []
    for budget in (STATE_BUDGET, 0):
        train(Operation(loop, budget), inputs)
        for ours, theirs in zip(loop.parameters(), exact.parameters(), strict=True):
            error = (ours.grad - theirs.grad).abs().max() / theirs.grad.abs().max()
            errors.append(float(error))
    return max(errors)


def measured(size: Size, rounds: int, clock: Callable[[], float]) -> Iterator[str]:
    """Lines of the table for one size."""
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(size.batch, size.steps, size.inputs, generator=draw)
    error = agreement(size, inputs)
    if error > 1e-3:  # sums of a million terms, and corners of relu
        raise SystemExit(f"{size.name}: gradients differ by {error:.1e}")
    for what, task in (("forward + backward", train), ("inference", infer)):
        # Reading out is the same for all: a step of inference is that of the state.
        shown = size if task is train else replace(size, every_step=False)
        runners = list(contestants(shown))
        took = np.empty((len(runners), rounds))
        for turn in range(rounds + 2):
            for place, (_, network) in enumerate(runners):
                task(network, inputs)  # so that all begin with their own caches
                begun = clock()
                task(network, inputs)
                took[place, turn - 2] = clock() - begun  # two rounds warm up
        steps = took / size.steps * 1e6
        for (name, network), mine in zip(runners, steps, strict=True):
            yield (
                f"| {size.name} | {what} | {name} | {parameters(network):,} | "
                f"{np.median(mine):.0f} ({mine.min():.0f}) | "
                f"{np.median(steps[0] / mine):.2f} |"
            )


def peak(who: str, steps: int) -> tuple[float, float]:
    """MiB above a short sequence, and seconds, of forward + backward at copy size."""
    command = [sys.executable, __file__, "--peak", who, "--steps", str(steps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    mib, seconds = done.stdout.split()
    return float(mib), float(seconds)


def print_peak(who: str, steps: int) -> None:
    """What `peak` reads from the process it starts."""
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    loop = PlainLoop(COPY)
    budget = {"kept": STATE_BUDGET, "chunked": 2**24}.get(who)
    network = loop if budget is None else Operation(loop, budget)
    train(network, torch.zeros(COPY.batch, 3, COPY.inputs))
    before = highest_kib(anew=True)
    begun = time.perf_counter()
    train(network, torch.randn(COPY.batch, steps, COPY.inputs))
    took = time.perf_counter() - begun
    print((highest_kib() - before) / 1024, took)


def highest_kib(*, anew: bool = False) -> int:
    """The most memory this process has held; `anew`: from now on, so that held now."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def memory_table(quick: bool) -> Iterator[str]:
    middle, long = (50, 200) if quick else (500, 10_000)
    loop = peak("loop", middle)[0]
    for name, who, steps in (
        (LOOP, "loop", middle),
        ("run_sequence", "kept", middle),
        ("run_sequence, 16 MiB kept", "chunked", middle),
        ("run_sequence", "kept", long),
    ):
        mib, seconds = peak(who, steps)
        ratio = f"{loop / mib:.1f}" if steps == middle else "-"
        yield f"| {name} | {steps:,} | {mib:.0f} | {ratio} | {seconds:.1f} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="a round of few steps")
    parser.add_argument("--peak", choices=("loop", "kept", "chunked"),
                        help=argparse.SUPPRESS)  # fmt: skip
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.peak:
        print_peak(chosen.peak, chosen.steps)
        return
    torch.set_flush_denormal(True)
    clock: Callable[[], float] = time.perf_counter
    if chosen.threads == 1:
        clock = time.process_time
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rounds = 2 if chosen.quick else chosen.rounds
    print(f"threads {chosen.threads}, batch {COPY.batch}, float32")
    print("| size | what | network | parameters | us per step: median (min) "
          "| faster than the loop |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- |")
    for size in (COPY, MNIST):
        shown = replace(size, steps=4) if chosen.quick else size
        for line in measured(shown, rounds, clock):
            print(line, flush=True)
    print("\n| copy size, forward + backward | steps | peak MiB | less than the loop "
          "| seconds |")  # fmt: skip
    print("| --- | --- | --- | --- | --- |")
    for line in memory_table(chosen.quick):
        print(line, flush=True)


if __name__ == "__main__":
    main()
