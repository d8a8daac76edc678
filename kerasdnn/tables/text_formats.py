"""Recognize and parse numbers, dates, times and booleans that are stored as text.

`recognize` decides once, from all values of a column, what its text stands for. The decision is a
*reading*, a dict of plain JSON that `read` applies to every later table, value by value, so that a
single row is read like the same row in its table:

    {"as": "number", "decimal": ",", "thousands": ".", "units": ["", "kg"]}
    {"as": "date", "formats": ["%d.%m.%Y"], "zone": False}
    {"as": "time"}       seconds, of "14:30", "2:30 pm", "36:15:00" or "1 days 02:00:00"
    {"as": "boolean"}    of words such as yes and no, ja and nein

The rules are conservative: text becomes a number only if every value but a few strays is one.
Codes stay categories: leading zeros, nine digits or more of equal length, letters before the
digits, several units. Units are ignored, so that 12% is read as 12. Multiples such as k and mio.
count, so that 1.5k is 1500; a reading holds them as "factors": {"k": 1000.0}.
"""

import re
import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from .columns import texts_of
from .frame import Column


def words(text):
    return frozenset(text.split())


# fmt: off
MISSING = words(
    "? ?? ??? - -- --- – — . .. ... * ** / n/a na n.a. n.a #n/a #na nan -nan null (null) none nil "
    "<na> nat \\n #value! #ref! #div/0! #num! #name? #null! missing unknown n/k nd n.d. k.a. n.v. "
    "s/d s.d. s/o tbd nodata err error fault offline leer vide inf -inf +inf infinity -infinity "
    "####### ####"
) | {"", "#n/a n/a", "k. a.", "keine angabe", "not available", "not applicable", "no data"}
TRUE = words(
    "yes y true t ja j oui o si sí sì s sim tak ano da on wahr vrai verdadero verdadeiro vero waar "
    "kyllä evet да 是 はい 예"
)
FALSE = words(
    "no n false f nein non não nao nie ne nee nej nei off falsch faux falso onwaar ei hayır нет 否 "
    "いいえ 아니오"
)
CURRENCIES = words(
    "usd eur gbp chf jpy inr sek nok dkk pln czk huf brl cad aud nzd cny krw mxn zar us$ r$ a$ c$ "
    "kr kr. kč zł ft rs rs. fr. fr"
)
# fmt: on
MULTIPLES = {
    **dict.fromkeys(words("k tsd tsd. thousand thousands"), 1e3),
    **dict.fromkeys(words("m mn mln mio mio. million millions millionen"), 1e6),
    **dict.fromkeys(words("b bn mrd mrd. mld billion billions milliarden"), 1e9),
}
MONTHS: dict[str, int] = {}
for _names in (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jän feb mrz apr mai jun jul aug sept okt nov dez",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago sept oct nov dic",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "januari februari maart april mei juni juli augustus september oktober november december",
):
    MONTHS |= {name: i for i, name in enumerate(_names.split(), 1)}

FEWEST_NUMBERS_PER_STRAY = 5  # different values, and rows
MAX_COMMON_STRAYS = 3  # different strays that may be as many rows as the numbers
ISO_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S.%f"]
MIN_PARSED_DATES = 0.9  # fraction of the values
MAX_SNIFFED = 300  # values from which a date format is guessed
CODE_DIGITS = 9  # as many digits in every value: a phone number, not a quantity
FEW_VALUES = 64  # up to here one call per value is faster than one of pandas for all

