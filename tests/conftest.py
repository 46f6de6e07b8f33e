"""Settings that all tests share."""

import os

import hypothesis

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Busy machines are slow, which is no failure.
hypothesis.settings.register_profile(
    "temtrack", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("temtrack")
