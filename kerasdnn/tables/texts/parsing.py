"""Read one text as a number, a date, a time or a boolean, by a reading that `recognition` chose.

The module imports the standard library alone: `export/numpy_format.py` copies its functions into
`predict.py`, so that there is one source of how text is read.
"""

import re
import unicodedata
from datetime import date, datetime, timedelta


def words(text):
    return frozenset(text.split())


# fmt: off
MISSING = words(
    "? ?? ??? - -- --- – — . .. ... * ** / : n/a na n.a. n.a #n/a #na nan -nan null (null) none "
    "nil <na> nat \\n #value! #ref! #div/0! #num! #name? #null! #wert! #bezug! #valeur! #¡valor! "
    "missing unknown n/k nd n.d. k.a. n.v. s/d s.d. s/o tbd tba nodata err error fault fail "
    "offline overflow ovf ovld ovl ovrng overrange underrange leer vide inf -inf +inf infinity "
    "-infinity ####### #### refused skipped unbekannt inconnu desconocido sconosciuto"
) | {"", "#n/a n/a", "k. a.", "keine angabe", "keine antwort", "weiß nicht", "not available",
     "not applicable", "not asked", "not stated", "no data", "no answer", "no response",
     "don't know", "dont know", "do not know", "prefer not to say", "prefer not to answer",
     "bad input", "no sabe", "ns/nc", "non disponible", "no disponible"}
TRUE = words(
    "yes y true t ja j oui o si sí sì s sim tak ano da on wahr vrai verdadero verdadeiro vero waar "
    "kyllä evet да 是 有 はい 예 네 có ✓ ✔ ☑ ✅"
)
FALSE = words(
    "no n false f nein non não nao nie ne nee nej nei off falsch faux falso onwaar ei hayır нет 否 "
    "無 无 いいえ 아니오 아니요 không ✗ ✘ ☐ ❌"
)
CURRENCIES = words(
    "usd eur gbp chf jpy inr sek nok dkk pln czk huf brl cad aud nzd cny rmb krw mxn zar sgd hkd "
    "twd thb idr php myr vnd aed sar ils egp ron bgn rub uah ars clp cop pen us$ r$ a$ c$ ca$ au$ "
    "nz$ hk$ nt$ mx$ s/ s/. rp rp. rm kr kr. kč zł ft lei лв руб руб. rs rs. fr. fr tl din"
)
# fmt: on
MULTIPLES = {
    **dict.fromkeys(words("k tsd tsd. thousand thousands"), 1e3),
    **dict.fromkeys(words("m mn mln mio mio. million millions millionen"), 1e6),
    **dict.fromkeys(words("b bn mrd mrd. mld billion billions milliarden"), 1e9),
    **dict.fromkeys(words("lakh lakhs lac"), 1e5),
    **dict.fromkeys(words("cr crore crores"), 1e7),
}
MONTHS: dict[str, int] = {}
for _names in (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jän feb mrz apr mai jun jul aug sept okt nov dez",
    "jänner feber marts april maj juni juli august september oktober november desember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago sept oct nov dic",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januari februari mrt april mei juni juli augusti september oktober november december",
    "januari februari maret april mei juni juli agustus september oktober november desember",
    "styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad "
    "grudzień",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada "
    "grudnia",
    "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "leden únor březen duben květen červen červenec srpen září říjen listopad prosinec",
    "ledna února března dubna května června července srpna září října listopadu prosince",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "oca şub mar nis may haz tem ağu eyl eki kas ara",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "янв фев мар апр май июн июл авг сен окт ноя дек",
    "янв фев мар апр мая июн июл авг сент окт нояб дек",
    "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "január február március április május június július augusztus szeptember október november "
    "december",
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie "
    "decembrie",
    "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου "
    "οκτωβρίου νοεμβρίου δεκεμβρίου",
    "januar februar marec april maj junij julij avgust september oktober november december",
    "јануар фебруар март април мај јун јул август септембар октобар новембар децембар",
    "jaanuar veebruar märts aprill mai juuni juuli august september oktoober november detsember",
    "janvāris februāris marts aprīlis maijs jūnijs jūlijs augusts septembris oktobris novembris "
    "decembris",
    "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    "ιαν φεβ μαρ απρ μαΐ ιουν ιουλ αυγ σεπ οκτ νοε δεκ",
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta "
    "syyskuuta lokakuuta marraskuuta joulukuuta",
    "януари февруари март април май юни юли август септември октомври ноември декември",
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר",
    "בינואר בפברואר במרץ באפריל במאי ביוני ביולי באוגוסט בספטמבר באוקטובר בנובמבר בדצמבר",
):
    MONTHS |= {name: i for i, name in enumerate(_names.split(), 1)}
