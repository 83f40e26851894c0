"""Loss and gradients of a batch, its parts on worker threads, each with a network of its own that shares the parameters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from ocr_core.training.crnn.batches import Batch
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.crnn.networks import LineNetwork, frames_of, hold_frozen_norms, seed_dropout
from ocr_core.training.optimisation import autocast


class Workers:
    """Computes gradients of a network; on the CPU in `settings.run.workers` threads.

    The result depends on the number of workers only through batch norm (each normalises its own part) and dropout.
    """

    def __init__(self, network: LineNetwork, settings: TrainSettings) -> None:
        self._network = network
        self._precision = settings.run.precision
        self._auxiliary = settings.schedule.auxiliary
        self._consistency = settings.schedule.consistency
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._device = next(network.parameters()).device
        count = settings.run.workers if settings.run.device == "cpu" else 1
        self._replicas = [_replica(network) for _ in range(count)]
        self._pool = ThreadPoolExecutor(count, "gradients", initializer=torch.set_num_threads, initargs=(1,))

    def gradients(self, batch: Batch, seed: Sequence[int]) -> float:
        """Set the gradients of the parameters for a batch. Returns the loss for each character."""
        parts = [batch.part(k, len(self._replicas)) for k in range(min(len(self._replicas), len(batch.rows)))]
        buffers = dict(self._network.named_buffers())
        whole = int(batch.lengths.sum())
        jobs = []
        for number, (replica, part) in enumerate(zip(self._replicas, parts, strict=False)):
            for name, buffer in replica.named_buffers():
                buffer.copy_(buffers[name])
            jobs.append(self._pool.submit(self._one, replica, part, whole, hash((*seed, number)) % 2**31))
        done = [job.result() for job in jobs]
        for place, parameter in enumerate(self._parameters):
            parameter.grad = sum((g[place] for _, g in done[1:]), start=done[0][1][place])
        used = [dict(r.named_buffers()) for r in self._replicas[: len(parts)]]
        for name, buffer in buffers.items():
            if buffer.is_floating_point():
                buffer.copy_(torch.stack([u[name] for u in used]).mean(0))
            else:
                buffer.copy_(used[0][name])
        return sum(loss for loss, _ in done)

    def _one(
        self, replica: LineNetwork, part: Batch, whole: int, seed: int
    ) -> tuple[float, tuple[Tensor, ...]]:
        replica.train()
        hold_frozen_norms(replica)
        device = self._device
        views, part = part.views, part.by_view()
        seed_dropout(replica, torch.Generator(device).manual_seed(seed))
        with autocast(device, self._precision):
            logits, side = replica(part.images.to(device), part.widths.to(device))
        frames = frames_of(replica, part.widths)
        characters = whole * views
        loss = ctc_loss(logits, part, frames) / characters
        total = loss if side is None else loss + self._auxiliary * ctc_loss(side, part, frames) / characters
        if self._consistency:
            total = total + self._consistency * disagreement(logits, frames) / whole
        trained = [p for p in replica.parameters() if p.requires_grad]
        return float(loss.detach()), torch.autograd.grad(total, trained)


def ctc_loss(logits: Tensor, batch: Batch, frames: Tensor) -> Tensor:
    """Sum over the lines of the negative log likelihood of their transcripts; impossible ones count nothing.

    Args:
        logits: [T, B, classes].
        frames: int [B], of each line.
    """
    return nn.functional.ctc_loss(
        logits.float().log_softmax(2), batch.targets.to(logits.device), frames, batch.lengths,
        reduction="sum", zero_infinity=True,
    )  # fmt: skip


def disagreement(logits: Tensor, frames: Tensor) -> Tensor:
    """How far two views of each line are read differently: the Kullback-Leibler divergence of each frame's distribution
    from that of the other view, mean of both directions, summed over frames and lines; each view learns from the other,
    which stands fast (Yao et al., "CR-CTC: Consistency Regularization on CTC for Improved Speech Recognition", ICLR 2025).

    Args:
        logits: [T, 2·B, classes], the views of a line one after the other.
        frames: int [2·B].
    """
    likely = logits.float().log_softmax(2).unflatten(1, (-1, 2))  # [T, B, 2, classes]
    other = likely.detach().flip(2)
    apart = (other.exp() * (other - likely)).sum(3)  # [T, B, 2]
    inside = torch.arange(len(logits), device=logits.device)[:, None] < frames[::2].to(logits.device)[None]
    return (apart * inside[:, :, None]).sum() / 2


def _replica(network: LineNetwork) -> LineNetwork:
    """A network with the same parameters (the very tensors) and buffers of its own."""
    other = copy.deepcopy(network)
    for (name, _), parameter in zip(list(other.named_parameters()), network.parameters(), strict=True):
        owner, _, leaf = name.rpartition(".")
        setattr(other.get_submodule(owner), leaf, parameter)
    for module in other.modules():
        if isinstance(module, nn.LSTM):
            module._init_flat_weights()
    return other
