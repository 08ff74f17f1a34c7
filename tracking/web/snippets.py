"""Code to paste: how a training script finds a workspace."""

import json
from urllib.parse import quote, urlsplit

from django.conf import settings


def tracking_uri(*, workspace: str, username: str = "", token: str = "") -> str:
    """Return what ``mlflow.set_tracking_uri`` is given, with the credential in it if there is one."""
    address = urlsplit(settings.PORTAL_URL)
    credential = f"{quote(username, safe='')}:{token}@" if token else ""
    return f"{address.scheme}://{credential}{address.netloc}/w/{workspace}"


def training_snippet(*, uri: str, experiment: str = "first steps") -> str:
    """Return five lines that log one run."""
    return "\n".join(
        (
            "import mlflow",
            f"mlflow.set_tracking_uri({_quoted(uri)})",
            f"mlflow.set_experiment({_quoted(experiment)})",
            "with mlflow.start_run():",
            '    mlflow.log_metric("loss", 0.42, step=1)',
        )
    )


def _quoted(text: str) -> str:
    """Return a Python literal: a JSON text is one."""
    return json.dumps(text, ensure_ascii=False)
