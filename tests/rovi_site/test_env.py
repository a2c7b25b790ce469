import pytest

from rovi_site import env


@pytest.fixture(autouse=True)
def variables_of_the_project_stay(monkeypatch):
    monkeypatch.setattr(env, "VARIABLES", {})


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (
            lambda: env.integer("X", 1, "", at_least=1, at_most=65535),
            "70000",
            "X='70000' cannot be used: it takes a whole number from 1 to 65535.",
        ),
        (
            lambda: env.integer("X", 5, "", at_least=2),
            "1",
            "X='1' cannot be used: it takes a whole number of at least 2.",
        ),
        (lambda: env.integer("X", 5, ""), "5.5", "X='5.5' cannot be used: it takes a whole number of at least 0."),
        (lambda: env.seconds("X", 1.0, ""), "nan", "X='nan' cannot be used: it takes a number of seconds, 0 or more."),
        (
            lambda: env.networks("X", (), ""),
            "10.0.0.0/8, nonsense",
            "X='10.0.0.0/8,nonsense' cannot be used: it takes addresses and networks (10.0.0.0/8) separated by commas.",
        ),
        (lambda: env.seconds("X", 9.0, "", 1.0), "0", "X='0' cannot be used: it takes a number of seconds, 1 or more."),
        (lambda: env.seconds("X", 1.0, ""), "-1", "X='-1' cannot be used: it takes a number of seconds, 0 or more."),
        (lambda: env.switch("X", True, ""), "perhaps", "X='perhaps' cannot be used: it takes on or off."),
        (lambda: env.choice("X", "a", "", ("a", "b")), "c", "X='c' cannot be used: it takes one of a, b."),
        (lambda: env.url("X", "", ("redis",), "redis://host"), "foo", "X cannot be used: it takes redis://host."),
        (
            lambda: env.url("X", "", ("redis",), "redis://host"),
            "redis://:secret@host:port",
            "X cannot be used: it takes redis://host.",
        ),
    ],
)
def test_a_wrong_value_ends_the_process_with_a_sentence(monkeypatch, read, value, sentence):
    monkeypatch.setenv("X", value)

    with pytest.raises(SystemExit) as stop:
        read()

    assert stop.value.code == sentence + " Set it so, or unset it for the default."


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda: env.integer("X", 1, "", at_most=65535), "65535", 65535),
        (lambda: env.seconds("X", 1.0, ""), "0.25", 0.25),
        (lambda: env.switch("X", True, ""), "Off", False),
        (lambda: env.words("X", ("a",), ""), " b , c,", ("b", "c")),
        (lambda: env.text("X", "a", ""), "  b ", "b"),
        (lambda: env.url("X", "", ("redis",), ""), "redis://:p@h:6379/0", "redis://:p@h:6379/0"),
        (lambda: env.text("X", "a", ""), "   ", "a"),
    ],
)
def test_a_value_is_read_as_its_type(monkeypatch, read, value, expected):
    monkeypatch.setenv("X", value)

    assert read() == expected


def test_an_unset_variable_has_its_default_and_is_listed_with_it(monkeypatch):
    monkeypatch.delenv("X", raising=False)

    assert env.words("X", ("a", "b"), "Some words.") == ("a", "b")
    assert list(env.VARIABLES.values()) == [env.Variable("X", "a,b", "Some words.")]
