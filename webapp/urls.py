"""Every address of Soundstage."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from webapp import health, media, metrics
from webapp.accounts import account_page, activity_page, invitation_pages, team_pages
from webapp.accounts import backends as team_backends
from webapp.accounts import views as accounts
from webapp.comments import guest_pages as guest_comments
from webapp.comments import notification_pages
from webapp.comments import team_pages as comments
from webapp.sharing import guest_pages
from webapp.sharing import team_pages as team_links
from webapp.studio import clip_page, history, library, projects, results, tags, trash
from webapp.studio import views as studio

# One way to sign in, for administrators too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Soundstage administration"

single_sign_on = [
    path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("accounts/connected/", include("allauth.socialaccount.urls")),
]
urlpatterns = [
    path("", studio.studio, name="studio"),
    path("clips/", studio.upload_clip, name="clip-upload"),
    path("clips/sample/", studio.sample_clip, name="clip-sample"),
    path("clips/<str:clip_id>/", clip_page.clip, name="clip"),
    path("clips/<str:clip_id>/live/", clip_page.live, name="clip-live"),
    path("clips/<str:clip_id>/choose/", clip_page.choose, name="clip-choose"),
    path("clips/<str:clip_id>/facts/", studio.clip_facts, name="clip-facts"),
    path("g/<str:generation_id>/", results.generation, name="generation"),
    path("g/<str:generation_id>/live/", results.live, name="generation-live"),
    path("g/<str:generation_id>/take/", results.take, name="generation-take"),
    path("g/<str:generation_id>/cancel/", results.cancel, name="generation-cancel"),
    path("g/<str:generation_id>/comments/", comments.comments, name="comments"),
    path("comments/<int:comment_id>/edit/", comments.edit, name="comment-edit"),
    path("comments/<int:comment_id>/delete/", comments.delete, name="comment-delete"),
    path("comments/<int:comment_id>/resolve/", comments.resolve, name="comment-resolve"),
    path("notifications/", notification_pages.index, name="notifications"),
    path("notifications/read/", notification_pages.read_all, name="notifications-read"),
    path("history/", history.history, name="history"),
    path("history/live/", history.live, name="history-live"),
    path("media/clips/<str:clip_id>/<str:kind>", media.clip_file, name="clip-file"),
    path("media/g/<str:generation_id>/<str:kind>", media.generation_file, name="generation-file"),
    path("library/", library.library, name="library"),
    path("library/more/", library.more, name="library-more"),
    path("library/favourite/", library.favour, name="library-favourite"),
    path("library/download/", library.download, name="library-download"),
    path("projects/", projects.index, name="projects"),
    path("projects/move/", projects.move, name="projects-move"),
    path("projects/<str:project_id>/", projects.project, name="project"),
    path("projects/<str:project_id>/rename/", projects.rename, name="project-rename"),
    path("projects/<str:project_id>/archive/", projects.archive, name="project-archive"),
    path("projects/<str:project_id>/restore/", projects.restore, name="project-restore"),
    path("tags/add/", tags.add, name="tags-add"),
    path("tags/remove/", tags.remove, name="tags-remove"),
    path("trash/", trash.contents, name="trash"),
    path("trash/put/", trash.put, name="trash-put"),
    path("trash/restore/", trash.restore, name="trash-restore"),
    path("team/", team_pages.team, name="team"),
    path("team/activity/", activity_page.activity, name="team-activity"),
    path("team/name/", team_pages.rename, name="team-rename"),
    path("team/leave/", team_pages.leave, name="team-leave"),
    path("team/invitations/", team_pages.invite, name="team-invite"),
    path("team/invitations/<int:invitation_id>/revoke/", team_pages.revoke_invitation, name="invitation-revoke"),
    path("team/members/<int:membership_id>/role/", team_pages.change_role, name="member-role"),
    path("team/members/<int:membership_id>/remove/", team_pages.remove_member, name="member-remove"),
    path("team/members/<int:membership_id>/owner/", team_pages.hand_over, name="team-hand-over"),
    path("team/links/", team_links.index, name="team-links"),
    path("team/links/new/", team_links.create, name="team-link-new"),
    path("team/links/<int:link_id>/", team_links.find, name="team-link"),
    path("team/links/<int:link_id>/change/", team_links.change, name="link-change"),
    path("team/links/<int:link_id>/revoke/", team_links.revoke, name="link-revoke"),
    path("share/<str:share_token>/", guest_pages.page, name="share"),
    path("share/<str:share_token>/<str:generation_id>/comments/", guest_comments.comments, name="share-comments"),
    path("share/<str:share_token>/<str:generation_id>/<str:kind>", guest_pages.file, name="share-file"),
    path("teams/new/", team_pages.create, name="team-new"),
    path("teams/<str:team_id>/switch/", team_pages.switch, name="team-switch"),
    path("invitations/<str:token>/", invitation_pages.invitation, name="invitation"),
    path("team/backends/", team_backends.backends, name="team-backends"),
    path("team/backends/<str:backend>/key/", team_backends.set_key, name="team-backend-key"),
    path("team/backends/<str:backend>/key/remove/", team_backends.remove_key, name="team-backend-key-remove"),
    path("setup/", accounts.set_up, name="set-up"),
    path("account/", account_page.account, name="account"),
    path("account/sessions/<int:session_id>/end/", account_page.end_session, name="session-end"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/two-factor/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("", include("webapp.review.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
if settings.OIDC_SERVER_URL:
    urlpatterns += single_sign_on
