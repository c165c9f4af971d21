"""Ray Data sends a predictor to its workers by name; each builds the model once."""

import pytest

INTEGRATION = "Ray Data"
DISTRIBUTION = "ray"
REMARK = "Ray stops if its own processes need more than 30 seconds to start, as on a busy machine."


def example():
    import numpy as np
    import ray

    import dapi

    predict = dapi.predictor("resnet20_v2:Digits_RefV1")  # its pickle has the name, no tensors

    def label(batch):
        results = predict(list(batch["data"]))
        return {"label": [each.facts["labels"][0]["label"] for each in results]}

    ray.init(num_cpus=2, include_dashboard=False)
    pictures = np.random.default_rng(0).integers(256, size=(64, 32, 32), dtype="uint8")
    found = ray.data.from_numpy(pictures).map_batches(label, batch_size=16, concurrency=2)
    print(len(found.take_all()))


def test_a_dataset_is_labelled_by_two_workers(run_example):
    """Each picture has a label."""
    for _ in range(3):  # Ray gives its own processes 30 seconds, which a busy machine exceeds
        try:
            assert "64" == run_example().splitlines()[-1]
            return
        except AssertionError as error:
            if "timed out during startup" not in str(error):
                raise
    pytest.fail("Ray did not start within 30 seconds, three times")
