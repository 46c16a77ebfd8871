"""How the web server runs, in every set-up: `gunicorn -c python:webapp.gunicorn_conf webapp.wsgi`.

Threads, because most requests wait: for a large upload, for a player that takes its time. A sync worker would answer
one of them at a time. WSGI, because Django then streams an upload straight to disk instead of collecting the body
first.
"""

import os

from webapp import settings

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_PROCESSES", "1"))
# A browser keeps the connection of a video it has paused; each holds a thread.
threads = 32
timeout = 120
graceful_timeout = 3
loglevel = "warning"
logconfig_dict = settings.LOGGING
control_socket_disable = True
# Requests wait in memory, not on a disk that may be slow (gunicorn's own heartbeat files).
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
