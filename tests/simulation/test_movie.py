from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from temtrack.errors import UsageError
from temtrack.lineage import NECK_RATIO
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Optics
from temtrack.simulation.movie import SimulatedMovie, simulate_movie
from temtrack.simulation.shapes import ShapeMix

EVENTFUL = MovieConfig(
    n_particles=26,
    merges={2: 2, 3: 1},
    n_cascades=1,
    n_dissolutions=1,
    n_crossings=1,
    n_touches=1,
    n_nucleations=1,
    n_entering=1,
    n_leaving=1,
)
DRIFTING = MovieConfig(
    n_frames=60,
    height=320,
    width=320,
    n_particles=20,
    merges={2: 1},
    n_crossings=1,
    drift_px_per_frame=(1.0, -0.4),
    shapes=ShapeMix(round=1, faceted=1, rod=1, roughness=0.05),
    jump_frames=(30,),
)


@pytest.fixture(scope="module", params=["eventful", "drifting"])
def movie(request) -> SimulatedMovie:
    return simulate_movie(3, EVENTFUL if request.param == "eventful" else DRIFTING)


@pytest.fixture(scope="module")
def eventful() -> SimulatedMovie:
    return simulate_movie(5, EVENTFUL)


def masks_of(movie: SimulatedMovie) -> list[np.ndarray]:
    return [movie.labels(t) for t in range(len(movie))]


def test_ids_in_the_masks_are_the_tracks_of_the_lineage(movie):
    frames: dict[int, list[int]] = {}
    for t, labels in enumerate(masks_of(movie)):
        for i in np.unique(labels[labels > 0]).tolist():
            frames.setdefault(i, []).append(t)
    assert {i: (seen[0], seen[-1]) for i, seen in frames.items()} == {
        track.id: (track.start, track.end) for track in movie.lineage.tracks
    }
    gaps = [b - a for seen in frames.values() for a, b in pairwise(seen)]
    assert max(gaps, default=1) <= 4


def test_planned_events_happen_and_no_others(eventful):
    lineage = eventful.lineage
    assert Counter(len(merge.parents) for merge in lineage.merges) == {2: 4, 3: 1}
    fates = Counter(track.fate for track in lineage.tracks)
    assert (fates["merged"], fates["dissolved"]) == (11, 1)
    assert fates["left"] >= 1
    origins = Counter(track.origin for track in lineage.tracks)
    assert (origins["merge"], origins["nucleated"], origins["entered"]) == (5, 1, 1)
    assert origins["present"] >= EVENTFUL.n_particles


def test_child_of_a_cascade_merges_again(eventful):
    merges = eventful.lineage.merges
    children = {merge.child for merge in merges}
    assert [merge for merge in merges if children & set(merge.parents)]


def test_only_planned_particles_touch(eventful):
    family = {p: merge.child for merge in eventful.lineage.merges for p in merge.parents}

    def last_of(i: int) -> int:
        return last_of(family[i]) if i in family else i

    met = set()
    for labels in masks_of(eventful):
        grown = ndimage.grey_dilation(labels, size=(3, 3))
        edge = (labels > 0) & (grown != labels)
        met |= {(last_of(int(a)), last_of(int(b))) for a, b in zip(labels[edge], grown[edge], strict=True)}
    assert len({pair for pair in met if pair[0] != pair[1]}) == EVENTFUL.n_crossings + EVENTFUL.n_touches


def neck_reaches(union: np.ndarray, parents: list[np.ndarray], ratio: float) -> bool:
    """Tell whether discs of `ratio` of the smaller radius pass between all parents' middles."""
    room = ndimage.distance_transform_edt(union) - 0.5
    smaller = min(np.sqrt(parent.sum() / np.pi) for parent in parents)
    pieces, _ = ndimage.label(room >= ratio * smaller)
    at_middles = [pieces[tuple(np.rint(np.argwhere(p).mean(axis=0)).astype(int))] for p in parents]
    return len(set(at_middles)) == 1 and at_middles[0] > 0


