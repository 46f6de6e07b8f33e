"""Frames of simulated movies with the means of their neighbours: what `temtrack track` shows a network."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from temtrack.datasets.labelled import LabelledImage
from temtrack.imaging.intensity import CENTRING_BLUR_PX, centre_intensity, rescale_intensity
from temtrack.imaging.neighbours import N_NEIGHBOURS, register, stack_with_neighbours
from temtrack.simulation.chance import log_uniform
from temtrack.simulation.config import MIN_MOMENTS_WITH_EVENTS
from temtrack.training.config import TrainConfig
from temtrack.training.data.augment import resample, window
from temtrack.training.data.clip_source import draw_movie_config, simulate, without_events
from temtrack.training.data.samples import SCENE_MIN_SCALE, SCENE_MIN_SIDE_PX, Draw, wanted_diameter

RADII_PX = (3.5, 24.0)  # of the particles as simulated
DOSE_E_PX, CONTRAST = (1.0, 60.0), (0.1, 0.8)  # electrons per px and optical depth: few and low
FEWEST_SEEN = (0.05, 4.0)  # electrons per px times contrast squared: what is still worth learning
STRIDES = (1, 1, 1, 2, 4)  # frames from one neighbour to the next, so that some particles move fast
ONE_SIDED_FRACTION = 0.15  # of the samples, at an end of the movie
SINGLE_FRACTION = 0.25  # of the samples, shown without neighbours


def movie_frame_source(
    config: TrainConfig, centring_blur_px: float = CENTRING_BLUR_PX
) -> Draw[LabelledImage]:
    """Draw frames of low-dose movies with their neighbours, particles scaled to the sizes to be known."""

    def draw(rng: np.random.Generator) -> LabelledImage:
        radius = log_uniform(rng, *RADII_PX)
        scale = max(wanted_diameter(config, rng) / (2 * radius), SCENE_MIN_SCALE)
        side = max(math.ceil(config.crop_px / scale), min(SCENE_MIN_SIDE_PX, math.ceil(12 * radius)))
        stride = int(rng.choice(STRIDES))
        reach = stride * N_NEIGHBOURS
        plan = without_events(draw_movie_config(rng, side, radius, MIN_MOMENTS_WITH_EVENTS))
        dose = log_uniform(rng, *DOSE_E_PX)
        least, most = (math.sqrt(seen / dose) for seen in FEWEST_SEEN)
        contrast = log_uniform(rng, *np.clip((least, most), *CONTRAST))
        detector = replace(plan.detector, dose_e_px=dose, readout_e=0.05 * dose**0.5)
        movie = simulate(
            rng,
            replace(plan, n_frames=2 * reach + 1, detector=detector, contrast=contrast, faults={}),
        )
        steps = range(stride, reach + 1, stride)
        before, after = [movie.frame(reach - k) for k in steps], [movie.frame(reach + k) for k in steps]
        if rng.random() < ONE_SIDED_FRACTION:
            before, after = ([], after) if rng.random() < 0.5 else (before, [])
        if rng.random() < SINGLE_FRACTION:
            before, after = [], []
        frame = movie.frame(reach)
        stack = stack_with_neighbours(register(frame, before), frame, register(frame, after))
        shown = rescale_intensity(stack)
        centred = centre_intensity(shown, centring_blur_px)
        return LabelledImage(*window(*resample(centred, movie.labels(reach), scale), config.crop_px, rng))

    return draw