BLANKS = str.maketrans({"\xa0": " ", "\u202f": " ", "\u2009": " ", "−": "-", "’": "'"})
NUMBER = re.compile(
    r"(?P<bound>[<>≤≥~≈]=?)? ?(?P<open>\(?)(?P<before>[^\W\d_]{0,3}[^\w\s.,()+<>'-]?\.?) ?"
    r"(?P<sign>[+-]?) ?(?P<inner>[^\w\s.,()+<>'-]?) ?(?P<digits>\d(?:[\d., ']*\d)?|[.,]\d+)"
    r"(?:e(?P<power>[+-]?\d+))? ?(?P<after>(?:[^\W\d_]|[%‰°/$£€¥µ²³])[^\d()+]{0,14}[23]?|\+)?"
    r"(?P<minus>-?)\)?",
    re.IGNORECASE,
)
GROUPED = re.compile(r"\d{1,3}(\.\d{3})+")
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
TIME = re.compile(r"(\d{1,3})[:h]([0-5]\d)(?::([0-5]\d(?:[.,]\d+)?))? ?([ap])?\.?(?:m\.?)?")
SPAN = re.compile(r"(-?\d+) days?,? ?(?:([+-]?)(\d{1,2}:\d{2}:\d{2}(?:\.\d+)?))?")
# Decimal mark and thousands separator, in the order of preference.
MARKS = [(".", ""), (",", ""), (".", ","), (",", "."), (".", "'"), (",", " "), (".", " "),
         (",", "'")]  # fmt: skip


# ------------------------------------------------------------------------------------- numbers


def shape_of(decimal, thousands):
    """The pattern of the digits of a number that is written with these marks."""
    fraction = rf"(?:{re.escape(decimal)}\d+)?"
    if not thousands:
        return re.compile(rf"\d+{fraction}|{re.escape(decimal)}\d+")
    mark = re.escape(thousands)
    lakhs = r"|\d{1,2}(?:,\d{2})*,\d{3}" if thousands == "," else ""
    return re.compile(rf"(?:\d{{1,3}}(?:{mark}\d{{3}})+{lakhs}|\d+){fraction}")


SHAPES = {marks: shape_of(*marks) for marks in MARKS}


def split_number(text):
    """`(bound, units, sign, digits, power)` of a text, or None if it is not a number."""
    match = NUMBER.fullmatch(" ".join(text.translate(BLANKS).split()))
    if match is None:
        return None
    part = match.groupdict("")
    minus = "-" if part["sign"] == "-" or part["minus"] or part["open"] else ""
    if part["sign"] == "+" and " " in part["digits"]:
        return None  # a phone number
    before = (part["before"] + part["inner"]).casefold()
    if before and not is_currency(before):
        return None
    after = part["after"].strip().casefold()
    bound = part["bound"] + ("+" if after == "+" else "")
    unit = before + after if after in MULTIPLES else before or ("" if after == "+" else after)
    return bound, unit, minus, part["digits"], part["power"]


def is_currency(text):
    return text in CURRENCIES or (len(text) == 1 and unicodedata.category(text) == "Sc")


def factor_of(unit):
    """What a unit such as k, mio. eur or $m multiplies by, or None."""
    words = "".join(" " if is_currency(c) else c for c in unit).split()
    words = [word for word in words if word not in CURRENCIES]
    return MULTIPLES.get(words[0]) if len(words) == 1 else None


def factors_of(texts, units):
    """The factors of a column's multiples by unit, {} if its units are others.

    A lone m or b is a multiple when written as in 1.5M; else it is a meter or a house number.
    """
    factors = {unit: factor for unit in units if (factor := factor_of(unit))}
    clear = any(unit not in ("m", "b") for unit in factors)
    if not clear and not any(re.search(r"\d[.,]\d+[MB]$", text) for text in texts):
        return {}
    others = {unit for unit in units if unit and unit not in factors}
    return {} if any(not is_currency(unit) for unit in others) else factors


def parse_number(text, decimal, thousands, units, factors):
    """A text as a float, or None; `units` are those that may follow or precede the digits."""
    if PLAIN.fullmatch(text) and decimal == "." and "" in units:
        return float(text)
    parts = split_number(text)
    if parts is None or parts[1] not in units:
        return None
    _, _, sign, digits, power = parts
    if not SHAPES[decimal, thousands].fullmatch(digits):
        return None
    digits = digits.replace(thousands, "") if thousands else digits
    number = float(f"{sign}{digits.replace(decimal, '.')}e{power or 0}")
    return number * factors.get(parts[1], 1)


