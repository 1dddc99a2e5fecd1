"""Addresses of brokers."""

import pytest

from simulators.publisher import Address, address


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        pytest.param("mqtt://127.0.0.1:1884", Address("127.0.0.1", 1884, False, None, None), id="a port"),
        pytest.param("mqtt://hub.local", Address("hub.local", 1883, False, None, None), id="the usual port"),
        pytest.param("mqtts://hub.local", Address("hub.local", 8883, True, None, None), id="encrypted"),
        pytest.param("mqtt://[::1]:1883", Address("::1", 1883, False, None, None), id="IPv6"),
        pytest.param("mqtt://lin:p@h", Address("h", 1883, False, "lin", "p"), id="a user"),
        pytest.param("mqtt://li%40n:a%2Fb%3Ac%20@h:1", Address("h", 1, False, "li@n", "a/b:c "), id="written apart"),
    ],
)
def test_an_address_says_where_and_who(url, wanted):
    assert address(url) == wanted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mqtt://", "mqtt://"),
        ("mqtt://:1883", "mqtt://:1883"),
        ("mqtt://h:99999", "mqtt://h:99999"),
        ("mqtt://h:18x", "mqtt://h:18x"),
        ("mqtt://h:0", "mqtt://h:0"),
        ("mqtt://[::1", "mqtt://[::1"),
        ("mqtt://" + "a" * 70, "mqtt://" + "a" * 70),
        ("http://h", "http://h"),
        ("localhost:1883", "localhost:1883"),
        ("mqtt://lin:secret@h:99999", "mqtt://h:99999"),
        ("mqtt://lin:sec/ret@h", "mqtt://h"),
        ("lin:secret@h", "h"),
        ("http://lin:secret@h", "h"),
    ],
)
def test_what_is_no_address_is_told_without_its_password(url, shown):
    with pytest.raises(ValueError, match="want a broker as mqtt://host:port") as told:
        address(url)
    assert str(told.value).endswith(f"got {shown!r}")
