"""Each guard passes a good notebook, and finds the one thing that is wrong with a broken one."""

from types import SimpleNamespace

import nbformat.v4
import pytest

from coursekit import guards


def notebook(*cells, name="01_tiny"):
    """A worked notebook: a text is prose, a dict is a code cell."""
    made = []
    for cell in cells:
        if isinstance(cell, str):
            made.append(nbformat.v4.new_markdown_cell(cell))
        else:
            tags = {"tags": cell["tags"]} if "tags" in cell else {}
            made.append(
                nbformat.v4.new_code_cell(
                    cell["code"], execution_count=1, outputs=cell.get("outputs", []), metadata=tags
                )
            )
    return nbformat.v4.new_notebook(cells=made, metadata={"coursekit": {"name": name, "edition": "worked"}})


def printed(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def shown(**data):
    return nbformat.v4.new_output("display_data", data={kind.replace("_", "/"): text for kind, text in data.items()})


def entry(notebook="tiny", hints=3, misconceptions=2):
    return SimpleNamespace(notebook=notebook, hints=["h"] * hints, misconceptions=dict.fromkeys(range(misconceptions)))


def said(problems):
    return "\n".join(map(str, problems))


def test_a_good_notebook_passes_all_guards(tiny_source, tiny_registry):
    from coursekit.sources import worked

    good = worked("01_tiny", tiny_source)
    good.cells[5].outputs = [printed("twice three is 6: 86 %\n")]
    assert said(guards.inspect_notebook(good, **tiny_registry)) == ""


def test_inspect_runs_every_guard(tiny_registry):
    broken = notebook(
        "### Start\n\nIt is 86 % right.",
        {"code": "from os import *  # NBVAL_CHECK_OUTPUT\nrandom.seed(1)", "tags": ["exercise"]},
        {"code": "# NBVAL_CHECK_OUTPUT\nobject()"},
        {"code": "1", "tags": ["raises-exception"], "outputs": [printed("<object at 0x7f0000001234>")]},
        "## Explain it back",
    )
    text = said(guards.inspect_notebook(broken, **tiny_registry))
    for word in (
        "no stored output",
        "raises-exception",
        "level",
        "never used",
        "holds none",
        "86",
        "star",
        "address",
        "all share",
    ):
        assert word in text
    assert "Go further" in text and "the quiz" in text


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"code": "# NBVAL_CHECK_OUTPUT\nprint(1)"}, "no stored output"),
        ({"code": "# NBVAL_CHECK_OUTPUT\nprint(1)", "outputs": [printed("1\n")], "tags": ["volatile"]}, "choose one"),
        ({"code": "# NBVAL_CHECK_OUTPUT\nprint(1)", "outputs": [printed("1\n")]}, ""),
        ({"code": "x = 1"}, ""),
    ],
)
def test_marked_cells(cell, reason):
    assert reason in said(guards.marked_cells(notebook("# T", cell)))
    assert bool(reason) == bool(guards.marked_cells(notebook("# T", cell)))


def test_a_marked_cell_without_a_number_is_never_compared():
    nb = notebook({"code": "# NBVAL_CHECK_OUTPUT\nprint(1)", "outputs": [printed("1\n")]})
    nb.cells[0].execution_count = None
    assert "nothing is compared" in said(guards.marked_cells(nb))


@pytest.mark.parametrize(
    "cell",
    [
        {"code": "1 / 0", "tags": ["raises-exception"]},
        {"code": "1", "tags": ["skip-execution"]},
        {"code": "# NBVAL_RAISES_EXCEPTION\n1 / 0"},
        {"code": "#NBVAL_SKIP\n1"},
    ],
)
def test_no_cell_may_raise_or_be_skipped(cell):
    assert "cell 2: " in said(guards.runs_to_the_end(notebook("# T", cell)))
    assert guards.runs_to_the_end(notebook("# T", {"code": "x = 1  # nbval", "tags": ["gpu"]})) == []


@pytest.mark.parametrize(
    ("prose", "reason"),
    [
        (["# T\n\n## A", "### B", "## C"], ""),
        (["# T", "```\n# a remark\n#### another\n```", "## A"], ""),
        (["# T", "### B"], "cell 2: heading 'B' has level 3 after level 1"),
        (["## A", "## B"], "level 2 after level 0"),
        (["# T", "## A", "# U"], "expected one heading of level 1, got 2"),
        (["plain"], "expected one heading of level 1, got 0"),
    ],
)
def test_headings(prose, reason):
    problems = guards.headings(notebook(*prose))
    assert reason in said(problems) and bool(problems) == bool(reason)


