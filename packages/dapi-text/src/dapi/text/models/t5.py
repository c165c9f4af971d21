"""T5 and Flan-T5: every task is text to text (Raffel et al. 2019, Chung et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from dapi import Asset, Build, File, WeightEntry, Weights, WeightsLike, lazy, register_model
from dapi.adapt import Drop, Rename, Step
from dapi.text.models._config import TransformersConfig, configure
from dapi.text.models._hub import ON_TRUST, Repository, license_source, pinned_by
from dapi.text.models._tokens import expect_tokens

if TYPE_CHECKING:
    from transformers import T5EncoderModel, T5ForConditionalGeneration, T5Model
    from typing_extensions import Unpack

    from dapi.text.transforms import Tokenizer

    T5: TypeAlias = "T5EncoderModel | T5ForConditionalGeneration | T5Model"

Part = Literal["generation", "encoder-decoder", "encoder"]

# These hold what the published config.json files say. "n_positions" (512) is not among them:
# positions are relative, and nothing is cut there.
_FREE = {"dropout_rate": 0.1, "initializer_factor": 1.0}
_FIXED = {
    "decoder_start_token_id": 0,
    "eos_token_id": 1,
    "layer_norm_epsilon": 1e-06,
    "pad_token_id": 0,
    "relative_attention_max_distance": 128,
    "relative_attention_num_buckets": 32,
    "vocab_size": 32128,
}


def _sizes(*, layers: int, width: int, heads: int, head: int = 64, hidden: int) -> dict[str, int]:
    return {
        "d_ff": hidden,
        "d_kv": head,
        "d_model": width,
        "num_decoder_layers": layers,
        "num_heads": heads,
        "num_layers": layers,
    }


_T5 = {**_FIXED, "feed_forward_proj": "relu"}
_SMALL = {**_T5, **_sizes(layers=6, width=512, heads=8, hidden=2048)}
_BASE = {**_T5, **_sizes(layers=12, width=768, heads=12, hidden=3072)}
_LARGE = {**_T5, **_sizes(layers=24, width=1024, heads=16, hidden=4096)}
_3B = {**_T5, **_sizes(layers=24, width=1024, heads=32, head=128, hidden=16384)}
_11B = {**_T5, **_sizes(layers=24, width=1024, heads=128, head=128, hidden=65536)}

# T5 1.1: a gated feed-forward, and a head of its own instead of the embeddings.
_FLAN = {**_FIXED, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
_FLAN_SMALL = {**_FLAN, **_sizes(layers=8, width=512, heads=6, hidden=1024)}
_FLAN_BASE = {**_FLAN, **_sizes(layers=12, width=768, heads=12, hidden=2048)}
_FLAN_LARGE = {**_FLAN, **_sizes(layers=24, width=1024, heads=16, hidden=2816)}
_FLAN_XL = {**_FLAN, **_sizes(layers=24, width=2048, heads=32, hidden=5120)}
_FLAN_XXL = {**_FLAN, **_sizes(layers=24, width=4096, heads=64, hidden=10240)}

# Some files hold a bias that no version of the model reads.
_UNREAD = Drop(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.")
# One matrix embeds the words on both sides; a file may hold it under any of its names.
_ADAPT: Mapping[Part, tuple[Step, ...]] = {
    "generation": (_UNREAD,),
    "encoder-decoder": (_UNREAD, Drop(r"lm_head\.")),
    "encoder": (
        Rename(r"^decoder\.embed_tokens\.", "encoder.embed_tokens."),
        Drop(r"decoder\."),
        Drop(r"lm_head\."),
    ),
}
_TASKS: Mapping[Part, str] = {
    "generation": "text2text-generation",
    "encoder-decoder": "feature-extraction",
    "encoder": "feature-extraction",
}

_T5_META = {
    "license": "Apache-2.0",
    "datasets": ["C4", "the supervised tasks of the paper"],
    "metrics": [],
    "recipe": "https://github.com/google-research/text-to-text-transfer-transformer",
    "paper": "https://arxiv.org/abs/1910.10683",
}
_FLAN_META = {
    **_T5_META,
    "datasets": ["C4", "Flan collection"],
    "recipe": "https://github.com/google-research/t5x/blob/main/docs/models.md#flan-t5-checkpoints",
    "paper": "https://arxiv.org/abs/2210.11416",
}

# One vocabulary for all sizes: torchtext's bundles, too, name a single file.
_TOKENIZER = Repository("google-t5/t5-base", "a9723ea7f1b39c1eae772870f3b547bf6ef7e6c1").file(
    "tokenizer.json",
    sha256="d2acde0d8d71dd30a711834b07781b9c89feaac33fd332f60507699282740066",
    size=1389353,
)
_FLAN_TOKENIZER = Repository(
    "google/flan-t5-base", "7bcac572ce56db69c1ea7c8af255c5d7c9672fc2"
).file(
    "tokenizer.json",
    sha256="fe2ebbbbde2985be723e0ce18217853e4020c5e9d35bd07be2c27ab9d3ead57a",
    size=2424064,
)
_TOKENIZER_SOURCE = "the tokenizer (t5-base's): by 2 projects, one of which gives its size"
_FLAN_TOKENIZER_SOURCE = "the tokenizer (flan-t5-base's): by 3"


_POSTPROCESS: Mapping[Part, Mapping[str, Any]] = {
    "generation": {"postprocess": lazy("dapi.text.postprocess:Text", file=Asset("tokenizer"))},
    "encoder-decoder": {},
    "encoder": {"postprocess": lazy("dapi.text.postprocess:SentenceEmbeddings")},
}


class _Checkpoint(NamedTuple):
    """The published files of one size, of which each entry loads a part."""

    files: tuple[File, ...]
    config: Mapping[str, Any]
    hash_source: str

    def part(self, part: Part, num_params: int, *known_as: str) -> WeightEntry:
        is_flan = "tie_word_embeddings" in self.config
        return WeightEntry(
            self.files,
            transforms=lazy(
                "dapi.text.transforms:Tokenizer",
                file=Asset("tokenizer"),
                max_length=512,
                padding="<pad>",
            ),
            assets={"tokenizer": _FLAN_TOKENIZER if is_flan else _TOKENIZER},
            meta={
                **(_FLAN_META if is_flan else _T5_META),
                **license_source(self.files[0]),
                "task": _TASKS[part],
                "num_params": num_params,
                "hash_source": self.hash_source,
                "known_as": known_as,
            },
            latest=True,
            build=Build(config={**self.config, "part": part}, adapt=_ADAPT[part]),
            **_POSTPROCESS[part],
        )


_SMALL_FILES = (
    Repository("google-t5/t5-small", "df1b051c49625cf57a3d0d8d3863ed4d13564fe4").file(
        "model.safetensors",
        sha256="bd944e5f1b3ad9b70dd9d00010a517059e19265671076b8b0a4a58d9491842bc",
        size=242043056,
    ),
)
_SMALL_SOURCE = f"pinned by 1 public project, with its size, at this revision; {_TOKENIZER_SOURCE}"
_SMALL_CHECKPOINT = _Checkpoint(_SMALL_FILES, _SMALL, _SMALL_SOURCE)


class T5ModelConfig(TransformersConfig, total=False):
    """Attributes of transformers' T5Config."""

    classifier_dropout: float
    d_ff: int
    d_kv: int
    d_model: int
    decoder_start_token_id: int | None
    dropout_rate: float
    feed_forward_proj: str
    head_dim: int
    initializer_factor: float
    is_decoder: bool
    layer_norm_epsilon: float
    num_decoder_layers: int | None
    num_heads: int
    num_layers: int
    relative_attention_max_distance: int
    relative_attention_num_buckets: int
    scale_decoder_outputs: bool
    use_cache: bool


