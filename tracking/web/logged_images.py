"""Pictures that a run logged step by step (``mlflow.log_image(image, key=…, step=…)``)."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.http import urlencode

from tracking.artifacts.queries import list_run_files
from tracking.web.formats import format_count, spell_marks

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

FOLDER = "images"
MAX_LISTED = 4_000
MAX_STEPS = 200
# mlflow writes "<key>%step%<step>%timestamp%<ms>%<uuid>.png" and a small .webp beside it, "+" where the client is old.
NAME = re.compile(
    r"(?P<key>.+?)[%+]step[%+](?P<step>\d+)[%+]timestamp[%+]\d+[%+][\w-]+?(?P<small>[%+]compressed)?\.(?:png|webp)"
)


@dataclass(frozen=True, slots=True)
class ImageShown:
    """One picture."""

    step: str
    url: str


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """The pictures of one key by step; ``left``: how many more there are."""

    name: str
    images: tuple[ImageShown, ...]
    left: int


def list_image_series(*, workspace: Workspace, run: Run) -> list[ImageSeries]:
    """Return the pictures that a run logged by step, by key. Looks at the first few thousand files of one folder."""
    found: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for info in list_run_files(run=run, path=FOLDER, after=None, limit=MAX_LISTED):
        match = NAME.fullmatch(info.path)
        if match and (not match["small"] or int(match["step"]) not in found[match["key"]]):
            found[match["key"]][int(match["step"])] = info.path
    address = reverse("web:artifact_download", args=[workspace.name, run.uid])
    return [
        ImageSeries(
            name=spell_marks(key.replace("#", "/")),
            images=tuple(
                ImageShown(
                    format_count(step), f"{address}?{urlencode({'path': f'{FOLDER}/{steps[step]}', 'inline': '1'})}"
                )
                for step in sorted(steps)[:MAX_STEPS]
            ),
            left=max(0, len(steps) - MAX_STEPS),
        )
        for key, steps in sorted(found.items())
    ]
