"""The broker of a portal without Redis: kombu's folder of messages, in which each message appears whole.

kombu opens a message's file where it is looked for and then writes it: a worker that looks in between reads nothing,
takes that for an error it cannot mend, and ends.
"""

import json
import uuid
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "folder"
log = structlog.get_logger("mlportal.worker")


class Channel(filesystem.Channel):
    """Sends and takes messages."""

    def _put(self, queue: str, payload: dict[str, Any], **options: object) -> None:  # type: ignore[override]
        """Add a message: its name gives its place in the queue.

        :raises OSError: if it cannot be written.
        """
        folder = Path(self.data_folder_out)
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        part = folder / f"{name}.part"
        part.write_text(json.dumps(payload))
        part.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the oldest message. One that a power cut left unreadable is dropped: a sweeper finds what it told of.

        :raises queue.Empty: if there is none.
        """
        while True:
            try:
                return super()._get(queue)  # type: ignore[no-untyped-call]
            except ValueError as error:
                log.warning("a message was unreadable and is dropped", queue=queue, error=str(error))


class Transport(filesystem.Transport):
    """What kombu makes of a ``folder://`` address."""

    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