MARKED_MONTHS = {  # of Thai and Hindi, whose vowels are marks and no letters
    name: i
    for names in (
        "มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม พฤศจิกายน ธันวาคม",
        "ม.ค. ก.พ. มี.ค. เม.ย. พ.ค. มิ.ย. ก.ค. ส.ค. ก.ย. ต.ค. พ.ย. ธ.ค.",
        "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
        "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितम्बर अक्तूबर नवम्बर दिसम्बर",
    )
    for i, name in enumerate(unicodedata.normalize("NFC", names).split(), 1)
}

# Of the scripts that write numbers with digits of their own: Arabic, Persian, ..., Thai, Khmer.
ZEROS = (
    0x660,
    0x6F0,
    0x966,
    0x9E6,
    0xA66,
    0xAE6,
    0xBE6,
    0xC66,
    0xCE6,
    0xD66,
    0xE50,
    0x1040,
    0x17E0,
)
# fmt: off
BLANKS = str.maketrans({
    **dict.fromkeys("\xa0\u2002\u2003\u2007\u2008\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200e\u200f\u2060\ufeff", ""),
    **dict.fromkeys("−–‒", "-"), **dict.fromkeys("’‘´`′٬", "'"), "″": '"', "”": '"', "٫": ".",
    "٪": "%", "℃": "°C", "℉": "°F", "￥": "¥", "￦": "₩", "。": ".",
    **{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)},  # as wide as an ideograph
    **{chr(zero + i): str(i) for zero in ZEROS for i in range(10)},
})
# fmt: on
NUMBER = re.compile(
    r"(?P<bound>[<>≤≥~≈]=?)? ?(?P<sign>[+-]?) ?(?P<open>\(?) ?"
    r"(?P<mark>[▲△▼▽]?) ?"
    r"(?P<before>(?:(?!\.)[^\W\d_]{0,3}[^\w\s.,()+<>'-]?\.?)?) ?"
    r"(?P<open_too>\(?)(?P<sign_too>[+-]?) ?"
    r"(?P<inner>[^\w\s.,()+<>'-]?) ?(?P<digits>\d(?:[\d., ']*\d)?|[.,]\d+)"
    r"(?:(?:e|d(?=[+-])| ?[x×*] ?10\^)(?P<power>[+-]?\d+))?(?P<plus>\+?) ?"
    r"(?P<after>(?:/|(?:out )?of|von|sur) ?\d{1,3}(?!\d)[^\d()+]{0,14}|"
    r"(?:[^\W\d_]|[%‰°/$£€¥µ²³\"])[^\d()+]{0,14}[23]?)?"
    r"(?P<minus>-?)\)?",
    re.IGNORECASE,
)
WRAPPING = re.compile(r"=?(?P<quote>[\"'])(?P<text>.*?)(?P=quote)?")
NOTE = re.compile(r" ?(\*{1,3}|[†‡]|\[\w{1,3}\]|\([a-z]{1,4}\.?\))$", re.IGNORECASE)
HEXADECIMAL = re.compile(r"0x[0-9a-f]{1,16}", re.IGNORECASE)
ANGLE = re.compile(
    r"(\d{1,3}) ?[°º] ?([0-5]?\d) ?'(?: ?([0-5]?\d(?:[.,]\d+)?) ?(?:\"|''))?(?: ?([NSEWO]))?",
    re.IGNORECASE,
)
FRACTION = re.compile(
    r"(?<![\d.,/])(?:(\d{1,3})(?: |-|(?=[¼-¾⅐-⅞])))?"
    r"(?:(?<=[ -])(\d{1,2})/(2|3|4|5|6|8|10|12|16|32|64)(?![\d/])|([¼-¾⅐-⅞]))"
)
MYRIADS = re.compile(
    r"(?<![\d.,])(?=\d[\d,.]* ?(?:[千천]?[兆조億亿억万萬만]|[千천](?=[円元원\d]|$)))"
    r"(?:(\d[\d,.]*) ?[兆조])? ?(?:(\d[\d,.]*) ?[億亿억])? ?"
    r"(?:(\d[\d,.]*) ?([千천])?[万萬만])? ?(?:(\d[\d,.]*) ?[千천])? ?(\d[\d,]*)?"
)
TOLERANCE = re.compile(r" ?(?:±|\+/-) ?\d[\d.,]*")
DASH_OF_PRICE = re.compile(r"(?<=\d)[.,:](?:--?|—|=)(?!\d)|(?<=\d)/-")
DASH_FOR_ZERO = re.compile(r"([^\w\s.,()+<>'-]) ?-")
ABOUT = re.compile(r"(?:ca|circa|c|approx|about|around|etwa|env|environ)\b\.? ?", re.IGNORECASE)
LIMIT = re.compile(
    r"(?P<most>less than|under|below|up to|at most|max|unter|bis)\b\.? ?|"
    r"(?:more than|over|above|at least|min|über|ab)\b\.? ?",
    re.IGNORECASE,
)
FEET = re.compile(
    r"(\d\d?) ?(?:'|ft|feet)\.? ?(\d{1,2}(?:\.\d+)?) ?(?:\"|''|in|inches)?\.?", re.IGNORECASE
)
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
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
    """`(bound, unit, sign, digits, power)` of a text, or None if it is not a number."""
    text = " ".join(text.translate(BLANKS).split())
    if not text.isascii() or "/" in text:
        text = MYRIADS.sub(myriads, FRACTION.sub(fraction, text, count=1), count=1)
    return parts_of_number(text) or parts_of_number(bare_number(text))