class T5SmallWeights(Weights):
    """Weights of ``t5_small``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    C4_RefV1 = _SMALL_CHECKPOINT.part(
        "generation", 60_506_624, "T5_SMALL_GENERATION", "google-t5/t5-small", "t5-small"
    )
    C4_EncoderDecoder_RefV1 = _SMALL_CHECKPOINT.part("encoder-decoder", 60_506_624, "T5_SMALL")
    C4_Encoder_RefV1 = _SMALL_CHECKPOINT.part("encoder", 35_330_816, "T5_SMALL_ENCODER")


@register_model(weights=T5SmallWeights)
def t5_small(
    *,
    weights: WeightsLike[T5SmallWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build T5-small: 6 + 6 layers, 512 wide, 61 million parameters.

    The model of "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer"
    (https://arxiv.org/abs/1910.10683), as in transformers. It builds the part that the weights are
    for:

    - ``"generation"`` (T5ForConditionalGeneration): call ``model.generate(**batch)``, with
      ``batch`` from ``weights.transforms()``; ``weights.postprocess()`` turns the ids into text. To
      fill gaps, as in ``"a <extra_id_0> day"``, use ``weights.transforms(special_tokens=True)``.
    - ``"encoder-decoder"`` (T5Model): the same without the head. Called with ``input_ids`` ``(N,
      L)`` and ``decoder_input_ids`` ``(N, M)``, its ``last_hidden_state`` is ``(N, M, 512)``.
    - ``"encoder"`` (T5EncoderModel): called with ``input_ids`` and ``attention_mask``, both ``(N,
      L)`` and int64, its ``last_hidden_state`` is ``(N, L, 512)``.

    In ``dtype=torch.bfloat16`` the model computes as transformers' does. In ``torch.float16``
    transformers' ``from_pretrained`` keeps the layers ``wo`` in float32, because their sums
    overflow; here all layers have the requested dtype.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        part: Which part to build; fixed by the weights.
        **config: Attributes of transformers' T5Config, such as ``dropout_rate``; instead of the
            published ones.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``part`` is unknown.
        UnexpectedArgumentError: T5Config has no such attribute.
        ConfigConflictError: ``part`` or ``config`` contradict the weights. For other errors of
            weights, see ``dapi.build_model``.

    Example:
        >>> encoder = t5_small(part="encoder", num_layers=1, vocab_size=100)
        >>> encoder.config.d_model
        512
    """
    return _construct(part, _SMALL, config, builder="t5_small")


