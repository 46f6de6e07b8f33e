"""Find the images and movies to slice, and the masks that belong to them."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import InputError
from temtrack.formats.decoding import list_folder
from temtrack.formats.locations import as_path
from temtrack.formats.readers import digital_micrograph, images, mrc, ome_zarr, read_movie, video
from temtrack.formats.store.masks import read_masks
from temtrack.masks import Masks
from temtrack.movie import Movie

#: What may stand behind the name of an image in that of its mask; `temtrack segment` writes these.
_MASK_ENDS = ("_masks", "_mask")
_FRAME_MASK = re.compile(r"mask\d+", re.IGNORECASE)
_SUFFIXES = (*images.SUFFIXES, *digital_micrograph.SUFFIXES, *mrc.SUFFIXES, *video.SUFFIXES)


@dataclass(frozen=True)
class Source:
    """An image or movie with its masks, not opened yet; ``name`` stands for it in names of tiles."""

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
        movie, masks = read_movie(self.images), read_masks(self.masks)
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
    image_input = as_path(image_input)
    is_file = not images.is_pattern(image_input) and not image_input.is_dir()
    if is_file or ome_zarr.can_read(image_input):
        name = image_input.stem.removesuffix(".ome")
        return [Source(name, image_input, _masks_of_file(image_input, mask_input))]
    found = _by_name(_list_images(image_input), image_input)
    masks = _by_name(_list_masks(mask_input, found.values()), mask_input)
    if not found.keys() & masks.keys() and all(_FRAME_MASK.fullmatch(name) for name in masks):
        return [Source(_root(image_input).name, image_input, mask_input)]
    _refuse_lonely(found, masks, mask_input)
    return [Source(name, path, masks[name]) for name, path in found.items()]


def _masks_of_file(image: Path, masks: Path) -> Path:
    """Return the masks of one image or movie: the file itself, its namesake in a folder, or the folder."""
    if not masks.is_dir() or ome_zarr.can_read(masks):
        return masks
    named = _by_name(_list_masks(masks, [image]), masks)
    if image.stem not in named and len(read_movie(image)) == 1:
        _refuse_lonely({image.stem: image}, {}, masks)
    return named.get(image.stem, masks)


def _list_images(source: Path) -> list[Path]:
    """Return the images and videos of a folder or pattern; masks beside their images do not count."""
    files = _visible(source, _SUFFIXES) if source.is_dir() else images.list_images(source)
    kept = [path for path in files if not path.stem.endswith(_MASK_ENDS)]
    if not kept:
        raise InputError(f"{source}: holds no image; allowed are {', '.join(_SUFFIXES)}")
    return kept


def _list_masks(source: Path, beside: Iterable[Path]) -> list[Path]:
    """Return the masks of a folder or pattern, and the folders in it that hold those of a movie.

    The images may lie ``beside`` them and do not count.
    """
    if not source.exists() and not images.is_pattern(source):
        raise InputError(f"{source}: there is no such file or folder of masks; check the name")
    if not source.is_dir():
        return [source] if source.exists() else images.list_images(source)
    no_masks = {path.resolve() for path in beside}
    masks = [path for path in _visible(source, images.SUFFIXES, True) if path.resolve() not in no_masks]
    if not masks:
        raise InputError(f"{source}: holds no mask; allowed are {', '.join(images.SUFFIXES)}")
    return masks


def _visible(folder: Path, suffixes: Sequence[str], with_folders: bool = False) -> list[Path]:
    """Return the files of such suffixes in a folder, and maybe the folders in it, in natural order."""
    paths = list_folder(folder)
    return [p for p in paths if (with_folders if p.is_dir() else p.suffix.lower() in suffixes)]


def _by_name(paths: Iterable[Path], source: Path) -> dict[str, Path]:
    """Return paths by their names below a folder or pattern, without suffix and what tells a mask."""
    root, named = _root(source), dict[str, Path]()
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
            f"{lonely[0]}: has no mask, as {len(lonely)} of {len(found)} images; needs {lonely[0].stem}.tif "
            f"or {lonely[0].stem}_mask.tif in {mask_input}"
        )
    unpaired = (path for name, path in masks.items() if name not in found)
    extra = [path for path in unpaired if not path.is_dir() or _visible(path, images.SUFFIXES)]
    if extra:
        raise InputError(
            f"{extra[0]}: has no image, as {len(extra)} of {len(masks)} masks; add its image or leave the "
            "mask out"
        )


def _root(source: Path) -> Path:
    """Return the folder below which names count: that of a file, or the part of a pattern without magic."""
    if source.is_dir():
        return source
    return next(folder for folder in source.parents if not glob.has_magic(str(folder)))
