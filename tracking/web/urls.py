"""The table of contents of the portal: URL -> page. Page name = view = template = script."""

from django.urls import path

from tracking.web import (
    account,
    artifacts,
    bulk,
    charts,
    compare,
    directions,
    experiments,
    exports,
    home,
    language,
    runs,
    saved_views,
    sign_in,
    suggest,
    workspaces,
)

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
    path("w/<str:workspace>/experiments/<int:experiment_id>/runs.csv", exports.runs_csv, name="runs_csv"),
    path("w/<str:workspace>/experiments/<int:experiment_id>/runs.json", exports.runs_json, name="runs_json"),
    path("w/<str:workspace>/experiments/<int:experiment_id>/runs", bulk.change_runs, name="change_runs"),
    path("w/<str:workspace>/experiments/<int:experiment_id>/suggest", suggest.suggest, name="suggest"),
    path("w/<str:workspace>/experiments/<int:experiment_id>/direction", directions.direction, name="direction"),
    path("w/<str:workspace>/experiments/<int:experiment_id>/views", saved_views.save_view, name="save_view"),
    path("w/<str:workspace>/views/<int:view_id>/delete", saved_views.delete_view, name="delete_view"),
    path("w/<str:workspace>/runs/<str:uid>", runs.run_detail, name="run_detail"),
    path("w/<str:workspace>/runs/<str:uid>/artifacts", artifacts.artifact_tree, name="artifact_tree"),
    path("w/<str:workspace>/runs/<str:uid>/preview", artifacts.artifact_preview, name="artifact_preview"),
    path("w/<str:workspace>/runs/<str:uid>/download", artifacts.artifact_download, name="artifact_download"),
    path("w/<str:workspace>/compare", compare.compare, name="compare"),
    path("w/<str:workspace>/charts/series", charts.series, name="series"),
]