_BASE_FILES = (
    Repository("google-t5/t5-base", "a9723ea7f1b39c1eae772870f3b547bf6ef7e6c1").file(
        "model.safetensors",
        sha256="a90903540cc02cbeb7ff9f823f1a80eb778c7e22426a0e620b01c77a5ec8f5b4",
        size=891646390,
    ),
)
_BASE_SOURCE = f"{pinned_by(7)}; {_TOKENIZER_SOURCE}"
_BASE_CHECKPOINT = _Checkpoint(_BASE_FILES, _BASE, _BASE_SOURCE)


class T5BaseWeights(Weights):
    """Weights of ``t5_base``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    C4_RefV1 = _BASE_CHECKPOINT.part(
        "generation", 222_903_552, "T5_BASE_GENERATION", "google-t5/t5-base", "t5-base"
    )
    C4_EncoderDecoder_RefV1 = _BASE_CHECKPOINT.part("encoder-decoder", 222_903_552, "T5_BASE")
    C4_Encoder_RefV1 = _BASE_CHECKPOINT.part("encoder", 109_628_544, "T5_BASE_ENCODER")


@register_model(weights=T5BaseWeights)
def t5_base(
    *,
    weights: WeightsLike[T5BaseWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build T5-base: 12 + 12 layers, 768 wide, 223 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 768)``.
    """
    return _construct(part, _BASE, config, builder="t5_base")


_LARGE_FILES = (
    Repository("google-t5/t5-large", "150ebc2c4b72291e770f58e6057481c8d2ed331a").file(
        "model.safetensors",
        sha256="bb566a699a6939ffa2ac2fa7eb26fd02b13d4d14956186d7af1e46ce19c67d32",
        size=2950736730,
    ),
)
_LARGE_CHECKPOINT = _Checkpoint(_LARGE_FILES, _LARGE, _SMALL_SOURCE)


class T5LargeWeights(Weights):
    """Weights of ``t5_large``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    C4_RefV1 = _LARGE_CHECKPOINT.part(
        "generation", 737_668_096, "T5_LARGE_GENERATION", "google-t5/t5-large", "t5-large"
    )
    C4_EncoderDecoder_RefV1 = _LARGE_CHECKPOINT.part("encoder-decoder", 737_668_096, "T5_LARGE")
    C4_Encoder_RefV1 = _LARGE_CHECKPOINT.part("encoder", 334_939_648, "T5_LARGE_ENCODER")


@register_model(weights=T5LargeWeights)
def t5_large(
    *,
    weights: WeightsLike[T5LargeWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build T5-large: 24 + 24 layers, 1024 wide, 738 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 1024)``.
    """
    return _construct(part, _LARGE, config, builder="t5_large")


