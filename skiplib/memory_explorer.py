"""The memory as one walks through it: the slots of each source, the readers of a slot, the slots of a word.

JupyterLab shows a widget; a rendered report runs the same script on the page.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float, UInt8

from skiplib.errors import DataError
from skiplib.widgets import picture_data

SCRIPT = Path(__file__).with_name("memory_explorer.js").read_text(encoding="utf-8")
STILL = """<div id="{name}"></div>
<script type="module">
{script}
const payload = JSON.parse(document.getElementById("{name}-data").textContent);
explorer.render({{ model: {{ get: () => payload }}, el: document.getElementById("{name}") }});
</script>
<script type="application/json" id="{name}-data">{payload}</script>"""


class MemoryExplorer(anywidget.AnyWidget):
    """A heat map of sources and heads over slots, with the readers of a slot and the slots of a word.

    `reads` holds, for each source ("image", "text", "speech"), how strongly each item reads each slot, as
    `MemoryFusion.attention` gives it; the items, their captions and images are the same in all of them.

    Raises `DataError` if their numbers differ.
    """

    _esm = SCRIPT
    payload = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        reads: Mapping[str, Float[np.ndarray, "items heads slots"]],
        captions: Sequence[str],
        images: UInt8[np.ndarray, "items 3 size size"],
    ) -> None:
        shapes = {read.shape for read in reads.values()}
        if len(shapes) != 1 or next(iter(shapes))[0] != len(captions) or len(captions) != len(images):
            found = ", ".join(f"{name} {read.shape}" for name, read in reads.items())
            raise DataError(
                f"{len(captions)} captions and {len(images)} images do not go with reads of {found}"
            )
        _, heads, slots = next(iter(shapes))
        packed = np.round(np.stack(list(reads.values())).clip(0, 1) * 65_535).astype("<u2")
        super().__init__(
            payload={
                "sources": list(reads),
                "heads": heads,
                "slots": slots,
                "captions": list(captions),
                "pictures": [picture_data(image) for image in images],
                "reads": base64.b64encode(packed.tobytes()).decode("ascii"),
            }
        )

    def still(self) -> str:
        """The same as HTML that needs no kernel and loads nothing."""
        script = SCRIPT.replace("export default", "const explorer =")
        payload = json.dumps(self.payload).replace("<", "\\u003c")  # no tag ends the element early
        return STILL.format(name=f"memory-{self.model_id}", script=script, payload=payload)

    def _repr_mimebundle_(self, **given: Any) -> Any:
        bundle, about = super()._repr_mimebundle_(**given)
        return bundle | {"text/html": self.still()}, about