def infer_number(texts, counts, forced, hints):
    """`(reading, remarks, ambiguous)` if the values of a column are numbers, else None.

    Args:
        texts: the different values that may be numbers; counts: the rows of each.
        forced: bool, whether the user says that they are numbers.
        hints: dict, what other columns of the table say: "decimal" and "dayfirst".
    """
    sample = texts[:: max(1, len(texts) // MAX_SNIFFED)]
    if not forced and 2 * sum(split_number(text) is not None for text in sample) < len(sample):
        return None
    if not are_codes(sample) and not GROUPED.fullmatch(texts[0]) and parse_plain(texts) is not None:
        return None if are_codes(texts) and not forced else (EMPTY["number"], [], False)
    parts = [split_number(text) for text in texts]
    good = [(p, n) for p, n in zip(parts, counts, strict=True) if p is not None]
    if not good:
        return None
    factors = factors_of(texts, {p[1] for p, _ in good})
    units = sorted({"", *(p[1] for p, _ in good)}) if factors else common_units(good)
    good = [(p, n) for p, n in good if p[1] in units]
    digits = [p[3] for p, _ in good]
    if not digits:
        return None
    if not forced and are_codes(digits):
        return None
    money = any(is_currency(unit) for unit in units if unit)
    marks, ambiguous = choose_marks(digits, hints, money)
    fits = [SHAPES[marks].fullmatch(d) is not None for d in digits]
    rows = sum(n for (_, n), fit in zip(good, fits, strict=True) if fit)
    strays, stray_rows = len(texts) - sum(fits), int(sum(counts)) - rows
    limit, common = FEWEST_NUMBERS_PER_STRAY, strays <= MAX_COMMON_STRAYS
    limit_rows = 1 if common and sum(fits) >= limit * limit else limit  # answers such as "refused"
    if not sum(fits):
        return None
    if not forced and (limit * strays > sum(fits) or limit_rows * stray_rows > rows):
        return None
    remarks = []
    if factors:
        shown = [f"{unit!r} multiplies by {factor:,.0f}" for unit, factor in factors.items()]
        remarks.append(" and ".join(shown))
    if ignored := [unit for unit in units if unit and unit not in factors]:
        remarks.append(f"the unit {' or '.join(map(repr, ignored))} is ignored")
    if marks != (".", ""):
        names = f"{marks[0]!r} is the decimal mark"
        remarks.append(names + (f", {marks[1]!r} separates thousands" if marks[1] else ""))
    if ambiguous:
        remarks.append(f"{ambiguous!r} could also mean the other mark")
    if any(p[0] for p, _ in good):
        remarks.append("limits such as < and > are read as the number")
    reading = {"as": "number", "decimal": marks[0], "thousands": marks[1], "units": units}
    if factors:
        reading["factors"] = factors
    return reading, remarks, bool(ambiguous)


def common_units(found):
    """The units of a column, "" included: one unit and its plural, of most values."""
    rows = {}
    for (_, unit, *_), count in found:
        rows[unit] = rows.get(unit, 0) + count
    named = {unit: count for unit, count in rows.items() if unit}
    if not named:
        return [""]
    main = max(named, key=named.get)
    kin = [u for u in named if u[: min(len(u), len(main))] == main[: min(len(u), len(main))]
           and abs(len(u) - len(main)) <= 2]  # fmt: skip
    total, of_kin = sum(rows.values()), sum(named[unit] for unit in kin)
    symbols = is_currency(main) or main in "%‰°"
    if not symbols and 2 * of_kin < total:
        return [""]
    return ["", *sorted(kin)]


def are_codes(digits):
    """Whether digits stand for codes: leading zeros, or many digits of equal length."""
    if any(d[0] == "0" and d[1:2].isdecimal() for d in digits):
        return True
    length = len(re.sub(r"[ ']", "", digits[0]))
    return (
        length >= CODE_DIGITS
        and len(digits) > 1
        and all(
            len(d) == length and d.isdecimal() for d in (re.sub(r"[ ']", "", d) for d in digits)
        )
    )


def choose_marks(digits, hints, money=False):
    """`((decimal mark, thousands separator), an ambiguous value or "")` that fit most values."""
    fits = {marks: sum(map(bool, map(SHAPES[marks].fullmatch, digits))) for marks in MARKS}
    best = max(MARKS, key=lambda marks: fits[marks])  # the first of equals
    both = {",": [(",", ""), (".", ",")], ".": [(".", ""), (",", ".")]}
    for mark, (fraction, group) in both.items():
        marked = [d for d in digits if mark in d]
        if not marked or fits[fraction] != fits[group] or best not in (fraction, group):
            continue
        if any(d[0] == "0" or d[0] == mark for d in marked):
            return fraction, ""
        if hints.get("decimal"):
            return (fraction if hints["decimal"] == mark else group), marked[0]
        return (group if mark == "," or money else fraction), marked[0]
    return best, ""


# --------------------------------------------------------------------------------------- dates

NUMERIC_DATE = re.compile(r"(\d{1,4})([-/.]) ?(\d{1,2})\2 ?(\d{1,4})")
NAMED_DATE = re.compile(r"(\d{1,2}[ .,/-]*)?m\d\d([ .,/-]*\d{1,2}(?!\d))?[ .,/'-]*(\d{4}|\d\d)")
COMPACT_DATE = re.compile(r"(19|20)\d\d[01]\d[0-3]\d")
CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?P<mark>[:.h])(?P<minute>\d{2})(?P<second>:\d{2})?"
    r"(?P<fraction>\.\d{1,9})?(?P<half> ?[ap]m)?(?P<zone> ?(?:Z|[+-]\d{2}(?::?\d{2})?))?"
)
WORD = re.compile(r"[^\W\d_]+\.?")
IDEOGRAPHIC = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월](?: ?(\d{1,2}) ?[日일])?")
WEEK = re.compile(r"(\d{4})-?w(\d\d)(?:-?([1-7]))?")
WEEKDAY = re.compile(r"^[^\W\d_]{2,9}\.?,? (?=\d|m\d\d)")


