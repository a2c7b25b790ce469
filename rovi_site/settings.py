"""Settings of the project. Everything that differs between machines comes from the environment through `env`.

The table of variables is docs/settings.md; a test holds it against `env.VARIABLES`.
"""

from pathlib import Path

from rovi_site import database, env, hosts
from rovi_site.secrets import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where data live -----------------------------------------------------------------------------------------------
ROVI_DATA = env.folder("ROVI_DATA", BASE_DIR / "var", "Folder of the database, uploads and secrets.")
DATABASE_URL = env.url(
    "DATABASE_URL",
    "sqlite:///path or postgres://user:password@host/name; empty: SQLite in ROVI_DATA.",
    database.SCHEMES,
    "sqlite:///path or postgres://user:password@host/name",
)
REDIS_URL = env.url(
    "REDIS_URL",
    "redis://host:port/0 as Celery's broker, which calls workers to jobs, and as channel layer; empty: neither.",
    ("redis", "rediss", "unix"),
    "redis://host:port/0",
)

# --- who may come in -----------------------------------------------------------------------------------------------
DEBUG = env.switch("ROVI_DEBUG", False, "Django's debug pages. Never where others can reach it.")
HTTPS = env.switch("ROVI_HTTPS", False, "The service stands behind HTTPS: secure cookies, HSTS, redirects.")
HOST = env.text("HOST", "127.0.0.1", "Address that the web server listens on.")
PORT = env.integer("PORT", 8000, "Port that the web server listens on.", at_least=1, at_most=65535)
ALLOWED_HOSTS = hosts.answered_to(
    HOST,
    env.words(
        "ROVI_ALLOWED_HOSTS", (), "Host names that requests may carry, beside the loopback's; empty: those of HOST."
    ),
)
CSRF_TRUSTED_ORIGINS = list(
    env.words("ROVI_TRUSTED_ORIGINS", (), "Origins (https://name) of pages that may post and open sockets.")
)
TRUSTED_PROXIES = env.networks(
    "ROVI_TRUSTED_PROXIES",
    (),
    "Proxies (addresses, networks) whose X-Forwarded-For tells the caller; empty: this machine's, with ROVI_HTTPS.",
) or hosts.own_proxies(HTTPS)
TOKEN_ROWS_PER_SECOND = env.integer(
    "ROVI_TOKEN_ROWS_PER_SECOND", 0, "Most rows a second of a token, or of an account without one; 0: any number."
)
TOKEN_CONNECTIONS = env.integer(
    "ROVI_TOKEN_CONNECTIONS", 0, "Most sockets that a token, or an account without one, holds open; 0: any number."
)
AUDIT_DAYS = env.days("ROVI_AUDIT_DAYS", "Days after which entries of the audit trail go; empty: they stay.")
SECRET_KEY = env.text(
    "ROVI_SECRET_KEY", "", "Django's secret key; empty: made once and kept in ROVI_DATA."
) or kept_secret(ROVI_DATA / "secret_key")
ROVI_ADMIN_USER = env.text("ROVI_ADMIN_USER", "admin", "Name of the administrator that the first start makes.")
ROVI_ADMIN_PASSWORD = env.text(
    "ROVI_ADMIN_PASSWORD", "", "Its password; empty: random, kept in ROVI_DATA/admin_password."
)

# --- how it is served ----------------------------------------------------------------------------------------------
ROVI_SERVER = env.choice("ROVI_SERVER", "daphne", "The ASGI server: daphne or uvicorn.", ("daphne", "uvicorn"))
ROVI_DEMO = env.switch("ROVI_DEMO", True, "Stream a simulated fleet of 8 cells beside the server.")
ROVI_LOG_LEVEL = env.choice(
    "ROVI_LOG_LEVEL",
    "INFO",
    "Lowest level of messages written to standard error.",
    ("DEBUG", "INFO", "WARNING", "ERROR"),
)
ROVI_LOG_FORMAT = env.choice(
    "ROVI_LOG_FORMAT", "line", "A line of text a message, or of JSON with request ids.", ("line", "json")
)

# --- who watches it ------------------------------------------------------------------------------------------------
METRICS_TOKEN = env.text(
    "ROVI_METRICS_TOKEN", "", "What Prometheus sends as `Authorization: Bearer …` to /metrics; 32 characters or more."
)
METRICS_NETWORKS = env.networks(
    "ROVI_METRICS_NETWORKS", (), "Addresses and networks (10.0.0.0/8) from which /metrics is read without a token."
)

