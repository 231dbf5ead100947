"""Objects at rest, encrypted: read as before with the key, not at all without it, and never half one or the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catenary.config import Home
from catenary.errors import CatenaryError, Damaged, InvalidInput, Refused
from catenary.store import Artifact, Store
from catenary.store.encryption import KEYRING, key_in, make_key
from catenary.store.erasures import leftover
from catenary.store.objects import locked
from tests.store.killing import lines_of
from tests.store.making import make

SECRET = "酒店很好，下次还来。" * 20


pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    path = tmp_path / ".catenary"
    return Home(path, f"sqlite:///{path / 'catalog.db'}")


def in_a_process(home: Home, body: str, *arguments: object) -> list[str]:
    """The command of a process that opens the store and then does `body`."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom catenary.config import Home\n"
        "from catenary.store import Store\n"
        "with Store.open(Home(Path(sys.argv[1]), sys.argv[2])) as store:\n" + indent(body, "    ")
    )
    return [sys.executable, "-c", code, str(home.path), home.catalog_url, *map(str, arguments)]


def secret(store: Store, number: int) -> Artifact:
    return make(store, number, files={"a.txt": SECRET, "part/b.bin": "b" * 2_500_000, "empty": ""})


def on_disk(home: Home) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted((home.path / "objects").rglob("*")) if path.is_file()}


def readable(store: Store, artifact: Artifact) -> None:
    got = store.get(artifact.id)
    assert got.manifest == artifact.manifest
    assert (got.path / "a.txt").read_text("utf-8") == SECRET
    assert (got.path / "part" / "b.bin").stat().st_size == 2_500_000
    assert (got.path / "empty").read_bytes() == b""
    assert got.path.name == artifact.id
    assert store.verify() == []


def test_what_was_there_and_what_comes_is_encrypted_and_plain_again(store: Store, home: Home) -> None:
    assert store.encryption() is None
    before = secret(store, 1)
    plain = on_disk(home)
    store.encrypt("on")
    after = secret(store, 2)
    assert SECRET.encode() not in b"".join(on_disk(home).values())
    assert not any(b"curate" in data for data in on_disk(home).values())  # manifests quote documents
    for artifact in (before, after):
        readable(store, artifact)
    told = store.encryption()
    assert told is not None
    assert (told.on, told.encrypted, told.older, told.plain) == (True, 8, 0, 0)
    store.encrypt("off")
    assert {path: on_disk(home)[path] for path in plain} == plain
    for artifact in (before, after):
        readable(store, artifact)
        assert store.get(artifact.id).path == store.get(artifact.id).folder
    assert not (home.path / "work").exists() or not any((home.path / "work").iterdir())


