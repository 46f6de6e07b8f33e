"""Where the project's real data lie: beside the checkout, or where ``TEMTRACK_REAL_DATA`` says."""

import os
from pathlib import Path

REAL_DATA = Path(os.environ.get("TEMTRACK_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
