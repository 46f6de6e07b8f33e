"""A Slurm of this one machine, of its own: begun for a test, ended with it, whatever happens to the test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "setpriv")
TIMEOUT_S = 120

#: Stands in the environment of all that runs under this Slurm, with its folder as value.
MARK = "TEMTRACK_TEST_SLURM"

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
GresTypes=gpu
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000 Gres=gpu:1
PartitionName=cpu Nodes={host} Default=YES
PartitionName=gpu Nodes={host}
"""


def missing_programs() -> list[str]:
    """Return the programs of Slurm that are not on this machine."""
    return [name for name in NEEDED if shutil.which(name) is None]


@dataclass
class Slurm:
    """A controller and a node of two CPUs and a GPU that is none, with partitions cpu and gpu."""

    folder: Path
    daemons: list[subprocess.Popen] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to speak to this Slurm and to no other."""
        here = {"SLURM_CONF": str(self.folder / "slurm.conf"), MARK: str(self.folder)}
        return {**os.environ, **here, "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def ask(self, *command: str) -> str:
        """Run a command of Slurm and return what it says."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def start(self) -> None:
        self._configure()
        self._begin("munged", "--foreground", "--force", *self._munge_files())
        wait_for((self.folder / "munge.socket").exists, "munge")
        self._begin("slurmctld", "-D")
        self._begin("slurmd", "-D")
        wait_for(lambda: self.ask("sinfo", "-h", "-o", "%T") == "idle", "an idle node")

    def stop(self) -> None:
        """End the jobs, the daemons and, by their mark, all that outlived them."""
        self.ask("scancel", "--user", "root")
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for pid in self.processes():
            kill(pid)

    def processes(self) -> list[int]:
        """Return the processes that this Slurm, or a command with its environment, began."""
        return [pid for pid, known in environments() if known.get(MARK) == str(self.folder)]

    def _configure(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "key").touch(0o600)
        (self.folder / "key").write_bytes(os.urandom(1024))
        ports = dict(zip(("controller_port", "node_port"), free_ports(2), strict=True))
        host = socket.gethostname().partition(".")[0]
        text = CONFIGURATION.format(host=host, folder=self.folder, **ports)
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        # Snakemake takes all SLURM_ variables from the srun within a job, so srun would ask for another Slurm
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)

    def _munge_files(self) -> list[str]:
        names = {"key-file": "key", "socket": "munge.socket", "pid-file": "munge.pid"}
        names |= {"log-file": "munge.log", "seed-file": "munge.seed"}
        return [f"--{option}={self.folder / name}" for option, name in names.items()]

    def _begin(self, *command: str) -> None:
        # setpriv ends the daemon also where this process is killed and never comes to `stop`
        words = ["setpriv", "--pdeathsig", "TERM", *command]
        with (self.folder / f"{command[0]}.out").open("w") as out:
            daemon = subprocess.Popen(words, env=self.environment, stdout=out, stderr=out)
        self.daemons.append(daemon)


@contextmanager
def running_slurm(folder: Path) -> Iterator[Slurm]:
    slurm = Slurm(folder)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


def wait_for(done: Callable[[], object], what: str, timeout_s: float = TIMEOUT_S) -> None:
    end_s = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end_s, f"waited in vain for {what}"
        time.sleep(0.05)


def environments() -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each process that can be read, with its environment."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            entries = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        yield int(path.parent.name), dict(entry.split("=", 1) for entry in entries if "=" in entry)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        os.kill(pid, 9)


def free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
