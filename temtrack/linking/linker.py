"""The linker: frame after frame of detections in, frames with final ids out, the lineage at the end.

It decides with a fixed delay. Each new frame is linked at once, keeping apart all that may prove to be
separate: the parents of a merge not yet sure inside their shared detection, the fragments of a particle that
one frame breaks. When a frame's look-ahead is complete, what lasts in it is decided and the ids of all
waiting frames are renamed accordingly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, Regions, count_shared_pixels
from temtrack.imaging.registration import Step
from temtrack.lineage import Lineage
from temtrack.linking.association import Association, Link, associate, leave_out_unlike
from temtrack.linking.config import LinkingConfig
from temtrack.linking.decisions import decide_first_frame
from temtrack.linking.double_exposure import shows_twice
from temtrack.linking.fates import classify_fate
from temtrack.linking.likelihood import Expected
from temtrack.linking.lineage_builder import LinkedFrame
from temtrack.linking.occlusion import reidentify_after_occlusion
from temtrack.linking.records import FrameRecord, Observation, TrackState, count_shared
from temtrack.linking.rendering import Drawing, render_frame
from temtrack.linking.state import LinkerState
from temtrack.linking.told import Told

#: Fewer tracks than this cannot tell a blank frame from particles that vanish.
MIN_TRACKS_FOR_BLANK = 4

#: One that is not yet surely a particle is waited for through so many frames.
MAX_TENTATIVE_GAP = 2

#: More double exposures in a row than this are taken for what they show.
MAX_DOUBLE_FRAMES = 3

#: In a bad frame a detection counts only where its area is within this factor of the propagated mask's.
MAX_AREA_FACTOR_IF_BLANK = 1.5

#: A track that may be elsewhere is in a shared detection where that gains at least this share of its area.
MIN_GAIN = 0.2

#: However many frames are blank, no more look-aheads than this wait undecided.
MAX_WAITING_LOOK_AHEADS = 4


class Linker:
    """Links the detections of a movie into tracks, merges and splits.

    Parameters
    ----------
    config
        Thresholds; their defaults where none are given.
    state
        What an earlier linker knew after its last frame; nothing where ``None``.

    Examples
    --------
    >>> linker = Linker()
    >>> provisional = linker.push(None, LabelImage(np.full((4, 4), 1)))
    >>> lineage = linker.finish()
    >>> [int(frame.labels.max()) for frame in linker.finished()]
    [1]
    """

    def __init__(self, config: LinkingConfig | None = None, state: LinkerState | None = None) -> None:
        self.config = config or LinkingConfig()
        self.state = state or LinkerState()

    def push(
        self,
        propagated: LabelImage | None,
        detections: LabelImage,
        is_blank: bool = False,
        told: Told | None = None,
    ) -> LabelImage:
        """Link the next frame and return its provisional labels.

        Parameters
        ----------
        propagated
            The last provisional labels, propagated into this frame; ``None`` for the first.
        detections
            This frame's segmentation, ids from 1 on without gaps.
        is_blank
            The frame is known to be bad: tracks go on through it; nothing ends, begins or merges.
        told
            What a person said of the frame: what was told is a particle, though no other frame shows it.
        """
        propagated = self._live(propagated or LabelImage(np.zeros(detections.shape, np.int32)))
        found, expected = detections.regions, propagated.regions
        tracks = self._expect(expected)
        is_excused = self.state.n_blank < self.config.max_blank_frames
        seems_blank = is_blank or self._seems_blank(expected, found, tracks.is_large)
        n_known = int(tracks.is_large.sum())
        seems_blank = seems_blank or self._seems_double(propagated, detections, n_known)
        is_blank = self.state.is_bridged = seems_blank and is_excused
        overlaps = count_shared_pixels(propagated.runs, detections.runs)
        links = associate(
            tracks,
            found,
            overlaps,
            float(math.prod(detections.shape)),
            self.state.noise,
            self.config,
            is_blank,
        )
        links = reidentify_after_occlusion(links, self.state.window, self.state.tracks, found)
        links = self._without_occluded(links, found)
        if is_blank:
            links = leave_out_unlike(links, tracks, found, MAX_AREA_FACTOR_IF_BLANK)
        elif self.state.n_frames:
            self._learn(links, tracks, found)
        has_low_recall = self._has_low_recall(links, tracks)
        self.state.n_blank = self.state.n_blank + 1 if seems_blank or has_low_recall else 0
        record, memory = self._record(
            propagated, detections, links, is_blank, has_low_recall and is_excused and not is_blank
        )
        if told is not None:
            record.is_all_told = told.is_all
            for i in told.ids_in(record.drawn) - record.gap_filled:
                self.state.tracks[i].is_told = True
        self.state.window.append(record)
        self.state.n_frames += 1
        self._end_lost_tracks(record)
        self._decide_ready_frames()
        return memory.renamed(record.new_ids) if record.new_ids else memory

    @property
    def unseen(self) -> frozenset[int]:
        """The ids that the last frame shows where they were predicted."""
        return frozenset(self.state.window[-1].gap_filled) if self.state.window else frozenset()

    @property
    def tentative(self) -> frozenset[int]:
        """The ids that may yet be spurious detections."""
        n_frames = self.state.n_frames
        return frozenset(i for i, t in self.state.tracks.items() if not t.is_established(n_frames))

    def _live(self, propagated: LabelImage) -> LabelImage:
        """Leave out the tracks that have ended since the frame from which they were propagated."""
        ended = [i for i in propagated.regions.ids.tolist() if i not in self.state.tracks]
        return propagated.renamed(dict.fromkeys(ended, 0)) if ended else propagated

    def _expect(self, regions: Regions) -> Expected:
        """Return the propagated tracks with the areas that they had when last seen alone."""
        frame = self.state.n_frames
        tracks = [self.state.tracks[i] for i in regions.ids.tolist()]
        before = np.array([track.area_before(frame) for track in tracks])
        was_cut = np.array([track.touches_border for track in tracks], bool)
        return Expected(
            ids=regions.ids,
            at=np.stack([regions.y_px, regions.x_px], axis=1),
            area_px=np.where(before > 0, before, regions.area_px),
            touches_border=regions.touches_border | was_cut,
            is_outside=regions.touches_border & (regions.area_px == 1),
            gap_frames=np.array([track.gap_frames for track in tracks], np.int64),
            is_established=np.array([track.is_established(frame) for track in tracks], bool),
            company=self._company(set(regions.ids.tolist())),
        )

    def _company(self, ids: set[int]) -> dict[int, dict[int, float]]:
        """Return the others with which ids shared a detection when last seen, and how likely they part."""
        company: dict[int, dict[int, float]] = {}
        shown = [record for record in reversed(self.state.window) if record.is_informative]
        for record in shown:
            for a, b in (pair for some in record.under_segmented for pair in permutations(some & ids, 2)):
                company.setdefault(a, {})[b] = self.state.noise.log_parting(count_shared(shown, a, b))
            ids = {i for i in ids if not record.is_seen(i)}
            if not ids:
                break
        return company

    def _learn(self, links: Association, tracks: Expected, found: Regions) -> None:
        """Learn the movie's noise from the links of one to one of tracks seen just before."""
        single = [link for link in links.links if len(link.tracks) == len(link.detections) == 1]
        i = np.searchsorted(tracks.ids, [link.tracks[0] for link in single])
        j = np.searchsorted(found.ids, [link.detections[0] for link in single])
        whole = ~(tracks.touches_border[i] | found.touches_border[j]) & (tracks.gap_frames[i] == 0)
        whole &= tracks.is_large[i]
        i, j = i[whole], j[whole]
        steps = np.stack([found.y_px[j], found.x_px[j]], axis=1) - tracks.at[i]
        ratios = np.log(found.area_px[j] / tracks.area_px[i])
        gone = np.searchsorted(tracks.ids, links.unmatched_tracks)
        is_missed = (tracks.gap_frames[gone] == 0) & tracks.is_large[gone]
        n_missed = int(is_missed.sum())
        born = np.searchsorted(found.ids, links.unmatched_detections)
        n_specks = int(tracks.are_specks(found.radius_px[born]).sum())
        self.state.noise.learn(steps, ratios, n_missed, len(born) - n_specks, n_specks)

    def finished(self) -> Iterator[LinkedFrame]:
        """Yield, once each and in order, the frames whose ids have become final."""
        while self.state.decided:
            yield self.state.decided.pop(0)

    def finish(self) -> Lineage:
        """Decide all remaining frames on what is known, and return the lineage."""
        # A gap that may yet close proves nothing, unless the track was leaving or dissolving.
        # So do those that a person did not see in the last frame.
        in_gap = [track for track in self.state.tracks.values() if track.gap_frames]
        is_told = bool(self.state.window) and self.state.window[-1].is_all_told
        noise = self.state.noise
        self.state.end([t for t in in_gap if is_told or classify_fate(t, self._shape, noise) != "lost"])
        while self.state.window:
            decide_first_frame(self.state, self.config)
        return self.state.lineage_builder.lineage()

    @property
    def _shape(self) -> tuple[int, int]:
        height, width = self.state.window[-1].drawn.shape
        return height, width

    def _seems_blank(self, expected: Regions, found: Regions, known: NDArray[np.bool_]) -> bool:
        """Tell whether far fewer detections, and far less area, were found than of the ``known`` expected."""
        share = self.config.blank_fraction
        few = known.sum() >= MIN_TRACKS_FOR_BLANK and found.ids.size < share * known.sum()
        return bool(few and found.area_px.sum() < share * expected.area_px[known].sum())

    def _seems_double(self, propagated: LabelImage, detections: LabelImage, n_known: int) -> bool:
        """Tell whether the frame shows the expected particles twice, and the ones before it did not."""
        is_new = self.state.n_blank < MAX_DOUBLE_FRAMES
        return is_new and n_known >= MIN_TRACKS_FOR_BLANK and shows_twice(propagated, detections)

    def _has_low_recall(self, links: Association, tracks: Expected) -> bool:
        """Tell whether so many tracks lack a detection that the segmentation must have failed."""
        lately = tracks.ids[tracks.is_large & (tracks.gap_frames == 0)]
        n_linked = lately.size - int(np.isin(lately, links.unmatched_tracks).sum())
        is_known = lately.size >= MIN_TRACKS_FOR_BLANK
        return bool(is_known and n_linked < self.config.min_detection_rate * lately.size)

    def _without_occluded(self, links: Association, found: Regions) -> Association:
        """Leave occluded tracks out of a shared detection: those that bring no area to it.

        Only tracks are asked that may well be elsewhere: those in a gap, and those cut by the border. Of one
        in a gap the gain must be more than outlines are uncertain by.
        """
        kept, unmatched = [], list(links.unmatched_tracks)
        tracks, frame = self.state.tracks, self.state.n_frames
        for link in links.links:
            if len(link.tracks) == 1:
                kept.append(link)
                continue
            asked = [i for i in link.tracks if tracks[i].last_seen < frame - 1 or tracks[i].touches_border]
            asked.sort(key=lambda i: tracks[i].area_before(frame))
            for i in asked[: len(link.tracks) - 1]:
                others = sum(tracks[j].area_before(frame) for j in link.tracks if j != i)
                gain = found.area_px[link.detections[0] - 1] - others
                noise = self.state.noise.area_log() * others if tracks[i].last_seen < frame - 1 else 0.0
                if gain < max(MIN_GAIN * tracks[i].area_before(frame), noise):
                    link = Link(tuple(j for j in link.tracks if j != i), link.detections)
                    unmatched.append(i)
            kept.append(link)
        return Association(tuple(kept), tuple(unmatched), links.unmatched_detections)

    def _record(
        self,
        propagated: LabelImage,
        detections: LabelImage,
        links: Association,
        is_blank: bool,
        is_low_recall: bool,
    ) -> tuple[FrameRecord, LabelImage]:
        """Give the detections their ids, draw the frame and bring the tracks up to date.

        Returns
        -------
        The frame's record, and the labels to be propagated.
        """
        id_of_detection, fragments = self._continue_tracks(links, detections.regions, is_blank)
        born = {} if is_blank else {s: self._begin_track().id for s in links.unmatched_detections}
        under_segmented = [link for link in links.links if len(link.tracks) > 1]
        ids = id_of_detection | born
        ratio = self.config.min_neck_ratio
        unmatched = list(links.unmatched_tracks)
        drawing = render_frame(propagated, detections, ids, under_segmented, unmatched, ratio)
        drawn = drawing.image.regions
        gaps = drawing.image.gaps(self.config.contact_gap_px).tolist()
        guests = set(unmatched)
        step = self._update_tracks(drawing, guests, is_blank)
        if not (is_blank or is_low_recall):
            self._lengthen_gaps()
        record = FrameRecord(
            frame=self.state.n_frames,
            drawn=drawing.image,
            area_px=dict(zip(drawn.ids.tolist(), drawn.area_px.tolist(), strict=True)),
            under_segmented=[] if is_blank else drawing.under_segmented,
            gap_filled=guests,
            contacts={(a, b) for a, b, gap in gaps if gap == 0 and not {a, b} & guests},
            near={(a, b) for a, b, _ in gaps},
            born=list(born.values()),
            fragments=fragments,
            at_border=frozenset(drawn.ids_at_border.tolist()),
            step_px=step,
            is_informative=not is_blank,
            is_low_recall=is_low_recall,
        )
        return record, drawing.memory

    def _continue_tracks(
        self, links: Association, found: Regions, is_blank: bool
    ) -> tuple[dict[int, int], dict[int, int]]:
        """Return the track of each detection that no two tracks share, and the whole of each new fragment.

        The largest of several detections goes on with the track's id; the others get ids of their own,
        until it is sure whether they stay apart.
        """
        id_of_detection = {
            link.detections[0]: link.tracks[0] for link in links.links if len(link.tracks) == 1
        }
        fragments: dict[int, int] = {}
        for link in links.links:
            if len(link.detections) > 1:
                (whole,) = link.tracks
                largest = max(link.detections, key=lambda s: found.area_px[s - 1])
                for detection in link.detections:
                    if detection == largest or is_blank:
                        id_of_detection[detection] = whole
                    else:
                        fragment = self._begin_track().id
                        id_of_detection[detection] = fragment
                        fragments[fragment] = whole
        return id_of_detection, fragments

    def _begin_track(self) -> TrackState:
        track = TrackState(self.state.new_id(), born=self.state.n_frames, last_seen=self.state.n_frames)
        self.state.tracks[track.id] = track
        return track

    def _update_tracks(self, drawing: Drawing, unmatched: set[int], is_blank: bool) -> Step:
        """Bring the tracks that are seen up to date, with an observation of those alone in a good frame.

        Returns
        -------
        Median step (y, x) of those that were alone, too, in the last frame that showed any.
        """
        frame, steps, last_frame = self.state.n_frames, [], self.state.last_shown
        joined, drawn = frozenset[int]().union(*drawing.under_segmented), drawing.image.regions
        rows = zip(
            drawn.ids.tolist(),
            drawn.area_px.tolist(),
            drawn.y_px.tolist(),
            drawn.x_px.tolist(),
            drawn.touches_border.tolist(),
            strict=True,
        )
        for i, area, y, x, touches_border in rows:
            track = self.state.tracks[i]
            if i not in unmatched:
                track.last_seen, track.gap_frames = frame, 0
                track.n_seen += 1
                if i not in joined and not is_blank:
                    if track.observations and track.observations[-1].frame == last_frame:
                        last = track.observations[-1]
                        steps.append((y - last.y_px, x - last.x_px))
                    track.see(Observation(frame, area, y, x, touches_border))

        if not is_blank:
            self.state.last_shown = frame
        if not steps:
            return 0.0, 0.0
        dy, dx = (float(np.median(along)) for along in zip(*steps, strict=True))  # faster than of an array
        return dy, dx

    def _lengthen_gaps(self) -> None:
        for track in self.state.tracks.values():
            if track.last_seen < self.state.n_frames:
                track.gap_frames += 1
                track.n_missed += 1

    def _end_lost_tracks(self, record: FrameRecord) -> None:
        """End the tracks whose gap has grown too long or of which nothing is left to propagate."""
        longest, n_frames = self.config.max_gap_frames, self.state.n_frames
        self.state.end(
            [
                track
                for track in self.state.tracks.values()
                if track.id not in record.area_px
                or track.gap_frames > longest
                or (track.gap_frames > MAX_TENTATIVE_GAP and not track.is_established(n_frames))
            ]
        )

    def _decide_ready_frames(self) -> None:
        n_wanted = self.config.look_ahead_frames
        window = self.state.window
        while window and (
            sum(r.is_informative and not r.is_low_recall for r in window) >= n_wanted
            or len(window) >= MAX_WAITING_LOOK_AHEADS * n_wanted
        ):
            decide_first_frame(self.state, self.config)
