"""What a hand drew and what a file holds become curves; a curve becomes an animation that another program reads."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from ornstein.lab import pages

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node to run the lesson")
WIDTH, HEIGHT, FRAMES = 160, 90, 3
RUN = r"""
import { writeFileSync } from "node:fs";
import { gif } from "./gif.js";
import { completed, rowsOf, stroke } from "./strokes.js";

const size = 4 * WIDTH * HEIGHT;
let seed = 1;
const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16;
// noise of a few colours: the table of codes fills and is cleared more than once
const shade = (k) => (_, i) => (i % 4 === 3 ? 255 : 17 * ((random() + k) % 5));
const frames = Array.from({ length: FRAMES }, (_, k) => Uint8ClampedArray.from({ length: size }, shade(k)));
writeFileSync("frames.bin", Buffer.concat(frames.map((f) => Buffer.from(f.buffer))));
writeFileSync("noise.gif", gif(frames, WIDTH, HEIGHT, 10));
const values = new Float32Array(10).fill(NaN);
stroke(values, [7, 1], [3, -1]);
stroke(values, [3, -1], [3, -0.5]);
const flat = new Float32Array(5).fill(NaN);
stroke(flat, [0, 1], [2, 1]);
const text = "t,u\n" + [1, 2].map((k) => Array.from({ length: 9 }, (_, i) => k * i).join(",")).join("\r\n") + "\n1,2\n";
console.log(JSON.stringify({
  drawn: Array.from(completed(values)), nothing: [completed(new Float32Array(5).fill(NaN)), completed(flat)],
  rows: rowsOf(text), column: rowsOf("value\n" + Array.from({ length: 12 }, (_, i) => i / 2).join("\n")), none: rowsOf("a\nb c\n1,2\n"),
}));
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    for file in (pages.WEB / "lesson" / "gif.js", pages.VIEWS / "strokes.js"):
        shutil.copy(file, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    numbers = f"const WIDTH = {WIDTH}, HEIGHT = {HEIGHT}, FRAMES = {FRAMES};\n"
    (folder / "run.js").write_text(RUN.replace("\nconst size", numbers + "\nconst size", 1), encoding="utf-8")
    done = subprocess.run([NODE, "run.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@needs_node
def test_an_animation_is_read_back_pixel_for_pixel(found):
    folder, _ = found
    frames = np.frombuffer((folder / "frames.bin").read_bytes(), np.uint8).reshape(FRAMES, HEIGHT, WIDTH, 4)
    with Image.open(folder / "noise.gif") as image:
        assert (image.n_frames, image.size) == (FRAMES, (WIDTH, HEIGHT))
        assert image.info["loop"] == 0
        assert image.info["duration"] == 100
        for k, frame in enumerate(frames):
            image.seek(k)
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frame[..., :3])


@needs_node
def test_a_stroke_is_a_line_and_what_was_left_out_is_filled(found):
    drawn = found[1]["drawn"]
    assert drawn[:4] == [-0.5] * 4  # the last stroke at 3 counts, and goes on to the left
    assert drawn[4:7] == [-0.5, 0.0, 0.5]
    assert drawn[7:] == [1.0, 1.0, 1.0]
    assert found[1]["nothing"] == [None, None]


@needs_node
def test_rows_of_a_file_are_its_lines_of_numbers(found):
    told = found[1]
    assert told["rows"] == [[float(k * i) for i in range(9)] for k in (1, 2)]
    assert told["column"] == [[i / 2 for i in range(12)]]
    assert told["none"] == []


def test_every_file_of_the_lesson_is_short_and_says_what_it_is():
    for file in (pages.WEB / "lesson").glob("*.js"):
        lines = file.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("//"), file.name
        assert len(lines) <= 150, file.name
