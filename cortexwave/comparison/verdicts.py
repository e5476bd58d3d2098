"""What a comparison may say, and nothing else: five sentences with places for numbers.

No sentence here says that a model is right. Whoever writes a report takes its verdicts
from these functions, and `is_permitted` tells whether a text is one of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cortexwave.comparison.ceiling import Ratio
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.pipeline_grid import Robustness
from cortexwave.errors import InputError
from cortexwave.memory.verdict import FORMATS, Format

# Words that claim more than a comparison can show, whatever the sentence.
_CLAIMS = re.compile(
    r"(?<!cross-)validat|\bprov(e|es|ed|en)\b|\bproof\b|\bconfirm|\bmatch(es)?\b|\bsignifican"
    r"|\bidentical\b|\bcorrect\b|\bgoodness\b|\bcomposite\b|\breproduces?\b",
    re.IGNORECASE,
)
_NUMBER = r"-?\d+(?:\.\d+)?"
_UNIT = r"(?: [\w/%]+)?"
_ENDS = rf"\[(?:{_NUMBER}, {_NUMBER}|interval not known)\]"
_NAME = r"[\w][\w ,/()+:-]*(?:\.\d[\w ,/()+:-]*)*"
_FORMAT = rf"(?:{'|'.join(FORMATS)}) \(Gamma (?:{_NUMBER}|unknown), " \
          rf"PI (?:{_NUMBER}|unknown), r (?:{_NUMBER}|unknown)\)"  # fmt: skip
_PERMITTED = tuple(re.compile(each) for each in (
    rf"Seen through array {_NAME}, the model's {_NAME} differs from the recording by "
    rf"{_NUMBER}{_UNIT} {_ENDS}; (?:animals|sessions) differ from each other by "
    rf"{_NUMBER}{_UNIT}\. (?:Within|Partly within|Outside) the (?:biological "
    r"variability|within-animal repeatability) of (?:this animal|these \d+ animals)\.",
    rf"Both model and recording hold stimulus information in one snapshot for "
    rf"{_NUMBER} / {_NUMBER} ms beyond the filter control\. The format is {_FORMAT} "
    rf"in the model and {_FORMAT} in the recording\.",
    rf"In the recording, decoding was {_NUMBER} bits (?:higher|lower) in high-wave "
    rf"than in amplitude-matched low-wave epochs {_ENDS}\. This is an "
    r"association; it does not show that waves store the memory\.",
    r"Calibrated quantities \([a-z, ]+\) are not evidence\. The memory span of a "
    rf"single pass on this array is at most L/v = {_NUMBER} ms\.",
    r"Undetermined: [^\n]+\.",
))  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """A word for a table and the sentence for the page."""

    word: str
    text: str


def variability_verdict(
    *,
    array: str,
    metric: str,
    unit: str,
    difference: Interval,
    ratio: Ratio,
    animals: int,
    faults: Sequence[str] = (),
    robust: Robustness | None = None,
) -> Statement:
    """Where a metric stands among animals (or sessions), in its unit.

    Undetermined where a gate is not passed (`faults`), where the recordings give no
    ceiling, or where the verdict is fragile over the grid. `difference` is model less
    recording; `unit` "1" is not printed.
    """
    reasons = [*faults, *([ratio.reason] if ratio.word == "undetermined" else [])]
    if robust is not None and not robust.holds:
        reasons.append(f"fragile over pipeline choices ({robust.said})")
    if not np.isfinite(difference.estimate):
        reasons.append(difference.reason or f"the difference in {metric} is not known")
    if reasons:
        return undetermined(reasons)
    if animals < 1:
        raise InputError(f"{animals} animals; a verdict is of one or more")
    of_animals = ratio.variability == "biological variability"
    return _stated(
        ratio.word,
        f"Seen through array {array}, the model's {metric} differs from the recording "
        f"by {_with_unit(difference.estimate, unit)} {_ends(difference)}; "
        f"{'animals' if of_animals else 'sessions'} differ from each other by "
        f"{_with_unit(ratio.ceiling, unit)}. {ratio.word.capitalize()} the "
        f"{ratio.variability} of "
        f"{'this animal' if animals == 1 else f'these {animals} animals'}.",
    )


@dataclass(frozen=True)
class FormatFound:
    """The format of one side, and the aligned gain, persistence index and drift."""

    word: Format
    gamma: float
    persistence: float
    drift: float

    def __str__(self) -> str:
        numbers = [
            _number(each) if np.isfinite(each) else "unknown"
            for each in (self.gamma, self.persistence, self.drift)
        ]
        return f"{self.word} (Gamma {numbers[0]}, PI {numbers[1]}, r {numbers[2]})"


def memory_verdict(
    *,
    model_seconds: float,
    recording_seconds: float,
    model: FormatFound,
    recording: FormatFound,
    faults: Sequence[str] = (),
) -> Statement:
    """For how long one snapshot holds the stimulus beyond the filter control, and how.

    Undetermined where a gate is not passed or either side holds nothing.
    """
    reasons = list(faults)
    for side, seconds in (("model", model_seconds), ("recording", recording_seconds)):
        if not seconds > 0:
            reasons.append(f"the {side} holds no stimulus information beyond the "
                           "filter control")  # fmt: skip
    if reasons:
        return undetermined(reasons)
    word = model.word if model.word == recording.word else "different formats"
    return _stated(
        word,
        "Both model and recording hold stimulus information in one snapshot for "
        f"{_number(1e3 * model_seconds)} / {_number(1e3 * recording_seconds)} ms "
        f"beyond the filter control. The format is {model} in the model "
        f"and {recording} in the recording.",
    )


def wave_dependence_verdict(
    difference: Interval, *, faults: Sequence[str] = ()
) -> Statement:
    """Bits at high less bits at low wave strength, and that this is an association."""
    if faults or not np.isfinite(difference.estimate):
        return undetermined(
            [*faults] or [difference.reason or "no difference is known"]
        )
    word = "higher" if difference.estimate >= 0 else "lower"
    shown = difference
    if word == "lower":
        shown = Interval(-difference.estimate, -difference.high, -difference.low)
    return _stated(
        word,
        f"In the recording, decoding was {_number(shown.estimate)} bits {word} in "
        f"high-wave than in amplitude-matched low-wave epochs {_ends(shown)}. This is "
        "an association; it does not show that waves store the memory.",
    )


def calibration_statement(spent: Sequence[str], span: float) -> Statement:
    """What was spent on the two scales, and the span (s) of a single pass."""
    return _stated(
        "not evidence",
        f"Calibrated quantities ({', '.join(spent)}) are not evidence. The memory span "
        f"of a single pass on this array is at most L/v = {_number(1e3 * span)} ms.",
    )


def undetermined(reasons: Sequence[str]) -> Statement:
    """That nothing can be said, and why: one or more sentences without their stops."""
    given = [" ".join(each.split()).rstrip(".") for each in reasons if each.strip()]
    if not given:
        raise InputError("undetermined without a reason; say what was missing")
    return _stated("undetermined", f"Undetermined: {'; '.join(dict.fromkeys(given))}.")


def is_permitted(text: str) -> bool:
    """Whether a text is one of the sentences above, and claims nothing beyond them."""
    return not _CLAIMS.search(text) and any(
        template.fullmatch(text) for template in _PERMITTED
    )


def _stated(word: str, text: str) -> Statement:
    if not is_permitted(text):
        raise InputError(
            f"'{text}' is not a verdict: names of arrays and metrics are short and "
            "without sentences of their own, and nothing claims more than a comparison"
        )
    return Statement(word, text)


def _ends(of: Interval) -> str:
    if not of.known:
        return "[interval not known]"
    return f"[{_number(of.low)}, {_number(of.high)}]"


def _with_unit(value: float, unit: str) -> str:
    return _number(value) if unit in ("", "1") else f"{_number(value)} {unit}"


def _number(value: float) -> str:
    """Three significant digits without an exponent."""
    if not np.isfinite(value):
        raise InputError(f"a verdict is given the number {value}")
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")
