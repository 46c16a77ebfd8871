"""A function in the sandbox gives its result or a `MediaError`, whatever happens to the process it runs in."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.media import errors, sandbox
from jobs.media.probe import Limits, probe
from tests import clips

ROOT = Path(__file__).resolve().parents[3]


def add(first: int, second: int) -> int:
    return first + second


def refuse(sentence: str) -> None:
    raise errors.TooLong(sentence)


def fail() -> None:
    raise KeyError("a mistake of ours")


def crash() -> None:
    ctypes.string_at(0)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    time.sleep(600)


def hang_in_a_loop() -> None:
    while True:
        pass


def hang_with_a_child(note: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        note.write_text(str(child.pid))


def note_and_hang(note: Path) -> None:
    note.write_text(str(os.getpid()))
    time.sleep(600)


def take(size: int) -> int:
    return len(bytearray(size))


def fill_the_disk() -> None:
    with Path("/dev/full").open("w") as full:
        full.write("x")


def chatter() -> str:
    print("to standard output")
    os.write(1, b"and past Python")
    return "done"


def surroundings() -> tuple[list[str], list[str]]:
    return list(os.environ), list(sys.modules)


def _runs(pid: int) -> bool:
    try:
        return f"{pid} (" in Path(f"/proc/{pid}/stat").read_text() and not _is_zombie(pid)
    except FileNotFoundError:
        return False


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _eventually(condition: object, seconds: float = 10.0) -> bool:
    assert callable(condition)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_result_comes_back() -> None:
    assert sandbox.run(add, 2, 3, timeout_seconds=30) == 5


def test_a_real_probe_comes_back(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, clips.plain(64, 48), seconds=0.5)
    assert sandbox.run(probe, clip, Limits(), timeout_seconds=30) == probe(clip, Limits())


def test_a_refusal_comes_back_as_it_was_raised() -> None:
    with pytest.raises(errors.TooLong, match=r"^Too long for us\.$"):
        sandbox.run(refuse, "Too long for us.", timeout_seconds=30)


@pytest.mark.parametrize("end", [crash, kill_itself])
def test_a_crash_is_a_sentence(end: object) -> None:
    with pytest.raises(errors.MediaCrash, match="makes the decoder crash"):
        sandbox.run(end, timeout_seconds=30)  # type: ignore[arg-type]


def test_a_mistake_of_ours_is_a_sentence_and_its_traceback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(errors.MediaCrash, match="could not be worked on"):
        sandbox.run(fail, timeout_seconds=30)
    assert "KeyError: 'a mistake of ours'" in caplog.text


@pytest.mark.parametrize("endless", [hang, hang_in_a_loop])
def test_a_hang_ends_with_its_time(endless: object) -> None:
    begun = time.monotonic()
    with pytest.raises(errors.MediaTimeout, match=r"took more than 0\.5 s and was stopped"):
        sandbox.run(endless, timeout_seconds=0.5)  # type: ignore[arg-type]
    assert time.monotonic() - begun < 30


def test_what_a_hanging_child_started_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(errors.MediaTimeout):
        sandbox.run(hang_with_a_child, note, timeout_seconds=5)
    assert _eventually(lambda: not _runs(int(note.read_text())))


def test_too_much_memory_is_a_sentence() -> None:
    with pytest.raises(errors.TooLarge, match="more memory than one job may have"):
        sandbox.run(take, 2 * 1024**3, timeout_seconds=30, memory_bytes=1024**3)
    assert sandbox.run(take, 1024**2, timeout_seconds=30, memory_bytes=1024**3) == 1024**2


def test_a_full_disk_is_a_sentence() -> None:
    with pytest.raises(errors.NoSpace, match="no room left on the disk"):
        sandbox.run(fill_the_disk, timeout_seconds=30)


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "from pathlib import Path\nfrom jobs.media import sandbox\nfrom tests.jobs.media import test_sandbox as t\n"
        f"sandbox.run(t.note_and_hang, Path({str(note)!r}), timeout_seconds=600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as parent:
        assert _eventually(lambda: note.exists() and note.read_text(), 60)
        child = int(note.read_text())
        assert _runs(child)
        parent.kill()
    assert _eventually(lambda: not _runs(child))


def test_what_the_child_prints_does_not_harm_its_answer() -> None:
    assert sandbox.run(chatter, timeout_seconds=30) == "done"


def test_the_child_gets_no_secrets_and_no_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for everyone")
    script = "from jobs.media import operations, sandbox; import sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "jobs.media.operations" in modules.stdout.split()
    assert "django" not in modules.stdout.split()
    environment, _ = sandbox.run(surroundings, timeout_seconds=30)
    assert "SECRET_KEY" not in environment
