"""The Train page: its Python without a browser, then what only a browser shows."""

import functools
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from rnnviz import StepRecord, TrainConfig, list_runs
from rnnviz.app import train_estimate, training_caches, training_panels
from rnnviz.data.source import from_text
from rnnviz.jobs import plan
from rnnviz.jobs.plan import Plan
from tests.conftest import PATIENCE, wait_until
from tests.test_app import is_fine, opened
from tests.test_background import LINE
from tests.test_browser import check_first_page

PAGE = "pages/train.py"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    quick = functools.partial(plan.measure_speed, seconds=0.05)  # still some real steps
    monkeypatch.setattr(train_estimate, "measure_speed", quick)
    yield tmp_path / "runs"
    for job in training_caches.jobs().list():
        job.stop()
    wait_until(lambda: not any(job.active for job in training_caches.jobs().list()))
    training_caches.jobs.clear()  # other tests of this process do not see what failed in these


def pasted(text: str, **state) -> AppTest:
    """The page with a text and a small model that is trained for three seconds."""
    small = {"train_hidden": 8, "train_embed": 8, "train_batch": 2, "train_length": 8}
    small |= {"train_minutes": 0.05, "train_min_count": 1}
    return opened(PAGE, train_way="paste", train_text=text, **small | state)


def said(app: AppTest) -> str:
    found = (*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.code)
    return "\n".join(element.value for element in found)


def button(app: AppTest, label: str):
    (found,) = [button for button in app.button if button.label == label]
    return found


def test_the_text_is_shown_with_its_size_vocabulary_and_share_of_unk():
    app = pasted(LINE * 400)
    assert is_fine(app)
    text = said(app)
    assert "**6,120** characters to train on" in text
    assert "0.00% of the training text is \\<unk>" in text
    assert "Vocabulary: 4 tokens" in text
    app.number_input(key="train_min_count").set_value(1100).run()
    assert re.search(r"1[78]\.\d\d% of the training text is \\<unk>", said(app))
    app.number_input(key="train_min_count").set_value(1).run()
    app.button_group(key="train_level").set_value("word").run()
    assert "words to train on" in said(app)


def settings_of(app: AppTest) -> list:
    keys = ("train_hidden", "train_embed", "train_batch", "train_clip", "train_lr")
    return [app.number_input(key=key).value for key in keys]


def test_settings_follow_the_kind_of_text_unless_one_was_changed():
    app = opened(PAGE, train_way="paste", train_text=LINE * 400)
    assert settings_of(app) == [320, 128, 32, 0.25, None]
    app.number_input(key="train_clip").set_value(2.0).run()
    app.button_group(key="train_way").set_value("built-in").run()
    app.selectbox(key="train_spec").set_value("recall").run()
    assert is_fine(app)
    assert settings_of(app) == [64, 64, 64, 2.0, 0.003]
    app.number_input(key="train_hidden").set_value(12).run()
    app.button_group(key="train_way").set_value("paste").run()
    assert settings_of(app) == [12, 128, 32, 2.0, None]


def test_the_recall_task_takes_a_delay_or_says_which_it_takes(folder):
    app = opened(PAGE, train_spec="recall", train_minutes=0.05, train_min_count=1)
    assert is_fine(app)
    assert "Fresh items" in said(app)
    app.text_input(key="train_delay").set_value(" 3-5 ").run()
    assert any(re.match(r"[A-H][a-h]{3,5}[?]", code.value) for code in app.code)
    assert app.table[0].value["Passes"].tolist() == ["endless"]
    app.text_input(key="train_delay").set_value("0").run()
    assert not app.exception
    assert "recall:0 is no task: give a delay from 1 to 500" in said(app).replace("\\", "")
    app.text_input(key="train_delay").set_value("4").run()
    button(app, "Train").click().run()
    wait_until(lambda: (folder / "recall-4-lstm" / "run.json").exists())
    job = training_caches.jobs().list()[-1]
    wait_until(lambda: not job.active)
    assert (job.state, job.message) == ("done", "")
    (info,) = list_runs([folder])
    assert (info.spec, info.config["sequence_length"], info.config["lr"]) == ("recall:4", 6, 0.003)
    app = opened("pages/sampling.py", runs=[info.name])
    assert re.fullmatch("[A-H][a-h]{4}[?]", app.session_state["prompt"])
    assert re.fullmatch("[A-H][a-h]{4}[?][A-H]", app.session_state["text"])


