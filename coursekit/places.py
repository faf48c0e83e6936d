"""Where the course's own files are: in the checkout when there is one, otherwise beside the installed package."""

import os
from pathlib import Path

from coursekit.errors import SettingError

__all__ = ["checkout", "data_folder", "lock_file", "notebooks_folder", "registry_file"]

PACKAGE = Path(__file__).resolve().parent
SHIPPED = PACKAGE / "_shipped"  # what the wheel carries of the checkout's files


def checkout() -> Path | None:
    """The folder of the checkout that this package runs from, or None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks" / "src").is_dir() else None


def _of_checkout_or_wheel(*parts: str) -> Path:
    root = checkout()
    return root.joinpath(*parts) if root else SHIPPED.joinpath(parts[-1])


def notebooks_folder() -> Path:
    """The folder with the learner edition, and in it ``solutions/`` with the worked edition."""
    return _of_checkout_or_wheel("notebooks")


def registry_file() -> Path:
    """The file that describes every data set: its checksum, its licence, what a row is."""
    return _of_checkout_or_wheel("data", "registry.toml")


def lock_file() -> Path:
    """The exact versions that the course is tested with."""
    return _of_checkout_or_wheel("requirements.lock")


def data_folder() -> Path:
    """Where data files are looked for and put: ``COURSEKIT_DATA``, the checkout's ``data/``, or the user's cache.

    Raises
    ------
    SettingError
        If ``COURSEKIT_DATA`` names something that is no folder.
    """
    named = os.environ.get("COURSEKIT_DATA")
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise SettingError(f"COURSEKIT_DATA: expected a folder, got {named!r}. Create it, or unset the variable.")
        return folder
    root = checkout()
    if root:
        return root / "data"
    import pooch

    return Path(pooch.os_cache("coursekit"))
