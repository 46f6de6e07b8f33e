import threading

import numpy as np
import pytest

from temtrack.errors import OutputError
from temtrack.pipeline.writing import MAX_WAITING, written_beside

LABELS = np.ones((2, 3), np.int32)


def test_masks_are_written_in_order_and_all_of_them_at_the_end():
    written = []
    with written_beside(lambda frame, labels: written.append((frame, labels.sum()))) as write:
        for t in range(3 * MAX_WAITING):
            write(t, t * LABELS)
    assert written == [(t, 6 * t) for t in range(3 * MAX_WAITING)]


def test_the_work_waits_where_writing_is_slower():
    may_write, begun = threading.Event(), []

    def slowly(frame, labels):
        begun.append(frame)
        may_write.wait()

    with written_beside(slowly) as write:
        for t in range(MAX_WAITING):
            write(t, LABELS)
        one_more = threading.Thread(target=write, args=(MAX_WAITING, LABELS))
        one_more.start()
        one_more.join(0.05)
        assert one_more.is_alive()
        assert set(begun) <= {0}
        may_write.set()
        one_more.join()
    assert begun == list(range(MAX_WAITING + 1))


def fail_at_2(frame, labels):
    if frame == 2:
        raise OutputError("mask0002.tif: No space left on device")


def write_three(write_one, then):
    with written_beside(write_one) as write:
        for t in range(3):
            write(t, LABELS)
        then(write)


def test_what_goes_wrong_is_raised_where_masks_are_waited_for():
    def wait_and_go_on(write):
        write.wait()
        pytest.fail("goes on")

    with pytest.raises(OutputError, match="No space left"):
        write_three(fail_at_2, wait_and_go_on)


def test_what_goes_wrong_last_is_raised_at_the_end():
    with pytest.raises(OutputError, match="No space left"):
        write_three(fail_at_2, lambda write: None)


def test_after_an_interrupt_nothing_more_is_written():
    may_write, written = threading.Event(), []

    def write_one(frame, labels):
        may_write.wait()
        written.append(frame)

    def interrupt(write):
        threading.Timer(0.05, may_write.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_three(write_one, interrupt)
    assert set(written) <= {0}
