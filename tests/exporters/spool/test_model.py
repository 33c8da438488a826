"""The journal against a model: two processes on one folder append, replay, acknowledge and die, and files are damaged.

Records that wait according to the model are found, in order for each process; acknowledged ones never come back;
nothing is found that was not written; and what was lost to damage is counted.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool.journal import Receipt
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.segment import RecordState
from tests.support.journals import die, journal, payload

PROCESSES = st.integers(0, 1)


class Process:
    """A journal and what the model knows about it."""

    def __init__(self, folder: Path) -> None:
        self.log = journal(folder, max_bytes=2**22)
        self.log._segment_bytes = 600  # many small segments
        self.waiting: list[int] = []
        self.leased: dict[int, Receipt] = {}
        self.open: list[int] = []


class Spool(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.next_key = 0
        self.acknowledged: set[int] = set()
        self.orphans: set[int] = set()
        self.may_be_lost: set[int] = set()
        self.without_a_trace: set[int] = set()
        self.may_come_back: set[int] = set()
        """Acknowledged, but a power failure lost the end of the action: its start is replayed, which the row's key
        makes harmless."""
        self.damaged = False

    @initialize()
    def start(self) -> None:
        self.processes = [Process(self.folder), Process(self.folder)]

    def teardown(self) -> None:
        if hasattr(self, "processes"):
            self.drain()
            for process in self.processes:
                die(process.log)
        shutil.rmtree(self.folder)

    def key(self) -> int:
        self.next_key += 1
        return self.next_key

    @rule(number=PROCESSES, size=st.integers(0, 200), at_once=st.booleans())
    def append(self, number: int, size: int, at_once: bool) -> None:
        process, key = self.processes[number], self.key()
        state = RecordState.PENDING if at_once else RecordState.LEASED
        receipt = process.log.append(RecordType.SPAN, 1, key, payload(key, size), state)
        assert receipt is not None
        if at_once:
            process.waiting.append(key)
        else:
            process.leased[key] = receipt

    @rule(number=PROCESSES)
    def begin(self, number: int) -> None:
        process, key = self.processes[number], self.key()
        assert process.log.start(1, key, payload(key))
        process.open.append(key)

    @precondition(lambda self: any(process.open for process in self.processes))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        process = next(process for process in self.processes if process.open)
        key = data.draw(st.sampled_from(process.open))
        process.open.remove(key)
        receipt = process.log.append(RecordType.SPAN, 1, key, payload(key), RecordState.LEASED)
        assert receipt is not None
        process.leased[key] = receipt

    @rule(number=PROCESSES, limit=st.integers(1, 9))
    def lease(self, number: int, limit: int) -> None:
        process = self.processes[number]
        for receipt, record in process.log.lease(limit):
            assert int(record.payload.split(b".", 1)[0]) == record.key
            assert record.key in process.waiting
            assert record.key not in self.acknowledged - self.may_come_back
            process.waiting.remove(record.key)
            process.leased[record.key] = receipt

    @rule(number=PROCESSES, data=st.data())
    def acknowledge_or_release(self, number: int, data: st.DataObject) -> None:
        process = self.processes[number]
        some = data.draw(st.lists(st.sampled_from(sorted(process.leased)), unique=True)) if process.leased else []
        back = data.draw(st.booleans())
        receipts = [process.leased.pop(key) for key in some]
        if back:
            process.log.release(receipts)
            process.waiting += some
        else:
            process.log.acknowledge(receipts)
            self.acknowledged.update(some)

    @rule(number=PROCESSES)
    def adopt(self, number: int) -> None:
        process = self.processes[number]
        before, lost, adopted = process.log.pending, process.log.dropped[DropReason.DAMAGED], process.log.adopted
        found = process.log.adopt()
        lost = process.log.dropped[DropReason.DAMAGED] - lost
        assert process.log.adopted == adopted + found + lost
        assert lost >= len(self.orphans - self.without_a_trace) - found
        assert self.damaged or not lost
        assert process.log.pending == before + found
        assert len(self.orphans - self.may_be_lost) <= found <= len(self.orphans | self.may_come_back)
        leased = process.log.lease(10**6)
        process.log.release(receipt for receipt, _ in leased)
        there = [record.key for _, record in leased]
        assert {*process.waiting, *(self.orphans - self.may_be_lost)} <= set(there)
        assert set(there) <= {*process.waiting, *self.orphans, *self.may_come_back}
        process.waiting = there
        self.orphans.clear()

    @rule(number=PROCESSES, tidy=st.booleans(), torn=st.binary(max_size=60))
    def end_process(self, number: int, tidy: bool, torn: bytes) -> None:
        """End normally, or be killed, perhaps during a write."""
        process = self.processes[number]
        own = process.log.own_folder
        (process.log.close if tidy else lambda: die(process.log))()
        if torn and not tidy and own is not None and (files := sorted(own.glob("*.seg"))):
            with files[-1].open("ab") as file:
                file.write(torn)
            self.damaged = True
        self.orphans.update(process.waiting, process.leased, process.open)
        self.processes[number] = Process(self.folder)

    @rule(number=PROCESSES, lost=st.integers(1, 400))
    def power_cut(self, number: int, lost: int) -> None:
        """A power failure: unsynced data is lost, from the end of the newest segment, and perhaps acknowledgements."""
        process = self.processes[number]
        own = process.log.own_folder
        waiting = {*process.waiting, *process.leased, *process.open}
        die(process.log)
        if own is not None and (files := sorted(own.glob("*.seg"))):
            size = files[-1].stat().st_size
            with files[-1].open("ab") as file:
                file.truncate(max(0, size - lost))
            self.may_be_lost.update(waiting)
            self.without_a_trace.update(waiting)  # cut between two records, there is no sign that one is missing
            self.may_come_back.update(self.acknowledged)
            self.damaged = True
        self.orphans.update(waiting)
        self.processes[number] = Process(self.folder)

    @rule(number=PROCESSES, data=st.data())
    def damage(self, number: int, data: st.DataObject) -> None:
        """A process dies, and then the disk flips a bit of a waiting record."""
        process = self.processes[number]
        receipts = [process.leased[key] for key in sorted(process.leased) if not process.leased[key][0].retired]
        die(process.log)
        self.orphans.update(process.waiting, process.leased, process.open)
        if receipts:
            segment, index = data.draw(st.sampled_from(receipts))
            content = bytearray(segment.path.read_bytes())
            content[segment.offsets[index] + data.draw(st.integers(0, 26))] ^= 1 << data.draw(st.integers(0, 7))
            segment.path.write_bytes(bytes(content))
            key = next(key for key, receipt in process.leased.items() if receipt == (segment, index))
            # Actions running before the damage may have ended in the damaged part.
            self.may_be_lost.update({key}, process.open)
            self.may_be_lost.update(key for key in process.waiting)
            self.damaged = True
        self.processes[number] = Process(self.folder)

    @invariant()
    def what_waits_is_what_the_journal_says(self) -> None:
        for process in getattr(self, "processes", ()):
            assert process.log.pending == len(process.waiting)

    def drain(self) -> None:
        heir = self.processes[0]
        for key, receipt in list(self.processes[1].leased.items()):
            self.processes[1].log.release([receipt])
            self.processes[1].waiting.append(key)
        self.orphans.update(self.processes[1].waiting, self.processes[1].open)
        die(self.processes[1].log)
        self.processes[1] = Process(self.folder)
        heir.log.release(heir.leased.values())
        expected = {*heir.waiting, *heir.leased, *self.orphans}
        heir.log.adopt()
        found = [record.key for _, record in heir.log.lease(10**6)]
        assert len(found) == len(set(found))
        assert expected - self.may_be_lost <= set(found) <= expected | self.may_come_back
        assert not set(found) & (self.acknowledged - self.may_come_back)


class TestSpool(Spool.TestCase):  # type: ignore[misc, valid-type]  # made by hypothesis
    settings = settings(max_examples=60, stateful_step_count=40, suppress_health_check=list(HealthCheck), database=None)
