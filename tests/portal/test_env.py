"""The data folder; the values of the environment are in tests/test_settings.py."""

import stat
from pathlib import Path

import pytest

from portal.env import read_env


class TestDataFolder:
    @pytest.mark.parametrize("key", ["", "".join(map(chr, range(50, 110)))])
    def test_is_made_for_its_owner_whoever_chose_the_secret_key(self, tmp_path: Path, key: str) -> None:
        folder = tmp_path / "new"

        read_env({"PORTAL_DATA_DIR": str(folder), "PORTAL_SECRET_KEY": key})

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "secret_key").exists() == (not key)
