"""Every line of the lab's safety, attacked: over real sockets where the attack is in the bytes."""

import io
import json
import os
import socket
import time
import zipfile

import httpx
import numpy as np
import pytest
from laboratory import OWN, TOKEN, opened

from ornstein.common.errors import InputError
from ornstein.lab.limits import KIB, Limits
from ornstein.lab.serve import serve

LIMITS = Limits(body=64 * KIB, upload=256 * KIB, head=0.6, pause=0.6, waiting=3, running=1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab"), LIMITS) as laboratory:
        yield laboratory


def wired(lab, first):
    """The head of a request as it goes over the line."""
    return first.replace("{port}", str(lab.port)).replace("\n", "\r\n").encode("latin-1")


def raw(lab, first, body=b"", patience=5.0):
    """The answer to bytes as they are; empty where the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", lab.port), timeout=patience) as line:
        line.sendall(wired(lab, first) + body)
        line.settimeout(patience)
        found = b""
        try:
            while piece := line.recv(65536):
                found += piece
        except (TimeoutError, ConnectionError):
            pass
        return found


def head(path, *more, method="GET", host="127.0.0.1:{port}"):
    """The head of a request with the token."""
    return "\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {TOKEN}", *more, "\n"])


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer else 0


# Who may ask


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:{port}",
        "",
        "127.0.0.1:{port}@evil",
        "0.0.0.0:{port}",
    ],
)
def test_a_foreign_host_is_refused(lab, host):
    """What a page of another site that points its own name at this machine sends (DNS rebinding)."""
    answer = raw(lab, head("/api/jobs", "Connection: close", host=host))
    assert status(answer) in (400, 403)
    assert b'"jobs"' not in answer


def test_our_own_names_are_served(lab):
    for host in ("127.0.0.1", "LOCALHOST"):
        answer = raw(lab, head("/api/jobs", "Connection: close", host=f"{host}:{{port}}"))
        assert status(answer) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "",
        "file://",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_origin_is_refused(lab, origin, method):
    answer = lab.client.request(method, "/api/jobs", content=b"{}", headers={"origin": origin.replace("{port}", str(lab.port))})
    assert answer.status_code == 403
    assert "error" in answer.json()


def test_a_cookie_alone_changes_nothing(lab):
    """A form of another site would carry the cookie of a browser that is lax about it, but no Origin of ours."""
    cookie = lab.client.get(f"/?token={TOKEN}").headers["set-cookie"].split(";")[0]
    with httpx.Client(base_url=f"http://127.0.0.1:{lab.port}", headers={"cookie": cookie}) as browser:
        assert browser.get("/api/jobs").status_code == 200
        assert browser.post("/api/jobs", json={}).status_code == 403
        assert browser.post("/api/jobs", json={}, headers={"origin": f"http://127.0.0.1:{lab.port}"}).status_code == 422
        for site in ("cross-site", "same-site"):
            assert browser.get("/api/jobs", headers={"sec-fetch-site": site}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/workbench", "/api/jobs", "/api/files", "/api/lesson/scene", "/api/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer"},
        {"authorization": TOKEN},
        {"cookie": "ornstein=x"},
        {"cookie": b"=;;;\xff"},
    ],
)
def test_without_the_token_nothing_is_shown(lab, path, headers):
    with httpx.Client(base_url=f"http://127.0.0.1:{lab.port}", headers=headers) as stranger:
        for query in ("", "?token=", "?token=wrong"):
            answer = stranger.get(path + query)
            assert answer.status_code == 401
            assert TOKEN not in answer.text + str(answer.headers)


def test_the_token_opens_once_and_leaves_the_address(lab):
    answer = httpx.get(f"{lab.address}&lang=zh")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?lang=zh"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    for path in ("//evil.example/", "/\\evil.example", "/%0d%0aset-cookie:x=1"):
        moved = raw(lab, f"GET {path}?token={TOKEN} HTTP/1.1\nHost: 127.0.0.1:{{port}}\nConnection: close\n\n")
        assert not moved.split(b"location: ")[1].startswith((b"//", b"/\\"))
        assert b"\r\nset-cookie:x" not in moved.lower()


def test_every_answer_tells_the_browser_what_to_refuse(lab):
    for answer in (
        lab.get("/"),
        lab.get("/web/main.js"),
        lab.get("/api/jobs"),
        lab.get("/nothing"),
        httpx.get(f"http://127.0.0.1:{lab.port}/"),
    ):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_another_address_needs_consent_and_a_secret(tmp_path):
    for told in ({}, {"remote": True}, {"remote": True, "token": "short"}, {"token": "long enough for a secret"}):
        with pytest.raises(InputError, match="allow-remote"):
            serve(tmp_path, host="0.0.0.0", **told)


# Paths

DOTS = ["..", "%2e%2e", ".%2e", "%2e.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "．．", "..%5c..", "..\\..", "....//", "%u002e%u002e"]
TARGETS = ["/etc/passwd", "//etc/passwd", "/C:/windows/win.ini", "C:%5cwindows%5cwin.ini", "%2fetc%2fpasswd", "file:///etc/passwd"]


@pytest.mark.parametrize("root", ["/web/", "/views/", "/web/bench/", "/api/jobs/", "/api/files/"])
def test_no_address_leads_outside(lab, root):
    for dots in DOTS:
        for depth in (1, 3, 8):
            for slash in ("/", "%2f", "%5c"):
                path = root + slash.join([dots] * depth) + slash + "app.py"
                answer = raw(
                    lab,
                    f"GET {path} HTTP/1.1\nHost: 127.0.0.1:{{port}}\nAuthorization: Bearer {TOKEN}\nConnection: close\n\n".encode().decode(
                        "latin-1"
                    ),
                )
                assert status(answer) in (400, 404, 405), path
                assert b"import" not in answer, path
    for target in TARGETS:
        answer = raw(lab, head(f"{root}{target}", "Connection: close"))
        assert status(answer) in (400, 404, 405)
        assert b"root:" not in answer


@pytest.mark.parametrize(
    "name",
    [
        "../../x.csv",
        "..\\..\\x.csv",
        "/etc/cron.d/x.csv",
        "C:\\x.csv",
        "x\0.csv",
        ".csv",
        "a" * 5000 + ".csv",
        "<script>alert(1)</script>.csv",
        "x.csv/..",
        "CON.csv",
    ],
)
def test_the_name_of_a_file_is_only_words(lab, name):
    answer = lab.client.post("/api/files", params={"name": name}, content=b"a,b\n1,2\n2,3\n")
    assert answer.status_code in (201, 422)
    inside = {path.name for path in lab.folder.rglob("*")}
    assert inside <= {"files", "jobs", "curves", ".lock", "about.json", "data.csv", *(i for i in inside if len(i) == 16)}
    if answer.status_code == 201:
        told = answer.json()
        assert len(told["name"]) <= 200
        assert "/" not in told["name"]
        assert "\\" not in told["name"]
        assert lab.client.delete(f"/api/files/{told['id']}").status_code == 204


def test_links_in_the_folder_are_not_followed(lab, tmp_path):
    """Whoever can write into the folder still cannot make the page read elsewhere."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "data.csv").write_text("secret,1\n")
    told = lab.client.post("/api/files?name=a.csv", content=b"a,b\n1,2\n2,3\n").json()
    kept = lab.folder / "files" / told["id"] / "data.csv"
    kept.unlink()
    kept.symlink_to(secret / "data.csv")
    assert lab.client.post("/api/jobs", json={"kind": "open", "file": told["id"]}).status_code == 404
    (lab.folder / "files" / ("0" * 16)).symlink_to(secret, target_is_directory=True)
    (lab.folder / "jobs" / ("0" * 16)).symlink_to(secret, target_is_directory=True)
    (lab.folder / "curves" / f"{'0' * 16}.json").symlink_to(secret / "data.csv")
    assert "0" * 16 not in lab.get("/api/files").text + lab.get("/api/jobs").text
    for path in (f"/api/jobs/{'0' * 16}/parts/data", f"/api/curves/{'0' * 16}", f"/api/jobs/{'0' * 16}/events"):
        assert lab.get(path).status_code == 404


# Sizes


def test_too_large_is_refused_before_it_has_come(lab):
    for path, most in (("/api/jobs", LIMITS.body), ("/api/files?name=a.csv", LIMITS.upload)):
        answer = raw(lab, head(path, f"Content-Length: {most + 1}", method="POST"))
        assert status(answer) == 413
        assert b"KiB" in answer


def test_too_large_in_pieces_without_a_length_is_refused(lab):
    def pieces():
        for _ in range(100):
            yield b"1,2\n" * 1024

    answer = lab.client.post("/api/files?name=a.csv", content=pieces())
    assert answer.status_code == 413
    assert "256 KiB" in answer.json()["error"]
    assert not [path for path in (lab.folder / "files").iterdir() if path.name.startswith(".")]


def test_the_folder_has_a_budget(tmp_path):
    with opened(tmp_path, Limits(kept=20 * KIB)) as small:
        assert small.client.post("/api/files?name=a.csv", content=b"1,2\n" * 3000).status_code == 201
        answer = small.client.post("/api/files?name=a.csv", content=b"1,2\n" * 3000)
        assert answer.status_code == 413
        assert "20 KiB" in answer.json()["error"]


def bomb():
    """An NPZ file of 100 kB whose array would be 100 MB, and claims 64 GiB."""
    content = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 1, 2**13)})
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
        packed.open("values.npy", "w", force_zip64=True) as entry,
    ):
        entry.write(header.getvalue())
        for _ in range(100):
            entry.write(bytes(10**6))
    return content.getvalue()


