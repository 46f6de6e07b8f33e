"""The tracking engine (Algorithm 1) and its propagators; see `temtrack.tracking.engine`."""
