"""`python -m engine` serves until it is told to stop (SIGTERM, Ctrl-C)."""

from __future__ import annotations

import logging
import sys

import uvicorn
from pydantic import ValidationError

from engine import logs
from engine.app import create_app
from engine.settings import Settings, complaints


def main() -> int:
    try:
        settings = Settings()
    except ValidationError as error:
        print(*complaints(error, "ENGINE"), sep="\n", file=sys.stderr)
        return 2
    logs.configure(settings.log_format)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
