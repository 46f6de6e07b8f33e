import pytest

from temtrack.cli.batch import Batch
from temtrack.errors import InputError, PartialFailureError, TemtrackError


def halve(number):
    if number % 2:
        raise InputError(f"{number}: is odd")
    return number // 2


def test_the_rest_is_done_and_failures_are_told(capsys):
    batch = Batch()
    assert list(batch.each([2, 3, 8], halve)) == [1, 4]
    with pytest.raises(PartialFailureError, match="1 of 3 inputs failed"):
        batch.finish(n_done=2)
    assert "3: is odd" in capsys.readouterr().err


def test_a_single_failure_is_raised_itself():
    batch = Batch()
    assert not list(batch.each([3], halve))
    with pytest.raises(InputError, match="3: is odd"):
        batch.finish(n_done=0)


def test_all_failed_is_no_partial_success():
    batch = Batch()
    assert not list(batch.each([3, 5], halve))
    with pytest.raises(TemtrackError, match="2 of 2") as caught:
        batch.finish(n_done=0)
    assert caught.value.exit_code == 1


def test_bugs_are_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        list(Batch().each([0], lambda n: 1 // n))
