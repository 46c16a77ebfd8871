"""Loaded before anything else: every test run lives in a data folder of its own, on the embedded defaults."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

FOLDER = tempfile.mkdtemp(prefix="soundstage-tests-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

# Whatever the developer's shell says of an installation is not meant for the tests. DATABASE_URL is:
# the suite runs itself a second time on PostgreSQL.
for name in (
    "PRODUCTION", "S3_BUCKET", "CELERY_BROKER_URL", "ENGINE_URL", "ENGINE_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD",
    "FAL_KEY", "FAL_KEY_FILE", "SCENARIO_API_KEY", "SCENARIO_API_KEY_FILE", "SCENARIO_API_SECRET",
    "SCENARIO_API_SECRET_FILE", "DEFAULT_BACKEND", "KEYS_SECRET",
    "OIDC_SERVER_URL", "SIGN_UP_OPEN", "INVITATION_DAYS", "TRASH_DAYS", "METRICS_TOKEN", "LOG_FORMAT",
    "ALERT_EMAILS", "ALERT_FAILURE_PERCENT", "ALERT_FAILURE_MINUTES", "ALERT_FAILURE_LEAST", "ALERT_WAITING_SECONDS",
):  # fmt: skip
    os.environ.pop(name, None)
os.environ["DATA_DIR"] = FOLDER
