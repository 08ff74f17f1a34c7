"""Files that the stock client logs come back as they went."""

import io
import os
from pathlib import Path

import matplotlib
import mlflow
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient
from PIL import Image

matplotlib.use("Agg")


def read(run: mlflow.ActiveRun, path: str, folder: Path) -> bytes:
    """Download one artifact and return its bytes."""
    got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path, dst_path=str(folder))
    return Path(got).read_bytes()


class TestFiles:
    def test_of_a_folder_keep_names_and_bytes(self, client: MlflowClient, tmp_path: Path) -> None:
        sent = {
            Path("sub 目录") / "a+b 1.bin": os.urandom(3_000_000),
            Path("sub 目录") / "100%.txt": b"x",
            Path("empty"): b"",
            Path("e\u0301") / "[1] & 'x'; y=z, ~.txt": b"y",
        }  # no '#', '?' or '%41': mlflow's client puts names into the URL without encoding them
        for name, content in sent.items():
            (tmp_path / "sent" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "sent" / name).write_bytes(content)
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(tmp_path / "sent"), "files")

        got = Path(
            mlflow.artifacts.download_artifacts(
                run_id=run.info.run_id, artifact_path="files", dst_path=str(tmp_path / "got")
            )
        )

        assert {path.relative_to(got): path.read_bytes() for path in got.rglob("*") if path.is_file()} == sent

    def test_are_listed_and_deleted(self, client: MlflowClient, tmp_path: Path) -> None:
        with mlflow.start_run() as run:
            mlflow.log_text("hello", "notes/a.txt")
            mlflow.log_dict({"a": [1, 2]}, "d.json")
            mlflow.log_dict({"a": 1}, "notes/b.yaml")
        repository = client._tracking_client._get_artifact_repo(run.info.run_id)

        assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["d.json", "notes"]
        assert [one.path for one in client.list_artifacts(run.info.run_id, "notes")] == ["notes/a.txt", "notes/b.yaml"]
        assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/a.txt") == "hello"
        assert mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/d.json") == {"a": [1, 2]}
        repository.delete_artifacts("notes")  # type: ignore[no-untyped-call]
        assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["d.json"]

    def test_are_replaced(self, client: MlflowClient, tmp_path: Path) -> None:
        with mlflow.start_run() as run:
            for text in ("the first", "2nd"):
                mlflow.log_text(text, "a.txt")

        assert read(run, "a.txt", tmp_path) == b"2nd"

    def test_that_are_missing_are_named(self, client: MlflowClient, tmp_path: Path) -> None:
        with mlflow.start_run() as run:
            mlflow.log_text("x", "a.txt")

        with pytest.raises(Exception, match=r"none\.txt"):
            read(run, "none.txt", tmp_path)


class TestPictures:
    def test_of_matplotlib_are_kept(self, client: MlflowClient, tmp_path: Path) -> None:
        figure = Figure()
        figure.add_subplot().plot([1, 3, 2])
        with mlflow.start_run() as run:
            mlflow.log_figure(figure, "plots/loss.png")
            mlflow.log_figure(figure, "plots/loss.svg")

        with Image.open(io.BytesIO(read(run, "plots/loss.png", tmp_path))) as picture:
            assert picture.size == (640, 480)
        assert b"<svg" in read(run, "plots/loss.svg", tmp_path)

    def test_of_numpy_keep_every_pixel(self, client: MlflowClient, tmp_path: Path) -> None:
        pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
        with mlflow.start_run() as run:
            mlflow.log_image(pixels, "one.png")
            for step in range(2):
                mlflow.log_image(pixels, key="val/img", step=step)

        with Image.open(io.BytesIO(read(run, "one.png", tmp_path))) as picture:
            assert np.asarray(picture).tolist() == pixels.tolist()
        names = [one.path for one in client.list_artifacts(run.info.run_id, "images")]
        for step in range(2):
            assert len([name for name in names if f"+step+{step}+" in name and name.endswith(".png")]) == 1
        full = next(name for name in names if name.endswith(".png"))
        with Image.open(io.BytesIO(read(run, full, tmp_path))) as picture:
            assert np.asarray(picture).tolist() == pixels.tolist()
        assert client.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


class TestTables:
    @pytest.mark.filterwarnings("ignore")  # mlflow's use of pandas
    def test_grow_and_come_back(self, client: MlflowClient) -> None:
        with mlflow.start_run() as run:
            mlflow.log_table({"问题": ["a", "b"], "n": [1, 2]}, "t.json")
            mlflow.log_table(pd.DataFrame({"问题": ["c"], "n": [3]}), "t.json")

        table = mlflow.load_table("t.json", run_ids=[run.info.run_id], extra_columns=["run_id"])
        assert table["问题"].tolist() == ["a", "b", "c"]
        assert table["n"].tolist() == [1, 2, 3]
        assert set(table["run_id"]) == {run.info.run_id}
        tag = client.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]
        assert tag == '[{"path": "t.json", "type": "table"}]'
