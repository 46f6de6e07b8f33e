import numpy as np
import pytest
from PIL import Image

from temtrack.errors import OutputError
from temtrack.formats.store.atomic import whole_file
from temtrack.report.contact_sheet import (
    CAPTION_PX,
    MAX_CELLS,
    THUMBNAIL_PX,
    Cell,
    draw_contact_sheet,
    write_contact_sheets,
)


@pytest.fixture
def overlay(tmp_path):
    """A wide picture that is all green."""
    Image.fromarray(np.full((40, 80, 3), (0, 200, 0), np.uint8)).save(tmp_path / "a_overlay.png")
    return tmp_path / "a_overlay.png"


def test_each_overlay_has_its_place_and_the_odd_one_a_frame(overlay):
    cells = [Cell(overlay, "a: 1"), Cell(overlay, "b: 2", is_odd=True), Cell(overlay, "c" * 99)]
    sheet = np.asarray(draw_contact_sheet(cells)).astype(int)
    assert sheet.shape == (2 * (THUMBNAIL_PX + CAPTION_PX + 8), 2 * (THUMBNAIL_PX + 8), 3)
    is_green = (sheet == (0, 200, 0)).all(axis=2)
    is_red = sheet[..., 0] - sheet[..., 1] > 150
    quarters = [np.array_split(part, 2, axis=1) for part in np.array_split(is_green, 2)]
    assert [int(part.sum()) for row in quarters for part in row] == [3200, 3200, 3200, 0]
    assert not is_red[:, : THUMBNAIL_PX + 8].any()
    assert is_red[:, THUMBNAIL_PX + 8 :].any()


def test_many_go_to_several_sheets_and_no_other_picture_is_overwritten(overlay, tmp_path):
    path, cells = tmp_path / "contact_sheet.png", [Cell(overlay, "a")] * (MAX_CELLS + 1)
    written = write_contact_sheets(path, cells)
    assert [one.name for one in written] == ["contact_sheet.png", "contact_sheet_2.png"]
    assert write_contact_sheets(path, cells[:1]) == [path]
    overlay.replace(path)
    with pytest.raises(OutputError, match=r"contact_sheet\.png: is no contact sheet"):
        write_contact_sheets(path, [Cell(path, "a")])


def test_what_a_killed_run_left_of_a_sheet_goes(overlay, tmp_path):
    path = tmp_path / "contact_sheet.png"
    with whole_file(path) as part:
        part.touch()
        left = part.with_stem(part.stem + "left")
        left.touch()
    path.unlink()
    write_contact_sheets(path, [Cell(overlay, "a: 1")])
    assert not left.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a_overlay.png", path.name]
