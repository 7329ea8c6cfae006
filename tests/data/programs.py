"""Files as other programs write them, made from scratch: 40 moments (or cases) of the numbers ``X``, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

X = np.round(np.random.default_rng(0).standard_normal((40, 6)), 3)
N = len(X)
DECIMALS = np.random.default_rng(1).standard_normal((40, 6))
CLASSES = [1 + k % 3 for k in range(N)]


@dataclass(frozen=True)
class File:
    """A file of ``program`` (in Chinese ``zh``), and the values (case, channel, time), rate, names, units and labels that it holds."""

    program: str
    zh: str
    name: str
    content: bytes
    rate: float | None = 250.0
    channels: tuple[str, ...] = ("Fz", "Cz")
    units: tuple[str, ...] = ("", "")
    values: np.ndarray = field(default_factory=lambda: X[:, :2].T[None])
    labels: tuple[object, ...] = ()
    arguments: dict[str, object] = field(default_factory=dict)


def rows(first: Iterable[object], *columns: Iterable[object], sep: str = ",", end: str = "", number: Callable[[float], str] = str) -> str:
    """Lines of a first cell, two channels, and further columns."""
    beside = list(zip(*columns, strict=True)) if columns else [()] * N
    return "".join(
        sep.join([str(a), *(number(float(v)) for v in x[:2]), *map(str, b)]) + f"{end}\n" for a, x, b in zip(first, X, beside, strict=True)
    )


SECONDS = [f"{k / 250:.6f}" for k in range(N)]
MILLIS = [4 * k for k in range(N)]
COUNT = range(N)


def comma(value: float) -> str:
    return str(value).replace(".", ",")


def iso(k: int, sep: str = " ", digits: int = 6) -> str:
    return f"2020-01-01{sep}12:00:{k * 0.004:0{3 + digits}.{digits}f}"


def of(program: str, zh: str, name: str, text: str, encoding: str = "utf-8", **expected: object) -> File:
    return File(program, zh, name, text.encode(encoding), **expected)  # type: ignore[arg-type]


def wide(head: str, first: Iterable[object], data: np.ndarray = X, sep: str = ",") -> str:
    return head + "".join(
        sep.join([*([str(a)] if a is not None else []), *map(str, row)]) + "\n" for a, row in zip(first, data, strict=True)
    )


CASES_OF_TWO = X[:, :2].reshape(4, 10, 2).transpose(0, 2, 1)
EPOCHS = [(k // 10, (k % 10) / 250, ["left", "right"][(k // 10) % 2]) for k in range(N)]
OPEN_SIGNALS = (
    '# OpenSignals Text File Format. Version 1\n# {"00:07:80:58:9B:3F": {"sensor": ["EMG"], "device name": "x", '
    '"column": ["nSeq", "Fz", "Cz"], "sync interval": 2, "time": "12:0:0.0", "channels": [1, 2], "sampling rate": 250, '
    '"resolution": [4, 10], "label": ["A1", "A2"]}}\n# EndOfHeader\n'
)
LABVIEW = (
    "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\nDecimal_Separator\t.\nX_Columns\tOne\n"
    "Time_Pref\tRelative\nDate\t2020/01/01\nTime\t12:00:00.0\n***End_of_Header***\t\n\t\nChannels\t2\t\t\nSamples\t40\t40\t\n"
    "Date\t2020/01/01\t2020/01/01\t\nTime\t12:00:00.0\t12:00:00.0\t\nY_Unit_Label\tVolts\tVolts\t\nX_Dimension\tTime\tTime\t\n"
    "X0\t0.0E+0\t0.0E+0\t\nDelta_X\t0.004\t0.004\t\n***End_of_Header***\t\t\t\nX_Value\tFz\tCz\tComment\n"
)
LABCHART = (
    "Interval=\t0.004 s\nExcelDateTime=\t4.3831E+04\t1/1/2020 12:00:00\nTimeFormat=\tStartOfBlock\nDateFormat=\t\n"
    "ChannelTitle=\tFz\tCz\nRange=\t10.000 mV\t10.000 mV\nUnitName=\tmV\tmV\n"
)
SHIMMER = (
    '"sep=\\t"\nShimmer_1_Timestamp_Unix_CAL\tFz\tCz\t\nms\tmV\tmV\t\n',
    [f"{1577880000000 + 4 * k}.0" for k in range(N)],
)
OPENBCI = "%OpenBCI Raw EXG Data\n%Number of channels = 2\n%Sample Rate = 250 Hz\n%Board = OpenBCI_GUI$BoardCytonSerial\n"
JITTER = [f"{1577880000 + k / 250 + 0.001 * np.sin(k):.6f}" for k in range(N)]

FILES = [
    of("pandas `to_csv()`, names", "pandas `to_csv()`，有列名", "p.csv", ",Fz,Cz\n" + rows(COUNT), rate=None),
    of(
        "pandas `to_csv()`, no names",
        "pandas `to_csv()`，无列名",
        "q.csv",
        wide(",0,1,2,3,4,5\n", COUNT),
        rate=None,
        channels=("ch0",),
        units=("",),
        values=X[:, None],
    ),
    of("pandas, a `DatetimeIndex`", "pandas，`DatetimeIndex`", "d.csv", ",Fz,Cz\n" + rows(iso(k) for k in COUNT)),
    of(
        "pandas, a `TimedeltaIndex`",
        "pandas，`TimedeltaIndex`",
        "td.csv",
        ",Fz,Cz\n" + rows(f"0 days 00:00:{k * 0.004:09.6f}" for k in COUNT),
    ),
    of(
        "pandas, saved twice",
        "pandas，存过两次",
        "u.csv",
        "Unnamed: 0,time,Fz,Cz\n" + rows(f"{k},{s}" for k, s in zip(COUNT, SECONDS, strict=True)),
    ),
    of(
        "MNE `raw.to_data_frame()`",
        "MNE `raw.to_data_frame()`",
        "m.csv",
        ",time,Fz,Cz\n" + rows(f"{k},{s}" for k, s in zip(COUNT, SECONDS, strict=True)),
    ),
    of(
        "MNE `epochs.to_data_frame()`",
        "MNE `epochs.to_data_frame()`",
        "e.csv",
        ",time,condition,epoch,Fz,Cz\n" + rows(f"{k},{t},{c},{e}" for k, (e, t, c) in enumerate(EPOCHS)),
        values=CASES_OF_TWO,
        labels=("left", "right", "left", "right"),
    ),
    of(
        "a long table, one row per value",
        "长表，每行一个值",
        "long.csv",
        "id,time,variable,value\n"
        + "".join(f"{e},{t},{name},{X[k, j]}\n" for k, (e, t, _) in enumerate(EPOCHS) for j, name in enumerate(("Fz", "Cz"))),
        values=CASES_OF_TWO,
    ),
    of("R `write.csv()`", "R `write.csv()`", "r.csv", '"","Fz","Cz"\n' + rows(f'"{k + 1}"' for k in COUNT), rate=None),
    of(
        "R `write.table()`",
        "R `write.table()`",
        "r.txt",
        '"time" "Fz" "Cz"\n' + rows((f'"{k + 1}" {s}' for k, s in enumerate(SECONDS)), sep=" "),
    ),
    of("MATLAB `writetable()`", "MATLAB `writetable()`", "w.csv", "Time,Fz,Cz\n" + rows(f"{k * 0.004:g}" for k in COUNT)),
    of(
        "NumPy `savetxt(header=)`",
        "NumPy `savetxt(header=)`",
        "n.txt",
        "# time Fz Cz\n" + rows((f"{k / 250:.18e}" for k in COUNT), sep=" "),
    ),
    of(
        "Octave `save -text`",
        "Octave `save -text`",
        "o.txt",
        wide("# Created by Octave 8\n# name: x\n# type: matrix\n# rows: 40\n# columns: 6\n", [""] * N, sep=" "),
        rate=None,
        channels=("ch0",),
        units=("",),
        values=X[:, None],
    ),
    of(
        "Excel, decimal commas",
        "Excel，逗号作小数点",
        "x.csv",
        "sep=;\nTime [ms];Fz [µV];Cz [µV]\n" + rows(MILLIS, sep=";", number=comma),
        "cp1252",
        units=("µV", "µV"),
    ),
    of("Excel, Unicode text", "Excel，Unicode 文本", "x.txt", "time\tFz\tCz\n" + rows(SECONDS, sep="\t"), "utf-16"),
    of(
        "phyphox, Audacity",
        "phyphox、Audacity",
        "y.csv",
        '"Time (s)","Fz (m/s^2)","Cz (m/s^2)"\n' + rows(f"{k * 0.004:.9E}" for k in COUNT),
        units=("m/s^2",) * 2,
    ),
    of(
        "Muse (LSL recorder)",
        "Muse（LSL 录制）",
        "muse.csv",
        "timestamps,Fz,Cz\n" + rows(f"{1527976488650.125 + 4 * k:.3f}" for k in COUNT),
    ),
    of("Arduino serial log", "Arduino 串口记录", "a.txt", "millis,Fz,Cz\n" + rows(MILLIS)),
    of(
        "OpenViBE CSV writer",
        "OpenViBE CSV writer",
        "ov.csv",
        "Time:250Hz,Epoch,Fz,Cz,Event Id,Event Date,Event Duration\n"
        + rows((f"{k / 250:.10f},0" for k in COUNT), [""] * N, [""] * N, [""] * N),
    ),
    of("OpenSignals (BITalino)", "OpenSignals（BITalino）", "bit.txt", OPEN_SIGNALS + rows((k % 16 for k in COUNT), sep="\t", end="\t")),
    of("Shimmer Consensys", "Shimmer Consensys", "sh.csv", SHIMMER[0] + rows(SHIMMER[1], sep="\t", end="\t"), units=("mV", "mV")),
    of("LabChart text", "LabChart 文本", "lc.txt", LABCHART + rows((f"{k * 0.004:g}" for k in COUNT), sep="\t"), units=("mV", "mV")),
    of("LabVIEW (LVM)", "LabVIEW（LVM）", "lv.txt", LABVIEW + rows(SECONDS, sep="\t", end="\t")),
    of(
        "PhysioNet `rdsamp`",
        "PhysioNet `rdsamp`",
        "pn.csv",
        "'Elapsed time','Fz','Cz'\n'seconds','mV','mV'\n" + rows(SECONDS),
        units=("mV", "mV"),
    ),
    of(
        "PhysioNet, times of day",
        "PhysioNet，时刻",
        "pt.csv",
        "'Elapsed time','Fz','Cz'\n'hh:mm:ss.mmm','mV','mV'\n" + rows(f"'0:{k * 0.004:06.3f}'" for k in COUNT),
        units=("mV", "mV"),
    ),
    of(
        "Empatica E4 (ACC.csv)",
        "Empatica E4（ACC.csv）",
        "ACC.csv",
        "1577880000.0, 1577880000.0\n32.0, 32.0\n" + "".join(f"{a}, {b}\n" for a, b in X[:, :2]),
        rate=32.0,
        channels=("ch0", "ch1"),
    ),
    of(
        "OpenBCI GUI",
        "OpenBCI GUI",
        "ob.txt",
        OPENBCI
        + "Sample Index, Fz, Cz, Timestamp, Timestamp (Formatted)\n"
        + "".join(f"{k % 256}, {X[k, 0]}, {X[k, 1]}, {JITTER[k]}, {iso(k, digits=3)}\n" for k in COUNT),
    ),
    of("ISO times with a zone", "带时区的 ISO 时间", "z.csv", "date,Fz,Cz\n" + rows(iso(k, "T") + "+08:00" for k in COUNT)),
    of("12-hour dates", "12 小时制日期", "us.csv", "Date/Time,Fz,Cz\n" + rows(f"1/2/2020 1:00:{k:02d} PM" for k in COUNT), rate=1.0),
    of(
        "a clock that is not the first",
        "时间列不在首位",
        "l.csv",
        "Fz,Cz,time\n" + "".join(f"{a},{b},{s}\n" for (a, b), s in zip(X[:, :2], SECONDS, strict=True)),
    ),
    of(
        "UCR archive (.tsv)",
        "UCR 数据集（.tsv）",
        "ucr.tsv",
        "".join("\t".join([str(c), *map(repr, map(float, row))]) + "\n" for c, row in zip(CLASSES, DECIMALS, strict=True)),
        rate=None,
        channels=("ch0",),
        units=("",),
        values=DECIMALS[:, None],
        labels=tuple(CLASSES),
    ),
    of(
        "a line that states the rate",
        "抬头注明采样率",
        "k.csv",
        "Sampling rate: 250 Hz\nFz,Cz\n" + "".join(f"{a},{b}\n" for a, b in X[:, :2]),
    ),
]
