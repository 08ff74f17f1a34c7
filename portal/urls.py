"""Where requests go: the MLflow API (root, and below a workspace), and the pages."""

from django.urls import include, path

urlpatterns = [
    path("", include("tracking.api.urls")),
    path("", include("tracking.web.urls")),
]
handler400 = "tracking.web.errors.bad_request"
handler403 = "tracking.web.errors.permission_denied"
handler404 = "tracking.web.errors.page_not_found"
handler500 = "tracking.web.errors.server_error"
