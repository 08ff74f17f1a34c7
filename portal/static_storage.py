"""How static files are stored for serving."""

from typing import Any, ClassVar

import brotli
from whitenoise.compress import Compressor
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

    def create_compressor(self, **options: Any) -> Compressor:
        """Return what compresses the files."""
        return QuickCompressor(**options)


class QuickCompressor(Compressor):  # type: ignore[misc]
    """whitenoise's, with brotli at 9 instead of 11: plotly.js in 0.1 s instead of 2.4, and 8 % larger."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        compressed: bytes = brotli.compress(data, quality=9)
        return compressed
