"""Static files are collected when one has changed, and only then."""

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from tracking.management.static_files import collect_static


@pytest.fixture
def source(tmp_path: Path, settings: Settings) -> Path:
    """Return a static file, collected once."""
    source = tmp_path / "static" / "page.css"
    source.parent.mkdir()
    source.write_text("a {}")
    settings.STORAGES = {"staticfiles": {"BACKEND": "portal.static_storage.JoinedStaticFilesStorage"}}
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [source.parent]
    settings.STATIC_ROOT = tmp_path / "collected"
    assert collect_static()
    return source


class TestCollectStatic:
    def test_does_nothing_where_nothing_has_changed(self, source: Path, settings: Settings) -> None:
        (settings.STATIC_ROOT / "mark").touch()

        assert not collect_static()

        assert (settings.STATIC_ROOT / "mark").exists()

    @pytest.mark.parametrize("text", ["a { color: red }", "b {}"])
    def test_follows_a_change(self, source: Path, settings: Settings, text: str) -> None:
        source.write_text(text)
        os.utime(source, (1_000_000_000, 1_000_000_000))

        assert collect_static()

        assert (settings.STATIC_ROOT / "page.css").read_text() == text

    def test_follows_a_new_name(self, source: Path, settings: Settings) -> None:
        source.rename(source.with_name("other.css"))

        assert collect_static()

        assert (settings.STATIC_ROOT / "other.css").exists()
        assert not (settings.STATIC_ROOT / "page.css").exists()

    def test_begins_again_after_an_attempt_that_failed(self, source: Path, settings: Settings) -> None:
        text, times = source.read_text(), (source.stat().st_atime_ns, source.stat().st_mtime_ns)
        source.write_text("a { background: url(missing.png) }")
        with pytest.raises(ValueError, match=r"missing\.png"):
            collect_static()

        source.write_text(text)
        os.utime(source, ns=times)

        assert collect_static()
