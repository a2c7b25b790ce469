"""Data files become columns of plain values under the toolkit's names, whoever wrote them."""

import gzip
import json

import pytest

from datahub.errors import FileUnreadable
from datahub.readers import open_rows


def read(path, **kwargs):
    """All columns of a file, and the reader, closed."""
    rows = open_rows(path, **kwargs)
    try:
        columns = {name: [] for name in rows.names.values()}
        for chunk in rows.chunks(rows=7):
            for name, values in chunk.items():
                columns[name] += values
    finally:
        rows.close()
    return columns, rows


def test_the_text_of_an_hdf5_file_is_text_and_its_metadata_is_read(shared_data):
    columns, rows = read(shared_data("example-camp-rpt.h5"))
    assert (rows.format, rows.rows, rows.metadata["name"]) == ("hdf5", 185, "CAMP_batch_B10A_cell_3")
    assert {len(values) for values in columns.values()} == {185}
    assert columns["state"][0] == "charging"
    assert columns["test_time"][:2] == [120.042, 139.18200000000002]
    assert {type(values[0]) for values in columns.values()} == {int, float, str}


def test_a_real_arbin_export_gets_the_names_that_estimators_read(shared_data):
    columns, rows = read(shared_data("arbin_example.csv"))
    assert (rows.format, rows.rows) == ("csv", 2142)
    assert [columns[name][1] for name in ("test_time", "current", "voltage", "temperature", "cycle_number")] == [
        5.0275, 1.0999289, 3.3750653, 29.18314, 1,
    ]  # fmt: skip


def test_the_battery_data_format_is_read_by_label_and_by_machine_name(tmp_path):
    path = tmp_path / "cell.bdf"
    path.write_text(
        "Test Time / s,Voltage / V,Current / A,Cycle Count / 1,Surface Temperature T1 / degC\n1,3.5,-2,4,25\n"
    )
    machine = tmp_path / "cell.csv"
    machine.write_text(
        "test_time_second,voltage_volt,current_ampere,cycle_count,temperature_t1_celsius\n1,3.5,-2,4,25\n"
    )
    wanted = {"test_time": [1], "voltage": [3.5], "current": [-2], "cycle_number": [4], "temperature": [25]}
    assert read(path)[0] == wanted
    assert read(machine)[0] == wanted


def test_units_are_converted_or_stay_in_the_name(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Test_Time (h),Current [mA],Voltage (furlong)\n2,-1500,3\n")
    assert read(path)[0] == {"test_time": [7200.0], "current": [-1.5], "voltage_furlong": [3]}


def test_a_csv_column_has_one_kind_from_its_first_row_to_its_last(tmp_path):
    path = tmp_path / "x.csv"
    rows = [f"{i},{'7' if i < 15 else '7.5'},{'12' if i != 18 else 'n/a'},{'' if i else 'true'}" for i in range(20)]
    path.write_text("test_time,number,note,flag\n" + "\n".join(rows) + "\n")
    columns, _ = read(path)
    assert columns["number"][0] == 7.0
    assert type(columns["number"][0]) is float
    assert (columns["note"][0], columns["note"][18]) == ("12", "n/a")
    assert columns["flag"][:2] == [True, None]


def test_a_packed_csv_with_a_byte_order_mark_and_semicolons_is_read(tmp_path):
    path = tmp_path / "x.bdf.gz"
    path.write_bytes(gzip.compress('\ufefftest_time;note\r\n1;"a;b\nc"\r\n'.encode()))
    assert read(path)[0] == {"test_time": [1], "note": ["a;b\nc"]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The CSV is empty"),
        (b"a,b\n1,2\n1\n", "Row 2 of the CSV has 1 cells, its header 2"),
        (b"a,a\n1,2\n", "names the column 'a' twice"),
        (b"1,2\n3,4\n", "begins with numbers"),
        (b"\x00\xff\xfe\x80", "neither HDF5 nor Parquet nor text"),
        (b"\x89HDF\r\n\x1a\nnothing", "no HDF5 file that can be read"),
        (b"PAR1nothing", "Parquet file cannot be read"),
        (b'a,b\n"1,2\n', "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, content, why):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=why):
        read(path)


def test_an_hdf5_file_without_rows_names_what_it_has(tmp_path):
    import tables

    path = tmp_path / "x.h5"
    with tables.open_file(str(path), "w") as file:
        file.create_table("/", "cycle_stats", {"n": tables.Int64Col()})
    with pytest.raises(FileUnreadable) as refused:
        read(path)
    assert "/cycle_stats" in refused.value.hint


def test_parquet_keeps_its_kinds_and_metadata_and_leaves_out_what_is_no_plain_value(tmp_path):
    from datetime import UTC, datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "Test Time / s": [0.5, 1.5],
            "when": pa.array([datetime(2026, 1, 1, tzinfo=UTC), None]),
            "state": pa.array(["hold", "hold"]).dictionary_encode(),
            "spectrum": [[1.0], [2.0]],
        }
    ).replace_schema_metadata({"battery_metadata": json.dumps({"name": "cell"})})
    pq.write_table(table, tmp_path / "x.parquet")
    columns, rows = read(tmp_path / "x.parquet")
    assert columns == {"test_time": [0.5, 1.5], "when": [1767225600.0, None], "state": ["hold", "hold"]}
    assert rows.metadata == {"name": "cell"}
    assert rows.skipped == {"spectrum": "is of type list<element: double>"}
