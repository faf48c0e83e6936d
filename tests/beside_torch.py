"""Our computation beside PyTorch's: the same numbers in, and values and gradients compared to 1e-10 in float64."""

import numpy as np
import torch

from coursekit.scratch.autograd import Tensor, gradcheck

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def expect_equal(ours, theirs, *arrays):
    """Fail unless both functions give the same result, and the same gradient of every input."""
    mine = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    result, expected = ours(*mine), theirs(*other)
    np.testing.assert_allclose(result.data, expected.detach().numpy(), **EXACT)
    G = np.random.default_rng(1).normal(size=result.shape)
    result.backward(G)
    expected.backward(torch.tensor(G))
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), **EXACT)


def expect_measured(ours, *arrays):
    """Fail unless every gradient equals the measured one."""
    assert gradcheck(ours, *(Tensor(a.copy(), requires_grad=True) for a in arrays))


def same_start(ours, theirs):
    """Give our module the weights of PyTorch's, by name, in float64; return both."""
    theirs = theirs.double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


def expect_same_gradients(ours, theirs):
    """Fail unless every weight has the same gradient in both modules."""
    mine, other = ours.named_parameters(), dict(theirs.named_parameters())
    assert mine.keys() == other.keys()
    for name, parameter in mine.items():
        np.testing.assert_allclose(parameter.grad, other[name].grad.numpy(), **EXACT, err_msg=name)
