"""S12: what the process that parses hostile bytes can see, reach and take, and that it never outlives the collector."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collector.formats import Thresholds
from collector.parsing import Parser, Request
from shared.errors import MalformedError

SAMPLES = Path(__file__).parents[1] / "samples"
SMALL = b"<testsuite><testcase name='a'/></testsuite>"

STAND_IN = """
import json, os, struct, sys
{before}
def say(data):
    os.write(1, struct.pack(">I", len(data)) + data)
say(b"ready")
os.read(0, 1 << 16)
{then}
say(json.dumps({{"code": "bad_syntax", "detail": json.dumps(found), "hint": None}}).encode())
os.read(0, 1)
"""
"""A child that answers what it found about itself."""

EVERYTHING = """
found = {}
def tries(name, act):
    try:
        act()
    except BaseException as error:
        found[name] = type(error).__name__
    else:
        found[name] = "done"
def fork():
    if os.fork() == 0:
        os._exit(0)
tries("file", lambda: open("/etc/passwd"))
tries("written", lambda: open("/tmp/carnet-written", "w"))
tries("folder", lambda: os.listdir("/"))
tries("socket", lambda: socket.socket())
tries("pipe", lambda: os.pipe())
tries("copy", lambda: os.dup(0))
tries("module", lambda: __import__("sqlite3"))
tries("memory", lambda: bytearray(300 << 20))
tries("mapped", lambda: mmap.mmap(-1, 1 << 30))
if os.geteuid() != 0:
    tries("process", fork)
found["raised"] = []
for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
    found["raised"].append(resource.getrlimit(limit))
found["privileges"] = ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)
found["dumpable"] = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
"""


def found_by(before: str, then: str) -> dict[str, object]:
    script = STAND_IN.format(before=before, then=then)
    with Parser(time.monotonic, lambda *_, **__: None, command=(sys.executable, "-I", "-c", script)) as parser:
        pending = parser.begin(Request("junit-xml", Thresholds()), lambda: [SMALL], len(SMALL))
        with pytest.raises(MalformedError) as caught:
            parser.end(pending)
    return dict(json.loads(caught.value.detail))


def test_the_child_gets_no_environment_no_open_file_and_no_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARNET_COLLECTOR_SECRET", "swordfish")
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - the call's own way
        found = found_by(
            "fds = sorted(os.listdir('/proc/self/fd'))",
            "found = {'environment': dict(os.environ), 'fds': fds, 'folder': os.getcwd(), 'words': sys.argv}",
        )
    assert set(found["environment"]) <= {"LC_CTYPE"}  # type: ignore[call-overload] # Python's own, of a bare locale
    # The last one is the folder that is being listed.
    assert found["fds"] == ["0", "1", "2", "3"]
    assert found["folder"] == "/"
    assert found["words"] == ["-c", str(256 << 20)]


def test_the_child_can_open_nothing_start_nothing_and_gain_nothing() -> None:
    modules = "import ctypes, mmap, resource, socket\nfrom collector.parsing.confine import confine"
    found = found_by(f"{modules}\nconfine(int(sys.argv[1]))", EVERYTHING)
    privileges, dumpable, raised = found.pop("privileges"), found.pop("dumpable"), found.pop("raised")
    assert (privileges, dumpable) == (1, 0)
    assert raised == [[3, 3], [0, 0], [0, 0], [0, 0]]
    assert found.pop("process", "BlockingIOError") == "BlockingIOError"
    assert found == {
        **dict.fromkeys(("file", "written", "folder", "socket", "pipe", "copy", "mapped"), "OSError"),
        "module": "ModuleNotFoundError",
        "memory": "MemoryError",
    }


READ_ALL = """
import sys, time
from pathlib import Path
from collector.formats import HEAD_BYTES, Thresholds, recognise
from collector.parsing import Parser, Request
from shared.errors import CarnetError
files = [path.read_bytes() for path in sorted(Path(sys.argv[1]).rglob("*")) if path.is_file()]
xxe = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&b;"/></testsuite>'
dtd = b'<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:9/x.dtd"><testsuite><testcase name="a"/></testsuite>'
odd = b"<?xml version='1.0' encoding='x-unheard-of'?><testsuite/>"
with Parser(time.monotonic, lambda *_, **__: None) as parser:
    for data in [*files, xxe, dtd, odd]:
        found = recognise(data[:HEAD_BYTES])
        if found is None:
            continue
        for part in (data, data[:-3], data.replace(b"e", b"\\xff", 2)):
            try:
                parser.end(parser.begin(Request(found.format.key, Thresholds()), lambda: [part], len(part)))
            except CarnetError as error:
                assert error.code.value in ("truncated", "bad_encoding", "bad_syntax", "entity"), error
    assert parser.replaced == 0
    print(parser.pid)
"""


@pytest.mark.timeout(180)
def test_no_file_is_opened_and_no_socket_made_while_files_are_parsed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=%file,%network,%process,dup,dup2,dup3,pipe,pipe2,memfd_create,write"
    words = ["strace", "-ff", "-qq", "-e", calls, "-e", "signal=none", "-s", "16", "-o", str(trace)]
    done = subprocess.run(
        [*words, sys.executable, "-c", READ_ALL, str(SAMPLES)], capture_output=True, text=True, check=False, timeout=170
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made = Path(f"{trace}.{done.stdout.strip()}").read_text(errors="replace").splitlines()
    ready = next(at for at, call in enumerate(made) if call.startswith("write(1,") and "ready" in call)
    assert len(made) > ready + 20, "answers are written after it is ready"
    names = {re.split(r"[( ]", call)[0] for call in made[ready + 1 :]}
    assert names <= {"write", "+++", "---", "exit_group"}


def watched(pid: int) -> select.poll:
    poll = select.poll()
    poll.register(os.pidfd_open(pid), select.POLLIN)
    return poll


PARENT = """
import sys, threading, time
from collector.formats import Thresholds
from collector.parsing import Parser, Request
parser = Parser(time.monotonic, lambda *_, **__: None)
def read(chunks):
    return parser.end(parser.begin(Request("junit-xml", Thresholds()), chunks, 0))
read(lambda: [b"<testsuite><testcase name='a'/></testsuite>"])
def endless():
    yield b"<testsuite>"
    print(parser.pid, flush=True)
    while True:
        yield b"<testcase name='a'/>" * 10_000
if sys.argv[1] == "busy":
    read(endless)
print(parser.pid, flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_the_child_is_gone_within_a_second_when_the_collector_is_killed(state: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, state], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = watched(int(parent.stdout.readline()))
        parent.kill()
        assert child.poll(1_000), "the child is still there"


def test_signals_that_a_terminal_or_a_service_manager_sends_to_all_leave_the_child_alone() -> None:
    request = Request("junit-xml", Thresholds())
    with Parser(time.monotonic, lambda *_, **__: None) as parser:
        assert parser.end(parser.begin(request, lambda: [SMALL], len(SMALL))).passed
        child = parser.pid
        assert child is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(child, number)
        assert parser.end(parser.begin(request, lambda: [SMALL], len(SMALL))).passed
        assert (parser.pid, parser.replaced) == (child, 0)
