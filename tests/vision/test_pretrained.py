"""Networks of timm encode images; their weights are drawn by the tests."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.vision.averaged_maps import TRANSITION_BYTES_MAX
from robot_rl.vision.encoder import EncoderContext, open_encoder
from robot_rl.vision.pretrained import import_timm

if importlib.util.find_spec("timm") is None:
    pytest.skip("timm is not installed (extra `vision`)", allow_module_level=True)

MODELS = ("test_resnet", "test_efficientnet", "test_vit")
ONE_SIZE = "pit_ti_224"
"""A transformer whose places in the image have one size."""


def drawn(model: str, seed: int = 0) -> dict:
    """Return weights of a whole network, its classifier included, with statistics that no initialisation has."""
    timm = import_timm()
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = timm.create_model(model).state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            spread = 0.02 * torch.randn(tensor.shape, generator=generator)
            state[name] = (1.0 + spread if name.endswith(("running_var", "norm.weight")) else tensor + spread).clone()
    return state


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Files of weights by model and suffix."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    for model in (*MODELS, ONE_SIZE):
        state = drawn(model)
        save_file(state, folder / f"{model}.safetensors")
        torch.save({"state_dict": state}, folder / f"{model}.pth")
    torch.save({"state_dict": Path}, folder / "objects.pth")
    (folder / "text.safetensors").write_text("no weights")
    return {path.name: path for path in folder.iterdir()}


def opened(weights: Path | None, *cameras: str, variants: int = 3, **settings: str):
    context = EncoderContext(cameras or ("top",), variants, weights)
    return open_encoder("pretrained", {"model": "test_resnet"} | settings, context)


@pytest.mark.parametrize("model", MODELS)
def test_features_are_those_of_timms_own_loader_and_forward_pass(files, model: str) -> None:
    import torch

    path = files[f"{model}.safetensors"]
    own = import_timm().create_model(
        model, pretrained=True, pretrained_cfg_overlay={"file": str(path)}, features_only=True, out_indices=(-1,)
    )
    image = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    mean, std = (np.array(own.pretrained_cfg[name]) for name in ("mean", "std"))
    pixels = torch.tensor(((image / 255.0 - mean) / std).astype(np.float32).transpose(2, 0, 1)[None])
    maps = own.eval()(pixels)[-1].detach().numpy()[0]  # (C, h, w)
    encoded = opened(path, model=model, grid="1").encode({"top": image}, np.random.default_rng(0))["top"]
    assert encoded.shape == (3, len(maps)) and encoded.dtype == np.float16
    np.testing.assert_allclose(encoded[0], maps.mean((1, 2)), rtol=2e-3, atol=2e-3 * np.abs(maps).mean())
    assert not np.array_equal(encoded[0], encoded[1])


@pytest.mark.parametrize("model", (*MODELS, ONE_SIZE))
def test_images_of_any_size_are_encoded(files, model: str) -> None:
    image = np.random.default_rng(1).integers(0, 256, (100, 128, 3), dtype=np.uint8)
    encoder = opened(files[f"{model}.pth"], model=model)
    encoded = encoder.encode({"top": image}, np.random.default_rng(0))["top"]
    assert encoded.shape == (3, encoder.feature_count) and np.isfinite(encoded).all()


def test_identity_follows_weights_and_preprocessing_but_not_the_files_format(files, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = files["test_resnet.safetensors"]
    encoder = opened(path, "top", "side")
    assert encoder.cameras == ("side", "top")
    assert encoder.identity == opened(path).identity == opened(files["test_resnet.pth"]).identity
    save_file(drawn("test_resnet", seed=1), tmp_path / "other.safetensors")
    others = {opened(path, grid="1").identity, opened(tmp_path / "other.safetensors").identity}
    assert len({encoder.identity, *others}) == 3
    with pytest.raises(SchemaMismatchError, match="image of camera 'side': got none"):
        encoder.encode({"top": np.zeros((64, 64, 3), np.uint8)}, np.random.default_rng(0))


def test_features_of_a_transition_are_bounded(files) -> None:
    path = files["test_resnet.safetensors"]
    count = opened(path, grid="1").feature_count
    most = TRANSITION_BYTES_MAX // (2 * 2 * count)
    assert opened(path, "top", "side", variants=most, grid="1").variants == most
    with pytest.raises(ConfigError, match=r"kB of features a transition .* expected 40 kB or less; take fewer"):
        opened(path, "top", "side", variants=most + 1, grid="1")


@pytest.mark.parametrize(
    ("file", "settings", "text"),
    [
        ("test_vit.pth", {}, "got no conv1.0.weight in .*, expected the weights of test_resnet, which has [0-9]+ more"),
        ("absent", {}, "expected the weights of test_resnet as safetensors, or as .pth"),
        ("text.safetensors", {}, "expected the weights of test_resnet as safetensors, or as .pth"),
        ("objects.pth", {}, "expected the weights of test_resnet as safetensors, or as .pth"),
        ("test_resnet.pth", {"model": "resnet19"}, "got 'resnet19', expected a name in timm .* nearest .*'resnet18"),
        ("test_resnet.pth", {"grid": "0"}, "grid: got 0"),
    ],
)
def test_unknown_names_and_weights_of_another_network_are_refused(files, file: str, settings, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        opened(files.get(file, Path("absent")), **settings)


def test_without_timm_the_error_names_the_extra_to_install(files, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)  # as if it were not installed
    with pytest.raises(ConfigError, match=r"got no timm, expected it; run: pip install -e '.\[vision\]'"):
        opened(files["test_resnet.pth"])


OFFLINE = """
from robot_rl.core.errors import ConfigError
from robot_rl.vision.encoder import EncoderContext, open_encoder
for model in ("test_resnet", "test_vit"):
    try:
        print(open_encoder("pretrained", {"model": model}, EncoderContext(("top",), 1)).identity)
    except ConfigError as error:
        print(error)
"""


def test_without_a_file_weights_come_from_timms_cache_and_offline_from_nowhere_else(files, tmp_path: Path) -> None:
    """The cache of Hugging Face's hub as its client lays it out, with one of two networks."""
    cache = tmp_path / "hub" / f"models--timm--{import_timm().get_pretrained_cfg('test_resnet').hf_hub_id[5:]}"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0" * 40)
    (cache / "snapshots" / ("0" * 40)).mkdir(parents=True)
    weights = cache / "snapshots" / ("0" * 40) / "model.safetensors"
    weights.write_bytes(files["test_resnet.safetensors"].read_bytes())
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-c", OFFLINE], env=env, capture_output=True, text=True, check=True)
    cached, refused = answer.stdout.splitlines()
    assert cached == opened(files["test_resnet.safetensors"]).identity
    assert refused.startswith("pretrained: got no weights of test_vit (") and "--vision.encoder FILE" in refused
