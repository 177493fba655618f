"""The pictures of the README, small enough to commit: python docs/make_pictures.py [folder of `vaery demo`]"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent / "pictures"
NAMES = {
    "digits": "digits-new",
    "half": "digits-half-hidden",
    "strange": "digits-strangest",
    "map": "digits-map",
    "tumours": "tumours-ranked",
}
WIDTH, LARGE = 1000, 100_000  # pixels; bytes


def shrink(source: Path, target: Path) -> None:
    """The same picture, smaller and in fewer colours if the file is large: flat tiles only grow by being resampled."""
    if source.stat().st_size < LARGE:
        target.write_bytes(source.read_bytes())
        return
    with Image.open(source) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
        picture.quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


def main(folder: Path) -> None:
    """All of them, from the folder that ``vaery demo`` left."""
    HERE.mkdir(exist_ok=True)
    for name, source in NAMES.items():
        target = HERE / f"{name}.png"
        shrink(folder / f"{source}.png", target)
        print(f"{target}  {target.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("vaery-demo"))