def fraction(match):
    """1 1/2 and 1½ as 1.5."""
    whole, above, below, sign = match.groups()
    part = unicodedata.numeric(sign) if sign else int(above) / int(below)
    return f"{int(whole or 0) + part:.6f}".rstrip("0").rstrip(".")


def myriads(match):
    """Ten thousands and their powers in East Asia as a number: 1億2345万 is 123450000."""
    parts = [float((part or "0").replace(",", "")) for part in match.group(1, 2, 3, 5, 6)]
    parts[2] *= 1e3 if match[4] else 1
    total = sum(p * f for p, f in zip(parts, (1e12, 1e8, 1e4, 1e3, 1), strict=True))
    return f"{total:.15g}" if total < 1e15 else f"{total:.0f}"


def parts_of_number(text):
    match = NUMBER.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict("")
    signs = part["sign"] + part["sign_too"]
    if len(signs) > 1 or (signs == "+" and " " in part["digits"]):
        return None  # a phone number
    minus = "-" if part["open"] or part["open_too"] or "-" in (signs, part["minus"]) else ""
    before, after = (part["before"] + part["inner"]).casefold(), part["after"].strip().casefold()
    if (before and not is_currency(before) and before != "%") or FEET.fullmatch(text):
        return None
    unit = part["mark"] + (before + after if after in MULTIPLES else before or after)
    return part["bound"] + part["plus"], unit, minus, part["digits"], part["power"]


def bare_number(text):
    """A text without what may stand around a number: quotes, notes, tolerances, words of limits."""
    if wrapping := WRAPPING.fullmatch(text):
        text = wrapping["text"].strip()
    if HEXADECIMAL.fullmatch(text):
        return str(int(text, 16))
    if angle := ANGLE.fullmatch(text):
        degrees, minutes, seconds, hemisphere = angle.groups("")
        degrees = int(degrees) + int(minutes) / 60 + float(seconds.replace(",", ".") or 0) / 3600
        return f"{degrees:.10f}°{hemisphere}"
    if feet := FEET.fullmatch(text):
        inches = float(feet[2])
        return f'{12 * int(feet[1]) + inches:g}"' if inches < 12 else text
    if DASH_FOR_ZERO.fullmatch(text):  # of accounting formats
        return text.replace("-", "0")
    text = DASH_OF_PRICE.sub("", TOLERANCE.sub("", NOTE.sub("", text)))
    text = ABOUT.sub("~", text, count=1) if ABOUT.match(text) else text
    if limit := LIMIT.match(text):
        text = ("<" if limit["most"] else ">") + text[limit.end() :]
    return text


def is_currency(text):
    return text in CURRENCIES or (len(text) == 1 and unicodedata.category(text) == "Sc")


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


