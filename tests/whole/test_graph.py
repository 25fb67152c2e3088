"""The job graph as it is sent to a runner: its stages, what crosses shuffles, its size."""

import apache_beam as beam
import pyarrow as pa
import pytest

from model.engines.choose import EngineChoice
from pipeline import layout, storage
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import save_plan, stream_items
from pipeline.corpus.sources import Columns, ReadSettings, Source, WorkItem
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.output.work import work_folder
from pipeline.score import build
from pipeline.stages.context import RunContext

SERVICE_LIMIT = 10_000_000  # bytes of a job graph that Dataflow takes
DATAFLOW = [  # without the runner itself: it would look for credentials
    "--project=p",
    "--region=europe-west1",
    "--sdk_container_image=europe-docker.pkg.dev/p/newsbeam/newsbeam",
    "--dataflow_preset=gpu",
]


def plan_of(files: int, items: int) -> Plan:
    sources = [
        Source(f"gs://news/corpus/{n:06d}.parquet", "parquet", 1 << 20, 1000, f"checksum:{n}", None)
        for n in range(files)
    ]
    return Plan(
        settings={
            "bundle": "0" * 64,
            "engine": list(EngineChoice("tensorflow", "float32", 16384)),
            "max_tokens": 256,
            "version": "0.1.0",
        },
        columns=Columns(("title",), None, (), None),
        schema={"title": pa.string()},
        reading=ReadSettings(16384, None, None),
        sources=sources,
        items=[WorkItem(n, n * files // items, 0, 1000) for n in range(items)],
        skipped=[],
    )


def graph_of(plan: Plan, argv=(), then=None, chooses=False):
    _, options = parse(ScoreOptions, list(argv), "score", "")
    pipeline = beam.Pipeline(options=options)
    work = work_folder("gs://news/out", plan)
    context = RunContext(
        work, "gs://news/out", "gs://news/model", then, chooses=chooses, max_error_rate=0.01
    )
    build(pipeline, context)
    return pipeline, pipeline.to_runner_api()


@pytest.fixture(scope="module")
def graph():
    return graph_of(plan_of(3, 9), DATAFLOW)


def test_the_stages_are_the_designs(graph):
    _, proto = graph
    root = proto.components.transforms[proto.root_transform_ids[0]]
    stages = [proto.components.transforms[name].unique_name for name in root.subtransforms]
    assert stages == ["Plan", "Read", "Languages", "Tokenize", "Score", "Write", "Publish"]


@pytest.fixture(scope="module")
def cascade_graph():
    plan = plan_of(3, 9)
    engine = list(EngineChoice("openvino", "float32", 512))
    plan.settings.update({"then": "1" * 64, "then_engine": engine, "confidence": 0.9})
    return graph_of(plan, DATAFLOW, "gs://news/large")


def test_a_cascade_is_one_stage_more(cascade_graph):
    _, proto = cascade_graph
    root = proto.components.transforms[proto.root_transform_ids[0]]
    stages = [proto.components.transforms[name].unique_name for name in root.subtransforms]
    assert stages == [
        "Plan",
        "Read",
        "Languages",
        "Tokenize",
        "Score",
        "Rescore",
        "Write",
        "Publish",
    ]


def test_a_promise_is_one_stage_before_all_others(cascade_graph):
    _, proto = graph_of(plan_of(3, 9), DATAFLOW, "gs://news/large", chooses=True)
    root = proto.components.transforms[proto.root_transform_ids[0]]
    stages = [proto.components.transforms[name] for name in root.subtransforms]
    assert [stage.unique_name for stage in stages][:3] == ["Choose", "Plan", "Read"]
    assert list(stages[1].inputs.values()) == list(stages[0].outputs.values())


@pytest.mark.parametrize("which, tables_on_the_way", [("graph", 3), ("cascade_graph", 4)])
def test_no_table_crosses_a_shuffle(which, tables_on_the_way, request):
    """Between the one shuffle of the plan and the count of what is written, all is one stage."""
    pipeline, _ = request.getfixturevalue(which)
    tables, shuffled = set(), []

    class Visitor(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node):
            if node.full_label.startswith(("Read/", "Tokenize/", "Score/", "Rescore/")):
                tables.update(output.producer.full_label for output in node.outputs.values())
            if isinstance(node.transform, beam.GroupByKey):
                shuffled.append((node.full_label, feeding(node.inputs[0].producer)))

    def feeding(node):
        """What comes before a shuffle, down to the last shuffle or the start."""
        found = []
        while node is not None and not isinstance(node.transform, beam.GroupByKey):
            found.append(node.full_label)
            node = node.inputs[0].producer if node.inputs else None
        return found

    pipeline.visit(Visitor())
    assert len(tables) == tables_on_the_way
    before = [label for label, _ in shuffled]
    assert [label.split("/")[0] for label in before].count("Plan") == 1
    assert {label.split("/")[0] for label in before} == {"Plan", "Publish"}
    assert not any(
        label.split("/")[0] in ("Read", "Languages", "Tokenize", "Score", "Rescore", "Write")
        for label in before
    )
    for label, upstream in shuffled:
        direct = upstream[: next((i for i, name in enumerate(upstream) if name in tables), None)]
        if len(direct) < len(upstream):  # the chain itself: only a count may leave it
            assert any("AllWritten" in name for name in direct), label


def test_what_is_shuffled_is_small(graph):
    pipeline, _ = graph
    kinds = {}

    class Visitor(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node):
            if isinstance(node.transform, beam.GroupByKey):
                kinds[node.full_label] = node.inputs[0].element_type

    pipeline.visit(Visitor())
    assert len(kinds) == 6  # items; count, footers, statistics, parts, their names
    for label, kind in kinds.items():
        assert "Table" not in str(kind), (label, kind)


def test_the_options_are_in_it(graph):
    pipeline, _ = graph
    sent = pipeline.options.get_all_options(drop_default=True)
    assert sent["sdk_container_image"].endswith("/newsbeam")
    assert sent["sdk_location"] == "container"
    assert sent["machine_type"] == "g2-standard-8"
    assert "no_use_multiple_sdk_containers" in sent["experiments"]
    assert sent["dataflow_service_options"] == [
        "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
    ]


def test_its_size_does_not_depend_on_the_corpus(graph):
    _, small = graph
    _, large = graph_of(plan_of(20_000, 60_000), DATAFLOW)
    assert abs(large.ByteSize() - small.ByteSize()) < 1000  # pickles are packed
    assert large.ByteSize() < SERVICE_LIMIT / 50


def test_the_plan_lies_in_a_file(tmp_path):
    plan = plan_of(20_000, 60_000)
    path = storage.join(str(tmp_path), layout.PLAN)
    save_plan(plan, path)
    content = (tmp_path / layout.PLAN).read_bytes()
    assert len(content) < 1 << 20
    assert len(list(tmp_path.iterdir())) == 20
    assert len(list(stream_items(path))) == 60_000
