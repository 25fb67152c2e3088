"""Which versions are installed, our own among them."""

from importlib.metadata import PackageNotFoundError, version


def package_version(name: str = "newsbeam") -> str | None:
    """The installed version; our own is `checkout` where only that is there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "checkout" if name == "newsbeam" else None