# --------------------------------------------------------------------------------------- dates

WORD = re.compile(r"[^\W\d_]+\.?")
IDEOGRAPHIC = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월](?: ?(\d{1,2}) ?[日일])?")
IDEOGRAPHIC_TIME = re.compile(r"(\d{1,2}) ?[時时点點시] ?(\d{1,2}) ?[分분](?: ?(\d{1,2}) ?[秒초])?")
IDEOGRAPHIC_HALF = re.compile(r"(午前|午後|上午|下午|오전|오후) ?(\d{1,2})((?::\d\d){1,2})")
WEEK = re.compile(
    r"(?P<year>\d{4})[-/ ]?(?:w|kw|cw|wk|week) ?(?P<week>\d\d?)(?:-?(?P<day>[1-7]))?|"
    r"(?:w|kw|cw|wk|week)\.? ?(?P<week_too>\d\d?)[-/., ]+(?P<year_too>\d{4})"
)
QUARTER = re.compile(
    r"(?P<year>\d{4})[-/ ]?q(?P<quarter>[1-4])|"
    r"(?:q(?P<a>[1-4])|(?P<b>[1-4])q)[-/ ']*(?P<year_too>(?:\d\d)?\d\d)"
)
STAMP = re.compile(
    r"((?:19|20)\d\d)([01]\d)([0-3]\d)[t ]?([0-2]\d)([0-5]\d)([0-5]\d)?(\.\d+)?"
    r"( ?(?:z|[+-]\d\d:?\d\d))?"
)
ZERO_DATE = re.compile(r"0{1,4}([-/.])0{1,2}\1 ?0{1,4}(?:[ T]0?0:00(?::00(?:\.0+)?)?)?")
WEEKDAY = re.compile(r"^[^\W\d_]{2,12}\.?,? (?=\d|m\d\d)")
# "mar" is a month and, in French, Italian and Spanish, a Tuesday.
TUESDAY = re.compile(r"^m03\.?,? (?=\d{1,2}(?:[./-]\d|\.? (?:de )?m\d\d))")
ZONES = {
    "utc": "z", "gmt": "z", "z": "z", "wet": "+0000", "west": "+0100", "bst": "+0100",
    "cet": "+0100", "mez": "+0100", "cest": "+0200", "mesz": "+0200", "eet": "+0200",
    "eest": "+0300", "msk": "+0300", "ist": "+0530", "jst": "+0900", "kst": "+0900",
    "aest": "+1000", "aedt": "+1100", "ast": "-0400", "edt": "-0400", "est": "-0500",
    "cdt": "-0500", "cst": "-0600", "mdt": "-0600", "mst": "-0700", "pdt": "-0700", "pst": "-0800",
}  # fmt: skip
ZONE = re.compile(rf"(?<=\d)( ?)({'|'.join(ZONES)})(?= \d{{4}}$|$)")
YEAR_LAST = re.compile(r"(m\d\d \d{1,2}) (\d{1,2}:\d\d(?::\d\d)?(?: ?(?:z|[+-]\d{4}))?) (\d{4})")
CLOCK_OF_POINTS = re.compile(r"(?<= )(\d\d?)\.(\d\d)\.(\d\d)(?=(?:\.\d+)?(?: ?[ap]m)?$)")


WEEKDAY_IN_PARENTHESES = re.compile(r" ?\([月火水木金土日월화수목금토일]\)")
ERA = re.compile(r"(令和|平成|昭和|大正|民國|民国) ?(\d{1,3}|元) ?年")
ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "民國": 1911, "民国": 1911}
MARKED_MONTH = re.compile("|".join(re.escape(name) for name in MARKED_MONTHS))
THAI_YEAR = re.compile(r"(?<!\d)2[45]\d\d(?!\d)")


def common_era(text):
    """A date whose year is one of the Buddhist calendar of Thailand, 543 years ahead."""
    text = text.translate(BLANKS)
    return THAI_YEAR.sub(lambda match: str(int(match[0]) - 543), text, count=1)