def claim(shape, descr="<f8", rest=b"\0" * 64):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue() + rest


FILES = {
    "bomb.npz": bomb(),
    "32-gib.npy": claim((2**16, 1, 2**16)),
    "beyond.npy": claim((2**40, 2**40)),
    "pickle.npy": claim((3,), "|O", b"cposix\nsystem\n(S'true'\ntR."),
    "cut.wav": b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\xff\xff\xff\x7f",
    "cut.edf": b"0       " + b" " * 236 + b"99999999" + b"1       " + b"9999",
    "noise.parquet": b"PAR1" + bytes(200) + b"PAR1",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_lies_fails_with_a_sentence(lab, name):
    ident = lab.client.post(f"/api/files?name={name}", content=FILES[name]).json()["id"]
    last = lab.events(lab.start("open", file=ident))[-1]
    assert last["is"] == "failed", last
    assert "defect" not in last["why"]
    assert str(lab.folder) not in last["why"]
    assert not [path for path in lab.folder.rglob("*.npy") if path.stat().st_size > 10**6]


def test_names_in_a_file_stay_text(lab):
    """They come as JSON strings, not as markup; the page makes text of them (see the browser tests)."""
    bad = "<img src=x onerror=alert(1)>"
    content = f'time,"{bad}",b\n' + "\n".join(f"{k},{k * k % 7},{k % 3}" for k in range(30))
    ident = lab.client.post("/api/files?name=a.csv", content=content.encode()).json()["id"]
    job = lab.done("open", file=ident)
    answer = lab.get(f"/api/jobs/{job}/parts/result")
    assert answer.headers["content-type"] == "application/vnd.ornstein.arrays"
    assert bad.encode() in answer.content
    script = lab.get(f"/api/jobs/{job}/script")
    compile(script.text, "done.py", "exec")


@pytest.mark.parametrize("name", ["'); import os; os.system('x'); ('.csv", '""" + x + """.csv', "a\nimport os\n.csv"])
def test_a_name_cannot_break_out_of_the_script(lab, name):
    import ast

    ident = lab.client.post("/api/files", params={"name": name}, content=b"a,b\n1,2\n2,3\n3,5\n").json()["id"]
    tree = ast.parse(lab.get(f"/api/jobs/{lab.done('open', file=ident)}/script").text)
    assert [node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)] == ["ornstein"]


