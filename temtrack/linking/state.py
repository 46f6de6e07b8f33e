"""The linker's state, and the two things that are done to it everywhere: renaming ids and ending tracks."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.runs import RunLengths
from temtrack.lineage import Merge
from temtrack.linking.contacts import ContactRuns
from temtrack.linking.fates import classify_fate
from temtrack.linking.lineage_builder import FinalTrack, LineageBuilder, LinkedFrame
from temtrack.linking.noise import MovieNoise
from temtrack.linking.records import FrameRecord, Observation, TrackState


@dataclass
class LinkerState:
    """All that the linker knows; only the lineage grows with the movie.

    Parameters
    ----------
    n_frames
        Frames taken so far.
    last_id
        Highest id given so far; ids only grow.
    n_blank
        Blank or low-recall frames in a row up to now.
    is_bridged
        Whether the last frame was bad: where its particles are drawn is a guess.
    last_shown
        The last frame that was not; -1 before the first.
    tracks
        The live tracks by id.
    ended
        Tracks that ended in frames not yet decided, by id: what is settled there may still concern them.
    window
        The frames not yet decided, in order.
    contacts
        Contacts up to the frame decided last.
    lineage_builder
        Origins, fates and merges decided so far.
    decided
        Frames that nobody has fetched yet.
    noise
        What was learned of the movie's motion, areas and misses.
    last_informative
        The last decided frame that proves anything, neither blank nor of low recall; -1 before the first.
    """

    n_frames: int = 0
    last_id: int = 0
    n_blank: int = 0
    is_bridged: bool = False
    last_shown: int = -1
    tracks: dict[int, TrackState] = field(default_factory=dict)
    ended: dict[int, TrackState] = field(default_factory=dict)
    window: list[FrameRecord] = field(default_factory=list)
    contacts: ContactRuns = field(default_factory=ContactRuns)
    lineage_builder: LineageBuilder = field(default_factory=LineageBuilder)
    decided: list[LinkedFrame] = field(default_factory=list)
    noise: MovieNoise = field(default_factory=MovieNoise)
    last_informative: int = -1

    def new_id(self) -> int:
        """Return an id that was never used."""
        self.last_id += 1
        return self.last_id

    def rename(self, new_ids: Mapping[int, int]) -> None:
        """Replace ids in all undecided frames; 0 removes, and companions in a detection take the pixels."""
        for record in self.window:
            successors = {
                i: _successor(record, i, new_ids) if new == 0 else new for i, new in new_ids.items()
            }
            record.rename(successors)
        self.contacts.rename(new_ids)
        for old, new in new_ids.items():
            live, ended = self.tracks.pop(old, None), self.ended.pop(old, None)
            if live is not None and new in self.ended:
                self._revive(new, live)
            elif ended is not None and new in self.ended:
                self.ended[new].last_seen = max(self.ended[new].last_seen, ended.last_seen)

    def _revive(self, ended_id: int, live: TrackState) -> None:
        """Let an ended track go on where a live one, now the same, is."""
        track = self.ended.pop(ended_id)
        self.lineage_builder.withdraw_fate(ended_id)
        self.tracks[ended_id] = track
        for observation in live.observations:
            if not track.observations or observation.frame > track.observations[-1].frame:
                track.see(observation)
        track.last_seen, track.gap_frames = live.last_seen, live.gap_frames
        track.n_seen += live.n_seen
        track.is_told |= live.is_told

    def end(self, tracks: Sequence[TrackState]) -> None:
        """End tracks where they were last seen and take back what was filled in since."""
        if not tracks:
            return
        height, width = self.window[-1].drawn.shape
        for track in tracks:
            self.lineage_builder.add_fate(track.id, classify_fate(track, (height, width), self.noise))
        for record in self.window:
            removed = {track.id: 0 for track in tracks if record.frame > track.last_seen}
            if removed:
                record.rename({i: _successor(record, i, removed) for i in removed})
        for track in tracks:
            self.tracks.pop(track.id, None)
            self.ended[track.id] = track

    def keep_until(self, track_id: int, frame: int) -> None:
        """Draw a track that is seen no more where it was predicted, up to the frame in which it merges."""
        track = self.known()[track_id]
        track.merges_in, track.last_seen = frame, max(track.last_seen, frame - 1)
        for record in self.window:
            if record.frame < frame:
                record.restore(track_id)

    def known(self) -> Mapping[int, TrackState]:
        """Return the tracks in undecided frames, live or ended, by id."""
        return ChainMap(self.tracks, self.ended)

    def forget_ended(self) -> None:
        """Forget the ended tracks that neither an undecided frame shows nor the last one that was decided."""
        first = self.window[0].frame if self.window else self.n_frames
        first = min(first, self.last_informative)
        self.ended = {i: track for i, track in self.ended.items() if track.last_seen >= first}


#: The dataclasses and named tuples that a linker's state is made of, for whoever writes it to a file.
STATE_CLASSES = (
    LabelImage,
    RunLengths,
    LinkerState,
    MovieNoise,
    TrackState,
    Observation,
    FrameRecord,
    ContactRuns,
    LineageBuilder,
    FinalTrack,
    Merge,
    LinkedFrame,
)


def _successor(record: FrameRecord, removed: int, new_ids: Mapping[int, int]) -> int:
    """Return who takes the pixels of a removed id: its companion in a shared detection, or nobody (0)."""
    companions = [i for i in sorted(record.sharing_with(removed)) if new_ids.get(i, i) != 0]
    if not companions:
        return 0
    largest = max(companions, key=lambda i: record.area_px.get(i, 0))
    return new_ids.get(largest, largest)
