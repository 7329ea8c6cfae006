"""What the name of a column says: its unit, and whether it is a clock, a row number, a case, a label or an event."""

from __future__ import annotations

import re
from typing import NamedTuple

from ornstein.common.errors import InputError

CASE = "case"

SECONDS: dict[str, float] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds", "毫秒"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds", "微秒"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds", "纳秒"), 1e-9),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "分钟"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "小时"), 3600.0),
    **dict.fromkeys(("d", "day", "days", "天"), 86400.0),
}
"""The seconds in each unit of time."""

_TIME = {
    "time",
    "times",
    "timestamp",
    "timestamps",
    "datetime",
    "timer",
    "clock",
    "date",
    "elapsed",
    "时间",
    "时刻",
    "日期",
    "zeit",
    "temps",
    *("时间戳", "時間", "時刻", "日付", "tiempo", "fecha", "время", "дата", "datum", "datenum", "ts", "tstamp", "uhrzeit", "zeitstempel"),
    *("heure", "horodatage", "hora", "시간"),
}
_BESIDE_TIME = {
    *("t", "unix", "local", "utc", "gmt", "relative", "abs", "absolute", "system", "host", "device", "of", "day", "since", "start", "real"),
    *("formatted", "recording", "sampling", "shimmer", "cal", "raw", "lsl", "index", "epoch", "in", "x", "value", "hh", "mm", "ss", "mmm"),
    *("yyyy", "yy", "dd", "h", "m", "s", "stamp", "from", "begin", "onset", "signal", "phone", "sensor", "sec", "1970", "ticks"),
}
_ALONE = {
    "t",
    "seconds",
    "millis",
    "micros",
    "milliseconds",
    "microseconds",
    "sec",
    "secs",
    "ms",
    "x_value",
    "unix",
    "timepoint",
    "timepoints",
    *("epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "unix_ms", "unix_us", "unix_ns"),
}
_DATE = {"date", "datum", "fecha", "дата", "日期", "日付", "datenum"}
_INDEX = {
    *("", "index", "idx", "sample", "samples", "row", "rows", "rownames", "row names", "row.names", "n", "nr", "no", "no.", "#", "seq"),
    *("nseq", "sequence", "counter", "count", "packet", "packet counter", "packet number", "frame", "frames", "sample index"),
    *(
        "timepoint",
        "timepoints",
        "reading id",
        "sample number",
        "sample no",
        "sample #",
        "obs",
        "observation",
        "line",
        "序号",
        "level_0",
        "sampleindex",
        "sample count",
        *("frame#", "frame no", "frame number", "year", "jahr", "année", "año", "年", "年份"),
    ),
}
_CASE = {
    *("case", "epoch", "epochs", "trial", "trials", "id", "ids", "subject", "subjects", "participant", "patient", "instance", "instances"),
    *("series", "series id", "unique id", "item id", "series name", "segment", "sweep", "recording", "record", "record id", "recording id"),
    *("case id", "trial id", "subject id", "epoch id", "case no", "patient id", "session", "run", "beat", "样本", "编号", "被试"),
}
_LABEL = {"label", "labels", "class", "classes", "condition", "target", "标签", "类别"}
_EVENT = {
    "event",
    "events",
    "marker",
    "markers",
    "trigger",
    "triggers",
    "annotation",
    "annotations",
    "stim",
    "sti 014",
    "status",
    "comment",
}
_VARIABLE = {"variable", "channel", "kind", "dim id", "ch name", "变量", "通道"}
_VALUE = {"value", "values", "值"}
_META = {"sample rate", "sampling rate", "ch type"}

_BASE = "|".join(
    (
        *(
            "V",
            "A",
            "g",
            "gn",
            "G",
            "Hz",
            "m",
            "s",
            "K",
            "Pa",
            "T",
            "W",
            "N",
            "rad",
            "deg",
            "degrees?",
            "°",
            "°C",
            "℃",
            "°F",
            "C",
            "F",
            "bpm",
            "BPM",
        ),
        *(
            "dB",
            "lux",
            "lx",
            "Ω",
            "[Oo]hms?",
            "S",
            "J",
            "L",
            "l",
            "bar",
            "mmHg",
            "inHg",
            "cmH2O",
            "min",
            "h",
            "mol",
            r"a\.u\.",
            "au",
            "adc",
        ),
        *("ADC", "counts?", "rpm", "[Vv]olts?", "pH"),
    )
)
_PART = rf"(?:da|[yzafpnuµμmcdhkMGTPEZY])?(?:{_BASE})[\^²³⁻¹\d-]*"
_UNIT = re.compile(rf"%|(?:{_PART}|1)(?:[/*· .]+\(?{_PART}\)?)*")
_ROUND = re.compile(r"(.*?)\s*\(((?:[^()]|\([^()]*\))*)\)", re.DOTALL)
_SQUARE = re.compile(r"(.*?)\s*\[([^\[\]]*)\]", re.DOTALL)


class ClockName(NamedTuple):
    """What the name of a clock says: its unit ("" where it does not), and a rate in Hz, as in ``Time:512Hz``."""

    unit: str
    rate: float | None


def bare(cell: str) -> str:
    """``cell`` without blanks and single quotes around it."""
    cell = cell.strip()
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == "'" else cell


def split_name(cell: str) -> tuple[str, str]:
    """``"ECG [mV]"`` to ``("ECG", "mV")``; without brackets the unit is empty. The inverse of ``join_name``."""
    found = _SQUARE.fullmatch(cell.strip())
    return (found[1], found[2].strip()) if found else (cell.strip(), "")


def foreign_name(cell: str) -> tuple[str, str]:
    """As ``split_name``, for files of other programs: round brackets hold a unit too if it looks like one."""
    name, unit = split_name(bare(cell))
    found = None if unit else _ROUND.fullmatch(name)
    return (found[1], found[2].strip()) if found and found[1] and is_unit(found[2]) else (name, unit)


def join_name(name: str, unit: str) -> str:
    """The inverse of ``split_name``. Raises ``InputError`` for a unit with brackets and for names that no file can hold."""
    if set("[]") & set(unit):
        raise InputError(f"units holds {unit!r}, but a unit in a table must not contain square brackets: rename it")
    try:
        (name + unit).encode()
    except UnicodeEncodeError:
        raise InputError(f"channels holds {name!r}, which is not valid text: rename it") from None
    if "\0" in name + unit:
        raise InputError(f"channels holds {name!r} [{unit!r}], but a name must not contain a NUL character: rename it")
    return f"{name} [{unit}]".strip() if unit or name.endswith("]") else name


def is_unit(text: str) -> bool:
    """Whether ``text`` is a physical unit such as mV, m/s^2 or °C."""
    text = text.strip()
    return text.casefold() in SECONDS or bool(_UNIT.fullmatch(text))


def clock(cell: str) -> ClockName | None:
    """What the name of a column says about time, None where it names no clock.

    ``Time (s)``, ``timestamp_ms``, ``Time:512Hz``, ``elapsed``, ``unixTimestamp``, ``Timestamp (Formatted)``; not "reaction time".
    """
    name, unit = split_name(bare(cell))
    rate = re.search(r":\s*([\d.]+)\s*Hz$", name, re.IGNORECASE)
    if rate:
        name = name[: rate.start()]
    brackets = _ROUND.fullmatch(name)
    if brackets and not unit:
        name, inside = brackets[1], brackets[2].strip()
        unit = inside if inside.casefold() in SECONDS else ""
    tokens = [t for t in re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()) if t]
    plain = name.strip().casefold()
    if not unit and tokens and len(tokens) > 1 and tokens[-1] in SECONDS and tokens[-1] not in ("h", "d", "day", "days"):
        unit, tokens = tokens[-1], tokens[:-1]
    elif not unit and plain in _ALONE and plain in SECONDS:
        unit = plain
    kept = {token for token in tokens if not token.isdigit()}
    timely = plain in _ALONE or (bool(_TIME & kept) and kept <= _TIME | _BESIDE_TIME | SECONDS.keys()) or tokens == ["t"]
    return ClockName(unit, float(rate[1]) if rate else None) if timely else None


