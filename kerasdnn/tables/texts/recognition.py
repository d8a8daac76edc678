"""Recognize what the text of a column stands for: numbers, dates, times or booleans.

`recognize` decides once, from all values of a column. The decision is a *reading*, a dict of plain
JSON that `reading.read` applies to every later table, value by value, so that a single row is read
like the same row in its table:

    {"as": "number", "decimal": ",", "thousands": ".", "units": ["", "kg"]}
    {"as": "date", "formats": ["%d.%m.%Y"], "zone": False}
    {"as": "time"}       seconds, of "14:30", "2:30 pm", "36:15:00", "1 days 02:00:00" or "2h 5m"
    {"as": "boolean"}    of words such as yes and no, ja and nein

The rules are conservative: text becomes a number only if every value but a few strays is one.
Codes stay categories: leading zeros, nine digits or more of equal length, letters before the
digits. A unit is ignored, so that 12% is read as 12. Multiples such as k and mio. count, so that
1.5k is 1500, and so do several units of one quantity and words for a sign, such as debit; a reading
holds them as "factors": {"k": 1000.0}. With "serials", a date may be the day number of a
spreadsheet.
"""

import re

import numpy as np

from .parsing import (
    BLANKS,
    CURRENCIES,
    FALSE,
    FRACTION,
    MARKS,
    MULTIPLES,
    SHAPES,
    THAI_YEAR,
    TRUE,
    common_era,
    is_currency,
    is_missing,
    parse_serial,
    parse_time,
    parts_of_number,
    split_number,
    tidy_date,
)
from .reading import parse_dates, parse_plain

FEWEST_NUMBERS_PER_STRAY = 5  # different values, and rows
MAX_COMMON_STRAYS = 3  # different strays that may be as many rows as the values
MIN_PARSED_DATES = 0.9  # fraction of the values
MIN_PARTS_OF_TIME = 0.1  # fraction of durations with several parts, such as 2h 5m
MIN_COMPACT = 20  # different digits such as 210331 or 0517 that are all valid days or times
MAX_SNIFFED = 300  # values from which a date format is guessed
CODE_DIGITS = 9  # as many digits in every value: a phone number, not a quantity
GROUPED = re.compile(r"\d{1,3}(\.\d{3})+")
DAYS = {"second": 1 / 86_400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0,
        "month": 365.25 / 12, "year": 365.25}  # fmt: skip