def test_plain_files_are_its_owners_alone_and_go_with_the_process(
    store: Store, home: Home, tmp_path: Path
) -> None:
    store.encrypt("on")
    artifact = secret(store, 1)
    body = (
        "path = store.get(sys.argv[3]).path\n"
        "assert store.get(sys.argv[3]).path == path\n"
        "assert path.parents[1].stat().st_mode & 0o077 == 0\n"
        "print((path / 'a.txt').stat().st_size, len(list(Path(sys.argv[4]).glob('*/*/*/a.txt'))))\n"
        "if len(sys.argv) > 5: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = in_a_process(home, body, artifact.id, tmp_path / "plain")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == [str(len(SECRET.encode())), "1"], done.stderr
    assert not any((tmp_path / "plain").iterdir())
    subprocess.run([*command, "killed"], capture_output=True)
    assert list((tmp_path / "plain").rglob("a.txt"))
    assert any("decrypted into memory" in finding.text("en") for finding in store.doctor())
    assert not list((tmp_path / "plain").rglob("a.txt"))
    readable(store, artifact)
    assert store.doctor() == []  # what a living process holds stays


def test_without_room_nothing_is_written_elsewhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.encrypt("on")
    artifact = make(store, 7, files={"b.txt": "seven"})
    monkeypatch.setenv("CATENARY_PLAIN", "/nowhere/at/all")
    with pytest.raises(Refused, match="no room"):
        _ = artifact.path
    assert store.get(artifact.id).manifest == artifact.manifest


def test_a_new_key_opens_and_the_old_one_does_not(
    store: Store, home: Home, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.encrypt("on")
    artifact = secret(store, 1)
    before = on_disk(home)
    make_key(tmp_path / "new.key")
    store.encrypt("rotate", key_in(tmp_path / "new.key"))
    assert on_disk(home) == before
    with pytest.raises(Refused, match="another key"):
        store.get(artifact.id)
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(tmp_path / "new.key"))
    readable(store, artifact)
    monkeypatch.delenv("CATENARY_OBJECT_KEY_FILE")
    monkeypatch.setenv("CATENARY_OBJECT_KEY", (tmp_path / "new.key").read_text())
    readable(store, artifact)


def test_a_new_data_key_encrypts_everything_anew(store: Store, home: Home) -> None:
    store.encrypt("on")
    artifact = secret(store, 1)
    before = on_disk(home)
    store.encrypt("renew")
    assert all(data != before[path] for path, data in on_disk(home).items())
    readable(store, artifact)
    told = store.encryption()
    assert told is not None
    assert (told.encrypted, told.older) == (4, 0)


def test_neither_a_missing_key_nor_another_loses_anything(
    store: Store, home: Home, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.encrypt("on")
    artifact = secret(store, 1)
    before = on_disk(home)
    make_key(tmp_path / "other.key")
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(tmp_path / "other.key"))
    cases = {"another key": None, "no key is set": "", "cannot be read": str(tmp_path / "missing")}
    for told, value in cases.items():
        if value is not None:
            monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", value)
        for act in (store.verify, store.doctor, store.encryption, lambda: secret(store, 2)):
            with pytest.raises(Refused, match=told):
                act()
        with pytest.raises(Refused, match=told):
            store.get(artifact.id)
    monkeypatch.setenv("CATENARY_OBJECT_KEY", "bm90IGEga2V5")
    with pytest.raises(InvalidInput, match="no object key") as refused:
        store.verify()
    assert "bm90" not in str(refused.value)
    monkeypatch.delenv("CATENARY_OBJECT_KEY")
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(key))
    key.chmod(0o644)
    with pytest.raises(Refused, match="readable by others"):
        store.verify()
    key.chmod(0o600)
    ring = (home.path / KEYRING).read_bytes()
    (home.path / KEYRING).unlink()
    with pytest.raises(Refused, match="list of its keys is gone"):
        store.verify()
    (home.path / KEYRING).write_bytes(ring)
    assert {path: on_disk(home)[path] for path in before} == before
    readable(store, artifact)


def test_an_altered_list_of_keys_is_refused(store: Store, home: Home) -> None:
    store.encrypt("on")
    make(store, 1)
    ring = (home.path / KEYRING).read_text()
    for altered in (
        ring.replace("true", "false"),
        ring[:-40],
        "{}",
        ring.replace('"keys": {', '"keys": {"x": "",'),
    ):
        assert altered != ring
        (home.path / KEYRING).write_text(altered)
        with pytest.raises(Damaged, match="list of data keys"):
            make(store, 2)
    (home.path / KEYRING).write_text(ring)
    make(store, 2)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_byte_of_any_object_counts(store: Store, home: Home, where: float, flip: int) -> None:
    if store.encryption() is None:
        store.encrypt("on")
    artifact = make(store, 1, files={"a.txt": "文", "b.txt": "b" * 99})
    everything = [(path, place) for path, data in on_disk(home).items() for place in range(len(data))]
    path, place = everything[int(where * len(everything))]
    before = path.read_bytes()
    path.write_bytes(before[:place] + bytes([before[place] ^ flip]) + before[place + 1 :])
    assert store.verify()
    path.write_bytes(before)
    assert store.verify() == []
    assert store.get(artifact.id) == artifact


def test_objects_cannot_change_places(store: Store) -> None:
    store.encrypt("on")
    one, two = make(store, 1, files={"a.txt": "one"}), make(store, 2, files={"a.txt": "two"})
    (one.folder / "a.txt").write_bytes((two.folder / "a.txt").read_bytes())
    with pytest.raises(Damaged):
        _ = one.path
    assert [finding.about for finding in store.verify()] == [one.id[:12]]


def test_an_emptied_object_is_encrypted_too(store: Store) -> None:
    store.encrypt("on")
    artifact = secret(store, 1)
    [row] = store.artifacts()
    store.empty(row)
    assert leftover(artifact.folder) == []
    assert b"curate" not in (artifact.folder / "manifest.json").read_bytes()
    assert store.opened(store.artifacts()[0]).manifest.stage == "curate"
    assert store.verify() == []


