"""The addresses of an installation with OIDC_SERVER_URL."""

from webapp.urls import single_sign_on, urlpatterns

urlpatterns = [*urlpatterns, *single_sign_on]
