"""One step of training: loss, gradient, its norm, the change of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cortexwave.errors import NotFiniteError
from cortexwave.learning.tasks import Batch, Shape, Source
from cortexwave.learning.training_document import Optimisation


@dataclass(frozen=True)
class Stepped:
    """What one step saw: the loss before it, and the norm of its whole gradient.

    `outputs` (batch, [time,] output) are the answers that the loss is of.
    """

    loss: float
    gradient_norm: float
    outputs: Tensor


def optimiser_of(network: nn.Module, chosen: Optimisation) -> torch.optim.Optimizer:
    """torch's optimiser of the parameters that are trained."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    rate, decay = chosen.learning_rate, chosen.weight_decay
    if chosen.optimiser == "sgd":
        return torch.optim.SGD(
            parameters, lr=rate, weight_decay=decay, momentum=chosen.momentum
        )
    if chosen.optimiser == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=rate, weight_decay=decay, momentum=chosen.momentum
        )
    kind = torch.optim.Adam if chosen.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay)


def loss_of(outputs: Tensor, targets: Tensor, shape: Shape) -> Tensor:
    """The task's loss, a mean over sequences (and steps, where many are answered).

    outputs (batch, [time,] output); targets (batch, [answer]) classes or (batch,
    [answer,] output) values, of the steps from the shape's `first_answer` on.
    """
    if shape.every_step:
        outputs = outputs[:, shape.first_answer :]  # (batch, answer, output)
    if shape.loss == "mean_squared_error":
        return nn.functional.mse_loss(outputs, targets)
    return nn.functional.cross_entropy(
        outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1)
    )


def step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    shape: Shape,
    chosen: Optimisation,
    *,
    rate: float,
    where: str,
) -> Stepped:
    """Change the weights once; `NotFiniteError` says where and which gradients.

    The weights are left as they were where loss or gradient is no finite number.
    """
    for group in optimiser.param_groups:
        group["lr"] = rate
    like = next(network.parameters())
    inputs, targets = tensors(batch, like)
    optimiser.zero_grad(set_to_none=True)
    outputs = network(inputs)
    loss = loss_of(outputs, targets, shape)
    (chosen.loss_scale * loss).backward()
    trained = [p for p in network.parameters() if p.requires_grad]
    bound = float("inf") if chosen.clip is None else chosen.clip
    whole = float(loss.detach())
    try:  # refused before the gradients are multiplied by a bound / inf
        norm = nn.utils.clip_grad_norm_(trained, bound, error_if_nonfinite=True)
    except RuntimeError:
        raise NotFiniteError(_not_finite(network, whole, chosen, rate, where)) from None
    if not np.isfinite(whole):
        raise NotFiniteError(_not_finite(network, whole, chosen, rate, where))
    optimiser.step()
    return Stepped(whole, float(norm), outputs.detach())


def tensors(batch: Batch, like: Tensor) -> tuple[Tensor, Tensor]:
    """A batch on the device of a tensor; numbers in its dtype, classes as they are."""
    inputs = torch.as_tensor(batch.inputs, dtype=like.dtype, device=like.device)
    targets = torch.as_tensor(batch.targets, device=like.device)
    return inputs, targets.to(like.dtype) if targets.is_floating_point() else targets


def evaluate(
    network: nn.Module, source: Source, split: str, *, sequences: int, batch: int,
    where: str = "",
) -> dict[str, float]:  # fmt: skip
    """Scores on a split: means over `sequences` made on demand, or over all it has.

    `NotFiniteError` begins with `where`.
    """
    count = source.counts[split]
    total = sequences if count is None else count
    if total == 0:
        return {}
    like = next(network.parameters())
    sums: dict[str, float] = {}
    seen = 0
    for index in range(-(-total // batch)):
        # a set's last slice is short by itself; one made on demand we cut
        size = batch if count is not None else min(batch, total - seen)
        part = source.batch(split, index, size)
        with torch.no_grad():
            outputs = network(tensors(part, like)[0])
        try:
            scores = source.scores(outputs.double().cpu().numpy(), part.targets)
        except NotFiniteError as error:
            norms = _norms(network)
            last = f"; norms of the last gradient: {norms}" if norms else ""
            raise NotFiniteError(f"{where}, {split} part: {error}{last}") from error
        for name, score in scores.items():
            sums[name] = sums.get(name, 0.0) + score * len(part.inputs)
        seen += len(part.inputs)
    return {name: value / seen for name, value in sums.items()}


def _not_finite(
    network: nn.Module, loss: float, chosen: Optimisation, rate: float, where: str
) -> str:
    clip = "no clip" if chosen.clip is None else f"clip {chosen.clip:g}"
    return (
        f"{where}: the loss is {loss:.4g}; norms of the gradient: "
        f"{_norms(network)}, at learning rate {rate:g} with {clip}; a lower "
        "training.learning_rate or a training.clip may help"
    )


def _norms(network: nn.Module) -> str:
    """Norm of the gradient of each parameter; float64, so that 1e30 is not inf."""
    return ", ".join(
        f"{name} {float(p.grad.double().norm()):.3g}"
        for name, p in network.named_parameters() if p.grad is not None
    )  # fmt: skip