def _among(cell: str, names: set[str]) -> bool:
    plain = re.sub(r"[\s_]+", " ", foreign_name(cell)[0]).strip().casefold()
    return plain in names or plain.rstrip(".:") in names or plain.replace(" ", "_") in names


def is_index(cell: str) -> bool:
    """Whether rows are numbered under this name: "", index, ``Unnamed: 0``, ``__index_level_0__``, Sample Index, nSeq, ..."""
    return _among(cell, _INDEX) or bool(re.fullmatch(r"Unnamed: \d+(_level_\d+|\.\d+)*|__index_level_\d+__", cell.strip()))


def is_date(cell: str) -> bool:
    """Whether a clock of this name counts days, not seconds: date, Datum, 日期, datenum, ..."""
    return bool(_DATE & set(re.split(r"[\W_]+", foreign_name(cell)[0].casefold())))


def is_case(cell: str) -> bool:
    """Whether this name tells cases apart: case, epoch, trial, subject, id, device_id, userId, ..."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", foreign_name(cell)[0]).casefold()
    return _among(cell, _CASE) or bool(re.fullmatch(r"(\w+[ _])+(id|uid|uuid|guid)", words))


def is_label(cell: str) -> bool:
    """Whether this name holds the class of each case."""
    return _among(cell, _LABEL)


def is_event(cell: str) -> bool:
    """Whether this name holds events: marker, trigger, Event Id, STI 014, ..."""
    plain = split_name(bare(cell))[0].strip().casefold()
    return _among(cell, _EVENT) or bool(
        re.fullmatch(r"(event|annotation|marker|trigger)[\s_]*(id|date|duration|name|type|code|no|channel)?", plain)
    )


def is_variable(cell: str) -> bool:
    """Whether a long table names the channel of each row under this name."""
    return _among(cell, _VARIABLE)


def is_value(cell: str) -> bool:
    """Whether a long table holds its numbers under this name."""
    return _among(cell, _VALUE)


def is_meta(cell: str) -> bool:
    """Whether this name describes the file and no signal."""
    return _among(cell, _META)


def holds_words(cell: str) -> bool:
    """Whether cells under this name are read as words whatever they look like."""
    return is_case(cell) or is_label(cell) or is_event(cell) or is_variable(cell) or cell.strip().casefold() in ("ch type", "ch_type")
