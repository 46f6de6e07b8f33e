"""Movies of masks with known truth, without pictures: what linking is fitted on and judged by.

Two generators with different physics, which share no code for motion, merging or outlines:

- `scenarios.fitting`: Brownian discs that meet on bridges planned beforehand; outlines jitter pixel by pixel.
- `scenarios.judging`: persistent walkers with heavy-tailed hops that attract each other and snap together;
  outlines are random Fourier modes. Never fit anything on it.

``scenario(name_or_regime, seed)`` of either returns a `Scenario`; the names are the keys of `REGIMES`, and
`any_regime` draws one at random.
"""

from scenarios.regime import REGIMES, Regime, Scenario, any_regime

__all__ = ["REGIMES", "Regime", "Scenario", "any_regime"]
