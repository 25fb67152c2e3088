"""The shipped bundle's card says what its bundle.json says."""

import re

from model.bundle.load import load_bundle
from places import ROOT

FOLDER = ROOT / "bundles" / "agnews-transformer"


def test_the_card_has_the_bundles_figures():
    bundle = load_bundle(FOLDER)
    card = (FOLDER / "README.md").read_text()
    test, training = bundle.metrics["test"], bundle.training
    assert re.findall(r"\*\*Accuracy ([\d.]+)\*\*", card) == [f"{test['accuracy']:.3f}"]
    table = re.findall(r"^\| (\S+) \| [\d.]+ \| ([\d.]+) \| [\d.]+ \|$", card, re.M)
    assert dict(table) == {label: f"{share:.3f}" for label, share in test["recall"].items()}
    held_out = training["validation_rows"] + training.get("conformal_rows", 0)
    rows = training["rows"] + held_out
    for said in (
        f"{test['rows']:,} items",
        f"{rows:,} items",
        f"{held_out} were held out",
        f"{training['epochs']} epochs ({training['seconds']:.0f} seconds)",
        f"{bundle.tokenizer['vocab_size']:,} most frequent ones",
        f"up to {bundle.max_tokens} a text",
    ):
        assert said in card, said


def test_the_card_says_under_which_terms_the_corpus_is():
    assert "research and other non-commercial use" in (FOLDER / "README.md").read_text()
