"""Kinetics of several runs beside each other: a table, a picture and a paragraph of methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from temtrack.errors import UsageError
from temtrack.formats.store.atomic import whole_file
from temtrack.formats.store.tables import read_metadata, read_provenance, read_table
from temtrack.kinetics.arrhenius import measure_activation, refuse_activation
from temtrack.kinetics.comparison import compare_estimates, compare_lifetimes
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.observed import ObservedRun
from temtrack.pipeline.kinetics import KINETICS_FILES, read_estimates
from temtrack.pipeline.options import KineticsOptions
from temtrack.report.plots import write_arrhenius_plot, write_comparison_plot

#: What `compare_kinetics` writes, beside pictures.
COMPARISON_FILES = ("compare.csv", "compare.md")


@dataclass(frozen=True)
class Comparison:
    """Rows of ``compare.csv``, and what runs tell together: activation energies, tests of lifetimes."""

    rows: list[dict[str, Any]]
    together: list[Estimate]
    methods: str


def holds_kinetics(folders: Sequence[Path]) -> bool:
    """Whether all folders hold what `temtrack kinetics` writes."""
    return all((folder / KINETICS_FILES[0]).is_file() for folder in folders)


def compare_kinetics(folders: Sequence[Path], out: Path) -> Comparison:
    """Compare the kinetics of runs with those of the first, and write table, paragraph and pictures.

    Raises
    ------
    UsageError
        Where there are fewer than two runs, or two of one name.
    InputError
        Where a folder's tables cannot be read.
    OutputError
        Where the files cannot be written.
    """
    files = {folder.resolve().name: folder / KINETICS_FILES[0] for folder in folders}
    if len(files) < max(len(folders), 2):
        raise UsageError("give two or more runs whose folders have different names")
    runs = {name: read_estimates(file) for name, file in files.items()}
    first = next(iter(runs))
    rows = [
        {
            "quantity": one.estimate.quantity,
            "run": one.run,
            **{end: getattr(one.estimate, end) for end in ("value", "low", "high", "unit", "n")},
            "difference": one.difference.value,
            "difference_low": one.difference.low,
            "difference_high": one.difference.high,
            "reason": one.estimate.reason or (one.difference.reason if one.run != first else None),
            "method": one.estimate.method,
            "source": one.estimate.source,
        }
        for one in compare_estimates(runs)
    ]
    together = [*_lifetimes(files), *_activation(runs, files, out)]
    found = Comparison(rows, together, _methods(files))
    with whole_file(out / COMPARISON_FILES[0]) as path:
        pd.DataFrame(found.rows).to_csv(path, index=False)
    with whole_file(out / COMPARISON_FILES[1]) as path:
        path.write_text(_page(found), encoding="utf-8")
    write_comparison_plot(out, runs)
    return found


def _lifetimes(files: Mapping[str, Path]) -> list[Estimate]:
    """Test lifetimes where the tables of all runs lie beside their kinetics."""
    if not all((file.parent / "tracks.parquet").is_file() for file in files.values()):
        return []
    return compare_lifetimes({name: _observe(file.parent) for name, file in files.items()})


def _observe(folder: Path) -> ObservedRun:
    """Return the tracks and merges of a folder; lifetimes need no more."""
    frames, merges = read_table(folder / "frames.parquet"), folder / "merges.parquet"
    return ObservedRun(
        particles=pd.DataFrame(),
        tracks=read_table(folder / "tracks.parquet"),
        merges=read_table(merges) if merges.is_file() else None,
        field_px=(1, 1),
        n_frames=len(frames),
        seconds=frames["time_s"].to_numpy() if "time_s" in frames else None,
    )


def _activation(
    runs: Mapping[str, Sequence[Estimate]], files: Mapping[str, Path], out: Path
) -> list[Estimate]:
    kelvin = [read_metadata(file).get("temperature_K") for file in files.values()]
    known = [float(one) for one in kelvin if one is not None]
    if len(known) < len(kelvin):
        return refuse_activation("temperatures unknown: give `temtrack kinetics` --temperature 800C, say")
    write_arrhenius_plot(out, list(runs.values()), known)
    return measure_activation(list(runs.values()), known)


def _methods(files: Mapping[str, Path]) -> str:
    """Return a paragraph to paste: version, models, scale, and options that are not the usual ones."""
    records = [read_provenance(file) for file in files.values()]
    runs = [f"{name}: {', '.join(_facts(file))}" for name, file in files.items()]
    models = {model.name for record in records for model in record.models.values()}
    usual = KineticsOptions().to_json()
    options = {
        f"{name} {value}"
        for record in records
        for name, value in record.options.items()
        if value != usual.get(name)
    }
    return (
        f"Kinetics of {len(files)} runs ({'; '.join(runs)}) were measured with temtrack"
        f" {', '.join(sorted({record.version for record in records}))}"
        + (f", masks by {', '.join(sorted(models))}" if models else "")
        + (f", options {', '.join(sorted(options))}" if options else "")
        + ". Intervals are 95 %, from drawing families of particles anew. Runs are compared with the first by"
        " the difference of their values, and by the log-rank test of how long particles live."
    )


def _facts(file: Path) -> Iterator[str]:
    """Yield scale, length and temperature of a run, and how many particles and merges it has."""
    facts = read_metadata(file)
    size, kelvin = facts.get("pixel_size_nm"), facts.get("temperature_K")
    yield "pixel size unknown" if size is None else f"{float(size):.4g} nm per pixel"
    if (file.parent / "tracks.parquet").is_file() and (file.parent / "frames.parquet").is_file():
        run = _observe(file.parent)
        span = "" if run.seconds is None else f" in {float(run.seconds[-1] - run.seconds[0]):.4g} s"
        yield f"{run.n_frames} frames{span}"
        yield f"{len(run.tracks)} particles"
        if run.merges is not None:
            yield f"{len(run.merges)} merges"
    if kelvin is not None:
        yield f"{float(kelvin):.4g} K"


def _page(found: Comparison) -> str:
    """Return the page in Markdown."""
    lines = ["# Kinetics of several runs", "", found.methods, "", "![Rates of the runs](compare.png)", ""]
    heads = ("quantity", "run", "value", "95 % interval", "unit", "less the first run", "its interval")
    lines += [_line(heads), _line(["---"] * len(heads))]
    for row in found.rows:
        if row["value"] is None:
            continue
        less = _number(row["difference"]), _interval(row["difference_low"], row["difference_high"])
        own = _number(row["value"]), _interval(row["low"], row["high"]), row["unit"]
        lines.append(_line([row["quantity"], row["run"], *own, *less]))
    names = ("quantity", "value", "95 % interval", "unit", "why not")
    lines += ["", "## Of all runs together", "", _line(names), _line(["---"] * len(names))]
    for one in found.together:
        told = _number(one.value), _interval(one.low, one.high)
        lines.append(_line([one.quantity, *told, one.unit, one.reason or ""]))
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is high is None else f"{_number(low)} to {_number(high)}"
