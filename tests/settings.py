"""The server's own settings, less what only a served page needs. tests/conftest.py prepares the environment."""

from portal.settings import *  # noqa: F403
from portal.settings import DATABASES, ENV, STATIC_ROOT

# The manifest is made by collectstatic, which `serve` runs; tests in the process read static files where they lie.
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
STATIC_ROOT.mkdir(parents=True, exist_ok=True)

# A file, as in production: the in-memory database of Django's tests shares one cache and knows no WAL.
if DATABASES["default"]["ENGINE"] == "portal.sqlite":
    DATABASES["default"]["TEST"] = {"NAME": str(ENV.data_dir / "test.sqlite3")}
