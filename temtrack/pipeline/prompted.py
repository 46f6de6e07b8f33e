"""Only some particles of a movie are followed: those at points, in boxes, or in a first mask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError, warn
from temtrack.formats.store.masks import read_labels
from temtrack.imaging.labels import map_ids, overlap_counts
from temtrack.lineage import Lineage
from temtrack.masks import Labels
from temtrack.movie import Movie
from temtrack.review.drawing import Ask, asked_for


@dataclass(frozen=True)
class Followed:
    """Which particles of a movie are followed.

    Parameters
    ----------
    movie
        As it is tracked.
    prompts
        (N, 3) frame, y, x of a point in each, or (N, 5) frame, y0, x0, y1, x1 of a box around each.
    first_mask
        Their outlines in the first frame.

    Raises
    ------
    InputError
        Where a prompt lies in no frame or outside of it, or the mask is empty or of another size.
    """

    movie: Movie
    prompts: NDArray[np.float64] | None = None
    first_mask: Path | None = None

    def __post_init__(self) -> None:
        if self.prompts is not None:
            self._check_prompts(self.prompts)
        if self.first_mask is not None:
            shape, field = self._mask.shape, (self.movie.height, self.movie.width)
            if shape != field:
                told, needed = ("{}x{} px".format(*one) for one in (shape, field))
                raise InputError(f"{self.first_mask}: is of {told}, the movie of {needed}; give a mask of it")
            if not self._mask.any():
                raise InputError(f"{self.first_mask}: holds no particle; outline those to be followed")

    def _check_prompts(self, prompts: NDArray[np.float64]) -> None:
        movie = self.movie
        for frame, *place in prompts.tolist():
            told = f"prompt in frame {frame:g} at {', '.join(f'{one:g}' for one in place)}"
            if frame != int(frame) or not 0 <= frame < movie.n_frames:
                raise InputError(f"{movie.path}: {told}: frames are 0 to {movie.n_frames - 1}")
            yx = np.reshape(place, (-1, 2))
            if ((yx < 0) | (yx > (movie.height, movie.width))).any():
                raise InputError(
                    f"{movie.path}: {told} (y, x) lies outside of frames of {movie.height}x{movie.width} px"
                )

    @cached_property
    def _mask(self) -> Labels:
        assert self.first_mask is not None
        if not self.first_mask.is_file():
            raise InputError(f"{self.first_mask}: is no file; give a mask of the first frame, TIFF or PNG")
        return read_labels(self.first_mask)

    def put_into(
        self,
        segment: Callable[[NDArray[Any]], Labels],
        ask: Ask | None,
        first: int,
        told: MutableMapping[int, NDArray[np.bool_]],
    ) -> Callable[[NDArray[Any]], Labels]:
        """Return ``segment`` of frames from the first on, with what was told of some of them in its place.

        Its pixels (Y, X) are put into ``told`` by frame; prompts that a model does not answer put none there.
        """
        frames = count(first)

        def segment_and_tell(image: NDArray[Any]) -> Labels:
            labels, t = segment(image), next(frames)
            if t == 0 and self.first_mask is not None:
                labels, told[t] = put_in_place(labels, self._mask), self._mask > 0
            if ask is not None and len(prompts := self._prompts_of(t)):
                is_point = prompts.shape[1] == 2
                answer = ask(image, prompts if is_point else None, None if is_point else prompts)
                answer = asked_for(answer, prompts)
                labels = put_in_place(labels, answer)
                told[t] = told.get(t, False) | (answer > 0)
            return labels

        return segment_and_tell

    def _prompts_of(self, t: int) -> NDArray[np.float64]:
        found = np.empty((0, 2)) if self.prompts is None else self.prompts
        return found[found[:, 0] == t, 1:] if len(found) else found

    def chosen(self, read_mask: Callable[[int], Labels]) -> set[int]:
        """Return the ids, in tracked masks, of what was asked for; tell of prompts that found none."""
        ids: set[int] = set()
        if self.first_mask is not None:
            shared = overlap_counts(self._mask, read_mask(0))
            order = np.argsort(shared.n_px, kind="stable")
            ids |= set(dict(zip(shared.a[order].tolist(), shared.b[order].tolist(), strict=True)).values())
        for t in [] if self.prompts is None else sorted(set(self.prompts[:, 0].astype(int).tolist())):
            labels = read_mask(t)
            for prompt in self._prompts_of(t):
                one = _particle_at(labels, prompt)
                ids |= {one} - {0}
                if not one:
                    place = ", ".join(f"{n:g}" for n in prompt)
                    message = f"{self.movie.path}: no particle is found in frame {t} at {place} (y, x)"
                    warn(message)
        return ids


def put_in_place(labels: Labels, told: Labels) -> Labels:
    """Return labels (Y, X) with told particles (Y, X) in place of those that they mostly cover."""
    n_px = np.bincount(labels.ravel())
    covered = np.bincount(labels[told > 0], minlength=len(n_px))
    gone = np.flatnonzero(2 * covered > n_px)
    kept = map_ids(labels, dict.fromkeys(gone.tolist(), 0))
    return np.where(told > 0, told + kept.max(initial=0), kept).astype(np.int32)


def _particle_at(labels: Labels, prompt: NDArray[np.float64]) -> int:
    """Return the id at a point, or that of which most pixels are in a box; 0 where there is none."""
    if len(prompt) == 2:
        y, x = np.minimum(prompt.astype(int), np.array(labels.shape) - 1)
        return int(labels[y, x])
    y0, x0, y1, x1 = np.rint(prompt).astype(int).tolist()
    n_px = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=1)
    n_px[0] = 0
    return int(n_px.argmax()) if n_px.any() else 0


def families_of(lineage: Lineage, ids: Collection[int]) -> set[int]:
    """Return the ids and all that they come from, become and merge with."""
    kin: dict[int, set[int]] = {track.id: set(track.parents) for track in lineage.tracks}
    for merge in lineage.merges:
        kin[merge.child] |= set(merge.parents)
    for child, parents in [(child, set(parents)) for child, parents in kin.items()]:
        for parent in parents:
            kin[parent].add(child)
    found, left = set[int](), list(ids)
    while left:
        one = left.pop()
        if one not in found and one in kin:
            found.add(one)
            left += kin[one]
    return found


def only(lineage: Lineage, ids: Collection[int]) -> Lineage:
    """Return a family tree of these tracks alone, which are whole families."""
    tracks = tuple(track for track in lineage.tracks if track.id in ids)
    return replace(lineage, tracks=tracks, merges=tuple(m for m in lineage.merges if m.child in ids))


def without_others(labels: Labels, ids: Iterable[int]) -> Labels:
    """Return labels (Y, X) of these ids alone."""
    return np.where(np.isin(labels, list(ids)), labels, 0)