def tidy_date(text):
    """A date as written, in one spelling: month names as m01 to m12, no weekday, no ordinals.

    A week of ISO 8601, such as 2021-W07, is its Monday.
    """
    text = " ".join(text.translate(BLANKS).casefold().split())
    if not text:
        return text
    if week := WEEK.fullmatch(text):
        with suppress(ValueError):  # not every year has a week 53
            return date.fromisocalendar(*(int(part or 1) for part in week.groups())).isoformat()
    text = IDEOGRAPHIC.sub(
        lambda m: "-".join(f"{int(part):02d}" for part in m.groups() if part), text
    )
    text = re.sub(r"(?<=\d)\.$", "", text)

    def month(match):
        number = MONTHS.get(match[0].rstrip("."))
        return match[0] if number is None else f"m{number:02d}"

    text = WORD.sub(month, text) if not text[0].isdecimal() or WORD.search(text) else text
    text = WEEKDAY.sub("", text)
    text = re.sub(r"(?<=\d)(st|nd|rd|th|º|er)\b", "", text)
    text = re.sub(r"\b(de|of|at|um|à|uhr|h)\b\.?", " ", text)
    text = re.sub(r"\b(utc|gmt)\b", "z", text.replace("a.m.", "am").replace("p.m.", "pm"))
    text = " ".join(text.replace("t", " ").split())
    if ":" in text:  # the forms of a zone that `strptime` knows
        text = re.sub(r"z$", "Z", re.sub(r"(:\d\d(?:\.\d+)? ?[+-]\d\d)$", r"\g<1>00", text))
    return text


