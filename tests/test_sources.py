"""What a person writes becomes cells: solutions are cut out or kept, and a marker in the wrong place is named."""

import re

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import editions, sources
from coursekit.errors import BuildError
from coursekit.sources import SourceError

CODE = "# %%\n{}\n"
ODD = "def f(x):\n    if x:\n        x = 1\n{}"
EXERCISE = '@exercise("tiny.double")\ndef double(x):\n{}'


def faults(body: str) -> str:
    with pytest.raises(SourceError) as caught:
        sources.learner("01_tiny", CODE.format(body))
    return str(caught.value)


def test_regions_become_stubs_where_they_stood(tiny_source):
    cell = sources.learner("01_tiny", tiny_source).cells[4].source
    assert cell.splitlines()[-7:] == [
        "    def __init__(self):",
        "        # YOUR CODE HERE",
        "        raise NotImplementedError",
        "",
        "    def step(self):",
        "        # YOUR CODE HERE",
        "        raise NotImplementedError",
    ]


def test_the_learner_edition_holds_no_solution_and_no_output(tiny_source):
    nb = sources.learner("01_tiny", tiny_source)
    text = nbformat.writes(nb)
    for solution in ("twice = x + x", "return twice", "self.count", "SOLUTION", "NBVAL"):
        assert solution not in text
    assert all(c.outputs == [] and c.execution_count is None for c in nb.cells if c.cell_type == "code")
    nbformat.validate(nb)


def test_the_worked_edition_keeps_the_code_and_drops_the_markers(tiny_source):
    nb = sources.worked("01_tiny", tiny_source)
    text = nbformat.writes(nb)
    assert "twice = x + x" in text and "# NBVAL_CHECK_OUTPUT" in text
    assert "SOLUTION" not in text and "YOUR CODE HERE" not in text
    assert [c.execution_count for c in nb.cells if c.cell_type == "code"] == [1, 2, 3, 4, 5]


def test_tags_survive_and_nothing_of_jupytext_does(tiny_source):
    header = "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Any\n#     name: other\n# ---\n\n"
    for nb in (sources.learner("01_tiny", header + tiny_source), sources.worked("01_tiny", header + tiny_source)):
        assert [c.metadata for c in nb.cells if c.metadata] == [{"tags": ["exercise"]}] * 2
        assert set(nb.metadata) == {"kernelspec", "language_info", "coursekit"}
        assert nb.metadata.kernelspec.name == "python3"


def test_cell_ids_come_from_the_content():
    twice = CODE.format("x = 1") + "\n" + CODE.format("x = 1") + "\n" + CODE.format("x = 2")
    first, again, other = (cell.id for cell in sources.worked("01_tiny", twice).cells)
    assert again == first + "-2" and other != first
    assert sources.worked("01_tiny", CODE.format("x = 2")).cells[0].id == other


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (EXERCISE.format("    ### BEGIN SOLUTION\n    return 2 * x"), "unbalanced"),
        (EXERCISE.format("    return 2 * x\n    ### END SOLUTION"), "unbalanced"),
        (EXERCISE.format("    ### END SOLUTION\n    return 2 * x\n    ### BEGIN SOLUTION"), "unbalanced"),
        (
            EXERCISE.format("    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"),
            "line 3 of the cell: expected '###",
        ),
        (EXERCISE.format("    return 2 * x"), "exercise 'tiny.double' has no solution between markers"),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "outside a function or class body"),
        ("if True:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", "outside a function or class body"),
        ("def f():\n    pass\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "outside a function or class body"),
        ("class A:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", "directly in a class body"),
        ("def f():\n    ### BEGIN SOLUTION\n    # nothing\n    ### END SOLUTION\n    return 1", "without a statement"),
        (
            "def f(x):\n        ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION",
            "outside a function|not indented",
        ),
        (
            "def f(x):\n    if x:\n        ### BEGIN SOLUTION\n        y = 1\n    return x\n    ### END SOLUTION",
            "indented",
        ),
        ("def f(x):\n    ### BEGIN SOLUTION\n    return (\n    ### END SOLUTION", "syntax error"),
    ],
)
def test_markers_in_the_wrong_place_are_named(body, said):
    assert re.search(said, faults(body))


