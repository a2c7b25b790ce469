"""The client that is awaited: for programs that do more than one thing at once. All else is as in `facing_sync`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from rovi_client import calls
from rovi_client.asking import API, Answer, Ask, Call, Failure, Patience, Pause
from rovi_client.calls import PORTION_ROWS, EventReader, Rows, Tell
from rovi_client.connecting import Service, answer_of, failure_of, request_arguments, service_at
from rovi_client.errors import RoviError, Unreachable, refusal
from rovi_client.facing_sync import as_events, format_of, part_of
from rovi_client.records import Battery, Columns, Comparison, Data, Estimator, Forecast, Job, JobEvent, Uploaded
from rovi_client.streams import FATAL_CODES, FRAME_ROWS, StreamRefused, StreamState, socket_address

T = TypeVar("T")


class AsyncClient:
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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service = service_at(url, token, user, password)
        self._patience = patience
        self._http = httpx.AsyncClient(
            base_url=self._service.url,
            headers=self._service.headers,
            timeout=timeout,
            transport=transport,
            trust_env=not self._service.is_here,
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    # --- batteries ------------------------------------------------------------------------------------------
    async def batteries(self, search: str | None = None) -> list[Battery]:
        """All of them by name, or those whose name or description holds `search`."""
        return await self._run(calls.batteries(self._patience, search))

    async def battery(self, name: str) -> Battery:
        """Raises NotFound."""
        return await self._run(calls.battery(self._patience, name))

    async def register(self, name: str, metadata: Data | None = None, description: str = "") -> Battery:
        """Makes a battery; `metadata` is a BatteryMetadata document. Raises Conflict where it is there already."""
        return await self._run(calls.register(self._patience, name, metadata, description))

    async def change(self, battery: Battery, **changes: Any) -> Battery:
        """Changes description, metadata, finished, …; raises PreconditionFailed where somebody else did meanwhile."""
        return await self._run(calls.change(self._patience, battery, changes))

    async def delete(self, battery: Battery) -> None:
        """Deletes it with all that hangs on it, for good."""
        await self._run(calls.delete(self._patience, battery))

    # --- rows ------------------------------------------------------------------------------------------
    async def upload(
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
        return await self._run(calls.upload(self._patience, name, rows, start, portion, progress))

    def stream(self, name: str) -> AsyncRowStream:
        """A socket for rows as they are measured; a context. What is sent before a break is sent again after it."""
        return AsyncRowStream(self._service, name, self._patience)

    async def rows(
        self,
        name: str,
        *,
        start: float | None = None,
        end: float | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Columns:
        """Rows in order of arrival; `start` and `end` are test_time, s."""
        return await self._run(calls.rows_of(self._patience, name, start, end, columns, limit))

    async def export(
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
        return await self._run(calls.export(self._patience, name, target, format or format_of(target), params))

    async def import_file(self, path: str | Path, battery: str | None = None, progress: Tell | None = None) -> Job:
        """Brings in a data file and waits for it; raises JobFailed."""
        with Path(path).open("rb") as content:
            told = await self._run(calls.import_file(self._patience, Path(path).name, content, battery))
        return await self.wait(told["job"], progress)

    # --- health ------------------------------------------------------------------------------------------
    async def register_estimator(self, battery: str, **wishes: Any) -> Estimator:
        """`kind="joint_ukf", preset="nmc", parameters={…}` for the built-in filter; `definition=…` for a script."""
        return await self._run(calls.register_estimator(self._patience, battery, wishes))

    async def estimator(self, battery: str) -> Estimator:
        """The current one; raises NotFound."""
        return await self._run(calls.current_estimator(self._patience, battery))

    async def caught_up(self, battery: str, seconds: float = 300.0) -> Estimator:
        """Waits until all rows are estimated; raises JobFailed where the estimator fails, TimeoutError."""
        return await self._run(calls.caught_up(self._patience, battery, seconds))

    async def estimates(
        self, battery: str, *, start: float | None = None, end: float | None = None, limit: int | None = None
    ) -> Columns:
        """Of the current estimator, in order of time: each quantity with its standard deviation `…_sd`."""
        return await self._run(calls.estimates(self._patience, battery, start, end, limit))

    # --- forecasts ------------------------------------------------------------------------------------------
    async def forecast(self, battery: str, progress: Tell | None = None, **wishes: Any) -> Forecast:
        """Asks for one and waits for it: `ahead_time` (s), `resolution` (s), `kind`, a load. Raises JobFailed."""
        asked = await self._run(calls.request_forecast(self._patience, battery, wishes))
        if asked["job"] is not None:
            await self.wait(asked["job"], progress)
        return await self._run(calls.forecast(self._patience, asked["id"]))

    async def compare(
        self, battery: str, loads: Mapping[str, Data], progress: Tell | None = None, **wishes: Any
    ) -> Comparison:
        """Asks for a forecast under each of two to eight loads by their labels, and waits for all."""
        asked = await self._run(calls.request_comparison(self._patience, battery, loads, wishes))
        if asked["job"] is not None:
            await self.wait(asked["job"], progress)
        return await self._run(calls.comparison(self._patience, asked["id"]))

    async def forecast_result(self, number: int) -> Forecast:
        """A forecast by its id, with its columns once it is done."""
        return await self._run(calls.forecast(self._patience, number))

    # --- jobs ------------------------------------------------------------------------------------------
    async def job(self, number: int) -> Job:
        return await self._run(calls.job(self._patience, number))

    async def cancel(self, number: int) -> Job:
        return await self._run(calls.cancel(self._patience, number))

    async def retry(self, number: int) -> Job:
        """The new job that does the same."""
        return await self._run(calls.retry(self._patience, number))

    async def wait(self, number: int, progress: Tell | None = None) -> Job:
        """Until the job has ended; `progress` is called at each change. Raises JobFailed in the service's words."""
        async for event in self.follow(number):
            if progress is not None:
                progress(event)
        return await self._run(calls.ended(self._patience, number))

    async def follow(self, number: int) -> AsyncIterator[JobEvent]:
        """Each change of a job, as it is told, until it has ended."""
        reader, patience = EventReader(), Patience(self._patience)
        while True:
            try:
                async with self._http.stream("GET", f"{API}/jobs/{number}/events/", **as_events(reader)) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        raise refusal(response.status_code, response.headers, await response.aread())
                    async for line in response.aiter_lines():
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
            await asyncio.sleep(pause)

    # --- how ------------------------------------------------------------------------------------------
    async def _run(self, call: Call[T]) -> T:
        answer: Answer | Failure | None = None
        while True:
            try:
                step = call.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
            else:
                answer = await self._answer(step)

    async def _answer(self, ask: Ask) -> Answer | Failure:
        try:
            request = self._http.build_request(**request_arguments(ask))
            if not ask.to_file:
                response = await self._http.send(request)
                return answer_of(response, response.content)
            response = await self._http.send(request, stream=True)
            async with contextlib.aclosing(response):
                if response.status_code >= 400:
                    return answer_of(response, await response.aread())
                with part_of(ask.to_file).open("wb") as file:
                    async for piece in response.aiter_bytes():
                        file.write(piece)
            part_of(ask.to_file).replace(ask.to_file)
            return answer_of(response, b"")
        except httpx.TransportError as error:
            return failure_of(error, self._service)


