"""The process that unpacks masks: its limits, its death, and what the server makes of that."""

from __future__ import annotations

import fcntl
import gzip
import re
import resource
import signal
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from corelab.review.incidents import ToldError
from corelab.review.mask_parser import MaskParser
from corelab.review.screen_grid import ScreenGrid, screen_grid_of
from corelab.volume import Volume
from tests.browser.served import PATIENCE_S, wait_until
from tests.review.test_mask_check import GRID, LABELS, file
from tests.review.test_reads import form, labels_of
from tests.review.test_real_room import FIRST, serving

MARKED = LABELS.copy()
MARKED[1, 2, 3] = 1


def child_of(pid: int | None = None) -> psutil.Process:
    """The process that a server, or this one, unpacks masks with: the newest."""
    children = [
        child
        for child in psutil.Process(pid).children()
        if "corelab.review.mask_child" in child.cmdline()
    ]
    return max(children, key=psutil.Process.create_time)


def stop(child: psutil.Process) -> None:
    """Let a process do nothing more: one that is about to be stopped may still take a mask."""
    child.suspend()
    wait_until(lambda: child.status() == psutil.STATUS_STOPPED)


def wait_asked(child: psutil.Process) -> None:
    """Wait until a mask lies before a process that does not take it."""
    with Path(f"/proc/{child.pid}/fd/0").open("rb", buffering=0) as pipe:
        wait_until(lambda: any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))))


def grid_of(shape: tuple[int, int, int]) -> ScreenGrid:
    return screen_grid_of(Volume(data=np.broadcast_to(np.uint8(0), shape), affine=np.eye(4)))


def assert_goes_on(parser: MaskParser) -> None:
    assert parser.labels(file(MARKED), GRID)[1, 2, 3] == 1


def test_a_mask_that_takes_too_much_memory_ends_its_process_and_no_other() -> None:
    parser = MaskParser(copies=0)
    shape = (400, 400, 400)
    large = gzip.compress(file(np.zeros(shape, np.uint8), (1.0, 1.0, 1.0)), compresslevel=1)
    with pytest.raises(ToldError, match="could not be checked, and nothing was changed"):
        parser.labels(large, grid_of(shape))
    assert_goes_on(parser)
    assert MaskParser().labels(large, grid_of(shape)).shape == shape, "the true limit holds it"


def test_a_mask_that_takes_too_long_ends_its_process_and_no_other() -> None:
    # A start counts, and takes seconds on a busy machine.
    parser = MaskParser(longest_s=10.0)
    parser.warm_up()
    stopped = child_of()
    stop(stopped)
    with pytest.raises(ToldError):
        parser.labels(file(MARKED), GRID)
    assert not stopped.is_running()
    assert_goes_on(parser)


def test_a_process_that_died_between_two_masks_costs_nothing() -> None:
    parser = MaskParser()
    assert_goes_on(parser)
    before = child_of()
    before.kill()
    before.wait()
    assert_goes_on(parser)


def test_the_process_can_open_and_write_no_file() -> None:
    parser = MaskParser()
    assert_goes_on(parser)
    child = child_of()
    for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        assert child.rlimit(kind)[0] == 0
    assert child.rlimit(resource.RLIMIT_AS)[0] < 1 << 31


def test_a_large_mask_comes_back_label_by_label() -> None:
    labels = np.random.default_rng(3).integers(0, 3, (128, 96, 40), dtype=np.uint8)
    image = Volume(data=labels, affine=np.diag([-1.0, 1.0, 2.0, 1.0]))
    found = MaskParser().labels(file(labels, (1.0, 1.0, 2.0)), screen_grid_of(image))
    np.testing.assert_array_equal(found, labels)


def test_a_save_whose_process_dies_is_refused_with_a_number_and_the_server_goes_on(
    out: Path,
) -> None:
    with serving(out) as server, ThreadPoolExecutor(1) as pool:
        server.sign_in("ada")
        server.client.get(FIRST)
        assert server.save(FIRST, 4, 0).json()["edition"] == 1
        child = child_of(server.process.pid)
        stop(child)
        saving = pool.submit(server.save, FIRST, 9, 1)
        wait_asked(child)
        child.send_signal(signal.SIGKILL)
        refused = saving.result()
        assert (refused.status_code, refused.json()["error"]) == (500, "incident")
        words = refused.json()["message"]
        number = re.fullmatch(r"The mask .* nothing was changed\. Incident ([0-9a-f]{8})", words)
        assert number
        assert f"incident {number[1]}: ToldError at" in server.log.read_text()
        assert labels_of(server.client.get(f"{FIRST}/mask").content).sum() == 4
        assert server.save(FIRST, 9, 1).json()["edition"] == 2
        assert server.client.post(f"{FIRST}/sign", json=form(2)).status_code == 200


def test_the_process_ends_with_its_server_however_that_ends(out: Path) -> None:
    with serving(out) as server:
        server.sign_in("ada")
        server.client.get(FIRST)
        child = child_of(server.process.pid)
        server.process.send_signal(signal.SIGKILL)
        child.wait(timeout=PATIENCE_S)


def test_the_process_takes_no_module_from_the_folder_that_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert_goes_on(MaskParser())
