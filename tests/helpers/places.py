"""Where things lie, for tests that are in rooms of their own."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
