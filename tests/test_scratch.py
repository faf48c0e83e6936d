"""Deep learning in NumPy, against independent oracles: PyTorch, scikit-learn, finite differences, algebra."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Perceptron as TheirPerceptron

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import functional as F
from coursekit.scratch import mlp, numerical, optim, perceptron, stump

RNG = np.random.default_rng(0)
SCORES = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 7)), elements=st.floats(-50, 50))


def torch_grad(f, *arrays):
    """Value and gradients of f by PyTorch in double precision."""
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    value = f(*tensors)
    value.backward()
    return value.item(), [t.grad.numpy() for t in tensors]


ACTIVATIONS = {
    F.relu: torch.relu,
    F.leaky_relu: torch.nn.functional.leaky_relu,
    F.gelu: lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
    F.sigmoid: torch.sigmoid,
}


@pytest.mark.parametrize("ours", ACTIVATIONS, ids=lambda f: f.__name__)
def test_activations_equal_torch(ours):
    z = np.r_[np.linspace(-8, 8, 33), -700.0, 700.0]
    np.testing.assert_allclose(ours(z), ACTIVATIONS[ours](torch.tensor(z)).numpy(), rtol=1e-12, atol=1e-12)
    assert ours(z.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(("grad", "f"), [(F.sigmoid_grad, torch.sigmoid), (F.tanh_grad, torch.tanh)])
def test_activation_gradients_equal_torch(grad, f):
    z = RNG.normal(size=20)
    np.testing.assert_allclose(grad(z), torch_grad(lambda t: f(t).sum(), z)[1][0], rtol=1e-12)


@given(SCORES)
def test_softmax_is_a_probability_and_ignores_a_shift(z):
    p = F.softmax(z)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(F.softmax(z + 7), p, atol=1e-12)
    np.testing.assert_allclose(F.log_softmax(z), torch.log_softmax(torch.tensor(z), dim=1).numpy(), atol=1e-10)


@given(SCORES, st.randoms(use_true_random=False))
def test_losses_and_their_gradients_equal_torch(z, random):
    labels = np.array([random.randrange(z.shape[1]) for _ in z])
    target = torch.tensor(labels)
    value, (grad,) = torch_grad(lambda t: torch.nn.functional.cross_entropy(t, target), z)
    assert F.cross_entropy(z, labels) == pytest.approx(value, abs=1e-10)
    np.testing.assert_allclose(F.cross_entropy_grad(z, labels), grad, atol=1e-12)
    onehot = torch.nn.functional.one_hot(target, z.shape[1])
    _, (grad,) = torch_grad(lambda t: ((torch.softmax(t, 1) - onehot) ** 2).sum(1).mean(), z)
    np.testing.assert_allclose(F.mse_of_softmax_grad(z, labels), grad, atol=1e-12)


def test_binary_losses_equal_torch():
    z, y = np.r_[RNG.normal(size=9), 800.0, -800.0], RNG.integers(0, 2, 11)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(z), torch.tensor(y, dtype=torch.float64))
    assert F.binary_cross_entropy(z, y) == pytest.approx(theirs.item())
    assert F.mse(z, y) == pytest.approx(torch.nn.functional.mse_loss(torch.tensor(z), torch.tensor(y).double()).item())


def test_a_dense_layer_and_its_gradient_equal_torch():
    X, W, b, G = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(5, 3))
    _, theirs = torch_grad(lambda x, w, c: ((x @ w + c) * torch.tensor(G)).sum(), X, W, b)
    for ours, other in zip(F.dense_backward(X, W, G), theirs, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-12)
    with pytest.raises(ShapeError, match=r"got \(5, 4\) @ \(3, 4\). Transpose one"):
        F.dense(X, W.T, b)
    with pytest.raises(ShapeError, match=r"b: expected shape \(3,\), got \(4,\)"):
        F.dense(X, W, np.zeros(4))


@pytest.mark.parametrize("sizes", [(4, 3), (5, 8, 3), (6, 7, 5, 4)])
def test_a_whole_network_equals_torch(sizes):
    params = mlp.init(sizes, np.random.default_rng(1), np.float64)
    X, labels = RNG.normal(size=(9, sizes[0])), RNG.integers(0, sizes[-1], 9)

    def theirs(*weights):
        A = torch.tensor(X)
        for k in range(0, len(weights), 2):
            A = A @ weights[k] + weights[k + 1]
            A = torch.relu(A) if k < len(weights) - 2 else A
        return torch.nn.functional.cross_entropy(A, torch.tensor(labels))

    loss, grads = mlp.gradients(params, X, labels)
    value, expected = torch_grad(theirs, *params.values())
    assert loss == pytest.approx(value, abs=1e-12)
    for name, other in zip(params, expected, strict=True):
        np.testing.assert_allclose(grads[name], other, atol=1e-12)
        assert grads[name].shape == params[name].shape


def test_a_hundred_steps_of_training_equal_torch():
    params = mlp.init((6, 10, 3), np.random.default_rng(2), np.float64)
    weights = [torch.tensor(p, requires_grad=True) for p in params.values()]
    theirs = torch.optim.SGD(weights, lr=0.1)
    X, labels = RNG.normal(size=(32, 6)), RNG.integers(0, 3, 32)
    for _ in range(100):
        loss, grads = mlp.gradients(params, X, labels)
        optim.sgd_step(params, grads, lr=0.1)
        theirs.zero_grad()
        hidden = torch.relu(torch.tensor(X) @ weights[0] + weights[1])
        other = torch.nn.functional.cross_entropy(hidden @ weights[2] + weights[3], torch.tensor(labels))
        other.backward()
        theirs.step()
        assert loss == pytest.approx(other.item(), abs=1e-10)


def test_float32_stays_float32():
    params = mlp.init((5, 4, 3), np.random.default_rng(0))
    _, grads = mlp.gradients(params, RNG.normal(size=(6, 5)).astype(np.float32), np.array([0, 1, 2, 0, 1, 2]))
    assert {g.dtype for g in grads.values()} == {np.dtype(np.float32)}


def test_bad_input_is_told():
    with pytest.raises(CourseError, match="labels: expected whole numbers from 0 to 2, got 0 to 3"):
        F.one_hot([0, 3], 3)
    with pytest.raises(CourseError, match="sizes: expected two or more"):
        mlp.init((4,), RNG)
    with pytest.raises(CourseError, match="grads: expected a gradient for 'w'"):
        optim.sgd_step({"w": np.ones(2)}, {}, 0.1)
    with pytest.raises(CourseError, match="max_epochs: expected at least 1, got 0"):
        perceptron.Perceptron(0)


def test_parameter_count_counts_what_init_makes():
    sizes = (7, 5, 4, 2)
    assert mlp.parameter_count(sizes) == sum(p.size for p in mlp.init(sizes, RNG).values())


def test_he_initialisation_keeps_the_variance():
    X = RNG.normal(size=(2000, 256))
    params = mlp.init((256, 256, 256, 256), np.random.default_rng(0), np.float64)
    _, cache = mlp.forward(params, X)
    second_moments = [np.mean(A**2) for A, _ in cache]
    assert 0.7 < second_moments[-1] / second_moments[0] < 1.4


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_perceptron_obeys_its_bound_and_updates_help(seed):
    rng = np.random.default_rng(seed)
    X, u = rng.normal(size=(30, 3)), rng.normal(size=3)
    u /= np.linalg.norm(u)
    y = np.where(X @ u >= 0, 1, -1)
    X += 0.2 * y[:, None] * u
    model = perceptron.Perceptron(5000).fit(X, y)
    R, gamma = np.sqrt((X**2).sum(axis=1) + 1).max(), np.min(y * (X @ u))
    assert model.mistakes_[-1] == 0
    assert sum(model.mistakes_) <= (R / gamma) ** 2
    assert (model.predict(X) == y).all()
    assert perceptron.margin(X, y, model.w_, model.b_) >= 0
    w, b = rng.normal(size=3), rng.normal()
    new_w, new_b = perceptron.update(w, b, X[0], y[0])
    assert y[0] * (new_w @ X[0] + new_b) >= y[0] * (w @ X[0] + b)


def test_the_perceptron_learns_what_scikit_learns_does():
    X, u = RNG.normal(size=(60, 4)), np.array([1.0, -2.0, 0.5, 1.0])
    y = np.where(X @ u >= 0.3, 1, -1)
    ours = perceptron.Perceptron(1000).fit(X, y)
    theirs = TheirPerceptron(max_iter=1000, tol=None, shuffle=False).fit(X, y)
    assert (ours.predict(X) == theirs.predict(X)).all()


def test_exclusive_or():
    assert perceptron.xor_network(np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).tolist() == [-1, 1, 1, -1]


def test_the_logistic_gradient_vanishes_at_scikit_learns_solution():
    X, y = RNG.normal(size=(200, 3)), RNG.integers(0, 2, 200)
    model = LogisticRegression(C=1e8, tol=1e-10, max_iter=5000).fit(X, y)
    dw, db = perceptron.logistic_gradient(X, y, model.coef_[0], model.intercept_[0])
    assert np.abs(np.append(dw, db)).max() < 1e-5
    dw, _ = perceptron.logistic_gradient(X, y, np.zeros(3), 0.0)
    measured = numerical.numerical_gradient(lambda w: F.binary_cross_entropy(X @ w, y), np.zeros(3))
    np.testing.assert_allclose(dw, measured, atol=1e-9)


def test_the_best_threshold_is_the_best_of_all():
    feature, labels = RNG.normal(size=40), RNG.integers(0, 2, 40)
    ours = np.sum(stump.threshold_rule(feature, stump.best_threshold(feature, labels)) != labels)
    every = [np.sum((feature > t) != labels) for t in np.linspace(feature.min(), feature.max() - 1e-9, 5001)]
    assert ours <= min(every)


@given(hnp.arrays(np.float64, st.integers(1, 5), elements=st.floats(-3, 3)))
def test_numerical_gradients_are_right_and_leave_x_alone(x):
    kept = x.copy()
    grad = numerical.numerical_gradient(lambda v: np.sum(np.sin(v) * v), x)
    np.testing.assert_allclose(grad, np.sin(x) + x * np.cos(x), atol=1e-8)
    assert (x == kept).all()
    assert numerical.relative_error(grad, grad) == 0
    assert numerical.relative_error(np.ones(2), -np.ones(2)) == 2
