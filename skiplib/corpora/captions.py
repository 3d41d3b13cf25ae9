"""Captioned photographs as A: Flickr8k, Flickr30k and COCO with the splits of Karpathy and Fei-Fei (2015).

Under `config.SOURCES_DIR`, in `flickr8k`, `flickr30k` or `coco`:

- `dataset_flickr8k.json` (`dataset_flickr30k.json`, `dataset_coco.json`): captions and splits, from
  https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip. `restval` counts as training, as
  is usual; `val` is not used.
- `images/`: the photographs under the names of that file; those of COCO 2014 in `images/train2014` and
  `images/val2014`, as http://images.cocodataset.org/zips/train2014.zip and val2014.zip unpack. COCO 2017 has
  the same photographs: where a folder of 2014 is missing they are taken from `images/train2017` and
  `images/val2017`.

`make fetch CORPUS=coco` puts COCO there, 20 GB, by the checksums in `skiplib.fetch` (of the photographs those
of 2014, unless those of 2017 are there); Flickr's are yours to get.
Flickr8k and Flickr30k are given out for research that is not commercial, by a form
(https://shannon.cs.illinois.edu/DenotationGraph/), and their photographs belong to those who took them; cite
Hodosh, Young and Hockenmaier (2013) and Young et al. (2014). COCO's captions are CC BY 4.0, its photographs
have the licences that their makers chose on Flickr.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path

from skiplib.corpora import ImageTextItem, checked, size_of
from skiplib.errors import DataError
from skiplib.files import digest
from skiplib.media import picture

TRAIN_2017, VAL_2017 = "train2017", "val2017"
SPLIT_OF = {"train": "train", "restval": "train", "test": "test"}


class CaptionedImages:
    """Photographs and their captions from `folder`, whose name says of which set they are."""

    def __init__(self, folder: Path) -> None:
        self.images, self.path = folder / "images", folder / f"dataset_{folder.name}.json"

    def image_text_count(self, split: str) -> int:
        """How many photographs `split` has."""
        return len(self._images[checked(split)])

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """The photographs of `split`, each with its captions."""
        for place, name, captions in self._images[checked(split)]:
            path = self.images / place
            yield ImageTextItem(name, captions, partial(picture, path), path=path)

    def fingerprint(self) -> str:
        """Tells one state of captions, splits and photographs (by name and size) from another."""
        self._images  # noqa: B018, an error about the file is clearer than one about its digest
        found = hashlib.sha256(digest(self.path).encode())
        for split in ("train", "test"):
            for item in self.image_text(split):
                found.update(f"\n{item.id} {size_of(item.path)}".encode())
        return found.hexdigest()

    @cached_property
    def _images(self) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
        """Of each split the photographs' places under `images/` and their names, with their captions."""
        if not self.images.is_dir():
            raise DataError(f"{self.images} is missing: the photographs are needed there")
        found: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {"train": [], "test": []}
        try:
            for image in json.loads(self.path.read_bytes())["images"]:
                if image["split"] in SPLIT_OF and image["filename"] and image["sentences"]:
                    captions = tuple(sentence["raw"] for sentence in image["sentences"])
                    row = image.get("filepath", ""), image["filename"], captions
                    found[SPLIT_OF[image["split"]]].append(row)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.path} is missing or is no list of captions ({error!r}): it is in "
                "caption_datasets.zip of https://cs.stanford.edu/people/karpathy/deepimagesent/"
            ) from error
        place_of = self._places({folder for rows in found.values() for folder, _, _ in rows})
        return {
            split: [(place_of(folder, name), name, captions) for folder, name, captions in rows]
            for split, rows in found.items()
        }

    def _places(self, folders: set[str]) -> Callable[[str, str], str]:
        """What gives the place of a photograph from its folder and name in the list: there, or, where a
        folder is missing, in those of COCO 2017."""
        missing = sorted(folder for folder in folders if not (self.images / folder).is_dir())
        if missing and not all((self.images / folder).is_dir() for folder in (TRAIN_2017, VAL_2017)):
            raise DataError(f"{self.images / missing[0]} is missing: the photographs are needed there")
        in_val = {path.name for path in (self.images / VAL_2017).iterdir()} if missing else set()

        def place(folder: str, name: str) -> str:
            if folder in missing:  # COCO_train2014_000000000009.jpg is 000000000009.jpg there
                name = name.rpartition("_")[2]
                folder = VAL_2017 if name in in_val else TRAIN_2017
            return f"{folder}/{name}" if folder else name

        return place
