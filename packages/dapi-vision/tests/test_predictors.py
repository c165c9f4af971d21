"""Tasks on files: what is read of pictures and films, what is told of them, what is drawn."""

import json
from pathlib import Path

import digit_scenes
import numpy as np
import pytest
import torch
from PIL import Image

import dapi
from dapi._cli import main
from dapi._prediction import batches
from dapi.exceptions import InputError
from dapi.vision import _drawing, _pictures, tasks

WHITE, RED = (255, 255, 255), (255, 0, 0)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory of its own, in which each test reads and writes."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def film():
    """A GIF in which a white square goes to the right, 4 pixels from frame to frame."""
    frames = []
    for place in range(3):
        frames.append(Image.new("L", (70, 50)))
        frames[-1].paste(255, (10 + 4 * place, 20, 30 + 4 * place, 40))
    frames[0].save("film.gif", save_all=True, append_images=frames[1:])
    return frames


def predict(task, model, weights, source):
    """Run a task on what one source holds; the facts and files of each input."""
    predictor = task(model.eval(), weights)
    with torch.inference_mode():
        return [predictor.predict(found.value) for found in predictor.read(source)]


def drawn(prediction, suffix):
    """Write a picture and read it again."""
    prediction.files[suffix](Path(f"drawn.{suffix}"))
    with Image.open(f"drawn.{suffix}") as image:
        return image.convert("RGB")


def test_digits_are_named(recipe, capsys):
    """Of ten pictures, nine held-out digits and one that is none, the nine are named."""
    from sklearn.datasets import load_digits

    digits, names = load_digits(), []
    for index in recipe.held_out_indices()[:9]:
        names.append(f"{index}.png")
        recipe.digit_image(digits.images[index]).save(names[-1])
    Path("none.png").write_bytes(b"no picture")
    status = main(["predict", "--json", "resnet20_v2", *names[:4], "none.png", *names[4:]])
    printed = capsys.readouterr()

    lines = [json.loads(line) for line in printed.out.splitlines()]
    best = [line["facts"]["labels"][0] for line in lines if "facts" in line]
    labels = [str(digits.target[index]) for index in recipe.held_out_indices()[:9]]
    assert (1, "none.png") == (status, lines[4]["input"])
    assert "dapi: none.png: it is not a picture" in printed.err
    assert 8 <= sum(found["label"] == label for found, label in zip(best, labels, strict=True))
    assert all(0 < each["probability"] <= 1 for each in best)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"words", "it is not a picture"), (b"", "it is empty"), (None, "no such file")],
    ids=["words", "empty", "missing"],
)
def test_what_is_no_picture_is_told(content, reason):
    """With its name, in words."""
    if content is not None:
        Path("a.png").write_bytes(content)

    with pytest.raises(InputError, match=f"^a.png: {reason}"):
        _pictures.read_picture("a.png")


def test_a_cut_picture_is_no_picture():
    """Its beginning is a picture's; its pixels are not all there."""
    Image.effect_noise((64, 64), 50).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:900])

    with pytest.raises(InputError, match="it is not a picture"):
        _pictures.read_picture("cut.png")


@pytest.mark.parametrize("suffix", ["gif", "png", "tiff", "webp"])
def test_a_film_that_is_cut_is_no_film(suffix):
    """Wherever: Pillow's readers fail in many ways, of which none is told as it is."""
    generator = np.random.default_rng(0)
    first, *others = (
        Image.fromarray(generator.integers(0, 255, (24, 24, 3), dtype=np.uint8)) for _ in range(4)
    )
    first.save(f"whole.{suffix}", save_all=True, append_images=others)
    content = Path(f"whole.{suffix}").read_bytes()
    assert 4 == len(_pictures.read_film(f"whole.{suffix}"))

    for length in range(50, int(0.99 * len(content)), 97):
        Path(f"cut.{suffix}").write_bytes(content[:length])
        with pytest.raises(
            InputError, match=rf"cut.{suffix}: it (is not a video \(|has \d frames)"
        ):
            _pictures.read_film(f"cut.{suffix}")


