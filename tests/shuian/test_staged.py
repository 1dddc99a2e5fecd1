"""A staged history: what a demonstration sends at once counts as heard when it was measured, once it says so."""

from datetime import timedelta

from tests.shuian.street import HOUR, T0, Street, bound


def told_at_once(street, devices, hours):
    """Commit `hours` of history up to three and a half hours ago, all of it received now."""
    for n in range(hours):
        for device in devices:
            street.say(device, 5.0 * (n % 3 == 0), at=street.now - timedelta(hours=hours + 2.5 - n))
    street.work()


def test_a_meter_that_died_in_a_staged_history_is_silent_as_soon_as_it_is_said_to_be_history(tmp_path):
    street = Street(tmp_path, [bound("h1", "m1"), bound("h2", "m2")])
    told_at_once(street, ["m1"], 60)
    street.say("m2", 5.0)
    street.work()
    assert street.inbox.told == [], "it spoke just now, for all that anybody knows"
    street.pipeline.lived_through((T0 - timedelta(days=56)).timestamp(), street.now.timestamp())
    street.work()
    assert street.inbox.told == [("h1", "meter_silent", "blue")]
    assert street.inbox.open()[0].finding.onset == (street.now - 3.5 * HOUR).timestamp()


def test_what_was_heard_after_the_staged_history_was_heard_then(tmp_path):
    street = Street(tmp_path)
    told_at_once(street, ["m1"], 60)
    before = street.now
    street.hours(1, 5.0)
    street.pipeline.lived_through((T0 - timedelta(days=56)).timestamp(), before.timestamp())
    street.work()
    assert street.inbox.told == []
    old, new = street.store.history("m1", "water_volume_total", 0, 2**62)[-2:]
    assert street.pipeline.heard_ms(old) == old.measured_ms
    assert street.pipeline.heard_ms(new) == new.received_ms


def test_the_detectors_hand_out_a_copy_of_what_they_learnt(tmp_path):
    street = Street(tmp_path)
    street.hours(30, 5.0)
    homes, learnt = street.pipeline.learnt()
    known = learnt["clock.known_until"].copy()
    street.hours(1, 5.0)
    assert homes == ["h1"]
    assert (learnt["clock.known_until"] == known).all()