NAMES_OF_TIME = {
    "second": "s sec secs sek second seconds", "minute": "min mins minute minutes minuten",
    "hour": "h hr hrs hour hours std stunde stunden", "day": "d day days tag tage",
    "week": "w wk wks week weeks woche wochen", "month": "mo mos month months monat monate",
    "year": "y yr yrs year years jahr jahre",
}  # fmt: skip
QUANTITIES = (  # units of one quantity: what each multiplies by
    {name: DAYS[unit] for unit, names in NAMES_OF_TIME.items() for name in names.split()}
    | {"ms": 1e-3 / 86_400, "msec": 1e-3 / 86_400, "µs": 1e-6 / 86_400},
    {"µg": 1e-9, "mg": 1e-6, "g": 1e-3, "gr": 1e-3, "kg": 1.0, "t": 1e3, "oz": 0.028349523125,
     "lb": 0.45359237, "lbs": 0.45359237},
    {"µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 0.1, "m": 1.0, "km": 1e3, "in": 0.0254,
     "inch": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344, "miles": 1609.344},
    {"ml": 1e-3, "cl": 1e-2, "dl": 0.1, "l": 1.0, "hl": 100.0},
    {"b": 1.0, "byte": 1.0, "bytes": 1.0, "kb": 2.0**10, "kib": 2.0**10, "mb": 2.0**20,
     "mib": 2.0**20, "gb": 2.0**30, "gib": 2.0**30, "tb": 2.0**40, "tib": 2.0**40},
    {"mv": 1e-3, "v": 1.0, "kv": 1e3},
    {"ma": 1e-3, "a": 1.0},
    {"pa": 1.0, "hpa": 1e2, "mbar": 1e2, "kpa": 1e3, "bar": 1e5, "psi": 6894.757293168},
    {"mmhg": 1.0, "kpa": 7.500615758},
    {"mg/l": 1.0, "µg/l": 1e-3, "ng/l": 1e-6, "g/l": 1e3},
    {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600, "kt": 1852 / 3600},
    {"%": 1.0, "‰": 0.1, "bp": 0.01, "bps": 0.01},
    {"ppm": 1.0, "ppb": 1e-3},
    {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    {"w": 1.0, "kw": 1e3, "gw": 1e9},
    {"wh": 1.0, "kwh": 1e3, "gwh": 1e9},
)  # fmt: skip
DENOMINATORS = {"": 1.0, **{f"/{n}": 1 / n for n in (2, 3, 4, 5, 6, 8, 10, 12, 16, 32, 64)}}
SIGNS = (  # words for plus and minus: credit and debit, points of the compass
    ("cr", "dr"), ("c", "d"), ("credit", "debit"), ("haben", "soll"), ("h", "s"), ("n", "s"),
    ("e", "w"),
)  # fmt: skip


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
    kinds = [*KINDS] if wanted is None else [wanted]
    short = len(texts) >= MIN_COMPACT and all(map(SHORT_DATE.fullmatch, texts))
    if wanted is None and (short or all(map(COMPACT_DATE.fullmatch, texts))):
        kinds.insert(0, "date")
    for kind in kinds:
        if found := KINDS[kind](texts, counts, wanted is not None, hints or {}):
            return found
    return None, [], False


EMPTY = {
    "number": {"as": "number", "decimal": ".", "thousands": "", "units": [""]},
    "date": {"as": "date", "formats": ["%Y-%m-%d"], "zone": False},
    "time": {"as": "time"},
    "boolean": {"as": "boolean"},
}


def are_few(strays, stray_rows, values, rows):
    """Whether values that cannot be read are few enough next to `values` in `rows` that can."""
    limit = FEWEST_NUMBERS_PER_STRAY
    common = strays <= MAX_COMMON_STRAYS and values >= limit * limit  # answers such as "refused"
    return limit * strays <= values and (1 if common else limit) * stray_rows <= rows


# ------------------------------------------------------------------------------------- numbers


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
    factors = factors_of(texts, [p for p, _ in good])
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
    if not sum(fits) or not (forced or are_few(strays, stray_rows, sum(fits), rows)):
        return None
    remarks = []
    if shown := [f"{unit!r} multiplies by {f:,.10g}" for unit, f in factors.items() if f != 1]:
        remarks.append(" and ".join(shown))
    if ignored := [unit for unit in units if unit and unit not in factors]:
        remarks.append(f"the unit {' or '.join(map(repr, ignored))} is ignored")
    if marks != (".", ""):
        names = f"{marks[0]!r} is the decimal mark"
        remarks.append(names + (f", {marks[1]!r} separates thousands" if marks[1] else ""))
    if ambiguous:
        remarks.append(f"{ambiguous!r} could also mean the other mark")
    if wrapped := [text for text in sample if split_number(text) and not parts_of_number(text)]:
        remarks.append(f"only the number in {wrapped[0]!r} and the like is read")
    if any(p[0] for p, _ in good):
        remarks.append("limits such as < and > are read as the number")
    reading = {"as": "number", "decimal": marks[0], "thousands": marks[1], "units": units}
    if factors:
        reading["factors"] = factors
    return reading, remarks, bool(ambiguous)


def factors_of(texts, parts):
    """What each unit of a column multiplies by, {} if its units are to be ignored.

    A lone m or b is a multiple when written as in 1.5M; else it is a meter or a house number.

    Args:
        texts: the values of the column; parts: of those that are numbers, as by `split_number`.
    """
    if signs := signs_of(parts):
        return signs
    units = {part[1] for part in parts}
    below = {unit[1:] for unit in units if unit}
    if units <= DENOMINATORS.keys() and (
        len(below) > 1 or (below and any(map(FRACTION.search, texts)))
    ):
        return {unit: DENOMINATORS[unit] for unit in units}
    factors = {unit: factor for unit in units if (factor := factor_of(unit))}
    clear = any(unit not in ("m", "b") for unit in factors)
    if clear or any(re.search(r"\d[.,]\d+[MB]$", text) for text in texts):
        others = {unit for unit in units if unit and unit not in factors}
        if factors and all(is_currency(unit) for unit in others):
            return factors
    for quantity in QUANTITIES:
        if units <= quantity.keys() and len({quantity[unit] for unit in units}) > 1:
            return {unit: quantity[unit] for unit in units}
    return {}


def signs_of(parts):
    """1 and -1 for words of `SIGNS`; single letters need a fraction or a sign of degrees."""
    names = {part[1]: part[1].strip("°'\". ") for part in parts}
    marks = {unit[0] for unit in names if unit[:1] in tuple("▲△▼▽")}
    if marks:  # triangles up and down; up alone marks a negative amount in Japanese accounts
        negative = {"▼", "▽"} if marks & {"▼", "▽"} else marks
        others = {unit[unit[:1] in marks :] for unit in names}
        if len(others - {""}) <= 1:
            return {unit: -1.0 if unit[:1] in tuple(negative) else 1.0 for unit in names}
    for pair in SIGNS:
        if set(names.values()) == set(pair) and (
            len(pair[0]) > 1 or all(re.search("[.,]", p[3]) or "°" in p[1] for p in parts)
        ):
            return {unit: 1.0 if name == pair[0] else -1.0 for unit, name in names.items()}
    return {}


def factor_of(unit):
    """What a unit such as k, mio. eur or $m multiplies by, or None."""
    words = "".join(" " if is_currency(c) else c for c in unit).split()
    words = [word for word in words if word not in CURRENCIES]
    return MULTIPLES.get(words[0]) if len(words) == 1 else None


def common_units(found):
    """The units of a column, "" included: one unit and its plural, of most values."""
    rows = {}
    for (_, unit, *_), count in found:
        rows[unit] = rows.get(unit, 0) + count
    named = {unit: count for unit, count in rows.items() if unit}
    if not named:
        return [""]
    main = max(named, key=named.get)
    kin = [
        u
        for u in named
        if u == main
        or (
            u.isalpha()
            and main.isalpha()
            and (u.startswith(main) or main.startswith(u))
            and abs(len(u) - len(main)) <= 2
        )
    ]
    total, of_kin = sum(rows.values()), sum(named[unit] for unit in kin)
    symbols = is_currency(main) or main in "%‰°"
    if not symbols and 2 * of_kin < total:
        return [""]
    return ["", *sorted(kin)]


def are_codes(digits):
    """Whether digits stand for codes: leading zeros, or many digits of equal length."""
    if any(d[0] == "0" and d[1:2].isdecimal() for d in digits):
        return True
    digits = [re.sub(r"^\+|[ ']", "", d) for d in digits]
    length = len(digits[0])
    return (
        length >= CODE_DIGITS
        and len(digits) > 1
        and all(len(d) == length and d.isdecimal() for d in digits)
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
SHORT_DATE = re.compile(r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?P<mark>[:.h])(?P<minute>\d{2})(?P<second>:\d{2})?"
    r"(?P<fraction>\.\d{1,9})?(?P<half> ?[ap]m)?(?P<zone> ?(?:Z|[+-]\d{2}(?::?\d{2})?))?"
)


def date_format(text, dayfirst):
    """The format of a tidied date for `strptime`, or None if it does not look like one.

    Args:
        text: such as 03/05/2019.
        dayfirst: bool, whether the day comes before the month. None: after a year of two digits.
    """
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
            order = (*order, "%Y" if len(c) == 4 else "%y")
            order = ("%y", "%m", "%d") if dayfirst is None and order[-1] == "%y" else order
            form = f"{sep}{blank}".join(order)
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
    elif pieces := re.fullmatch(r"\d{4}([-. ]*)m\d\d(?:([-. ]+)\d{1,2})?", date):
        form = f"%Y{pieces[1]}m%m" + (f"{pieces[2]}%d" if pieces[2] else "")
    elif SHORT_DATE.fullmatch(date):
        form = "%y%m%d"
    elif re.fullmatch(r"\d{4}-\d{3}", date):
        form = "%Y-%j"
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


def infer_date(texts, counts, forced, hints):
    """`(reading, remarks, ambiguous)` if the values of a column are dates, else None."""
    step = max(1, len(texts) // MAX_SNIFFED)
    if all(THAI_YEAR.search(text.translate(BLANKS)) for text in texts):
        years = list(texts), [common_era(text) for text in texts]
        if found := infer_date(np.array(years[1], dtype=object), counts, forced, hints):
            remark = (
                f"the year in {years[0][0]!r} is of the Buddhist calendar, {years[1][0]!r} here"
            )
            return {**found[0], "era": "buddhist"}, [*found[1], remark], found[2]
    sample = [tidy_date(text) for text in texts[::step] if text]
    serials = sum(parse_serial(text) is not None for text in sample)
    serials, best = 0 if 2 * serials > len(sample) else serials, {}
    for dayfirst in (True, False, None):
        formats = {}
        for text in sample:
            form = date_format(text, dayfirst)
            if form is not None:
                formats[form] = formats.get(form, 0) + 1
        found = sum(formats.values()) + serials
        if found < (0 if forced else MIN_PARSED_DATES) * len(sample):
            return None
        formats = sorted(formats, key=formats.get, reverse=True)[:4]
        if not formats:
            return None
        if not dayfirst and formats == best[True][0]:
            best[False] = best[None] = best[True]
            break
        if dayfirst is None and not formats[0].startswith("%y"):
            best[None] = best[False]
            break
        moments = parse_dates(texts, formats)
        best[dayfirst] = formats, int(counts[~np.isnat(moments)].sum()), moments
    dayfirst, remark = best[True][1] >= best[False][1], []
    if starts_with_year(best):
        dayfirst = None
        remark = [f"{texts[0]!r} begins with the year, because few years are more likely than many"]
    elif best[True][1] == best[False][1] and not np.array_equal(best[True][2], best[False][2],
                                                              equal_nan=True):  # fmt: skip
        dotted = any("%d.%m" in form for form in best[True][0])
        dayfirst = dotted or hints.get("dayfirst", False)
        order = ("the month", "the day") if dayfirst else ("the day", "the month")
        if not dotted:
            remark = [
                f"the order of day and month is ambiguous, {order[1]} is taken to come first; "
                f"{best[not dayfirst][0][0]!r} is the format of the other order"
            ]
    formats, _, moments = best[dayfirst]
    ambiguous, reading = bool(remark), {"as": "date", "formats": formats}
    good = ~np.isnat(moments)
    if serials:
        numbers = ~good & [parse_serial(text) is not None for text in texts]
        good |= numbers
        reading["serials"] = True
        shown = repr(texts[numbers.argmax()])
        remark.append(f"numbers such as {shown} are days as spreadsheets count them")
    rows, total = int(counts[good].sum()), int(counts.sum())
    few = are_few(int((~good).sum()), total - rows, int(good.sum()), rows)
    if not rows or not (forced or rows >= MIN_PARSED_DATES * total or few):
        return None
    zones = ["%z" in form for form in formats]
    if any(zones) and not all(zones):
        remark.append("times without a time zone are taken as UTC, because others have one")
    return {**reading, "zone": any(zones)}, remark, ambiguous


def starts_with_year(best):
    """Whether dates such as 19.03.05 begin with the year: more of them fit, or far fewer years."""
    (_, fits, moments), others = best[None], max(best[True], best[False], key=lambda b: b[1])
    if fits != others[1] or moments is others[2]:
        return fits > others[1]
    years = [len(np.unique(m[~np.isnat(m)].astype("datetime64[Y]"))) for m in (moments, others[2])]
    return 2 * years[0] < years[1]


# --------------------------------------------------------------------------------------- times


def infer_time(texts, counts, forced, hints):
    if not forced and parse_time(texts[0]) is None and parse_time(texts[-1]) is None:
        return None
    good = [text for text in texts if parse_time(text) is not None]
    digits = [text for text in texts if text.isdecimal()]
    if (
        digits
        and not forced
        and not (
            len(digits) >= MIN_COMPACT
            and len(good) == len(texts)
            and any(d[0] == "0" for d in digits)
        )
    ):
        return None  # years
    single = sum(bool(re.fullmatch(r"[\d.,]+ ?[^\W\d_]+\.?", text)) for text in good)
    few = FEWEST_NUMBERS_PER_STRAY * (len(texts) - len(good)) > len(good)
    if not forced and (few or len(good) - single < MIN_PARTS_OF_TIME * len(good)):
        return None
    return EMPTY["time"], [], False


KINDS = {"time": infer_time, "number": infer_number, "date": infer_date}
