"""The model file: whole or refused, old or new, never anything between."""

import hashlib
import io
import json
import math
import os
import pickle
import resource
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaery import storage
from vaery.core.errors import ModelFileError

MANIFEST = {"fields": [{"name": "age", "mean": 0.1 + 0.2}], "word": "Größe", "none": None}
TENSORS = {
    "weight": torch.linspace(-1, 1, 6).reshape(2, 3),
    "double": torch.tensor([math.pi], dtype=torch.float64),
    "half": torch.tensor([1.5, -0.25], dtype=torch.float16),
    "brain": torch.tensor([1.5], dtype=torch.bfloat16),
    "count": torch.tensor([-(2**62), 7]),
    "byte": torch.arange(3, dtype=torch.uint8),
    "flag": torch.tensor([True, False]),
    "scalar": torch.tensor(2.0),
    "empty": torch.zeros(0, 4),
    "nan": torch.tensor([math.nan, math.inf]),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "m.vaery"
    storage.write(path, MANIFEST, TENSORS, "# A card\n")
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a file that is small enough to break in every place."""
    path = tmp_path_factory.mktemp("small") / "m.vaery"
    storage.write(path, {"a": 1}, {"w": torch.tensor([1.0, 2.0])}, "card")
    return path.read_bytes()


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.numpy(force=True).tobytes() == b.numpy(force=True).tobytes()


def assert_refused(path):
    """One line that names the file."""
    with pytest.raises(ModelFileError) as caught:
        storage.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.isprintable(), message
    return message


def only(folder):
    """No leftovers: the folder's files, hidden ones too."""
    return sorted(os.listdir(folder))


# ------------------------------------------------------------------ round trips


def test_what_was_written_is_read(path):
    manifest, tensors = storage.read(path)
    assert {k: manifest[k] for k in MANIFEST} == MANIFEST
    assert manifest["format"] == storage.FORMAT
    assert tensors.keys() == TENSORS.keys()
    for name in set(TENSORS) - {"brain"}:  # NumPy has no bfloat16
        assert same(tensors[name], TENSORS[name]), name
    assert tensors["brain"].dtype == torch.bfloat16
    assert torch.equal(tensors["brain"], TENSORS["brain"])


TEXT = st.characters(exclude_categories=["Cs"])  # lone surrogates are not text
DTYPES = [torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool]


@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 3), max_size=3),
    seed=st.integers(0, 99),
    words=st.dictionaries(st.text(TEXT), st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
)
def test_round_trip(tmp_path_factory, dtype, shape, seed, words):
    path = tmp_path_factory.mktemp("round") / "m.vaery"
    tensor = (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 9).to(dtype)
    storage.write(path, {"words": words}, {"t": tensor})
    manifest, tensors = storage.read(path)
    assert manifest["words"] == words
    assert same(tensors["t"], tensor)


def test_same_content_same_bytes(tmp_path, path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1e9)
    monkeypatch.setattr(sys, "platform", "win32")
    storage.write(tmp_path / "other-name", MANIFEST, dict(reversed(TENSORS.items())), "# A card\n")
    assert (tmp_path / "other-name").read_bytes() == path.read_bytes()


def test_other_content_other_bytes(tmp_path, path):
    storage.write(tmp_path / "b", MANIFEST, TENSORS, "# Another card\n")
    assert (tmp_path / "b").read_bytes() != path.read_bytes()


def test_views_and_parameters_are_stored_by_value(tmp_path):
    whole = torch.arange(6.0).reshape(2, 3)
    storage.write(tmp_path / "m", {}, {"t": whole.T, "row": whole[0], "p": torch.nn.Parameter(whole)})
    _, tensors = storage.read(tmp_path / "m")
    assert torch.equal(tensors["t"], whole.T)
    assert torch.equal(tensors["row"], whole[0])
    assert not tensors["p"].requires_grad


