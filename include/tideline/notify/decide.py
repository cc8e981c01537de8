"""Which notices are due: a pure function of a stream's transitions, of what was told, and of the clock.

- A trouble is told at once, unless it was told less than 30 minutes ago. What comes again within them is told at their
  end if it still lasts. A warning never mutes a page.
- The end is told once, for all troubles told since the last end: when the stream is STABLE, and no trouble came after.
- What was not told, because nobody could be reached, is due again the next time; a day after its end it is no news.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tideline.keeper.lifecycle import ENDS, State
from tideline.keeper.verdict import Severity
from tideline.notify.notice import Happened, Notice, Told, Trouble

MUTED_MS: Final = 1_800_000
NEWS_MS: Final = 86_400_000
_OVER: Final = ENDS | {State.STABLE}


def due_notices(
    history: Sequence[Happened], told: Sequence[Told], now: int, least: Severity = Severity.WARN
) -> list[Notice]:
    """In the order to send them. `history` is oldest first; troubles below `least` are passed over."""
    newest: dict[Trouble, Happened] = {}
    for happened in history:
        trouble = happened.trouble
        if trouble is not None and (least is Severity.WARN or trouble.severity is Severity.PAGE):
            newest[trouble] = happened
    over_at = max((happened.id for happened in history if happened.to in _OVER), default=-1)
    due = [
        Notice(happened, trouble)
        for trouble, happened in sorted(newest.items(), key=lambda each: each[1].id)
        if _is_due(happened, _last(trouble, told), happened.id < over_at, now)
    ]
    pages = {notice.trouble.reason for notice in due if notice.trouble.severity is Severity.PAGE}
    due = [notice for notice in due if notice.trouble.severity is Severity.PAGE or notice.trouble.reason not in pages]
    return [*due, *_end(history, told, due, newest)]


def _last(trouble: Trouble, told: Sequence[Told]) -> Told | None:
    """The last notice that mutes this trouble."""
    mutes = [
        each
        for each in told
        if each.trouble.reason == trouble.reason and each.trouble.severity in (trouble.severity, Severity.PAGE)
    ]
    return max(mutes, key=lambda each: each.at, default=None)


def _is_due(happened: Happened, last: Told | None, is_over: bool, now: int) -> bool:
    is_news = not is_over or now - happened.at <= NEWS_MS
    if last is None:
        return is_news
    if last.transition >= happened.id or now - last.at < MUTED_MS:
        return False
    return is_news and (not is_over or happened.at - last.at >= MUTED_MS)


def _end(
    history: Sequence[Happened], told: Sequence[Told], due: Sequence[Notice], newest: dict[Trouble, Happened]
) -> list[Notice]:
    """The notice that all is well again, if it is and somebody was told otherwise."""
    stable = next((happened for happened in reversed(history) if happened.to is State.STABLE), None)
    if stable is None or any(happened.id > stable.id for happened in newest.values()):
        return []
    last_end = max((each.transition for each in told if each.trouble.reason == State.STABLE), default=-1)
    ended = {each.trouble: each.transition for each in told if last_end < each.transition < stable.id}
    ended |= {notice.trouble: notice.happened.id for notice in due}
    if not ended:
        return []
    severity = Severity.PAGE if any(each.severity is Severity.PAGE for each in ended) else Severity.WARN
    reasons = dict.fromkeys(each.reason for each in sorted(ended, key=ended.__getitem__))
    return [Notice(stable, Trouble(State.STABLE, severity), tuple(reasons))]
