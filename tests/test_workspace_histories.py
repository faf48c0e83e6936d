"""Updates that are cut off, and random histories of a learner's edits: no word is lost, and the next update finishes.

The model below knows nothing of coursekit's list of deliveries: it looks at the cells of files only.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_workspace import NAMES, change, edition, notebook, notebooks, publish

from coursekit import progress, workspace
from coursekit.workspace import start, update


class Killed(BaseException):
    """The process is gone: nothing that would tidy up after it runs."""


class Crash:
    """Dies at the n-th step that changes the disk, and stays dead until the update has been left."""

    def __init__(self, patch, step):
        self.left = step
        for name in ("fsync", "replace", "unlink"):
            patch.setattr(os, name, self.around(name, getattr(os, name)))

    def around(self, name, real):
        def call(*args, **kwargs):
            self.left -= 1
            if self.left < 0:  # dead already
                raise Killed
            if self.left == 0 and name == "fsync":
                os.ftruncate(args[0], os.fstat(args[0]).st_size // 2)
                raise Killed
            if self.left == 0 and name == "unlink":
                raise Killed
            real(*args, **kwargs)
            if self.left == 0:
                raise Killed

        return call


@pytest.mark.parametrize("then", ["nothing", "edit", "back to the first version", "nothing after an edit before"])
@pytest.mark.parametrize("step", range(1, 22))
def test_cut_off_at_any_step_the_next_update_finishes(tmp_path, step, then):
    source, course = tmp_path / "source", tmp_path / "course"
    publish(source, dict.fromkeys(NAMES, 1))
    start(course, source)
    publish(source, dict.fromkeys(NAMES, 2))
    if then == "nothing after an edit before":
        for name in NAMES:
            change(course / name, 2, "mine")
    with pytest.MonkeyPatch.context() as patch:
        Crash(patch, step)
        with pytest.raises(Killed):
            update(course, source)
    newest = 2
    if then == "edit":
        for name in NAMES:
            change(course / name, 2, "mine")
    elif then.startswith("back"):
        publish(source, dict.fromkeys(NAMES, newest := 1))
    mine = {name: content for name, content in notebooks(course).items() if b"mine" in content}
    update(course, source)
    assert mine.items() <= notebooks(course).items()
    copies = list(notebooks(course).values())
    for name in NAMES:
        made_from_newest = f"x = {newest}".encode() in (course / name).read_bytes()
        assert made_from_newest or edition(name, newest) in copies
    if then != "edit":  # nothing arrived twice
        assert len(copies) == 3 + len(mine)


def test_a_real_kill_leaves_the_old_or_the_new_file(tmp_path):
    source, course = tmp_path / "source", tmp_path / "course"
    publish(source, dict.fromkeys(NAMES, 1))
    start(course, source)
    publish(source, dict.fromkeys(NAMES, 2))
    change(course / NAMES[2], 2, "mine")
    before = notebooks(course)
    code = (
        "import os, sys\nfrom coursekit import workspace\n"
        "calls = []\n"
        "def fsync(file, fsync=os.fsync):\n"
        "    fsync(file)\n"
        "    calls.append(1)\n"
        "    len(calls) == 3 and os._exit(9)\n"  # the second notebook is written and not yet in its place
        "os.fsync = fsync\nworkspace.update(sys.argv[1], sys.argv[2])"
    )
    assert subprocess.run([sys.executable, "-c", code, str(course), str(source)], check=False).returncode == 9
    left = notebooks(course)
    assert left == {**before, NAMES[0]: edition(NAMES[0], 2)}
    assert list(course.rglob(f".*{workspace.PART}"))
    assert update(course, source).updated == (NAMES[1],)
    assert not list(course.rglob(f".*{workspace.PART}"))


def cells(content):
    try:
        found = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(content)["cells"]]
    except ValueError:
        return None
    return found


class History:
    def __init__(self, root):
        self.source, self.folder = root / "source", root / "course"
        self.versions = dict.fromkeys(NAMES, 1)
        self.published = {}  # every text that the course ever had, for each notebook
        self.declined = set()  # texts that the learner changed or threw away after they came beside
        self.typed = 0
        self.publish()
        start(self.folder, self.source)

    def publish(self):
        publish(self.source, self.versions)
        for name, version in self.versions.items():
            self.published.setdefault(name, []).append(cells(edition(name, version)))

    def precious(self):
        """The files that hold the learner's work: every one whose cells the course never delivered."""
        ours = [text for texts in self.published.values() for text in texts]
        return {name: content for name, content in notebooks(self.folder).items() if cells(content) not in ours}

    def learner(self, action, which, where):
        """One thing that a learner does to a file of theirs."""
        self.typed += 1
        word = f"typed {self.typed}"
        if action == "own":
            (self.folder / f"my own {self.typed}.ipynb").write_bytes(notebook(word))
            return
        paths = sorted(self.folder.glob("*.ipynb"))
        path = paths[which % len(paths)] if paths else None
        if path is None or cells(path.read_bytes()) is None:
            return
        self.act(action, path, where, word)

    def act(self, action, path, where, word):
        before = cells(path.read_bytes())
        if action == "remove":
            path.unlink()
        elif action == "corrupt":
            path.write_bytes(path.read_bytes()[: -1 - where * 7])
        elif action == "rename":
            path.rename(self.folder / f"renamed {self.typed}.ipynb")
        else:
            content = json.loads(path.read_bytes())
            self.edit(action, content["cells"], where, word)
            path.write_text(json.dumps(content), encoding="utf-8")
        if not path.exists() or cells(path.read_bytes()) != before:
            self.declined.add(str(before))

    def edit(self, action, found, where, word):
        k = where % len(found) if found else 0
        if action == "add" or not found:
            found.insert(k, {"cell_type": "markdown", "source": word, "metadata": {}})
        elif action == "edit":
            found[k]["source"] = [word + "\n", "and more"]
        elif action == "drop":
            del found[k]
        elif action == "swap":
            found.insert(0, found.pop(k))
        elif action == "run":
            found[k].update(outputs=[{"output_type": "stream", "text": "out"}], execution_count=7)

    def update(self, crash):
        before = self.precious()
        if crash:
            with pytest.MonkeyPatch.context() as patch:
                Crash(patch, crash)
                try:
                    update(self.folder, self.source)
                except Killed:
                    pass
            self.nothing_is_lost(before)
        else:
            report = update(self.folder, self.source)
            self.nothing_is_lost(before)
            self.the_newest_is_here(report)

    def nothing_is_lost(self, before):
        now = notebooks(self.folder)
        assert before.items() <= now.items()
        assert all(cells(content) is not None for name, content in now.items() if name not in before)
        json.loads(progress.course_file(self.folder).read_bytes())

    def the_newest_is_here(self, report):
        assert not list(self.folder.rglob(f".*{workspace.PART}"))
        here = [cells(content) for content in notebooks(self.folder).values()]
        for name, texts in self.published.items():
            assert texts[-1] in here or str(texts[-1]) in self.declined
            assert (self.folder / name).exists()
            assert (cells((self.folder / name).read_bytes()) is None) == any(name in w for w in report.warnings)
        assert not update(self.folder, self.source).changed


ACTIONS = st.tuples(
    st.just("learner"),
    st.sampled_from(["edit", "add", "drop", "swap", "run", "remove", "own", "corrupt", "rename"]),
    st.integers(0, 8),
    st.integers(0, 3),
)
RELEASES = st.tuples(st.just("release"), st.sampled_from(NAMES), st.integers(1, 4))
UPDATES = st.tuples(st.just("update"), st.integers(0, 30))


@settings(max_examples=120, deadline=None)
@given(st.lists(st.one_of(ACTIONS, ACTIONS, RELEASES, UPDATES), max_size=16))
def test_no_history_of_edits_updates_and_crashes_loses_a_word(steps):
    root = Path(tempfile.mkdtemp())
    try:
        history = History(root)
        for what, *how in steps:
            if what == "learner":
                history.learner(*how)
            elif what == "release":
                history.versions[how[0]] = how[1]
                history.publish()
            else:
                history.update(*how)
        history.update(crash=0)
    finally:
        shutil.rmtree(root)
