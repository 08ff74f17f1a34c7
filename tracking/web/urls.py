"""The table of contents of the portal: URL -> page. Page name = view = template = script."""

from django.urls import path

from tracking.web import account, artifacts, charts, compare, experiments, home, language, runs, sign_in, workspaces

app_name = "web"
urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in", sign_in.sign_in, name="sign_in"),
    path("sign-in/<str:link>", sign_in.use_link, name="use_link"),
    path("sign-out", sign_in.sign_out, name="sign_out"),
    path("language", language.language, name="language"),
    path("words.js", language.words, name="words"),
    path("account", account.account, name="account"),
    path("w/<str:workspace>", workspaces.workspace_detail, name="workspace_detail_bare"),
    path("w/<str:workspace>/", workspaces.workspace_detail, name="workspace_detail"),
    path("w/<str:workspace>/experiments", experiments.experiment_list, name="experiment_list"),
    path("w/<str:workspace>/experiments/<int:experiment_id>", experiments.experiment_detail, name="experiment_detail"),
    path("w/<str:workspace>/runs/<str:uid>", runs.run_detail, name="run_detail"),
    path("w/<str:workspace>/runs/<str:uid>/artifacts", artifacts.artifact_tree, name="artifact_tree"),
    path("w/<str:workspace>/runs/<str:uid>/preview", artifacts.artifact_preview, name="artifact_preview"),
    path("w/<str:workspace>/runs/<str:uid>/download", artifacts.artifact_download, name="artifact_download"),
    path("w/<str:workspace>/compare", compare.compare, name="compare"),
    path("w/<str:workspace>/charts/series", charts.series, name="series"),
    path("w/<str:workspace>/charts/series.csv", charts.series_csv, name="series_csv"),
    path("w/<str:workspace>/charts/values", charts.run_values, name="run_values"),
]
