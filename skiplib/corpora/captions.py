"""Captioned photographs as A: Flickr8k, Flickr30k and COCO with the splits of Karpathy and Fei-Fei (2015).

Under `config.SOURCES_DIR`, in `flickr8k`, `flickr30k` or `coco`:

- `dataset_flickr8k.json` (`dataset_flickr30k.json`, `dataset_coco.json`): captions and splits, from
  https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip. `restval` counts as training, as
  is usual; `val` is not used.
- `images/`: the photographs under the names of that file; those of COCO 2014 in `images/train2014` and
  `images/val2014`, as http://images.cocodataset.org/zips/train2014.zip and val2014.zip unpack.

Flickr8k and Flickr30k are given out for research that is not commercial, by a form
(https://shannon.cs.illinois.edu/DenotationGraph/), and their photographs belong to those who took them; cite
Hodosh, Young and Hockenmaier (2013) and Young et al. (2014). COCO's captions are CC BY 4.0, its photographs
have the licences that their makers chose on Flickr.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from skiplib.corpora import ImageTextItem, checked, size_of
from skiplib.errors import DataError
from skiplib.files import digest
from skiplib.media import picture

SPLIT_OF = {"train": "train", "restval": "train", "test": "test"}


class CaptionedImages:
    """Photographs and their captions from `folder`, whose name says of which set they are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / f"dataset_{folder.name}.json"

    def image_text_count(self, split: str) -> int:
        """How many photographs `split` has."""
        return len(self._images[checked(split)])

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """The photographs of `split`, each with its captions."""
        for place, name, captions in self._images[checked(split)]:
            path = self.folder / "images" / place / name
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
        """Of each split the photographs' folders and names, with their captions."""
        if not (self.folder / "images").is_dir():
            raise DataError(f"{self.folder / 'images'} is missing: the photographs are needed there")
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
        return found
