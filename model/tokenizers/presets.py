"""What KerasHub knows by a preset's name: a BERT's backbone, and its tokenizer's vocabulary."""

import difflib
from typing import Any

from model.console.terminal import first_line

SCHEMES = ("kaggle://", "hf://", "modelscope://")


class PresetError(ValueError):
    """What is wrong with a preset, in one line that says what to do."""


def load_preset(name: str, kind: Any) -> Any:
    """Loads a preset, from KerasHub's cache or from where it is published.

    Args:
        name: of the preset (`bert_tiny_en_uncased`, `hf://someone/model`), or its folder.
        kind: the class of KerasHub that has it: `Backbone` or `Tokenizer`.

    Raises:
        PresetError: KerasHub has no such preset, or it cannot be loaded.
    """
    try:
        return kind.from_preset(name)
    except Exception as error:
        reason = first_line(error)
        if "Unknown preset" in reason and not name.startswith(SCHEMES):
            raise PresetError(f"{name}: {_unknown(name)}") from error
        raise PresetError(f"{name}: KerasHub cannot load it: {reason}") from error


def _unknown(name: str) -> str:
    import keras_hub

    backbones = (keras_hub.models.BertBackbone, keras_hub.models.DistilBertBackbone)
    known = sorted(preset for backbone in backbones for preset in backbone.presets)
    near = difflib.get_close_matches(name, known, n=1) or ["bert_tiny_en_uncased"]
    return f"neither a Hugging Face directory nor a KerasHub preset, such as {near[0]}"