def foreign_date(text):
    """A date in letters outside ASCII with the digits, the years and the months of others."""
    text = unicodedata.normalize("NFC", text)  # of Greek, whose accents `casefold` splits off
    text = WEEKDAY_IN_PARENTHESES.sub("", text)
    text = ERA.sub(lambda m: f"{ERAS[m[1]] + (1 if m[2] == '元' else int(m[2]))}年", text, count=1)
    text = text.replace("พ.ศ.", " ")
    text = MARKED_MONTH.sub(lambda m: f" m{MARKED_MONTHS[m[0]]:02d} ", text, count=1)
    text = re.sub(r"(?:ngày |, )?(\d{1,2}) tháng (\d{1,2})(?: năm |, ?)(\d{4})",
                  lambda m: f"{m[1]} m{int(m[2]):02d} {m[3]}", text)  # fmt: skip
    return " ".join(text.split())


def tidy_date(text):
    """A date as written, in one spelling: month names as m01 to m12, no weekday, no ordinals.

    A week such as 2021-W07 is its Monday, a quarter such as Q3 2021 its first day.
    """
    text = " ".join(text.translate(BLANKS).casefold().split()).strip("'\"")
    if not text:
        return text
    text = text if text.isascii() else foreign_date(text)
    if week := WEEK.fullmatch(text):
        year, number = (week[name] or week[f"{name}_too"] for name in ("year", "week"))
        try:
            return date.fromisocalendar(int(year), int(number), int(week["day"] or 1)).isoformat()
        except ValueError:  # not every year has a week 53
            return text
    if quarter := QUARTER.fullmatch(text):
        year = quarter["year"] or quarter["year_too"].rjust(4, "?").replace("??", "20")
        number = int(quarter["quarter"] or quarter["a"] or quarter["b"])
        return f"{year}-{3 * number - 2:02d}-01"
    if stamp := STAMP.fullmatch(text):
        year, month, day, hour, minute, second, fraction, zone = stamp.groups("")
        clock = f"{hour}:{minute}" + (f":{second}{fraction}" if second else "")
        text = f"{year}-{month}-{day} {clock}{zone}"
    text = IDEOGRAPHIC.sub(
        lambda m: "-".join(f"{int(part):02d}" for part in m.groups() if part), text
    )
    text = IDEOGRAPHIC_TIME.sub(
        lambda m: ":".join(f"{int(part):02d}" for part in m.groups() if part), text
    )
    text = IDEOGRAPHIC_HALF.sub(half_of_day, text)
    text = re.sub(r"(?<=\d)\. (?=\d\d?:\d\d)", " ", text)
    text = re.sub(r"^(\d{4}-\d\d-\d\d)(?:z|[+-]\d\d:\d\d)$", r"\1", text)  # of XML
    text = re.sub(r"(?<=\S) ?(\[[^\]]*\]|\([^)]*\))$", "", text).strip("[]")  # of a zone, or a log
    text = re.sub(r"(?<=\d)\.$", "", text)

    def month(match):
        number = MONTHS.get(match[0].rstrip("."))
        return match[0] if number is None else f"m{number:02d}"

    text = WORD.sub(month, text) if not text[0].isdecimal() or WORD.search(text) else text
    text = WEEKDAY.sub("", TUESDAY.sub("", text))
    text = re.sub(r"(?<=\d)(st|nd|rd|th|º|er)\b|(?<=\d) ?(г|года)(?=\.|,| |$)\.?", "", text)
    text = re.sub(r"\b(de|del|of|at|um|à|uhr|h|kl|klo)\b\.?", " ", text)
    text = text.replace("a.m.", "am").replace("p.m.", "pm").replace("a. m.", "am")
    text = re.sub(r"\b(?:utc|gmt)(?=[+-]\d)", "", text.replace("p. m.", "pm"))
    text = ZONE.sub(lambda match: match[1] + ZONES[match[2]], text)
    text = re.sub(r"(?<=\d)t(?=\d)| - (?=\d\d?[:.h]\d\d)", " ", text)
    text = re.sub(r"(?<=\d{4}):(?=\d\d:\d\d)", " ", text)  # of web servers
    text = re.sub(r"(?<=:\d\d),(?=\d)", ".", CLOCK_OF_POINTS.sub(r"\1:\2:\3", text))
    text = YEAR_LAST.sub(r"\1 \3 \2", " ".join(text.split()))
    if ":" in text:  # the forms of a zone that `strptime` knows
        text = re.sub(r"z$", "Z", re.sub(r"(:\d\d(?:\.\d+)? ?[+-]\d\d)$", r"\g<1>00", text))
    return text


