"""Values of options: one type each, and one line for what it doesn't take."""

import argparse

import pytest

from model.console import values


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (values.positive, {"1": 1, "16_384": 16384}, ["0", "-1", "1.5", "many", "2147483648"]),
        (values.row_count, {"2147483648": 2147483648}, ["0", "1e9"]),
        (values.share, {"0": 0, "1": 1, "0.25": 0.25}, ["-0.1", "1.1", "nan", "half"]),
        (values.share_below_1, {"0": 0, "0.999": 0.999}, ["1", "-0.1", "nan", "half"]),
        (values.certainty, {"1": 1, "1e-9": 1e-9}, ["0", "1.01", "nan", "high"]),
        (values.above_zero, {"2": 2, "0.5": 0.5}, ["0", "inf", "nan", "hot"]),
        (values.promise, {"0.98": 0.98}, ["0", "1", "nan", "high"]),
        (values.language_codes, {"en, DE,en": ["de", "en"]}, ["english", "e"]),
    ],
)
def test_what_is_taken_and_what_is_refused(kind, taken, refused):
    for text, value in taken.items():
        assert kind(text) == value
    for text in refused:
        with pytest.raises(argparse.ArgumentTypeError, match=r"is not|is no|is more than") as told:
            kind(text)
        assert text in str(told.value)