def date_format(text, dayfirst):
    """The format of a tidied date for `strptime`, or None if it does not look like one."""
    date, clock = text, ""
    match = re.search(r"(?:,? |, ?)(\d{1,2}[:.h]\d{2}.*)$", text)
    if match and CLOCK.fullmatch(match[1]):
        date, clock = text[: match.start()], text[match.start() :]
    pieces = NUMERIC_DATE.fullmatch(date)
    if pieces:
        a, sep, b, c = pieces.groups()
        blank = " " if f"{sep} " in date else ""
        if len(a) == 4:
            form = f"%Y{sep}{blank}%m{sep}{blank}%d" if len(c) <= 2 else None
        elif len(a) > 2 or len(c) not in (2, 4):
            form = None
        elif len(c) == 2 and len(a) + len(b) < 4 and sep != "/":
            form = None  # a version number has parts of one digit
        else:
            order = ("%d", "%m") if dayfirst else ("%m", "%d")
            form = f"{sep}{blank}".join([*order, "%Y" if len(c) == 4 else "%y"])
    elif COMPACT_DATE.fullmatch(date):
        form = "%Y%m%d"
    elif re.fullmatch(r"\d{4}[-/]\d{2}", date):
        form = f"%Y{date[4]}%m"
    elif re.fullmatch(r"\d{1,2}[/.](19|20)\d\d", date):
        form = f"%m{date[-5]}%Y"
    elif NAMED_DATE.fullmatch(date):
        form = re.sub(r"m\d\d", "m%m", date)
        form = re.sub(r"\d{4}$", "%Y", form)
        form = re.sub(r"\d\d$", "%y", form)
        form = re.sub(r"(?<![m%])\d{1,2}", "%d", form)
    elif re.fullmatch(r"\d{4}[ -]m\d\d([ -]\d{1,2})?", date):
        form = re.sub(r"[ -]\d{1,2}$", f"{date[-3] if date[-3] in ' -' else date[-2]}%d", date)
        form = re.sub(r"m\d\d", "m%m", form.replace(date[:4], "%Y", 1))
    else:
        form = None
    if form is None or not clock:
        return form

    def part(match):
        hour = "%I" if match["half"] else "%H"
        out = f"{hour}{match['mark']}%M"
        out += ":%S" if match["second"] else ""
        out += ".%f" if match["fraction"] else ""
        out += match["half"].replace("am", "%p").replace("pm", "%p") if match["half"] else ""
        return out + (match["zone"][: len(match["zone"]) - len(match["zone"].lstrip())] + "%z"
                      if match["zone"] else "")  # fmt: skip

    return form + CLOCK.sub(part, clock)


def parse_dates(texts, formats):
    """Texts as datetime64[us] in UTC or without a zone, NaT where no format fits."""
    moments = np.full(len(texts), "NaT", dtype="datetime64[us]")
    for first in (True, False):
        for form in formats:
            left = np.flatnonzero(np.isnat(moments))
            if not len(left):
                return moments
            tidied = [texts[i] for i in left] if len(left) < len(texts) else texts
            tidied = without_t(tidied) if first else [tidy_date(text) for text in tidied]
            if len(left) <= FEW_VALUES:
                moments[left] = [parse_date(text, form) for text in tidied]
                continue
            zoned = "%z" in form
            found = pd.to_datetime(
                pd.Series(tidied, dtype=object), format=form, errors="coerce", utc=zoned
            )
            found = found.dt.tz_localize(None) if zoned else found
            moments[left] = found.to_numpy().astype("datetime64[us]")
    return moments


def without_t(texts):
    """ISO dates with a blank instead of the T before the time."""
    joined = "\n".join(texts).replace("T", " ").split("\n")  # one call for all of them
    return joined if len(joined) == len(texts) else [text.replace("T", " ") for text in texts]