def test_a_minimum_count_that_leaves_no_token_is_said():
    app = pasted(LINE * 400, train_min_count=9_999)
    assert not app.exception
    assert "no token is there 9,999 times" in said(app).replace("\\", "")


def test_what_to_expect_is_measured_before_the_start():
    app = pasted(LINE * 400, train_types=["LSTM", "GRU"])
    (table,) = app.table
    rows = table.value
    assert list(rows.iloc[:, 0]) == ["LSTM", "GRU"]
    assert (rows["Tokens/s"].str.replace(",", "").astype(int) > 0).all()
    assert rows["Parameters"].tolist() == ["644", "500"]
    assert any("was measured here, over" in caption.value for caption in app.caption)


def test_while_a_training_runs_parameters_are_known_and_an_earlier_speed_stays(monkeypatch):
    app = pasted(LINE * 400, train_minutes=10.0)
    speed = app.table[0].value["Tokens/s"].tolist()
    button(app, "Train").click().run()
    monkeypatch.setattr(train_estimate, "FRESH", 0)
    app.run()
    assert is_fine(app)
    assert app.table[0].value["Tokens/s"].tolist() == speed
    app.number_input(key="train_hidden").set_value(9).run()
    assert is_fine(app)
    row = app.table[0].value.iloc[0]
    assert row["Parameters"] == "756"
    assert (row["Tokens/s"], row["Passes"], row["Minutes"]) == ("–", "–", "10")
    training_caches.jobs().list()[-1].stop()


def test_the_first_models_that_a_training_shows_are_one_of_each_type():
    model = {"embedding_size": 4, "hidden_size": 4, "num_hidden_layers": 1}
    model |= {"dropout": 0.0, "tie_weights": False, "forget_bias": None}
    config = TrainConfig(steps=2, batch_size=2, sequence_length=8)
    plans = [
        Plan(
            f"{kind}-{seed}",
            from_text(LINE * 100, "a"),
            "char",
            1,
            model | {"rnn_type": kind},
            replace(config, seed=seed),
        )
        for kind in ("LSTM", "GRU")
        for seed in range(3)
    ]
    job = training_caches.jobs().submit(plans)
    wait_until(lambda: not job.active)
    names = ["LSTM-0", "GRU-0", "LSTM-1", "LSTM-2", "GRU-1", "GRU-2"]
    assert training_panels._one_of_each_first(job) == names


@pytest.mark.parametrize(
    ("left", "said"), [(0.4, "0:00 left"), (59.7, "1:00 left"), (119.6, "2:00 left")]
)
def test_the_time_left_is_rounded_before_it_is_cut_into_minutes(left, said):
    minutes = 10
    record = StepRecord(1, 0, 1.0, None, 1.0, 0.0, 0.1, 5.0, 100, 1 - left / 60 / minutes)
    progress = SimpleNamespace(run="a", device="cpu", records=[record])
    plan = SimpleNamespace(config=TrainConfig(minutes=minutes))
    assert said in training_panels._progress(SimpleNamespace(plans=[plan], progress=[progress]))[1]


def test_a_training_is_watched_to_its_end_and_its_models_are_listed(folder):
    app = pasted(LINE * 400, train_types=["LSTM", "GRU"])
    button(app, "Train").click().run()
    assert is_fine(app)
    (job,) = [job for job in training_caches.jobs().list() if job.active]
    wait_until(lambda: bool(job.progress[0].records))
    app.run()
    assert is_fine(app)
    assert any("left" in bar.proto.text for bar in app.get("progress"))
    wait_until(lambda: not job.active)
    app.run()
    assert is_fine(app)
    assert "pasted\\-lstm: validation loss" in said(app)
    assert [info.name for info in list_runs([folder])] == ["pasted-gru", "pasted-lstm"]


def test_a_second_training_waits_in_line_and_says_so():
    app = pasted(LINE * 400, train_minutes=10.0)
    button(app, "Train").click().run()
    button(app, "Train").click().run()
    assert is_fine(app)
    assert "Waits in line" in said(app)
    first, second = [job for job in training_caches.jobs().list() if job.active]
    wait_until(lambda: bool(first.progress[0].records))
    stop = [button for button in app.button if button.label == "Stop"]
    assert len(stop) == 2
    stop[0].click().run()
    wait_until(lambda: first.state == "stopped")
    app.run()
    assert is_fine(app)
    second.stop()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Paste a text"),
        ("x", "too short: a batch of these settings takes 2,049 tokens"),
        (LINE, "too short"),
        ("a" * 5000 + "😀" * 3, "characters to train on"),
        ("<script>alert(1)</script> שלום " * 50, "characters to train on"),
    ],
)
def test_odd_texts_are_one_sentence_or_are_taken(text, sentence):
    app = pasted(text, train_batch=32, train_length=64)
    assert not app.exception
    assert sentence in said(app)


