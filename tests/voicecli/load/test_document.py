import msgspec

from tests.voicecli.loads import load_run
from voicecli.load.document import LoadRun


def test_the_document_comes_out_as_it_went_in_and_has_every_call() -> None:
    run = load_run()
    read = msgspec.json.decode(run.serialize(), type=LoadRun)
    assert read == run
    assert [len(level.samples) for level in read.levels] == [20, 20]


def test_what_is_not_known_is_absent() -> None:
    plain = msgspec.json.decode(load_run().serialize())
    assert "url" not in plain["server"]
    assert plain["schema"] == "voicecli.load/1"
    assert "null" not in load_run().serialize().decode()
