"""Kombu's filesystem transport with messages that appear whole.

The original writes into the file a consumer may already be reading; an empty read ends the consumer's loop.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.monotonic_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        partial = folder / f"{name}.partial"
        partial.write_text(dumps(payload))
        os.replace(partial, folder / name)  # noqa: PTH105 - the atomic step, by its own name


class Transport(filesystem.Transport):
    Channel = Channel
