import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

pytestmark = pytest.mark.django_db

WEAK = {"short": "9kZ!qq", "common": "password1234", "like the name": "marie-curie", "empty": ""}


@pytest.mark.parametrize("password", WEAK.values(), ids=WEAK.keys())
def test_a_weak_password_is_not_stored(password):
    user = User(username="marie-curie")
    user.set_password(password)
    with pytest.raises(ValidationError):
        user.save()

    assert not User.objects.exists()


@pytest.mark.parametrize("password", WEAK.values(), ids=WEAK.keys())
def test_nor_is_one_that_replaces_a_good_one(password):
    user = User.objects.create_user("marie-curie", password="a quarry of pitchblende")
    user.set_password(password)
    with pytest.raises(ValidationError):
        user.save()

    assert User.objects.get().check_password("a quarry of pitchblende")


def test_nor_in_the_admin(admin_client):
    answer = admin_client.post(
        "/admin/auth/user/add/",
        {"username": "eve", "usable_password": "true", "password1": WEAK["common"], "password2": WEAK["common"],
         "role": "viewer"},
    )  # fmt: skip

    assert answer.status_code == 200
    assert b"too common" in answer.content
    assert not User.objects.filter(username="eve").exists()
