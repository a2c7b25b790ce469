"""Files that announce, or become, far more than they weigh; and files that lead elsewhere. Refused in words, unread."""

import contextlib
import gzip
import io
import os
import pickle
import resource
import zipfile

import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tables
from django.core.files.base import ContentFile
from django.utils import timezone

from datahub.errors import FileTooLarge, FileUnreadable
from datahub.imports.requesting import request_import
from datahub.ingest.frames import Columns, decode
from datahub.ingest.protocol import FrameRefused, Limits
from datahub.models import Battery, DataImport
from datahub.readers import open_rows
from jobs.models import Job, Worker
from jobs.running.claim import claim_next_job
from jobs.running.run import run_job

ROW = np.dtype([("test_time", "f8"), ("voltage", "f8")])


def hdf5(path, row=ROW, rows=10, where="/", **kwargs):
    """A file with a table `raw_data`, open for what a test does to it."""
    file = tables.open_file(str(path), "w")
    table = file.create_table(where, "raw_data", row, **kwargs)
    table.append(np.zeros(rows, row))
    table.flush()
    return file


def why_refused(path, **kwargs):
    with pytest.raises(FileUnreadable) as refused:
        read(path, **kwargs)
    return refused.value.message


def read(path, **kwargs):
    rows = open_rows(path, **kwargs)
    try:
        for _ in rows.chunks():
            pass
    finally:
        rows.close()


