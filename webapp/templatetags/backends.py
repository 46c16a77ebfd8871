"""What people call a backend, for templates."""

from __future__ import annotations

from django import template

from webapp.backends import label

register = template.Library()
register.filter("backend_label", label)
