"""Is a fine-tuned bundle the same model in `transformers` on PyTorch?

Two halves, since PyTorch is no dependency of ours (`pip install .[peers]` brings it, best into an
environment of its own). The first needs newsbeam, the second only the extra:

    python -m benchmarks.hugging_face export --model bundle --backbone DIR --output hf
    python -m benchmarks.hugging_face compare --model hf --input test.parquet --labels labels

`export` writes a bundle's weights as the Hugging Face directory of a `...ForSequenceClassification`
beside the files of the checkpoint that it was trained from. `compare` labels the corpus by that
directory, its own tokenizer included, and compares with what `pipeline.score` wrote.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

KEPT = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def export(model: str, backbone: str, output: str) -> None:
    """Writes the weights of a bundle as a Hugging Face directory.

    Args:
        model: The bundle: a BERT whose features are the pooled output.
        backbone: The Hugging Face directory that it was trained from.
        output: The directory to write.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import numpy as np
    from keras_hub.src.utils.transformers import convert_bert
    from safetensors.numpy import load_file, save_file

    from model.bundle.load import load_bundle

    saved = load_bundle(model)
    if saved.model.get("architecture") != "bert" or saved.model["pooling"] != "pooled":
        raise SystemExit("export knows only a BERT whose features are the pooled output")
    network = saved.network()
    checkpoint = load_file(os.path.join(backbone, "model.safetensors"))
    shapes = {name.removeprefix("bert."): tensor.shape for name, tensor in checkpoint.items()}
    tensors: dict[str, np.ndarray] = {}

    class Recorder:
        """Asks for the weights as KerasHub's table does, but to give them back."""

        def get_tensor(self, name: str) -> Any:
            return shapes[name]

        def port_weight(self, keras_variable: Any, hf_weight_key: str, hook_fn: Any = None) -> None:
            shape, value = shapes[hf_weight_key], np.asarray(keras_variable)
            transposed = len(shape) == 2 and "embeddings" not in hf_weight_key
            value = value.reshape(shape[::-1]).T if transposed else value.reshape(shape)
            tensors[f"bert.{hf_weight_key}"] = np.ascontiguousarray(value)

    convert_bert.convert_weights(network.get_layer("backbone"), Recorder(), {})
    kernel, bias = network.get_layer("head").get_layer("softmax").weights
    tensors["classifier.weight"] = np.ascontiguousarray(np.asarray(kernel).T)
    tensors["classifier.bias"] = np.asarray(bias)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads(Path(backbone, "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["BertForSequenceClassification"]
    config["id2label"] = dict(enumerate(saved.labels))
    config["label2id"] = {label: index for index, label in enumerate(saved.labels)}
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / "newsbeam.json").write_text(
        json.dumps(
            {
                "max_tokens": saved.max_tokens,
                "text_columns": saved.text_columns,
                "calibration": saved.model.get("calibration"),
            }
        )
    )
    for name in KEPT:
        if Path(backbone, name).is_file():
            shutil.copy(Path(backbone, name), folder / name)


def compare(model: str, corpus: str, labels: str, batch_size: int = 64) -> None:
    """Labels a corpus with `transformers` and compares with what newsbeam wrote.

    Args:
        model: What `export` wrote.
        corpus: A Parquet file.
        labels: The folder that `pipeline.score` wrote for it.
        batch_size: Texts at a time.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    import transformers

    from model.networks.calibration import calibrated

    settings = json.loads(Path(model, "newsbeam.json").read_text())
    columns = pq.read_table(corpus, columns=settings["text_columns"]).to_pydict().values()
    texts = [" ".join(part or "" for part in row) for row in zip(*columns, strict=True)]
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(model).eval()
    theirs = np.zeros((len(texts), network.config.num_labels), np.float32)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=settings["max_tokens"],
                return_tensors="pt",
            )
            theirs[rows] = network(**batch).logits.softmax(-1).numpy()
    theirs = calibrated(theirs, settings["calibration"])  # which their classifier doesn't know
    parts = sorted(Path(labels).glob("part-*.parquet"))
    scored = pa.concat_tables(pq.read_table(p, columns=["label", "probabilities"]) for p in parts)
    ours = np.array(scored["probabilities"].to_pylist(), np.float32)
    names = [network.config.id2label[index] for index in range(theirs.shape[1])]
    their_labels = [names[index] for index in theirs.argmax(axis=1)]
    pairs = zip(scored["label"].to_pylist(), their_labels, strict=True)
    same = sum(our == their for our, their in pairs)
    print(
        f"same label on {same} of {len(texts)} rows; "
        f"probabilities differ by {np.abs(ours - theirs).max():.1e} at most"
    )


def main() -> int:
    """Runs the command line; returns the exit code."""
    flags = argparse.ArgumentParser(prog="benchmarks.hugging_face", description=__doc__)
    flags.add_argument("half", choices=("export", "compare"))
    flags.add_argument("--model", required=True)
    flags.add_argument("--backbone")
    flags.add_argument("--output")
    flags.add_argument("--input")
    flags.add_argument("--labels")
    options = flags.parse_args()
    if options.half == "export":
        export(options.model, options.backbone, options.output)
    else:
        compare(options.model, options.input, options.labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
