"""The command line is the course's front door: each command calls one function of coursekit and prints what it says.

Whatever a command needs is imported when it runs, so that ``coursekit --help`` answers at once.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from coursekit import __version__
from coursekit.errors import CourseError

__all__ = ["main", "make_parser"]

OWN_COURSE = "my-course"
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended
BROKEN_PIPE = 141  # and for one whose reader went away


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 if all is well, 1 if something is not, 2 for a misspelt command.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Examples
    --------
    >>> main(["start", ""])
    2
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a check mark still gets its line
    try:
        options = make_parser().parse_args(arguments)
        code = options.do(options)
        sys.stdout.flush()
        return code or 0
    except SystemExit as stop:  # argparse has said what it has to say
        return stop.code
    except CourseError as error:
        print(f"coursekit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return BROKEN_PIPE


def make_parser() -> argparse.ArgumentParser:
    """The commands of coursekit and their options."""
    parser = argparse.ArgumentParser(prog="coursekit", description="How Deep Learning Works: the course's own tool.")
    parser.add_argument("--version", action="version", version=f"coursekit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, do: Callable[[argparse.Namespace], int | None], says: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
        one.set_defaults(do=do)
        return one

    _add_learners_commands(command)
    _add_authors_commands(command)
    return parser


def _add_learners_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    lab = command("lab", _lab, f"make or update your copy of the course ({OWN_COURSE}) and open JupyterLab in it")
    lab.add_argument("--dir", type=_path, help=f"your copy; by default the one you are in, or {OWN_COURSE}")
    lab.add_argument("--port", type=int, help="by default the first free one from 8888")
    lab.add_argument("--no-browser", action="store_true", help="print the address and open nothing")

    command("start", _start, "make a copy of the course to work in").add_argument("dir", metavar="DIR", type=_path)
    update = command("update", _update, "bring your copy up to date; what you wrote stays as it is")
    update.add_argument("dir", metavar="DIR", nargs="?", type=_path)

    catch_up = command("catch-up", _catch_up, "put the worked edition of a notebook into solutions/ of your copy")
    catch_up.add_argument("notebook", metavar="NOTEBOOK", help="02, forward_pass or 02_forward_pass")
    catch_up.add_argument("--dir", type=_path, help=f"your copy; by default the one you are in, or {OWN_COURSE}")

    progress = command("progress", _progress, "what you have passed, and what to review next")
    progress.add_argument("dir", metavar="DIR", nargs="?", type=_path)

    doctor = command("doctor", _doctor, "is this machine ready? exit code 1 if anything is a problem")
    doctor.add_argument("--json", action="store_true", help="for programs")

    data = command("data", _data, "list, verify or fetch the data sets")
    data.add_argument("action", choices=["list", "verify", "fetch"])
    data.add_argument("names", metavar="NAME", nargs="*", help="by default all of them")


def _add_authors_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    build = command("build", _build, "turn notebooks/src into the learner's and the worked edition")
    build.add_argument("names", metavar="NAME", nargs="*", help="01, perceptron or 01_perceptron; by default all")
    how = build.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="change nothing; say what is not as its source says")
    how.add_argument("--force", action="store_true", help="also those that are current")

    run = command("run", _run, "execute notebooks and time them; no file is changed")
    run.add_argument("names", metavar="NAME", nargs="*", help="01, perceptron or 01_perceptron; by default all")
    run.add_argument("--edition", choices=["worked", "learner"], default="worked", help="by default worked")
    run.add_argument("--jobs", type=int, default=1, help="how many notebooks at the same time; by default 1")
    run.add_argument("--seed", type=int, help="shifts every seed of the course")
    run.add_argument("--report", metavar="FILE", type=_path, help="write the times as JSON")

    command("claims", _claims, "the course's claims and their verdicts")
    command("exercises", _exercises, "the course's exercises, with minutes and points")


def _path(text: str) -> Path:
    """A path that a person typed; an empty one would silently mean the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got an empty text")
    return Path(text).expanduser()


def _course(named: Path | None) -> Path:
    """The learner's copy: the one named, the one we are in, or the one that `coursekit lab` makes by default."""
    from coursekit.progress import course_file, find_course

    own = Path(OWN_COURSE)
    return named or find_course() or (own if course_file(own).is_file() else Path())


def _lab(options: argparse.Namespace) -> None:
    from coursekit.lab import open_lab
    from coursekit.progress import find_course
    from coursekit.workspace import start

    folder = options.dir or find_course() or Path(OWN_COURSE)
    print(start(folder), flush=True)
    open_lab(folder, port=options.port, browser=False if options.no_browser else None)


def _start(options: argparse.Namespace) -> None:
    from coursekit.workspace import start

    print(start(options.dir))


def _update(options: argparse.Namespace) -> None:
    from coursekit.workspace import update

    print(update(_course(options.dir)))


def _catch_up(options: argparse.Namespace) -> None:
    from coursekit.workspace import catch_up

    print(catch_up(_course(options.dir), options.notebook))


def _progress(options: argparse.Namespace) -> None:
    from coursekit.progress import expect_course
    from coursekit.review import card

    print(card(expect_course(_course(options.dir))))


def _doctor(options: argparse.Namespace) -> int:
    from coursekit.doctor import examine, report

    found = report(examine())
    print(found.to_json() if options.json else found.text)
    return found.exit_code


def _data(options: argparse.Namespace) -> int:
    from coursekit.fetch import fetch, overview

    before = overview(options.names or None)
    if options.action == "fetch":
        for entry in before:
            print(f"{entry.name}: {fetch(entry.name) or 'comes with scikit-learn'}", flush=True)
        return 0
    width = max(len(entry.name) for entry in before)
    for entry in before:
        where_or_licence = entry.where if options.action == "verify" else entry.licence
        print(f"{entry.name:<{width}}  {entry.state:<9}  {entry.bytes / 1e6:6.1f} MB  {where_or_licence}")
        if entry.mend:
            print(f"{'':<{width}}  mend it: {entry.mend}")
    wrong = sum(entry.state != "ok" for entry in before)
    return int(options.action == "verify" and wrong > 0)


def _build(options: argparse.Namespace) -> int:
    from coursekit.editions import build, check

    if not options.check:
        build(options.names or None, force=options.force)
        return 0
    problems = check()
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problems" if problems else "Both editions are what notebooks/src says.")
    return int(bool(problems))


def _run(options: argparse.Namespace) -> int:
    from coursekit.run import run

    done = run(
        options.names or None, edition=options.edition, seed=options.seed, report=options.report, jobs=options.jobs
    )
    return int(not all(one.ok for one in done))


def _claims(options: argparse.Namespace) -> None:
    from coursekit.claims import ledger

    print(ledger())


def _exercises(options: argparse.Namespace) -> None:
    from coursekit.checks import all_exercises

    known = all_exercises()
    width = max((len(name) for name in known), default=0)
    print(f"{'exercise':<{width}}  {'notebook':<16} difficulty  minutes  points")
    for name, one in known.items():
        print(f"{name:<{width}}  {one.notebook:<16} {one.difficulty:>10}  {one.minutes:>7}  {one.points:>6}")
    minutes, points = sum(one.minutes for one in known.values()), sum(one.points for one in known.values())
    print(f"{len(known)} exercises, {minutes} minutes, {points} points")
