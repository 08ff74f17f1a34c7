"""How static files are stored for serving."""

from typing import ClassVar

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Names with a hash, compressed; the imports between our ES modules (static/js) are rewritten to the hashed names.

    Vendored scripts stay as they came: Django's patterns would read imports out of their comments.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns: ClassVar = (
        "js/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )
