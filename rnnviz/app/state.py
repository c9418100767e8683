"""Every key of the session, named once: those of widgets, and those of the app's own values.

Streamlit drops a widget's value when a run does not draw it. When a page is left, it goes in the
browser and here. Where a run ends early (`st.stop`), it goes in the browser alone: once the widget
is back, it shows another value than the one that is used here. So it is drawn with `**KEEP`, but on
pages that never end early and where each run draws it; its value can then be read on every page,
also on those that do not draw it. What a run gives a widget goes through `values.give`; callbacks,
which answer a person, assign. Values of keys that belong to no widget stay in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from rnnviz.runs.info import RunInfo


class _Keep(TypedDict):
    persist_state: Literal["session"]


KEEP: _Keep = {"persist_state": "session"}


@dataclass(frozen=True)
class Choice:
    """What the sidebar says: the models shown, the text, the layer (from 0).

    `device`: a place in the sidebar that says where the models ran, once that is known.
    """

    runs: tuple[RunInfo, ...]
    text: str
    layer: int
    device: DeltaGenerator


# All pages
SESSION = "session"  # a random number, another in each session
SAID = "said"  # notes that were shown in this session
SENTENCE = "sentence"  # an error that the next run shows
PAGE = "page"  # title of the page that is shown
ADDRESS = "address"  # an address.Written, from the page's first run on
SHOWN = "shown"  # what the address says on every page: models, text, layer
URL = "url"
BESIDE = "beside"  # what a click changes, and the figure that is clicked
REVEALED = "revealed"  # key of the element that is to come into view
REVEAL = "reveal"

# Lesson
STOP = "stop"  # number of the stop that is shown
STOP_DRAWN = "stop_drawn"  # the stop whose controls have their values
STEPPER = "stepper"
LESSON_KEYS = "lesson_keys"
LESSON_TITLE = "lesson_title"
LESSON_HEADING = "lesson_heading"
LESSON_BODY = "lesson_body"
LESSON_WORDS = "lesson_words"
LESSON_FIGURE = "lesson_figure"
LESSON_POINT = "lesson_point"
WRITTEN = "written"  # a text that is sampled
LESSON_CHECK = "lesson_check"
QUESTION = "question"
BACK = "back"
NEXT = "next"
LEAVE = "leave"
LEAVING = "leaving"  # the file of the full page for which the lesson is left
LEFT_AT = "left_at"  # the stop at which the lesson was left for a full page
SEEN = "seen"  # by stop, what its figure showed so far
POINTS = "points"  # the stops whose point is shown
LESSON_CHART = "lesson_chart"
LESSON_DISTANCE = "lesson_distance"
LESSON_BACK = "lesson_back"
LESSON_WINDOW = "lesson_window"
LESSON_SIZE = "lesson_size"
LESSON_TEMPERATURE = "lesson_temperature"
LESSON_LOSS = "lesson_loss"
LESSON_LENGTH = "lesson_length"
LESSON_FORGOTTEN = "lesson_forgotten"
LESSON_TOKEN = "lesson_token"
LESSON_F = "lesson_f"
LESSON_I = "lesson_i"
LESSON_O = "lesson_o"
LESSON_Z = "lesson_z"
LESSON_PAST = "lesson_past"
LESSON_KNOWN = "lesson_known"
LESSON_LINE = "lesson_line"  # a text that is cut
LESSON_ROWS = "lesson_rows"
LESSON_STEPS = "lesson_steps"  # of a window
LESSON_SAMPLE = "lesson_sample"  # the number of a window
LESSON_VIEW = "lesson_view"
LESSON_CUT = "lesson_cut"
LESSON_TEXT = "lesson_text"
LESSON_ORDER = "lesson_order"
LESSON_END = "lesson_end"
CHAIN = "chain"
CIRCUIT = "circuit"
LESSON_PRESSED = "lesson_pressed"  # how many buttons of a step of training
LESSON_CELL = "lesson_cell"
LESSON_RATE = "lesson_rate"
LESSON_RESET = "lesson_reset"
LESSON_CROSSING = "lesson_crossing"
LESSON_BUTTONS = "lesson_buttons"
LESSON_STEP = "lesson_step"
ALL_LINES = "all_lines"

# Sidebar
CLOSE_SIDEBAR = "close_sidebar"
RUNS = "runs"
LABELS = "labels"  # of lists of runs, by key of the list, since the page was opened
MISSING = "missing"  # names of models that a link has and that are not here
SWAPPED = "swapped"  # a sentence: which model made way for which
PRESET = "preset"
TEXT = "text"
TYPED = "typed"  # the text that was typed last
SUGGESTED = "suggested"  # the text that the app chose last
EXAMPLE = "example"
LAYER = "layer"

# The cursor: a click sets them, and so do controls
PLACE = "place"  # a character of the text that was clicked
FIRST = "first"
UNIT_RUN = "unit_run"
UNIT = "unit"
UNITS = "units"  # by run, the unit of it that was looked at last
UNIT_SHOWN = "unit_shown"  # UNIT as it was drawn last
TOKEN = "token"

# Home, Gates, Cell state
DUEL_LETTER = "duel_letter"
DUEL_DISTANCE = "duel_distance"
DUEL_PRESS = "duel_press"
DUEL_PYTORCH_BIAS = "duel_pytorch_bias"
DUEL_TWIST = "duel_twist"
DUEL_RACE = "duel_race"
DUEL_ASKED = "duel_asked"  # a duel.Asked: what was asked last
DUEL_NUMBER = "duel_number"  # presses of the cue
DUEL_ANSWERS = "duel_answers"
DUEL_LEARNED = "duel_learned"
DUEL_HELD = "duel_held"
DUEL_REACH = "duel_reach"
RACE_DISTANCE = "race_distance"
RACE_BIAS = "race_bias"
RACE_START = "race_start"
RACE_STOP = "race_stop"
RACE_KEEP = "race_keep"
RACE = "race"  # the jobs.race.Race that this session began last
RACE_FIGURE = "race_figure"
HOME_TEXT = "home"
HOME_PRESET = "home_preset"
GATE_MAPS = "gates"
STATE_MAPS = "states"
COLOURED_TEXT = "coloured"
STEP = "step"
ORDER = "order"
HOW_WE_KNOW = "how_we_know"
UNIT_LINES = "unit_lines"
CELL = "cell"
HELD = "held"  # by a cell's key, from which token on its unit is held, and what of it
HOLDS = "holds"  # a list of cell.Hold: what is held of the units shown, as the address has it
HOLDS_SHOWN = "holds_shown"  # HOLDS as they were drawn last
HALF_LIVES = "half_lives"
STRETCHES = "stretches"

# Gradients
DECAY = "decay"
WINDOW = "window"
ABSOLUTE = "absolute"  # norms as they are, not as shares of the target's
CARRIERS = "carriers"
BOUND = "bound"  # whether the upper bound is drawn beside what is carried
INFLUENCE = "influence"
UNROLLED = "unrolled"
UNROLLED_RUN = "unrolled_run"
UNROLLED_LOSS = "unrolled_loss"  # the tokens, None for those of a link, and the step of the loss
UNROLLED_OPENED = "unrolled_opened"  # the step whose loss is looked at first, and how often one was
FORGOTTEN = "forgotten"  # the text, None for a link's, and the step before which states are zero
PRODUCTS = "products"
TRAINING_NORMS = "training_norms"
LABORATORY = "laboratory"
LAB_PRESET = "lab_preset"
GAIN = "gain"
FORGET_BIAS = "forget_bias"
LAB_SIZE = "lab_size"
LAB_STEPS = "lab_steps"
LAB_CLIP = "lab_clip"

# Context
BEYOND = "beyond"
CONTEXT_FIGURE = "context_figure"
PAST = "past"
PAST_PLACE = "past_place"  # the character from which on the past is known, None for all of it
WORDS = "words"
WORD_ORDER = "word_order"  # numbers of pieces of ORDERED, None for the text as it is
ORDERED = "ordered"  # the text whose pieces were moved

# Shapes
SHAPES = "shapes"
PICTURE = "picture"
FILM = "film"
SHAPE_TASK = "shape_task"  # the name of the task that is looked at
SHAPE_TASKS = "shape_tasks"
SHAPE_INPUT = "shape_input"  # its input, see app/shape_inputs
SHAPE_KEPT = "shape_kept"  # by task, the input that it had last
SHAPE_LAST = "shape_last"  # the task and the input that were drawn last
SHAPE_TYPED = "shape_typed"
SHAPE_STEP = "shape_step"  # the column that is looked at, from 1; None for the last
SHAPE_EXAMPLE = "shape_example"  # the app.shapes.Example that was drawn last
SHAPE_DRAWN = "shape_drawn"  # how many examples were drawn
SHAPE_BARS = "shape_bars"
SHAPE_SURE = "shape_sure"
SHAPE_BY_GRADIENT = "shape_by_gradient"
SHAPE_BY_CUTTING = "shape_by_cutting"
SHAPE_MAPS = "shape_maps"
SHAPE_GRADIENT = "shape_gradient"
SHAPE_SCORES = "shape_scores"
SHAPE_LENGTHS = "shape_lengths"
SHAPE_TRAININGS = "shape_trainings"  # by task, the jobs.task_training.TaskTraining begun last
SHAPE_TYPE = "shape_type"
SHAPE_WIDTH = "shape_width"
SHAPE_START = "shape_start"
SHAPE_STOP = "shape_stop"
SHAPE_LEARNING = "shape_learning"

# Sampling
PROMPT = "prompt"
SUGGESTED_PROMPT = "suggested_prompt"  # the prompt that the app chose last
LENGTH = "length"
SEED = "seed"
DICE = "dice"
TOP_K = "top_k"
TOP_P = "top_p"
TEMPERATURE = "T"
STAYS = "stays"  # what stays in view while the page scrolls
TEMPERATURE_SLIDER = "temperature"
GENERATED = "generated"
FORK = "fork"
ASKED = "asked"
ANSWER = "answer"
DOWNLOADS = "downloads"  # an expander, like all that the address calls open
DOWNLOAD_RUN = "download_run"

# Train
TRAIN_WAY = "train_way"
TRAIN_SPEC = "train_spec"
TRAIN_DELAY = "train_delay"
TRAIN_RECIPE_OF = "train_recipe_of"  # the kind of text that the settings were last set for
TRAIN_FILE = "train_file"
TRAIN_UPLOADED = "train_uploaded"
TRAIN_TEXT = "train_text"
TRAIN_LEVEL = "train_level"
TRAIN_MIN_COUNT = "train_min_count"
TRAIN_TYPES = "train_types"
TRAIN_HIDDEN = "train_hidden"
TRAIN_LAYERS = "train_layers"
TRAIN_MINUTES = "train_minutes"
TRAIN_EMBEDDING = "train_embed"
TRAIN_DROPOUT = "train_dropout"
TRAIN_SEED = "train_seed"
TRAIN_MORE = "train_more"  # an expander
TRAIN_BATCH = "train_batch"
TRAIN_LENGTH = "train_length"
TRAIN_CLIP = "train_clip"
TRAIN_RECIPE = "train_recipe"
TRAIN_LR = "train_lr"
TRAIN_TIED = "train_tied"
TRAIN_FORGET_BIAS = "train_forget_bias"
TRAIN_NAME = "train_name"
TRAIN_BEGIN = "train_begin"
TRAIN_PARTS = "train_parts"  # an expander
PANELS = "panels"

# Compare
COMPARED = "compared"
TABLE = "table"
FORMULAS = "formulas"
AXIS = "axis"
COMPARE_TEMPERATURE = "compare_temperature"
COMPARE_NOISE = "compare_noise"
LAPSE_RUN = "lapse_run"
LAPSE_STEP = "lapse_step"
LAPSE_MAPS = "lapse"
LAPSE_DECAY = "lapse_decay"
LATEST = "latest"  # what the report needs of the page's fragments

# Compare: train all cell types
FOUR = "four"
FOUR_CORPUS = "four_corpus"
FOUR_DELAY = "four_delay"
FOUR_LEVEL = "four_level"
FOUR_EQUAL = "four_equal"
FOUR_BUDGET = "four_budget"
FOUR_WIDTH = "four_width"
FOUR_SEEDS = "four_seeds"
FOUR_STEPS = "four_steps"
FOUR_MINUTES = "four_minutes"
SUBMITTED = "submitted"

# Models
ALL_RUNS = "all_runs"
RECALL_GROUP = "recall_group"  # an expander
RECALL_TABLE = "recall_table"
RECALL_DELAYS = "recall_delays"
RECALL_SHOW = "recall_show"
DELETE = "delete_it"
OWN_RUN = "own_run"
RENAME_FORM = "rename"
NEW_NAME = "new_name"
NAMED = "named"  # the run whose name NEW_NAME began with
BROUGHT = "brought"  # the run that was imported last
BROUGHT_COUNT = "brought_count"
TRAINED_ON = "trained_on"
PARTS_ASKED = "parts_asked"  # the file of which it was asked which tensor is which
PARTS = "parts"


def told(name: str) -> str:
    """Of the component that tells one value to the page's others."""
    return f"tell_{name}"


def received(key: str) -> str:
    """The number of what came last from a component that numbers what it sends."""
    return f"received_{key}"


def prediction(stop: int) -> str:
    """The answer that was chosen at a stop of the lesson."""
    return f"prediction{stop}"


def point(stop: int) -> str:
    """The button that shows the point of a stop."""
    return f"point{stop}"


def line(number: int) -> str:
    """The button of one line of a step of training."""
    return f"line{number}"


def copies(stop: int) -> str:
    """The network unrolled at a stop."""
    return f"copies{stop}"


def of_run(part: str, run: RunInfo) -> str:
    """The chart of one of the models shown."""
    return f"{part}_of_{run.name}"


def saturation(number: int) -> str:
    return f"saturation{number}"


def curves(number: int) -> str:
    return f"curves{number}"


def tokens(number: int) -> str:
    """The chart of one group of models that share a vocabulary."""
    return f"tokens{number}"


def margin(group: int, model: int) -> str:
    return f"margin{group}-{model}"


def example_of(part: str) -> str:
    """The button that draws an example of a part of a task."""
    return f"example_{part}"


def of_job(part: str, job: object) -> str:
    """One element of the panel of a training."""
    return f"{part}_{id(job)}"


def model_file(count: int) -> str:
    """The uploader of model files: another key, after each import, empties it."""
    return f"model_file_{count}"
