"""The card of the shipped BERT says what its bundle says, and the repository can carry it."""

import re

from model.bundle.load import load_bundle
from places import ROOT

FOLDER = ROOT / "bundles" / "agnews-bert"


def test_the_card_has_the_bundles_figures():
    bundle = load_bundle(FOLDER)
    card = (FOLDER / "README.md").read_text()
    test = bundle.metrics["test"]
    assert re.findall(r"\*\*Accuracy ([\d.]+)\*\*", card) == [f"{test['accuracy']:.3f}"]
    table = dict(re.findall(r"^\| (\S+) \| ([\d.]+) \|$", card, re.M))
    assert table == {label: f"{share:.3f}" for label, share in test["recall"].items()}
    for said in (
        f"{test['rows']:,} items",
        f"expected calibration error {test['calibration_error']:.3f}",
        f"{bundle.training['parameters']:,} parameters",
        f"the {bundle.tokenizer['vocab_size']:,} that the training texts use most",
        "research and other non-commercial use",
    ):
        assert said in card, said


def test_it_is_small_enough_to_come_with_the_code():
    sizes = [file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(sizes) <= 25_000_000
