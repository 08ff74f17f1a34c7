"""What a database holds, by resource group: ``python -m`` in a portal's environment; prints JSON.

For each group a digest and a count of the rows of every table that a group's things stand in.
"""

import hashlib
import json

import django
from django.apps import apps

GROUP_BY_TABLE = {
    "ResourceGroup": "name",
    "Workspace": "group__name",
    "Experiment": "workspace__group__name",
    "Key": "experiment__workspace__group__name",
    "Run": "workspace__group__name",
    "Param": "run__workspace__group__name",
    "MetricSeries": "run__workspace__group__name",
    "MetricSegment": "run__workspace__group__name",
    "MetricBlock": "run__workspace__group__name",
}


def main() -> None:
    """Print {group: {table: [rows, digest of them]}}."""
    django.setup()
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for name, path in GROUP_BY_TABLE.items():
        model = apps.get_model("tracking", name)
        for group in model.objects.order_by().values_list(path, flat=True).distinct():
            count, digest = 0, hashlib.sha256()
            for row in model.objects.filter(**{path: group}).order_by("pk").values_list().iterator():
                count += 1
                digest.update(repr([bytes(cell) if isinstance(cell, memoryview) else cell for cell in row]).encode())
            found.setdefault(group, {})[name] = (count, digest.hexdigest())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
