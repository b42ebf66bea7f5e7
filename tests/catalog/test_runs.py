"""Runs, batches and leases: who works on what, and what happens when a worker falls silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Batch, Catalog
from filmroom.catalog.schema import ingest_batch, ingest_run
from filmroom.errors import ArchiveInUse, LeaseLost

Make = Callable[..., Any]


def begin(catalog: Catalog, batches: int, owner: str = "here o") -> tuple[int, list[int]]:
    run = catalog.begin_run("k", "{}", owner, 60)
    return run.id, [catalog.add_batch(run.id, [f"file {number}"]) for number in range(batches)]


def lease(catalog: Catalog, run: int | None, worker: str, seconds: int = 60) -> Batch:
    batch = catalog.lease_batch(run, worker, seconds)
    assert batch is not None
    return batch


def let_run_out(catalog: Catalog, *batches: int) -> None:
    """Let time pass for leases, or for the owner of the run where no batch is named."""
    past = dt.datetime(2020, 1, 1)
    with catalog._database.writing() as connection:
        if batches:
            connection.execute(
                sa.update(ingest_batch).where(ingest_batch.c.id.in_(batches)).values(lease_expires=past)
            )
        else:
            connection.execute(sa.update(ingest_run).values(owner_expires=past))


def test_batches_are_leased_in_order_and_once(catalog: Catalog) -> None:
    run, batches = begin(catalog, 3)
    assert [lease(catalog, run, worker).id for worker in ("a", "b", "a")] == batches
    assert catalog.lease_batch(run, "c", 60) is None
    assert catalog.lease_batch(None, "c", 60) is None
    assert catalog.unfinished_batches(run) == 3


def test_a_leased_batch_says_what_is_in_it(catalog: Catalog) -> None:
    run, (first,) = begin(catalog, 1)
    assert lease(catalog, None, "a") == Batch(first, run, ["file 0"])


def test_many_at_once_never_get_the_same(catalog: Catalog) -> None:
    run, batches = begin(catalog, 40)

    def take(number: int) -> list[int]:
        found = []
        while (batch := catalog.lease_batch(run, f"w {number}", 60)) is not None:
            found.append(batch.id)
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = [batch for found in pool.map(take, range(4)) for batch in found]
    # A row that another holds at that moment is passed over, so a few may be left for the next look.
    taken += take(5)
    assert sorted(taken) == batches


def test_a_lease_that_runs_out_goes_to_the_next_and_its_old_holder_is_refused(
    catalog: Catalog, make: Make
) -> None:
    run, (first,) = begin(catalog, 1)
    lease(catalog, run, "slow")
    let_run_out(catalog, first)
    assert catalog.lease_batch(run, "slow", 60) is None, "it is still at it"
    assert lease(catalog, run, "quick").id == first
    before = catalog.counts()
    with pytest.raises(LeaseLost):
        catalog.commit_batch(first, [make()], worker="slow")
    assert catalog.counts() == before
    assert [o.outcome for o in catalog.commit_batch(first, [make()], worker="quick")] == ["stored"]
    with pytest.raises(LeaseLost):
        catalog.commit_batch(first, [make("1.9")], worker="quick")
    assert catalog.counts()["instances"] == 1


def test_a_lease_that_ran_out_and_that_nobody_took_still_holds(catalog: Catalog, make: Make) -> None:
    run, (first,) = begin(catalog, 1)
    lease(catalog, run, "slow")
    let_run_out(catalog, first)
    catalog.commit_batch(first, [make()], worker="slow")
    assert catalog.unfinished_batches(run) == 0


def test_renewing_keeps_and_releasing_gives_back(catalog: Catalog) -> None:
    run, (first, second) = begin(catalog, 2)
    lease(catalog, run, "a")
    lease(catalog, run, "b")
    let_run_out(catalog, first, second)
    catalog.renew_leases("a", 60)
    assert lease(catalog, run, "c").id == second
    catalog.release_leases("a")
    assert lease(catalog, run, "d").id == first


def test_what_only_the_owner_can_read_goes_to_the_owner(catalog: Catalog) -> None:
    run, _ = begin(catalog, 0)
    alone = catalog.add_batch(run, ["copy"], shared=False)
    assert catalog.lease_batch(run, "helper", 60) is None
    assert catalog.open_runs()[0].unfinished == 0
    assert lease(catalog, run, "here o").id == alone


def test_a_run_has_one_living_owner(catalog: Catalog) -> None:
    run, _ = begin(catalog, 1)
    with pytest.raises(ArchiveInUse, match="already running on here"):
        catalog.begin_run("k", "{}", "there o", 60)
    assert catalog.begin_run("k", "{}", "here o", 60).resumed
    let_run_out(catalog)
    assert not catalog.open_runs()[0].alive
    again = catalog.begin_run("k", "{}", "there o", 60)
    assert (again.id, again.resumed) == (run, True)
    assert [(open_.owner, open_.alive) for open_ in catalog.open_runs()] == [("there o", True)]


def test_a_resumed_run_keeps_what_is_done_and_what_living_helpers_do(catalog: Catalog) -> None:
    run, (done, helped, mine, silent, _open) = begin(catalog, 5)
    assert lease(catalog, run, "helper").id == done
    catalog.commit_batch(done, [], worker="helper", record=lambda _outcomes: {"stored": 0})
    assert lease(catalog, run, "helper").id == helped
    assert lease(catalog, run, "here o").id == mine
    assert lease(catalog, run, "gone").id == silent
    let_run_out(catalog, silent)
    assert catalog.begin_run("k", "{}", "here o", 60).resumed
    assert [b.sources for b in catalog.batches(run, "done")] == [["file 0"]]
    assert [b.sources for b in catalog.batches(run, "leased")] == [["file 1"]]
    assert catalog.unfinished_batches(run) == 1
    assert catalog.batch_records(run, set()) == [(done, {"stored": 0})]
    assert catalog.batch_records(run, {done}) == []
    with pytest.raises(LeaseLost):
        catalog.commit_batch(silent, [], worker="gone")


def test_a_run_that_is_over_is_not_to_be_helped(catalog: Catalog) -> None:
    run, (first,) = begin(catalog, 1)
    lease(catalog, run, "slow")
    catalog.end_run(run, {})
    assert catalog.open_runs() == []
    with pytest.raises(LeaseLost):
        catalog.commit_batch(first, [], worker="slow")
