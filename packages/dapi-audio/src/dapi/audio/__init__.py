"""dapi.audio: versioned builders of speech models over torchaudio, and their weights.

``dapi.audio.tacotron2`` turns symbols of text into a mel spectrogram, ``dapi.audio.wavernn`` a
mel spectrogram into sound. The names are imported on first use: ``import dapi.audio`` loads
neither torch nor torchaudio.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
