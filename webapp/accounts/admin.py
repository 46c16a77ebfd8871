"""People, their groups and teams, for administrators; what they change is in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest

from jobs import audit
from jobs.models import AuditAction
from webapp.accounts.models import Membership, Team, User


class Audited(admin.ModelAdmin):  # type: ignore[type-arg]
    """Writes additions, changes and deletions to the audit log, the fields that changed as they were and are."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        names = [name for name in form.changed_data if "password" not in name]
        request.audited = (  # type: ignore[attr-defined]
            {name: _said(form.initial.get(name)) for name in names if not add},
            {name: _said(form.cleaned_data.get(name)) for name in names},
        )
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        self._record(request, obj, entry.get_change_message() or "Added.")
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        self._record(request, obj, entry.get_change_message())
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        entries = super().log_deletions(request, queryset)
        for thing in queryset:
            self._record(request, thing, "Deleted.")
        return entries

    def _record(self, request: HttpRequest, thing: Model, message: str) -> None:
        changes: tuple[dict[str, Any], dict[str, Any]] = getattr(request, "audited", ({}, {}))
        before, after = changes
        assert isinstance(request.user, User)
        audit.record(
            request.user,
            AuditAction.ADMINISTER,
            f"{thing._meta.verbose_name} {thing}",
            team=thing if isinstance(thing, Team) and thing.pk else None,
            installation=True,
            before=before,
            after={**after, "change": message},
        )


def _said(value: Any) -> Any:
    """A field's value as the log keeps it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Iterable):
        return sorted(str(one) for one in value)
    return str(value)


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 1
    autocomplete_fields = ("user",)


@admin.register(User)
class AccountAdmin(Audited, UserAdmin):  # type: ignore[type-arg]
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active", "last_login")
    search_fields = ("email", "first_name", "last_name")
    add_form = UserCreationForm
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Person", {"fields": ("first_name", "last_name")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )


@admin.register(Team)
class TeamAdmin(Audited):
    list_display = ("name", "created_at")
    search_fields = ("name", "public_id")
    readonly_fields = ("public_id",)
    inlines = (MembershipInline,)


admin.site.unregister(Group)


@admin.register(Group)
class AuditedGroupAdmin(Audited, GroupAdmin):
    pass
