from .models.minilm import MiniLML6Weights as MiniLML6Weights
from .models.minilm import minilm_l6 as minilm_l6
from .models.roberta import RoBERTaBaseWeights as RoBERTaBaseWeights
from .models.roberta import RoBERTaLargeWeights as RoBERTaLargeWeights
from .models.roberta import roberta_base as roberta_base
from .models.roberta import roberta_large as roberta_large