def test_registered():
    nb = notebook(
        {"code": '@exercise("a.b")\ndef f(x):\n    return x'},
        {"code": 'checks.claim("c").judge(True, evidence="")\n%time 1'},
        {"code": "def not python"},
    )
    good = {"exercises": {"a.b": entry()}, "claims": {"c": entry()}}
    assert guards.registered(nb, **good) == []
    assert "cell 1: exercise 'a.b' is not registered (did you mean 'a.bb'?)" in said(
        guards.registered(nb, {"a.bb": entry("other")}, good["claims"])
    )
    assert "cell 2: claim 'c' is not registered" in said(guards.registered(nb, good["exercises"], {}))
    assert "'c' is registered for notebook 'other', not 'tiny'" in said(
        guards.registered(nb, good["exercises"], {"c": entry("other")})
    )
    assert "exercise 'a.z' is registered for it and never used" in said(
        guards.registered(nb, {**good["exercises"], "a.z": entry()}, good["claims"])
    )


@pytest.mark.parametrize(
    ("cell", "known", "reason"),
    [
        ({"code": '@exercise("a")\ndef f(): ...', "tags": ["exercise"]}, entry(), ""),
        ({"code": '@exercise("a")\ndef f(): ...'}, entry(), "tag it"),
        ({"code": "x = 1", "tags": ["exercise"]}, entry(), "holds none"),
        ({"code": '@exercise("a")\ndef f(): ...', "tags": ["exercise"]}, entry(hints=2), "at least 3 hints, got 2"),
        (
            {"code": '@exercise("a")\ndef f(): ...', "tags": ["exercise"]},
            entry(misconceptions=1),
            "at least 2 misconceptions, got 1",
        ),
        (
            {"code": '@exercise("a")\ndef f(): ...\n@exercise("b")\ndef g(): ...', "tags": ["exercise"]},
            entry(),
            "holds 2 exercises",
        ),
    ],
)
def test_exercises_complete(cell, known, reason):
    problems = guards.exercises_complete(notebook("# T", cell), {"a": known})
    assert reason in said(problems) and bool(problems) == bool(reason)


@pytest.mark.parametrize(
    ("prose", "missing"),
    [
        ("It reaches 86 % of them.", []),
        ("It reaches 86% of them.", []),
        ("It reaches 87 % of them.", ["87"]),
        ("It reaches 6 % of them.", ["6"]),
        ("It reaches 86.2 % of them.", ["86.2"]),
        ("Between 85 and 86 %.", ["85"]),
        ("Between 80 – 81 percent.", ["80", "81"]),
        (r"It reaches 87\% of them.", ["87"]),
        ("- it reaches **87 %**\n- of them", ["87"]),
        ("It reaches 87 % (LeCun et al., 1998).", []),
        ("It reaches 87 %.\n\nThat is much (LeCun et al., 1998).", ["87"]),
        ("Write `87 %` or $0.87 = 87\\%$, or\n\n$$87\\%$$", []),
        ("```python\nx = 87 % 5\n```", []),
        ('<img width="87%" alt="x"> <details><summary>A. 87 %</summary>', ["87"]),
        ("The year 1998, and 87 pictures.", []),
    ],
)
def test_numbers(prose, missing):
    cells = ({"code": "...", "outputs": [printed("accuracy 86 %\n"), shown(text_plain="0.5")]}, "# T", prose)
    problems = guards.numbers(notebook(*cells))
    assert [problem.reason.rsplit(" ")[-1] for problem in problems] == missing
    assert all(problem.cell == 3 for problem in problems)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("%pip install numpy", "installs"),
        ("!conda install -y numpy", "installs"),
        ("import subprocess\nsubprocess.run('pip install x')", "installs"),
        ("!wget http://example.org/x", "downloads"),
        ("from urllib.request import urlopen", "downloads"),
        ("import requests", "downloads"),
        ("import sys\nsys.path.insert(0, '..')", "sys.path"),
        ("if True:\n    from numpy import *", "star"),
        ("# pip install numpy is not needed\nimport numpy as np\ny = x * 2", ""),
        ("from coursekit.datasets import load\nrequests = 3", ""),
    ],
)
def test_self_contained(code, reason):
    problems = guards.self_contained(notebook("# T", {"code": code}))
    assert reason in said(problems) and bool(problems) == bool(reason)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("rng = np.random.default_rng(0)", "default_rng has the seed 0, so it does not follow COURSEKIT_SEED"),
        ("def f():\n    return default_rng(seed=[1, 2])", "default_rng has the seed [1, 2]"),
        ("rng = np.random.default_rng()", "default_rng has the seed None"),
        ("rng = np.random.RandomState(3 + 4)", "RandomState has the seed 3 + 4"),
        ("torch.manual_seed(1)", "manual_seed has the seed 1"),
        ("np.random.seed(0)", "random.seed seeds what all share"),
        ("import random\nrandom.seed(course_seed())", "random.seed seeds what all share"),
        ("from numpy.random import normal, seed", "random.seed seeds what all share"),
        ("model = LinearSVC(C=1, random_state=0)", "LinearSVC has the seed 0"),
        ("parts = train_test_split(X, y, random_state=None)", "train_test_split has the seed None"),
        ("rng = np.random.default_rng(seed)\nother = default_rng(course_seed(1))", ""),
        ("model = LinearSVC(random_state=course_seed())\nseed = 3\nrng.seed = course_rng(0)", ""),
        ("print('np.random.seed(0)')  # default_rng(0)", ""),
        ("def not python, default_rng(0)", ""),
    ],
)
def test_seeds(code, reason):
    problems = guards.seeds(notebook("# T", {"code": code}))
    assert len(problems) == bool(reason)
    assert all(str(problem).startswith("notebooks/solutions/01_tiny.ipynb, cell 2: ") for problem in problems)
    assert reason in said(problems)


