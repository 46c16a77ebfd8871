"""Indexes of PostgreSQL's own kinds, for what is searched and sorted by (`jobs.search`, `jobs.review`).

The words' need pg_trgm, which every owner of a database may create since PostgreSQL 13. Without it the search reads
every row; docs/operations.md says how it is made up for.
"""

import logging

from django.db import DatabaseError, migrations, transaction

log = logging.getLogger(__name__)

WORDS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX IF NOT EXISTS generation_prompt_words ON jobs_generation USING gin (upper(prompt) gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS clip_name_words ON jobs_clip USING gin (upper(name) gin_trgm_ops)",
)
OTHERS = (
    "CREATE INDEX generation_remote_request ON jobs_generation ((remote -> 'request_id'))",
    "CREATE INDEX generation_slowest ON jobs_generation ((finished_at - started_at) DESC NULLS LAST, id DESC)",
    "CREATE INDEX generation_dearest ON jobs_generation (cost DESC NULLS LAST, id DESC) INCLUDE (backend)",
)
NAMES = (
    "generation_prompt_words", "clip_name_words", "generation_remote_request", "generation_slowest",
    "generation_dearest",
)  # fmt: skip


def make(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for statement in OTHERS:
        schema_editor.execute(statement)
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            for statement in WORDS:
                schema_editor.execute(statement)
    except DatabaseError as error:
        log.warning("pg_trgm could not be made, so searching reads every row; see docs/operations.md. %s", error)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in NAMES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0017_tags")]
    operations = [migrations.RunPython(make, drop)]
