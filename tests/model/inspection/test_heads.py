"""Where a head looks mostly, in words."""

import numpy as np

from model.inspection.heads import habit


def test_habits_in_words():
    tokens = ["[CLS]", "a", "b", "[SEP]"]
    assert habit(np.eye(4), tokens) == ("on the token itself", 1.0)
    assert habit(np.eye(4, k=-1) + np.diag([1, 0, 0, 0]), tokens) == (
        "on the token before",
        0.75,
    )
    last = np.zeros((4, 4))
    last[:, 3] = 1
    assert habit(last, tokens) == ("on “[SEP]”", 1.0)
