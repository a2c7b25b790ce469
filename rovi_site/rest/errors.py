"""Why a request was not carried out, whichever record it is about."""

from __future__ import annotations

from access.errors import Refused


class NoSuchFields(Refused):
    code = "no_such_fields"
    status = 400

    def __init__(self, strange: list[str], known: list[str]) -> None:
        message = f"There is no field {', '.join(strange)} here; there are {', '.join(known)}."
        super().__init__(message, hint="Name fields of the answer, separated by commas.", fields={"fields": [message]})


class HasChanged(Refused):
    code = "has_changed"
    status = 412
    hint = "Read it again, look at what changed, and send your change with the new ETag."

    def __init__(self, now: str) -> None:
        super().__init__(f"It is no longer what If-Match says: its ETag is {now} by now. Nothing was changed.")


class BadKey(Refused):
    code = "bad_idempotency_key"
    hint = "Send a new UUID for each thing that you ask for, and the same one when you ask for it again."

    def __init__(self, most: int) -> None:
        super().__init__(f"An Idempotency-Key is 1 to {most} printable ASCII characters.")


class KeyOfSomethingElse(Refused):
    code = "idempotency_key_reused"
    status = 422
    hint = "Send a new key with a new request."

    def __init__(self, key: str) -> None:
        super().__init__(f"The Idempotency-Key {key!r} came with another request before. Nothing was done.")


class StillUnderWay(Refused):
    code = "request_under_way"
    status = 409
    hint = "Ask again with the same key: the answer will be that of the first request."
    retry_after = 1

    def __init__(self, key: str) -> None:
        super().__init__(f"The request with the Idempotency-Key {key!r} is still being worked on.")


class AnswerNotKept(Refused):
    code = "answer_not_kept"
    status = 409
    hint = "Look at the list: what was asked for is there. Delete it and ask with a new key if the secret was lost."

    def __init__(self, key: str) -> None:
        super().__init__(f"The request with the Idempotency-Key {key!r} was carried out; its answer holds a secret.")
