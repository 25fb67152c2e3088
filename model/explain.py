"""Shows why a text got its label, as one HTML page: `python -m model.explain`.

The page has each token's influence on the label (integrated gradients) and what each attention head
looks at, as heat maps with the tokens on both axes, after figure 3 of Bahdanau, Cho and Bengio,
"Neural Machine Translation by Jointly Learning to Align and Translate", 2015 (arXiv:1409.0473). It
needs no network and no script.
"""

import base64
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model import bundle
from model.arguments import Parser
from model.commands import import_keras, run_command
from model.terminal import say

MARKS = ("[CLS]", "[SEP]")
ACCENT = (45, 110, 220)  # reads well on white and on near-black
CELL = 15  # pixels of a token in a large heat map


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog="model.explain", description=__doc__)
    flags.add_argument("--model", required=True, help="folder of the bundle")
    flags.add_argument("--text", required=True, help="what to label")
    flags.add_argument("--label", help="the label to explain; default: the most probable one")
    flags.add_argument("--output", required=True, help="the HTML file to write")
    options = flags.parse_args(arguments)

    def command() -> None:
        saved = bundle.load_bundle(options.model)
        page = explain(saved, options.text, options.label)
        Path(options.output).write_text(page, encoding="utf-8")
        say(f"the page lies in {options.output}")

    return run_command("model.explain", command)


def explain(saved: bundle.Bundle, text: str, label: str | None = None) -> str:
    """The page about one text.

    Args:
        saved: the bundle that labels it.
        text: at least one token.
        label: the label to explain; None is the most probable one.

    Raises:
        ValueError: the text has no tokens, or there is no such label.
    """
    import jinja2
    import pyarrow as pa

    import_keras()
    from model.inspection.inside import look_inside
    from model.networks.registry import build_network
    from model.tokenizers.tokenizer import Tokenizer

    if label is not None and label not in saved.labels:
        raise ValueError(f"no label is called {label!r}: {', '.join(saved.labels)}")
    token_ids, counts = Tokenizer(saved.transform_dir)(pa.array([text]))
    ids = np.asarray(token_ids[0].as_py(), np.int32)
    vocabulary = read_pieces(saved.transform_dir)
    tokens = [vocabulary[i] for i in ids]
    if not [token for token in tokens if token not in MARKS]:
        raise ValueError("the text has no words")
    network = build_network(saved.model)
    network.load_weights(saved.weights_file)
    inside = look_inside(
        saved.model,
        network,
        ids,
        marks=np.array([token in MARKS for token in tokens]),
        label=None if label is None else saved.labels.index(label),
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "inspection" / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("explain.html").render(
        **page_content(saved, text, tokens, counts[0].as_py(), inside)
    )


def page_content(
    saved: bundle.Bundle, text: str, tokens: list[str], count: int, inside: Any
) -> dict[str, Any]:
    """What the template shows.

    Args:
        saved: the bundle.
        text: as it was given.
        tokens: as the network read them, n.
        count: tokens in the text before the cut.
        inside: what `look_inside` found.
    """
    by_label = sorted(zip(saved.labels, inside.probabilities, strict=True), key=lambda p: -p[1])
    strongest = max(float(np.abs(inside.influence).max()), 1e-9)
    words = [
        {
            "place": place,
            "text": token.removeprefix("##"),
            "joined": token.startswith("##"),
            "mark": token in MARKS,
            "influence": float(influence),
            "share": float(influence) / strongest,
        }
        for place, (token, influence) in enumerate(zip(tokens, inside.influence, strict=True), 1)
    ]
    layers = [
        {
            "number": number,
            "heads": [heat_map(matrix, tokens, number, h) for h, matrix in enumerate(layer, 1)],
        }
        for number, layer in enumerate(inside.attention, 1)
    ]
    return {
        "bundle": saved,
        "text": text,
        "label": saved.labels[inside.label],
        "probability": float(inside.probabilities[inside.label]),
        "blank": inside.blank,
        "gap": inside.probabilities[inside.label] - inside.blank - inside.influence.sum(),
        "labels": [(name, float(probability)) for name, probability in by_label],
        "words": words,
        "ranked": sorted(words, key=lambda word: -abs(word["influence"])),
        "tokens": tokens,
        "cut": max(0, count - len(tokens)),
        "cell": CELL,
        "margin": 8 + 7 * min(14, max(map(len, tokens))),
        "layers": layers,
        "average": heat_map(inside.attention.mean(axis=(0, 1)), tokens, 0, 0),
    }


def heat_map(matrix: np.ndarray, tokens: list[str], layer: int, head: int) -> dict[str, Any]:
    """A head's attention as an image of a pixel a cell, and in words.

    The cells are one colour, and the more opaque the stronger, so that the map reads on a light
    page and on a dark one. The square root brings out the weak ones.

    Args:
        matrix: float [n, n], from (row) and to (column) a token; rows add up to 1.
        tokens: n of them.
        layer: from 1.
        head: from 1.
    """
    from matplotlib.image import imsave

    opacity = np.sqrt(matrix / max(float(matrix.max()), 1e-9))
    pixels = np.empty((*matrix.shape, 4), np.uint8)
    pixels[..., :3] = ACCENT
    pixels[..., 3] = np.round(opacity * 255)
    png = io.BytesIO()
    imsave(png, pixels, format="png")
    row, column = np.unravel_index(int(matrix.argmax()), matrix.shape)
    target, share = habit(matrix, tokens)
    return {
        "id": f"layer-{layer}-head-{head}",
        "layer": layer,
        "head": head,
        "image": "data:image/png;base64," + base64.b64encode(png.getvalue()).decode(),
        "habit": f"{100 * share:.0f} % {target}",
        "strongest": f"“{tokens[row]}” to “{tokens[column]}”, {100 * matrix[row, column]:.0f} %",
    }


def habit(matrix: np.ndarray, tokens: list[str]) -> tuple[str, float]:
    """Where a head looks mostly, of the places that heads are known to look at.

    Clark et al., "What Does BERT Look At?", 2019 (arXiv:1906.04341), section 3.

    Returns:
        The place in words, and the share of the attention that it gets.
    """
    n = len(tokens)
    shares = {
        "on the token itself": np.trace(matrix) / n,
        "on the token before": np.trace(matrix, offset=-1) / n,
        "on the next token": np.trace(matrix, offset=1) / n,
    }
    for token in dict.fromkeys(tokens):
        columns = [place for place, other in enumerate(tokens) if other == token]
        shares[f"on “{token}”"] = matrix[:, columns].sum() / n
    place = max(shares, key=lambda name: shares[name])
    return place, float(shares[place])


def read_pieces(transform_dir: str) -> list[str]:
    """The tokens by their ids, from the vocabulary that lies in a transform.

    Raises:
        BundleError: There is none, or more than one.
    """
    files = [file for file in Path(transform_dir, "transform_fn", "assets").glob("*")]
    if len(files) != 1:
        raise bundle.BundleError(f"{transform_dir} holds {len(files)} vocabularies instead of one")
    return files[0].read_text(encoding="utf-8").split("\n")


if __name__ == "__main__":
    sys.exit(main())
