"""What templates say about comments."""

from __future__ import annotations

from django import template
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.comments import notifications

register = template.Library()


@register.filter
def clock(seconds: float | None) -> str:
    """83.456 as "1:23.45", as static/js/times.js writes it."""
    hundredths = int(max(seconds or 0.0, 0.0) * 100 + 1e-6)
    return f"{hundredths // 6000}:{hundredths % 6000 // 100:02}.{hundredths % 100:02}"


@register.simple_tag
def unread_notifications(request: HttpRequest) -> int:
    """How much whoever asks has not read: `{% unread_notifications request as unread %}`."""
    return notifications.unread(request.user) if isinstance(request.user, User) else 0