_3B_FILES = (
    Repository("google-t5/t5-3b", "bed96aab9ee46012a5046386105ee5fd0ac572f0").file(
        "model.safetensors",
        sha256="a0e6c24ae12dd1c39e454fede314b20311c9e83e9e785b0141e8586010ef7766",
        size=11406460256,
    ),
)
_3B_SOURCE = (
    "pinned by 1 public project, with its size, for the repository (the revision is the "
    f"one that others name); {_TOKENIZER_SOURCE}"
)
_3B_CHECKPOINT = _Checkpoint(_3B_FILES, _3B, _3B_SOURCE)


class T53BWeights(Weights):
    """Weights of ``t5_3b``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    C4_RefV1 = _3B_CHECKPOINT.part(
        "generation", 2_851_598_336, "T5_3B_GENERATION", "google-t5/t5-3b", "t5-3b"
    )
    C4_EncoderDecoder_RefV1 = _3B_CHECKPOINT.part("encoder-decoder", 2_851_598_336, "T5_3B")
    C4_Encoder_RefV1 = _3B_CHECKPOINT.part("encoder", 1_240_909_824, "T5_3B_ENCODER")


@register_model(weights=T53BWeights)
def t5_3b(
    *,
    weights: WeightsLike[T53BWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build T5-3B: 24 + 24 layers, 1024 wide, 2.9 billion parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 1024)``.
    """
    return _construct(part, _3B, config, builder="t5_3b")


_11B_FILES = (
    Repository("google-t5/t5-11b", "90f37703b3334dfe9d2b009bfcbfbf1ac9d28ea3").file(
        "pytorch_model.bin"
    ),
)
_11B_SOURCE = f"{ON_TRUST}; {_TOKENIZER_SOURCE}"
_11B_CHECKPOINT = _Checkpoint(_11B_FILES, _11B, _11B_SOURCE)


class T511BWeights(Weights):
    """Weights of ``t5_11b``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    C4_RefV1 = _11B_CHECKPOINT.part(
        "generation", 11_307_321_344, "T5_11B_GENERATION", "google-t5/t5-11b", "t5-11b"
    )
    C4_EncoderDecoder_RefV1 = _11B_CHECKPOINT.part("encoder-decoder", 11_307_321_344, "T5_11B")
    C4_Encoder_RefV1 = _11B_CHECKPOINT.part("encoder", 4_864_791_552, "T5_11B_ENCODER")


@register_model(weights=T511BWeights)
def t5_11b(
    *,
    weights: WeightsLike[T511BWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build T5-11B: 24 + 24 layers, 1024 wide, 11 billion parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 1024)``.
    """
    return _construct(part, _11B, config, builder="t5_11b")


_FLAN_SMALL_FILES = (
    Repository("google/flan-t5-small", "0fc9ddf78a1e988dac52e2dac162b0ede4fd74ab").file(
        "model.safetensors",
        sha256="495fa51e204676f1a857a9fc13c4c89f3f5ba9f480b898cebca02add25e6d749",
        size=307867048,
    ),
)
_FLAN_SMALL_SOURCE = f"{pinned_by(4)}; {_FLAN_TOKENIZER_SOURCE}"
_FLAN_SMALL_CHECKPOINT = _Checkpoint(_FLAN_SMALL_FILES, _FLAN_SMALL, _FLAN_SMALL_SOURCE)


class FlanT5SmallWeights(Weights):
    """Weights of ``flan_t5_small``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    Flan_RefV1 = _FLAN_SMALL_CHECKPOINT.part("generation", 76_961_152, "google/flan-t5-small")
    Flan_EncoderDecoder_RefV1 = _FLAN_SMALL_CHECKPOINT.part("encoder-decoder", 60_511_616)
    Flan_Encoder_RefV1 = _FLAN_SMALL_CHECKPOINT.part("encoder", 35_332_800)


@register_model(weights=FlanT5SmallWeights)
def flan_t5_small(
    *,
    weights: WeightsLike[FlanT5SmallWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build Flan-T5-small: 8 + 8 layers, 512 wide, 77 million parameters.

    T5 1.1, with a gated feed-forward and a head that is not tied to the embeddings, tuned on the
    tasks of "Scaling Instruction-Finetuned Language Models" (https://arxiv.org/abs/2210.11416).
    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 512)``.
    """
    return _construct(part, _FLAN_SMALL, config, builder="flan_t5_small")


