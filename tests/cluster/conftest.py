import os

import pytest
from cluster.slurm import missing_programs, running_slurm
from needs import miss


@pytest.fixture
def slurm(tmp_path):
    missing = missing_programs()
    if missing:
        miss(f"no Slurm: {', '.join(missing)} missing (Debian: slurm-wlm, munge)")
    if os.geteuid():
        pytest.skip("only root can begin a Slurm here")
    with running_slurm(tmp_path / "slurm") as running:
        yield running
