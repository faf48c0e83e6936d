"""JupyterLab is a small web server on this machine: start it, say where it listens, stop it when the learner is done.

Only this machine can reach it, and only with the token in the address that :func:`open_lab` prints. It asks the network
for nothing: no news, no updates.
"""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

from coursekit.errors import CourseError, SettingError, WorkspaceError
from coursekit.progress import course_file

__all__ = ["has_display", "next_free_port", "open_lab"]

HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8888, 65535
START_SECONDS, STOP_SECONDS = 90, 15
LOG = "lab.log"  # in the course's .coursekit folder
CONFIG = Path(__file__).parent / "lab_config"  # switches the question about news off, and nothing else


def open_lab(
    folder: Path | str, notebook: str = "00_start_here.ipynb", port: int | None = None, browser: bool | None = None
) -> None:
    """Open JupyterLab on a notebook of the learner's course, and return when it has been stopped.

    Parameters
    ----------
    folder : path
        The course, as `coursekit start` made it.
    notebook : str
        The notebook to open first.
    port : int, optional
        The port to listen at; by default the first one from 8888 that is free.
    browser : bool, optional
        Whether to open a browser; by default only where there is a display.

    Raises
    ------
    WorkspaceError
        If `folder` is no course or has no such notebook.
    SettingError
        If `port` is no port of a user's program.
    CourseError
        If `port` is in use, or JupyterLab does not start.
    """
    folder = _course(Path(folder), notebook)
    port = _free(port)
    token = secrets.token_urlsafe(24)
    with _log(folder) as log:
        server = subprocess.Popen(
            _command(port), cwd=folder, env=_environment(token), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        with _asked_to_stop():
            _wait_until_up(server, port)
            url = f"http://{HOST}:{port}/lab/tree/{quote(notebook)}?token={token}"
            print(f"JupyterLab is at {url}\nYour work is in {folder}. Ctrl-C stops it.", flush=True)
            if has_display() if browser is None else browser:
                _browse(url)
            while server.poll() is None:
                time.sleep(0.3)
        _expect_good_end(server)
    except KeyboardInterrupt:
        print("\nStopping JupyterLab. The next `make lab` goes on with what you saved.", flush=True)
    finally:
        _stop(server)


def has_display(environment: dict[str, str] | None = None, platform: str = sys.platform) -> bool:
    """Whether a browser that is opened here can be seen by the person who asked for it.

    Examples
    --------
    >>> has_display({"DISPLAY": ":0"}, "linux"), has_display({}, "linux"), has_display({}, "win32")
    (True, False, True)
    >>> has_display({"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.8 22"}, "darwin")
    False
    """
    environment = dict(os.environ) if environment is None else environment
    if platform in ("win32", "darwin", "cygwin"):
        return "SSH_CONNECTION" not in environment
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def next_free_port(first: int = FIRST_PORT) -> int:
    """The first port from `first` upwards at which nobody listens.

    Raises
    ------
    CourseError
        If there is none.

    Examples
    --------
    >>> next_free_port(20000) >= 20000
    True
    """
    for port in range(first, LAST_PORT + 1):
        if _is_free(port):
            return port
    raise CourseError(f"port: expected a free one from {first} upwards, got none. Try --port {FIRST_PORT}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # as the server will: a connection that is only just closed is no hindrance
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    with socket.socket() as caller:  # somebody who listens on every address does not always stop us from binding one
        caller.settimeout(0.5)
        return caller.connect_ex((HOST, port)) != 0


def _free(port: int | None) -> int:
    if port is None:
        return next_free_port()
    if not 1024 <= port <= LAST_PORT:
        raise SettingError(f"port: expected a number from 1024 to {LAST_PORT}, got {port}. Leave it out: one is found.")
    if not _is_free(port):
        raise CourseError(
            f"port: expected a free one, got {port}, which is in use. The next free one: --port {next_free_port(port)}."
        )
    return port


def _course(folder: Path, notebook: str) -> Path:
    if not course_file(folder).is_file():
        raise WorkspaceError(
            f"folder: expected a folder of the course, got {folder.absolute()}. "
            f"Make one with `coursekit start {folder}`."
        )
    if not (folder / notebook).is_file():
        raise WorkspaceError(
            f"notebook: expected one in {folder.absolute()}, got {notebook!r}. Bring it back with `coursekit update`."
        )
    return folder.resolve()


def _command(port: int) -> list[str]:
    options = {
        "ServerApp.ip": HOST,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": ".",
        "ServerApp.open_browser": False,
        "Application.log_level": "WARN",
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # so it is in most containers
    return [*command, "--allow-root"] if is_root else command


def _log(folder: Path) -> IO[bytes]:
    """Where the server's own words go: a learner's terminal stays quiet, and a problem can still be looked up."""
    try:
        return open(course_file(folder).with_name(LOG), "wb")
    except OSError:  # a read-only folder
        return open(os.devnull, "wb")


def _environment(token: str) -> dict[str, str]:
    """The token goes where other users cannot see it, and terminals in Lab find the course's programs."""
    path = os.pathsep.join(filter(None, [str(Path(sys.executable).parent), os.environ.get("PATH")]))
    config = os.pathsep.join(filter(None, [str(CONFIG), os.environ.get("JUPYTER_CONFIG_PATH")]))
    return os.environ | {"JUPYTER_TOKEN": token, "PATH": path, "JUPYTER_CONFIG_PATH": config}


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[None]:
    """Treat a closed terminal and a polite kill as Ctrl-C, so that no server is left behind.

    Ctrl-C itself too: a shell starts what ends in ``&`` with that signal ignored.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_up(server: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CourseError(
                f"JupyterLab: expected it to start, it ended with code {server.returncode}. "
                f"Look at the end of .coursekit/{LOG}, and run `coursekit doctor`."
            )
        if _answers(port):
            return
        time.sleep(0.1)
    raise CourseError(f"JupyterLab: expected an answer within {START_SECONDS} s, got none. Run `coursekit doctor`.")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/api")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _browse(url: str) -> None:
    try:
        opened = webbrowser.open(url)
    except webbrowser.Error:
        opened = False
    if not opened:
        print("No browser was found here: open that address in one yourself.", flush=True)


def _expect_good_end(server: subprocess.Popen) -> None:
    if server.returncode:
        raise CourseError(
            f"JupyterLab: expected it to run until you stop it, it ended with code {server.returncode}. "
            f"Your notebooks are as last saved. Look at the end of .coursekit/{LOG}, and run `coursekit doctor`."
        )


def _stop(server: subprocess.Popen) -> None:
    """Let the server shut its kernels down; if it cannot, end it."""
    if server.poll() is None:
        server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