# --- limits of what a client may send ------------------------------------------------------------------------------
UPLOAD_MAX_FRAME_BYTES = env.integer("ROVI_MAX_FRAME_BYTES", 8 * 2**20, "Largest WebSocket frame.", at_least=1024)
UPLOAD_MAX_COLUMNS = env.integer("ROVI_MAX_COLUMNS", 1000, "Most columns a battery's table may have.", at_least=1)
UPLOAD_MAX_TEXT_BYTES = env.integer("ROVI_MAX_TEXT_BYTES", 4096, "Longest text value of a row.", at_least=1)
UPLOAD_MAX_ROWS_A_FRAME = env.integer("ROVI_MAX_ROWS_A_FRAME", 100_000, "Most rows in one frame.", at_least=1)
UPLOAD_MAX_BODY_BYTES = env.integer(
    "ROVI_MAX_BODY_BYTES", 256 * 2**20, "Largest body of a bulk upload, as sent and unpacked.", at_least=1024
)
IMPORT_MAX_BYTES = env.integer(
    "ROVI_MAX_IMPORT_BYTES", 16 * 2**30, "Largest imported file, as sent and unpacked.", at_least=1024
)
UPLOAD_BUFFER_ROWS = env.integer(
    "ROVI_BUFFER_ROWS",
    200_000,
    "Rows received and not yet committed, over all sockets; past that senders wait.",
    at_least=1,
)
UPLOAD_COMMIT_ROWS = env.integer("ROVI_COMMIT_ROWS", 20_000, "Most rows in one group commit.", at_least=1)
UPLOAD_STALLED_SECONDS = env.seconds(
    "ROVI_STALLED_SECONDS", 30.0, "How long acknowledgements may lie unread before their socket is closed."
)
SCRIPT_MAX_BYTES = env.integer("ROVI_MAX_SCRIPT_BYTES", 2**20, "Largest uploaded script.", at_least=1024)
SUPPORT_FILE_MAX_BYTES = env.integer("ROVI_MAX_SUPPORT_FILE_BYTES", 256 * 2**20, "Largest support file.", at_least=1024)

# --- how long things are kept --------------------------------------------------------------------------------------
ROWS_MOST = env.integer(
    "ROVI_ROWS_MOST", 0, "Most rows of a battery that are kept, where the battery does not say; 0: no limit."
)
ROWS_WHEN_FULL = env.choice(
    "ROVI_ROWS_WHEN_FULL",
    "refuse",
    "What happens to a full battery, where it does not say: refuse new rows, or drop the oldest.",
    ("refuse", "drop"),
)
ROWS_DAYS = env.days(
    "ROVI_ROWS_DAYS",
    "Days after which rows are deleted, counted from when they were received, where the battery does not say; empty: "
    "they are kept.",
)
FORECAST_FILES_DAYS = env.days(
    "ROVI_FORECAST_FILES_DAYS",
    "Days after which the files of a forecast are deleted; what it said in words and numbers stays. Empty: all are "
    "kept.",
)
JOBS_DAYS = env.days(
    "ROVI_JOBS_DAYS", "Days after which jobs that have ended, with their logs, are deleted; empty: all are kept."
)

# --- scripts -------------------------------------------------------------------------------------------------------
SANDBOX_REQUIRED_WALLS = env.words(
    "ROVI_SANDBOX_WALLS",
    ("landlock", "seccomp", "rlimits"),
    "Walls without which scripts are refused: landlock, seccomp, rlimits, uid. Linux 5.13 has the first three.",
)
SANDBOX_CALL_SECONDS = env.seconds(
    "ROVI_SCRIPT_CALL_SECONDS", 30.0, "Longest time of one call into an estimator script."
)
SANDBOX_FORECAST_SECONDS = env.seconds("ROVI_FORECAST_SECONDS", 120.0, "Longest time of one forecast.")
SANDBOX_MEMORY_BYTES = env.integer("ROVI_SCRIPT_MEMORY_BYTES", 2 * 2**30, "Memory of one script.", at_least=2**26)

# --- forecasts -----------------------------------------------------------------------------------------------------
END_OF_LIFE_SOH = env.share(
    "ROVI_END_OF_LIFE_SOH", 0.8, "SOH below which a battery counts as worn out; forecasts tell when that is."
)

# --- energy --------------------------------------------------------------------------------------------------------
ENERGY_MAX_GAP_SECONDS = env.integer(
    "ROVI_ENERGY_MAX_GAP_SECONDS",
    3600,
    "A reading holds until the next one, if that comes within so many seconds; past that the time between is missing.",
    at_least=900,
    at_most=86_400,
)
ENERGY_NEW_ASSETS = env.switch(
    "ROVI_ENERGY_NEW_ASSETS", True, "Readings of a number that is not known yet make an asset of it."
)