# Questions


@pytest.mark.parametrize(
    "content",
    [
        b'{"kind": "train-reversal", "steps": NaN}',
        b'{"kind": "train-reversal", "steps": Infinity}',
        b'{"kind": "train-reversal", "steps": 1e400}',
        b'{"kind": "train-reversal", "steps": ' + b"9" * 5000 + b"}",
        b'{"kind":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[]",
        b"null",
        b"",
        b"{",
        b'"kind"',
        b"\xff\xfe",
        b'{"kind": "__class__"}',
        b'{"kind": ["open"]}',
        b'{"kind": "open", "path": "/etc/passwd"}',
        b'{"kind": "open", "file": "../../../../etc/passwd"}',
        b'{"kind": "open", "file": 7}',
        b'{"kind": "train-reversal", "steps": true}',
        b'{"kind": "train-reversal", "steps": 1e9}',
        b'{"kind": "train-reversal", "seed": -1}',
        b'{"kind": "fill", "signals": "0000000000000000", "model": "0000000000000000", "case": 0, "gaps": [[0, 5]]}',
    ],
)
def test_a_question_that_is_none_is_refused(lab, content):
    answer = lab.client.post("/api/jobs", content=content)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]


def test_a_model_is_what_a_fit_of_this_lab_has_written(lab):
    """Neither a file that was sent, nor a job of another kind, nor one that failed, is loaded as one."""
    kept = lab.client.post("/api/files?name=a.csv", content=b"a,b\n1,2\n2,3\n3,5\n").json()["id"]
    opened, failed = (
        lab.done("open", file=kept),
        lab.start("open", file=lab.client.post("/api/files?name=b.csv", content=b"a\nx\n").json()["id"]),
    )
    lab.events(failed)
    for ident, status in ((kept, 404), (opened, 422), (failed, 422)):
        answer = lab.client.post("/api/jobs", json={"kind": "sample", "model": ident})
        assert answer.status_code == status
        assert status == 404 or "finished job of kind fit" in answer.json()["error"]


