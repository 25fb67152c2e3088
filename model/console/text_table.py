"""A table in plain text, for a terminal."""

from collections.abc import Collection, Sequence

from model.console.terminal import visible


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()
) -> list[str]:
    """The lines of a table, its header first.

    Args:
        header: names of the columns.
        rows: their cells.
        right: the columns whose cells stand on the right.
    """
    lines = [[visible(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(line, widths, header, strict=True)
        ).rstrip()
        for line in lines
    ]
