from xml.etree import ElementTree

from tests.voicecli.tuning.results import document
from voicecli.tuning.picture import embedded, standalone

SVG = "{http://www.w3.org/2000/svg}"


def test_each_setting_is_a_point_that_says_what_it_is() -> None:
    picture = ElementTree.fromstring(standalone(document(3, 3, 0)))
    told = [
        (shape.get("class"), shape.findtext(f"{SVG}title"))
        for shape in picture.iter()
        if shape.find(f"{SVG}title") is not None and shape is not picture
    ]
    assert told == [
        ("other", "silence_ms=300: 30 % cut off, waiting 310 ms"),
        ("front", "silence_ms=200: 30 % cut off, waiting 210 ms"),
        ("chosen", "silence_ms=400: 0 % cut off, waiting 410 ms"),
    ]
    assert [name.text for name in picture.iter(f"{SVG}text") if name.get("class") == "name"] == ["400", "200"]


def test_what_people_wrote_cannot_become_part_of_the_picture() -> None:
    hostile = document(1, 0, sweep=["stt.text=<script>alert(1)</script>,&"])
    for picture in (standalone(hostile).decode(), embedded(hostile)):
        ElementTree.fromstring(picture)
        assert "<script" not in picture


def test_where_nobody_was_answered_the_picture_says_so() -> None:
    assert "no utterance was answered" in embedded(document(0, 0, of=0))
