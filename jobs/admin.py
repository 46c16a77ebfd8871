"""The job history for administrators: to read, not to edit."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs import holds
from jobs.models import Activity, AuditEntry, Clip, Generation, Hold, JobEvent, Project


class ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EvenFromTrash:
    """Administrators see what is in the trash too."""

    def get_queryset(self, request: HttpRequest) -> Any:
        everything = self.model.everything.all()  # type: ignore[attr-defined]
        ordering = self.get_ordering(request)  # type: ignore[attr-defined]
        return everything.order_by(*ordering) if ordering else everything


class Timeline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = JobEvent
    fields = ("at", "kind", "stage", "message", "data")


@admin.register(Generation)
class GenerationAdmin(ReadOnly, EvenFromTrash, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("public_id", "status", "team", "prompt", "backend", "created_at", "finished_at", "deleted_at")
    list_filter = ("status", "backend", "team")
    search_fields = ("public_id", "prompt", "clip__public_id", "clip__name")
    list_select_related = ("team",)
    inlines = (Timeline,)


@admin.register(Project)
class ProjectAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("public_id", "name", "team", "created_at", "archived_at")
    list_filter = ("team",)
    search_fields = ("public_id", "name")
    list_select_related = ("team",)


@admin.register(Activity)
class ActivityAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("at", "team", "by", "verb", "subject")
    list_filter = ("team",)
    list_select_related = ("team", "by")
    ordering = ("-id",)


@admin.register(Clip)
class ClipAdmin(ReadOnly, EvenFromTrash, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("public_id", "name", "team", "duration", "created_at", "deleted_at")
    search_fields = ("public_id", "name", "sha256")
    list_select_related = ("team",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("at", "by_name", "action", "target", "team_name", "installation")
    list_filter = ("action", "installation")
    search_fields = ("by_name", "target", "team_name")
    ordering = ("-id",)


class HoldForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new hold, on something that there is."""

    class Meta:
        model = Hold
        fields = ("kind", "public_id", "why")

    def clean(self) -> dict[str, Any] | None:
        asked = super().clean() or self.cleaned_data
        kind, public_id = asked.get("kind"), asked.get("public_id")
        if kind and public_id and holds.find(kind, public_id) is None:
            self.add_error("public_id", f"There is no {kind} with this ID.")
        return asked


@admin.register(Hold)
class HoldAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Holds are added and released, never changed or deleted."""

    form = HoldForm
    list_display = ("public_id", "kind", "why", "by", "at", "released_by", "released_at")
    list_filter = ("kind", ("released_at", admin.EmptyFieldListFilter))
    search_fields = ("public_id", "why")
    list_select_related = ("by", "released_by")
    ordering = ("-id",)
    actions = ("release",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("kind", "public_id", "why", "by", "at", "released_by", "released_at") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Hold, form: Any, change: bool) -> None:
        if not change:
            holds.put(obj, request.user)  # type: ignore[arg-type]

    @admin.action(description="Release the chosen holds", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        count = sum(holds.release(hold, request.user) for hold in queryset)  # type: ignore[arg-type]
        messages.success(request, f"Released: {count} hold{'' if count == 1 else 's'}.")
