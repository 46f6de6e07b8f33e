import json
from dataclasses import replace

import numpy as np
import pytest
from ctc_metrics.scripts.validate import validate_sequence

from temtrack.errors import InputError
from temtrack.formats.store.lineage import read_lineage, write_ctc_table, write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.lineage import Lineage, Merge, Track

LINEAGE = Lineage(
    n_frames=9,
    tracks=(
        Track(1, 0, 3, "present", "merged"),
        Track(2, 1, 3, "entered", "merged"),
        Track(3, 4, 8, "merge", "present", parents=(2, 1)),
    ),
    merges=(Merge(frame=4, child=3, parents=(2, 1), contact_frame=2, y_px=10.5, x_px=3.25),),
)


@pytest.mark.parametrize("contact", [2, None])
def test_json_goes_round(tmp_path, contact):
    lineage = replace(LINEAGE, merges=(replace(LINEAGE.merges[0], contact_frame=contact),))
    write_lineage(tmp_path / "lineage.json", lineage)
    assert read_lineage(tmp_path / "lineage.json") == lineage


def test_ctc_table_names_the_first_parent(tmp_path):
    write_ctc_table(tmp_path / "res_track.txt", LINEAGE)
    assert (tmp_path / "res_track.txt").read_text() == "1 0 3 0\n2 1 3 0\n3 4 8 2\n"


def test_ctc_table_does_not_name_a_parent_that_lives_on(tmp_path):
    shed = Track(1, 0, 3, "present", "present"), Track(2, 2, 3, "split", "present", parents=(1,))
    write_ctc_table(tmp_path / "res_track.txt", Lineage(4, shed, ()))
    for t in range(4):
        write_mask(tmp_path / mask_name(t), np.array([[1, 0, 2 if t >= 2 else 0]]))
    assert (tmp_path / "res_track.txt").read_text() == "1 0 3 0\n2 2 3 0\n"
    assert validate_sequence(str(tmp_path), threads=1) == {"Valid": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.update(version=2), "version 1"),
        (lambda d: d.pop("merges"), "'merges' is missing"),
        (lambda d: d["tracks"][0].update(fate="eaten"), "fate 'eaten'"),
        (lambda d: d["tracks"][0].update(start="soon"), "invalid literal"),
        (lambda d: d["tracks"][1].update(id=1), "unique"),
        (lambda d: d["merges"][0].update(parents=[2, 77]), r"does not hold: \[77\]"),
        (lambda d: d["tracks"][2].update(end=9), "within frames 0 to 8"),
    ],
)
def test_damaged_json_is_refused(tmp_path, change, reason):
    path = tmp_path / "lineage.json"
    write_lineage(path, LINEAGE)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=reason):
        read_lineage(path)


@pytest.mark.parametrize("content", [None, "no json", "[1, 2]"])
def test_what_is_no_lineage_is_refused(tmp_path, content):
    path = tmp_path / "lineage.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"lineage\.json"):
        read_lineage(path)