class AsyncRowStream:
    """Rows of one battery over a socket. `state.rejected` tells what was refused, by number of the row."""

    def __init__(self, service: Service, battery: str, patience: float) -> None:
        self.state = StreamState()
        self._address = socket_address(service.url, battery)
        self._service = service
        self._patience = patience
        self._trying = Patience(patience)  # since the service was last heard of
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> AsyncRowStream:
        await self._connected()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        """Waits until all is acknowledged, unless an error is on its way out."""
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._drop()

    async def send(self, rows: Rows) -> None:
        """A record, a list of records, a map of columns or a DataFrame. Waits while much is not acknowledged."""
        one = isinstance(rows, Mapping) and not any(isinstance(value, list) for value in rows.values())
        for payload, count in calls.portions_of([rows] if one else rows, FRAME_ROWS):
            while self.state.is_full:
                await self._exchange(wait=True)
            self.state.put(payload, count)
            await self._exchange(wait=False)

    async def flush(self) -> None:
        """Returns when every row sent so far is acknowledged: it survives a power cut of the service."""
        while not self.state.is_done:
            await self._exchange(wait=True)

    async def _exchange(self, *, wait: bool) -> None:
        """Writes what is to be written and hears what has come, or with `wait` what comes next."""
        try:
            socket = await self._connected()
            while (payload := self.state.next_payload()) is not None:
                await socket.send(payload)
            while True:
                self.state.hear(await (socket.recv() if wait else asyncio.wait_for(socket.recv(), 0.001)))
                wait = False
                self._trying = Patience(self._patience)
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            await self._drop()
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            if code in FATAL_CODES:
                raise StreamRefused(code, reason) from None
            pause = self._trying.next_pause()
            if pause is None:
                raise Unreachable(f"{self._address} closes the socket: {reason or code}.") from None
            await asyncio.sleep(pause)

    async def _connected(self) -> ClientConnection:
        if self._socket is not None:
            return self._socket
        while True:
            wait: float | None = None
            error: RoviError
            try:
                self._socket = await connect(
                    self._address,
                    additional_headers=self._service.socket_headers,
                    compression=None,
                    proxy=None if self._service.is_here else True,
                )
                self.state.begin(await self._socket.recv())
                return self._socket
            except InvalidStatus as refused:
                answer = refused.response
                refused_with = refusal(answer.status_code, answer.headers, bytes(answer.body or b""))
                wait, error = refused_with.retry_after, refused_with
                if answer.status_code not in (429, 502, 503, 504):
                    raise refused_with from None
            except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed) as broken:
                await self._drop()
                error = Unreachable(f"{self._address} does not answer: {broken}.")
            pause = self._trying.next_pause(wait)
            if pause is None:
                raise error
            await asyncio.sleep(pause)

    async def _drop(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None