def half_of_day(match):
    """오전 9:30 as 9:30 am."""
    half = "am" if match[1] in "午前上午오전" else "pm"
    return f"{int(match[2]) or 12}{match[3]} {half}"


SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?")


def parse_serial(text):
    """The day number of a spreadsheet, such as 43831 or 43831.5, as a `datetime`, or None."""
    if not SERIAL.fullmatch(text.strip()):
        return None
    return datetime(1899, 12, 30) + timedelta(seconds=round(86_400 * float(text)))


# -------------------------------------------------------------------------- times and booleans

TIME = re.compile(r"(\d{1,3})[:h]([0-5]\d)(?::([0-5]\d(?:[.,]\d+)?))? ?([ap])?\.?(?:m\.?)?")
LAP = re.compile(r"(\d{1,3}):([0-5]\d[.,]\d+)")  # minutes and seconds
CLOCK_OF_DIGITS = re.compile(r"([01]\d|2[0-3])([0-5]\d)")  # 0517
SPAN = re.compile(r"(-?\d+) days?,? ?(?:([+-]?)(\d{1,2}:\d{2}:\d{2}(?:\.\d+)?))?")
PARTS_OF_TIME = re.compile(
    r"(?:p(?=\d|t\d))?(?:(\d+(?:[.,]\d+)?) ?(?:d|days?|tage?)\b,? ?|(\d+)d(?=t?\d))?t?"
    r"(?:(\d+(?:[.,]\d+)?) ?(?:h|hr|hrs|hours?|std|stunden?)\.?,? ?(?:and |und )?)?"
    r"(?:(\d+(?:[.,]\d+)?) ?(?:m|min|mins|minutes?|minuten?)\.?,? ?(?:and |und )?)?"
    r"(?:(\d+(?:[.,]\d+)?) ?(?:s|sec|secs|sek|seconds?|sekunden?)\.?)?"
)


def parse_time(text):
    """A time of the day or a duration in seconds, or None."""
    text = " ".join(text.translate(BLANKS).casefold().split())
    if not text.isascii():
        text = IDEOGRAPHIC_TIME.sub(
            lambda m: ":".join(f"{int(part):02d}" for part in m.groups() if part), text
        )
        text = IDEOGRAPHIC_HALF.sub(half_of_day, text)
        for letter, names in (
            ("h", "時間|小時|小时|시간"),
            ("m", "分鐘|分钟|分|분"),
            ("s", "秒|초"),
        ):
            text = re.sub(rf"(?<=\d) ?(?:{names}) ?", f"{letter} ", text).strip()
    if lap := LAP.fullmatch(text):
        return int(lap[1]) * 60.0 + float(lap[2].replace(",", "."))
    match = SPAN.fullmatch(text)
    if match:
        seconds = parse_time(match[3]) if match[3] else 0.0
        return float(match[1]) * 86_400 + (-seconds if match[2] == "-" else seconds)
    if match := CLOCK_OF_DIGITS.fullmatch(text):
        return int(match[1]) * 3600.0 + int(match[2]) * 60.0
    match = TIME.fullmatch(text)
    if match is None:
        return parse_parts_of_time(text)
    hour = int(match[1])
    if match[4]:
        hour = hour % 12 + (12 if match[4] == "p" else 0)
    return hour * 3600.0 + int(match[2]) * 60.0 + float((match[3] or "0").replace(",", "."))


def parse_parts_of_time(text):
    """A duration such as 2h 5m, 1 d 4 h or PT2H5M in seconds, or None."""
    match = PARTS_OF_TIME.fullmatch(text) if text[-1:].isalpha() or text[-1:] == "." else None
    if match is None or not any(match.groups()):
        return None
    days, compact_days, *rest = (float((part or "0").replace(",", ".")) for part in match.groups())
    hours, minutes, seconds = rest
    return (days + compact_days) * 86_400 + hours * 3600 + minutes * 60 + seconds


def parse_boolean(text):
    word = text.strip().casefold()
    return 1.0 if word in TRUE or word == "1" else 0.0 if word in FALSE or word == "0" else None


# -------------------------------------------------------------------------------------- missing


def is_missing(text):
    """Whether a text stands for a missing value in a column of another type than text."""
    if text[-1:].isdecimal():
        return text[-1] == "0" and ZERO_DATE.fullmatch(text) is not None
    return text.translate(BLANKS).strip().casefold() in MISSING or text.strip() in MISSING
