"""Where the configuration that ships with this package lies."""

from pathlib import Path


def config_directory() -> Path:
    """`worker/_config` in an installed wheel, the checkout's `config/` otherwise."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_config"
    return installed if installed.is_dir() else package.parent / "config"
