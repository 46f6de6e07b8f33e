"""The runner by itself, with a command whose work is a function of the test."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from temtrack.cli.inputs import gather
from temtrack.cli.options import command
from temtrack.cli.runner import RunOptions, Task, run_each
from temtrack.errors import InputError, InterruptedRunError, TemtrackError
from temtrack.pipeline.recorded import Options


@dataclass(frozen=True, kw_only=True)
class CopyOptions(Options):
    shout: bool = False


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A command that copies texts; ``copy.work`` may be set, and ``copy.loads`` counts how often it began."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        Path(f"{name}.txt").write_text(name)

    def work(job):
        job.place.write_text(job.source.read_text())
        return {"n_letters": 1}

    def load():
        invoke.loads += 1
        return lambda job: invoke.work(job)

    app = typer.Typer()

    @app.command()
    @command(words=typer.Argument(), shout=typer.Option())
    def copying(words: list[str], how: CopyOptions, run: RunOptions, out: Path = Path("out")) -> None:
        inputs = gather(words, run.shard)
        task = Task(
            how,
            load=load,
            target=lambda job: out / job.source.name if inputs.many else out,
            content=lambda job: job.source.read_text(),
            detail=lambda job: {"text": job.place.read_text()},
            together=lambda rows: {"n_letters": sum(row["n_letters"] for row in rows)},
        )
        run_each("copy", inputs, task, run)

    def invoke(*words):
        return CliRunner().invoke(app, list(words))

    invoke.work, invoke.loads = work, 0
    return invoke


def test_one_document_tells_of_inputs_and_what_they_tell_together(copy):
    told = json.loads(copy("b.txt", "a.txt", "--json").stdout)
    first = {"input": "a.txt", "output": "out/a.txt", "state": "done", "n_letters": 1, "text": "a"}
    assert told == {"inputs": [first, first | {"input": "b.txt", "output": "out/b.txt", "text": "b"}],
                    "failed": 0, "n_letters": 2}  # fmt: skip
    alone = json.loads(copy("a.txt", "-o", "x.txt", "--json").stdout)
    assert alone == {"inputs": [first | {"output": "x.txt"}], "failed": 0, "n_letters": 1}
    assert copy("a.txt", "-o", "x.txt").stdout.count("a.txt") == 1


def test_the_error_of_the_only_input_is_the_commands_own(copy):
    def fail(job):
        raise InputError("a.txt: is empty")

    def stumble(job):
        raise ZeroDivisionError

    copy.work = fail
    result = copy("a.txt", "--json")
    assert isinstance(result.exception, InputError)
    assert json.loads(result.stdout)["inputs"] == [
        {"input": "a.txt", "output": "out", "state": "failed", "reason": "a.txt: is empty"}
    ]
    copy.work = stumble
    assert isinstance(copy("a.txt").exception, ZeroDivisionError)
    assert not Path("batch.jsonl").exists()


def test_nothing_is_loaded_where_nothing_can_be_done(copy):
    assert isinstance(copy("none.txt").exception, TemtrackError)
    assert copy("a.txt", "b.txt").exit_code == 0
    assert copy("a.txt", "b.txt", "--resume").exit_code == 0
    assert copy.loads == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, lambda: InterruptedRunError("out/b.txt: unfinished")])
def test_an_interrupted_one_of_many_goes_on_with_the_rest(copy, stop):
    work = copy.work

    def interrupted(job):
        if job.source.name == "b.txt":
            raise stop()
        return work(job)

    copy.work = interrupted
    result = copy("a.txt", "b.txt", "c.txt")
    assert result.exception.exit_code == 130
    assert "b.txt: interrupted; the same command with --resume" in str(result.exception)
    records = [json.loads(line) for line in Path("out/batch.jsonl").read_text().splitlines()]
    assert [(r["output"], r["state"]) for r in records[-2:]] == [("b.txt", "running"), ("b.txt", "failed")]
    jobs = []
    copy.work = lambda job: jobs.append(job) or work(job)
    assert copy("a.txt", "b.txt", "c.txt", "--resume").exit_code == 0
    assert [(job.source.name, job.request.begun, job.request.may_overwrite) for job in jobs] == [
        ("b.txt", True, True),
        ("c.txt", False, False),
    ]


def test_options_that_say_what_is_made_decide_and_those_that_say_how_do_not(copy):
    assert copy("a.txt", "b.txt").exit_code == 0
    assert copy("a.txt", "b.txt", "--resume", "--no-keep-going", "--shard", "1/1").exit_code == 0
    stale = copy("a.txt", "b.txt", "--resume", "--shout")
    assert "done with other options" in str(stale.exception)


def test_a_refused_input_of_many_does_not_stop_the_others(copy):
    result = copy("a.txt", "none.txt", "--json")
    assert result.exception.exit_code == 3
    told = json.loads(result.stdout)
    assert [one["state"] for one in told["inputs"]] == ["done", "failed"]
    assert told["failed"] == 1