_FLAN_BASE_FILES = (
    Repository("google/flan-t5-base", "7bcac572ce56db69c1ea7c8af255c5d7c9672fc2").file(
        "model.safetensors",
        sha256="1dfb70afdcedceb9f9fae2f9b68e004ad934361fb35b9b2bd50b45ea90790fc8",
        size=990345061,
    ),
)
_FLAN_BASE_SOURCE = f"{pinned_by(3)}, the size: by 2 others; {_FLAN_TOKENIZER_SOURCE}"
_FLAN_BASE_CHECKPOINT = _Checkpoint(_FLAN_BASE_FILES, _FLAN_BASE, _FLAN_BASE_SOURCE)


class FlanT5BaseWeights(Weights):
    """Weights of ``flan_t5_base``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    Flan_RefV1 = _FLAN_BASE_CHECKPOINT.part(
        "generation", 247_577_856, "FLAN_T5_BASE_GENERATION", "google/flan-t5-base"
    )
    Flan_EncoderDecoder_RefV1 = _FLAN_BASE_CHECKPOINT.part(
        "encoder-decoder", 222_903_552, "FLAN_T5_BASE"
    )
    Flan_Encoder_RefV1 = _FLAN_BASE_CHECKPOINT.part("encoder", 109_628_544, "FLAN_T5_BASE_ENCODER")


@register_model(weights=FlanT5BaseWeights)
def flan_t5_base(
    *,
    weights: WeightsLike[FlanT5BaseWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build Flan-T5-base: 12 + 12 layers, 768 wide, 248 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 768)``.
    """
    return _construct(part, _FLAN_BASE, config, builder="flan_t5_base")


_FLAN_LARGE_FILES = (
    Repository("google/flan-t5-large", "0613663d0d48ea86ba8cb3d7a44f0f65dc596a2a").file(
        "model.safetensors"
    ),
)
_FLAN_LARGE_SOURCE = f"{ON_TRUST} (one project states a hash); {_FLAN_TOKENIZER_SOURCE}"
_FLAN_LARGE_CHECKPOINT = _Checkpoint(_FLAN_LARGE_FILES, _FLAN_LARGE, _FLAN_LARGE_SOURCE)


class FlanT5LargeWeights(Weights):
    """Weights of ``flan_t5_large``: one file, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    Flan_RefV1 = _FLAN_LARGE_CHECKPOINT.part(
        "generation", 783_150_080, "FLAN_T5_LARGE_GENERATION", "google/flan-t5-large"
    )
    Flan_EncoderDecoder_RefV1 = _FLAN_LARGE_CHECKPOINT.part(
        "encoder-decoder", 750_251_008, "FLAN_T5_LARGE"
    )
    Flan_Encoder_RefV1 = _FLAN_LARGE_CHECKPOINT.part(
        "encoder", 341_231_104, "FLAN_T5_LARGE_ENCODER"
    )


@register_model(weights=FlanT5LargeWeights)
def flan_t5_large(
    *,
    weights: WeightsLike[FlanT5LargeWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build Flan-T5-large: 24 + 24 layers, 1024 wide, 783 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 1024)``.
    """
    return _construct(part, _FLAN_LARGE, config, builder="flan_t5_large")


_FLAN_XL_REPOSITORY = Repository("google/flan-t5-xl", "7d6315df2c2fb742f0f5b556879d730926ca9001")
_FLAN_XL_FILES = (
    _FLAN_XL_REPOSITORY.file("model-00001-of-00002.safetensors", size=9449619912),
    _FLAN_XL_REPOSITORY.file("model-00002-of-00002.safetensors", size=1949477672),
)
_FLAN_XL_SOURCE = f"{ON_TRUST} (one project states the sizes); {_FLAN_TOKENIZER_SOURCE}"
_FLAN_XL_CHECKPOINT = _Checkpoint(_FLAN_XL_FILES, _FLAN_XL, _FLAN_XL_SOURCE)


