"""What can be done to a stream from its page: each act is a run of a DAG, triggered as the user. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tideline.keeper.lifecycle import Desired

_ALL: Final = frozenset(Desired)


@dataclass(frozen=True)
class Act:
    """A button: the DAG it triggers, of streams wanted in which way it makes sense, and what it asks before."""

    dag_id: str
    label: str
    of: frozenset[Desired]
    asks: str = ""

    def refusal(self, desired: Desired) -> str:
        """Why it makes no sense now; empty when it does."""
        return "" if desired in self.of else f"the stream is wanted {desired.value}"


ACTS: Final = (
    Act("deploy_stream", "Deploy", _ALL),
    Act(
        "stop_stream",
        "Stop",
        frozenset({Desired.RUNNING, Desired.SUSPENDED}),
        "Its driver finishes the batch in flight and ends. Nothing starts it again until a deploy.",
    ),
    Act(
        "suspend_stream",
        "Suspend",
        frozenset({Desired.RUNNING}),
        "Its driver finishes the batch in flight and ends. Nothing starts it again until it is resumed.",
    ),
    Act("resume_stream", "Resume", frozenset({Desired.SUSPENDED})),
    Act("restart_stream", "Restart", frozenset({Desired.RUNNING})),
    Act(
        "rollback_stream",
        "Roll back",
        _ALL,
        "The spec before its own by which it was STABLE comes back; where the numbers differ, a new generation begins.",
    ),
    Act("reconcile_late_data", "Reconcile", _ALL),
)


@dataclass(frozen=True)
class Button:
    """An act as it is offered: `refusal` says why it cannot be pressed."""

    act: Act
    refusal: str = ""


def buttons(desired: Desired, may: frozenset[str], has_books: bool = True) -> tuple[Button, ...]:
    """The buttons of a stream for a user who may trigger these DAGs; a job has nothing to reconcile."""
    offered = [act for act in ACTS if has_books or act.dag_id != "reconcile_late_data"]
    return tuple(Button(act, _refusal(act, desired, may)) for act in offered)


def _refusal(act: Act, desired: Desired, may: frozenset[str]) -> str:
    return act.refusal(desired) if act.dag_id in may else f"you may not trigger {act.dag_id}"
