"""Downloads from servers on this machine that die, lie, forget how to resume, or are not there at all."""

import hashlib
import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from coursekit import fetch as fetch_module
from coursekit import registry as registry_module
from coursekit.errors import DataError, SettingError, UnknownNameError
from coursekit.fetch import fetch, mirrors, overview
from coursekit.registry import registry, status

CONTENT = bytes(range(256)) * 1200  # more than four pieces


class Mirror(ThreadingHTTPServer):
    """A web server with one file. `dies_after` bytes it hangs up, each time; without `ranges` it always sends all."""

    daemon_threads = True

    def __init__(self, content=CONTENT, dies_after=None, ranges=True, answer=None, claim=None):
        self.content, self.dies_after, self.ranges, self.answer, self.claim = content, dies_after, ranges, answer, claim
        self.asked = []  # the Range header of each request
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        mirror, asked = self.server, self.headers.get("Range")
        mirror.asked.append(asked)
        if mirror.answer:
            return self.send_error(mirror.answer)
        if self.path != "/toy.npz":
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and mirror.ranges else 0
        body = mirror.content[start:]
        self.send_response(206 if start else 200)
        if start:
            size = len(mirror.content)
            self.send_header("Content-Range", mirror.claim or f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if mirror.dies_after is None else body[: mirror.dies_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    running = []

    def start(**options):
        running.append(Mirror(**options))
        return running[-1]

    yield start
    for mirror in running:
        mirror.shutdown()
        mirror.server_close()


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty data folder and a registry with one file, to be had from the mirrors that `course` is called with."""
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("COURSEKIT_MIRROR", raising=False)
    monkeypatch.setattr(registry_module, "registry_file", lambda: tmp_path / "registry.toml")
    (tmp_path / "data").mkdir()

    def describe(*urls, content=CONTENT):
        row = {"file": "toy.npz", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        row |= dict.fromkeys(["licence", "source", "citation", "row", "units"], "of a toy")
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items())
        text = f"mirrors = {json.dumps(list(urls))}\n[toy]\n{lines}\n[iris]\n"
        text += lines.replace('file = "toy.npz"', 'loader = "sklearn"')
        (tmp_path / "registry.toml").write_text(text, encoding="utf-8")
        return tmp_path / "data"

    return describe


def part(data):
    return data / f"toy.npz.{registry()['toy'].sha256[:8]}.part"


def nobody():
    """The address of a port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_fetch_brings_the_file_and_leaves_nothing_else(course, serve):
    mirror = serve()
    data = course(mirror.url)
    assert fetch("toy", progress=False) == data / "toy.npz"
    assert (data / "toy.npz").read_bytes() == CONTENT
    assert [path.name for path in data.iterdir()] == ["toy.npz"]
    assert status("toy") == "ok"


def test_a_file_that_is_right_is_not_fetched_again_unless_forced(course, serve):
    mirror = serve()
    course(mirror.url)
    for force in (False, False, True):
        fetch("toy", force=force, progress=False)
    assert len(mirror.asked) == 2


def test_fetch_repairs_a_damaged_file(course, serve):
    data = course(serve().url)
    (data / "toy.npz").write_bytes(b"damaged")
    fetch("toy", progress=False)
    assert (data / "toy.npz").read_bytes() == CONTENT


def test_progress_is_shown_on_stderr(course, serve, capsys):
    course(serve().url)
    fetch("toy")
    out, err = capsys.readouterr()
    assert out == "" and "toy: 100%" in err and "307k/307k" in err


def test_a_broken_download_is_kept_and_continued_from_another_mirror(course, serve):
    dying, good = serve(dies_after=100_000), serve()
    data = course(dying.url)
    with pytest.raises(DataError, match=r"65,536 of 307,200 bytes are kept"):
        fetch("toy", progress=False)
    assert part(data).read_bytes() == CONTENT[:65_536]  # whole pieces
    course(good.url)
    fetch("toy", progress=False)
    assert good.asked == ["bytes=65536-"]
    assert (data / "toy.npz").read_bytes() == CONTENT
    assert [path.name for path in data.iterdir()] == ["toy.npz"]


def test_a_dying_mirror_then_a_good_one_in_one_call(course, serve):
    dying, good = serve(dies_after=70_000), serve()
    data = course(nobody(), dying.url, good.url)
    fetch("toy", progress=False)
    assert (dying.asked, good.asked) == ([None], ["bytes=65536-"])
    assert (data / "toy.npz").read_bytes() == CONTENT


def test_a_server_that_cannot_resume_starts_again(course, serve):
    mirror = serve(ranges=False)
    data = course(mirror.url)
    part(data).write_bytes(CONTENT[:1000])
    fetch("toy", progress=False)
    assert mirror.asked == ["bytes=1000-"]
    assert (data / "toy.npz").read_bytes() == CONTENT


def test_a_whole_part_needs_no_network(course):
    data = course(nobody())
    part(data).write_bytes(CONTENT)
    fetch("toy", progress=False)
    assert (data / "toy.npz").read_bytes() == CONTENT


@pytest.mark.parametrize("rubbish", [b"<html>log in here</html>", b"\0" * len(CONTENT), b"\0" * (len(CONTENT) + 5)])
def test_a_part_that_is_rubbish_is_thrown_away_and_the_file_fetched_whole(course, serve, rubbish):
    data = course(serve().url)
    part(data).write_bytes(rubbish)
    fetch("toy", progress=False)
    assert (data / "toy.npz").read_bytes() == CONTENT
    assert [path.name for path in data.iterdir()] == ["toy.npz"]


def test_the_part_of_another_version_is_not_continued(course, serve):
    mirror = serve()
    data = course(mirror.url, content=b"older version")
    part(data).write_bytes(b"older")
    course(mirror.url)
    fetch("toy", progress=False)
    assert mirror.asked == [None]


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (CONTENT[:-1] + b"?", "wrong sha256"),
        (CONTENT + b"?", "sent more of the 307,200 bytes"),
        (CONTENT[:-1], "sent only part of the 307,200 bytes"),
    ],
)
def test_a_wrong_file_never_lands(course, serve, served, message):
    data = course(serve(content=served).url)
    (data / "toy.npz").write_bytes(b"what was there before")
    with pytest.raises(DataError, match=message):
        fetch("toy", progress=False)
    assert (data / "toy.npz").read_bytes() == b"what was there before"
    assert {path.name for path in data.iterdir()} <= {"toy.npz", part(data).name}


