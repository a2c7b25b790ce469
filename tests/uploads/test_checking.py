import codecs

import pytest
from django.core.files.base import ContentFile

from uploads.checking import check_script, check_support_files
from uploads.errors import ScriptRefused, SupportFileRefused


def test_a_script_comes_back_as_text_without_its_byte_order_mark():
    assert check_script(codecs.BOM_UTF8 + b"x = 1\n", "script.py", "x") == "x = 1\n"


def test_the_line_of_a_byte_that_is_no_text_is_counted_behind_a_byte_order_mark_too():
    with pytest.raises(ScriptRefused) as refused:
        check_script(codecs.BOM_UTF8 + b"\n\n\n\xff", "script.py", "x")

    assert (refused.value.line, refused.value.message) == (4, "Line 4: the script is not UTF-8 text.")


def test_an_empty_script_is_told_what_it_must_define():
    with pytest.raises(ScriptRefused, match=r"^The script is empty; it must define a function f\.$"):
        check_script(b" \n", "script.py", "a function f")


def test_a_support_file_may_not_take_the_place_of_the_script_but_of_another_rooms():
    check_support_files([ContentFile(b"1", name="other.py")], "script.py")

    with pytest.raises(SupportFileRefused, match="is the name of the script itself"):
        check_support_files([ContentFile(b"1", name="script.py")], "script.py")
