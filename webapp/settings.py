"""Soundstage's settings.

Everything has a default that runs on one machine with nothing installed (SQLite, local files, a queue in a folder).
The environment turns the same code into the production shape; with PRODUCTION=1 no insecure default is accepted.
The table in docs/operations.md lists every variable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from celery.schedules import crontab

from jobs import logs
from webapp import environment

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.text("DATA_DIR", str(ROOT / "data"))).resolve()
PRODUCTION = environment.flag("PRODUCTION")
HOST = environment.text("HOST", "127.0.0.1")
PORT = environment.number("PORT", 8000)

# --- Security -------------------------------------------------------------------------------------------------------
if PRODUCTION:
    environment.require("SECRET_KEY", "ENGINE_KEY", "KEYS_SECRET", "ALLOWED_HOSTS")
    environment.require_long("SECRET_KEY", "ENGINE_KEY", "KEYS_SECRET")
DEBUG = False
SECRET_KEY = environment.text("SECRET_KEY") or environment.kept_secret(DATA_DIR / "secret-key")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if environment.flag("BEHIND_TLS_PROXY") else None
SECURE_HSTS_SECONDS = 31_536_000 if environment.flag("BEHIND_TLS_PROXY") else 0
# Who the proxy says asks, so that one person's failed sign-ins don't count against all.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if environment.flag("BEHIND_TLS_PROXY") else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Applications ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "webapp",
    "webapp.accounts",
    "webapp.studio",
    "webapp.sharing",
    "webapp.comments",
    "jobs",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]
MIDDLEWARE = [
    "webapp.middleware.LogScope",
    "django.middleware.security.SecurityMiddleware",
    "webapp.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.accounts.middleware.FirstAccount",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "webapp.accounts.middleware.CurrentTeam",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "webapp.middleware.UploadLimit",
]
ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["webapp.templatetags.access"],
        },
    }
]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = environment.text("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True

# --- Accounts (django-allauth) --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
ACCOUNT_ADAPTER = "webapp.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {
    "signup": "webapp.accounts.forms.SignUpForm",
    "add_email": "webapp.accounts.forms.AddAddressForm",
    "change_password": "webapp.accounts.forms.ChangePassword",
    "set_password": "webapp.accounts.forms.SetPassword",
    "reset_password_from_key": "webapp.accounts.forms.ResetPassword",
}
# Whoever finds a browser signed in does not take the account over.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Without it only whoever was invited makes an account.
SIGN_UP_OPEN = environment.flag("SIGN_UP_OPEN")
INVITATION_DAYS = environment.number("INVITATION_DAYS", 7)
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "/accounts/email/"  # where it is made the one in use
# Beside allauth's own limits: what a member writes, what guests of share links do from one address, and the passwords
# that are tried for one link, from wherever.
ACCOUNT_RATE_LIMITS = {
    "comment": "60/m/user",
    "guest_comment": "10/m/ip,200/d/ip",
    "share_password": "10/m/ip,200/h/key",
}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # whoever has no account gets no mail from here
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Soundstage: "
ACCOUNT_MAX_EMAIL_ADDRESSES = 3
# A second factor is everybody's own choice, also where no mail server can confirm an address.
MFA_ADAPTER = "webapp.accounts.adapter.SecondFactorAdapter"
MFA_TOTP_ISSUER = "Soundstage"
MFA_TOTP_TOLERANCE = 1  # phones' clocks are half a minute early or late
MFA_ALLOW_UNVERIFIED_EMAIL = True
# Single sign-on at a provider that speaks OpenID Connect, where one is named. It is believed what it says of addresses.
OIDC_SERVER_URL = environment.text("OIDC_SERVER_URL") and environment.address("OIDC_SERVER_URL", "")
OIDC_SIGN_UP = environment.flag("OIDC_SIGN_UP")
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_SERVER_URL:
    environment.require("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", needed_by="OIDC_SERVER_URL")
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": environment.text("OIDC_NAME", "single sign-on"),
                "client_id": environment.text("OIDC_CLIENT_ID"),
                "secret": environment.text("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": OIDC_SERVER_URL},
            }
        ],
    }
SOCIALACCOUNT_ADAPTER = "webapp.accounts.adapter.SingleSignOnAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # our content policy lets no form lead to another site
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studio"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# Mail (a link to a new password) is sent where EMAIL_HOST names a server, and written to the log where none is named.
EMAIL_HOST = environment.text("EMAIL_HOST")
EMAIL_PORT = environment.number("EMAIL_PORT", 587)
EMAIL_USE_TLS = environment.flag("EMAIL_USE_TLS", default=True)
EMAIL_HOST_USER = environment.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = environment.text("EMAIL_HOST_PASSWORD")
# A mail server that does not answer holds up a request, or a worker, for so many seconds at most.
EMAIL_TIMEOUT = environment.number("EMAIL_TIMEOUT", 10)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM", "Soundstage <soundstage@localhost>")
# Where people find this installation: for links in mails that no request asked for.
PUBLIC_URL = environment.text(
    "PUBLIC_URL", f"https://{ALLOWED_HOSTS[0]}" if PRODUCTION else f"http://localhost:{PORT}"
).rstrip("/")
# The first account, made at start when these are set and no account exists.
ADMIN_EMAIL = environment.text("ADMIN_EMAIL")
ADMIN_PASSWORD = environment.text("ADMIN_PASSWORD")

# --- Database -------------------------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if environment.text("DATABASE_URL"):
    DATABASES = {
        "default": dj_database_url.parse(environment.text("DATABASE_URL"), conn_max_age=60, conn_health_checks=True)
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "soundstage.sqlite3"),
            # IMMEDIATE: a transaction that will write takes its turn at the start instead of failing half-way.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
            "CONN_MAX_AGE": 60,
            # A file also under test: threads and processes share it, as they do in the running program.
            "TEST": {"NAME": str(DATA_DIR / "test.sqlite3")},
        }
    }
# What is counted against guessing (rate limits, codes that were used) is counted for all web processes together, so it
# is in the database. It holds so many entries that nobody can push their own count out with others.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cacheentry",
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }
}

# --- Files ----------------------------------------------------------------------------------------------------------
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = Path(environment.text("STATIC_ROOT", str(DATA_DIR / "static")))
STATICFILES_DIRS = [ROOT / "static"]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "webapp.static.HashedStaticFiles"},
}
if environment.text("S3_BUCKET"):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": environment.text("S3_BUCKET"),
            "endpoint_url": environment.text("S3_ENDPOINT_URL") or None,
            "region_name": environment.text("S3_REGION") or None,
            "access_key": environment.text("S3_ACCESS_KEY") or None,
            "secret_key": environment.text("S3_SECRET_KEY") or None,
            "default_acl": None,
            "file_overwrite": False,
            # What is read here, for a worker or a ZIP, lies on disk beyond this, not in memory.
            "max_memory_size": 4 * 1024 * 1024,
            "querystring_auth": True,
            "querystring_expire": 900,
            "signature_version": "s3v4",
        },
    }
MAX_UPLOAD_BYTES = environment.number("MAX_UPLOAD_MB", 500) * 1024 * 1024
MAX_CLIP_SECONDS = environment.number("MAX_CLIP_SECONDS", 600)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # each of what is chosen in the library is one
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
# Beside the media folder, so that an accepted upload is moved into place, not copied.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_PERMISSIONS = 0o640
WORK_DIR = DATA_DIR / "work"
# How long deleted clips and generations can be restored; then their files are removed.
TRASH_DAYS = environment.number("TRASH_DAYS", 30)
# After how many days the retention rules (`jobs.retention`) remove what was not deleted; 0: never.
RETENTION_MEDIA_DAYS = environment.days("RETENTION_MEDIA_DAYS")
RETENTION_PREVIEW_DAYS = environment.days("RETENTION_PREVIEW_DAYS")
RETENTION_EVENT_DAYS = environment.days("RETENTION_EVENT_DAYS")
RETENTION_ROW_DAYS = environment.days("RETENTION_ROW_DAYS")
for folder in (MEDIA_ROOT, FILE_UPLOAD_TEMP_DIR, WORK_DIR):
    folder.mkdir(parents=True, exist_ok=True)

# --- Queue ----------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = environment.text("CELERY_BROKER_URL", "filesystem://localhost")
CELERY_IMPORTS = ["webapp.accounts.tasks", "webapp.comments.tasks"]  # besides those of `jobs`
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker for as long as it takes
CELERY_TASK_IGNORE_RESULT = True  # the database row is the result
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_TIMER_PRECISION = 0.05  # how late, in seconds, a task with a delay may be noticed
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "jobs.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
    # "At once" is within the minute.
    "mail-comments": {"task": "webapp.comments.tasks.send_mail", "schedule": 60.0, "options": {"expires": 60}},
    "check-alerts": {"task": "jobs.tasks.check_alerts", "schedule": 60.0, "options": {"expires": 60}},
    "forget-counts": {"task": "webapp.accounts.tasks.forget_counts", "schedule": crontab(minute=15)},
    "empty-trash": {"task": "jobs.tasks.empty_trash", "schedule": crontab(hour=3, minute=30)},
    "keep-rules": {"task": "jobs.tasks.keep_rules", "schedule": crontab(hour=4, minute=0)},
}
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT = "jobs.queue_folder:Transport"
    QUEUE_DIR = DATA_DIR / "queue"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "polling_interval": 0.05,
    }
    for folder in (QUEUE_DIR / "messages", QUEUE_DIR / "control"):
        folder.mkdir(parents=True, exist_ok=True)
else:
    # A request that finds the broker gone answers at once; the sweep rings for it later.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "max_retries": 1, "interval_max": 0.2}

# --- Generations ----------------------------------------------------------------------------------------------------
# Without an address, the engine that `make run` starts beside the web server, with a key drawn for this installation.
ENGINE_PORT = environment.number("ENGINE_PORT", PORT + 10)
OWN_ENGINE = not environment.text("ENGINE_URL")
ENGINE_URL = environment.text("ENGINE_URL", f"http://127.0.0.1:{ENGINE_PORT}")
# The engine's own setting: whose licence is shown where the engine is chosen, and on what it made.
ENGINE_MODEL = environment.text("ENGINE_MODEL")
# Variants of that model which people may choose beside the one that the engine is set to; each is a backend.
ENGINE_VARIANTS = environment.variants("ENGINE_VARIANTS")
ENGINE_KEY = environment.text("ENGINE_KEY") or environment.kept_secret(DATA_DIR / "engine-key")
# A worker renews its lease on a generation while it works; a lease not renewed for this long means the worker died.
LEASE_SECONDS = environment.number("LEASE_SECONDS", 30)
# How often a generation may be taken up again after its worker died.
MAX_ATTEMPTS = environment.number("MAX_ATTEMPTS", 3)
# A worker that is at one piece of work for longer than this hangs, and is stopped; the generation is taken up again.
WORK_TIMEOUT_SECONDS = environment.number("WORK_TIMEOUT_SECONDS", 1800)
# How long a backend may take from submission to result, and how long an unreachable one is tried again.
GENERATION_TIMEOUT_SECONDS = environment.number("GENERATION_TIMEOUT_SECONDS", 900)
BACKEND_PATIENCE_SECONDS = environment.number("BACKEND_PATIENCE_SECONDS", 30)
# The same for hosted backends, where a lost job is lost money and a queue may be long.
HOSTED_TIMEOUT_SECONDS = environment.number("HOSTED_TIMEOUT_SECONDS", 3600)
HOSTED_PATIENCE_SECONDS = environment.number("HOSTED_PATIENCE_SECONDS", 1800)
# What the programs that touch uploaded media may use.
MEDIA_TIMEOUT_SECONDS = environment.number("MEDIA_TIMEOUT_SECONDS", 120)
MEDIA_MEMORY_BYTES = environment.number("MEDIA_MEMORY_MB", 2048) * 1024 * 1024

BACKENDS = ("engine", *(f"engine-{variant}" for variant in ENGINE_VARIANTS), "fal", "scenario")
# Which one a generation takes when neither the person nor the team chose.
DEFAULT_BACKEND = environment.one_of("DEFAULT_BACKEND", BACKENDS, "engine")

# --- Hosted backends ------------------------------------------------------------------------------------------------
FAL_KEY = environment.text("FAL_KEY")
FAL_QUEUE_URL = environment.address("FAL_QUEUE_URL", "https://queue.fal.run")
FAL_REST_URL = environment.address("FAL_REST_URL", "https://rest.fal.ai")
SCENARIO_API_KEY = environment.text("SCENARIO_API_KEY")
SCENARIO_API_SECRET = environment.text("SCENARIO_API_SECRET")
SCENARIO_BASE_URL = environment.address("SCENARIO_BASE_URL", "https://api.cloud.scenario.com/v1")
# Hosts besides those addresses: which results may be fetched from, and to which clips may be sent. "*.example.com" is
# every host below example.com. Only https, only public addresses, and never with a key.
RESULT_HOSTS = environment.hosts(
    "RESULT_HOSTS", "fal.media,*.fal.media,storage.googleapis.com,cdn.cloud.scenario.com,cdn.scenario.com"
)
UPLOAD_HOSTS = environment.hosts("UPLOAD_HOSTS", "fal.media,*.fal.media,storage.googleapis.com,*.amazonaws.com")
# Encrypts the teams' own keys. After a comma follow earlier secrets, which still decrypt.
KEYS_SECRETS = environment.words("KEYS_SECRET") or [environment.kept_secret(DATA_DIR / "keys-secret")]
# What the providers ask: US dollars per second of sound, and Scenario's compute units per job.
FAL_PRICE_PER_SECOND = environment.amount("FAL_PRICE_PER_SECOND", "0.001")
SCENARIO_PRICE_PER_JOB = environment.amount("SCENARIO_PRICE_PER_JOB", "1")
# How many paid generations of one team may be with a provider at once; further ones wait in our queue. 0: no bound.
TEAM_CONCURRENCY = environment.number("TEAM_CONCURRENCY", 4)
# What one team may spend in a day, in US dollars and in compute units; what would go beyond is refused. 0: no bound.
FAL_DAILY_LIMIT = environment.amount("FAL_DAILY_LIMIT", "0")
SCENARIO_DAILY_LIMIT = environment.amount("SCENARIO_DAILY_LIMIT", "0")

# --- Watching -------------------------------------------------------------------------------------------------------
# Whoever asks for `/metrics` carries it; without one there is no such page.
METRICS_TOKEN = environment.text("METRICS_TOKEN")
# Who is mailed when many jobs fail or wait for long, and when that is over. 0: not told of.
ALERT_EMAILS = environment.words("ALERT_EMAILS")
# So many of those that ended in the last minutes, if there were as many as the least.
ALERT_FAILURE_PERCENT = environment.number("ALERT_FAILURE_PERCENT", 20)
ALERT_FAILURE_MINUTES = environment.number("ALERT_FAILURE_MINUTES", 60)
ALERT_FAILURE_LEAST = environment.number("ALERT_FAILURE_LEAST", 10)
ALERT_WAITING_SECONDS = environment.number("ALERT_WAITING_SECONDS", 600)

# --- Logs -----------------------------------------------------------------------------------------------------------
# For whatever collects them, or for people.
LOG_FORMAT = environment.one_of("LOG_FORMAT", ("json", "text"), "json" if PRODUCTION else "text")
HEALTH = ("/healthz", "/readyz")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # A health check that says "not yet" is an answer, not an error.
    "filters": {
        "not_health": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(getattr(record, "request", None), "path", "") not in HEALTH,
        }
    },
    "formatters": logs.FORMATTERS,
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": environment.text("LOG_LEVEL", "INFO")} for name in ("jobs", "webapp")},
        "django.request": {"filters": ["not_health"]},
        # These would write in their own ways, past the root.
        "gunicorn.error": {"handlers": ["console"], "propagate": False},
        "multiprocessing": {"handlers": ["console"], "propagate": False},
    },
}
