"""Read an iterator ahead in a background thread."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

SECONDS_BETWEEN_CHECKS = 0.1  # of whether the reader has gone


def read_ahead(items: Iterable, depth: int = 2) -> Iterator[Any]:
    """Yield `items`, which a thread produces while the caller works with earlier ones.

    The thread starts with the first item asked for. It ends with the items, or soon after the
    returned iterator is closed or collected. An error in `items` is raised where its item would be.

    Args:
        items: iterable, read in the thread.
        depth: int, at least 1, number of items that may wait.

    Example:
        for batch in read_ahead(encode(rows) for rows in batches):
            train(batch)
    """
    waiting: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def put(kind, item):
        while not stopped.is_set():
            try:
                waiting.put((kind, item), timeout=SECONDS_BETWEEN_CHECKS)
                return
            except queue.Full:
                continue

    def produce():
        try:
            for item in items:
                put("item", item)
                if stopped.is_set():
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=produce, name="kerasdnn-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, item = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
    finally:
        stopped.set()
