import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from robot_rl.core.errors import ConfigError, SchemaMismatchError, UnknownNameError
from robot_rl.core.settings import from_json, to_json
from robot_rl.vision import jax_encoder, torch_encoder
from robot_rl.vision.architecture import (
    ConvLayer,
    EncoderArchitecture,
    EncoderFile,
    load_encoder,
    random_encoder,
    save_encoder,
)
from robot_rl.vision.frozen import FrozenEncoder
from tests.agents import oracle

FRAMEWORKS = ("jax", "torch")
SMALL = EncoderArchitecture(
    height=16, width=12, layers=(ConvLayer(5, 2, 4), ConvLayer(3, 2, 6), ConvLayer(3, 1, 5, False))
)
ARCHITECTURES = {
    "plain": SMALL,
    "pooled": EncoderArchitecture(16, 16, (ConvLayer(3, 1, 4),), pool=2, softmax_temperature=0.3),
    "odd": EncoderArchitecture(15, 13, (ConvLayer(5, 2, 4), ConvLayer(3, 2, 3))),
    "blocks": EncoderArchitecture(16, 16, (ConvLayer(8, 4, 4), ConvLayer(3, 1, 3))),
}


def random_images(architecture: EncoderArchitecture, count: int = 2, seed: int = 0) -> np.ndarray:
    size = (count, architecture.height, architecture.width, 3)
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def trained(architecture: EncoderArchitecture = SMALL) -> EncoderFile:
    params = {**random_encoder(architecture, 0, "shared"), **random_encoder(architecture, 1, "wrist")}
    return EncoderFile(architecture, params, ("side", "wrist"), {"scenes": 7})


def apply_encoder(framework: str, params, images: np.ndarray, architecture, owner: str = "shared") -> np.ndarray:
    if framework == "jax":
        return np.asarray(jax_encoder.apply_encoder(params, images, architecture, owner))
    tensors = {name: torch.tensor(value) for name, value in params.items()}
    return torch_encoder.apply_encoder(tensors, torch.tensor(images), architecture, owner).numpy()


