"""Every table that temtrack writes, by its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from temtrack.calibration import Calibration
from temtrack.tables.column import COUNT, FLAG, FRAME, ID, IDS, REAL, REALS, TEXT, Column, Table, px

PARTICLES = Table(
    "particles",
    "One row per particle and frame.",
    (
        Column("frame", FRAME, "frame", "frame number, from 0"),
        Column("time_s", REAL, "s", "time of the frame", time_of="frame"),
        Column("particle_id", ID, "", "id of the particle in the masks, the same in all its frames"),
        px("y_px", "row of the centroid; the centre of the first pixel is 0"),
        px("x_px", "column of the centroid"),
        Column("area_px", COUNT, "px2", "projected area", length_power=2),
        px("equivalent_diameter_px", "diameter of the disc of the same area"),
        px(
            "edge_diameter_px",
            "diameter of the disc as large as what stands out by a part of the particle's own contrast with"
            " the support nearby (0.1 to 0.8); null without an image, or where that is far from the mask",
        ),
        px("perimeter_px", "length of the contour (Crofton, 4 directions); null below 4 px of area"),
        px("major_axis_px", "long axis of the ellipse with the same second moments; null below 4 px"),
        px("minor_axis_px", "short axis of that ellipse; null below 4 px"),
        Column("circularity", REAL, "1", "4 pi area / perimeter^2, at most 1; null below 4 px"),
        Column("solidity", REAL, "1", "area / area of the convex hull in pixels; null below 4 px"),
        Column("mean_intensity", REAL, "", "mean grey value of the image; null without an image"),
        Column(
            "optical_mass",
            REAL,
            "px2",
            "integrated optical density: sum of -ln(I / I0), I0 the support nearby; null without image",
        ),
        Column("touches_border", FLAG, "", "a pixel lies on the edge of the frame"),
        Column("gap_filled", FLAG, "", "drawn where it was expected, not segmented; null if unknown"),
        Column(
            "score", REAL, "1", "how likely it is a particle, by the model's own measure; null if it has none"
        ),
    ),
)

_UNMEASURED_OF_IMAGES = ("frame", "time_s", "gap_filled")

SEGMENTED = Table(
    "particles",
    "One row per particle of an image, as `temtrack segment` finds it.",
    tuple(column for column in PARTICLES.columns if column.name not in _UNMEASURED_OF_IMAGES),
)

TRACKS = Table(
    "tracks",
    "One row per particle.",
    (
        Column("particle_id", ID, "", "id of the particle in the masks"),
        Column("start_frame", FRAME, "frame", "first frame"),
        Column("end_frame", FRAME, "frame", "last frame, inclusive"),
        Column("n_frames", COUNT, "1", "frames in which the particle has a mask"),
        Column("start_time_s", REAL, "s", "time of the first frame", time_of="start_frame"),
        Column("end_time_s", REAL, "s", "time of the last frame", time_of="end_frame"),
        Column("origin", TEXT, "", "present, entered, nucleated, merge, split or appeared; null if unknown"),
        Column("fate", TEXT, "", "present, left, merged, dissolved, split or lost; null if unknown"),
        Column("origin_confidence", REAL, "1", "how likely the origin is right; null if unknown"),
        Column("fate_confidence", REAL, "1", "how likely the fate is right; null if unknown"),
        Column("parent_ids", IDS, "", "particles that it came from, by a merge or a split"),
        Column("child_id", ID, "", "particle that it merged into"),
        Column("mean_area_px", REAL, "px2", "mean of the area over its frames", length_power=2),
        Column("initial_area_px", COUNT, "px2", "area in its first frame", length_power=2),
        Column("final_area_px", COUNT, "px2", "area in its last frame", length_power=2),
        px("mean_diameter_px", "mean of the equivalent diameter over its frames"),
        px("initial_diameter_px", "equivalent diameter in its first frame"),
        px("final_diameter_px", "equivalent diameter in its last frame"),
        px("path_length_px", "sum of the centroid's steps, drift included"),
    ),
)

#: What the tracker calls frames whose masks are not believed: ids are bridged over them, nothing is measured
#: there; excluded are those that a person took out. In a frame that flickers or jumps it is.
BAD_FRAMES = ("blank", "blurred", "double", "torn", "half-read", "excluded")

FRAMES = Table(
    "frames",
    "One row per frame, frames without particles too.",
    (
        Column("frame", FRAME, "frame", "frame number, from 0"),
        Column("time_s", REAL, "s", "time of the frame", time_of="frame"),
        Column("n_particles", COUNT, "1", "particles"),
        Column("total_area_px", COUNT, "px2", "sum of their areas", length_power=2),
        Column("coverage", REAL, "1", "that sum / area of the frame"),
        px("mean_diameter_px", "mean equivalent diameter; null without particles"),
        px("median_diameter_px", "median equivalent diameter; null without particles"),
        Column("number_density_per_px2", REAL, "1/px2", "particles / area of the frame", length_power=-2),
        Column("n_merges", COUNT, "1", "merges whose child first stands in this frame; null if unknown"),
        Column("n_new", COUNT, "1", "particles that begin here, from frame 1 on"),
        Column("n_ended", COUNT, "1", "particles whose last frame was the one before"),
        Column("n_nucleated", COUNT, "1", "of those that begin here, nucleated; null if unknown"),
        Column("n_entered", COUNT, "1", "of those that begin here, entered; null if unknown"),
        Column(
            "n_merged", COUNT, "1", "parents of merges, present last in the frame before; null if unknown"
        ),
        Column("n_dissolved", COUNT, "1", "the same of those that dissolved"),
        Column("n_left", COUNT, "1", "the same of those that left the field"),
        Column("n_lost", COUNT, "1", "the same of those whose end is not understood"),
        Column("survival", REAL, "1", "fraction that neither merged nor dissolved so far (Kaplan-Meier)"),
        Column(
            "temperature_c",
            REAL,
            "°C",
            "temperature, by the heater's log; null beyond it",
            temperature_of="frame",
        ),
        Column(
            "quality",
            TEXT,
            "",
            "the tracker's word: good, flicker or jump of the field; bad: blank, blurred, double, torn or "
            "half-read, and excluded by a person; null if unknown",
        ),
        Column(
            "seen_fraction",
            REAL,
            "1",
            "share of the frame that the model saw; elsewhere nothing had changed by more than noise, and "
            "the masks are those of the frame before; null if unknown",
        ),
    ),
)

MERGES = Table(
    "merges",
    "One row per merge (coalescence).",
    (
        Column("event_id", ID, "", "number of the event, from 1, in the order of frames"),
        Column("frame", FRAME, "frame", "first frame in which the child stands as one particle"),
        Column("time_s", REAL, "s", "time of that frame", time_of="frame"),
        Column("child_id", ID, "", "the child; a parent's own id where a tracker kept it on"),
        Column("parent_ids", IDS, "", "the parents, all of them"),
        Column("n_parents", COUNT, "1", "number of parents"),
        Column(
            "contact_frame", FRAME, "frame", "first frame of the lasting contact; null where nobody saw it"
        ),
        px("y_px", "row of the child's centre in the merge frame"),
        px("x_px", "column of the child's centre in the merge frame"),
        Column("area_ratio", REAL, "1", "child's area just after / sum of the parents' just before"),
        Column(
            "confidence",
            REAL,
            "1",
            "how likely the merge is true: 1 where a person said so, else as `model_confidence`, or as "
            "that was refitted to what a person said of others",
        ),
        Column("mass_ratio", REAL, "1", "child's optical mass / sum of the parents'; null without image"),
        Column("neck_ratios", REALS, "1", "neck width / smaller parent's diameter, from the merge frame on"),
        Column("confidence_reason", TEXT, "", "why the confidence is null; null otherwise"),
        px("gap_px", "gap between the parents' surfaces in the last frame before; null where one is unseen"),
        Column(
            "gaps_px", REALS, "px", "that gap in up to 20 frames, the last of them the one before the merge"
        ),
        Column("approach_speed", REAL, "px/frame", "how fast it closed over its last ten open frames"),
        Column(
            "contact_s",
            REAL,
            "s",
            "time from contact to merge; null where nobody saw contact",
            time_of="frame",
            since="contact_frame",
        ),
        Column("reviewed", FLAG, "", "a person accepted, mended or added it, so that its confidence is 1"),
        Column(
            "model_confidence",
            REAL,
            "1",
            "how likely the merge is true, calibrated on simulated movies, whatever a person said",
        ),
    ),
)

KINETICS = Table(
    "kinetics",
    "One row per quantity; for what is about one frame or merge, or a point of a curve, one for each. Lengths"
    " are in nm, or in px where the scale is unknown.",
    (
        Column("quantity", TEXT, "", "what was measured"),
        Column("frame", FRAME, "frame", "frame that it is about; null for the whole run"),
        Column("event_id", ID, "", "merge that it is about; null for the whole run"),
        Column("at", REAL, "", "radius, time or distance that it is about, in `at_unit`; null for no curve"),
        Column("at_unit", TEXT, "", "unit of `at`"),
        Column("value", REAL, "", "best estimate, in `unit`; null where it is refused"),
        Column("low", REAL, "", "lower end of the 95 % interval; null where the data do not bound it"),
        Column("high", REAL, "", "upper end of the 95 % interval; null where the data do not bound it"),
        Column("unit", TEXT, "", "unit of value, low and high"),
        Column("n", COUNT, "1", "observations that it rests on"),
        Column("method", TEXT, "", "formula or fit, and where the interval comes from"),
        Column("source", TEXT, "", "publication of the formula"),
        Column("reason", TEXT, "", "why it is refused, or a side of the interval is open; null otherwise"),
    ),
)

DRIFT = Table(
    "drift",
    "One row per frame: how the field of view moved, registered from the images alone. Taken off a particle's"
    " centroid, `y_px` and `x_px` leave its place in the field of the first frame.",
    (
        Column("frame", FRAME, "frame", "frame number, from 0"),
        Column("time_s", REAL, "s", "time of the frame", time_of="frame"),
        px("dy_px", "step of the picture down since the frame before; null where either is not registered"),
        px("dx_px", "the same to the right"),
        px(
            "y_px",
            "way of the picture down since the first frame, cuts left out; null if not registered",
        ),
        px("x_px", "the same to the right"),
        Column(
            "correlation", REAL, "1", "correlation with the frame that it was registered with; null if none"
        ),
        Column("jump", FLAG, "", "the field moved much further than it usually does"),
    ),
)

SCORES = Table(
    "scores",
    "One row per particle that the model saw in a frame, by a pixel inside it. Its id stands there in the"
    " masks.",
    (
        Column("frame", FRAME, "frame", "frame number, from 0"),
        Column("y_px", COUNT, "px", "row of the pixel"),
        Column("x_px", COUNT, "px", "its column"),
        Column("score", REAL, "1", "how likely it is a particle, by the model's own measure"),
    ),
)

MANIFEST = Table(
    "manifest",
    "One row per tile that `temtrack slice` wrote.",
    (
        Column("tile", TEXT, "", "name of the tile's image and of its mask, without folder"),
        Column("side", TEXT, "", "train or test"),
        Column("source", TEXT, "", "image or movie that it was cut from"),
        Column("group", TEXT, "", "what stands on one side of the split as a whole, by `--group-by`"),
        Column("frame", FRAME, "frame", "frame of the source, from 0"),
        Column("y_px", COUNT, "px", "first row of the tile in its source"),
        Column("x_px", COUNT, "px", "first column"),
        Column("height_px", COUNT, "px", "height of the tile"),
        Column("width_px", COUNT, "px", "width of the tile"),
        Column("image_height_px", COUNT, "px", "height of the source; a tile mirrors what it has beyond"),
        Column("image_width_px", COUNT, "px", "width of the source"),
        Column("n_particles", COUNT, "1", "connected pieces of particles in the mask"),
        Column("coverage", REAL, "1", "fraction of the tile that particles cover"),
        Column("pixel_size_nm", REAL, "nm", "side of a pixel; null where unknown"),
        Column(
            "near_duplicate", TEXT, "", "tile of the other side that seems to show the same; null if none"
        ),
        Column("similarity", REAL, "1", "correlation of their structure at the best shift; null if none"),
    ),
)

#: What `temtrack analyze` writes, and every table there is.
TABLES = (PARTICLES, TRACKS, FRAMES, MERGES)
ALL_TABLES = (*TABLES, DRIFT, SCORES, KINETICS, MANIFEST)


@dataclass(frozen=True)
class Tables:
    """The tables of a run, and what they stand on.

    Parameters
    ----------
    particles, tracks, frames, merges
        As `PARTICLES`, `TRACKS`, `FRAMES` and `MERGES` describe them; ``merges`` is ``None`` where the family
        tree is unknown.
    field_px
        (height, width) of the masks.
    calibration
        Scale, time and temperature of the tables.
    is_relinked
        Where the masks' ids name no particles, and the tables use others, found by linking.
    """

    particles: pa.Table
    tracks: pa.Table
    frames: pa.Table
    merges: pa.Table | None
    field_px: tuple[int, int]
    calibration: Calibration
    is_relinked: bool = False

    def items(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield name and content of each table that there is."""
        for kind in TABLES:
            if (table := getattr(self, kind.name)) is not None:
                yield kind.name, table

    def recalibrated(self, calibration: Calibration) -> Tables:
        """Return the tables with another scale, time and temperature; a part of one stays as it is."""
        kinds = {kind.name: kind for kind in TABLES}
        filled = {
            name: kinds[name].recalibrated(table, calibration)
            for name, table in self.items()
            if kinds[name].is_held_by(table.schema)
        }
        return replace(self, calibration=calibration, **filled)
