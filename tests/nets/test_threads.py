import threading

import numpy as np
import pytest
import torch

from temtrack.nets.device import bf16_where_native
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.nets.threads import side_by_side
from temtrack.segmentation.adapters import predict_without_points
from temtrack.segmentation.tiling import Tiling, View, predict_logits

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_parts_come_in_order_from_threads_that_split_nothing(two_threads):
    seen = set()

    def predict(part):
        seen.add((threading.current_thread().name.rpartition("_")[0], torch.get_num_threads()))
        return part, torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")

    assert list(side_by_side(predict, range(9), CPU)) == [(i, True, False) for i in range(9)]
    with torch.autocast("cpu", torch.bfloat16):
        assert list(side_by_side(predict, range(3), CPU)) == [(i, True, True) for i in range(3)]
    assert seen == {("temtrack-network", 1)}
    assert torch.get_num_threads() == 2


def test_what_goes_wrong_in_a_part_is_raised(two_threads):
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda part: 1 // part, [2, 1, 0, 1], CPU))


def test_tiles_give_the_same_bytes_whatever_the_number_of_threads(two_threads):
    torch.manual_seed(0)
    net = EfficientSam(dim=24, depth=2, n_heads=3, prompt_dim=16).eval()
    image = np.random.default_rng(0).random((150, 150), np.float32)
    tiling = Tiling(96, 32, multiple=16, grid=4)
    found = []
    for n in (2, 1):
        torch.set_num_threads(n)
        with torch.inference_mode(), bf16_where_native(CPU):
            logits = predict_logits(lambda x: predict_without_points(net, x), image, View(1.0), tiling, CPU)
        found.append(logits.values)
    np.testing.assert_array_equal(*found)
