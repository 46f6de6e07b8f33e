"""Damaged files of every kind: each is read or refused in one line, in little time and memory."""

import pytest
from damage.corpus import READERS, write_corpus
from damage.fuzzing import damaged_files, try_files
from needs import need_module

N_FILES = 300


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    need_module("h5py")
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def test_no_damaged_file_ends_in_a_crash_a_hang_or_a_traceback(samples):
    outcomes = list(try_files(samples, range(N_FILES)))
    assert [outcome for outcome in outcomes if outcome.is_fault] == []
    assert {outcome.sample for outcome in outcomes} == {sample.name for sample in samples}
    assert sum(outcome.verdict == "refused" for outcome in outcomes) > N_FILES / 2


def test_every_reader_has_a_sample_and_damage_is_repeated_by_its_seed(samples):
    assert {sample.reader for sample in samples} == set(READERS)
    assert damaged_files(samples[0], 7) == damaged_files(samples[0], 7) != samples[0].files
