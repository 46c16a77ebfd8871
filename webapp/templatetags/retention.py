"""What pages say where files were."""

from __future__ import annotations

from django import template

from jobs import retention

register = template.Library()

register.filter("gone", retention.gone)
