"""The seed of a run is the one that every kernel sees, however many run at the same time."""

import pytest

from coursekit import editions, run, sources

# It is the notebook that says which seed it was run with: it fails under any other.
ASKS = """# %%
import os
from coursekit.settings import course_seed
assert os.environ.get("COURSEKIT_SEED") == "2", os.environ.get("COURSEKIT_SEED")
assert course_seed(1) == 2001
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Two notebooks that run with seed 2 and with no other; not executed to be built."""
    monkeypatch.setattr(editions, "execute", lambda *args, **kwargs: None)
    folder = tmp_path / "notebooks" / "src"
    folder.mkdir(parents=True)
    for name in ("01_asks", "02_asks_too"):
        (folder / f"{name}.py").write_text(ASKS, encoding="utf-8", newline="\n")
    editions.build(root=tmp_path)
    assert list(sources.sources(tmp_path)) == ["01_asks", "02_asks_too"]
    return tmp_path


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_seed_reaches_every_kernel(course, jobs):
    done = run.run(root=course, seed=2, jobs=jobs)
    assert [str(one.failure or "") for one in done] == ["", ""]


@pytest.mark.parametrize("jobs", [1, 2])
def test_another_seed_does_so_too(course, jobs):
    done = run.run(["asks"], root=course, seed=3, jobs=jobs)
    assert [one.failure.error.splitlines()[-1] for one in done] == ["AssertionError: 3"]


def test_the_seed_of_the_run_goes_before_that_of_the_environment(course, monkeypatch):
    monkeypatch.setenv("COURSEKIT_SEED", "2")
    assert run.run(["asks"], root=course)[0].ok
    assert run.run(["asks"], root=course, seed=0)[0].failure.error.endswith("AssertionError: None")