class FlanT5XLWeights(Weights):
    """Weights of ``flan_t5_xl``: two files, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    Flan_RefV1 = _FLAN_XL_CHECKPOINT.part(
        "generation", 2_849_757_184, "FLAN_T5_XL_GENERATION", "google/flan-t5-xl"
    )
    Flan_EncoderDecoder_RefV1 = _FLAN_XL_CHECKPOINT.part(
        "encoder-decoder", 2_783_959_040, "FLAN_T5_XL"
    )
    Flan_Encoder_RefV1 = _FLAN_XL_CHECKPOINT.part("encoder", 1_223_527_424, "FLAN_T5_XL_ENCODER")


@register_model(weights=FlanT5XLWeights)
def flan_t5_xl(
    *,
    weights: WeightsLike[FlanT5XLWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build Flan-T5-XL: 24 + 24 layers, 2048 wide, 2.8 billion parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 2048)``.
    """
    return _construct(part, _FLAN_XL, config, builder="flan_t5_xl")


_FLAN_XXL_REPOSITORY = Repository("google/flan-t5-xxl", "ae7c9136adc7555eeccc78cdd960dfd60fb346ce")
_FLAN_XXL_FILES = tuple(
    _FLAN_XXL_REPOSITORY.file(f"pytorch_model-0000{n}-of-00005.bin") for n in range(1, 6)
)
_FLAN_XXL_SOURCE = f"{ON_TRUST}; {_FLAN_TOKENIZER_SOURCE}"
_FLAN_XXL_CHECKPOINT = _Checkpoint(_FLAN_XXL_FILES, _FLAN_XXL, _FLAN_XXL_SOURCE)


class FlanT5XXLWeights(Weights):
    """Weights of ``flan_t5_xxl``: five files, of which each member loads a part."""

    transforms: Callable[..., Tokenizer]

    Flan_RefV1 = _FLAN_XXL_CHECKPOINT.part(
        "generation", 11_135_332_352, "FLAN_T5_XXL_GENERATION", "google/flan-t5-xxl"
    )
    Flan_EncoderDecoder_RefV1 = _FLAN_XXL_CHECKPOINT.part(
        "encoder-decoder", 11_003_736_064, "FLAN_T5_XXL"
    )
    Flan_Encoder_RefV1 = _FLAN_XXL_CHECKPOINT.part("encoder", 4_762_310_656, "FLAN_T5_XXL_ENCODER")


@register_model(weights=FlanT5XXLWeights)
def flan_t5_xxl(
    *,
    weights: WeightsLike[FlanT5XXLWeights] | None = None,
    progress: bool = True,
    part: Part = "generation",
    **config: Unpack[T5ModelConfig],
) -> T5:
    """Build Flan-T5-XXL: 24 + 24 layers, 4096 wide, 11 billion parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 (what
    ``weights.transforms()`` returns). ``part`` is fixed by the weights: ``"generation"`` has a
    head, and ``weights.postprocess()`` turns the ids of ``model.generate`` into text;
    ``"encoder-decoder"`` also takes ``decoder_input_ids``; the ``last_hidden_state`` of
    ``"encoder"`` is ``(N, L, 4096)``.
    """
    return _construct(part, _FLAN_XXL, config, builder="flan_t5_xxl")


def _construct(
    part: Part, published: Mapping[str, Any], given: Mapping[str, Any], *, builder: str
) -> T5:
    """Construct the part that is asked for; a head is tied only where the published one is."""
    from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration, T5Model

    _check_part(part)
    settings = configure(T5Config, {**_FREE, **published}, given, builder=builder)
    if part == "encoder":
        return expect_tokens(T5EncoderModel(settings), builder)
    if part == "encoder-decoder":
        return expect_tokens(T5Model(settings), builder)
    model = T5ForConditionalGeneration(settings)
    if not settings.scale_decoder_outputs:
        _untie_head(model)
    return expect_tokens(model, builder)


def _check_part(part: str) -> None:
    if part not in get_args(Part):
        known = ", ".join(map(repr, get_args(Part)))
        raise ValueError(f"part={part!r} is unknown. Expected one of: {known}.")


def _untie_head(model: T5ForConditionalGeneration) -> None:
    """Give the model a head of its own.

    transformers 5 always ties it, and unties it only while it loads a file that holds both.
    """
    from torch import nn

    embeddings = model.shared
    head = nn.Linear(embeddings.embedding_dim, embeddings.num_embeddings, bias=False)
    nn.init.normal_(head.weight, std=model.config.initializer_factor)
    model.lm_head = head
    del model.all_tied_weights_keys["lm_head.weight"]
