"""Whatever comes over an upload socket: each record is stored or refused in words, and no good row is lost."""

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed

from datahub.ingest.frames import decode
from datahub.ingest.protocol import FrameRefused, Limits
from tests.datahub.upload_server import UploadServer
from tests.generated import for_each, frames, numbers_of_examples

MORE_MEMORY = 200 * 2**20
LIMITS = Limits(frame_bytes=8 * 2**20, rows_a_frame=100_000)


@pytest.fixture(scope="module", params=["daphne", pytest.param("uvicorn", marks=pytest.mark.long)])
def server(request, tmp_path_factory):
    with UploadServer(tmp_path_factory.mktemp(request.param), request.param) as running:
        yield running


class Sender:
    """Sends what it is given, each time followed by a good row, on one socket as long as that stays open."""

    def __init__(self, server):
        self.server = server
        self.good = self.refused = self.closed = 0
        self.upload = None
        self._open()
        self._send_good_row()  # its columns are the first, so nothing later changes their kinds

    def _open(self):
        if self.upload is not None:
            self.upload.socket.close()
        self.upload = self.server.uploader("any frames")
        self.sent, self.before = 0, self.upload.hello["position"]

    def _send_good_row(self, records_before=0):
        self.upload.send({"test_time": float(self.good), "voltage": 3.7, "good": self.good})
        self.good += 1
        of_the_good = self.sent + records_before
        for rejection in self.upload.told_until(self.before + of_the_good + 1):
            assert self.sent <= rejection["index"] < of_the_good
            assert rejection["code"]
            assert rejection["message"]
            self.refused += 1
        self.sent = of_the_good + 1

    def take(self, payload):
        try:
            expected = len(decode(payload, LIMITS))
        except FrameRefused as refused:
            self._expect_close(payload, refused.close_code)
            return
        self.upload.socket.send(payload)
        self._send_good_row(expected)

    def _hear_all(self):
        while True:
            msgpack.unpackb(self.upload.socket.recv(timeout=240))

    def _expect_close(self, payload, code):
        self.upload.socket.send(payload)
        with pytest.raises(ConnectionClosed) as closed:
            self._hear_all()
        assert closed.value.rcvd.code == code
        self.closed += 1
        self._open()
        self._send_good_row()


@numbers_of_examples(short=250, long=10_000)
def test_no_frame_loses_a_good_row_or_closes_a_socket_that_shall_stay_open(server, examples):
    sender = Sender(server)
    before = server.resident_bytes()
    for_each(examples, frames, sender.take)
    assert sender.refused > examples // 10
    assert sender.closed > examples // 20
    battery = server.get("/api/v1/batteries/?name=any%20frames")["results"][0]
    stored, after = set(), 0
    while after is not None:
        page = server.get(f"/api/v1/batteries/{battery['id']}/rows/?columns=good&limit=10000&after={after}")
        stored |= {row["good"] for row in page["results"] if row["good"] is not None}
        after = page["next_after"]
    assert set(range(sender.good)) <= stored
    assert server.process.poll() is None
    assert server.resident_bytes() - before < MORE_MEMORY
    assert "Traceback" not in server.log.read_text()
