"""Jobs: everything that happens is told once, in order, to whoever follows, whenever; and every job has an end."""

import itertools
import json
import os
import signal
import statistics
import sys
import threading
import time
from contextlib import contextmanager, suppress
from multiprocessing import forkserver

import httpx
import numpy as np
import pytest
from laboratory import OWN, opened, serving

from ornstein.lab import events, lesson_api, wire
from ornstein.lab.limits import Limits
from ornstein.lab.workers import CONTEXT, Workers
from ornstein.tour.compute import compute

STEPS = 20
LONG = {"steps": 4000}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("lab"), Limits(grace=1.0)) as laboratory:
        yield laboratory


@pytest.fixture(scope="module")
def signals(lab):
    return lab.done("open", example="cosines")


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def running(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as told:
            return told.read().split()[2] != "Z"
    return False


def process_of(lab, ident):
    """The process of a job that has begun."""

    def begun():
        return next(
            (event["process"] for _, event in events.read(lab.folder / "jobs" / ident / "events.jsonl") if "process" in event), None
        )

    return until(begun)


def told(lab, ident):
    return [event for _, event in events.read(lab.folder / "jobs" / ident / "events.jsonl")]


@pytest.mark.slow
def test_a_training_in_the_lab_is_that_of_the_tour(lab):
    training = lab.done("train-reversal", steps=STEPS)
    told, arrays = wire.unpack(lab.get(f"/api/jobs/{training}/parts/result").content)
    tour = compute(training=STEPS)
    for name, values in arrays.items():
        np.testing.assert_allclose(values, tour.arrays[name], rtol=1e-5, atol=1e-6, err_msg=name)
    for name, value in told["numbers"].items():
        assert value == pytest.approx(tour.numbers[name], rel=1e-9), name
    last = [event for event in lab.events(training) if "part" in event][-1]
    _, moment = wire.unpack(lab.get(f"/api/jobs/{training}/parts/{last['part']}").content)
    np.testing.assert_array_equal(moment["run"], arrays["reverse_learned"])


def test_a_job_does_not_run_the_program_again_that_began_the_server(tmp_path, monkeypatch):
    """What a child of multiprocessing does unless it is told not to: all of the command line, for every job."""
    own = forkserver.ForkServer()  # the one that this process has may have been begun by other tests, which preload other things
    for name in ("ensure_running", "connect_to_new_process", "set_forkserver_preload"):
        monkeypatch.setattr(forkserver, name, getattr(own, name))
    Workers().prepare()
    program = tmp_path / "program.py"
    program.write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(program), raising=False)
    process = CONTEXT.Process(target=print)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert not (tmp_path / "ran").exists()


def test_a_new_lab_has_something_to_show(tmp_path, monkeypatch):
    """The first example and its Gaussian, begun with the lab, once, and never in one that has done something; the scene is asked for."""
    scenes = []
    monkeypatch.setattr(lesson_api, "scenes", lambda lab: lambda curve, seed: scenes.append((curve, seed)))
    for _ in range(2):
        with opened(tmp_path, warm=True) as new:
            until(lambda: [job["newest"]["is"] for job in new.get("/api/jobs").json()["jobs"]] == ["done", "done"], 60)
            first, second = new.get("/api/jobs").json()["jobs"]
            assert [first["kind"], second["kind"]] == ["open", "fit"]
            assert second["asked"] == {"signals": first["id"], "recipe": "gaussian"}
    assert scenes == [(None, 0)] * 2


def test_a_reload_loses_nothing_and_repeats_nothing(lab, signals):
    """Followers that leave at any event and come back with the number they saw last get what a patient one gets."""
    ident = lab.start("fit", signals=signals, recipe="mixture", components=3)
    seen, after = [], 0
    for stay in itertools.cycle((1, 3, 7)):
        with lab.client.stream("GET", f"/api/jobs/{ident}/events", headers={"last-event-id": str(after)}) as answer:
            if answer.status_code == 204:
                break
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    after = int(line[4:])
                elif line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
                    stay -= 1
                    if not stay:
                        break
    assert seen == told(lab, ident) == lab.events(ident)
    assert [event["is"] for event in seen][:2] == ["queued", "started"]
    assert seen[-1]["is"] == "done"


