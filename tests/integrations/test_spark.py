"""Spark's ``predict_batch_udf`` builds a predictor once in each of its workers."""

import shutil

import pytest

INTEGRATION = "Spark"
DISTRIBUTION = "pyspark"
REMARK = "Needs Java 17 or newer. `return_type` is a type, such as `StringType()`, not its name."

pytestmark = pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed")


def example():
    from functools import partial

    import numpy as np
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StringType

    import dapi

    def load(name):
        predict = dapi.predictor(name)  # once in each worker

        def label(pixels):
            results = predict(list(pixels.astype("uint8")))
            return np.array([each.facts["labels"][0]["label"] for each in results])

        return label

    spark = SparkSession.builder.master("local[2]").getOrCreate()
    label = predict_batch_udf(
        partial(load, "resnet20_v2:Digits_RefV1"),
        return_type=StringType(),
        batch_size=16,
        input_tensor_shapes=[[32, 32]],
    )
    pictures = np.random.default_rng(0).integers(256, size=(64, 32 * 32)).tolist()
    frame = spark.createDataFrame([(each,) for each in pictures], ["picture"]).repartition(2)
    print(frame.select(label("picture").alias("label")).where("label between 0 and 9").count())
    spark.stop()


def test_a_data_frame_is_labelled_by_two_workers(run_example):
    """Each picture is a digit."""
    assert "64" == run_example().splitlines()[-1]
