"""Muon: a step for a weight matrix that turns all its directions alike, beside AdamW for everything else.

The gradient of a matrix is usually nearly flat: a few directions hold most of its size, and the others hardly learn.
Muon replaces it by the nearest matrix whose directions all have the same size, which is U V^T if U S V^T is its
singular value decomposition, and gets there with matrix products alone.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from coursekit.errors import CourseError

__all__ = ["Muon", "matrices_and_others", "orthogonalize", "warm_constant_linear"]

A, B, C = 3.4445, -4.7750, 2.0315  # of the polynomial a s + b s^3 + c s^5: it lifts small singular values fastest
LEAST = 1e-7


def orthogonalize(gradient: Tensor, steps: int = 5, dtype: torch.dtype | None = None) -> Tensor:
    """Bring all singular values of a matrix near 1 and leave its directions, by Newton-Schulz iterations.

    Parameters
    ----------
    gradient : Tensor, (..., n, m)
        A matrix, or several of one shape.
    steps : int
        After five, singular values above 1 % of the matrix's size lie between about 0.7 and 1.2: near enough.
    dtype : torch.dtype, optional
        To compute in; that of the gradient if left out.

    Returns
    -------
    Tensor, (..., n, m)

    Source
    ------
    Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks.

    Examples
    --------
    >>> values = torch.linalg.svdvals(orthogonalize(torch.diag(torch.tensor([1.0, 0.5, 0.1]))))
    >>> bool(values.min() > 0.6), bool(values.max() < 1.3)
    (True, True)
    """
    x = gradient.to(dtype or gradient.dtype)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x  # (..., n, m) with n <= m: the products below are of the smaller side
    x = (x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=LEAST)).reshape(-1, *x.shape[-2:])  # (K, n, m)
    for _ in range(steps):
        gram = x @ x.mT  # (K, n, n)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    x = x.mT if tall else x
    return x.reshape(gradient.shape)


def matrices_and_others(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The weight matrices inside a network, which Muon steps; and tables, biases, scales, which AdamW steps.

    Parameters
    ----------
    model : Module

    Returns
    -------
    matrices, others : list of Tensor

    Examples
    --------
    >>> matrices, others = matrices_and_others(nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3)))
    >>> [tuple(w.shape) for w in matrices], [tuple(w.shape) for w in others]
    ([(3, 4)], [(5, 4), (3,)])
    """
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    weights = [w for w in model.parameters() if w.requires_grad]
    inside = [w for w in weights if w.ndim == 2 and id(w) not in tables]
    chosen = {id(w) for w in inside}
    return inside, [w for w in weights if id(w) not in chosen]


