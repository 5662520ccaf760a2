from pathlib import Path


def staged_path() -> Path:
    """A file that is copied into projects, and imported there."""
    return Path(__file__).with_name("staged.py")


def telling_path() -> Path:
    """Another one."""
    return Path(__file__).with_name("telling.py")
