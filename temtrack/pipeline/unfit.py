"""What is given as a movie and shows no particles: masks, which are a result, and spectra."""

from __future__ import annotations

import numpy as np

from temtrack.errors import InputError, warn
from temtrack.formats.readers.images import SUFFIXES, read_size
from temtrack.movie import Movie

#: In a mask hardly any pixel of a particle has another value beside it, where no particle touches another.
MAX_DIFFERENT = 0.05


def refuse_unfit(movie: Movie) -> None:
    """Refuse what is surely no movie or image; tell of what looks like masks.

    Raises
    ------
    InputError
        Where it is a spectrum, or masks that temtrack wrote.
    """
    if reason := why_unfit(movie):
        raise InputError(f"{movie.path}: {reason}")
    if looks_like_masks(movie):
        warn(
            f"{movie.path}: looks like masks, for its first frame is 0 between patches of one value each; "
            "if it is, give the movie itself"
        )


def why_unfit(movie: Movie) -> str | None:
    """Return why a movie or an image is surely none, ``None`` where it may be one."""
    size = (movie.height, movie.width)
    if min(size) == 1 < max(size):
        return (
            f"is {movie.height} x {movie.width} px, as a spectrum or a line profile; give an image or a movie"
        )
    if movie.origins[0].name.lower().startswith("mask") or movie.path.suffix.lower() == ".zarr":
        return _why_of_a_run(movie)
    return None


def _why_of_a_run(movie: Movie) -> str | None:
    from temtrack.formats.store.masks import is_own_mask  # here: `temtrack info` starts without them
    from temtrack.formats.store.run import RUN_NAME

    is_zarr = movie.path.suffix.lower() == ".zarr"
    folder = movie.path if movie.path.is_dir() else movie.path.parent
    if (is_zarr or all(map(is_own_mask, movie.origins))) and (folder / RUN_NAME).is_file():
        return "these are the masks of a run, not a movie; give the movie that they were made from"
    return None


def tell_other_sizes(movie: Movie) -> str | None:
    """Return which image files of a movie are not of the first one's size, by their heads; ``None`` if none.

    Raises
    ------
    InputError
        Where one is damaged.
    """
    if not all(path.suffix.lower() in SUFFIXES for path in movie.files):
        return None
    sizes = [read_size(path) for path in movie.files]
    other = [t for t, size in enumerate(sizes) if size != sizes[0]]
    if not other:
        return None
    (y, x), (height, width), name = sizes[0], sizes[other[0]], movie.files[other[0]].name
    return (
        f"{len(other)} of {len(sizes)} images are not {y} x {x} px as the first: {name} is {height} x {width}"
        "; a movie needs one size, `temtrack segment` takes each image by itself"
    )


def looks_like_masks(movie: Movie) -> bool:
    """Tell whether the first frame holds ids: several whole numbers, each in patches, 0 between them."""
    from temtrack.imaging.labels import MIN_BESIDE, count_beside

    if movie.dtype.kind not in "ui":
        return False
    frame = movie.read_frame(0)
    if frame.min() != 0:
        return False
    n_beside, n_different = count_beside(frame)
    is_in_patches = n_beside >= MIN_BESIDE and n_different <= MAX_DIFFERENT * n_beside
    return is_in_patches and len(np.unique(frame)) >= 3
