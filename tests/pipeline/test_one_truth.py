"""Masks that `track` wrote tell `analyze` the merges that it found, with the lineage beside them or not."""

from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest
import tifffile
from scenarios import REGIMES, fitting

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie
from temtrack.formats.store.lineage import read_lineage
from temtrack.formats.store.masks import mask_name, read_labels, write_mask
from temtrack.pipeline.analyze import analyze
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.tracking_plan import TrackingPlan, load_tracker, segmented_by_masks
from temtrack.pipeline.tracking_run import track_into

REGIME = replace(REGIMES["noisy"], n_frames=60, n_particles=24, merges=4)
SEED = 1


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A run on noisy masks: particles missed and broken, neighbours joined, areas that jitter."""
    folder = tmp_path_factory.mktemp("one_truth")
    scenario = fitting.scenario(REGIME, SEED)
    noise = np.random.default_rng(0).normal(0, 8, (len(scenario.masks), *scenario.masks[0].shape))
    tifffile.imwrite(
        folder / "film.tif", np.where(np.stack(scenario.masks) > 0, 80, 190) + noise.astype(np.int16)
    )
    (folder / "seen").mkdir()
    for t, labels in enumerate(scenario.observed):
        write_mask(folder / "seen" / mask_name(t), np.asarray(labels))
    movie = read_movie(folder / "film.tif")
    segmentation = segmented_by_masks(folder / "seen", movie)
    plan = TrackingPlan(
        movie, segmentation, load_tracker("overlap"), TrackOptions(tracker="overlap"), "track"
    )
    report = track_into(folder / "out", plan)
    assert len(report.lineage.merges) >= 3
    assert sum(map(len, report.gap_filled.values())) > 50
    return folder / "out"


@pytest.fixture
def run(tracked, tmp_path):
    """A copy of it, to be edited."""
    return copytree(tracked, tmp_path / "run")


def merges_of(folder):
    return [
        (merge["frame"], merge["child_id"], set(merge["parent_ids"]), merge["contact_frame"])
        for merge in analyze(folder).merges.to_pylist()
    ]


@pytest.mark.parametrize(
    "removed", [(), ("lineage.json",), ("lineage.json", "res_track.txt", "run.json")], ids=len
)
def test_analyze_finds_the_merges_that_track_found(run, removed):
    lineage = read_lineage(run / "lineage.json")
    for name in removed:
        (run / name).unlink()
    assert merges_of(run) == [(m.frame, m.child, set(m.parents), m.contact_frame) for m in lineage.merges]


def test_edited_masks_tell_their_own_merges_without_the_lineage(run):
    """A person took one merge for false: the child has the id of its largest parent now."""
    lineage = read_lineage(run / "lineage.json")
    false = lineage.merges[0]
    for path in sorted(run.glob("mask*.tif")):
        labels = read_labels(path)
        write_mask(path, np.where(labels == false.child, false.parents[0], labels))
    (run / "lineage.json").unlink()
    assert [child for _, child, _, _ in merges_of(run)] == [m.child for m in lineage.merges[1:]]


def rename(folder, frame, old, new):
    labels = read_labels(folder / mask_name(frame))
    assert (labels == old).any()
    write_mask(folder / mask_name(frame), np.where(labels == old, new, labels))


@pytest.mark.parametrize(
    ("edit", "difference"),
    [
        (
            lambda run: rename(run, 7, 3, 0),
            "the mask of frame 7 lacks id 3, which there stands in frames 0 to",
        ),
        (lambda run: rename(run, 7, 3, 9999), "the mask of frame 7 holds id 9999, which there is unknown"),
        (lambda run: [rename(run, t, 3, 0) for t in (5, 7)], "the mask of frame 5 lacks id 3"),
        (
            lambda run: (run / mask_name(7)).unlink(),
            "tells of 60 frames, the folder holds 59 masks, mask0007.tif",
        ),
    ],
    ids=["removed", "renamed", "removed twice", "frame deleted"],
)
@pytest.mark.filterwarnings("ignore:.*the names of its masks leave out")
def test_a_lineage_that_does_not_fit_is_refused_with_the_first_difference(run, edit, difference):
    edit(run)
    with pytest.raises(InputError, match=difference) as refusal:
        analyze(run)
    assert str(refusal.value).startswith(f"{run / 'lineage.json'}: does not fit the masks: ")
    assert "remove lineage.json to find merges from the masks alone" in str(refusal.value)