def test_no_cell_type_and_a_model_too_large_are_refused_before_the_start():
    app = pasted(LINE * 400, train_types=[])
    assert "at least one cell type" in said(app)
    assert button(app, "Train").disabled
    app = pasted(LINE * 400, train_hidden=2048, train_layers=8, train_batch=300, train_length=20)
    assert "GB of memory" in said(app)
    assert button(app, "Train").disabled


def test_a_loss_that_is_not_finite_is_one_sentence():
    app = pasted(LINE * 400, train_types=["RNN_RELU"], train_recipe="sgd", train_lr=1e6)
    app.number_input(key="train_clip").set_value(1000.0).run()
    button(app, "Train").click().run()
    job = training_caches.jobs().list()[-1]
    wait_until(lambda: not job.active)
    app.run()
    assert not app.exception
    assert [error.value for error in app.error if "no longer finite" in error.value]


# In a browser


def open_train(page: Page, url: str) -> None:
    page.goto(f"{url}/train")
    page.get_by_text("characters to train on").wait_for()


def upload(page: Page, name: str, raw: bytes) -> None:
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": raw}
    )


def test_a_training_outlives_a_refresh_and_is_there_in_a_second_tab(fresh_server, page):
    open_train(page, fresh_server.url)
    expect(page.locator("h1")).to_have_text("Train")
    check_first_page(fresh_server, page)
    page.get_by_role("radio", name="Paste a text").click()
    text = LINE.replace("\n", " ")  # a driven browser types lines, which takes twenty seconds
    page.get_by_label("Your text").fill(text * 800)
    page.get_by_label("Your text").press("Control+Enter")
    page.get_by_text("Vocabulary: 4 tokens").wait_for()
    for label, value in (("Hidden size", "16"), ("Minutes, each", "5")):
        page.get_by_label(label).fill(value)
        page.get_by_label(label).press("Enter")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile("tokens/s on"))).to_be_in_viewport()
    page.reload()
    page.get_by_text(re.compile("tokens/s on")).wait_for()
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(f"{fresh_server.url}/train")
    other.get_by_text(re.compile("tokens/s on")).wait_for()
    page.get_by_role("link", name="Gates").first.click()
    expect(page.locator("h1")).to_have_text("Gates")
    page.locator(".token").first.wait_for()
    main = other.get_by_test_id("stMainBlockContainer")  # the header may have a Stop of its own
    main.get_by_role("button", name="Stop").click()
    other.get_by_text("what was learned is kept").wait_for()
    other.get_by_role("button", name="See the gates").click()
    expect(other.locator("h1")).to_have_text("Gates")
    other.locator(".token").first.wait_for()
    other.wait_for_url(re.compile("pasted-lstm"))
    other.close()
    assert "Traceback" not in fresh_server.log.read_text()


ODD_FILES = [
    ("empty.txt", b"", "too short"),
    ("binary.txt", bytes(range(256)) * 50, "binary.txt is not UTF-8"),
    ("Latin.txt", "müde Straße ".encode("latin-1") * 500, "Latin.txt is not UTF-8"),
    ("bomb.txt", b"PK\x03\x04" + b"\0" * 5000, "NUL bytes"),
    ("<img src=x onerror=alert(1)>.txt", b"PK\x03\x04\xff", "<img src=x onerror=alert(1)>.txt is"),
    ("line.txt", b"abcd efgh " * 400_000, "characters to train on"),
]


def test_odd_files_are_refused_in_a_sentence_or_taken(server, page):
    """One after the other: what is said of one goes with it."""
    open_train(page, server.url)
    page.get_by_role("radio", name="Upload a file").click()
    page.get_by_text("Choose a file").wait_for()
    main = page.get_by_test_id("stMain")
    for name, raw, sentence in ODD_FILES:
        expect(main.get_by_text(sentence)).to_have_count(0)
        upload(page, name, raw)
        main.get_by_text(sentence).last.wait_for()
        assert page.locator("img[src=x]").count() == 0
    assert "Traceback" not in server.log.read_text()
