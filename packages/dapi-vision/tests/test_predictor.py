"""dapi.predictor on pictures and films: files, images and arrays are one input."""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

import dapi
from dapi._cli import main
from dapi.exceptions import InputError
from dapi.vision import _pictures


@pytest.fixture(scope="module")
def classify():
    return dapi.predictor("resnet20_v2")


@pytest.fixture
def digit(recipe, tmp_path):
    """A held-out digit, in a file."""
    from sklearn.datasets import load_digits

    path = tmp_path / "digit.png"
    recipe.digit_image(load_digits().images[recipe.held_out_indices()[0]]).save(path)
    return path


def test_the_command_says_the_same(classify, digit, capsys):
    """Of a path."""
    main(["predict", "--json", "resnet20_v2", str(digit)])

    assert json.loads(capsys.readouterr().out)["facts"] == classify(digit).facts


def test_a_picture_in_memory_is_the_same(classify, digit):
    """An image, arrays with channels last, and tensors with channels first."""
    with Image.open(digit) as image:
        image.load()
    gray = np.asarray(image.convert("L"))
    colored = torch.from_numpy(gray.copy()).expand(3, -1, -1)
    forms = [
        str(digit), image, gray, gray[::-1][::-1], np.stack([gray] * 3, axis=-1), gray / 255,
        colored, colored[:1], colored[0], colored / 255,
    ]  # fmt: skip
    expected = classify(digit)

    for result in classify(forms, batch_size=1):
        assert expected.facts == result.facts
        assert torch.equal(expected.output, result.output)


def test_rows_are_not_taken_for_channels():
    """A picture with channels last is wider than high, also in color."""
    array = np.zeros((4, 6, 3), np.uint8)
    array[0, 5] = (255, 0, 0)

    assert ((6, 4), (255, 0, 0)) == (
        _pictures.as_picture(array).size,
        _pictures.as_picture(array).getpixel((5, 0)),
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (3.5, "float: it is not a picture"),
        (np.zeros((5, 5, 2), np.uint8), r"its shape is \(5, 5, 2\)"),
        (torch.zeros(1, 3, 5, 5), r"its shape is \(1, 3, 5, 5\): pass .* as a list"),
        (torch.zeros(5, 5, dtype=torch.int64), "its values are torch.int64"),
        (torch.full((5, 5), 255.0), "its values are torch.float32"),
        (torch.full((5, 5), torch.nan), "its values are torch.float32"),
        (torch.zeros(3, 0, 5), "its shape is"),
    ],
    ids=["number", "channels", "batch", "integers", "range", "nan", "empty"],
)
def test_other_values_are_no_pictures(classify, value, reason):
    """The error says what is, and what was expected."""
    with pytest.raises(InputError, match=f"{reason}.* Expected a path, a PIL image"):
        classify(value)


def test_a_photo_in_memory_stands_upright():
    """The orientation in its Exif data is applied, as for the file."""
    image = Image.new("L", (8, 4))
    image.getexif()[0x0112] = 6

    assert (4, 8) == _pictures.as_picture(image).size


def test_a_film_is_a_tuple_of_pictures():
    """Or an array of frames; fewer than two, or of several sizes, are none."""
    frames = [Image.new("L", (8, 4))] * 2

    assert frames == _pictures.as_film(tuple(frames))
    assert (5, 4) == _pictures.as_film(torch.zeros(2, 3, 4, 5))[0].size
    for wrong in (tuple(frames[:1]), (frames[0], Image.new("L", (2, 2))), frames[0], 3):
        with pytest.raises(InputError):
            _pictures.as_film(wrong)


def test_half_precision_is_near(classify, digit):
    """The dtype of the model is that of its inputs."""
    half = dapi.predictor("resnet20_v2", dtype=torch.bfloat16)(digit)
    whole = classify(digit)

    assert torch.bfloat16 == half.output.dtype
    assert whole.facts["labels"][0]["label"] == half.facts["labels"][0]["label"]
    assert torch.allclose(whole.output, half.output.float(), atol=0.2)


def test_boxes_are_drawn(tmp_path):
    """A result that is a picture is written by the caller."""
    detect = dapi.predictor("fcos_resnet20_fpn")
    result = detect(Image.new("RGB", (64, 64)))
    result.files["objects.png"](tmp_path / "drawn.png")

    with Image.open(tmp_path / "drawn.png") as drawn:
        assert "PNG" == drawn.format
    assert {"boxes", "labels", "scores"} <= result.output[0].keys()


@pytest.mark.parametrize(
    ("name", "size"), [("resnet20_v2", (8, 8)), ("fcos_resnet20_fpn", (96, 64))]
)
def test_a_list_says_what_each_says(name, size):
    """Labels, boxes and their order, of pictures of two sizes; within the rounding of floats."""
    predict, generator = dapi.predictor(name), torch.Generator().manual_seed(1)
    shapes = [size, size, (size[0] + 32, size[1]), size]
    given = [torch.rand(3, height, width, generator=generator) for width, height in shapes]
    alone, together = [predict(each) for each in given], predict(given)
    streamed = [*predict(iter(given), batch_size=3)]

    for one, other, third in zip(alone, together, streamed, strict=True):
        torch.testing.assert_close(one.output, other.output, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one.output, third.output, rtol=1e-4, atol=1e-4)


def test_a_result_returns_from_another_process(tmp_path):
    """With the picture that it can still write."""
    result = dapi.predictor("fcos_resnet20_fpn")(Image.new("RGB", (96, 64)))
    returned = pickle.loads(pickle.dumps(result))

    assert result == returned
    for name, each in {"here.png": result, "there.png": returned}.items():
        each.files["objects.png"](tmp_path / name)
    assert (tmp_path / "here.png").read_bytes() == (tmp_path / "there.png").read_bytes()