@pytest.mark.parametrize("edition", [sources.learner, sources.worked])
@pytest.mark.parametrize(
    "like",
    [
        "### begin solution",
        "### BEGIN  SOLUTION",
        "###BEGIN SOLUTION",
        "### BEGIN SOLUTION #",
        "### BEGIN_SOLUTION",
        "x = x ### BEGIN SOLUTION",
        "#### End\tSolution",
        'x = """ ### END SOLUTION"""',
    ],
)
def test_what_looks_like_a_marker_and_is_none_is_refused(like, edition):
    cell = EXERCISE.format(f"    {like}\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION")
    with pytest.raises(SourceError) as caught:
        edition("01_tiny", CODE.format("x = 1") + "\n" + CODE.format(cell))
    assert "notebooks/src/01_tiny.py, cell 2: line 3 of the cell: expected '### BEGIN SOLUTION'" in str(caught.value)
    assert f"alone in the line, got {like!r}" in str(caught.value)


def test_words_about_a_solution_are_no_markers():
    remark = "# the beginning: solutions are in the end of the book, resolutions append solution by solution"
    cell = EXERCISE.format(f"    {remark}\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION")
    assert remark in sources.learner("01_tiny", CODE.format(cell)).cells[0].source


def test_the_check_refuses_an_exercise_without_a_solution(tiny_course, tiny_registry):
    source = sources.sources(tiny_course)["01_tiny"]
    text = source.read_text(encoding="utf-8")
    source.write_text(re.sub(r" *### (BEGIN|END) SOLUTION\n", "", text, count=2), encoding="utf-8")
    said = "\n".join(map(str, editions.check(root=tiny_course, **tiny_registry)))
    assert "notebooks/src/01_tiny.py, cell 4: exercise 'tiny.double' has no solution between markers" in said


def test_a_fault_names_the_file_and_the_cell():
    good = CODE.format("x = 1")
    with pytest.raises(SourceError, match=r"notebooks/src/01_tiny.py, cell 2: unbalanced"):
        sources.learner("01_tiny", good + "\n" + CODE.format("def f():\n    ### BEGIN SOLUTION\n    return 1"))


def test_markers_in_prose_are_refused():
    with pytest.raises(SourceError, match="in prose"):
        sources.worked("01_tiny", '# %% [markdown]\nr"""\n### BEGIN SOLUTION\n"""\n')


def test_a_header_that_is_no_yaml_is_a_build_error():
    with pytest.raises(BuildError, match="01_tiny.py: expected a source in py:percent"):
        sources.worked("01_tiny", "# ---\n# jupyter:\n#   kernelspec:\n#     name: python3\n# ---\n\n# %%\nx = 1\n")


@given(
    lines=st.lists(
        st.sampled_from(["y = x", "if y:\n    y = 2", "# a remark", "", 's = """\n  text\n"""']), min_size=1
    ),
    depth=st.integers(1, 3),
    after=st.booleans(),
)
def test_filling_is_exact_whatever_the_solution(lines, depth, after):
    pad = "    " * depth
    heads = [f"{'    ' * k}def f{k}(x):" for k in range(depth)]
    body = [pad + part for line in [*lines, "secret = 1"] for part in line.split("\n")]
    rest = [f"{pad}return 0"] * after
    source = [*heads, f"{pad}### BEGIN SOLUTION", *body, f"{pad}### END SOLUTION", *rest]
    text = CODE.format("\n".join(source))
    stub = [f"{pad}# YOUR CODE HERE", f"{pad}raise NotImplementedError"]
    assert sources.learner("01_t", text).cells[0].source.splitlines() == [*heads, *stub, *rest]
    assert sources.worked("01_t", text).cells[0].source.splitlines() == [*heads, *body, *rest]
