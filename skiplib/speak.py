"""Image files spoken into WAV files, from the command line.

`python -m skiplib.speak photo.jpg holiday/*.png --checkpoint RUN --to speech` writes `speech/photo.wav` and
so on, and what the same model writes of each image on the standard output. Without `--checkpoint` the one
that ships speaks, which knows SkipWorld's scenes alone; a run of one's own is a folder under `runs/`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from skiplib.audio import to_waves
from skiplib.checkpoints import load_model
from skiplib.errors import CheckpointError, DataError, SkiplibError
from skiplib.explore import as_seen
from skiplib.files import whole
from skiplib.media import picture
from skiplib.shipped import locate
from skiplib.systems import System

BATCH = 64  # images that are held at once


def speak(
    model: System, images: Sequence[Path], folder: Path, overwrite: bool = False
) -> Iterator[tuple[Path, Path | DataError, str]]:
    """For each image file the WAV written for it in `folder`, named as it is, and the model's own text of it
    ("" where it writes none); or why the file cannot be read, and the others go on.

    Raises `DataError` if two images would be written to one file, or one over what is there without
    `overwrite`, and `CheckpointError` if the model does not speak images; nothing is written then.
    """
    if ("image", "speech") not in model.tasks:
        raise CheckpointError(f"{model.experiment.variant} does not speak what an image shows")
    wavs, taken = [(path, folder / f"{path.stem}.wav") for path in dict.fromkeys(images)], {}
    for path, wav in wavs:
        if (other := taken.setdefault(wav, path)) != path:
            raise DataError(f"{other} and {path} would both be {wav}: give one of them another name")
        if wav.exists() and not overwrite:
            raise DataError(f"{wav} is there already: write to another folder (--to), or say --overwrite")
    for start in range(0, len(wavs), BATCH):
        yield from _batch(model, wavs[start : start + BATCH])


def _batch(model: System, wavs: Sequence[tuple[Path, Path]]) -> Iterator[tuple[Path, Path | DataError, str]]:
    found, pictures = [], []
    for path, wav in wavs:
        try:
            pictures.append(as_seen(picture(path), model.experiment))
            found.append((path, wav))
        except DataError as error:
            yield path, DataError(str(error) if str(path) in str(error) else f"{path}: {error}"), ""
    if not found:
        return
    seen, writes = np.stack(pictures), ("image", "text") in model.tasks
    mels = model.translate(seen, "image", "speech")
    texts = model.translate(seen, "image", "text") if writes else [""] * len(seen)
    audio = model.experiment.audio
    for (path, wav), mel, text in zip(found, mels, texts, strict=True):
        (wave,) = to_waves([mel], audio)
        try:
            with whole(wav) as partial:
                soundfile.write(partial, wave.numpy(), audio.rate, format="WAV")
        except OSError as error:
            raise DataError(f"{wav} cannot be written: {error}") from error
        yield path, wav, text


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0, 1 if an image could not be read, 2 if nothing could be done."""
    parser = argparse.ArgumentParser(prog="python -m skiplib.speak", description=__doc__.split("\n")[0])
    parser.add_argument("image", nargs="+", type=Path, help="files of images, of any common format")
    parser.add_argument("--checkpoint", default="ours_aligned", help="a run's folder name, or a file")
    parser.add_argument("--to", type=Path, default=Path(), help="the folder to write to; default: here")
    parser.add_argument("--overwrite", action="store_true", help="write over what is there")
    given = parser.parse_args(arguments)
    lost = 0
    try:
        model = load_model(locate(given.checkpoint))
        for image, made, text in speak(model, given.image, given.to, given.overwrite):
            if isinstance(made, DataError):
                lost += 1
                sys.stderr.write(f"{made}\n")
            else:
                sys.stdout.write(f"{image} -> {made}{': ' if text else ''}{text}\n")
    except SkiplibError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
