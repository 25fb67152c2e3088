"""The inside view: against the network itself, by the axioms, and as a page."""

import html.parser
import re

import numpy as np
import pytest

from bert_toys import TOY_DISTILBERT_CONFIG, write_bert
from model import explain
from model.bundle.load import load_bundle
from model.bundle.save import save_bundle
from model.inspection.inside import integrated_gradients, look_inside
from model.networks import bert
from model.training.hugging_face import load_backbone
from toys import toy_network

TEXT = "The teams won: new <b>chip</b> market"
TOKEN_IDS = np.array([2, 5, 6, 13, 9, 3], np.int32)
SPECIAL = np.array([True, False, False, False, False, True])


def classifier(folder, **settings):
    spec, backbone = load_backbone(str(folder), settings.pop("pooling", "pooled"))
    spec = {**spec, "labels": 4, **settings}
    return spec, bert.build_bert(spec, backbone)


@pytest.fixture(scope="module")
def networks(toy_bert, tmp_path_factory):
    folder = write_bert(tmp_path_factory.mktemp("explain") / "distilbert", TOY_DISTILBERT_CONFIG)
    network, spec = toy_network()
    return {
        "bert": classifier(toy_bert),
        "bert, mean": classifier(toy_bert, pooling="mean"),
        "distilbert": classifier(folder),
        "transformer": (spec, network),
    }


@pytest.mark.parametrize("kind", ["bert", "bert, mean", "distilbert", "transformer"])
def test_inside_is_the_network_itself(networks, kind):
    spec, network = networks[kind]
    ids = TOKEN_IDS % 9 + 1 if kind == "transformer" else TOKEN_IDS
    inside = look_inside(spec, network, ids, SPECIAL, steps=8)
    np.testing.assert_allclose(inside.probabilities, network(ids[None])[0], atol=1e-6)
    layers, heads = (1, 2) if kind == "transformer" else (2, 2)
    assert inside.attention.shape == (layers, heads, 6, 6)
    np.testing.assert_allclose(inside.attention.sum(axis=-1), 1, atol=1e-5)
    assert inside.label == inside.probabilities.argmax()


@pytest.mark.parametrize("kind", ["bert", "bert, mean", "distilbert", "transformer"])
@pytest.mark.parametrize("label", [0, 3])
def test_influences_add_up_to_what_the_words_changed(networks, kind, label):
    """The axiom of completeness (Sundararajan et al., 2017, proposition 1)."""
    spec, network = networks[kind]
    ids = TOKEN_IDS % 9 + 1 if kind == "transformer" else TOKEN_IDS
    inside = look_inside(spec, network, ids, SPECIAL, label=label, steps=512)
    changed = inside.probabilities[label] - inside.baseline
    assert inside.influence.sum() == pytest.approx(changed, abs=2e-3)
    assert np.abs(inside.influence).max() > 1e-4
    assert np.all(inside.influence[SPECIAL] == 0)


def test_influence_of_a_linear_network_is_exact():
    """There the gradient is the same all along: it is weight times input."""
    weight = np.array([[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]], np.float32)

    class Linear:
        def run(self, vectors, token_ids):
            import tensorflow as tf

            return tf.einsum("bnh,nh->b", vectors, weight)[:, None], []

    vectors = np.array([[[1.0, 1.0], [2.0, -1.0], [4.0, 5.0]]], np.float32)
    influence = integrated_gradients(Linear(), *_tensors(vectors, 0 * vectors), [[1, 2, 3]], 0, 3)
    np.testing.assert_allclose(influence, [-1.0, -2.0, 5.0], atol=1e-5)


def _tensors(*arrays):
    import tensorflow as tf

    return [tf.constant(array) for array in arrays]


class Page(html.parser.HTMLParser):
    """Collects what the tests ask about, and checks that all tags are closed in order."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def bert_bundle(networks, toy_bert_prepared, tmp_path_factory):
    spec, network = networks["bert"]
    return save_bundle(
        tmp_path_factory.mktemp("bundles") / "toy-bert",
        prepared=toy_bert_prepared,
        network=network,
        spec=spec,
        training={"recipe": "finetune", "device": "cpu"},
        metrics={},
        name="toy-bert",
    )


def test_the_page_of_a_bert(bert_bundle, tmp_path, capsys):
    output = tmp_path / "explain.html"
    arguments = ["--model", bert_bundle.path, "--text", TEXT, "--output", str(output)]
    assert explain.main(arguments) == 0, capsys.readouterr().err
    source = output.read_text(encoding="utf-8")
    page = Page(source)
    assert "<b>chip" not in source and not re.search(r'(?:src|href)="(?!data:|#)', source)
    assert "<script" not in source and "@import" not in source and "url(" not in source
    # Two layers of two heads: a small map and a large one each, and the mean of them all.
    maps = [attrs for tag, attrs in page.tags if tag == "svg" and attrs.get("role") == "img"]
    assert len(maps) == 9 and all(attrs["aria-label"] for attrs in maps)
    assert len({attrs["href"] for tag, attrs in page.tags if tag == "image"}) == 5
    headings = [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert headings == ["h1", "h2", "h2", "h2", "h3", "h3"]
    assert "The text goes on for 1 more token, which" in source
    # The tokens stand on both axes, drawn once and used by all maps.
    inside_svg = [t for tag, t in page.tags if tag == "text"]
    assert len(inside_svg) == 2 * 16


def test_the_page_about_another_label_says_so(toy_bundle, tmp_path, capsys):
    output = tmp_path / "explain.html"
    arguments = ["--model", toy_bundle.path, "--text", "the team won", "--output", str(output)]
    assert explain.main([*arguments, "--label", "World"]) == 0, capsys.readouterr().err
    text = "".join(Page(output.read_text(encoding="utf-8")).text)
    assert "Why not World?" in text and "gives this text the label Sports" in text


def test_the_page_of_the_small_transformer(toy_bundle, tmp_path, capsys):
    output = tmp_path / "explain.html"
    arguments = ["--model", toy_bundle.path, "--text", "the team won", "--output", str(output)]
    assert explain.main([*arguments, "--label", "Sports"]) == 0, capsys.readouterr().err
    page = Page(output.read_text(encoding="utf-8"))
    text = "".join(page.text)
    assert "Why Sports?" in text
    assert "newsbeam ." not in text  # a checkout has no version
    influence = dict(re.findall(r"\n\s*(the|team|won)([+−]\d\.\d{3})", text))
    assert set(influence) == {"the", "team", "won"}
    assert influence["team"].startswith("+") and influence["won"].startswith("+")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--text", "the team", "--label", "Weather"], "no label is called 'Weather': Business"),
        (["--text", " \u200b"], "the text has no words"),
    ],
)
def test_what_cannot_be_explained_gives_one_line(bert_bundle, tmp_path, capsys, flags, message):
    output = str(tmp_path / "explain.html")
    assert explain.main(["--model", bert_bundle.path, *flags, "--output", output]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "explain.html").exists()


def test_no_bundle_gives_one_line(tmp_path, capsys):
    output = str(tmp_path / "explain.html")
    code = explain.main(["--model", str(tmp_path), "--text", "a", "--output", output])
    error = capsys.readouterr().err
    assert code == 2 and "no bundle" in error and error.count("\n") == 1


def test_the_bundle_is_left_as_it_was(bert_bundle):
    assert load_bundle(bert_bundle.path).digest == bert_bundle.digest