def test_a_fixed_seed_is_exempt_for_one_function_of_one_notebook():
    cell = {"code": "LinearSVC(random_state=0)\nMLPClassifier(random_state=0)"}
    exempt = {("01_tiny", "LinearSVC"): "its optimum is unique"}
    assert "MLPClassifier" in said(guards.seeds(notebook(cell), exempt)) and len(guards.seeds(notebook(cell))) == 2
    assert len(guards.seeds(notebook(cell), exempt)) == 1
    assert len(guards.seeds(notebook(cell, name="02_other"), exempt)) == 2


def test_addresses():
    bad = {"code": "f", "outputs": [shown(text_plain="<function f at 0x7fa3c0de1234>")]}
    assert "cell 2: the output shows an address" in said(guards.addresses(notebook("# T", bad)))
    assert guards.addresses(notebook("# T", {"code": "f", "outputs": [printed("0x10 at 0x1")]})) == []


def test_sections():
    good = ["# T\n\nYou will be able to add.", "## 5. When it breaks", "## Explain it back", "## Go further"]
    assert guards.sections(notebook(*good)) == []
    assert "You will be able to" in said(guards.sections(notebook("# T", *good[1:])))
    assert "no section 'Explain it back'" in said(guards.sections(notebook(*good[:2], good[3])))
    assert "order of its sections" in said(guards.sections(notebook(good[0], good[1], good[3], good[2])))


def option(letter, verdict, why="Because."):
    return f"<details><summary>{letter}. Text</summary>\n\n**{verdict}.** {why}\n\n</details>\n"


def question(k, *options):
    options = options or (option("A", "No"), option("B", "Right"), option("C", "No"))
    return f"**Q{k}.** What?\n\n" + "".join(options)


def quiz(*questions):
    return notebook("# T", "## Explain it back\n\n" + "\n\n".join(questions), "## Go further\n\n**Q9.** none of it")


def test_a_quiz():
    assert guards.quiz(quiz(*(question(k) for k in (1, 2, 3, 4)))) == []
    assert guards.quiz(notebook("# T")) == []


def test_a_quiz_over_several_cells():
    cells = ["# T", "## Explain it back", *(question(k) for k in (1, 2, 3, 4)), "## Go further"]
    assert guards.quiz(notebook(*cells)) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((option("A", "No"), option("B", "Right")), "at least 3 options, got 2"),
        ((option("A", "No"), option("B", "No"), option("C", "No")), "expected one right option, got 0"),
        ((option("A", "Right"), option("B", "Right"), option("C", "No")), "expected one right option, got 2"),
        ((option("A", "No"), option("C", "Right"), option("B", "No")), "should begin with 'B. '"),
        ((option("A", "Well"), option("B", "Right"), option("C", "No")), "option A: the answer should begin"),
        ((option("A", "No", ""), option("B", "Right"), option("C", "No")), "option A: the answer does not say why"),
    ],
)
def test_a_bad_question(options, reason):
    problems = guards.quiz(quiz(question(1), question(2, *options), question(3), question(4)))
    assert problems and all("the quiz, Q2: " in problem.reason for problem in problems)
    assert reason in said(problems)


@pytest.mark.parametrize("numbers", [(1, 2, 3), (1, 2, 3, 4, 5, 6, 7), (1, 2, 4, 5), ()])
def test_a_quiz_with_the_wrong_questions(numbers):
    assert "expected 4 to 6 questions" in said(guards.quiz(quiz(*map(question, numbers))))


@pytest.mark.parametrize(
    ("output", "good"),
    [
        (shown(image_png="AA", text_html='<img alt="a dog &gt; a cat" src="data:">', text_plain="x"), True),
        (shown(text_html="<b>no picture</b>"), True),
        (printed("1"), True),
        (shown(image_png="AA", text_plain="<Figure size 640x480 with 1 Axes>"), False),
        (shown(image_png="AA", text_html='<img alt="" src="data:">'), False),
        (shown(image_png="AA", text_html="<img src='data:'>"), False),
        (shown(text_html="<img alt='a dog'><img alt=' '>"), False),
        (nbformat.v4.new_output("execute_result", data={"image/svg+xml": "<svg/>"}), False),
    ],
)
def test_figures(output, good):
    problems = guards.figures(notebook("# T", {"code": "...", "outputs": [output]}))
    assert ("cell 2: a figure without alternative text" in said(problems)) is not good
