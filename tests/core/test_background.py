"""A thread reads ahead, ends with its reader, and passes errors on."""

import threading
import time

import pytest

from kerasdnn.core.background import read_ahead


def test_an_error_is_raised_where_its_item_would_be():
    def items():
        yield 1
        yield 2
        raise KeyError("three")

    reader = read_ahead(items())
    assert [next(reader), next(reader)] == [1, 2]
    with pytest.raises(KeyError, match="three"):
        next(reader)


def test_the_thread_ends_with_its_reader():
    def endless():
        while True:
            yield 0

    before = threading.active_count()
    reader = read_ahead(endless())
    next(reader)
    assert threading.active_count() == before + 1
    reader.close()
    for _ in range(100):
        if threading.active_count() == before:
            break
        time.sleep(0.05)
    assert threading.active_count() == before
