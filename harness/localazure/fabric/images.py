"""A managed image as the fabric reads it: ``image.json`` (docs/reference/managed-image.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CloudError


@dataclass(frozen=True)
class Image:
    """What a machine's root is made of."""

    layers: tuple[Path, ...]
    """Overlay layers, top first."""
    seeds: dict[str, Path]
    """Path in the machine -> folder whose clone is there at first boot."""
    copied: tuple[str, ...]
    """Name patterns of files that a clone copies instead of sharing."""
    volumes: tuple[str, ...]
    """Paths in the machine that may not be on an overlay."""

    @classmethod
    def read(cls, folder: Path) -> Image:
        """Read and check a managed image.

        :raises CloudError: a file or folder that it needs is missing, or it is malformed.
        """
        file = folder / "image.json"
        try:
            raw = json.loads(file.read_text())
            image = cls(
                layers=tuple(Path(layer) for layer in raw["layers"]),
                seeds={path: Path(seed) for path, seed in raw["seeds"].items()},
                copied=tuple(raw["copied"]),
                volumes=tuple(raw["volumes"]),
            )
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise CloudError(
                f"read the managed image {folder}",
                code="InvalidImage",
                last_seen=f"{type(error).__name__}: {error}",
                hint=f"{file} must be as `harness build` writes it",
            ) from error
        missing = [str(path) for path in (*image.layers, *image.seeds.values()) if not path.is_dir()]
        if missing or not image.layers:
            raise CloudError(
                f"use the managed image {folder}",
                code="InvalidImage",
                last_seen=f"missing folders: {', '.join(missing) or 'no layers'}",
                hint="the build cache lost it; build again",
            )
        return image
