"""The database keeps what was committed, refuses what it cannot read, and forgets completely."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select

from generation.errors import StorageError
from generation.limits import Limits
from generation.store import Ended, Store, tables
from generation.types import BlobId, JobState, OwnerId, ScopeId, StoredOutput
from tests.generation.stage import NOW, SCOPE, request

ROOT = Path(__file__).parents[3]

COMMITTING = """
import asyncio, sys
from generation.limits import Limits
from generation.store import Store
from tests.generation.stage import request

async def main() -> None:
    store = await Store.open(sys.argv[1])
    limits = Limits(max_queued=100_000, max_per_day=100_000)
    while True:
        job = (await store.jobs.admit(request(), defaults=limits, bound=100_000)).job
        print(job.id, flush=True)

asyncio.run(main())
"""


def url(directory: Path) -> str:
    return f"sqlite:///{directory / 'easel.db'}"


async def test_a_process_killed_while_committing_loses_nothing_it_had_confirmed(
    tmp_path: Path,
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMITTING,
        url(tmp_path),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    confirmed = [(await child.stdout.readline()).decode().strip() for _ in range(50)]
    child.send_signal(signal.SIGKILL)
    rest = (await child.stdout.read()).decode().split("\n")
    await child.wait()
    confirmed += [line for line in rest[:-1] if line]

    store = await Store.open(url(tmp_path))
    stored = [item.id for item in (await store.jobs.line()).waiting]
    await store.aclose()
    assert stored[: len(confirmed)] == confirmed
    # One more may have been committed whose confirmation the kill cut off.
    assert len(stored) - len(confirmed) in {0, 1}


async def test_what_was_written_is_there_when_opened_again(tmp_path: Path) -> None:
    wish = request()
    store = await Store.open(url(tmp_path))
    await store.jobs.admit(wish, defaults=Limits(), bound=10)
    await store.aclose()
    store = await Store.open(url(tmp_path))
    assert (await store.jobs.job(wish.id)) is not None
    await store.aclose()


async def test_a_job_of_an_older_version_lacks_options_and_is_read_all_the_same(
    tmp_path: Path,
) -> None:
    wish = request()
    store = await Store.open(url(tmp_path))
    await store.jobs.admit(wish, defaults=Limits(), bound=10)
    await store.aclose()
    with sqlite3.connect(tmp_path / "easel.db") as connection:
        connection.execute("UPDATE jobs SET params = json_remove(params, '$.exact', '$.eta')")
    connection.close()
    store = await Store.open(url(tmp_path))
    job = await store.jobs.job(wish.id)
    await store.aclose()
    assert job is not None
    assert job.request.params.exact is False


async def test_a_cancelled_caller_leaves_its_transaction_whole(store: Store) -> None:
    wish = request(inputs=(BlobId("a" * 64),))
    for _ in range(20):
        caller = asyncio.create_task(store.jobs.admit(wish, defaults=Limits(), bound=10))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    job = await store.jobs.job(wish.id)
    assert job is not None
    assert job.request == wish


async def test_the_migrations_lead_to_the_tables_the_code_uses(store: Store) -> None:
    differences = await store._database.transact(
        lambda c: compare_metadata(
            MigrationContext.configure(c, opts={"compare_type": True}), tables.metadata
        )
    )
    assert differences == []


async def test_an_older_database_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    path, wish = tmp_path / "easel.db", request()
    store = await Store.open(url(tmp_path))
    await store.jobs.admit(wish, defaults=Limits(), bound=10)
    await store.aclose()
    _back_to_the_first_version(path)

    store = await Store.open(url(tmp_path))
    job = await store.jobs.job(wish.id)
    await store.aclose()
    assert job is not None
    assert job.request.weight == 1.0
    with sqlite3.connect(tmp_path / "easel.db.before-0002") as before:
        assert before.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert before.execute("SELECT id FROM jobs").fetchone() == (wish.id,)
    before.close()


async def test_a_fresh_or_current_database_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        store = await Store.open(url(tmp_path))
        await store.aclose()
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["easel.db"]


def _back_to_the_first_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE jobs DROP COLUMN weight")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


async def test_commits_wait_for_the_disk(store: Store) -> None:
    pragmas = await store._database.transact(
        lambda c: [
            c.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    )
    full = 2
    assert pragmas == ["wal", full, 1, 5000]


async def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))
    await store.aclose()
    with sqlite3.connect(tmp_path / "easel.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match=r"newer version .*9999.* install that version"):
        await Store.open(url(tmp_path))


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "easel.db").write_bytes(b"not a database " * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        await Store.open(url(tmp_path))


async def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    store, path = await Store.open(url(tmp_path)), tmp_path / "easel.db"
    for _ in range(50):
        await store.jobs.admit(request(), defaults=Limits(max_queued=100), bound=100)
    await store.aclose()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8192] = b"\xff" * 8192
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"damaged|malformed"):
        await Store.open(url(tmp_path))
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "wrong", ["easel.db", "mysql://localhost/easel", "postgresql://localhost/easel"]
)
async def test_an_address_of_another_kind_is_refused(wrong: str) -> None:
    with pytest.raises(StorageError, match="database URL"):
        await Store.open(wrong)


async def test_a_full_disk_is_an_error_of_ours_and_passes(store: Store) -> None:
    async def pages(count: int) -> None:
        await store._database.transact(
            lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {count}").all()
        )

    await pages(1)
    large = request(prompt="long " * 100_000)
    with pytest.raises(StorageError, match="full"):
        await store.jobs.admit(large, defaults=Limits(), bound=100)
    assert await store.jobs.job(large.id) is None
    await pages(100_000)
    await store.jobs.admit(request("bob"), defaults=Limits(), bound=100)


async def test_a_database_locked_by_another_process_is_waited_for(
    store: Store, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "easel.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store.jobs.admit(request(), defaults=Limits(), bound=10))
    await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    assert not (await waiting).duplicate


async def test_forgetting_a_person_leaves_nothing_of_them_in_any_table(store: Store) -> None:
    for owner in ("ada", "bob"):
        wish = request(owner, inputs=(BlobId(owner[0] * 64), BlobId("f" * 64)))
        await store.jobs.admit(wish, defaults=Limits(), bound=10)
        output = StoredOutput(
            blob=BlobId(f"{owner[0]}1" * 32), media_type="image/png", width=8, height=8, seed=1
        )
        ended = Ended(outcome=JobState.DONE, at=NOW, outputs=(output,))
        await store.jobs.end(wish.id, JobState.QUEUED, ended)
    before = await rows(store)

    forgotten = await store.forget_owner(OwnerId("ada"))

    assert forgotten.jobs == 1
    assert forgotten.blobs == {"a" * 64, "a1" * 32}  # not the one that Bob's job has as well
    after = await rows(store)
    personal = [table.name for table in tables.metadata.sorted_tables if is_personal(table.name)]
    assert sorted(personal) == ["inputs", "jobs", "outputs"]
    assert {name: after[name] for name in personal} == {
        name: before[name] // 2 for name in personal
    }
    assert await owners(store) == {"bob"}


def is_personal(name: str) -> bool:
    """Whether rows of the table belong to somebody, themselves or through a job."""
    table = tables.metadata.tables[name]
    parents = {key.column.table.name for key in table.foreign_keys}
    return "owner" in table.c or "jobs" in parents


async def rows(store: Store) -> dict[str, int]:
    return await store._database.transact(
        lambda c: {
            table.name: c.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }
    )


async def owners(store: Store) -> set[str]:
    return await store._database.transact(
        lambda c: {
            owner
            for table in tables.metadata.sorted_tables
            if "owner" in table.c
            for owner in c.execute(select(table.c.owner)).scalars()
        }
    )


async def test_a_scopes_limits_follow_the_defaults_where_it_set_none(store: Store) -> None:
    await store.settings.set_limit(SCOPE, "max_steps", 30, Limits())
    assert await store.settings.limits(SCOPE, Limits(max_count=2)) == Limits(
        max_steps=30, max_count=2
    )
    assert await store.settings.limits(ScopeId("guild:2"), Limits()) == Limits()
    await store.settings.set_limit(SCOPE, "max_steps", Limits().max_steps, Limits())
    assert await store.settings.limits(SCOPE, Limits(max_steps=5)) == Limits(max_steps=5)


async def test_two_admins_who_set_different_limits_at_once_both_have_their_way(
    store: Store,
) -> None:
    await asyncio.gather(
        store.settings.set_limit(SCOPE, "max_steps", 30, Limits()),
        store.settings.set_limit(SCOPE, "max_count", 2, Limits()),
    )
    assert await store.settings.limits(SCOPE, Limits()) == Limits(max_steps=30, max_count=2)


async def test_a_setting_is_kept_per_scope_until_it_is_forgotten(store: Store) -> None:
    await store.settings.set(SCOPE, "style", {"name": "ink", "weights": [1, 2.5, None]})
    await store.settings.set(SCOPE, "style", {"name": "oil"})
    assert await store.settings.get(SCOPE, "style") == {"name": "oil"}
    assert await store.settings.get(ScopeId("guild:2"), "style") is None
    await store.settings.set(SCOPE, "style", None)
    assert await store.settings.get(SCOPE, "style") is None


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))
    await store.aclose()
    await store.aclose()
    with pytest.raises(StorageError, match="closed"):
        await store.jobs.line()


async def test_what_was_asked_for_before_the_store_is_closed_is_done(tmp_path: Path) -> None:
    store, wish = await Store.open(url(tmp_path)), request()
    asked = asyncio.create_task(store.jobs.admit(wish, defaults=Limits(), bound=10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await store.aclose()
    assert (await asked).job.id == wish.id