def test_a_server_that_sends_without_end_is_cut_off(course, serve, monkeypatch):
    course(serve(content=CONTENT * 20).url)
    real, received = requests.Response.iter_content, []

    def count(self, *arguments):
        for piece in real(self, *arguments):
            received.append(len(piece))
            yield piece

    monkeypatch.setattr(requests.Response, "iter_content", count)
    with pytest.raises(DataError, match="sent more"):
        fetch("toy", progress=False)
    assert sum(received) <= len(CONTENT) + fetch_module.PIECE


def test_a_wrong_mirror_then_a_good_one(course, serve):
    wrong, good = serve(content=CONTENT[::-1]), serve()
    data = course(wrong.url, good.url)
    fetch("toy", progress=False)
    assert (data / "toy.npz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("options", "message"),
    [({"answer": 404}, "answered 404 Not Found"), ({"answer": 503}, "answered 503"), ({"answer": 416}, "answered 416")],
)
def test_a_refusal_is_told(course, serve, options, message):
    course(serve(**options).url)
    with pytest.raises(DataError, match=message):
        fetch("toy", progress=False)


def test_a_wrong_range_is_refused(course, serve):
    data = course(serve(claim="bytes 0-9/307200").url)
    part(data).write_bytes(CONTENT[:1000])
    with pytest.raises(DataError, match="another range"):
        fetch("toy", progress=False)
    assert part(data).read_bytes() == CONTENT[:1000]


def test_offline_is_one_clear_line(course):
    course(nobody(), nobody())
    with pytest.raises(DataError) as raised:
        fetch("toy", progress=False)
    message = str(raised.value)
    assert "\n" not in message and message.count("cannot be reached") == 2
    assert "Check the network and run `coursekit data fetch toy`" in message


def test_no_answer_in_time(course, monkeypatch):
    course("http://127.0.0.1:1")

    def slow(*_, **__):
        raise requests.ReadTimeout("long text")

    monkeypatch.setattr(requests, "get", slow)
    with pytest.raises(DataError, match="no answer in time"):
        fetch("toy", progress=False)


def test_no_mirror_at_all_in_a_checkout_names_git(course, tmp_path, monkeypatch):
    course()
    with pytest.raises(DataError, match="expected a mirror .* got none. Set COURSEKIT_MIRROR") as raised:
        fetch("toy")
    assert "git" not in str(raised.value)
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(registry_module, "checkout", lambda: tmp_path)
    with pytest.raises(DataError, match=r"Run `git .*restore data/toy.npz`, or set COURSEKIT_MIRROR"):
        fetch("toy")


def test_the_environments_mirror_is_tried_first(course, serve, monkeypatch):
    own, other = serve(), serve()
    course(other.url)
    monkeypatch.setenv("COURSEKIT_MIRROR", own.url + "/")
    assert mirrors(registry()["toy"]) == [f"{own.url}/toy.npz", f"{other.url}/toy.npz"]
    fetch("toy", progress=False)
    assert (own.asked, other.asked) == ([None], [])
    monkeypatch.setenv("COURSEKIT_MIRROR", "/media/stick")
    with pytest.raises(SettingError, match="COURSEKIT_MIRROR: .*http://.*got '/media/stick'. .*COURSEKIT_DATA"):
        fetch("toy", force=True)


@pytest.mark.parametrize(("number", "advice"), [(28, "Free some space"), (13, "Make the folder writable")])
def test_a_disk_that_is_full_or_read_only(course, serve, monkeypatch, number, advice):
    data = course(serve().url)

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fetch_module.tempfile, "mkdtemp", refuse)
    with pytest.raises(DataError, match=f"expected to write into .*data, got: {os.strerror(number)}. {advice}"):
        fetch("toy", progress=False)
    assert list(data.iterdir()) == []


def test_an_interrupt_keeps_what_came(course, serve, monkeypatch):
    data = course(serve().url)

    def interrupt(self, *_, **__):
        for number, piece in enumerate(real(self, 50_000)):
            if number == 2:
                raise KeyboardInterrupt
            yield piece

    real = requests.Response.iter_content
    monkeypatch.setattr(requests.Response, "iter_content", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch("toy", progress=False)
    assert part(data).read_bytes() == CONTENT[:100_000]
    assert [path.name for path in data.iterdir()] == [part(data).name]


def test_bundled_and_unknown_names(course):
    course()
    assert fetch("iris") is None
    with pytest.raises(UnknownNameError, match="Did you mean 'toy'"):
        fetch("toi")


def test_overview(course, serve):
    data = course(serve().url)
    (entry,) = overview(["toy"])
    assert (entry.state, entry.bytes, entry.licence) == ("missing", len(CONTENT), "of a toy")
    assert (entry.where, entry.mend) == (str(data / "toy.npz"), "coursekit data fetch toy")
    fetch("toy", progress=False)
    assert [(e.name, e.state, e.mend) for e in overview(["toy"])] == [("toy", "ok", "")]
    assert [e.name for e in overview()] == ["iris", "toy"]
    with pytest.raises(UnknownNameError):
        overview(["toi"])
