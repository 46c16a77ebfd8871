"""The same job with the parts of the production shape: PostgreSQL, Redis, and files in S3."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest

from tests.programs import Soundstage, free_port, postgres_server, redis_server, s3_store, soundstage
from tests.services.person import ACCOUNT, Person, signed_in
from tests.services.test_jobs import picture, row, seconds_of_sound


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="module")
def produced(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[tuple[Soundstage, Person]]:
    data = tmp_path_factory.mktemp("production")
    with (
        redis_server() as broker,
        soundstage(data, DATABASE_URL=postgres, CELERY_BROKER_URL=broker, LEASE_SECONDS="3", **ACCOUNT) as stage,
        signed_in(stage.url) as person,
    ):
        yield stage, person


@pytest.mark.redis
@pytest.mark.postgres
def test_with_postgres_and_redis_a_clip_gets_its_sound(produced: tuple[Soundstage, Person], clip: Path) -> None:
    stage, person = produced
    page = person.ask(clip)
    assert person.outcome(page) == "succeeded"
    assert picture(person.download(page, "video").content) == picture(clip)
    assert seconds_of_sound(person.download(page, "audio").content) == pytest.approx(2.0, abs=0.001)
    assert row(stage, page)["attempts"] == 1
    assert not (stage.data / "soundstage.sqlite3").exists()
    assert not (stage.data / "queue").exists()


@pytest.mark.redis
@pytest.mark.postgres
def test_with_postgres_and_redis_a_killed_worker_costs_nothing(produced: tuple[Soundstage, Person], clip: Path) -> None:
    stage, person = produced
    pages = [person.ask(prompt="rain", duration="30", quality_steps="50", seed=str(seed)) for seed in range(3)]
    person.wait(pages[0], "running")
    stage.kill("jobs.celery worker")
    assert [person.outcome(page) for page in pages] == ["succeeded"] * 3
    assert [row(stage, page)["happened"]["succeeded"] for page in pages] == [1, 1, 1]


@pytest.mark.redis
def test_a_broker_that_is_gone_delays_a_job_and_loses_none(tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as first:
        first.enter_context(redis_server(port))
        with (
            soundstage(
                tmp_path, CELERY_BROKER_URL=f"redis://127.0.0.1:{port}/0", LEASE_SECONDS="3", **ACCOUNT
            ) as stage,
            signed_in(stage.url) as person,
        ):
            assert httpx.get(f"{stage.url}/readyz").status_code == 200
            first.close()
            assert httpx.get(f"{stage.url}/readyz").json()["broker"] == "down"
            page = person.ask(prompt="rain", duration="1")
            assert person.phase(page) == "queued"
            with redis_server(port):
                assert person.outcome(page) == "succeeded"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with s3_store() as environment:
        yield environment


def test_with_s3_files_lie_in_the_bucket_and_only_the_team_is_sent_there(
    tmp_path: Path, clip: Path, store: dict[str, str]
) -> None:
    with soundstage(tmp_path, **store, **ACCOUNT) as stage, signed_in(stage.url) as person:
        page = person.ask(clip)
        assert person.outcome(page) == "succeeded"
        assert list((stage.data / "media").rglob("*.*")) == []
        assert httpx.get(f"{stage.url}/readyz").json()["storage"] == "ok"

        sent = person.client.get(f"/media{page}video?download")
        assert sent.status_code == 302
        there = urlsplit(sent.headers["Location"])
        assert f"{there.scheme}://{there.netloc}" == store["S3_ENDPOINT_URL"]
        assert int(parse_qs(there.query)["X-Amz-Expires"][0]) <= 900
        got = httpx.get(sent.headers["Location"])
        assert got.headers["Content-Type"] == "video/mp4"
        assert got.headers["Content-Disposition"] == 'attachment; filename="ball - seed 7.mp4"'
        assert picture(got.content) == picture(clip)
        part = httpx.get(sent.headers["Location"], headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        sound = httpx.get(person.client.get(f"/media{page}audio").headers["Location"])
        assert sound.headers["Content-Type"] == "audio/wav"
        assert sound.headers["Content-Disposition"].startswith("inline")
        assert seconds_of_sound(sound.content) == pytest.approx(2.0, abs=0.001)

        # One ZIP, by way of the web server.
        generation_id = page.split("/")[2]
        packed = person.send("/library/download/", {"generation": generation_id}, page="/library/")
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert picture(archive.read("ball - seed 7.mp4")) == picture(clip)

        # A guest is sent there for a minute, with an address that no cache keeps; after a revocation no more.
        shared = {"generation": generation_id, "confirmed": "yes", "days": "30"}
        person.send("/team/links/new/", shared, page="/team/links/")
        link = re.search(r"/share/[\w-]{43}/", person.client.get("/team/links/").text)
        assert link
        media = f"{stage.url}{link[0]}{generation_id}/playable"
        guest = httpx.get(media)
        assert guest.status_code == 302
        assert guest.headers["Cache-Control"] == "private, no-store"
        assert int(parse_qs(urlsplit(guest.headers["Location"]).query)["X-Amz-Expires"][0]) <= 60
        assert picture(httpx.get(guest.headers["Location"]).content) == picture(clip)
        revoke = re.search(r"/team/links/\d+/revoke/", person.client.get("/team/links/").text)
        assert revoke
        person.send(revoke[0], {})
        assert httpx.get(media).status_code == 404

        policy = person.client.get(page).headers["Content-Security-Policy"]
        assert f"media-src 'self' blob: {store['S3_ENDPOINT_URL']};" in policy
        stranger = httpx.get(f"{stage.url}/media{page}video")
        assert stranger.headers["Location"].startswith("/accounts/login/")

    kept = [name.split("/")[0] for name in names_in(store)]
    assert sorted(kept) == ["clips", "clips", "generations", "generations"]


def names_in(store: dict[str, str]) -> list[str]:
    """What lies in the bucket: clip and poster, video and audio."""
    client = boto3.client(
        "s3", endpoint_url=store["S3_ENDPOINT_URL"], region_name=store["S3_REGION"],
        aws_access_key_id=store["S3_ACCESS_KEY"], aws_secret_access_key=store["S3_SECRET_KEY"],
    )  # fmt: skip
    with closing(client):
        return [entry["Key"] for entry in client.list_objects_v2(Bucket=store["S3_BUCKET"])["Contents"]]
