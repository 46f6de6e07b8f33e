import imagecodecs
import numpy as np
import pytest
import tifffile

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie
from temtrack.formats.readers.images import list_images


def write_png(path, pixels):
    path.write_bytes(imagecodecs.png_encode(pixels))


def test_folder_and_glob_in_natural_order(tmp_path, frames):
    for t in range(12):
        write_png(tmp_path / f"frame{t}.png", frames[t])
    (tmp_path / "notes.txt").write_text("500 kx")
    (tmp_path / "._frame0.png").write_bytes(b"resource fork")
    for source in (tmp_path, tmp_path / "*.png"):
        movie = read_movie(source)
        assert movie.n_frames == 12
        np.testing.assert_array_equal(movie.read_frame(10), frames[10])
        np.testing.assert_array_equal(movie.read_frame(2), frames[2])
    assert movie.pixel_size is None
    assert movie.frame_times is None


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "png", "tif"])
def test_a_single_image_is_a_movie_of_one_frame(tmp_path, frames, suffix):
    path = tmp_path / f"image.{suffix}"
    imagecodecs.imwrite(path, frames[3])
    movie = read_movie(path)
    assert (movie.n_frames, movie.height, movie.width) == (1, 32, 48)
    np.testing.assert_allclose(movie.read_frame(0).astype(int), frames[3], atol=3)


def test_sixteen_bits_and_alpha_lose_nothing(tmp_path, frames):
    deep = frames[5].astype(np.uint16) * 257 + 3
    write_png(tmp_path / "grey.png", deep)
    write_png(tmp_path / "rgba.png", np.stack([deep, deep, deep, np.zeros_like(deep)], axis=-1))
    for name in ("grey.png", "rgba.png"):
        np.testing.assert_array_equal(read_movie(tmp_path / name).read_frame(0), deep)


def test_grey_weighs_the_colours_as_the_eye_does(tmp_path):
    write_png(tmp_path / "green.png", np.full((8, 8, 3), (0, 200, 0), np.uint8))
    assert read_movie(tmp_path / "green.png").read_frame(0)[0, 0] == round(0.587 * 200)


def test_scale_comes_from_the_first_tiff(tmp_path, frames):
    for t in (0, 1):
        tifffile.imwrite(
            tmp_path / f"{t}.tif", frames[t], imagej=True, resolution=(4, 4), metadata={"unit": "nm"}
        )
    assert read_movie(tmp_path).pixel_size.nm == 0.25


def test_another_size_type_or_a_broken_file_is_named_when_its_frame_is_read(tmp_path, frames):
    write_png(tmp_path / "0.png", frames[0])
    write_png(tmp_path / "1.png", frames[1, :20])
    write_png(tmp_path / "2.png", frames[2].astype(np.uint16))
    (tmp_path / "3.png").write_bytes((tmp_path / "0.png").read_bytes()[:60])
    (tmp_path / "4.png").write_bytes(b"")
    write_png(tmp_path / "5.png", frames[5])
    tifffile.imwrite(tmp_path / "6.tif", frames[:5])
    movie = read_movie(tmp_path)
    for t, reason in [(1, "20x48"), (2, "uint16"), (3, "damaged"), (4, "empty"), (6, "5 planes")]:
        with pytest.raises(InputError, match=reason) as caught:
            movie.read_frame(t)
        assert str(list_images(tmp_path)[t]) in str(caught.value)
    np.testing.assert_array_equal(movie.read_frame(5), frames[5])


def test_a_truncated_jpeg_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = tmp_path / "image.jpg"
    path.write_bytes(imagecodecs.jpeg_encode(noise)[:900])
    with pytest.raises(InputError, match="damaged"):
        read_movie(path)


def test_a_bmp_whose_header_promises_more_than_its_file_holds_is_refused(tmp_path):
    """The decoder that once read it went on behind the end of the file, into whatever lay there."""
    path = tmp_path / "a.bmp"
    content = bytearray(imagecodecs.bmp_encode(np.zeros((24, 32), np.uint8)))
    content[20] = 4  # width 32 + 4 * 65,536
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.bmp: image is damaged"):
        read_movie(path)


def test_a_bmp_of_colours_in_a_palette_is_read(tmp_path):
    from PIL import Image

    image = Image.new("P", (4, 2), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "a.bmp")
    assert (read_movie(tmp_path / "a.bmp").read_frame(0) == 76).all()  # red, as the eye weighs it


def test_a_name_in_a_folder_that_is_not_utf8_is_refused(tmp_path, frames):
    try:
        write_png(tmp_path / "f\udcfcr.png", frames[0])
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    with pytest.raises(InputError, match=r"f\\udcfcr.png': its name is not in UTF-8"):
        list_images(tmp_path)