class Muon(torch.optim.Optimizer):
    """Muon for matrices and AdamW for the rest, in one optimiser with two groups, each with its own rate.

    Parameters
    ----------
    matrices, others : iterable of Tensor
        As :func:`matrices_and_others` gives them; `others` may be empty.
    lr, momentum : float
        Of Muon; with Nesterov's momentum. The rate grows with sqrt(n / m) for a matrix of n > m rows.
    adam_lr, betas, eps : float
        Of AdamW.
    weight_decay : float
        Decoupled, in both.
    steps : int
        Newton-Schulz iterations.
    dtype : torch.dtype, optional
        For these iterations: bfloat16 where the chip has it; that of the weights if left out.

    Raises
    ------
    CourseError
        If one of `matrices` is none, or a rate is negative.

    Source
    ------
    Jordan et al. (2024), Muon; Loshchilov and Hutter (2019), Decoupled weight decay regularization.

    Examples
    --------
    >>> network = nn.Linear(4, 3)
    >>> optimizer = Muon(*matrices_and_others(network))
    >>> network(torch.ones(2, 4)).sum().backward()
    >>> optimizer.step()
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.02, 0.003]
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor] = (),
        *,
        lr: float = 0.02,
        momentum: float = 0.95,
        adam_lr: float = 3e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        steps: int = 5,
        dtype: torch.dtype | None = None,
    ):
        matrices, others = list(matrices), list(others)
        for weight in matrices:
            if weight.ndim != 2:
                raise CourseError(
                    f"matrices: expected weights with two axes, got shape {tuple(weight.shape)}. "
                    "Put it among the others."
                )
        for name, rate in {"lr": lr, "adam_lr": adam_lr, "weight_decay": weight_decay}.items():
            if rate < 0:
                raise CourseError(f"{name}: expected at least 0, got {rate}. Choose a positive rate.")
        groups = [
            {"params": matrices, "kind": "muon", "lr": lr},
            {"params": others, "kind": "adamw", "lr": adam_lr},
        ]
        shared = {"momentum": momentum, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__([g for g in groups if g["params"]], shared | {"steps": steps, "dtype": dtype})

    @torch.no_grad()
    def step(self, closure: Callable | None = None):
        """One step of all weights that have a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again, as in other optimisers.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            if group["kind"] == "adamw":
                self._adamw(weights, group)
                continue
            by_shape: dict[tuple, list[Tensor]] = {}
            for weight in weights:
                by_shape.setdefault((tuple(weight.shape), weight.device, weight.dtype), []).append(weight)
            for alike in by_shape.values():
                self._muon(alike, group)
        return loss

    def _muon(self, weights: list[Tensor], group: dict) -> None:
        """Matrices of one shape, all at once."""
        momentum, moves = group["momentum"], []
        for weight in weights:
            state = self.state[weight]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(weight)
            state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
            moves.append(weight.grad.lerp(state["momentum_buffer"], momentum))
        n, m = weights[0].shape
        even = orthogonalize(torch.stack(moves), group["steps"], group["dtype"])  # (K, n, m)
        for weight, move in zip(weights, even, strict=True):
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(move.to(weight.dtype), alpha=-group["lr"] * max(1.0, n / m) ** 0.5)

    def _adamw(self, weights: list[Tensor], group: dict) -> None:
        beta_1, beta_2 = group["betas"]
        for weight in weights:
            state = self.state[weight]
            if not state:
                state |= {"step": 0, "mean": torch.zeros_like(weight), "square": torch.zeros_like(weight)}
            state["step"] += 1
            state["mean"].lerp_(weight.grad, 1 - beta_1)
            state["square"].mul_(beta_2).addcmul_(weight.grad, weight.grad, value=1 - beta_2)
            spread = (state["square"] / (1 - beta_2 ** state["step"])).sqrt_().add_(group["eps"])
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.addcdiv_(state["mean"], spread, value=-group["lr"] / (1 - beta_1 ** state["step"]))


def warm_constant_linear(
    optimizer: torch.optim.Optimizer, total: int, warm: float = 0.05, hold: float = 0.4, end: float = 0.02
) -> torch.optim.lr_scheduler.LambdaLR:
    """A schedule for short runs: the rate rises, stays up, and falls in a straight line to nearly nothing.

    Parameters
    ----------
    optimizer : Optimizer
    total : int
        Steps.
    warm, hold : float
        Shares of the run after which the rate is up, and begins to fall.
    end : float
        Share of the rate at the last step.

    Returns
    -------
    LambdaLR

    Examples
    --------
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule, rates = warm_constant_linear(optimizer, 100), []
    >>> for _ in range(100):
    ...     rates.append(optimizer.param_groups[0]["lr"])
    ...     optimizer.step()
    ...     schedule.step()
    >>> [round(rates[t], 2) for t in (0, 4, 20, 40, 70, 99)]
    [0.2, 1.0, 1.0, 0.98, 0.49, 0.02]
    """
    if total < 1:
        raise CourseError(f"total: expected at least one step, got {total}. Say how long the run is.")

    def share(t: int) -> float:
        done = (t + 1) / total
        if done <= warm:
            return done / warm
        return 1.0 if done <= hold else max(end, 1 - (1 - end) * (done - hold) / (1 - hold))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
