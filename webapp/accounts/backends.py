"""The team's backends: which one is taken when nobody says, the team's own keys, what today has cost.

A key is only ever taken in: no page, message or error has it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from jobs import audit, keys
from jobs.backends import registry
from jobs.models import BackendKey
from webapp import backends as offers
from webapp.accounts.access import TeamRequest, needs
from webapp.accounts.permissions import Action, may

# What the fields are called; the names themselves are those of the installation's settings.
LABELS = {"FAL_KEY": "Key", "SCENARIO_API_KEY": "API key", "SCENARIO_API_SECRET": "API secret"}


class DefaultForm(forms.Form):
    """The backend of whoever names none: empty for the installation's."""

    default_backend = forms.ChoiceField(
        label="The team’s default",
        required=False,
        help_text="Chosen in the studio until somebody takes another.",
        widget=forms.Select({"class": "box"}),
        error_messages={"invalid_choice": "There is no such backend, or it is not ready. Choose one of these."},
    )

    def __init__(self, among: list[offers.Choice], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        installation = offers.label(offers.of_installation(among))
        field = self.fields["default_backend"]
        assert isinstance(field, forms.ChoiceField)
        ready = [(choice.name, choice.offer.label) for choice in among if choice.ready]
        field.choices = [("", f"This installation’s ({installation})"), *ready]


class KeyForm(forms.Form):
    """A field for each of a backend's credentials; none of them is ever filled in."""

    def __init__(self, backend: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in registry.offer(backend).needs:
            self.fields[name] = forms.CharField(
                label=LABELS.get(name, name),
                max_length=500,
                widget=forms.PasswordInput({"autocomplete": "off", "spellcheck": "false"}),
                error_messages={"required": "Enter the key as the provider shows it."},
            )


@dataclass(frozen=True)
class Panel:
    """One backend on the page. `own` is the team's key and `form` takes a new one; both only for who may manage."""

    choice: offers.Choice
    spend: offers.Spend | None
    own: BackendKey | None
    form: KeyForm | None


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Action.CREATE)
def backends(request: TeamRequest) -> HttpResponse:
    """`GET /team/backends/`; `POST` with `default_backend` changes the default."""
    if request.method == "POST":
        return _set_default(request)
    return _page(request)


@needs(Action.MANAGE_BACKENDS)
def _set_default(request: TeamRequest) -> HttpResponse:
    form = DefaultForm(offers.choices(request.team), request.POST)
    if not form.is_valid():
        return _page(request, default=form, status=422)
    before, after = request.team.default_backend, form.cleaned_data["default_backend"]
    request.team.default_backend = after
    request.team.save(update_fields=["default_backend"])
    if before != after:
        _record(request, "default backend", before, after)
    messages.success(request, "The team’s default is saved.")
    return _to_backends(request)


@sensitive_post_parameters()
@require_POST
@needs(Action.MANAGE_BACKENDS)
def set_key(request: TeamRequest, backend: str) -> HttpResponse:
    """`POST /team/backends/<backend>/key/` with the credentials by their names: they take the place of those before."""
    form = KeyForm(_hosted(backend), request.POST)
    if form.is_valid():
        try:
            keys.set_key(request.team, backend, form.cleaned_data, request.user)
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            _record(request, f"key for {_provider(backend)}", "", "stored")
            messages.success(request, f"Your team’s key for {_provider(backend)} is stored.")
            return _to_backends(request)
    return _page(request, refused={backend: form}, status=422)


@require_POST
@needs(Action.MANAGE_BACKENDS)
def remove_key(request: TeamRequest, backend: str) -> HttpResponse:
    """`POST /team/backends/<backend>/key/remove/`: the installation's key holds again, where there is one."""
    if keys.remove_key(request.team, _hosted(backend)):
        _record(request, f"key for {_provider(backend)}", "stored", "removed")
        messages.success(request, f"Your team’s key for {_provider(backend)} is removed.")
    return _to_backends(request)


def _record(request: TeamRequest, what: str, before: str, after: str) -> None:
    """What was changed of the team's backends; of keys, only that they were."""
    audit.record_in_team(request.user, request.team, request.team.public_id, {what: before}, {what: after})


def _to_backends(request: TeamRequest) -> HttpResponse:
    return redirect(f"{reverse('team-backends')}?team={request.team.public_id}")


def _hosted(backend: str) -> str:
    """`backend`, if there is such a one and it takes keys; 404 otherwise."""
    if backend not in registry.NAMES or not registry.offer(backend).needs:
        raise Http404("There is no such backend.")
    return backend


def _provider(backend: str) -> str:
    return offers.provider(registry.offer(backend))


def _page(
    request: TeamRequest,
    *,
    default: DefaultForm | None = None,
    refused: dict[str, KeyForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    among = offers.choices(request.team)
    manages = may(request.membership, Action.MANAGE_BACKENDS)
    own = {}
    if manages:
        own = {key.backend: key for key in BackendKey.objects.filter(team=request.team).select_related("set_by")}
        default = default or DefaultForm(among, initial={"default_backend": request.team.default_backend})
    panels = [
        Panel(
            choice,
            spend=offers.spent_today(request.team, choice),
            own=own.get(choice.name),
            form=(refused or {}).get(choice.name) or KeyForm(choice.name) if manages and choice.offer.needs else None,
        )
        for choice in among
    ]
    context = {"panels": panels, "default": default, "taken": offers.label(offers.default_of(request.team, among))}
    return render(request, "backends/team.html", context, status=status)
