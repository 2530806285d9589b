"""Numbers, times and dates as one says them in English, and numbers back from words."""

from datetime import datetime

# fmt: off
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
# fmt: on
_VALUES = {word: value for value, word in enumerate(_UNITS)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}


def number_in_words(number: int) -> str:
    """0 to 999."""
    if number >= 100:
        hundreds = f"{_UNITS[number // 100]} hundred"
        return hundreds if number % 100 == 0 else f"{hundreds} and {number_in_words(number % 100)}"
    if number < 20:
        return _UNITS[number]
    tens = _TENS[number // 10 - 2]
    return tens if number % 10 == 0 else f"{tens}-{_UNITS[number % 10]}"


def number_from_words(text: str) -> int | None:
    """The number that lower-case text begins with, in digits or words up to 999; None if it begins with none."""
    words = text.replace("-", " ").split()
    if words and words[0].isdecimal():
        return int(words[0]) if len(words[0]) <= 9 else None
    if words[:2] == ["a", "hundred"]:
        words[0] = "one"
    total = last = 0
    counted = False
    for word in words:
        if word == "hundred" and counted and 0 < total < 10:
            total, last = total * 100, 100
        elif word == "and" and last == 100:
            continue
        elif (value := _VALUES.get(word)) is not None and (not counted or _may_follow(value, last)):
            total, last, counted = total + value, value, True
        else:
            break
    return total if counted else None


def time_in_words(at: datetime) -> str:
    """Such as "four oh five in the afternoon"."""
    hour = number_in_words(at.hour % 12 or 12)
    minute = "o'clock" if at.minute == 0 else f"{'oh ' if at.minute < 10 else ''}{number_in_words(at.minute)}"
    return f"{hour} {minute} {_part_of_day(at.hour)}"


def date_in_words(at: datetime) -> str:
    """Such as "Tuesday, the third of November"."""
    return f"{day_in_words(at)}, the {_ordinal(at.day)} of {_MONTHS[at.month - 1]}"


def day_in_words(at: datetime) -> str:
    return _WEEKDAYS[at.weekday()]


def greeting(at: datetime) -> str:
    """Such as "good evening"."""
    if 5 <= at.hour < 12:
        return "good morning"
    return "good afternoon" if 12 <= at.hour < 18 else "good evening"


def _may_follow(value: int, last: int) -> bool:
    return (last >= 20 and 0 < value < 10) or (last == 100 and value > 0)


def _part_of_day(hour: int) -> str:
    if 5 <= hour < 12:
        return "in the morning"
    if 12 <= hour < 18:
        return "in the afternoon"
    return "in the evening" if 18 <= hour < 22 else "at night"


def _ordinal(number: int) -> str:
    """1 to 99."""
    if number in _ORDINALS:
        return _ORDINALS[number]
    if number < 20:
        return f"{_UNITS[number]}th"
    tens = _TENS[number // 10 - 2]
    return f"{tens[:-1]}ieth" if number % 10 == 0 else f"{tens}-{_ordinal(number % 10)}"