def test_two_pages_see_the_same(lab, signals):
    ident = lab.start("fit", signals=signals, recipe="gaussian")
    found = [[], []]
    threads = [threading.Thread(target=lambda k=k: found[k].extend(lab.events(ident))) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == told(lab, ident)


def test_an_event_is_on_the_page_within_fifty_milliseconds(lab, tmp_path):
    """From the write of a line to its arrival through the server: the median of 40, so that one slow turn of a busy machine is none. The
    work itself is held meanwhile."""
    ident = lab.start("train-reversal", **LONG)
    process = process_of(lab, ident)
    os.kill(process, signal.SIGSTOP)
    waited, sent = [], {}
    with lab.client.stream("GET", f"/api/jobs/{ident}/events") as answer:

        def write():
            for k in range(40):
                time.sleep(0.02)
                sent[k] = time.monotonic()
                events.append(lab.folder / "jobs" / ident / "events.jsonl", {"is": "progress", "mark": k})

        writer = threading.Thread(target=write)
        writer.start()
        for line in answer.iter_lines():
            if '"mark"' in line:
                waited.append(time.monotonic() - sent[json.loads(line[6:])["mark"]])
            if len(waited) == 40:
                break
        writer.join()
    os.kill(process, signal.SIGCONT)
    lab.client.post(f"/api/jobs/{ident}/cancel")
    assert lab.events(ident)[-1]["is"] == "cancelled"
    assert statistics.median(waited) < 0.05


def test_cancelling_stops_within_a_step(tmp_path):
    """The word reaches a process that is held meanwhile, so no time is measured: it goes on, tells at most of the step it was in, and
    says itself that it was cancelled, since the server would wait a minute to do so."""
    with opened(tmp_path, Limits(grace=60.0)) as lab:
        ident = lab.start("train-reversal", **LONG)
        process = process_of(lab, ident)
        until(lambda: any(event.get("stage") == "training" for event in told(lab, ident)), 60)
        os.kill(process, signal.SIGSTOP)
        assert lab.client.post(f"/api/jobs/{ident}/cancel").status_code == 200
        assert lab.get(f"/api/jobs/{ident}").json()["newest"]["is"] == "progress"  # and the word has been sent when this is answered
        before = len(told(lab, ident))
        os.kill(process, signal.SIGCONT)
        assert lab.events(ident)[-1]["is"] == "cancelled"
        assert len(told(lab, ident)) - before <= 2
        until(lambda: not running(process), 30)
        assert lab.client.post(f"/api/jobs/{ident}/cancel").status_code == 200  # again is no error
        assert [event["is"] for event in told(lab, ident)].count("cancelled") == 1


def test_work_that_does_not_listen_is_ended(lab):
    """A process that is stuck in one long step (here: stopped) is killed after a moment of grace."""
    ident = lab.start("train-reversal", **LONG)
    process = process_of(lab, ident)
    os.kill(process, signal.SIGSTOP)
    lab.client.post(f"/api/jobs/{ident}/cancel")
    assert lab.events(ident)[-1]["is"] == "cancelled"
    until(lambda: not running(process))


def test_a_killed_job_says_so_and_the_next_one_runs(lab, signals):
    ident = lab.start("train-reversal", **LONG)
    os.kill(process_of(lab, ident), signal.SIGKILL)
    last = lab.events(ident)[-1]
    assert last["is"] == "failed"
    assert "signal 9" in last["why"]
    assert lab.events(lab.start("explore", signals=signals))[-1]["is"] == "done"


def test_a_job_that_ended_can_be_removed_and_no_other(lab, signals):
    ident = lab.start("train-reversal", **LONG)
    process_of(lab, ident)
    assert lab.client.delete(f"/api/jobs/{ident}").status_code == 409
    lab.client.post(f"/api/jobs/{ident}/cancel")
    lab.events(ident)
    until(lambda: lab.client.delete(f"/api/jobs/{ident}").status_code == 204)
    assert not (lab.folder / "jobs" / ident).exists()
    assert lab.get(f"/api/jobs/{ident}").status_code == 404


def test_pages_that_leave_free_their_place(tmp_path):
    with opened(tmp_path, Limits(streams=3)) as small:
        ident = small.start("train-reversal", **LONG)
        path = f"/api/jobs/{ident}/events"
        for _ in range(4):
            with httpx.Client(base_url=f"http://127.0.0.1:{small.port}", headers=small.client.headers) as pages:
                streams = [pages.stream("GET", path) for _ in range(3)]
                assert [stream.__enter__().status_code for stream in streams] == [200] * 3
                refused = small.get(path)
                assert refused.status_code == 429
                assert "3 pages" in refused.json()["error"]
                for stream in streams:
                    stream.__exit__(None, None, None)
            until(lambda: _free(small, path))
        small.client.post(f"/api/jobs/{ident}/cancel")


def _free(small, path):
    with small.client.stream("GET", path) as answer:
        return answer.status_code == 200


def test_a_line_that_was_cut_does_not_hide_the_next(tmp_path):
    """A writer that is killed in the middle of a line leaves half of it."""
    file = tmp_path / "events.jsonl"
    events.append(file, {"is": "queued"})
    with file.open("a") as half:
        half.write('{"is": "progr')
    assert [event for _, event in events.read(file)] == [events.last(file)]
    events.append(file, {"is": "failed"})
    assert [event.get("is") for _, event in events.read(file)] == ["queued", None, "failed"]


@contextmanager
def server(folder):
    """A lab in a process of its own, (process, client); it is asked to stop at the end."""
    heard, said = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=serving, args=(str(folder), said))
    process.start()
    said.close()
    try:
        port = heard.recv()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=OWN, timeout=60) as client:
            yield process, client
    finally:
        process.terminate()
        process.join()


def test_a_server_that_is_killed_comes_back_with_the_job_failed_and_its_files(tmp_path):
    folder = tmp_path / "lab"
    with server(folder) as (process, client):
        ident = client.post("/api/jobs", json={"kind": "train-reversal", "steps": 1000}).json()["id"]
        file = folder / "jobs" / ident / "events.jsonl"
        until(lambda: (folder / "jobs" / ident / "moment-1.bin").exists(), 60)
        worker = next(event["process"] for _, event in events.read(file) if "process" in event)
        process.kill()
        process.join()
        until(lambda: not running(worker))  # nobody is left to use what it computes
    with opened(folder) as client:
        record = client.get(f"/api/jobs/{ident}").json()
        assert record["newest"]["is"] == "failed"
        assert "stopped" in record["newest"]["why"]
        assert client.get(f"/api/jobs/{ident}/parts/moment-1").status_code == 200
        lines = [json.loads(line[6:]) for line in client.get(f"/api/jobs/{ident}/events").text.splitlines() if line.startswith("data: ")]
        assert lines[-1]["is"] == "failed"