def test_merge_frames_are_where_necks_in_the_masks_reach_their_ratio(movie):
    pixel = 0.1  # of a radius: what rasterising moves a neck of particles of about 12 px
    for merge in movie.lineage.merges:
        before, now = movie.labels(merge.frame - 1), movie.labels(merge.frame)
        parents = [before == i for i in merge.parents]
        if len(parents) == 2:
            assert not neck_reaches(np.isin(before, merge.parents), parents, NECK_RATIO + pixel)
        assert neck_reaches(now == merge.child, parents, NECK_RATIO - pixel)


def test_contact_lasts_from_its_frame_to_the_merge(movie):
    def n_pieces(t: int, ids: tuple[int, ...]) -> int:
        return ndimage.label(np.isin(movie.labels(t), ids), np.ones((3, 3)))[1]

    for merge in movie.lineage.merges:
        assert all(n_pieces(t, merge.parents) == 1 for t in range(merge.contact_frame, merge.frame))
        assert n_pieces(merge.contact_frame - 1, merge.parents) > 1


def test_volume_is_conserved_in_merges_and_ripening(eventful):
    specimen = eventful.specimen
    nucleating = specimen.paths.radius_px[0] == 0
    groups = set(specimen.paths.group[~nucleating].tolist())
    for group in groups:
        grains = np.flatnonzero(specimen.paths.group == group)
        if any(set(grains.tolist()) & set(merge.grains) for merge in specimen.merges):
            continue  # grains of a merged body overlap; test_merging measures those
        volumes = (specimen.paths.radius_px[:, grains] ** 3).sum(axis=1)
        assert np.allclose(volumes, volumes[0])


def test_same_seed_same_movie_in_any_order():
    config = MovieConfig(n_frames=5, height=96, width=96, n_particles=4)
    one, two = simulate_movie(7, config), simulate_movie(7, config)
    assert np.array_equal(one.frame(3), [two.frame(t) for t in (4, 3)][1])
    assert one.lineage == two.lineage
    assert not np.array_equal(one.frame(3), simulate_movie(8, config).frame(3))


@pytest.mark.parametrize("dark_field", [False, True])
def test_particles_are_dark_in_bright_field_and_bright_in_dark_field(dark_field):
    optics = Optics(dark_field=dark_field)
    movie = simulate_movie(1, MovieConfig(n_frames=1, height=128, width=128, n_particles=5, optics=optics))
    inside, outside = (
        movie.frame(0)[movie.labels(0) > 0].mean(),
        movie.frame(0)[movie.labels(0) == 0].mean(),
    )
    assert inside > 1.3 * outside if dark_field else inside < 0.8 * outside


def test_faulty_frames_are_blank_or_blurred():
    config = MovieConfig(
        n_frames=4, height=128, width=128, n_particles=6, blank_frames=(1,), blurred_frames=(2,)
    )
    movie = simulate_movie(1, config)
    sharpness = [
        float(np.hypot(*np.gradient(ndimage.gaussian_filter(movie.frame(t) * 1.0, 2))).max())
        for t in range(4)
    ]
    assert sharpness[2] < 0.6 * sharpness[0]
    assert movie.frame(1).mean() < 0.2 * movie.frame(0).mean()
    assert np.any(movie.labels(1))


def test_movie_of_the_contract_reads_the_same_frames():
    movie = simulate_movie(1, MovieConfig(n_frames=2, height=64, width=80, n_particles=2, radius_px=5))
    read = movie.to_movie()
    assert (read.n_frames, read.height, read.width, read.dtype) == (2, 64, 80, np.uint8)
    assert np.array_equal(read.read_frame(1), movie.frame(1))


def test_too_crowded_field_is_refused():
    with pytest.raises(UsageError, match="too crowded"):
        simulate_movie(0, MovieConfig(height=128, width=128, n_particles=60))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_particles": 2, "merges": {2: 2}}, "n_particles = 2"),
        ({"merges": {1: 1}}, "merges"),
        ({"n_frames": 10, "n_crossings": 1}, "n_frames = 10"),
        ({"radius_px": 0.5}, "radius_px = 0.5"),
    ],
)
def test_impossible_config_is_refused(wrong, named):
    with pytest.raises(UsageError, match=named):
        MovieConfig(**wrong)
