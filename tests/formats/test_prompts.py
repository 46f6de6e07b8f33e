import numpy as np
import pytest

from temtrack.errors import InputError
from temtrack.formats.prompts import read_boxes, read_points, read_prompts


def test_columns_are_found_by_name(tmp_path):
    (tmp_path / "points.csv").write_text("\ufeffname, y, x\na, 3, 40\nb, 5.5, 60\n", encoding="utf-8")
    (tmp_path / "boxes.csv").write_text("x0,y0,x1,y1\n1,2,30,40\n")
    np.testing.assert_array_equal(read_points(tmp_path / "points.csv"), [[3, 40], [5.5, 60]])
    np.testing.assert_array_equal(read_boxes(tmp_path / "boxes.csv"), [[2, 1, 40, 30]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "columns none; needed is the header x,y"),
        ("3,40\n5,60\n", "columns 3,40"),
        ("x,y\n", "holds no finite numbers"),
        ("x,y\n1,two\n", "line 2 holds no numbers"),
        ("x,y\n1\n", "line 2 holds no numbers"),
        ("x,y\n1,nan\n", "no finite numbers"),
        ('x,"y\n3,4\n', "columns x,y 3,4; needed"),
        ('x,y\n1,"' + "2" * 200_000, "field larger than"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, content, reason):
    (tmp_path / "points.csv").write_text(content)
    with pytest.raises(InputError, match=reason):
        read_points(tmp_path / "points.csv")


def test_missing_files_and_empty_boxes_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_points(tmp_path / "none.csv")
    (tmp_path / "boxes.csv").write_text("x0,y0,x1,y1\n1,2,30,40\n5,5,5,9\n")
    with pytest.raises(InputError, match="box 2 has no area"):
        read_boxes(tmp_path / "boxes.csv")


def test_prompts_of_a_movie_are_points_or_boxes(tmp_path):
    (tmp_path / "points.csv").write_text("frame,y_px,x_px\n3,40,5\n")
    (tmp_path / "boxes.csv").write_text("x0,y0,x1,y1,frame\n1,2,30,40,7\n")
    np.testing.assert_array_equal(read_prompts(tmp_path / "points.csv"), [[3, 40, 5]])
    np.testing.assert_array_equal(read_prompts(tmp_path / "boxes.csv"), [[7, 2, 1, 40, 30]])


def test_a_list_of_points_serves_images_and_movies_by_either_name(tmp_path):
    for name, header in (("a", "frame,y_px,x_px"), ("b", "frame,y,x")):
        (tmp_path / f"{name}.csv").write_text(f"{header}\n3,40,5\n")
        np.testing.assert_array_equal(read_prompts(tmp_path / f"{name}.csv"), [[3, 40, 5]])
        np.testing.assert_array_equal(read_points(tmp_path / f"{name}.csv"), [[40, 5]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "columns none; needed is the header frame,y_px,x_px of points, or frame,y0,x0,y1,x1 of boxes"),
        ("x,y\n1,2\n", "columns x,y; needed"),
        ("frame,y_px,x_px\n", "holds no finite numbers"),
        ("frame,y_px,x_px\n1,two,3\n", "line 2 holds no numbers"),
        ("frame,y0,x0,y1,x1\n0,5,5,5,9\n", "box 1 has no area"),
    ],
)
def test_wrong_prompts_are_refused(tmp_path, content, reason):
    (tmp_path / "first.csv").write_text(content)
    with pytest.raises(InputError, match=reason):
        read_prompts(tmp_path / "first.csv")
