"""A stream's whole life under random events: whatever happens, the table holds and there is never a second driver."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.fuse import Fuse, Killed
from support.keeper_world import BY, SPEC, STREAM, World
from tideline.keeper.epochs import current_epoch, tag_of
from tideline.keeper.lifecycle import TRANSITIONS, Desired, State


class Life(RuleBasedStateMachine):
    """People, drivers, witnesses and time do as they please; the keeper ticks in between."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name))
        self.world.ask(Desired.RUNNING, SPEC)
        self.batch = 0

    def teardown(self) -> None:
        self.world.registry.close()
        self._folder.cleanup()

    @rule(desired=st.sampled_from(Desired))
    def a_person_asks(self, desired: Desired) -> None:
        self.world.ask(desired)

    @rule(text=st.sampled_from(["a", "b"]))
    def a_person_changes_the_spec(self, text: str) -> None:
        self.world.ask(Desired.RUNNING, f"{SPEC}description: {text}\n")

    @rule(status=st.sampled_from([-1, 0, 1, 64, 65, 66, 70, 137]))
    def the_driver_ends(self, status: int) -> None:
        if self.world.launcher.state.alive:
            self.world.launcher.end(status)

    @rule(idle=st.integers(0, 4), state=st.sampled_from(["starting", "running"]))
    def the_driver_beats(self, idle: int, state: str) -> None:
        if self.world.launcher.state.alive:
            self.world.beat(idle_triggers=idle, state=state)

    @rule(count=st.integers(1, 3))
    def the_driver_commits(self, count: int) -> None:
        if self.world.launcher.state.alive:
            for _ in range(count):
                self.world.commit(self.batch, end=self.batch)
                self.batch += 1

    @rule(reachable=st.booleans())
    def the_launcher_comes_and_goes(self, reachable: bool) -> None:
        self.world.launcher.reachable = reachable

    @rule(end=st.none() | st.integers(0, 50))
    def the_broker_grows_or_goes(self, end: int | None) -> None:
        self.world.log_ends = None if end is None else {0: end}

    @rule(unkillable=st.booleans())
    def the_driver_may_not_be_killed(self, unkillable: bool) -> None:
        self.world.launcher.unkillable = unkillable

    @rule(seconds=st.sampled_from([1, 10, 70, 400]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.pass_seconds(seconds)

    @rule(seconds=st.sampled_from([0, 10, 70, 400]))
    def the_keeper_ticks(self, seconds: int) -> None:
        self.world.clock.pass_seconds(seconds)
        self.world.tick()

    @rule(at=st.integers(1, 25), after=st.booleans())
    def a_keeper_is_killed(self, at: int, after: bool) -> None:
        fuse = Fuse(at, after)
        with suppress(Killed):
            self.world.new_keeper(fuse.guard(self.world.registry), fuse.guard(self.world.launcher)).tick(STREAM, BY)

    @invariant()
    def there_is_never_a_second_driver(self) -> None:
        assert len(self.world.launcher.live) <= 1

    @invariant()
    def every_step_is_of_the_table(self) -> None:
        steps = self.world.registry.transitions(STREAM, 10_000)[::-1]
        assert all(step.to_state in TRANSITIONS[step.from_state] for step in steps)
        assert all(a.to_state is b.from_state for a, b in pairwise(steps))
        assert not steps or steps[-1].to_state is self.world.row.state

    @invariant()
    def epochs_only_grow_and_the_newest_is_the_registrys(self) -> None:
        epochs = [step.epoch for step in self.world.registry.transitions(STREAM, 10_000)][::-1]
        assert epochs == sorted(epochs)
        assert current_epoch(self.world.home.stream(STREAM).epochs) <= self.world.row.epoch

    @invariant()
    def each_submit_has_an_epoch_and_its_file_of_its_own(self) -> None:
        submits, folder = self.world.launcher.submits, self.world.home.stream(STREAM).epochs
        files = {tag_of(STREAM, int(file.name)) for file in folder.glob("*")}
        assert len(submits) == len(set(submits))
        assert set(submits) <= files

    @invariant()
    def an_end_has_no_driver(self) -> None:
        if self.world.row.state in (State.STOPPED, State.SUSPENDED):
            assert not self.world.launcher.live


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
