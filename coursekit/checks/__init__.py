"""The exercises of the course: ``@exercise("id")`` for learners, :func:`all_exercises` for everybody who counts.

``core`` is the machinery; each other file is one topic, named by the first half of its exercises' ids.
"""

from coursekit.checks.core import Exercise, Result, all_exercises, exercise, find, register, show_hints, show_solution

__all__ = ["Exercise", "Result", "all_exercises", "exercise", "find", "register", "show_hints", "show_solution"]
