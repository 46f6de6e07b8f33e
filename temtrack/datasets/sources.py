"""Find the images and movies to slice, and the masks that belong to them."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.formats.readers import digital_micrograph, images, mrc, read_movie, tiff, video
from temtrack.formats.store.masks import read_labels, read_masks
from temtrack.masks import Masks
from temtrack.movie import Movie

#: What may stand behind the name of an image in that of its mask; `temtrack segment` writes these.
_MASK_ENDS = ("_masks", "_mask")
_FRAME_MASK = re.compile(r"mask\d+", re.IGNORECASE)
_SUFFIXES = (*images.SUFFIXES, *digital_micrograph.SUFFIXES, *mrc.SUFFIXES, *video.SUFFIXES)


@dataclass(frozen=True)
class Source:
    """An image or movie with its masks, not opened yet.

    Parameters
    ----------
    name
        Stands for the source in names of tiles: that of its file, after those of folders below the input.
    images, masks
        What `read_movie` and `read_masks` open.
    """

    name: str
    images: Path
    masks: Path

    def open(self) -> tuple[Movie, Masks]:
        """Open both.

        Raises
        ------
        InputError
            If one cannot be read, or they differ in size or number of frames.
        """
        movie, masks = read_movie(self.images), _open_masks(self.masks)
        if (masks.height, masks.width) != (movie.height, movie.width):
            raise InputError(
                f"{self.masks}: masks are {masks.height}x{masks.width} px, but {self.images} "
                f"{movie.height}x{movie.width}; a mask needs the size of its image"
            )
        if len(masks) != len(movie):
            raise InputError(
                f"{self.masks}: holds {len(masks)} masks, but {self.images} {len(movie)} frames; "
                "give one mask for each frame"
            )
        return movie, masks


def find_sources(image_input: Path, mask_input: Path) -> list[Source]:
    """Pair images with masks.

    Each input is a file, a folder or a glob pattern. An image goes with the mask of its name, or of its name
    with ``_mask`` or ``_masks`` behind it; below a folder the names of the folders between count too. A
    folder of frames goes as one movie with the ``mask0000.tif`` and so on that `temtrack track` makes of it.

    Raises
    ------
    InputError
        If there is none, or an image or a mask is without the other.
    """
    if not images.is_pattern(image_input) and not image_input.is_dir():
        return [Source(image_input.stem, image_input, _masks_of_file(image_input, mask_input))]
    found = _by_name(_list_images(image_input), _root(image_input))
    masks = _by_name(_list_masks(mask_input, found.values()), _root(mask_input))
    if not found.keys() & masks.keys() and all(_FRAME_MASK.fullmatch(name) for name in masks):
        return [Source(_root(image_input).name, image_input, mask_input)]
    _refuse_lonely(found, masks, mask_input)
    return [Source(name, path, masks[name]) for name, path in found.items()]


def _masks_of_file(image: Path, masks: Path) -> Path:
    """Return the masks of one image or movie: the file itself, its namesake in a folder, or the folder."""
    if not masks.is_dir():
        return masks
    named = _by_name(_list_masks(masks, [image]), masks).get(image.stem)
    if named is not None:
        return named
    if len(read_movie(image)) == 1:
        _refuse_lonely({image.stem: image}, {}, masks)
    return masks


def _open_masks(path: Path) -> Masks:
    if path.is_dir() or tiff.can_read(path) or not path.exists():
        return read_masks(path)
    height, width = read_labels(path).shape
    return Masks(path, 1, height, width, lambda t: read_labels(path))


def _list_images(source: Path) -> list[Path]:
    """Return the images and videos of a folder or pattern; masks beside their images do not count."""
    if images.is_pattern(source):
        files = images.list_images(source)
    else:
        files = [p for p in _visible(source) if p.suffix.lower() in _SUFFIXES]
    kept = [p for p in files if not p.stem.endswith(_MASK_ENDS)]
    if not kept:
        raise InputError(f"{source}: holds no image; allowed are {', '.join(_SUFFIXES)}")
    return natsorted(kept)


def _list_masks(source: Path, beside: Iterable[Path]) -> list[Path]:
    """Return the masks of a folder or pattern, and the folders in it that hold those of a movie.

    The images may lie ``beside`` them and do not count.
    """
    if not source.exists() and not images.is_pattern(source):
        raise InputError(f"{source}: there is no such file or folder of masks; check the name")
    if not source.is_dir():
        return [source] if source.exists() else images.list_images(source)
    inner = [p for p in _visible(source) if p.is_dir()]
    files = [p for p in _visible(source) if p.suffix.lower() in images.SUFFIXES and p.is_file()]
    no_masks = {path.resolve() for path in beside}
    files = [p for p in files if p.resolve() not in no_masks]
    if not files and not inner:
        raise InputError(f"{source}: holds no mask; allowed are {', '.join(images.SUFFIXES)}")
    return natsorted([*files, *inner])


def _by_name(paths: Iterable[Path], root: Path) -> dict[str, Path]:
    """Return paths by their names below ``root``, without suffix and what tells a mask."""
    named: dict[str, Path] = {}
    for path in paths:
        name = "-".join(path.relative_to(root).with_suffix("").parts)
        end = next((end for end in _MASK_ENDS if name.endswith(end)), "")
        name = name.removesuffix(end)
        if name in named:
            raise InputError(f"{path}: has the same name as {named[name]}; rename one or leave it out")
        named[name] = path
    return named


def _refuse_lonely(found: dict[str, Path], masks: dict[str, Path], mask_input: Path) -> None:
    lonely = [path for name, path in found.items() if name not in masks]
    if lonely:
        raise InputError(
            f"{lonely[0]}: has no mask, as {_count(lonely, found)} images; needs {lonely[0].stem}.tif or "
            f"{lonely[0].stem}_mask.tif in {mask_input}"
        )
    extra = [path for name, path in masks.items() if name not in found and not _is_idle(path)]
    if extra:
        raise InputError(
            f"{extra[0]}: has no image, as {_count(extra, masks)} masks; add its image or leave the mask out"
        )


def _count(some: Sequence[Path], all_of_them: dict[str, Path]) -> str:
    return f"{len(some)} of {len(all_of_them)}"


def _is_idle(path: Path) -> bool:
    """Tell whether a path is a folder that holds no masks."""
    return path.is_dir() and not any(p.suffix.lower() in images.SUFFIXES for p in path.iterdir())


def _visible(folder: Path) -> list[Path]:
    with refused_as(f"{folder}: folder cannot be read"):
        return [p for p in folder.iterdir() if not p.name.startswith(".")]


def _root(source: Path) -> Path:
    """Return the folder below which names count: that of a file, or the part of a pattern without magic."""
    if source.is_dir():
        return source
    folder = source.parent
    while glob.has_magic(str(folder)):
        folder = folder.parent
    return folder
