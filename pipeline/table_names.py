"""How tables are named on a command line: `delta:URI[@version]`, `iceberg:CATALOG.NAMESPACE.TABLE`.

An Iceberg table's version is the number of a snapshot. A version is what stands behind the last
`@`, if that is digits only; so a folder or a bucket may have an `@` in its name.
"""

import re
from typing import NamedTuple

from pipeline.errors import UsageError

DELTA = "delta"
ICEBERG = "iceberg"
KINDS = (DELTA, ICEBERG)
_VERSION = re.compile(r"(.+)@(\d+)", re.DOTALL)


class TableName(NamedTuple):
    """A table, and perhaps one of its versions.

    Attributes:
        kind: `delta` or `iceberg`.
        name: the URI of a Delta table's root, or `CATALOG.NAMESPACE.TABLE`.
        version: a Delta version, or the number of an Iceberg snapshot; None for the latest.
    """

    kind: str
    name: str
    version: int | None = None

    @property
    def catalog(self) -> str:
        """The name of an Iceberg catalogue, as pyiceberg's configuration has it."""
        return self.name.partition(".")[0]

    @property
    def identifier(self) -> str:
        """`NAMESPACE.TABLE` of an Iceberg table; a namespace may have dots."""
        return self.name.partition(".")[2]

    @property
    def latest(self) -> str:
        """The table without a version, as it is written on a command line."""
        return f"{self.kind}:{self.name}"

    def __str__(self) -> str:
        return self.latest if self.version is None else f"{self.latest}@{self.version}"


def is_table(text: str) -> bool:
    """Whether a text begins as the name of a table does."""
    return text.partition(":")[0] in KINDS and ":" in text


def parse_table(text: str) -> TableName:
    """Takes the name of a table apart.

    Raises:
        UsageError: if it is none.
    """
    kind, _, rest = text.partition(":")
    if not is_table(text):
        raise UsageError(
            f"{text!r} names no table; tables are delta:URI or iceberg:CATALOG.NAMESPACE.TABLE"
        )
    match = _VERSION.fullmatch(rest)
    name, version = (match[1], int(match[2])) if match else (rest, None)
    if kind == DELTA and (not name.strip("/") or "\0" in name):
        raise UsageError(f"{text!r} names no Delta table: the folder or URI of its root is missing")
    if kind == ICEBERG and (len(parts := name.split(".")) < 3 or not all(parts)):
        raise UsageError(
            f"{text!r} names no Iceberg table: it takes CATALOG.NAMESPACE.TABLE, "
            "where CATALOG is one of pyiceberg's configuration"
        )
    return TableName(kind, name, version)
