"""A page says what was measured, and needs nothing but itself."""

import json
import re
import shutil

import numpy as np
import pytest

from adafuse_tf import data
from adafuse_tf.inference import profile
from adafuse_tf.report import write_report
from adafuse_tf.report.numbers import cost, percent
from adafuse_tf.training import ModelDirError, evaluate_records, load_trained
from tests.report.conftest import add_metrics, make_run
from tests.report.pages import Page
from tests.training.conftest import FRAMES, LABELS


@pytest.fixture(scope="module")
def text(run):
    report = write_report(run)
    assert report.path == str(run / "report.html") and not report.notes
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


@pytest.fixture(scope="module")
def metrics(run):
    return json.loads((run / "metrics.json").read_text())


@pytest.fixture(scope="module")
def truth(run, records):
    """`profile` of all validation clips, and their names."""
    model, preprocessing, _ = load_trained(run)
    files = str(records / "validation-*")
    clips, _ = next(iter(data.clips(files, preprocessing, 100, training=False)))
    return profile(model, clips.numpy())


def test_tables_have_the_numbers_of_metrics_json(page, metrics):
    assert page.row("Top-1") == [percent(metrics["top1"])]
    assert page.row("Top-1, sampled policies") == [percent(metrics["top1_sampled"])]
    assert page.row("Cross-entropy") == [f"{metrics['loss']:.4f}"]
    assert page.row("One clip") == [cost(metrics["gmacs_per_clip"])]
    dense = page.row("One clip of the same network without gates")
    assert dense == [cost(metrics["dense_gmacs_per_clip"])]
    assert page.row("Saved") == [percent(metrics["saved"])]


def test_confusion_matrix_counts_every_video_once(page, metrics):
    cells = [int(a["data-n"]) for a in page.all("td") if "data-n" in a]
    assert sum(cells) == metrics["num_clips"] == 8
    assert cells == np.ravel(metrics["confusion"]).tolist()


def test_policies_by_block_are_those_of_the_metrics(page, metrics):
    titles = [a["title"] for a in page.all("div", class_="bar")]
    assert metrics["policy_per_gate"].keys() == {"gate"}
    for shares in (metrics["policy"], metrics["policy_per_gate"]["gate"]):
        order = ("keep", "reuse", "skip")
        wanted = ", ".join(f"{name} {shares[name]:.1%}" for name in order)
        assert wanted in titles


def test_extremes_are_those_of_the_profile(page, truth):
    gmacs = truth.gmacs.tolist()
    assert max(gmacs) > min(gmacs)
    most, least = page.text.split("Most expensive")[1].split("Least expensive")
    for part, expected in ((most, max(gmacs)), (least, min(gmacs))):
        number = int(re.search(r"validation/(\d+)", part)[1])
        assert gmacs[number] == pytest.approx(expected)
        assert cost(gmacs[number]) in part


def test_timelines_show_frames_and_decisions(page, truth):
    figures = len(page.all("figure"))
    assert figures >= 6
    assert len(page.all("img")) == figures * FRAMES
    found = 0
    for number in range(8):
        shares = (truth.policies["gate"][number] == 2).mean(axis=1)
        kept = " ".join(f"{share:.0%}" for share in shares)
        if f"validation/{number} " in page.text:
            found += 1
            assert f"gate, frame by frame: keep {kept};" in page.text
    assert found


def test_page_is_valid_and_needs_nothing_else(page, text):
    assert not page.errors and not page.open
    assert text.startswith("<!DOCTYPE html>")
    assert all(a["src"].startswith("data:image/") for a in page.all("img"))
    assert not re.search(r"https?:|url\(|@import|<script|<link|<iframe", text)
    assert len(page.all("polyline")) == 6  # two epochs of history


