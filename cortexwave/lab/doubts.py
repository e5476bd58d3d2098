"""What was guessed, or left out, when a lab's file was read: said once, at import."""

from __future__ import annotations

from cortexwave.lab.signals import Signal

_ABSENT = ("unknown: the electrodes table has none", "unknown: no electrodes.tsv")
_BARE = ("arrays", "matlab")  # readers to whom a user tells the order of axes
_NAMED = 200  # letters


def doubts_of(signal: Signal) -> tuple[str, ...]:
    """Sentences of what a user should know before the numbers are believed.

    Of a whole signal as its file has it: positions whose unit was inferred or cannot
    be, channels that a map of electrodes lacks, labels that were put in place of those
    that stand twice, and axes that look swapped. Nothing of places that are plainly
    absent, as those of an eye or a joystick are.
    """
    said = []
    for key in ("positions", "coordinates"):
        text = str(signal.attributes.get(key) or "")
        inferred = " taken as " in text
        if inferred or (text.startswith("unknown: ") and text not in _ABSENT):
            said.append(f"positions of electrodes: {text}")
    without = str(signal.attributes.get("electrodes_without") or "")
    if without:
        said.append(f"the electrode map has no place for {_short(without)}")
    labels = str(signal.attributes.get("labels") or "")
    if labels:
        said.append(f"labels of channels: {labels}")
    count = 0 if signal.contacts is None else len(signal.contacts.names)
    if signal.reader in _BARE and count > signal.frames:
        said.append(
            f"signal '{signal.name}' has {count} channels and only {signal.frames} "
            "frames; are its axes swapped?"
        )
    return tuple(said)


def _short(names: str) -> str:
    return names if len(names) <= _NAMED else f"{names[:_NAMED]} ..."
