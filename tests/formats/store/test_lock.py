import subprocess
import sys

import pytest

from temtrack.errors import BusyError, OutputError
from temtrack.formats.store.lock import LOCK_NAME, locked

HOLD = """
import sys, time
from pathlib import Path
from temtrack.formats.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_refused_until_the_holder_is_gone_however_it_went(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="another process is writing into it"), locked(tmp_path):
            pass
        holder.kill()
    assert (tmp_path / LOCK_NAME).exists()  # left by the dead, and held by nobody
    with locked(tmp_path):
        pass
    assert not any(tmp_path.iterdir())


def test_it_is_given_back_where_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new"):
        raise ZeroDivisionError
    with locked(tmp_path / "new"):
        pass


def test_a_place_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "file" / "below"):
        pass
