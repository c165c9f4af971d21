"""The network of PodNet."""

from __future__ import annotations

from torch import Tensor, nn


class PodNet(nn.Module):
    """Take pictures ``(N, 1, H, W)`` to the boxes of pods and their scores."""

    def __init__(self, *, width: int = 4, score_thresh: float = 0.0) -> None:
        super().__init__()
        self.score_thresh = score_thresh
        self.stem = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width, momentum=0.1)
        self.score = nn.Conv2d(width, 1, 1)
        self.box = nn.Conv2d(width, 4, 1)
        self.aux1 = nn.Conv2d(width, 1, 1)
        self.aux2 = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return boxes ``(N, 4)`` and scores ``(N,)``; in training, maps of scores."""
        x = self.norm(self.stem(x)).relu()
        scores, boxes = self.score(x).sigmoid(), self.box(x)
        if self.training:
            return scores, boxes, self.aux2(x), self.aux1(x)
        flat = scores.flatten()
        kept = flat >= self.score_thresh
        return boxes.movedim(1, -1).reshape(-1, 4)[kept], flat[kept]