def test_pictures_are_read_upright():
    """A camera that was held on its side says so in the file."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is at the right
    Image.new("RGB", (40, 20)).save("a.jpg", exif=exif)

    assert (20, 40) == _pictures.read_picture("a.jpg")[0].value.size


class Detector(torch.nn.Module):
    """Finds one object in every picture, the larger the picture."""

    def forward(self, images):
        height, width = images[0].shape[-2:]
        mask = torch.zeros(1, 1, height, width)
        mask[..., : height // 2, :] = 0.9
        return [
            {
                "boxes": torch.tensor([[1.0, 2.0, width - 1.0, height - 2.0]]),
                "labels": torch.tensor([1]),
                "scores": torch.tensor([0.75]),
                "masks": mask,
                "keypoints": torch.tensor([[[3.0, 4.0, 1.0]] * 17]),
            }
        ]


@pytest.mark.parametrize(
    "name", ["keypointrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn"], ids=["keypoints", "masks"]
)
def test_objects_are_told_and_drawn(name):
    """Boxes, and what the model has of each beside its box, as JSON has it and as a picture."""
    model, weights = Detector(), dapi.list_weights(name)[0]
    if name.startswith("mask"):
        names = weights.postprocess().categories
        weights = dapi.WeightEntry(
            "https://example.org/1.pth",
            transforms=weights.transforms,
            postprocess=lambda: dapi.vision.postprocess.Detection(
                names, keypoint_names="abcdefghijklmnopq"
            ),
        )
    Image.new("RGB", (40, 20), WHITE).save("a.png")
    [prediction] = predict(tasks.object_detection, model, weights, "a.png")

    [found] = prediction.facts["objects"]
    picture = drawn(prediction, "objects.png")
    color = _drawing._color("person")
    assert ("person", 0.75, [1, 2, 39, 18]) == tuple(
        found[key] for key in ("label", "score", "box")
    )
    assert 400 == found["pixels"]
    assert [3, 4] == next(iter(found["keypoints"].values()))
    assert json.dumps(found)
    assert (480, 240) == picture.size
    assert color == picture.getpixel((12, 120)) == picture.getpixel((36, 48))
    assert WHITE == picture.getpixel((240, 200)) != picture.getpixel((240, 100))


def test_nothing_found_draws_nothing():
    """The picture is as it was."""
    image = Image.new("RGB", (500, 20), RED)

    assert image.tobytes() == _drawing.objects(image, []).tobytes()


def test_digits_in_scenes_are_found_and_drawn(capsys):
    """The shipped detector names nearly all digits of ten held-out scenes, and draws them."""
    scenes = digit_scenes.read(Path(__file__).with_name("data"))[:10]
    for number, scene in enumerate(scenes):
        scene.image.save(f"{number}.png")
    names = [f"{number}.png" for number in range(10)]
    status = main(["predict", "--json", "fcos_resnet20_fpn", *names])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [sorted(int(each["label"]) for each in line["facts"]["objects"]) for line in lines]
    assert 0 == status
    assert 7 <= sum(sorted(scene.labels) == each for scene, each in zip(scenes, found, strict=True))
    for line in lines:
        with Image.open(line["files"][0]) as drawn_scene:
            assert (480, 480) == drawn_scene.size


@pytest.mark.parametrize("size", [(5000, 2), (1, 961)])
def test_a_picture_too_narrow_for_a_detector_is_told(size, capsys):
    """With what it can be; the narrowest that leaves a pixel is looked at."""
    Image.new("L", size).save("narrow.png")
    Image.new("L", (960, 1)).save("narrowest.png")
    status = main(["predict", "fcos_resnet20_fpn", "narrow.png", "narrowest.png"])
    printed = capsys.readouterr()

    assert (1, True) == (status, "narrowest.objects.png" in printed.out)
    (line,) = printed.err.splitlines()
    reason = f"dapi: narrow.png: A picture of {size[0]} x {size[1]} pixels is too narrow. "
    assert line.startswith(reason + "Expected an aspect ratio of at most 960")


def test_regions_are_told_and_tinted():
    """How much of the picture each covers; the picture keeps its size, the names stand below."""
    model = dapi.get_builder("lraspp_mobilenet_v3_large")(weights_backbone=None)
    weights = dapi.list_weights("lraspp_mobilenet_v3_large")[0]
    Image.effect_noise((90, 60), 50).save("a.png")
    [prediction] = predict(tasks.image_segmentation, model, weights, "a.png")

    regions = prediction.facts["regions"]
    named = [each for each in regions if each["label"] != "__background__"]
    assert 1 == pytest.approx(sum(each["share"] for each in regions), abs=0.01)
    assert (90, 60 + len(named) * 14) == drawn(prediction, "regions.png").size


def test_films_are_named(film):
    """A film of three frames is as good as one of sixteen: frames are shown longer."""
    model = dapi.get_builder("mc3_18")()
    weights = dapi.list_weights("mc3_18")[0]
    [prediction] = predict(tasks.video_classification, model, weights, "film.gif")

    assert 5 == len(prediction.facts["labels"])


def test_flow_is_of_each_frame_to_the_next(film):
    """In pixels; the picture has the size of the frames, which the model need not take."""
    model = dapi.get_builder("raft_small")()
    weights = dapi.list_weights("raft_small")[0]
    first, second = predict(tasks.optical_flow, model, weights, "film.gif")

    assert 0 <= first.facts["mean_pixels"] <= first.facts["max_pixels"]
    assert (70, 50) == drawn(second, "flow.png").size
    names = [found.name for found in tasks.optical_flow(model, weights).read("film.gif")]
    assert ["film.gif:1", "film.gif:2"] == names


def test_a_directory_of_pictures_is_a_film(film):
    """In the order of their names; two frames are one input, named as the directory."""
    Path("film").mkdir()
    for number, frame in enumerate(film[:2]):
        frame.save(f"film/{number}.png")
    predictor = tasks.optical_flow(torch.nn.Identity(), dapi.list_weights("raft_small")[0])

    [found] = predictor.read("film")
    assert "film" == found.name
    assert [frame.tobytes() for frame in film[:2]] == [frame.tobytes() for frame in found.value]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("single.png", "it has 1 frame"),
        ("empty", "it has 0 frames"),
        ("sizes", "its frames have different sizes"),
        ("words.gif", "it is not a video"),
        ("absent.gif", "no such file"),
    ],
)
def test_what_is_no_film_is_told(source, reason):
    """With what would be one."""
    Path("words.gif").write_text("words")
    Image.new("L", (8, 8)).save("single.png")
    for name in ("empty", "sizes"):
        Path(name).mkdir()
    for size in (8, 9):
        Image.new("L", (size, 8)).save(f"sizes/{size}.png")

    with pytest.raises(InputError, match=f"^{source}: {reason}.*Expected"):
        _pictures.read_film(source)


def test_features_are_written():
    """The layers before the classifier, as tensors in a file."""
    from safetensors.torch import load_file

    model = dapi.get_builder("squeezenet1_1")()
    weights = dapi.get_weights("vgg16:ImageNet1K_Features_RefV1")
    Image.new("RGB", (64, 64)).save("a.png")
    [prediction] = predict(tasks.image_feature_extraction, model, weights, "a.png")
    prediction.files["safetensors"](Path("a.safetensors"))

    assert (512, 13, 13) == tuple(load_file("a.safetensors")["features"].shape)
    assert "(512, 13, 13)" == prediction.facts["shape"]


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        "fasterrcnn_resnet50_fpn",
        "fcn_resnet50",
        "mvit_v1_b",
        "raft_small",
        "vgg16:ImageNet1K_Features_RefV1",
    ],
)
def test_a_bad_input_is_told_before_a_download(name, capsys):
    """Whether a picture or a film is there needs no model to be seen."""
    status = main(["predict", name, "absent.png"])
    errors = capsys.readouterr().err

    assert 1 == status
    assert "no such file" in errors and "will be downloaded" not in errors


def pictures(size):
    """Pictures of noise, of which one is of another size."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for number in range(4):
        width, height = (size[0] + 32, size[1]) if number == 2 else size
        noise = torch.randint(256, (height, width, 3), generator=generator, dtype=torch.uint8)
        made.append(Image.fromarray(noise.numpy()))
    return made


