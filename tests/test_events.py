"""The events of a run, as they are written and read."""

import pytest

from inkling.experiments import events, runs

EPOCHS = [events.Epoch(epoch=n, loss=0.1, accuracy=0.9, seconds=1.0) for n in (1, 2, 3)]


@pytest.mark.parametrize("torn", ['{"event": "epo', "", "\n", "x"])
def test_a_torn_last_line_spoils_no_other(tmp_path, torn):
    events.append(tmp_path, EPOCHS[0])
    with (tmp_path / runs.EVENTS).open("a") as file:
        file.write(torn)
    events.append(tmp_path, EPOCHS[1])
    events.append(tmp_path, EPOCHS[2])
    found, following = events.since(tmp_path, 0)
    assert found == EPOCHS
    assert events.since(tmp_path, following) == ([], following)
    assert events.epochs(tmp_path) == EPOCHS


@pytest.mark.parametrize("name", ["caf\udce9", "a\u2028b", "a\x85b"])
def test_a_run_may_have_any_name(tmp_path, name):
    """Bytes that are no text, and what other readers take for the end of a line."""
    stopped = events.Stopped(run=name, step=3)
    events.append(tmp_path, stopped)
    events.append(tmp_path, EPOCHS[0])
    assert events.since(tmp_path, 0) == ([stopped, EPOCHS[0]], 2)
