"""``python -m coursekit.device record NAME`` runs an experiment at full size and writes down what it measured.

It wants an accelerator, and it is for those who look after the course: everybody else reads :func:`recorded`.
"""

import argparse
import sys

from coursekit import accelerator
from coursekit.device import describe, recorded
from coursekit.errors import CourseError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        1 where a CourseError says what is wrong.

    Examples
    --------
    >>> main(["show", "nothing"])
    No recorded run of 'nothing' yet. On a machine with an accelerator this makes one: python -m coursekit.device record
    nothing
    0
    """
    parser = argparse.ArgumentParser(prog="python -m coursekit.device", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="the device that is here, and the experiments")
    for name, says in (("record", "run an experiment at full size and write it down"), ("show", "a recorded run")):
        commands.add_parser(name, help=says).add_argument("name", metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        if options.command == "list":
            print(describe())
            for name, experiment in accelerator.EXPERIMENTS.items():
                print(f"{name:12} {experiment.about} ({'recorded' if recorded(name) else 'no recorded run yet'})")
        elif options.command == "record":
            path = accelerator.record(options.name)
            print(f"{recorded(options.name)}\nWritten to {path}.")
        else:
            print(recorded(options.name))
    except CourseError as error:
        print(f"coursekit: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
