"""nbval as this course runs it: `python -m pytest -p tests.nbval_house --nbval-lax --nbval-current-env notebooks`.

Every notebook gets a kernel of its own, without a network, in an empty folder, with one thread. The worked edition runs
in strict mode with seed 0, and its marked outputs are compared. The learner's runs as a newcomer has it, with nothing
solved, and with *another seed*: its claims must hold there too.

A kernel that dies fails its cell at once, and the rest of that notebook is skipped. A figure without alternative text
fails its cell. At the end stands a table of seconds per notebook, those of the processor. The budget of 45 (60 at the
most) is meant for a quiet laptop, so the table marks what is over it; what takes several times as long on any machine
fails the session. `python -m tests.nbval_house build/seconds.json` prints the table again.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from queue import Empty
from time import monotonic

import nbformat
import psutil
import pytest
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, RunningKernel, start_new_kernel
from nbval.plugin import IPyNbCell, IPyNbFile

from coursekit.execution import kernel_environment
from coursekit.guards import figures

OFFLINE = Path(__file__).resolve().parent / "offline"
LONG, MOST, CAP = 45.0, 60.0, 1200.0  # seconds
OTHER_SEED = 1  # of the learner edition


class KernelDied(Exception):
    """The kernel's process is gone."""


class HouseKernel(RunningKernel):
    """nbval's kernel, but waiting for a message it notices when nobody is left to send one."""

    def __init__(self, cwd: str, startup_timeout: float, environment: dict[str, str]):
        self.km, self.kc = start_new_kernel(
            startup_timeout=startup_timeout,
            kernel_name=CURRENT_ENV_KERNEL_NAME,
            cwd=cwd,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        self._ensure_iopub_up()

    def processor_seconds(self) -> float:
        """What the kernel and its ended children have used of a processor so far; 0 once it is gone."""
        try:
            used = psutil.Process(self.km.provisioner.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return used.user + used.system + getattr(used, "children_user", 0) + getattr(used, "children_system", 0)

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        end = monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            alive = self.is_alive()  # asked first: what it had sent before it died is read all the same
            try:
                return super().get_message(stream, timeout=max(0.0, min(0.5, end - monotonic())))
            except Empty:
                if not alive:
                    raise KernelDied("the kernel died") from None
                if monotonic() >= end:
                    raise


class HouseCell(IPyNbCell):
    """A cell; it knows whether its notebook's kernel has died."""

    def runtest(self) -> None:
        if self.parent.died_in:
            pytest.skip(f"the kernel died in {self.parent.died_in}")
        before = self.parent.kernel.processor_seconds()
        try:
            super().runtest()
        except KernelDied:
            self.parent.died_in = self.name
            self.raise_cell_error("The kernel died while it ran this cell; the rest of the notebook is skipped.")
        finally:
            used = max(0.0, self.parent.kernel.processor_seconds() - before)
            self.user_properties.append(("seconds", used))
        ran = {"cell_type": "code", "source": self.cell.source, "outputs": self.test_outputs or []}
        for problem in figures(nbformat.from_dict({"cells": [ran], "metadata": {}})):
            self.raise_cell_error(problem.reason)


class HouseNotebook(IPyNbFile):
    """A notebook with a kernel in a folder of its own, offline; see the top of this file."""

    died_in = ""
    folder = ""

    @property
    def worked(self) -> bool:
        return self.path.parent.name == "solutions"

    def setup(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="coursekit-nbval-")
        environment = kernel_environment(strict=self.worked, seed=0 if self.worked else OTHER_SEED)
        environment.setdefault("COURSEKIT_STRICT", "claims")
        paths = [str(OFFLINE), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment["IPYTHONDIR"] = str(Path(self.folder) / ".ipython")
        environment.pop("PYTHONHASHSEED")  # an output that depends on it is not worth comparing
        startup = self.config.option.nbval_kernel_startup_timeout
        self.kernel = HouseKernel(self.folder, startup, environment)
        self.setup_sanitize_files()

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def collect(self):
        for item in super().collect():
            options = item.options if self.worked else item.options | {"check": False}  # outputs are those of seed 0
            yield HouseCell.from_parent(self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=options)


class Stopwatch:
    """Seconds per notebook, added up from its cells; under xdist the controller hears of all of them."""

    def __init__(self, cap: float, file: Path):
        self.cap, self.file = cap, file
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        notebook = report.nodeid.partition("::")[0]
        if notebook.endswith(".ipynb"):
            self.seconds[notebook] += dict(report.user_properties).get("seconds", 0.0) if report.when == "call" else 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput") or not self.seconds:
            return
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(json.dumps(self.seconds, indent=1) + "\n", encoding="utf-8")
        if max(self.seconds.values()) > self.cap and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.seconds:
            terminalreporter.section("seconds per notebook")
            terminalreporter.write_line(table(self.seconds, self.cap))


def table(seconds: dict[str, float], cap: float = CAP) -> str:
    """The notebooks with their seconds, the slowest first, and the total."""
    lines = []
    for notebook, spent in sorted(seconds.items(), key=lambda pair: -pair[1]):
        marks = ((cap, f"  OVER THE CAP of {cap:g} s"), (MOST, "  too long for a quiet laptop"), (LONG, "  long"))
        note = next((mark for limit, mark in marks if spent > limit), "")
        lines.append(f"{spent:7.1f}  {notebook}{note}")
    return "\n".join([*lines, f"{sum(seconds.values()):7.1f}  in all"])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--notebook-cap", type=float, default=CAP, help="Seconds that one notebook may take.")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        Stopwatch(config.getoption("--notebook-cap"), config.rootpath / "build" / "seconds.json"), "stopwatch"
    )


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The sources of notebooks are no modules with doctests."""
    return True if collection_path.name == "src" and collection_path.parent.name == "notebooks" else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector):
    found = yield
    return [HouseNotebook.from_parent(parent, path=file_path) if type(one) is IPyNbFile else one for one in found]


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
