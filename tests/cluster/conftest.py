import pytest
from cluster.slurm import running_slurm, why_not


@pytest.fixture
def slurm(tmp_path):
    reason = why_not()
    if reason:
        pytest.skip(f"no Slurm: {reason}")
    with running_slurm(tmp_path / "slurm") as running:
        yield running
