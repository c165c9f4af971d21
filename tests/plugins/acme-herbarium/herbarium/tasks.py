"""How measurements are read, and what is told of the leaf."""

from dapi import tasks


def read(source):
    """Read four numbers."""
    return [tasks.Input(source, [float(number) for number in source.split(",")])]


@tasks.reads(read)
def leaf_identification(model, weights):
    """Name the leaf with these measurements."""
    to_tensor, names = weights.transforms(), weights.postprocess()

    def predict(measurements):
        logits = model(tasks.place(to_tensor(measurements), model))
        return tasks.Prediction({"leaf": names(logits)[0]})

    return tasks.Predictor(read, predict)


def sample(weights):
    """Return what the model is checked on."""
    return tasks.Sample([5.1, 3.5, 1.4, 0.2])
