"""dapi.audio: versioned builders of models of speech and music over torchaudio, and their weights.

``dapi.audio.wav2vec2_base`` turns speech into features or letters, ``dapi.audio.tacotron2`` text
into a spectrogram, ``dapi.audio.wavernn`` that into sound, ``dapi.audio.hdemucs_high`` music into
its sources. The names are imported on first use: ``import dapi.audio`` loads neither torch nor
torchaudio.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
