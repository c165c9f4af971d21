"""Examples in the help of each command."""

from __future__ import annotations

_EXAMPLES = {
    "list": ("dapi list", "dapi list 'resnet*'", "dapi list --task object-detection"),
    "search": (
        "dapi search --task image-classification --max-params 30M \\\n      --sort acc@1",
        "dapi search roberta --allow-license MIT --json",
    ),
    "show": (
        "dapi show resnet50",
        "dapi show resnet50:ImageNet1K_RefV2",
        "dapi show ResNet50_Weights.IMAGENET1K_V2",
    ),
    "predict": (
        "dapi predict resnet50 photo.jpg",
        "dapi predict wav2vec2_base:LibriSpeech_ASR960h_RefV1 \\\n      speech.wav --json",
    ),
    "fetch": ("dapi fetch resnet50", "dapi fetch --dry-run resnet50 bert_base"),
    "verify": ("dapi verify", "dapi verify resnet50 --repair", "dapi verify --lock"),
    "trust": ("dapi trust", "dapi trust --forget resnet50"),
    "cache": ("dapi cache ls", "dapi cache dir", "dapi cache prune"),
    "cache list": ("dapi cache ls --json",),
    "cache add": ("dapi cache add resnet50.pth", "dapi cache add net.pth --for resnet50"),
    "cache remove": ("dapi cache remove resnet50", "dapi cache remove --older-than 90"),
    "cache prune": ("dapi cache prune",),
    "cache dir": ("du -sh $(dapi cache dir)",),
    "doctor": ("dapi doctor", "dapi doctor dapi-vision", "dapi doctor --build"),
    "env": ("dapi env", "dapi env --json"),
    "check": ("dapi check resnet50", "dapi check --all", "dapi check --lock"),
    "answers": ("dapi answers resnet50 --output answers.json",),
    "completion": (
        'eval "$(dapi completion bash)"  # in ~/.bashrc',
        'eval "$(dapi completion zsh)"   # in ~/.zshrc',
        "dapi completion fish \\\n      > ~/.config/fish/completions/dapi.fish",
    ),
}

# The page of the documentation, in every copy of it.
_MORE = "Exit statuses, JSON and more: docs/command-line.md"


def epilog(command: str) -> str:
    """Return the end of the help of a command, as in ``"cache add"``."""
    lines = "".join(f"  {line}\n" for line in _EXAMPLES.get(command, ()))
    return f"examples:\n{lines}\n{_MORE}" if lines else _MORE
