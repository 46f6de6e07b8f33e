"""The bank of named tiny scenes, one for each thing that particles do under the microscope.

Every scene is drawn with discs and states the whole right answer: true masks, merges with contact frame,
lineage, origins and fates. ``observed`` is what a segmentation would give; it differs from the truth only
where the scene is about that. ``make cases`` shows which pass.

Discs at whole centres cover ``2 r + 1`` pixels across, so two discs of radius 10 whose centres are 22 apart
have one pixel between them, at 20 they touch, and at 18 their neck's half width is 0.44 of the radius.
"""

from cases.apart import (
    cross_over,
    cross_over_fused,
    dissolve_beside_neighbour,
    dissolve_while_fused,
    dissolve_while_touching,
    enter_touching,
    leave_where_another_comes,
    oscillating_contact,
    three_touch_and_part,
    touch_and_part,
    touch_and_stay_two,
)
from cases.faults import (
    blank_while_fusing,
    child_flicker,
    child_missed_at_first,
    drift_jump_while_fusing,
    merge_flicker,
    missed_at_the_end,
    missed_before_fusing,
    missed_for,
    split_flicker,
    split_flicker_at_start,
)
from cases.lives import leave_the_field, nucleate, small_fast_lookalikes, split
from cases.merging import (
    five_fuse_in_a_row,
    four_fuse,
    fuse_and_vanish,
    fuse_at_border,
    fuse_at_first_frame,
    fuse_at_last_frame,
    fuse_between_frames,
    small_swallowed_by_large,
    three_fuse_at_once,
    three_fuse_one_after_another,
    three_fuse_within_a_child,
    two_fuse,
    two_pairs_fuse_in_one_frame,
)
from cases.scene import Case, Disc, TrueMerge, along, bystander, draw

__all__ = [
    "CASES",
    "Case",
    "Disc",
    "TrueMerge",
    "along",
    "bystander",
    "cross_over_fused",
    "dissolve_beside_neighbour",
    "draw",
    "touch_and_part",
    "two_fuse",
]

CASES = (
    two_fuse(),
    fuse_and_vanish(),
    two_pairs_fuse_in_one_frame(),
    three_fuse_at_once(),
    three_fuse_one_after_another(),
    three_fuse_within_a_child(),
    four_fuse(),
    five_fuse_in_a_row(),
    small_swallowed_by_large(),
    fuse_between_frames(),
    fuse_at_border(),
    fuse_at_first_frame(),
    fuse_at_last_frame(),
    touch_and_part(),
    three_touch_and_part(),
    touch_and_stay_two(),
    oscillating_contact(),
    dissolve_beside_neighbour(),
    dissolve_while_touching(),
    dissolve_while_fused(),
    cross_over(),
    cross_over_fused(),
    enter_touching(),
    leave_where_another_comes(),
    merge_flicker(),
    split_flicker(),
    split_flicker_at_start(),
    child_flicker(),
    missed_before_fusing(1),
    missed_before_fusing(2),
    missed_before_fusing(3),
    child_missed_at_first(1),
    child_missed_at_first(2),
    drift_jump_while_fusing(),
    blank_while_fusing(),
    missed_for(1),
    missed_for(3),
    missed_for(8),
    missed_at_the_end(),
    leave_the_field(),
    nucleate(),
    split(),
    small_fast_lookalikes(),
)