def films():
    return [tuple(pictures((64, 64))[:2]) for _ in range(2)] + [tuple(pictures((32, 32))[:2])]


@pytest.mark.parametrize(
    "task",
    ["video_classification", "optical_flow", "image_feature_extraction", "image_segmentation"],
)
def test_a_batch_says_the_same(task):
    """As each input alone, within the rounding of floats, whatever is beside it."""
    builder, name, options, inputs = {
        "video_classification": ("mc3_18", "mc3_18", {}, films()),
        "optical_flow": ("raft_small", "raft_small", {}, films()),
        "image_feature_extraction": ("squeezenet1_1", "vgg16", {}, pictures((64, 64))),
        "image_segmentation": (
            "lraspp_mobilenet_v3_large", "lraspp_mobilenet_v3_large",
            {"weights_backbone": None}, pictures((96, 64)),
        ),
    }[task]  # fmt: skip
    torch.manual_seed(0)
    model = dapi.get_builder(builder)(**options).eval()
    weights = next(w for w in dapi.list_weights(name) if name != "vgg16" or "Features" in w.name)
    predictor = getattr(tasks, task)(model, weights)
    with torch.inference_mode():
        alone = [predictor.predict(value) for value in inputs]
        found = batches.outputs(predictor.batch.run, list(map(predictor.batch.prepare, inputs)))
        together = [*map(predictor.batch.present, inputs, found)]

    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.output, other.output, rtol=1e-3, atol=1e-3)
        assert [*one.files] == [*other.files]
