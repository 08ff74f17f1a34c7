"""Where requests go: the MLflow API (root, and below a workspace), and the pages."""

from django.urls import include, path

from tracking.web import oidc

urlpatterns = [
    path("", include("tracking.api.urls")),
    path("", include("tracking.web.urls")),
    # Under the names by which allauth looks for them.
    path("sign-in/with/<str:provider_id>", oidc.begin, name="openid_connect_login"),
    path("sign-in/with/<str:provider_id>/back", oidc.come_back, name="openid_connect_callback"),
]
handler400 = "tracking.web.errors.bad_request"
handler403 = "tracking.web.errors.permission_denied"
handler404 = "tracking.web.errors.page_not_found"
handler500 = "tracking.web.errors.server_error"
