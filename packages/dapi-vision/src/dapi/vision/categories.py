"""The names of the classes of public datasets, in the order of the outputs of published models.

Each is a ``dapi.Lines``: a sequence of names that is read from this package on first use. An entry
of your own names it twice: ``meta={"categories": IMAGENET1K}`` and
``postprocess=lazy("dapi.vision.postprocess:Classification", categories=IMAGENET1K)``. Imports only
``dapi``.

>>> IMAGENET1K[0], len(IMAGENET1K), COCO.index("person"), KINETICS400[0], VOC[1]
('tench', 1000, 1, 'abseiling', 'aeroplane')
"""

from __future__ import annotations

from typing import Final

from dapi import Lines

IMAGENET1K: Final = Lines("dapi.vision:data/imagenet1k.txt")
"""The 1,000 classes of ImageNet's challenge of 2012; torchvision's names."""

COCO: Final = Lines("dapi.vision:data/coco.txt")
"""The 91 classes of torchvision's detectors: the background, COCO's 80, and 10 that are not used
(N/A)."""

COCO_PERSON: Final = Lines("dapi.vision:data/coco_person.txt")
"""The two classes of detectors of keypoints."""

COCO_KEYPOINTS: Final = Lines("dapi.vision:data/coco_keypoints.txt")
"""The 17 keypoints of a person in COCO."""

VOC: Final = Lines("dapi.vision:data/voc.txt")
"""The background and Pascal VOC's 20 classes."""

KINETICS400: Final = Lines("dapi.vision:data/kinetics400.txt")
"""The 400 actions of Kinetics-400."""
