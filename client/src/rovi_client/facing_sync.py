"""The client that waits: for scripts and notebooks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rovi_client import calls
from rovi_client.asking import API, Answer, Ask, Call, Failure, Patience, Pause
from rovi_client.calls import PORTION_ROWS, EventReader, Rows, Tell
from rovi_client.connecting import SILENCE_SECONDS, Service, answer_of, failure_of, request_arguments, service_at
from rovi_client.errors import RoviError, Unreachable, refusal
from rovi_client.records import Battery, Columns, Comparison, Data, Estimator, Forecast, Job, JobEvent, Uploaded
from rovi_client.streams import FATAL_CODES, FRAME_ROWS, StreamRefused, StreamState, socket_address

T = TypeVar("T")


class Client:
    """A service at `url`, such as http://127.0.0.1:8000, for one who has a token, or a user name and password.

    `patience` is how long (s) a call goes on while the service does not answer or has no room. All methods raise
    `Refused` with the service's sentence and `Unreachable`. Use it as a context, or `close()` it.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        user: str = "",
        password: str = "",
        patience: float = 60.0,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._service = service_at(url, token, user, password)
        self._patience = patience
        self._http = httpx.Client(
            base_url=self._service.url,
            headers=self._service.headers,
            timeout=timeout,
            transport=transport,
            trust_env=not self._service.is_here,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- batteries ------------------------------------------------------------------------------------------
    def batteries(self, search: str | None = None) -> list[Battery]:
        """All of them by name, or those whose name or description holds `search`."""
        return self._run(calls.batteries(self._patience, search))

    def battery(self, name: str) -> Battery:
        """Raises NotFound."""
        return self._run(calls.battery(self._patience, name))

    def register(self, name: str, metadata: Data | None = None, description: str = "") -> Battery:
        """Makes a battery; `metadata` is a BatteryMetadata document. Raises Conflict where it is there already."""
        return self._run(calls.register(self._patience, name, metadata, description))

    def change(self, battery: Battery, **changes: Any) -> Battery:
        """Changes description, metadata, finished, …; raises PreconditionFailed where somebody else did meanwhile."""
        return self._run(calls.change(self._patience, battery, changes))

    def delete(self, battery: Battery) -> None:
        """Deletes it with all that hangs on it, for good."""
        self._run(calls.delete(self._patience, battery))

    # --- rows ------------------------------------------------------------------------------------------
    def upload(
        self,
        name: str,
        rows: Rows,
        *,
        start: int = 0,
        portion: int = PORTION_ROWS,
        progress: Callable[[int, int], None] | None = None,
    ) -> Uploaded:
        """Stores a DataFrame, a map of columns or a list of records, in portions; makes the battery where it is new.

        `progress(done, total)` is called after each portion. Raises UploadInterrupted, whose `done` is the `start` to
        go on with; what is sent twice is stored once.
        """
        return self._run(calls.upload(self._patience, name, rows, start, portion, progress))

    def stream(self, name: str) -> RowStream:
        """A socket for rows as they are measured; a context. What is sent before a break is sent again after it."""
        return RowStream(self._service, name, self._patience)

    def rows(
        self,
        name: str,
        *,
        start: float | None = None,
        end: float | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Columns:
        """Rows in order of arrival; `start` and `end` are test_time, s."""
        return self._run(calls.rows_of(self._patience, name, start, end, columns, limit))

    def export(
        self,
        name: str,
        path: str | Path,
        *,
        format: str = "",
        start: float | None = None,
        end: float | None = None,
    ) -> Path:
        """Writes rows to a file: csv, parquet or hdf5, by the path's ending where `format` is left out."""
        target = Path(path)
        params = {"start": start, "end": end}
        return self._run(calls.export(self._patience, name, target, format or format_of(target), params))

    def import_file(self, path: str | Path, battery: str | None = None, progress: Tell | None = None) -> Job:
        """Brings in a data file and waits for it; raises JobFailed."""
        with Path(path).open("rb") as content:
            told = self._run(calls.import_file(self._patience, Path(path).name, content, battery))
        return self.wait(told["job"], progress)

    # --- health ------------------------------------------------------------------------------------------
    def register_estimator(self, battery: str, **wishes: Any) -> Estimator:
        """`kind="joint_ukf", preset="nmc", parameters={…}` for the built-in filter; `definition=…` for a script."""
        return self._run(calls.register_estimator(self._patience, battery, wishes))

    def estimator(self, battery: str) -> Estimator:
        """The current one; raises NotFound."""
        return self._run(calls.current_estimator(self._patience, battery))

    def caught_up(self, battery: str, seconds: float = 300.0) -> Estimator:
        """Waits until all rows are estimated; raises JobFailed where the estimator fails, TimeoutError."""
        return self._run(calls.caught_up(self._patience, battery, seconds))

    def estimates(
        self, battery: str, *, start: float | None = None, end: float | None = None, limit: int | None = None
    ) -> Columns:
        """Of the current estimator, in order of time: each quantity with its standard deviation `…_sd`."""
        return self._run(calls.estimates(self._patience, battery, start, end, limit))

    # --- forecasts ------------------------------------------------------------------------------------------
    def forecast(self, battery: str, progress: Tell | None = None, **wishes: Any) -> Forecast:
        """Asks for one and waits for it: `ahead_time` (s), `resolution` (s), `kind`, a load. Raises JobFailed."""
        asked = self._run(calls.request_forecast(self._patience, battery, wishes))
        if asked["job"] is not None:
            self.wait(asked["job"], progress)
        return self._run(calls.forecast(self._patience, asked["id"]))

    def compare(
        self, battery: str, loads: Mapping[str, Data], progress: Tell | None = None, **wishes: Any
    ) -> Comparison:
        """Asks for a forecast under each of two to eight loads by their labels, and waits for all."""
        asked = self._run(calls.request_comparison(self._patience, battery, loads, wishes))
        if asked["job"] is not None:
            self.wait(asked["job"], progress)
        return self._run(calls.comparison(self._patience, asked["id"]))

    def forecast_result(self, number: int) -> Forecast:
        """A forecast by its id, with its columns once it is done."""
        return self._run(calls.forecast(self._patience, number))

    # --- jobs ------------------------------------------------------------------------------------------
    def job(self, number: int) -> Job:
        return self._run(calls.job(self._patience, number))

    def cancel(self, number: int) -> Job:
        return self._run(calls.cancel(self._patience, number))

    def retry(self, number: int) -> Job:
        """The new job that does the same."""
        return self._run(calls.retry(self._patience, number))

    def wait(self, number: int, progress: Tell | None = None) -> Job:
        """Until the job has ended; `progress` is called at each change. Raises JobFailed in the service's words."""
        for event in self.follow(number):
            if progress is not None:
                progress(event)
        return self._run(calls.ended(self._patience, number))

    def follow(self, number: int) -> Iterator[JobEvent]:
        """Each change of a job, as it is told, until it has ended."""
        reader, patience = EventReader(), Patience(self._patience)
        while True:
            try:
                with self._http.stream("GET", f"{API}/jobs/{number}/events/", **as_events(reader)) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        raise refusal(response.status_code, response.headers, response.read())
                    for line in response.iter_lines():
                        event = reader.feed(line)
                        if event is not None:
                            patience = Patience(self._patience)
                            yield event
                            if event.has_ended:
                                return
                error = Unreachable(f"The events of job {number} ended before it did.")
            except httpx.TransportError as broken:
                error = Unreachable(failure_of(broken, self._service).why)
            pause = patience.next_pause()
            if pause is None:
                raise error
            time.sleep(pause)

    # --- how ------------------------------------------------------------------------------------------
    def _run(self, call: Call[T]) -> T:
        answer: Answer | Failure | None = None
        while True:
            try:
                step = call.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                answer = None
            else:
                answer = self._answer(step)

    def _answer(self, ask: Ask) -> Answer | Failure:
        try:
            request = self._http.build_request(**request_arguments(ask))
            if not ask.to_file:
                response = self._http.send(request)
                return answer_of(response, response.content)
            response = self._http.send(request, stream=True)
            with contextlib.closing(response):
                if response.status_code >= 400:
                    return answer_of(response, response.read())
                with part_of(ask.to_file).open("wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
            part_of(ask.to_file).replace(ask.to_file)
            return answer_of(response, b"")
        except httpx.TransportError as error:
            return failure_of(error, self._service)


class RowStream:
    """Rows of one battery over a socket. `state.rejected` tells what was refused, by number of the row."""

    def __init__(self, service: Service, battery: str, patience: float) -> None:
        self.state = StreamState()
        self._address = socket_address(service.url, battery)
        self._service = service
        self._patience = patience
        self._trying = Patience(patience)  # since the service was last heard of
        self._socket: ClientConnection | None = None
        self._open = contextlib.ExitStack()  # holds the socket

    def __enter__(self) -> RowStream:
        self._connected()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Waits until all is acknowledged, unless an error is on its way out."""
        try:
            if kind is None:
                self.flush()
        finally:
            self._drop()

    def send(self, rows: Rows) -> None:
        """A record, a list of records, a map of columns or a DataFrame. Waits while much is not acknowledged."""
        one = isinstance(rows, Mapping) and not any(isinstance(value, list) for value in rows.values())
        for payload, count in calls.portions_of([rows] if one else rows, FRAME_ROWS):
            while self.state.is_full:
                self._exchange(wait=True)
            self.state.put(payload, count)
            self._exchange(wait=False)

    def flush(self) -> None:
        """Returns when every row sent so far is acknowledged: it survives a power cut of the service."""
        while not self.state.is_done:
            self._exchange(wait=True)

    def _exchange(self, *, wait: bool) -> None:
        """Writes what is to be written and hears what has come, or with `wait` what comes next."""
        try:
            socket = self._connected()
            while (payload := self.state.next_payload()) is not None:
                socket.send(payload)
            while True:
                self.state.hear(socket.recv(timeout=None if wait else 0))
                wait = False
                self._trying = Patience(self._patience)
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            self._drop()
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            if code in FATAL_CODES:
                raise StreamRefused(code, reason) from None
            pause = self._trying.next_pause()
            if pause is None:
                raise Unreachable(f"{self._address} closes the socket: {reason or code}.") from None
            time.sleep(pause)

    def _connected(self) -> ClientConnection:
        if self._socket is not None:
            return self._socket
        while True:
            wait: float | None = None
            error: RoviError
            try:
                self._socket = self._open.enter_context(
                    connect(
                        self._address,
                        additional_headers=self._service.socket_headers,
                        compression=None,
                        proxy=None if self._service.is_here else True,
                    )
                )
                self.state.begin(self._socket.recv())
                return self._socket
            except InvalidStatus as refused:
                answer = refused.response
                refused_with = refusal(answer.status_code, answer.headers, bytes(answer.body or b""))
                wait, error = refused_with.retry_after, refused_with
                if answer.status_code not in (429, 502, 503, 504):
                    raise refused_with from None
            except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed) as broken:
                self._drop()
                error = Unreachable(f"{self._address} does not answer: {broken}.")
            pause = self._trying.next_pause(wait)
            if pause is None:
                raise error
            time.sleep(pause)

    def _drop(self) -> None:
        self._open.close()
        self._socket = None


FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".h5": "hdf5", ".hdf": "hdf5", ".hdf5": "hdf5"}


def format_of(path: Path) -> str:
    """Raises ValueError for an ending that tells no format."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise ValueError(f"{path.name!r} tells no format; end it in {', '.join(FORMATS)}, or say `format`.")
    return found


def part_of(path: str) -> Path:
    """Where a file is until it is whole."""
    return Path(f"{path}.part")


def as_events(reader: EventReader) -> dict[str, Any]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": reader.last_id} if reader.last_id else {})
    return {"headers": headers, "timeout": httpx.Timeout(SILENCE_SECONDS)}