def test_looking_changes_nothing(lab):
    """Every GET twice: the folder is the same to the byte."""

    def state():
        return {str(path): path.stat().st_mtime_ns for path in lab.folder.rglob("*")}

    jobs = [job["id"] for job in lab.get("/api/jobs").json()["jobs"] if job["newest"]["is"] in ("done", "failed")]
    before = state()
    for path in (
        "/",
        "/api/jobs",
        "/api/files",
        "/api/lesson/scene",
        *(f"/api/jobs/{job}{end}" for job in jobs for end in ("", "/cancel", "/events", "/script", "/parts/result")),
    ):
        lab.get(path)
    assert state() == before


def test_no_method_does_what_it_should_not(lab):
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE"):
        assert lab.client.request(method, "/api/jobs").status_code == 405
        assert lab.client.request(method, "/").status_code == 405


# Pace


def test_a_head_that_trickles_in_is_cut_off(lab):
    """Slow loris: a byte now and then keeps no connection."""
    with socket.create_connection(("127.0.0.1", lab.port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        line.settimeout(0.1)
        closed = False
        while time.monotonic() - began < 5 and not closed:
            try:
                line.sendall(b"X-a: b\r\n")
                closed = line.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    assert closed
    assert time.monotonic() - began < 3


def test_a_connection_that_says_nothing_is_cut_off(lab):
    with socket.create_connection(("127.0.0.1", lab.port), timeout=5) as line:
        assert line.recv(1) == b""


def test_a_body_that_stops_is_given_up(lab):
    began = time.monotonic()
    answer = raw(lab, head("/api/jobs", "Content-Length: 1000", method="POST"), b'{"kind"')
    assert status(answer) == 408
    assert time.monotonic() - began < 3
    assert lab.get("/api/jobs").status_code == 200


def test_many_who_hold_on_leave_room_for_others(lab):
    lines = [socket.create_connection(("127.0.0.1", lab.port)) for _ in range(100)]
    try:
        for line in lines:
            line.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert lab.get("/api/jobs").status_code == 200
    finally:
        for line in lines:
            line.close()


def test_uploads_that_break_off_leave_nothing(lab):
    before = set(lab.get("/api/files").text.split('"id"'))
    begun = wired(lab, head("/api/files?name=a.csv", "Content-Length: 100000", method="POST")) + b"1,2\n" * 100
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", lab.port)) as line:
            line.sendall(begun)
    end = time.monotonic() + 5
    while (left := [p for p in (lab.folder / "files").iterdir() if p.name.startswith(".")]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left
    assert set(lab.get("/api/files").text.split('"id"')) == before


def test_fifty_jobs_at_once_are_a_few_and_refusals(lab):
    answers = [lab.client.post("/api/jobs", json={"kind": "train-reversal", "steps": 4000}) for _ in range(50)]
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) == LIMITS.running + LIMITS.waiting
    assert len(taken) + len(refused) == 50
    assert "3 are waiting" in refused[0].json()["error"]
    for ident in reversed(taken):
        lab.client.post(f"/api/jobs/{ident}/cancel")
    assert {lab.events(ident)[-1]["is"] for ident in taken} == {"cancelled"}


def test_refusals_are_told_in_the_language_of_the_page(tmp_path):
    from ornstein.common.sentences import translated

    with opened(tmp_path, translate=translated) as chinese:
        answer = chinese.client.post("/api/jobs", json={"kind": "nothing"}, headers={"accept-language": "zh"})
        assert "须为其中之一" in answer.json()["error"]
        assert (
            json.loads(chinese.client.get("/api/curves/0000000000000000", headers={"accept-language": "zh-CN"}).content)["error"]
            == "这个实验室里没有这条曲线"
        )


def test_the_folder_is_for_its_owner_and_one_lab(tmp_path):
    """A second server on the same folder would take the jobs of the first for dead."""
    import threading

    from ornstein.common.errors import RunError

    folder, ready, told = tmp_path / "lab", threading.Event(), []

    def run():
        serve(folder, ready=lambda address: (told.append(address), ready.set()))

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(20)
    assert os.stat(folder).st_mode & 0o077 == 0
    assert told[0].startswith("http://127.0.0.1:")
    assert len(told[0].split("token=")[1]) >= 32
    with pytest.raises(RunError, match="another lab"):
        serve(folder)
    assert OWN  # the client of the other lab knows nothing of this one
