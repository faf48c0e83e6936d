"""Numbers of others where they have the same method, and explanations of networks that lost what they had learned."""

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.attribution import exact_shapley, occlusion, patches, saliency
from coursekit.attribution.exact import shapley_of_table
from coursekit.attribution.faithfulness import label_randomisation, weight_randomisation
from coursekit.attribution.grad_cam import guided_backpropagation
from coursekit.attribution.lime import lime, lime_text
from coursekit.attribution.models import from_torch

RNG = np.random.default_rng


# -- against others ----------------------------------------------------------------------------------------------------


def test_occlusion_is_captums_feature_ablation():
    captum = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, groups = RNG(0).normal(size=(2, 1, 6, 6)), patches((1, 6, 6), 2)
    theirs = captum.FeatureAblation(network).attribute(
        torch.tensor(x), torch.zeros(1, 1, 6, 6).double(), target=1, feature_mask=torch.tensor(groups)[None]
    )
    ours = occlusion(network, x, np.zeros((1, 1, 6, 6)), target=1, groups=groups)
    np.testing.assert_allclose(ours.values * 4, theirs.numpy(), atol=1e-12)  # theirs gives each pixel all of its patch


def test_a_text_gets_the_values_of_limes_authors():
    theirs = pytest.importorskip("lime.lime_text")
    text = "the plot is good but the long film is not"
    slope = {word: k - 3.0 for k, word in enumerate(dict.fromkeys(text.split()))}

    def model(texts):
        score = np.array([sum(slope[w] for w in set(t.split())) - 2.0 * ("good" in t and "not" in t) for t in texts])
        chance = 1 / (1 + np.exp(-score / 3))
        return np.column_stack([1 - chance, chance])

    explainer = theirs.LimeTextExplainer(feature_selection="none", random_state=0)
    expected = dict(explainer.explain_instance(text, model, num_features=9, num_samples=4000).as_list())
    found = lime_text(model, text, samples=4000, rng=RNG(0), target=1)
    assert set(found.feature_names) == set(expected)
    for name, value, error in zip(found.feature_names, found.values, found.std_error, strict=True):
        assert abs(value - expected[name]) < 5 * np.sqrt(2) * error + 0.002, name


def test_of_a_picture_lime_finds_the_patch_that_counts():
    picture = RNG(0).normal(size=(1, 6, 6))
    found = lime(
        lambda rows: rows[:, 2:4, 4:6].sum(axis=(1, 2)),
        picture,
        np.zeros((1, 6, 6)),
        groups=patches((6, 6), 2),
        alpha=1e-9,
        rng=RNG(0),
    )
    expected = np.zeros((6, 6))
    expected[2:4, 4:6] = picture[0, 2:4, 4:6].sum() / 4
    np.testing.assert_allclose(found.values[0], expected, atol=1e-6)


def test_a_feature_that_the_model_does_not_read_gets_nothing_however_much_it_goes_with_another():
    """Interventional values. Conditional ones, of E[f | x on S], give the twin half: they explain the data as well."""
    f, background = (lambda rows: rows[:, 0]), np.repeat([[-1.0], [1.0]], 2, axis=1)  # two twins, and only one is read
    assert exact_shapley(f, np.array([1.0, 1.0]), background).values.tolist() == [1.0, 0.0]
    conditional = np.array([0.0, 1.0, 1.0, 1.0])  # nobody, first, second, both: either tells all about the other
    assert shapley_of_table(conditional).tolist() == [0.5, 0.5]


# -- randomisation -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """A small convolutional network that tells digits apart, and digits that it has not seen."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(1024, 10))
    descent = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(6):
        for some in torch.randperm(1500).split(50):
            descent.zero_grad()
            nn.functional.cross_entropy(network(torch.tensor(x[some])), torch.tensor(y[some])).backward()
            descent.step()
    right = (from_torch(network)(x[1500:]).argmax(axis=1) == y[1500:]).mean()
    assert right > 0.85
    return network, x[1500:1560]


def test_guided_backpropagation_fails_the_sanity_test_and_the_gradient_passes(trained):
    network, x = trained
    before = {name: weight.clone() for name, weight in network.state_dict().items()}

    def left(method):
        rows = weight_randomisation(lambda m, r: method(m, r, target=3).values, network, x, rng=RNG(0))
        assert list(rows) == ["5", "2", "0"], "from the output down"
        return {name: row.mean() for name, row in rows.items()}

    plain, guided = left(saliency), left(guided_backpropagation)
    assert plain["0"] < 0.35 and guided["0"] > plain["0"] + 0.2
    assert guided["5"] > plain["5"] + 0.2
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())


def test_weights_that_an_explanation_does_not_use_leave_it_as_it_is(trained):
    network, x = trained
    of_input = weight_randomisation(lambda module, rows: rows, network, x, rng=RNG(0))
    assert all((row == 1).all() for row in of_input.values())


def test_a_model_of_labels_dealt_anew_is_explained_otherwise():
    rng = RNG(0)
    x = rng.normal(size=(400, 30))
    slopes = rng.normal(size=30)
    seen = []

    def fit(labels):
        seen.append(labels)
        return np.linalg.lstsq(x, labels, rcond=None)[0]

    def explain(model, rows):
        return rows * model

    labels = x @ slopes
    left = label_randomisation(fit, explain, labels, x[:50], rng=rng)
    same = label_randomisation(lambda labels: slopes, explain, labels, x[:50], rng=rng)
    assert left.shape == (50,) and left.mean() < 0.7 and (same == 1).all()
    assert (seen[0] == labels).all() and (np.sort(seen[1]) == np.sort(labels)).all() and (seen[1] != labels).any()
