import numpy as np
import page_scene

from temtrack.report.keyframes import Box
from temtrack.report.page.frames import list_closeups
from temtrack.report.page.lineage import lineage_of, list_merges


def test_a_closeup_beyond_the_edge_holds_what_is_there():
    grey = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert Box(-2, 7, 5).cut(grey).tolist() == [[7, 8, 9], [17, 18, 19], [27, 28, 29]]


def test_the_first_merges_have_closeups_up_to_a_number():
    run = page_scene.make_source().run
    merges = list_merges(run, lineage_of(run)) * 2
    closeups = list_closeups(merges, max_closeups=6)
    assert {frame: [name for name, _ in here] for frame, here in closeups.items()} == {
        4: ["closeup-0-0", "closeup-1-0"],
        5: ["closeup-0-1", "closeup-1-1"],
        6: ["closeup-0-2"],
        11: ["closeup-0-3"],
    }