# --- the worker ----------------------------------------------------------------------------------------------------
ESTIMATION_CHUNK_ROWS = env.integer(
    "ROVI_ESTIMATION_CHUNK_ROWS", 2_000, "Rows stepped between two commits.", at_least=1
)
MEASURING_PAUSE_SECONDS = env.seconds(
    "ROVI_MEASURING_PAUSE_SECONDS", 30.0, "How long a battery's new rows gather before they are measured."
)
MEASURING_GAP_SECONDS = env.seconds(
    "ROVI_MEASURING_GAP_SECONDS", 3600.0, "Nothing is integrated across a longer time between two rows (test_time)."
)
MEASURING_CHECKPOINT_ROWS = env.integer(
    "ROVI_MEASURING_CHECKPOINT_ROWS", 20_000, "Rows between places from which late rows are measured anew.", at_least=1
)
CHECKPOINT_ROWS = env.integer(
    "ROVI_CHECKPOINT_ROWS",
    1_000,
    "Estimates between two checkpoints that are kept; late rows are worked in from the last one before them.",
    at_least=1,
)
ESTIMATES_FULL_RATE_DAYS = env.days(
    "ROVI_ESTIMATES_FULL_RATE_DAYS",
    "Days of test_time behind the newest estimate after which estimates are thinned; empty: all are kept.",
)
ESTIMATES_THINNED_SECONDS = env.integer(
    "ROVI_ESTIMATES_THINNED_SECONDS",
    3_600,
    "Of thinned estimates the last of each so many seconds of test_time stays.",
    at_least=1,
)
WORKER_TICK_SECONDS = env.seconds("ROVI_WORKER_TICK_SECONDS", 0.25, "Pause of an idle worker between two looks.")
SHARDS = env.integer(
    "ROVI_SHARDS",
    16,
    "Parts of the fleet that workers share among them; alike for all, and several for each worker.",
    at_least=1,
    at_most=1024,
)
JOB_LEASE_SECONDS = env.seconds(
    "ROVI_JOB_LEASE_SECONDS",
    30.0,
    "A worker that is silent this long is replaced: others take its jobs and shards. At least 1.",
    at_least=1.0,  # it is renewed several times meanwhile; of 0 nobody would ever hold anything
)

INSTALLED_APPS = [
    "daphne",
    "rovi_site.admin_apps.RoviAdminConfig",  # Django's own admin with our front
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rovi_site",
    "access",
    "jobs",
    "datahub",
    "fleet",
    "twin",
    "prognosis",
]

MIDDLEWARE = [
    "rovi_site.observing.requests.RequestIds",
    "django.middleware.security.SecurityMiddleware",
    "rovi_site.middleware.ContentSecurityPolicy",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # above what answers by itself
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "access.middleware.WhoActs",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "rovi_site.middleware.RefuseOddAddresses",
]

ROOT_URLCONF = "rovi_site.urls"
ASGI_APPLICATION = "rovi_site.asgi.application"
WSGI_APPLICATION = None
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "rovi_site.context.navigation",
            ],
        },
    }
]

DATABASES = {"default": database.settings_from_url(DATABASE_URL, ROVI_DATA)}

CHANNEL_LAYERS = (
    {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}}
    if REDIS_URL
    else {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
)

AUTHENTICATION_BACKENDS = ["access.backends.CountedPasswords"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "rovi_site.pages.errors.csrf_failed"

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["rovi_site.formats"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = ROVI_DATA / "static"
WHITENOISE_USE_FINDERS = True  # served straight from the apps, so that `make run` needs no collectstatic
MEDIA_ROOT = ROVI_DATA / "uploads"
MEDIA_URL = "/uploads-are-never-served-by-url/"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_MAX_BODY_BYTES

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz/", r"^metrics$"]  # asked by what stands behind the proxy too
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "access.authentication.Basic",
        "access.authentication.Bearer",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["access.permissions.ViewerReadsOperatorWrites"],
    "DEFAULT_PAGINATION_CLASS": "rovi_site.api.Pages",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "rovi_site.api.errors_in_one_shape",
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ROVI",
    "DESCRIPTION": "Data hub, digital twin and prognosis for fleets of batteries. Current is positive while charging.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,  # a file goes in and does not come out; counters come out and do not go in
    "ENUM_NAME_OVERRIDES": {"ForecasterKindEnum": ["script", "auto", "trend", "ageing"]},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rovi_site.schema.describe_refusals",
        "rovi_site.schema.let_any_json_be_null",
        "rovi_site.rest.describing.describe_names",
        "rovi_site.rest.describing.describe_conditions",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
KNOX_TOKEN_MODEL = "access.Token"  # noqa: S105  (the name of a model)
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": None}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "rovi_site.observing.logs.Line"},
        "json": {"()": "rovi_site.observing.logs.Json"},
    },
    "filters": {"request_id": {"()": "rovi_site.observing.logs.WithRequestId"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": ROVI_LOG_FORMAT, "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": ROVI_LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "daphne": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        "sqlglot": {"level": "ERROR"},
        "numexpr": {"level": "WARNING"},
    },
}
