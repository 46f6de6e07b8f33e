"""All kinetics of a run, in the order of the table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.kinetics.approaches import measure_approaches
from temtrack.kinetics.bootstrap import gather_power_sums
from temtrack.kinetics.conservation import measure_conservation
from temtrack.kinetics.diffusion import measure_diffusion
from temtrack.kinetics.dispersion import measure_dispersion
from temtrack.kinetics.distributions import compare_distributions
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.events import measure_events
from temtrack.kinetics.fluctuations import measure_fluctuations
from temtrack.kinetics.forecast import measure_forecast
from temtrack.kinetics.growth import measure_growth
from temtrack.kinetics.kernel import measure_kernel
from temtrack.kinetics.mechanisms import measure_mechanisms
from temtrack.kinetics.motion import measure_motion
from temtrack.kinetics.necks import measure_necks
from temtrack.kinetics.neighbours import measure_neighbours
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.rates import measure_rates
from temtrack.kinetics.relaxation import measure_relaxations
from temtrack.kinetics.ripening import measure_ripening
from temtrack.kinetics.sizes import measure_sizes, measure_spacing

#: Frames that are described one by one: evenly from the first to the last.
N_SAMPLED_FRAMES = 5


def measure_kinetics(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure everything that the run tells; what it does not tell is refused, with the reason.

    Parameters
    ----------
    run
        The tables.
    rng
        Draws for the intervals; the same seed gives the same intervals.
    """
    sums = gather_power_sums(run)
    rows = [
        *measure_growth(sums, run.length_unit, rng),
        *measure_dispersion(sums, rng),
        *measure_mechanisms(run, rng),
        *measure_events(run, rng),
        *measure_kernel(run),
        *measure_ripening(run, rng),
        *measure_rates(run, rng),
        *measure_fluctuations(run, rng),
        *measure_neighbours(run, rng),
        *measure_diffusion(run, rng),
        *measure_motion(run, rng),
        *measure_approaches(run),
        *measure_conservation(run, rng),
        *measure_relaxations(run),
        *measure_forecast(run, rng),
        *measure_necks(run),
    ]
    for frame in sampled_frames(run.good_frames):
        rows += measure_sizes(run, frame, rng)
        rows += measure_spacing(run, frame, rng)
        rows += compare_distributions(run, frame, rng)
    return rows


def sampled_frames(frames: NDArray[np.intp]) -> list[int]:
    """Return those of the good frames whose sizes, spacing and distribution are measured."""
    sampled = np.unique(np.linspace(0, frames.size - 1, N_SAMPLED_FRAMES).round().astype(int))
    return [int(frames[one]) for one in sampled if frames.size]
