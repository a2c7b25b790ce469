import pytest
from django.contrib.auth.models import User

from access.roles import Role, role_of
from rovi_site.env import CannotStart
from rovi_site.serving.administrator import CHANGED, ensure_administrator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_data_folder(settings, tmp_path):
    settings.ROVI_DATA = tmp_path
    settings.ROVI_ADMIN_USER = "admin"
    settings.ROVI_ADMIN_PASSWORD = ""


def admin():
    return User.objects.get(username="admin")


def test_the_first_start_makes_an_administrator_with_a_random_password_that_is_kept(tmp_path):
    password = ensure_administrator()

    assert role_of(admin()) is Role.ADMINISTRATOR
    assert admin().check_password(password)
    assert (tmp_path / "admin_password").read_text() == password + "\n"
    assert ensure_administrator() == password
    assert User.objects.count() == 1


def test_a_password_that_is_given_is_taken_and_no_other_is_kept(settings, tmp_path):
    settings.ROVI_ADMIN_PASSWORD = "given by the operator"

    assert ensure_administrator() == "given by the operator"
    assert admin().check_password("given by the operator")
    assert list(tmp_path.iterdir()) == []


def test_a_password_that_is_given_later_replaces_the_first(settings):
    ensure_administrator()
    settings.ROVI_ADMIN_PASSWORD = "given by the operator"

    assert ensure_administrator() == "given by the operator"
    assert admin().check_password("given by the operator")


def test_a_password_changed_in_the_admin_stays_and_is_not_shown():
    ensure_administrator()
    user = admin()
    user.set_password("a password of mine")
    user.save()

    assert ensure_administrator() == CHANGED
    assert admin().check_password("a password of mine")


def test_an_account_that_lost_its_rights_gets_neither_them_nor_the_password(settings):
    User.objects.create_user("admin", password="quite her own")
    settings.ROVI_ADMIN_PASSWORD = "given by the operator"

    assert ensure_administrator() == CHANGED
    assert admin().is_superuser is False
    assert admin().check_password("quite her own")


@pytest.mark.parametrize("weak", ["short", "password1234", "administrator"])
def test_a_weak_password_stops_the_start_with_a_sentence(settings, weak):
    settings.ROVI_ADMIN_PASSWORD = weak
    with pytest.raises(CannotStart, match="ROVI_ADMIN_PASSWORD"):
        ensure_administrator()

    assert not User.objects.exists()