def parse_date(text, form):
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        found = pd.to_datetime(text, format=form, errors="coerce") if "%f" in form else pd.NaT
        if found is pd.NaT:
            return np.datetime64("NaT")
        moment = found.to_pydatetime(warn=False)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def infer_date(texts, counts, forced, hints):
    """`(reading, remarks, ambiguous)` if the values of a column are dates, else None."""
    step = max(1, len(texts) // MAX_SNIFFED)
    sample = [tidy_date(text) for text in texts[::step] if text]
    best = {}
    for dayfirst in (True, False):
        formats = {}
        for text in sample:
            form = date_format(text, dayfirst)
            if form is not None:
                formats[form] = formats.get(form, 0) + 1
        if sum(formats.values()) < (0 if forced else MIN_PARSED_DATES) * len(sample):
            return None
        formats = sorted(formats, key=formats.get, reverse=True)[:4]
        if not formats:
            return None
        if not dayfirst and formats == best[True][0]:
            best[False] = best[True]
            break
        moments = parse_dates(texts, formats)
        best[dayfirst] = formats, int(counts[~np.isnat(moments)].sum()), moments
    dayfirst, remark = best[True][1] >= best[False][1], []
    if best[True][1] == best[False][1] and not np.array_equal(best[True][2], best[False][2],
                                                              equal_nan=True):  # fmt: skip
        dotted = any("%d.%m" in form for form in best[True][0])
        dayfirst = dotted or hints.get("dayfirst", False)
        order = ("the month", "the day") if dayfirst else ("the day", "the month")
        if not dotted:
            remark = [
                f"the order of day and month is ambiguous, {order[1]} is taken to come first; "
                f"{best[not dayfirst][0][0]!r} is the format of the other order"
            ]
    formats, rows, _ = best[dayfirst]
    if rows < (0 if forced else MIN_PARSED_DATES) * counts.sum() or not rows:
        return None
    zones = ["%z" in form for form in formats]
    if any(zones) and not all(zones):
        return None
    return {"as": "date", "formats": formats, "zone": all(zones)}, remark, bool(remark)


# -------------------------------------------------------------------------- times and booleans


def parse_time(text):
    """A time of the day or a duration in seconds, or None."""
    text = " ".join(text.translate(BLANKS).casefold().split())
    match = SPAN.fullmatch(text)
    if match:
        seconds = parse_time(match[3]) if match[3] else 0.0
        return float(match[1]) * 86_400 + (-seconds if match[2] == "-" else seconds)
    match = TIME.fullmatch(text)
    if match is None:
        return None
    hour = int(match[1])
    if match[4]:
        hour = hour % 12 + (12 if match[4] == "p" else 0)
    return hour * 3600.0 + int(match[2]) * 60.0 + float((match[3] or "0").replace(",", "."))


def parse_boolean(text):
    word = text.strip().casefold()
    return 1.0 if word in TRUE or word == "1" else 0.0 if word in FALSE or word == "0" else None


# ------------------------------------------------------------------------------------- reading


def is_missing(text):
    """Whether a text stands for a missing value in a column of another type than text."""
    return not text[-1:].isdecimal() and text.strip().casefold() in MISSING


def parse(texts, reading):
    """`(values, stray)` of different texts: float64 or datetime64, and where none was found.

    A stray text is neither a value nor one of `MISSING`; its value is NaN or NaT.
    """
    kind = reading["as"]
    if kind == "date":
        values = parse_dates(texts, reading["formats"])
        bad = np.isnat(values)
    else:
        if kind == "number":
            marks = reading["decimal"], reading["thousands"], frozenset(reading["units"])
            found = parse_plain(texts) if marks[0] == "." else None
            if found is not None:
                return found, np.zeros(len(texts), dtype=bool)
            factors = reading.get("factors", {})
            found = [parse_number(text, *marks, factors) for text in texts]
        else:
            found = list(map({"time": parse_time, "boolean": parse_boolean}[kind], texts))
        values = np.array([np.nan if v is None else v for v in found], dtype="float64")
        bad = np.isnan(values)
    stray = np.zeros(len(texts), dtype=bool)
    stray[bad] = [not is_missing(texts[i]) for i in np.flatnonzero(bad)]
    return values, stray


def parse_plain(texts):
    """Numbers as Python writes them, as float64; None if there is anything else among `texts`."""
    if set("".join(texts)) <= set("0123456789+-.eE"):
        try:
            return np.asarray(texts, dtype=object).astype("float64")
        except ValueError:
            pass
    return None


KIND_OF = {"number": "numeric", "time": "duration", "boolean": "boolean", "date": "datetime"}


def read(column, reading):
    """A column as its reading has it.

    Returns:
        `(Column, stray)`: of the kind of the reading, and the positions of rows whose text is
        neither a value nor a missing one. A column that is not text is returned as it is.
    """
    if column.kind == "numeric" and reading.get("as") == "date":  # such as 20210331
        column = texts_of(column)
    if column.kind != "text" or "as" not in reading:
        return without_sentinels(column, reading), ()
    kind = "instant" if reading.get("zone") else KIND_OF[reading["as"]]
    codes, texts = column.factorized
    values, bad = parse(texts, reading)
    gap = np.array(["NaT"], values.dtype) if values.dtype.kind == "M" else [np.nan]
    stray = np.flatnonzero(np.append(bad, False)[codes]) if bad.any() else ()
    values = np.concatenate([values, gap])[codes]
    if kind == "numeric" and column.exact is not None:  # numbers among text, in full
        for i, value in enumerate(column.exact):
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
                values[i] = value
    found = without_sentinels(Column(kind, values), reading)
    return (Column("empty", values) if found.missing.all() else found), stray


def without_sentinels(column, reading):
    """A column whose sentinels, values that stand for a missing one, are missing."""
    sentinels = reading.get("sentinels")
    if not sentinels or column.kind not in ("numeric", "datetime", "instant"):
        return column
    values = column.values
    found = np.isin(values, np.array(sentinels, dtype=values.dtype))
    if not found.any():
        return column
    values = values.copy()
    values[found] = np.array("NaT" if values.dtype.kind == "M" else np.nan, values.dtype)
    return Column(column.kind, values)


def recognize(column, wanted=None, hints=None):
    """Decide what the text of a column stands for.

    Args:
        column: `Column` of kind "text".
        wanted: str or None, what the user says that it is: "number", "date", a format of
            `strptime`, "time" or "boolean". None means to infer it.
        hints: dict or None, what other columns of the table say: "decimal" (the decimal mark) and
            "dayfirst" (bool).

    Returns:
        `(reading, remarks, ambiguous)`: a reading, or None if the values are categories or text;
        clauses for a warning; bool, whether `hints` could change the reading.
    """
    codes, texts = column.factorized
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    present = np.array([not is_missing(text) for text in texts], dtype=bool)
    texts, counts = texts[present], counts[present]
    if wanted and "%" in wanted:
        form = re.sub(r"%[bB]", "m%m", re.sub(r"%[aA],? ?", "", wanted)).replace("T", " ")
        return {"as": "date", "formats": [form], "zone": "%z" in form}, [], False
    if not len(texts):
        return (None if wanted is None else EMPTY[wanted]), [], False
    two = len(texts) <= len(TRUE | FALSE)
    if two and wanted is None:
        words = {text.strip().casefold() for text in texts} - {"0", "1"}
        two = words <= TRUE | FALSE and words & TRUE and words & FALSE
    if wanted == "boolean" or (wanted is None and two):
        remarks = [f"{len(texts)} spellings are two values"] if len(texts) > 2 else []
        return EMPTY["boolean"], remarks, False
    kinds = {"time": infer_time, "number": infer_number, "date": infer_date}
    if all(map(COMPACT_DATE.fullmatch, texts)):
        kinds = {"date": infer_date, **kinds}
    for kind in kinds if wanted is None else [wanted]:
        if found := kinds[kind](texts, counts, wanted is not None, hints or {}):
            return found
    return None, [], False


EMPTY = {
    "number": {"as": "number", "decimal": ".", "thousands": "", "units": [""]},
    "date": {"as": "date", "formats": ["%Y-%m-%d"], "zone": False},
    "time": {"as": "time"},
    "boolean": {"as": "boolean"},
}


def infer_time(texts, counts, forced, hints):
    if not forced and parse_time(texts[0]) is None and parse_time(texts[-1]) is None:
        return None
    good = np.array([parse_time(text) is not None for text in texts])
    few = FEWEST_NUMBERS_PER_STRAY * (~good).sum() > good.sum()
    return None if few and not forced else (EMPTY["time"], [], False)