# --- packed text -----------------------------------------------------------------------------------------------------
def test_a_packed_csv_that_unpacks_into_too_much_is_refused_after_a_bounded_part(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as packed:
        packed.write(b"test_time,voltage\n")
        for _ in range(8):
            packed.write(b"0,0\n" * 2**18)
    assert path.stat().st_size < 100_000
    assert "more than 1,000,000 characters once unpacked" in why_refused(path, unpacked_bytes=1_000_000)


@pytest.mark.parametrize(
    "line", [b"x", b"1,", b'"\n', b'"a\n",'], ids=["one word", "commas", "a quote", "quoted lines"]
)
def test_a_row_without_end_is_refused_before_it_fills_the_memory(tmp_path, line):
    path = tmp_path / "endless.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        packed.write(b"test_time,voltage\n" + (b"" if line != b'"\n' else b'"'))
        for _ in range(6):
            packed.write(line.replace(b'"', b"") * 2**19 if line == b'"\n' else line * (2**20 // len(line)))
    assert any(words in why_refused(path) for words in ("characters", "field larger than field limit"))


def test_packed_twice_is_not_unpacked_twice(tmp_path):
    path = tmp_path / "twice.csv.gz"
    path.write_bytes(gzip.compress(gzip.compress(b"test_time\n" + b"0\n" * 10**6)))
    assert "neither HDF5 nor Parquet nor text" in why_refused(path)


def test_a_zip_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", bytes(2**26))
    assert why_refused(path) == "bomb.zip is a ZIP archive or a spreadsheet; it is not unpacked here."


def test_more_columns_than_any_table_has_are_refused(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{place}" for place in range(20_000)) + "\n")
    assert why_refused(path) == "The CSV names 20,000 columns; 10,000 are the most."


# --- HDF5 ------------------------------------------------------------------------------------------------------------
def test_a_table_that_announces_terabytes_is_refused_unread(tmp_path):
    path = tmp_path / "huge.h5"
    with hdf5(path, chunkshape=(1024,)) as file:
        file.root.raw_data.truncate(10**12)
    assert path.stat().st_size < 10**6
    assert why_refused(path) == (
        "The file announces 1,000,000,000,000 rows of 16 bytes; 17,179,869,184 bytes are the most once unpacked."
    )


def test_a_chunk_that_inflates_is_refused_unread(tmp_path):
    path = tmp_path / "inflates.h5"
    row = np.dtype([("test_time", "f8"), ("note", "S1000000")])
    with hdf5(path, row, rows=1, chunkshape=(70,), filters=tables.Filters(complevel=1, complib="zlib")):
        pass
    assert path.stat().st_size < 10**6
    assert why_refused(path) == "A chunk of the table unpacks into 70,000,560 bytes; 67,108,864 are the most."


def test_a_row_of_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "rows.h5"
    row = np.dtype([("test_time", "f8"), ("note", "S4000000")])
    with hdf5(path, row, rows=1, chunkshape=(1,), filters=tables.Filters(complevel=9, complib="zlib")):
        pass
    assert why_refused(path) == "A row of the table has 4,000,008 bytes; 1,048,576 are the most."


def test_a_link_to_another_file_is_not_followed(tmp_path):
    with hdf5(tmp_path / "secret.h5"):
        pass
    path = tmp_path / "link.h5"
    with tables.open_file(str(path), "w") as file:
        file.create_external_link("/", "raw_data", "secret.h5:/raw_data")
    assert why_refused(path) == "/raw_data of link.h5 is a link to 'secret.h5:/raw_data'; links are not followed."


def test_links_that_lead_in_circles_are_not_followed(tmp_path):
    path = tmp_path / "circle.h5"
    with tables.open_file(str(path), "w") as file:
        file.create_soft_link("/", "a", "/b")
        file.create_soft_link("/", "b", "/a")
        file.create_soft_link("/", "raw_data", "/raw_data")
    assert "links are not followed" in why_refused(path)


def test_a_group_that_holds_itself_is_searched_to_a_bounded_depth(tmp_path):
    path = tmp_path / "itself.h5"
    with tables.open_file(str(path), "w") as file:
        group = file.create_group("/", "a")
        for name in ("b", "c", "d", "e"):
            file.create_hard_link(group, name, group)
    assert "more than 2,000 groups and tables" in why_refused(path)


def test_a_table_outside_of_chunks_is_refused_for_its_rows_may_lie_in_another_file(tmp_path):
    path = tmp_path / "contiguous.h5"
    content = np.zeros(10, ROW)
    with tables.open_file(str(path), "w") as file:
        file.create_array("/", "raw_data", np.zeros(10))
    assert "no table 'raw_data'" in why_refused(path)
    assert len(content) == 10


class Bites:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("where", ["metadata", "TITLE", "FILTERS", "FIELD_0_FILL", "of the table"])
def test_an_object_in_an_attribute_is_not_unpickled(tmp_path, where):
    """PyTables unpickles what looks like a pickle as it opens a file."""
    path, mark = tmp_path / "bites.h5", tmp_path / "mark"
    with hdf5(path) as file:
        node = file.root.raw_data if where in ("FIELD_0_FILL", "of the table") else file.root
        node._v_attrs._g_setattr(node, where, np.bytes_(pickle.dumps(Bites(mark), 0)))
    with contextlib.suppress(FileUnreadable):
        read(path)
    assert not mark.exists()
    with tables.open_file(str(path)) as file:  # the same file, as anybody else would open it
        node = file.root.raw_data if where in ("FIELD_0_FILL", "of the table") else file.root
        with contextlib.suppress(TypeError, AttributeError, ValueError):
            getattr(node._v_attrs, where)
    assert mark.exists() or where in ("TITLE", "FILTERS", "FIELD_0_FILL")


# --- Parquet ---------------------------------------------------------------------------------------------------------
def parquet(path, columns, **kwargs):
    pq.write_table(pa.table(columns), path, **kwargs)
    return path


def test_a_parquet_file_that_announces_too_much_is_refused_unread(tmp_path):
    path = parquet(tmp_path / "huge.parquet", {"test_time": pa.nulls(5_000_000, pa.float64())})
    assert path.stat().st_size < 10**5
    assert "The file announces 5,000,000 rows of 8 bytes; 10,000,000 bytes" in why_refused(path, unpacked_bytes=10**7)


def test_one_long_text_in_many_rows_is_one_text(tmp_path):
    text = "x" * 2**20
    many = pa.DictionaryArray.from_arrays(np.zeros(5000, np.int32), [text])
    path = parquet(tmp_path / "text.parquet", {"note": many}, compression="zstd", store_schema=False)
    assert path.stat().st_size < 10**6
    rows = open_rows(path)
    first = next(rows.chunks())["note"]
    rows.close()
    assert first[0] == text
    assert len({id(value) for value in first}) == 1


# --- bodies and frames -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("empty", [b"\x80", b"\x90", b"\x91\x80", b"\xdc\x00\x00"], ids=lambda head: head.hex())
def test_a_frame_of_empty_lists_and_maps_is_refused_before_it_is_memory(empty):
    count = 800_000 // len(empty)
    payload = b"\xdd" + count.to_bytes(4, "big") + empty * count
    with pytest.raises(FrameRefused) as refused:
        decode(payload, Limits(frame_bytes=8 * 2**20, rows_a_frame=10**9))
    assert refused.value.close_code == 1009
    with pytest.raises(FrameRefused):  # also where a key makes it be read a second time
        decode(b"\x81\x80" + payload, Limits(frame_bytes=8 * 2**20, rows_a_frame=10**9))


def test_a_large_frame_of_honest_records_is_taken():
    records = [{"t": float(place), "v": 3.7} for place in range(50_000)]
    frame = decode(msgpack.packb(records), Limits(frame_bytes=8 * 2**20, rows_a_frame=10**5))
    assert frame == Columns(("t", "v"), [[float(place) for place in range(50_000)], [3.7] * 50_000], 50_000)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["json", "msgpack", "csv", "parquet"])
def test_a_body_that_would_become_much_memory_is_refused(kind, client_as, settings):
    settings.UPLOAD_MAX_BODY_BYTES = 10**6
    sink = io.BytesIO()
    pq.write_table(pa.table({"voltage": pa.nulls(200_000, pa.float64())}), sink)
    body, content_type = {
        "json": (b"[" + b"{}," * 300_000 + b"{}]", "application/json"),
        "msgpack": (b"\xdd" + (900_000).to_bytes(4, "big") + b"\x80" * 900_000, "application/msgpack"),
        "csv": (b"a,b,c,d,e,f,g,h\n" + b",,,,,,,\n" * 100_000, "text/csv"),
        "parquet": (sink.getvalue(), "application/vnd.apache.parquet"),
    }[kind]
    answer = client_as("operator").post("/db/upload/x", body, content_type=content_type)
    assert answer.status_code in (413, 422), answer.content
    assert answer.json()["detail"]
    assert not Battery.objects.exists()


# --- imports ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def run_import(db, settings, tmp_path):
    """`run_import(content, name)`: the job and the import, when a worker has run it."""
    settings.MEDIA_ROOT = settings.ROVI_DATA = tmp_path / "data"

    def run(content, name):
        request_import(ContentFile(content, name))
        worker = Worker.objects.get_or_create(name="w", defaults={"heartbeat": timezone.now()})[0]
        run_job(claim_next_job(worker))
        return Job.objects.latest("id"), DataImport.objects.latest("id")

    return run


def test_an_import_that_bites_is_told_of_in_words_and_nothing_happens(run_import, tmp_path):
    with hdf5(tmp_path / "bites.h5") as file:
        file.root._v_attrs._g_setattr(file.root, "metadata", np.bytes_(pickle.dumps(Bites(tmp_path / "mark"), 0)))
    job, done = run_import((tmp_path / "bites.h5").read_bytes(), "bites.h5")
    assert (job.state, done.error, done.rows_stored) == (
        "done",
        "",
        1,
    )  # ten rows alike; what was no metadata is passed over
    assert not (tmp_path / "mark").exists()


def test_an_import_too_large_when_unpacked_is_refused_in_words(run_import, settings):
    settings.IMPORT_MAX_BYTES = 10**6
    job, done = run_import(gzip.compress(b"test_time,voltage\n" + b"0,0\n" * 10**6), "bomb.csv.gz")
    assert job.state == "failed"
    assert done.error == "The file has more than 1,000,000 characters once unpacked."
    assert not Battery.objects.exists()


def test_a_file_too_large_as_it_came_is_refused_before_it_is_kept(run_import, settings, tmp_path):
    settings.IMPORT_MAX_BYTES = 1000
    with pytest.raises(FileTooLarge, match="The file has 1,001 bytes; 1,000 are the most"):
        run_import(bytes(1001), "large.csv")
    assert not DataImport.objects.exists()


def test_what_fills_the_memory_of_its_reader_ends_the_reader_and_not_the_worker(run_import, settings):
    settings.SANDBOX_MEMORY_BYTES = 64 * 2**20
    table = pa.table({"note": pa.array(["x" * 50_000_000] * 3)})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    job, done = run_import(sink.getvalue(), "memory.parquet")
    assert job.state == "failed"
    assert (
        "memory.parquet cannot be read" in done.error
        or "Parquet file cannot be read" in done.error
        or "ends in" in done.error
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_a_reader_that_answers_nonsense_is_not_believed(run_import, monkeypatch):
    from datahub.errors import FileUnreadable as Refused
    from datahub.readers.apart import RowsReadApart

    class Guest:
        def __init__(self, answer):
            self.answer = answer

        def call(self, verb, arguments, seconds):
            return self.answer

    for answer in (
        {}, {"rows": -1, "metadata": "null"}, {"rows": 1, "metadata": 7},
        {"rows": 1, "metadata": "null", "names": [[1, 2]]},
        {"rows": 1, "metadata": "nonsense", "names": [], "skipped": []},
    ):  # fmt: skip
        with pytest.raises(Refused, match="an answer that cannot be used"):
            RowsReadApart(Guest(answer), "x", {})
