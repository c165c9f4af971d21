"""An image folder on two workers, beside the plain loop: what processes and engines cost.

Writes 10,000 small pictures of noise, and labels them by the same predictor in one process (the
plain loop), in a pool of two processes, on Ray Data and on Spark, each with one thread of PyTorch.
A worker gets the predictor by name, and builds the model once. The start of the workers is measured
with the first pictures, and then all of them without it. Quote the ratios to the loop. Engines that
are not installed are left out.

Run: ``nox -s benchmarks``, or ``python benchmarks/bench_many_machines.py [--pictures N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from shutil import which
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

import dapi

WORKERS = 2
BATCH = 100  # pictures of one task of a worker
Label = Callable[[list[str]], list[str]]


def main() -> None:
    """Measure each way, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000, help="how many (default 10,000)")
    parser.add_argument("--model", default="resnet20_v2", help="a classifier (default resnet20_v2)")
    parser.add_argument("--ways", nargs="+", help="pool, ray, spark (default: all installed)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers; the loop has it, too
    found: dict[str, dict[str, float]] = {}
    if not options.json:
        print(f"{options.pictures} pictures by {options.model}, {WORKERS} workers")
        print(f"{'':<8}{'start, s':>10}{'all, s':>10}{'pictures/s':>12}{'of the loop':>13}")
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pictures(Path(folder), options.pictures)
        expected = None
        for name, way in ways(options.ways).items():
            start, seconds, labels = measure(way, options.model, paths)
            expected = expected or labels
            if labels != expected:
                raise AssertionError(f"{name} finds other labels than the loop")
            ratio = found["loop"]["all"] / seconds if found else 1.0
            found[name] = {"start": start, "all": seconds, "ratio": ratio}
            if not options.json:
                rate = len(paths) / seconds
                row = f"{start:>10.1f}{seconds:>10.1f}{rate:>12.0f}{ratio:>13.2f}"
                print(f"{name:<8}{row}", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))


def write_pictures(folder: Path, count: int) -> list[str]:
    """Write pictures of noise, and return their paths."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:05}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(256, size=(32, 32), dtype=np.uint8)).save(path)
    return [str(path) for path in paths]


def measure(
    way: Callable[[str], Any], model: str, paths: list[str]
) -> tuple[float, float, list[str]]:
    """Return the seconds until the first pictures have labels, those for all, and the labels."""
    began = perf_counter()
    with way(model) as label:
        label(paths[: 2 * BATCH])
        ready = perf_counter()
        labels = label(paths)
        return ready - began, perf_counter() - ready, labels


def ways(chosen: list[str] | None) -> dict[str, Callable[[str], Any]]:
    """Return the plain loop, and the other ways that this machine has."""
    found: dict[str, Callable[[str], Any]] = {"loop": loop, "pool": pool}
    if find_spec("ray"):
        found["ray"] = on_ray
    if find_spec("pyspark") and which("java"):
        found["spark"] = on_spark
    return {name: way for name, way in found.items() if name in ("loop", *(chosen or found))}


def labels_of(predict: dapi.ModelPredictor, paths: list[str]) -> list[str]:
    """Label a batch of pictures: what each worker does."""
    return [predict(path).facts["labels"][0]["label"] for path in paths]


@contextmanager
def loop(model: str) -> Iterator[Label]:
    """Label in this process."""
    import torch

    torch.set_num_threads(1)
    predict = dapi.predictor(model)
    yield lambda paths: labels_of(predict, paths)


@contextmanager
def pool(model: str) -> Iterator[Label]:
    """Label in processes of Python's own pool."""
    predict = dapi.predictor(model)
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as executor:

        def label(paths: list[str]) -> list[str]:
            batches = [paths[begin : begin + BATCH] for begin in range(0, len(paths), BATCH)]
            found = executor.map(labels_of, [predict] * len(batches), batches)
            return [each for batch in found for each in batch]

        yield label


@contextmanager
def on_ray(model: str) -> Iterator[Label]:
    """Label on Ray Data."""
    import ray

    predict = dapi.predictor(model)
    for patience in (2, 1, 0):  # Ray gives its own processes 30 seconds to start
        try:
            ray.init(num_cpus=WORKERS, include_dashboard=False, logging_level=logging.ERROR)
            break
        except Exception:
            ray.shutdown()
            if not patience:
                raise
    ray.data.DataContext.get_current().enable_progress_bars = False

    def label_batch(batch: dict[str, Any]) -> dict[str, Any]:
        paths = list(batch["item"])
        return {"item": paths, "label": labels_of(predict, paths)}

    def label(paths: list[str]) -> list[str]:
        pictures = ray.data.from_items(paths, override_num_blocks=4 * WORKERS)
        rows = pictures.map_batches(label_batch, batch_size=BATCH).take_all()
        return [row["label"] for row in sorted(rows, key=lambda row: row["item"])]

    try:
        yield label
    finally:
        ray.shutdown()


@contextmanager
def on_spark(model: str) -> Iterator[Label]:
    """Label on Spark, by ``predict_batch_udf``."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StringType

    def load() -> Callable[[Any], Any]:
        predict = dapi.predictor(model)
        return lambda paths: np.array(labels_of(predict, list(paths)))

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = SparkSession.builder.master(f"local[{WORKERS}]").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    udf = predict_batch_udf(load, return_type=StringType(), batch_size=BATCH)

    def label(paths: list[str]) -> list[str]:
        frame = spark.createDataFrame([(path,) for path in paths], ["path"]).repartition(WORKERS)
        rows = frame.select("path", udf("path").alias("label")).collect()
        return [row["label"] for row in sorted(rows, key=lambda row: row["path"])]

    try:
        yield label
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