def shift_images(framework: str, images: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    if framework == "jax":
        return np.asarray(jax_encoder.shift_images(images, offsets))
    return torch_encoder.shift_images(torch.tensor(images), torch.tensor(offsets)).numpy()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_features_are_those_of_the_float64_oracle(name: str, framework: str) -> None:
    architecture = ARCHITECTURES[name]
    params, images = random_encoder(architecture, 3), random_images(architecture)
    exact = {key: np.float64(value) for key, value in params.items()}
    expected = np.stack([oracle.encode(exact, image, architecture, "shared") for image in images])
    features = apply_encoder(framework, params, images, architecture)
    assert features.shape == (2, architecture.feature_count)
    np.testing.assert_allclose(features, expected, atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.tuples(st.integers(-4, 4), st.integers(-4, 4)))
def test_a_shift_moves_the_image_and_repeats_its_edge(offset: tuple[int, int]) -> None:
    image, (down, right) = random_images(SMALL, 1)[0], offset
    rows = np.clip(np.arange(16) - down, 0, 15)
    columns = np.clip(np.arange(12) - right, 0, 11)
    for framework in FRAMEWORKS:
        assert np.array_equal(shift_images(framework, image[None], np.array([offset]))[0], image[rows][:, columns])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_variant_zero_is_clean_and_the_others_are_shifted(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == framework or None)
    encoder = FrozenEncoder(trained(), ("wrist", "side"), variants=5)
    images = dict(zip(("side", "wrist"), random_images(SMALL), strict=True))
    features = encoder.encode(images, np.random.default_rng(0))
    again = encoder.encode(images, np.random.default_rng(1))
    for camera, owner in (("side", "shared"), ("wrist", "wrist")):
        assert features[camera].shape == (5, encoder.feature_count) and features[camera].dtype == np.float16
        clean = apply_encoder(framework, trained().params, images[camera][None], SMALL, owner)[0]
        np.testing.assert_allclose(features[camera][0], clean, atol=2e-3)
        assert np.array_equal(features[camera][0], again[camera][0])
        assert not np.array_equal(features[camera][1:], again[camera][1:])


def test_the_same_generator_gives_the_same_variants() -> None:
    encoder = FrozenEncoder(trained(), ("wrist",), variants=3)
    images = {"wrist": random_images(SMALL)[0]}
    first, second = (encoder.encode(images, np.random.default_rng(4))["wrist"] for _ in range(2))
    assert np.array_equal(first, second)


def test_an_encoder_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(path, trained())
    read = load_encoder(path)
    assert (read.architecture, read.cameras, read.dataset_card) == (SMALL, ("side", "wrist"), {"scenes": 7})
    assert read.params.keys() == trained().params.keys()
    assert all(np.array_equal(value, trained().params[name]) for name, value in read.params.items())
    assert list(tmp_path.iterdir()) == [path]


def test_identity_is_that_of_the_features_and_of_nothing_else(tmp_path: Path) -> None:
    save_encoder(tmp_path / "encoder.safetensors", trained())
    same = [load_encoder(tmp_path / "encoder.safetensors"), replace(trained(), cameras=(), dataset_card={})]
    assert {encoder.identity for encoder in same} == {trained().identity}
    params = dict(trained().params)
    params["shared/conv0/bias"] = np.nextafter(params["shared/conv0/bias"], np.float32(1.0))
    others = [
        replace(trained(), params=params),
        replace(trained(), architecture=replace(SMALL, softmax_temperature=2.0)),
    ]
    assert len({encoder.identity for encoder in (trained(), *others)}) == 3


def test_a_missing_or_foreign_file_names_the_script_that_trains_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file; train it with `robot-rl train-encoder`"):
        load_encoder(tmp_path / "none.safetensors")
    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match="metadata `encoder`"):
        load_encoder(tmp_path / "other.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ConfigError, match="expected safetensors"):
        load_encoder(tmp_path / "torn.safetensors")


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    params = trained().params
    broken = [
        (
            {k: v for k, v in params.items() if k != "wrist/conv1/bias"},
            r"'wrist/conv1/bias': got None, expected \(6,\)",
        ),
        ({**params, "wrist/conv0/kernel": np.zeros((5, 5, 3, 3))}, r"'wrist/conv0/kernel': got \(5, 5, 3, 3\)"),
        ({**params, "wrist/conv0/bias": np.full(4, np.nan)}, "'wrist/conv0/bias': got NaN or infinity"),
        ({}, "'shared/conv0/bias': got None"),
    ]
    for weights, text in broken:
        with pytest.raises(ConfigError, match=text):
            save_encoder(tmp_path / "x.safetensors", EncoderFile(SMALL, weights))
    assert not list(tmp_path.iterdir())


def test_a_camera_without_weights_is_refused_by_name() -> None:
    own = EncoderFile(SMALL, random_encoder(SMALL, 0, "wrist"))
    with pytest.raises(UnknownNameError, match="encoder camera: got 'side', expected one of 'wrist'"):
        FrozenEncoder(own, ("side",))


@pytest.mark.parametrize("frame", [None, np.zeros((8, 8, 3), np.uint8), np.zeros((16, 12, 3), np.float32)])
def test_a_image_of_another_size_is_refused(frame: np.ndarray | None) -> None:
    encoder = FrozenEncoder(trained(), ("wrist",))
    images = {} if frame is None else {"wrist": frame}
    with pytest.raises(SchemaMismatchError, match=r"image of camera 'wrist': got .* expected uint8\[16, 12, 3\]"):
        encoder.encode(images, np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong",
    [{"layers": ()}, {"pool": 3}, {"readout": "mean"}, {"softmax_temperature": 0.0}, {"layers": [{"kernel": 3}]}],
)
def test_an_architecture_that_cannot_work_is_refused(wrong: dict) -> None:
    value = {**to_json(EncoderArchitecture()), **wrong}
    if wrong.get("layers"):
        value["layers"] = [{"kernel": 0}]
    with pytest.raises(ConfigError, match=r"encoder|softmax|readout|kernel"):
        from_json(EncoderArchitecture, value)


def test_an_architecture_survives_json() -> None:
    assert from_json(EncoderArchitecture, to_json(SMALL)) == SMALL
    with pytest.raises(ConfigError, match="got 'depth'"):
        from_json(EncoderArchitecture, {**to_json(SMALL), "depth": 3})