def test_other_records_are_measured_anew(run, records, tmp_path):
    path = str(records / "train-*")
    report = write_report(run, path, output=tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    metrics = evaluate_records(run, path)
    assert report.path == str(tmp_path / "page.html")
    assert page.row("Cross-entropy") == [f"{metrics['loss']:.4f}"]
    assert "Measured on 2 videos" in page.text
    assert "sampled policies" not in page.text  # not measured here
    assert not report.notes  # nobody expects those of metrics.json


def test_records_of_the_run_by_name_are_those_of_its_metrics(
    run, records, metrics, tmp_path
):
    report = write_report(
        run, str(records / "validation-*"), output=tmp_path / "page.html"
    )
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.row("Top-1, sampled policies") == [percent(metrics["top1_sampled"])]
    assert not report.notes


def test_views_of_a_video_count_together(records, tmp_path):
    folder = make_run(tmp_path / "views", records, task__validation_data__num_clips="2")
    add_metrics(folder, records)
    write_report(folder, batch_size=3)
    metrics = json.loads((folder / "metrics.json").read_text())
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert metrics["views_per_video"] == 2
    assert "Measured on 8 videos" in page.text
    assert page.row("Cross-entropy") == [f"{metrics['loss']:.4f}"]
    both = cost(metrics["gmacs_per_video_all_views"])
    assert page.row("One video, 2 views") == [both]


def test_model_without_gates(records, tmp_path):
    folder = make_run(tmp_path / "plain", records, task__model__preset="plain")
    report = write_report(folder)
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    (note,) = report.notes
    assert "no gates" in note and note in page.text
    for word in ("Policies by block", "reuse", "Most expensive", "Saved"):
        assert word not in page.text
    assert page.all("img") and not page.errors and not page.open


def test_without_videos_the_page_is_of_metrics_json(run, metrics, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(run, folder)
    params = (folder / "params.yaml").read_text()
    params = re.sub("data_dir: .*", f"data_dir: {tmp_path / 'gone'}", params)
    (folder / "params.yaml").write_text(params)
    (note,) = write_report(folder).notes
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "left out" in note and "gone" in note and note in page.text
    assert page.row("Cross-entropy") == [f"{metrics['loss']:.4f}"]
    assert "Keep, reuse, skip" in page.text and not page.all("img")
    # The description of the records may be there without them.
    (tmp_path / "gone").mkdir()
    own = json.loads((run / "labels.json").read_text())
    split = {"files": ["v.tfrecord"], "num_clips": 8, "clips_per_label": {}}
    info = {"labels": own, "splits": {"validation": split}}
    (tmp_path / "gone" / "dataset.json").write_text(json.dumps(info))
    (note,) = write_report(folder).notes
    assert "left out" in note and "gone" in note
    (folder / "metrics.json").unlink()
    with pytest.raises(ModelDirError, match="neither videos nor metrics.*gone"):
        write_report(folder)


def test_metrics_on_other_data_are_not_those_of_the_run(run, metrics, tmp_path):
    folder = tmp_path / "measured_elsewhere"
    shutil.copytree(run, folder)
    others = {**metrics, "other_settings": ["task.data_dir='a', was 'b'"]}
    (folder / "metrics.json").write_text(json.dumps(others))
    (note,) = write_report(folder).notes
    assert note == "metrics.json is of an evaluation with task.data_dir='a', was 'b'."
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "sampled policies" not in page.text


def test_old_metrics_are_not_passed_off_as_new(run, metrics, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(run, folder)
    old = {**metrics, "top1": 1.0, "confusion": [[4, 0], [0, 4]]}
    (folder / "metrics.json").write_text(json.dumps(old))
    (note,) = write_report(folder).notes
    assert "metrics.json says top-1 100.0%" in note
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert page.row("Top-1") == [percent(metrics["top1"])]
    assert "sampled policies" not in page.text


def test_wrong_input(run, tmp_path):
    with pytest.raises(ModelDirError, match="no params.yaml"):
        write_report(tmp_path)
    with pytest.raises(ModelDirError, match="train for an epoch"):
        write_report(run, checkpoint="best")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_report(run, str(tmp_path / "nowhere-*"))
    assert not list(tmp_path.glob("**/report.html"))


def test_labels_of_the_run_head_the_matrix(page):
    assert any(row[1:] == list(LABELS) for row in page.cells)
