"""What takes longer than a page may wait, measured once in the background and kept."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from queue import SimpleQueue
from typing import Any, TypeAlias

from rnnviz._process import compute_slot
from rnnviz.jobs.queue import EXPECTED, sentence

KEPT = 200  # results, some kilobytes each
Make: TypeAlias = Callable[[Callable[[float], None]], Any]  # computes, and tells the share done


class Measurement:
    """One value that is computed in the background: `share` of it done, from 0 to 1, then `value`,
    or `message`, one sentence about a failure."""

    def __init__(self) -> None:
        self.share = 0.0
        self.value: Any = None
        self.message = ""
        self.began: float | None = None

    @property
    def done(self) -> bool:
        return self.value is not None or bool(self.message)

    @property
    def seconds(self) -> float | None:
        """How long all of it takes, by the share that is done; None before there is one."""
        if self.began is None or not self.share:
            return None
        return (time.monotonic() - self.began) / self.share

    def run(self, make: Make, ending: threading.Event) -> None:
        """Compute `make(on_progress)`; while the process is ending it is given up."""

        def on_progress(share: float) -> None:
            self.share = share
            if ending.is_set():
                raise RuntimeError("the app is ending")

        self.began = time.monotonic()
        try:
            with compute_slot():
                self.value = make(on_progress)
        except EXPECTED as error:
            self.message = sentence(error)
        except Exception:
            logging.getLogger(__name__).exception("a measurement in the background")
            self.message = "The measurement ended by an error of the app; its log says which."


class Measurements:
    """The measurements of a server by key, one at a time; the last KEPT are remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: SimpleQueue[tuple[Measurement, Make]] = SimpleQueue()
        self._known: OrderedDict[Hashable, Measurement] = OrderedDict()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="measurements", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def of(self, key: Hashable, make: Make) -> Measurement:
        """The measurement of a key; where there is none, it is begun: `make(on_progress)` computes
        it and tells the share that is done."""
        with self._lock:
            if key not in self._known:
                self._known[key] = Measurement()
                self._queue.put((self._known[key], make))
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return self._known[key]

    def _work(self) -> None:
        while not self._ending.is_set():
            measurement, make = self._queue.get()
            measurement.run(make, self._ending)

    def _end(self) -> None:
        """Torch aborts a process that ends while a thread computes: wait for its next progress."""
        self._ending.set()
        self._queue.put((Measurement(), lambda tell: tell(0.0)))  # wakes it where it waits
        self._thread.join(10)