def test_there_is_no_device_in_the_file(path):
    content = path.read_bytes()
    assert b"cpu" not in content
    assert b"cuda" not in content
    assert all(t.device.type == "cpu" for t in storage.read(path)[1].values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_of_a_gpu_give_the_same_bytes(tmp_path, path):
    storage.write(tmp_path / "b", MANIFEST, {k: v.cuda() for k, v in TENSORS.items()}, "# A card\n")
    assert (tmp_path / "b").read_bytes() == path.read_bytes()


def test_people_can_open_it(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.read("README.md") == b"# A card\n"
        assert json.loads(archive.read("manifest.json"))["word"] == "Größe"


def test_jsonable_is_json():
    plain = storage.jsonable(
        {1: (math.nan, np.float32(0.5)), "t": torch.arange(2), "s": "x", "inf": [np.inf, True, None]}
    )
    assert plain == {"1": [None, 0.5], "t": [0, 1], "s": "x", "inf": [None, True, None]}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


# ------------------------------------------------------------------ broken files


def test_every_truncation_is_refused(tmp_path, small):
    path = tmp_path / "cut.vaery"
    for length in range(len(small)):
        path.write_bytes(small[:length])
        assert_refused(path)


CHANGES = {"inverted": 0xFF, "lowest bit": 0x01, "highest bit": 0x80}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_every_flipped_byte_is_refused_or_does_not_matter(tmp_path, small, change):
    """What zip does not look at (dates, who made it) may change; what is read may not."""
    path = tmp_path / "flipped.vaery"
    path.write_bytes(small)
    manifest, tensors = storage.read(path)
    content = content_of(small)
    for place in range(len(small)):
        broken = bytearray(small)
        broken[place] ^= change
        path.write_bytes(broken)
        found = refused_or_read(path)
        if found is not None:
            assert place not in content
            assert found[0] == manifest
            assert found[1].keys() == tensors.keys()
            assert all(same(found[1][k], tensors[k]) for k in tensors)


def refused_or_read(path):
    try:
        return storage.read(path)
    except ModelFileError:
        assert_refused(path)
        return None


def content_of(small):
    """The places in the file that hold members, not zip's own records."""
    places = set()
    for data in members_of(small).values():
        start = small.index(data)
        places |= set(range(start, start + len(data)))
    return places


def archive(path, members, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as target:
        for name, data in members:
            target.writestr(zipfile.ZipInfo(name), data, compress_type=how)


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return {name: source.read(name) for name in source.namelist()}


def with_manifest(path, small, text):
    archive(path, {**members_of(small), "manifest.json": text}.items())


def test_a_rebuilt_file_is_accepted(tmp_path, small):
    """The helpers here do build files that are refused for what is changed, and for nothing else."""
    archive(tmp_path / "m", members_of(small).items())
    assert storage.read(tmp_path / "m")[0]["a"] == 1


def test_foreign_zips(tmp_path, small):
    path = tmp_path / "m"
    archive(path, [])
    assert "holds nothing" in assert_refused(path)
    archive(path, [("word/document.xml", "<x/>")])
    assert "word/document.xml" in assert_refused(path)
    archive(path, [*members_of(small).items(), ("more.txt", "x")])
    assert_refused(path)
    archive(path, [*members_of(small).items(), ("../../evil", "x")])
    assert_refused(path)
    archive(path, [("evil\n\x1b[31m" * 99, "x")])
    assert len(assert_refused(path)) < len(str(path)) + 300


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members(tmp_path, small, how):
    archive(tmp_path / "m", members_of(small).items(), how)
    assert "compressed" in assert_refused(tmp_path / "m")


def test_a_bomb_is_not_unpacked(tmp_path, small):
    archive(
        tmp_path / "m", {**members_of(small), "weights.safetensors": bytes(200 << 20)}.items(), zipfile.ZIP_DEFLATED
    )
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "too large" in assert_refused(tmp_path / "m")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start < 100 << 10  # KiB


def test_duplicate_names(tmp_path, small):
    with pytest.warns(UserWarning, match="Duplicate"):
        archive(tmp_path / "m", [*members_of(small).items(), ("manifest.json", b"{}")])
    assert_refused(tmp_path / "m")


@pytest.mark.parametrize("claim", [0, 1, 10**6, 2**32 - 2])
@pytest.mark.parametrize("which", [20, 24])  # where a central header holds the compressed and the full size
def test_claimed_sizes(tmp_path, small, claim, which):
    path = tmp_path / "m"
    for found in range(3):
        broken, place = bytearray(small), -1
        for _ in range(found + 1):
            place = broken.index(b"PK\x01\x02", place + 1)
        broken[place + which : place + which + 4] = struct.pack("<I", claim)
        path.write_bytes(broken)
        assert_refused(path)


def test_members_may_not_overlap(tmp_path, small):
    """Two names on the same bytes: one of them has the wrong header before it."""
    broken, first = bytearray(small), small.index(b"PK\x01\x02")
    second = small.index(b"PK\x01\x02", first + 1)
    broken[second + 42 : second + 46] = broken[first + 42 : first + 46]
    (tmp_path / "m").write_bytes(broken)
    assert_refused(tmp_path / "m")


def test_an_encrypted_member(tmp_path, small):
    broken = bytearray(small)
    broken[small.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "m").write_bytes(broken)
    assert_refused(tmp_path / "m")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b'{"format": 1}', b'{"format": 1, "digests": []}',
        b'{"format": 1, "digests": null}', b'{"format": 1, "digests": {"weights.safetensors": 3}}', b"\xff\xfe{}",
        b'{"format": true}', b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000,
    ],
    ids=lambda text: text[:40].decode("latin1"),
)  # fmt: skip
def test_bad_manifests(tmp_path, small, text):
    with_manifest(tmp_path / "m", small, text)
    assert_refused(tmp_path / "m")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_json_is_strict(tmp_path, small, number):
    text = members_of(small)["manifest.json"].replace(b'"a": 1', f'"a": {number}'.encode())
    with_manifest(tmp_path / "m", small, text)
    assert number in assert_refused(tmp_path / "m")


def test_another_format_says_so(tmp_path, small):
    text = members_of(small)["manifest.json"].replace(b'"format": 1', b'"format": 2')
    with_manifest(tmp_path / "m", small, text)
    assert "update vaery" in assert_refused(tmp_path / "m")


def test_a_manifest_cannot_pass_for_another_format(tmp_path):
    storage.write(tmp_path / "m", {"format": 99, "digests": {}}, {})
    assert storage.read(tmp_path / "m")[0]["format"] == storage.FORMAT


@pytest.mark.parametrize("name", ["weights.safetensors", "README.md"])
def test_members_of_another_file(tmp_path, small, name):
    """Each member whole, but not the ones the manifest was written with."""
    storage.write(tmp_path / "b", {}, {"w": torch.zeros(2)}, "drac")
    swapped = {**members_of(small), name: members_of((tmp_path / "b").read_bytes())[name]}
    archive(tmp_path / "m", swapped.items())
    assert name in assert_refused(tmp_path / "m")


HUGE = b'{"w":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,8]}}'
FALSE_WEIGHTS = {
    "empty": b"",
    "too short": b"x" * 7,
    "header beyond the end": struct.pack("<Q", 2**63) + b"{}",
    "left over": struct.pack("<Q", 2) + b"{}" + b"left over",
    "shape beyond the data": struct.pack("<Q", len(HUGE)) + HUGE + bytes(8),
}


@pytest.mark.parametrize("weights", FALSE_WEIGHTS.values(), ids=list(FALSE_WEIGHTS))
def test_a_false_header_in_the_weights(tmp_path, small, weights):
    """Digests say who wrote it, not that it can be believed: the reader of tensors must refuse by itself."""
    members = members_of(small)
    manifest = json.loads(members["manifest.json"])
    manifest["digests"]["weights.safetensors"] = hashlib.sha256(weights).hexdigest()
    members |= {"weights.safetensors": weights, "manifest.json": json.dumps(manifest).encode()}
    archive(tmp_path / "m", members.items())
    assert_refused(tmp_path / "m")


class Boom:
    def __reduce__(self):
        return os.mkdir, ("boom",)


def test_a_pickle_is_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").write_bytes(pickle.dumps(Boom()))
    assert_refused(tmp_path / "m")
    torch.save({"w": Boom()}, tmp_path / "t")
    assert_refused(tmp_path / "t")
    assert only(tmp_path) == ["m", "t"]


def test_no_file_an_empty_file_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        storage.read(tmp_path / "m")
    (tmp_path / "m").touch()
    assert_refused(tmp_path / "m")
    assert "folder" in assert_refused(tmp_path)


def test_a_file_that_may_not_be_read_is_not_called_damaged(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(PermissionError):
        storage.read(path)


# ------------------------------------------------------------------ whole or not at all


@pytest.mark.parametrize("manifest", [{"x": math.nan}, {"x": object()}, {"x": {1, 2}}])
def test_what_cannot_be_written_leaves_the_old_file(path, manifest):
    before = path.read_bytes()
    with pytest.raises((TypeError, ValueError)):
        storage.write(path, manifest, {})
    assert path.read_bytes() == before
    assert only(path.parent) == ["m.vaery"]


def test_a_full_disk_leaves_the_old_file(path):
    """The system refuses to let the file grow past every size that is too small for it."""
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, len(before), 97):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(OSError):
                storage.write(path, {**MANIFEST, "word": "Grösse"}, TENSORS, "# A card\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == before
        assert only(path.parent) == ["m.vaery"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_system_call_leaves_the_old_file(path, monkeypatch, call, error):
    before = path.read_bytes()

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error)):
            storage.write(path, {}, {})
    assert path.read_bytes() == before
    assert only(path.parent) == ["m.vaery"]
    storage.write(path, {}, {})
    assert path.read_bytes() != before


def test_a_new_file_appears_in_one_step(tmp_path, monkeypatch):
    """At the moment of renaming the target does not exist yet, and what will be it is whole."""
    seen = []
    replace = os.replace

    def watch(source, target):
        seen.append((os.path.exists(target), storage.read(source)[0]["a"], os.path.dirname(source)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    storage.write(tmp_path / "m", {"a": 5}, {})
    assert seen == [(False, 5, str(tmp_path))]


KILLED = """
import os, random, signal, sys, time, torch
from vaery import storage

torch.set_num_threads(1)
path, rng = sys.argv[1], random.Random(0)
for round in range(5):
    child = os.fork()
    while child == 0:
        i = random.randrange(10**9)
        storage.write(path, {"i": i}, {"w": torch.full((20_000,), i)})
    time.sleep(rng.uniform(0.05, 0.2))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    manifest, tensors = storage.read(path)
    assert (tensors["w"] == manifest["i"]).all()
    print(manifest["i"])
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new(tmp_path):
    path = tmp_path / "m.vaery"
    storage.write(path, {"i": -1}, {"w": torch.full((20_000,), -1)})
    ran = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    found = ran.stdout.split()
    assert len(found) == 5
    assert len(set(found)) > 1  # the writers did write