def test_gc_and_doctor_know_of_it(store: Store) -> None:
    store.encrypt("on")
    kept, gone = make(store, 1), make(store, 2)
    store.point("reviews", "datasets.a", kept.id)
    assert [row.id for row in store.gc().artifacts] == [gone.id]
    assert not gone.folder.exists()
    assert store.doctor() == []
    assert store.verify() == []


def test_nobody_encrypts_what_another_process_has_open(store: Store, home: Home) -> None:
    artifact = secret(store, 1)
    server = subprocess.Popen(
        in_a_process(home, "print('open', flush=True)\nsys.stdin.read()\n"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"open\n"
        with pytest.raises(Refused, match="other processes have them open") as refused:
            store.encrypt("on")
        assert str(server.pid) in str(refused.value)
        assert store.encryption() is None
    finally:
        server.kill()
        server.communicate()
    assert list((home.path / "locks").glob(f"open-{server.pid}-*"))  # it died without a word
    store.encrypt("on")
    assert not list((home.path / "locks").glob(f"open-{server.pid}-*"))
    readable(store, artifact)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
def test_what_a_killed_process_leaves_goes_when_the_next_opens_the_home(store: Store, home: Home) -> None:
    said_open = in_a_process(home, "print('open', flush=True)\nsys.stdin.read()\n")
    both = [
        subprocess.Popen(said_open, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in ("killed", "living")
    ]
    killed, living = both
    locks = home.path / "locks"
    try:
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
        killed.kill()
        killed.communicate()
        assert list(locks.glob(f"open-{killed.pid}-*"))
        with Store.open(home):
            assert not list(locks.glob(f"open-{killed.pid}-*"))
            assert list(locks.glob(f"open-{living.pid}-*"))
        with pytest.raises(Refused) as refused:
            store.require_alone()
        assert str(living.pid) in str(refused.value)
    finally:
        for process in both:
            process.kill()
            process.communicate()
    with Store.open(home):
        assert len(list(locks.glob("open-*"))) == 2  # the stores that are open here


def test_processes_that_open_a_home_at_once_are_all_seen(home: Home) -> None:
    """Each clears away what it finds free, and none that is just opening."""
    Store.open(home).close()
    body = (
        "from catenary.store import in_use\n"
        "from catenary.store.objects import locked\n"
        "for _ in range(50):\n"
        "    here = in_use.enter(store.home.path)\n"
        "    name = Path(here.lock_file)\n"
        "    assert name.exists()\n"
        "    with locked(store.home.path, name.name) as free:\n"
        "        assert not free\n"
        "    in_use.leave(here)\n"
    )
    processes = [subprocess.Popen(in_a_process(home, body)) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert not list((home.path / "locks").glob("open-*"))


def test_nobody_opens_what_is_being_encrypted(store: Store, home: Home) -> None:
    artifact = secret(store, 1)
    with locked(home.path, "encryption") as mine:
        assert mine
        with pytest.raises(Refused, match="being encrypted or decrypted"):
            Store.open(home)
        with pytest.raises(Refused, match="Another process is encrypting"):
            store.encrypt("on")
    with Store.open(home) as another:  # the file of the lock is there still, and nobody holds it
        readable(another, artifact)
    store.encrypt("on")
    with Store.open(home) as another:
        readable(another, artifact)
    assert len(list((home.path / "locks").glob("open-*"))) == 1  # the store that is open


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_line_all_can_be_read_and_it_goes_on(home: Home) -> None:
    with Store.open(home) as store:
        artifacts = [
            make(store, number, files={"a.txt": SECRET, "c.txt": str(number)}) for number in range(2)
        ]
    how: tuple[str, ...] = ("on", "renew", "off")
    for change in how:
        for number in range(5):
            done = _killed(home, change, 40 + 190 * number)
            with Store.open(home) as store:
                for artifact in artifacts:
                    assert (store.get(artifact.id).path / "a.txt").read_text("utf-8") == SECRET
                store.doctor()
                assert store.verify() == []
            if done:
                break
        with Store.open(home) as store:
            store.encrypt(change if change != "renew" else "on")  # type: ignore[arg-type]
            told = store.encryption()
            assert told is not None
            assert (told.older, told.plain if told.on else told.encrypted) == (0, 0)
    assert not list((home.path / "objects").rglob(".*"))


def _killed(home: Home, change: str, line: int) -> bool:
    """Whether a process that changes the encryption and dies before this line of ours came to its end."""
    child = os.fork()
    if child == 0:
        try:
            with Store.open(home) as store:
                lines_of(lambda: store.encrypt(change), line)  # type: ignore[arg-type]
        except CatenaryError:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
