import pytest
from django.utils.translation import override

from order_copies.exceptions import NotDeletableError
from order_copies.languages import in_english, translated
from order_copies.plans import Step, cannot_transition


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        pytest.param("aborted by hand", "interrotta a mano", id="without values"),
        pytest.param("Tea is out of stock", "Tea è esaurito", id="with a value"),
        pytest.param(
            "only 2 of 5 cups left for guests left",
            "restano solo 2 di 5 cups left for guests",
            id="with a value that repeats the message",
        ),
        pytest.param("SUMMER has expired", "SUMMER è scaduto", id="after a name"),
        pytest.param(
            "cannot transition from draft to placed",
            "non può passare da bozza a inoltrato",
            id="with statuses",
        ),
        pytest.param("100 %(name)s is", "100 %(name)s is", id="without a translation"),
        pytest.param("x" * 600 + " is out of stock", "x" * 600 + " is out of stock", id="long"),
        pytest.param("", "", id="empty"),
    ],
)
def test_translated__shows_a_stored_message_in_the_active_language(stored: str, shown: str) -> None:
    # when
    with override("it"):
        italian = translated(stored)
    with override("en-gb"):
        english = translated(stored)
    with override(None):
        unknown = translated(stored)

    # then
    assert (italian, english, unknown) == (shown, stored, stored)


def test_exceptions__are_in_the_active_language() -> None:
    # given
    error = NotDeletableError()

    # when
    with override("it"):
        italian = str(error)
        with in_english():
            english = str(error)

    # then
    assert english == NotDeletableError.__doc__
    assert italian == "Una copia in corso non può essere eliminata: attendi che sia terminata."


def test_cannot_transition__has_the_words_of_the_contract_in_english() -> None:
    # when
    problem = cannot_transition(Step.PLACE, "in_progress", "placed")

    # then
    assert problem.message == "cannot transition from in_progress to placed"
