import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from urllib.parse import urlsplit

import pytest

from coursekit import lab
from coursekit.errors import CourseError, SettingError, WorkspaceError
from coursekit.lab import HOST, has_display, next_free_port, open_lab

NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
PATIENCE = 90  # seconds for the server to end by itself, on a machine that may be busy
START = (
    f"import sys; from coursekit import lab; lab.STOP_SECONDS = {PATIENCE}; "
    "lab.open_lab(sys.argv[1], port=int(sys.argv[2]))"
)
IGNORED = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " + START  # as in the background of a script


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "my course"
    (folder / ".coursekit").mkdir(parents=True)
    (folder / ".coursekit" / "course.json").write_text("{}", encoding="utf-8")
    (folder / "00_start_here.ipynb").write_text(NOTEBOOK, encoding="utf-8")
    return folder


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def port():
    """A free port that a test beside this one will not be given too, as the first free one from 8888 might."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(monkeypatch):
    """Replace JupyterLab by a program of one line; returns a function that says which."""

    def run(program: str):
        monkeypatch.setattr(lab, "_command", lambda port: [sys.executable, "-c", program, str(port)])

    return run


ANSWERS_ONCE = """
import sys, http.server
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hello).handle_request()
"""


def status(url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
@pytest.mark.parametrize("start", [START, IGNORED], ids=["terminal", "background"])
def test_a_real_lab_starts_answers_and_stops(course, port, start):
    without_display = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", start, str(course), str(port)],
        env=without_display,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/00_start_here\.ipynb\?token=\S{20,}", line)[0]
        assert status(url) == 200
        assert status(url.partition("?")[0]) in (302, 403)  # nothing without the token
        assert str(course.resolve()) in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE - 5)  # so it was not killed
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    assert process.returncode == 0, err
    assert out.startswith("\nStopping JupyterLab.")
    assert [row for row in err.splitlines() if not re.search(r"received signal \d+, stopping", row)] == []
    with pytest.raises(OSError, match="refused"):
        status(url)


def test_a_server_that_ends_by_itself_ends_the_command(course, server, port, capsys):
    server(ANSWERS_ONCE)
    open_lab(course, port=port, browser=False)
    assert f"Your work is in {course.resolve()}. Ctrl-C stops it." in capsys.readouterr().out


def test_a_server_that_does_not_start_is_told(course, server, port):
    server("raise SystemExit(3)")
    with pytest.raises(CourseError, match=r"expected it to start, it ended with code 3\. .*coursekit doctor"):
        open_lab(course, port=port, browser=False)


def test_a_server_that_dies_later_is_told(course, server, port):
    server(ANSWERS_ONCE + "raise SystemExit(4)")
    with pytest.raises(CourseError, match=r"it ended with code 4\. Your notebooks are as last saved"):
        open_lab(course, port=port, browser=False)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
def test_a_closed_terminal_leaves_no_server_behind(course, server, port, monkeypatch):
    server("import time, http.server, sys; time.sleep(60)")
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **kwargs: started.append(popen(*args, **kwargs)) or started[0]
    )
    monkeypatch.setattr(lab, "_answers", lambda port: os.kill(os.getpid(), signal.SIGHUP) or time.sleep(5))
    before = signal.getsignal(signal.SIGHUP)
    open_lab(course, port=port, browser=False)
    assert started[0].poll() is not None
    assert signal.getsignal(signal.SIGHUP) is before


@pytest.mark.parametrize(("display", "browser", "opened"), [(True, None, 1), (False, None, 0), (True, False, 0)])
def test_a_browser_opens_only_where_it_can_be_seen(display, browser, opened, course, server, port, monkeypatch):
    server(ANSWERS_ONCE)
    urls = []
    monkeypatch.setattr(lab, "has_display", lambda: display)
    monkeypatch.setattr(webbrowser, "open", lambda url: urls.append(url) or True)
    open_lab(course, port=port, browser=browser)
    assert len(urls) == opened
    assert all("token=" in url for url in urls)


def test_no_browser_at_all_is_said(course, server, port, monkeypatch, capsys):
    server(ANSWERS_ONCE)
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    open_lab(course, port=port, browser=True)
    assert "open that address in one yourself" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "platform", "seen"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ""}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "x"}, "win32", False),
    ],
)
def test_where_a_display_is(environment, platform, seen):
    assert has_display(environment, platform) is seen


def test_a_port_in_use_is_an_error_that_names_the_next_free_one(course, busy_port):
    with pytest.raises(CourseError, match=rf"got {busy_port}, which is in use") as caught:
        open_lab(course, port=busy_port)
    assert int(re.search(r"--port (\d+)\.$", str(caught.value))[1]) > busy_port


def test_a_listener_on_every_address_counts_as_in_use():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert next_free_port(port) > port


@pytest.mark.parametrize("port", [0, -1, 80, 65536])
def test_a_port_that_is_none_of_ours(port, course):
    with pytest.raises(SettingError, match=rf"port: expected a number from 1024 to 65535, got {port}"):
        open_lab(course, port=port)


def test_a_folder_that_is_no_course(tmp_path):
    with pytest.raises(WorkspaceError, match=r"expected a folder of the course, got .*coursekit start"):
        open_lab(tmp_path)


def test_a_notebook_that_is_not_there(course):
    with pytest.raises(WorkspaceError, match=r"notebook: expected one in .*, got '99.ipynb'. .*coursekit update"):
        open_lab(course, "99.ipynb")


def test_the_token_is_not_on_the_command_line_and_terminals_find_our_programs():
    environment = lab._environment("secret")
    assert "secret" in environment.values()
    assert environment["PATH"].split(os.pathsep)[0] == os.path.dirname(sys.executable)
    assert "secret" not in " ".join(lab._command(8888))
