"""The tracking engine (Algorithm 1) and its trackers; see `temtrack.tracking.engine`."""
