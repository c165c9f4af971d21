from .models.tacotron2 import Tacotron2Weights as Tacotron2Weights
from .models.tacotron2 import tacotron2 as tacotron2
from .models.wavernn import WaveRNNWeights as WaveRNNWeights
from .models.wavernn import wavernn as wavernn
