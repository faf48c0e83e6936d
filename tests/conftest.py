"""What every test needs: no display, no settings of the user's, one thread; and a course of one tiny notebook."""

import os
from pathlib import Path
from types import SimpleNamespace

os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest  # noqa: E402  (the three settings count only if they stand before numpy is loaded)
from hypothesis import settings  # noqa: E402

# A slow machine is no bug, and CI draws the same examples each time.
settings.register_profile("course", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("course")

TINY = '''
# %% [markdown]
r"""
# Doubling

What is twice three? You will be able to double.
"""

# %%
import os


def exercise(key):
    return lambda answer: answer


def claim(key):
    return None

# %% [markdown]
r"""
## Do it
"""

# %% tags=["exercise"]
@exercise("tiny.double")
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    twice = x + x  # the long way round
    return twice
    ### END SOLUTION

# %% tags=["exercise"]
@exercise("tiny.counter")
class Counter:
    """Counts."""

    def __init__(self):
        ### BEGIN SOLUTION
        self.count = 0
        ### END SOLUTION

    def step(self):
        ### BEGIN SOLUTION
        self.count += 1
        return self.count
        ### END SOLUTION

# %%
# NBVAL_CHECK_OUTPUT
try:
    print(f"twice three is {double(3)}: {double(43)} %")
except NotImplementedError:
    print("to do")

# %%
claim("doubling-doubles")
print("strict:", os.environ.get("COURSEKIT_STRICT"), "seed:", os.environ.get("COURSEKIT_SEED"))

# %% [markdown]
r"""
It is 86 % of a hundred.

## When it breaks

With text.

## Explain it back

**Q1.** What is twice two?

<details><summary>A. Four</summary>

**Right.** Two and two.

</details>
<details><summary>B. Two</summary>

**No.** That is once two.

</details>
<details><summary>C. Twenty-two</summary>

**No.** That is text.

</details>

**Q2.** What is twice zero?

<details><summary>A. Two</summary>

**No.** Zero and zero make zero.

</details>
<details><summary>B. Zero</summary>

**Right.** Nothing and nothing.

</details>
<details><summary>C. It has no double</summary>

**No.** Every number has.

</details>

**Q3.** What is twice minus one?

<details><summary>A. Minus two</summary>

**Right.** The sign stays.

</details>
<details><summary>B. Two</summary>

**No.** The sign stays.

</details>
<details><summary>C. Zero</summary>

**No.** That adds one and minus one.

</details>

**Q4.** Is doubling linear?

<details><summary>A. No</summary>

**No.** The double of a sum is the sum of the doubles.

</details>
<details><summary>B. Only above zero</summary>

**No.** It is the same rule on both sides.

</details>
<details><summary>C. Yes</summary>

**Right.** The double of a sum is the sum of the doubles.

</details>

## Go further

Triple.
"""
'''


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch):
    for key in list(os.environ):
        if key.startswith("COURSEKIT_"):
            monkeypatch.delenv(key)


@pytest.fixture
def offline(monkeypatch):
    """Every Python that the test starts, a kernel too, reaches this machine and no other."""
    paths = [str(Path(__file__).resolve().parent / "offline"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.fixture
def tiny_source() -> str:
    """The source of a notebook that satisfies every guard."""
    return TINY.lstrip()


@pytest.fixture
def tiny_course(tmp_path: Path, tiny_source: str) -> Path:
    """A folder with one notebook source, 01_tiny."""
    source = tmp_path / "notebooks" / "src" / "01_tiny.py"
    source.parent.mkdir(parents=True)
    source.write_text(tiny_source, encoding="utf-8", newline="\n")
    return tmp_path


@pytest.fixture
def tiny_registry() -> dict:
    """What is registered for it: pass as ``**tiny_registry``."""

    def entry() -> SimpleNamespace:
        return SimpleNamespace(notebook="tiny", hints=["a", "b", "c"], misconceptions={"p": "q", "r": "s"})

    return {
        "exercises": {"tiny.double": entry(), "tiny.counter": entry()},
        "claims": {"doubling-doubles": SimpleNamespace(notebook="tiny")},
    }
