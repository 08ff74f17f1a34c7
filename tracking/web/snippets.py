"""Code to paste: how a training script finds a workspace."""

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings


def tracking_uri(*, workspace: str, username: str = "", token: str = "") -> str:
    """Return what ``mlflow.set_tracking_uri`` is given, with the credential in it if there is one."""
    address = urlsplit(settings.PORTAL_URL)
    credential = f"{quote(username, safe='')}:{token}@" if token else ""
    return f"{address.scheme}://{credential}{address.netloc}/w/{workspace}"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code to paste, by the name of the library that it is for."""

    slug: str
    label: str
    text: str


def training_snippets(*, uri: str, experiment: str = "first steps") -> tuple[Snippet, ...]:
    """Return how a first run is logged with mlflow alone, from two trainers, and without Python."""
    where, name = _quoted(uri), _quoted(experiment)
    lightning = (
        "from lightning.pytorch import Trainer",
        "from lightning.pytorch.loggers import MLFlowLogger",
        f"logger = MLFlowLogger(experiment_name={name}, tracking_uri={where})",
        "Trainer(logger=logger).fit(model)",
    )
    transformers = (
        "import mlflow",
        "from transformers import Trainer, TrainingArguments",
        f"mlflow.set_tracking_uri({where})",
        f"mlflow.set_experiment({name})",
        'arguments = TrainingArguments("out", report_to="mlflow", logging_steps=10)',
        "Trainer(model, arguments, train_dataset=dataset).train()",
    )
    curl = (
        f"curl -sS {shlex.quote(f'{uri}/api/2.0/mlflow/experiments/create')} \\",
        f"  -H 'Content-Type: application/json' -d {shlex.quote(json.dumps({'name': experiment}, ensure_ascii=False))}",
    )
    return (
        Snippet("mlflow", "mlflow", training_snippet(uri=uri, experiment=experiment)),
        Snippet("lightning", "PyTorch Lightning", "\n".join(lightning)),
        Snippet("transformers", "Hugging Face", "\n".join(transformers)),
        Snippet("curl", "curl", "\n".join(curl)),
    )


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
