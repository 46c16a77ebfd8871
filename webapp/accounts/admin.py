"""People, how they sign in, their groups and teams, for administrators; what they change is in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from allauth.socialaccount.admin import SocialAccountAdmin, SocialAppAdmin, SocialTokenAdmin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.admin import UserSessionAdmin
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from jobs import audit
from jobs.models import AuditAction
from webapp.accounts.models import Membership, Team, User

# Fields whose names have one of these hold what nobody may read.
SECRETS = ("password", "secret", "token", "key", "data")


class Audited(admin.ModelAdmin):  # type: ignore[type-arg]
    """Writes additions, changes and deletions to the audit log, the fields that changed as they were and are."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        before, after = _changed(form)
        for formset in formsets or ():
            for part in (one for one in formset.forms if one.has_changed()):
                name = f"{part.instance._meta.verbose_name} {part.instance}"
                was, is_now = _changed(part)
                if part in formset.initial_forms:
                    before[name] = _listed(was)
                after[name] = "removed" if part in formset.deleted_forms else _listed(is_now)
        request.audited = ({} if add else before, after)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with it is counted, in the log too."""
        deleted = super().get_deleted_objects(objs, request)
        request.audited = ({str(name): count for name, count in deleted[1].items()}, {})  # type: ignore[attr-defined]
        return deleted

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


def _changed(form: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that somebody changed, as they were and as they are."""
    names = [name for name in form.changed_data if name != "DELETE" and not any(word in name for word in SECRETS)]
    before = {name: _said(form.initial.get(name)) for name in names}
    return before, {name: _said(form.cleaned_data.get(name)) for name in names}


def _listed(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in fields.items())


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


class AddressAdmin(Audited, EmailAddressAdmin):  # type: ignore[misc]
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        unverified = list(queryset.filter(verified=False))
        super().make_verified(request, queryset)
        for address in EmailAddress.objects.filter(pk__in=[one.pk for one in unverified], verified=True):
            self.log_change(request, address, "Confirmed.")


HOW_PEOPLE_SIGN_IN = {
    EmailAddress: AddressAdmin,
    Authenticator: AuthenticatorAdmin,
    SocialAccount: SocialAccountAdmin,
    SocialApp: SocialAppAdmin,
    SocialToken: SocialTokenAdmin,
    UserSession: UserSessionAdmin,
}
for model, theirs in HOW_PEOPLE_SIGN_IN.items():
    admin.site.unregister(model)
    audited = theirs if issubclass(theirs, Audited) else type(theirs.__name__, (Audited, theirs), {})
    admin.site.register(model, audited)
