"""Django's settings, made from the environment (portal.env)."""

import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import dj_database_url
from csp.constants import NONCE, NONE, SELF

from portal.env import BASE_DIR, SettingError, read_env
from portal.logs import log_config

try:
    ENV = read_env()
except SettingError as error:
    sys.exit(f"mlportal cannot start: {error}")

SECRET_KEY = ENV.secret_key
DEBUG = False
ALLOWED_HOSTS = list(ENV.allowed_hosts)
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False
LOGGING_CONFIG = None
log_config(style=ENV.log_format, level=ENV.log_level)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "tracking",
]

MIDDLEWARE = [
    "portal.middleware.TrustedProxies",
    "portal.middleware.RequestId",
    "portal.middleware.BrowserFeatures",
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.ApiShortcut",
    "portal.middleware.CompressPages",
    "portal.middleware.RefuseNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.MethodPage",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "tracking.web.base.frame",
            ],
        },
    },
]

# ---- data ----------------------------------------------------------------------------------------------------------

DATABASES = {"default": dj_database_url.parse(ENV.database_url, conn_max_age=None)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "portal.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        # A deferred transaction that reads first and writes later fails at once with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": ENV.lock_timeout_s,
        # What is written again and again goes into the file once: 4,000 pages are 16 MB of log.
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={ENV.sqlite_synchronous}; "
        "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456; "
        "PRAGMA wal_autocheckpoint=4000",
    }
else:
    DATABASES["default"]["OPTIONS"] = {
        # A search of dozens of keys is planned anew each time, and compiling it takes longer than running it; so does
        # starting a process to share the work with. What is searched lies in memory, where no place is far away.
        "options": f"-c statement_timeout={ENV.statement_timeout_s * 1000} -c lock_timeout={ENV.lock_timeout_s * 1000} "
        "-c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1",
    }
CELERY_APP = "portal.celery.app"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ARTIFACT_ROOT = ENV.artifact_root
DATASTORE_ROOTS, DATASTORE_PRIVATE_ENDPOINTS = ENV.datastore_roots, ENV.datastore_private_endpoints
# Where no datastore may be: secrets, the database, artifacts, this program.
OWN_PLACES = [ENV.data_dir, BASE_DIR]
if ARTIFACT_ROOT.startswith(("/", "file:///")):
    OWN_PLACES.append(Path(unquote(ARTIFACT_ROOT.removeprefix("file://"))))
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    OWN_PLACES.append(Path(DATABASES["default"]["NAME"]).absolute())
PORTAL_URL = ENV.url

# ---- limits --------------------------------------------------------------------------------------------------------

MAX_GROUPS, MAX_WORKSPACES = ENV.max_groups, ENV.max_workspaces
WORKSPACE_MAX_RUNS, WORKSPACE_MAX_BYTES = ENV.workspace_max_runs, ENV.workspace_max_gib * 2**30  # 0: none

# ---- people --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tracking.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["tracking.identity.hashers.Argon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "web:sign_in"
LOGIN_REDIRECT_URL = "web:home"
# Of allauth, the protocol is used and none of its pages (tracking.web.oidc).
OIDC_ID = "oidc" if ENV.oidc_issuer else ""
SOCIALACCOUNT_ADAPTER = "tracking.web.oidc.Adapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # the provider asks the person; the state is in the session
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": OIDC_ID,
                "name": ENV.oidc_name,
                "client_id": ENV.oidc_client_id,
                "secret": ENV.oidc_client_secret,
                "settings": {"server_url": ENV.oidc_issuer},
            }
        ]
        if OIDC_ID
        else [],
    }
}
SESSION_ENGINE = "tracking.web.sessions"
SESSION_COOKIE_AGE = int(timedelta(hours=ENV.session_hours).total_seconds())

# ---- browser -------------------------------------------------------------------------------------------------------

# A cookie with the prefix __Host- needs https; plain http is only ever served on loopback (portal.env.check_exposure).
SESSION_COOKIE_NAME = "__Host-session" if ENV.is_tls else f"mlportal_session_{ENV.port}"
CSRF_COOKIE_NAME = "__Host-csrf" if ENV.is_tls else f"mlportal_csrf_{ENV.port}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = ENV.is_tls
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "tracking.web.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [ENV.url]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENV.is_tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = ENV.is_tls
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # portal.middleware drops it from untrusted peers
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "object-src": [NONE],
    }
}

# ---- static files, language, time ----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = ENV.data_dir / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {"staticfiles": {"BACKEND": "portal.static_storage.JoinedStaticFilesStorage"}}
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True

# ---- requests ------------------------------------------------------------------------------------------------------

# The MLflow routes read their own bodies, with their own limits (tracking.api.base); these guard the pages' forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
# Nothing is open by default: the views of tracking.api.base say who may come in and how errors look.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
