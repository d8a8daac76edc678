"""How the text of a column is recognized and read, next to the values that it stands for."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kerasdnn import DataWarning, TableEncoder
from kerasdnn.export.numpy_format import reader_source
from kerasdnn.tables.frame import Column
from kerasdnn.tables.texts.reading import parse
from kerasdnn.tables.texts.recognition import recognize

RNG = np.random.default_rng(0)
AMOUNTS = np.r_[RNG.normal(0, 2e5, 60).round(2), 0.0, -5.25, 1234.5]
COUNTS = RNG.integers(1, 90, 60)
MOMENTS = pd.Series(pd.Timestamp("2019-03-01 00:07:09")
                    + pd.to_timedelta(RNG.integers(0, 9e7, 60), "s"))  # fmt: skip


def written(value, decimal=".", thousands=","):
    return f"{value:,.2f}".translate(str.maketrans({",": thousands, ".": decimal}))


def lakhs(value):
    head, tail = divmod(int(value), 1000)
    groups = [f"{tail:03d}"]
    while head:
        head, group = divmod(head, 100)
        groups.append(f"{group:02d}" if head else str(group))
    return ",".join(groups[::-1])


def signed(before, after, plain):
    """A writer of amounts: what stands around a negative one, and around any other one."""
    return lambda v, **marks: (before + written(abs(v), **marks) + after if v < 0
                               else plain.format(written(v, **marks)))  # fmt: skip


def national(write, decimal=",", thousands="."):
    return lambda v: write(v, decimal=decimal, thousands=thousands)


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def quarters(value, *parts):
    """A number of quarters with `parts` for 1, 2 and 3 of them."""
    whole, part = int(value), ("", *parts)[round(value * 4) % 4]
    return f"{whole or ''} {part}".strip() or "0"


ARABIC = str.maketrans("0123456789.,", "٠١٢٣٤٥٦٧٨٩٫٬")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
WHOLE = np.floor(np.abs(AMOUNTS)) + 1000
# What numbers are written as: the numbers, and a writer of one of them.
NUMBERS = {
    "trailing minus": (AMOUNTS, national(signed("", "-", "{}"))),
    "minus before a currency": (AMOUNTS, national(signed("-R$ ", "", "R$ {}"))),
    "minus after a currency": (AMOUNTS, signed("$-", "", "${}")),
    "typographic minus": (AMOUNTS, national(signed("−", " €", "{} €"), ",", "\u202f")),
    "en dash": (AMOUNTS, signed("–", "", "{}")),
    "parentheses before a currency": (AMOUNTS, signed("($", ")", "${}")),
    "parentheses after a currency": (AMOUNTS, signed("$ (", ")", "$ {}")),
    "Excel's accounting format": (AMOUNTS, lambda v: " $ -   " if v == 0
                                  else signed(" $(", ")", " ${} ")(v)),
    "debit and credit": (AMOUNTS, signed("", " DR", "{} CR")),
    "Soll and Haben": (AMOUNTS, national(signed("", " S", "{} H"))),
    "south and north": (AMOUNTS / 1e4, lambda v: f"{abs(v):.6f}° {'S' if v < 0 else 'N'}"),
    "Swiss prices": (WHOLE, lambda v: f"Fr. {v:,.0f}.–".replace(",", "’")),
    "German prices": (WHOLE, lambda v: f"{v:,.0f}".replace(",", ".") + ",-- €"),
    "Indian prices": (WHOLE, lambda v: f"Rs. {lakhs(v)}/-"),
    "quotes": (AMOUNTS, lambda v: f"'{v:.2f}'"),
    "an apostrophe for text": (AMOUNTS, lambda v: f"'{v:.2f}"),
    "a formula for text": (AMOUNTS, lambda v: f'="{v:.2f}"'),
    "footnotes": (WHOLE, lambda v: f"{v:,.0f}" + ("[a]" if v % 3 == 0 else "*" * int(v % 3))),
    "tolerances": (AMOUNTS, lambda v: f"{v:.2f} ± 0.5 mm"),
    "about": (COUNTS, lambda v: f"ca. {v}" if v % 2 else f"approx {v}"),
    "limits in words": (COUNTS, lambda v: f"more than {v} years" if v % 2 else f"{v}+ years"),
    "Fortran": (AMOUNTS, lambda v: f"{v:.9E}".replace("E", "D")),
    "powers of ten": (WHOLE, lambda v: f"{v / 1e4:.8f}×10^4"),
    "zero-width characters": (WHOLE, lambda v: f"\u200b{v:,.0f}".replace(",", "\u2007")),
    "scores": (COUNTS, lambda v: f"{v}/90"),
    "scores in words": (COUNTS / 10, lambda v: f"{v} von 9 Sternen"),
    "feet and inches": (COUNTS, lambda v: f"{v // 12}'{v % 12}\""),
    "inches": (COUNTS / 10, lambda v: f'{v}"'),
    "masses": (COUNTS, lambda v: f"{v} kg" if v % 2 else f"{v * 1000:,} g"),
    "sizes of files": (COUNTS * 512.0, lambda v: f"{v:.0f} B" if v < 9e3 else f"{v / 1024} KB"),
    "terms": (COUNTS * 365.25 / 12, lambda v: f"{round(v / 365.25 * 12)} months"
              if v < 400 else f"{v / 365.25:.9f} years"),
    "no zero before the point": (COUNTS / 100, lambda v: f"{v:.3f}".lstrip("0")),
    "Swedish prices": (WHOLE, lambda v: f"{v:,.0f}:-".replace(",", "\xa0")),
    "thousands of won": (COUNTS * 1e3,
                         lambda v: f"{v // 1e3:.0f}천원" if v % 2e3 else f"{v:,.0f}원"),
    "milliseconds": (COUNTS / 864e5,
                     lambda v: f"{v * 864e5:.0f} ms" if v < 4e-7 else f"{v * 86400:.9f} s"),
    "wide digits": (AMOUNTS, lambda v: wide(f"{v:,.2f}")),
    "wide digits with a currency": (WHOLE, lambda v: wide(f"¥{v:,.0f}").replace("\xa5", "￥")),
    "Arabic digits": (AMOUNTS, lambda v: f"{v:,.2f}".translate(ARABIC)),
    "Devanagari digits": (WHOLE, lambda v: f"{v:.0f}".translate(DEVANAGARI)),
    "Japanese triangles": (AMOUNTS, signed("▲", "", "{}")),
    "Japanese triangles before a currency": (AMOUNTS, signed("△¥", "", "¥{}")),
    "triangles up and down": (AMOUNTS, lambda v: f"{'▼' if v < 0 else '▲'} {abs(v):.2f}%"),
    "ten thousands": (WHOLE, lambda v: f"{v // 1e4:.0f}万{v % 1e4:.0f}円" if v >= 1e4
                      else f"{v:.0f}円"),
    "powers of ten thousand": (COUNTS * 5e6,
                               lambda v: f"{v // 1e8:.0f}억 {v % 1e8 / 1e4:,.0f}만원"),
    "thousands of ten thousands": (COUNTS * 1e7, lambda v: f"{v / 1e7:.0f}천만 원"),
    "fractions": (COUNTS / 4, lambda v: quarters(v, "1/4", "1/2", "3/4")),
    "signs of fractions": (COUNTS / 4, lambda v: quarters(v, "¼", "½", "¾")),
    "percent first": (COUNTS / 10, lambda v: f"%{v}"),
    "degrees in one sign": (COUNTS / 10, lambda v: f"{v}℃"),
    "volts": (COUNTS / 10, lambda v: f"{v} V" if v < 5 else f"{v * 1e3:.0f} mV"),
    "basis points": (COUNTS / 100, lambda v: f"{v}%" if v < 0.5 else f"{v * 100:.0f} bp"),
    "angles": (COUNTS - 45 + 0.5125, lambda v: f"{abs(v) // 1:.0f}°{abs(v) % 1 * 3600 // 60:02.0f}'"
               f'{abs(v) * 3600 % 60:04.1f}"{"S" if v < 0 else "N"}'),
    "hexadecimal": (COUNTS, lambda v: f"0x{v:02X}"),
    "estimates": (WHOLE, lambda v: f"{v:,.0f} (est.)" if v % 2 else f"{v:,.0f}"),
    "crores": (COUNTS * 1e5, lambda v: f"{v / 1e5:.0f} lakh" if v < 3e6 else f"{v / 1e7} crore"),
}  # fmt: skip


@pytest.mark.parametrize(("values", "write"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_read_from_what_programs_write(values, write):
    texts = [write(value) for value in values]
    reading, _, _ = recognize(Column("text", np.array(texts, dtype=object)))
    found, stray = parse(texts, reading)
    np.testing.assert_allclose(found, values, rtol=1e-7, atol=1e-9)
    assert not stray.any()
    assert [read_by_export(text, reading) for text in texts] == found.tolist()


POLISH = "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października "
POLISH += "listopada grudnia"
TURKISH = "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"
RUSSIAN = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
THAI = "ม.ค. ก.พ. มี.ค. เม.ย. พ.ค. มิ.ย. ก.ค. ส.ค. ก.ย. ต.ค. พ.ย. ธ.ค."
HINDI = "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्तूबर नवंबर दिसंबर"
GREEK = "Ιαν Φεβ Μαρ Απρ Μαΐ Ιουν Ιουλ Αυγ Σεπ Οκτ Νοε Δεκ"
DAYS = "lun. mar. mer. jeu. ven. sam. dim."


def named(names, form="{d} {m} {y}"):
    return lambda v: form.format(d=v.day, m=names.split()[v.month - 1], y=v.year)


def zoned(v):
    summer = 4 <= v.month < 10
    return f"{v + pd.Timedelta(hours=1 + summer)} {'CEST' if summer else 'CET'}"


def half(v, am, pm):
    return f"{v:%Y-%m-%d} {am if v.hour < 12 else pm} {v.hour % 12 or 12}:{v:%M:%S}"


# How dates are written, and the unit to which they are.
DATES = {
    "C": ("s", lambda v: v.ctime()),
    "C with a zone": ("s", lambda v: f"{v:%a %b %d %H:%M:%S} UTC {v.year}"),
    "JavaScript": ("s", lambda v: f"{v:%a %b %d %Y %H:%M:%S} GMT+0000 (Greenwich Mean Time)"),
    "Java": ("s", lambda v: f"{v:%Y-%m-%dT%H:%M:%S}+00:00[Europe/London]"),
    "mail": ("s", lambda v: f"{v:%a, %d %b %Y %H:%M:%S} +0000"),
    "web server": ("s", lambda v: f"[{v:%d/%b/%Y:%H:%M:%S} +0000]"),
    "Oracle": ("s", lambda v: f"{v:%d-%b-%y %I.%M.%S}.000000 {v:%p}".upper()),
    "log4j": ("s", lambda v: f"{v:%Y-%m-%d %H:%M:%S},000"),
    "names of zones": ("s", zoned),
    "digits": ("s", lambda v: f"{v:%Y%m%d%H%M%S}"),
    "digits with T and Z": ("s", lambda v: f"{v:%Y%m%dT%H%M%SZ}"),
    "Korean halves of a day": ("s", lambda v: half(v, "오전", "오후")),
    "Japanese halves of a day": ("s", lambda v: half(v, "午前", "午後")),
    "Korean short halves of a day": ("min", lambda v: f"{v.year}. {v.month}. {v.day}. "
                                     + half(v, "오전", "오후")[11:-3]),
    "some zones": ("s", lambda v: f"{v:%Y-%m-%dT%H:%M:%S}" + "Z" * (v.second % 2)),
    "wide digits": ("D", lambda v: wide(f"{v:%Y/%m/%d}")),
    "Arabic digits": ("D", lambda v: f"{v:%d/%m/%Y}".translate(ARABIC)),
    "Japanese eras": ("D", lambda v: f"平成{v.year - 1988}年{v.month}月{v.day}日"),
    "first years of eras": ("D", lambda v: f"令和{v.year - 2018 if v.year > 2019 else '元'}年"
                            f"{v.month}月{v.day}日"),
    "Japanese weekdays": ("D", lambda v: f"{v:%Y年%m月%d日}（{'月火水木金土日'[v.weekday()]}）"),
    "Taiwan": ("D", lambda v: f"民國{v.year - 1911}年{v.month}月{v.day}日"),
    "Thailand": ("D", lambda v: f"{v.day}/{v.month}/{v.year + 543}"),
    "years of two digits first": ("D", lambda v: f"{v:%y.%m.%d}"),
    "Hindi": ("D", named(HINDI)),
    "Thai months": ("D", lambda v: named(THAI)(v + pd.DateOffset(years=543))),
    "Greek": ("D", named(GREEK)),
    "Vietnamese": ("D", lambda v: f"ngày {v.day} tháng {v.month} năm {v.year}"),
    "XML": ("D", lambda v: f"{v:%Y-%m-%d}Z"),
    "day of the year": ("D", lambda v: f"{v:%Y-%j}"),
    "six digits": ("D", lambda v: f"{v:%y%m%d}"),
    "Polish": ("D", named(POLISH)),
    "Turkish": ("D", named(TURKISH)),
    "Russian": ("D", named(RUSSIAN, "{d} {m} {y} г.")),
    "French": ("D", lambda v: DAYS.split()[v.weekday()] + " " + named(FRENCH)(v)),
    "Italian": ("D", lambda v: DAYS.split()[v.weekday()] + f" {v:%d/%m/%Y}"),
    "weeks": ("W-MON", lambda v: f"KW {v.isocalendar()[1]:02d}/{v.isocalendar()[0]}"),
    "quarters": ("Q", lambda v: f"Q{v.quarter} {v.year}"),
    "quarters last": ("Q", lambda v: f"{v.quarter}Q{v:%y}"),
    "months": ("M", lambda v: f"{v:%YM%m}"),
    "spreadsheet's days": ("D", lambda v: f"{v:%d/%m/%Y}" if v.day % 4
                           else str((v - pd.Timestamp("1899-12-30")).days)),
    "zeros": ("D", lambda v: f"{v:%Y-%m-%d}" if v.day % 4 else "0000-00-00"),
}  # fmt: skip


@pytest.mark.parametrize(("unit", "write"), DATES.values(), ids=DATES)
def test_dates_are_read_from_what_programs_write(unit, write):
    values = MOMENTS.dt.to_period(unit).dt.start_time if unit in ("M", "Q", "W-MON") else MOMENTS
    if unit == "W-MON":
        values = MOMENTS.dt.floor("D") - pd.to_timedelta(MOMENTS.dt.day_of_week, "D")
    values = values.dt.floor(unit) if unit in ("D", "min") else values
    texts = [write(value) for value in MOMENTS]
    reading, _, _ = recognize(Column("text", np.array(texts, dtype=object)))
    found, stray = parse(texts, reading)
    good = np.array([text != "0000-00-00" for text in texts])
    np.testing.assert_array_equal(found[good], values.to_numpy("datetime64[us]")[good])
    assert np.isnat(found[~good]).all()
    assert not stray.any()
    exported = [read_by_export(text, reading) for text in texts]
    np.testing.assert_array_equal(np.array(exported, "datetime64[us]"), found)


DURATIONS = {
    "hours and minutes": (lambda s: f"{s // 3600}h {s % 3600 // 60}m", 60),
    "words": (lambda s: f"{s // 3600} hrs, {s % 3600 // 60} mins", 60),
    "Korean": (lambda s: f"{s // 3600}시간 {s % 3600 // 60}분", 60),
    "Chinese": (lambda s: f"{s // 3600}小时{s % 3600 // 60}分{s % 60}秒", 1),
    "ISO 8601": (lambda s: f"P{s // 86400}DT{s % 86400 // 3600}H{s % 3600 // 60}M{s % 60}S", 1),
    "Korean halves of a day": (
        lambda s: f"{'오전' if s < 43_200 else '오후'} {s // 3600 % 12 or 12}:{s % 3600 // 60:02d}",
        60,
    ),
    "digits": (lambda s: f"{s // 3600 % 24:02d}{s % 3600 // 60:02d}", 60),
}


@pytest.mark.parametrize(("write", "unit"), DURATIONS.values(), ids=DURATIONS)
def test_durations_are_read_from_their_parts(write, unit):
    seconds = RNG.integers(0, 86_400, 90) // unit * unit
    texts = [write(second) for second in seconds]
    reading, _, _ = recognize(Column("text", np.array(texts, dtype=object)))
    assert reading == {"as": "time"}
    found, _ = parse(texts, reading)
    np.testing.assert_array_equal(found, seconds)
    assert [read_by_export(text, reading) for text in texts] == found.tolist()


EXPORTED: dict = {}


def read_by_export(text, reading):
    """A text as the module reads it that is exported next to a model."""
    if not EXPORTED:
        exec(reader_source(), EXPORTED)
    return EXPORTED["parse"](text, reading)


SENTINELS = {
    "codes of a survey": (RNG.integers(1, 6, 200), [97, 98, 99]),
    "negative codes": (RNG.integers(0, 90, 200), [-77, -88, -99]),
    "sixteen bits": (RNG.normal(20, 5, 200).round(1), [32767]),
    "sixteen bits, negative": (RNG.integers(0, 90, 200), [-32768]),
    "unsigned": (RNG.integers(0, 90, 200), [65535]),
    "well logs": (RNG.normal(0, 5, 200).round(1), [-999.25]),
    "a rank": (np.arange(1, 201), []),
    "ages": (RNG.permutation(np.r_[np.arange(100), np.arange(100)]), []),
    "one small loss": (np.r_[RNG.uniform(0, 50, 199).round(2), -88.0], []),
}


@pytest.mark.parametrize(("values", "marks"), SENTINELS.values(), ids=SENTINELS)
def test_numbers_that_stand_for_missing_ones_are_found(values, marks):
    values = np.array(values, dtype="float64")
    for i, mark in enumerate(marks):
        values[i::30] = mark
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder = TableEncoder().fit({"a": values})
    reading = encoder.states_[0].reading or {"sentinels": []}
    assert sorted(reading["sentinels"]) == sorted(map(float, marks))
    assert len(caught) == bool(marks)


def test_integers_of_a_moment_are_one():
    stamps = [int(f"{v:%Y%m%d%H%M%S}") for v in MOMENTS]
    with pytest.warns(DataWarning, match="integers such as 20210331140500 are moments"):
        encoder = TableEncoder().fit({"a": stamps})
    right = TableEncoder().fit({"a": MOMENTS})
    np.testing.assert_array_equal(encoder.transform({"a": stamps}), right.transform({"a": MOMENTS}))
    np.testing.assert_array_equal(
        encoder.transform({"a": stamps[3]}), right.transform({"a": MOMENTS[3]})
    )


OTHERS = {
    "years": [str(1990 + i) for i in range(30)],
    "seats": ["12C", "14D", "3C", "7D"] * 10,
    "meters": [f"{i} m" for i in range(1, 40)],
    "dimensions": [f"{i}x10{i % 7}" for i in range(40)],
    "blood pressures": [f"{100 + i}/{60 + i % 30}" for i in range(40)],
    "ranges": [f"{i}–{i + 9}" for i in range(0, 400, 10)],
    "order numbers": [f"2021-{i:04d}" for i in range(40)],
    "zip codes of four digits": [f"{i:04d}" for i in range(120, 9000, 137)],
    "phone numbers": [f"+8210{10_000_000 + 31 * i}" for i in range(40)],
    "paragraphs": [f"§ {i}" for i in range(40)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_resembles_numbers_times_and_dates_is_none(name):
    found = recognize(Column("text", np.array(OTHERS[name], dtype=object)))[0]
    expected = {"years": "number", "meters": "number"}.get(name)
    assert (found and found["as"]) == expected
