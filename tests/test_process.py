"""Memory is given back while many are served, and kept at hand while a model trains."""

import gc
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from rnnviz import _process

TRUE_THREAD = threading.Thread


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """What glibc was asked for by the test, not by the thread of an app that another test ran."""
    calls: list[tuple] = []
    test = threading.get_ident()

    def ask(what, value) -> None:
        if threading.get_ident() == test:
            calls.append((what, value))

    libc = SimpleNamespace(mallopt=ask, malloc_trim=lambda pad: ask("trim", pad))
    monkeypatch.setattr(_process.ctypes, "CDLL", lambda name: libc)
    return calls


@pytest.fixture(autouse=True)
def started(monkeypatch) -> list[str]:
    """Names of the threads that were to be started; none of them is."""
    names: list[str] = []

    def thread(target, name, daemon) -> SimpleNamespace:
        assert daemon
        return SimpleNamespace(start=lambda: names.append(name))

    monkeypatch.setattr(_process.threading, "Thread", thread)
    return names


def test_blocks_are_kept_for_a_training_and_given_back_after_it_even_if_it_fails(asked):
    def training() -> None:
        with _process.blocks_kept():
            kept.update(asked)
            raise KeyError

    kept: dict = {}
    with pytest.raises(KeyError):
        training()
    after = dict(asked)
    assert kept[_process.M_TRIM_THRESHOLD] > 16 * after[_process.M_TRIM_THRESHOLD]
    assert kept[_process.M_MMAP_MAX] == 0 < after[_process.M_MMAP_MAX]
    assert asked[-1] == ("trim", 0)


def test_the_app_sets_itself_up_once_though_its_script_runs_often(asked, started):
    _process.serve_many.cache_clear()
    _process.serve_many()
    count = len(asked)
    _process.serve_many()
    assert count == len(asked) == 3
    assert started == ["tidy"]


def test_free_memory_goes_back_again_and_again_and_imports_are_frozen_once(asked, monkeypatch):
    rounds: list[int] = []
    test, true_sleep = threading.get_ident(), time.sleep

    def sleep(seconds: float) -> None:
        if threading.get_ident() != test:
            return true_sleep(seconds)
        assert seconds > 0
        rounds.append(gc.get_freeze_count())
        if len(rounds) == 3:
            raise KeyError  # there is no other end

    monkeypatch.setattr(_process.time, "sleep", sleep)
    try:
        with pytest.raises(KeyError):
            _process._tidy()
    finally:
        gc.unfreeze()
    assert asked == [("trim", 0)] * 2
    assert rounds[0] < rounds[1]
    assert rounds[2] <= rounds[1]  # what is freed is counted no more


def test_where_there_is_no_glibc_nothing_is_set(monkeypatch):
    def missing(name):
        raise OSError

    monkeypatch.setattr(_process.ctypes, "CDLL", missing)
    _process.serve_many.cache_clear()
    _process.serve_many()
    with _process.blocks_kept():
        pass


def test_pages_compute_on_one_core_each_and_a_training_on_all_but_one(monkeypatch):
    monkeypatch.setattr(_process, "cores", lambda: 4)  # with two, both would be one
    before, seen = torch.get_num_threads(), {}

    def page() -> None:
        with _process.compute_slot():
            seen["page"] = torch.get_num_threads()

    def training() -> None:
        with _process.one_core_left():
            run(page)
            seen["training"] = torch.get_num_threads()

    def run(work) -> None:
        thread = TRUE_THREAD(target=work)
        thread.start()
        thread.join()

    try:
        run(training)
        assert seen == {"page": 1, "training": 3}
        assert torch.get_num_threads() == before  # of this thread
    finally:
        torch.set_num_threads(before)


def in_new_thread(work):
    """What a function gives in a thread that begins now."""
    found = []
    thread = TRUE_THREAD(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def two_threads(monkeypatch):
    """torch computes on 2 threads; threads are started again."""
    monkeypatch.setattr(_process.threading, "Thread", TRUE_THREAD)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("first_out", ["first in", "last in"])
def test_the_count_of_threads_is_given_back_whatever_overlaps(two_threads, first_out):
    entered, left = threading.Event(), threading.Event()

    def inside() -> int:
        with _process.threads(1):
            entered.set()
            assert left.wait(10)
        return torch.get_num_threads()

    def beside() -> int:
        with _process.threads(1):
            if first_out == "first in":
                left.set()
                thread.join()
        return torch.get_num_threads()

    found = []
    thread = TRUE_THREAD(target=lambda: found.append(inside()))
    thread.start()
    assert entered.wait(10)
    found.append(in_new_thread(beside))
    left.set()
    thread.join()
    assert found == [2, 2]
    assert torch.get_num_threads() == in_new_thread(torch.get_num_threads) == 2


def test_many_threads_at_once_give_the_count_back(two_threads):
    def work() -> None:
        for _ in range(50):
            with _process.threads(1), _process.threads(3):
                pass
            after.append(torch.get_num_threads())

    after: list[int] = []
    workers = [TRUE_THREAD(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(after) == {2}
    assert torch.get_num_threads() == in_new_thread(torch.get_num_threads) == 2


def test_a_thread_with_a_count_of_its_own_goes_back_to_that(two_threads):
    entered, left = threading.Event(), threading.Event()

    def inside() -> None:
        with _process.threads(1):
            entered.set()
            assert left.wait(10)

    thread = TRUE_THREAD(target=inside)
    thread.start()
    assert entered.wait(10)
    torch.set_num_threads(3)
    with _process.threads(1):
        with _process.threads(2):
            pass
        assert torch.get_num_threads() == 1
        left.set()
        thread.join()
    assert torch.get_num_threads() == 3
    assert in_new_thread(torch.get_num_threads) == 2


def test_no_more_pages_compute_at_once_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(_process, "_slots", threading.Semaphore(2))
    now, most, lock = [], [], threading.Lock()

    def page() -> None:
        with _process.compute_slot():
            with lock:
                now.append(1)
                most.append(len(now))
            time.sleep(0.02)
            with lock:
                now.pop()

    threads = [TRUE_THREAD(target=page) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2
    assert len(most) == 8
