"""portal.env: every name is documented, and a wrong value stops the start with a sentence that names it."""

import re
import stat
from pathlib import Path

import pytest

from portal.env import BASE_DIR, SETTINGS, SettingError, check_exposure, read_env


class TestDocs:
    def test_name_every_setting_with_its_default_and_meaning(self) -> None:
        page = (BASE_DIR / "docs" / "settings.md").read_text()
        documented = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`|empty) \| (.*) \|$", page, re.MULTILINE)

        assert documented == [(setting.name, setting.default, setting.meaning) for setting in SETTINGS]


class TestReadEnv:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORTAL_PORT", "0"),
            ("PORTAL_PORT", "http"),
            ("PORTAL_URL", "ml.example.org"),
            ("PORTAL_URL", "https://ml.example.org/path"),
            ("PORTAL_SECRET_KEY", "changeme"),
            ("DATABASE_URL", "mysql://x"),
            ("PORTAL_SQLITE_SYNCHRONOUS", "OFF"),
            ("REDIS_URL", "http://x"),
            ("PORTAL_DATASTORE_ROOTS", "/"),
            ("PORTAL_DATASTORE_ROOTS", "/srv, data"),
            ("PORTAL_DATASTORE_PRIVATE_ENDPOINTS", "minio"),
            ("PORTAL_ALLOWED_HOSTS", "*"),
            ("PORTAL_TRUSTED_PROXIES", "nginx"),
            ("PORTAL_WEB_PROCESSES", "0"),
            ("PORTAL_WEB_THREADS", "x"),
            ("PORTAL_STATEMENT_TIMEOUT_S", "-1"),
            ("PORTAL_LOCK_TIMEOUT_S", "1.5"),
            ("PORTAL_SESSION_HOURS", "0"),
            ("PORTAL_MAX_GROUPS", "0"),
            ("PORTAL_MAX_WORKSPACES", "many"),
            ("PORTAL_WORKSPACE_MAX_RUNS", "-1"),
            ("PORTAL_WORKSPACE_MAX_GIB", "1.5"),
            ("PORTAL_TRASH_DAYS", "-1"),
            ("PORTAL_WORKSPACE_TRASH_DAYS", "x"),
            ("PORTAL_GROUP_TRASH_DAYS", "1.5"),
            ("PORTAL_LEASE_S", "1"),
            ("PORTAL_LOG_FORMAT", "xml"),
            ("PORTAL_LOG_LEVEL", "LOUD"),
            ("PORTAL_DATA_DIR", "/dev/null/x"),
        ],
    )
    def test_refuses_a_wrong_value_by_name(self, tmp_path: Path, name: str, value: str) -> None:
        with pytest.raises(SettingError, match=name):
            read_env({"PORTAL_DATA_DIR": str(tmp_path), name: value})

    def test_never_repeats_a_password(self, tmp_path: Path) -> None:
        with pytest.raises(SettingError) as caught:
            read_env({"PORTAL_DATA_DIR": str(tmp_path), "DATABASE_URL": "mysql://me:hunter2@host/db"})

        assert "hunter2" not in str(caught.value)

    def test_makes_one_secret_key_that_only_its_owner_reads(self, tmp_path: Path) -> None:
        first = read_env({"PORTAL_DATA_DIR": str(tmp_path / "new")})
        second = read_env({"PORTAL_DATA_DIR": str(tmp_path / "new")})

        key = tmp_path / "new" / "secret_key"
        assert first.secret_key == second.secret_key == key.read_text()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


class TestExposure:
    @pytest.mark.parametrize(
        ("environ", "missing"),
        [
            ({"PORTAL_HOST": "0.0.0.0"}, "PORTAL_URL=https"),
            ({"PORTAL_HOST": "10.0.0.1", "PORTAL_URL": "http://ml.example.org"}, "PORTAL_URL=https"),
            ({"PORTAL_HOST": "0.0.0.0", "PORTAL_URL": "https://ml.example.org"}, "PORTAL_TRUSTED_PROXIES"),
        ],
    )
    def test_beyond_loopback_needs_tls(self, tmp_path: Path, environ: dict[str, str], missing: str) -> None:
        with pytest.raises(SettingError, match=missing):
            check_exposure(read_env({"PORTAL_DATA_DIR": str(tmp_path), **environ}))

    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"PORTAL_HOST": "::1"},
            {"PORTAL_HOST": "0.0.0.0", "PORTAL_URL": "https://ml.example.org", "PORTAL_TRUSTED_PROXIES": "10.0.0.2"},
        ],
    )
    def test_is_fine_on_loopback_or_behind_a_proxy(self, tmp_path: Path, environ: dict[str, str]) -> None:
        check_exposure(read_env({"PORTAL_DATA_DIR": str(tmp_path), **environ}))
