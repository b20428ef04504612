"""A backbone with a head that agrees on one label per clip."""

import keras
from keras import ops

from adafuse_tf import costs
from adafuse_tf.data.preprocessing import Preprocessing
from adafuse_tf.layers import AverageConsensus, FrameLSTM
from adafuse_tf.models import streaming
from adafuse_tf.models.factory import build_preset
from adafuse_tf.models.presets import PRESETS, unknown_preset

CONSENSUSES = ("average", "lstm")


@keras.saving.register_keras_serializable(package="adafuse_tf")
class VideoClassifier(keras.Model):
    """Classifies clips and says what each one cost.

    Frame logits are averaged over the clip (the consensus G of paper Eq. 1); with
    `consensus="lstm"` an LSTM runs over the frame features first.

    Args:
        backbone: A `ResNet`.
        num_classes: Number of labels K.
        consensus: `"average"` or `"lstm"`.
        dropout: Rate before the classifier.
        lstm_units: Width of the LSTM, for `consensus="lstm"`.
        preprocessing: What turns decoded frames into the input of this model, a
            `data.Preprocessing` or its `to_dict()`; saved with the model.

    Input shape:
        `frames`: `[B, T, H, W, 3]` float, what `model.preprocessing` makes (RGB / 255,
        ImageNet mean and standard deviation by default); any T, H and W.

    Output shape:
        `{"logits": [B, K], "gmacs": [B]}`, float32. More on request, see
        `with_outputs`.

    Raises:
        ValueError: An option out of its range; a clip that is not of rank 5.

    Example:

    ```python
    model = VideoClassifier.from_preset("adafuse_tsn_resnet18", num_classes=27)
    model.compile(
        "sgd",
        loss={
            "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "gmacs": costs.FlopsLoss(0.1, reference=model.dense_gmacs(8, 224, 224)),
        },
    )
    model.fit(clips, labels)
    ```
    """

    def __init__(
        self,
        backbone,
        num_classes,
        consensus="average",
        dropout=0.5,
        lstm_units=512,
        preprocessing=None,
        name=None,
    ):
        if consensus not in CONSENSUSES:
            raise ValueError(
                f"`consensus` must be one of {CONSENSUSES}. "
                f"Received: consensus={consensus!r}"
            )
        if not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(
                "`num_classes` must be a positive integer. "
                f"Received: num_classes={num_classes!r}"
            )
        if not isinstance(preprocessing, Preprocessing):
            preprocessing = Preprocessing.from_dict(preprocessing or {})

        # === Functional Model ===
        frames = backbone.input
        x = backbone.output["features"]
        policies = backbone.output["policies"]
        operations = list(backbone.cost_table)
        if consensus == "lstm":
            operations.append(costs.lstm("lstm", x.shape[-1], lstm_units))
            x = FrameLSTM(lstm_units, name="lstm")(x)
        x = keras.layers.Dropout(dropout, dtype="float32", name="dropout")(x)
        operations.append(costs.dense("classifier", x.shape[-1], num_classes))
        frame_logits = keras.layers.Dense(
            num_classes,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
            dtype="float32",
            name="classifier",
        )(x)
        logits = AverageConsensus(name="consensus")(frame_logits)
        histories = {name: gate.history for name, gate in backbone.gates.items()}
        gmacs = costs.ClipCost(operations, histories, name="clip_cost")(
            frames, policies
        )
        super().__init__(
            inputs=frames,
            outputs={"logits": logits, "gmacs": gmacs},
            name=name,
        )

        # === Config ===
        self.backbone = backbone
        self.num_classes = num_classes
        self.consensus = consensus
        self.dropout = dropout
        self.lstm_units = lstm_units
        self.preprocessing = preprocessing
        self.cost_table = tuple(operations)
        self._tensors = (logits, gmacs, policies, frame_logits)

    @classmethod
    def from_preset(cls, name, num_classes, **overrides):
        """Builds a named network with random weights, without a network connection.

        Args:
            name: A key of `adafuse_tf.models.PRESETS`.
            num_classes: Number of labels K.
            **overrides: Any option of the classifier or of its backbone.

        Raises:
            ValueError: Unknown preset or option, with those that there are.
        """
        if name not in PRESETS:
            raise unknown_preset(name)
        return build_preset(cls, name, num_classes, overrides)

    @property
    def gates(self):
        """`dict[str, AdaptiveTemporalFusion]` in network order; empty without gates."""
        return self.backbone.gates

    def with_outputs(self, *names):
        """A view of this model, on the same weights, with other outputs.

        Args:
            *names: Any of `"logits"` `[B, K]`, `"gmacs"` `[B]`, `"policies"` (dict of
                gate name to one-hot `[B, T, C, 3]`) and `"frame_logits"` `[B, T, K]`.

        Returns:
            A `keras.Model` with a dict of these outputs.
        """
        available = dict(
            zip(("logits", "gmacs", "policies", "frame_logits"), self._tensors,
                strict=True)
        )  # fmt: skip
        unknown = sorted(set(names) - set(available))
        if unknown or not names:
            raise ValueError(
                f"Outputs must be among {list(available)}. Received: {list(names)}"
            )
        return keras.Model(self.input, {name: available[name] for name in names})

    def initial_state(
        self, batch_size, height=None, width=None, window=None, dtype=None
    ):
        """The state that streams start with.

        Args:
            batch_size: Number of streams B.
            height, width: Size of the frames in pixels; by default that of
                `preprocessing`.
            window: Average the logits over so many last frames; by default over all
                since the start.
            dtype: Store feature maps as `"float16"`, for half the size and rounded
                results, or `"float32"`; by default in the model's precision, for
                exact ones.

        Returns:
            `dict[str, Tensor]`, all zeros; `streaming.state_bytes` tells its size.

        Raises:
            ValueError: The model shifts in both directions, which needs the future; a
                size that is no positive integer; another dtype.
        """
        crop = self.preprocessing.crop
        size = (crop if pixels is None else pixels for pixels in (height, width))
        return streaming.initial_state(self, batch_size, *size, window, dtype)

    def step(self, frames, state, reset=None, outputs=("logits", "gmacs")):
        """Classifies streams a few frames at a time.

        The results of any split of a clip into steps are those of the clip: after its
        last frame the logits are equal, and the costs of the steps add up.

        Args:
            frames: `[B, k, H, W, 3]` float, the next k frames of each stream.
            state: `initial_state(...)` or what the step before returned.
            reset: Boolean `[B]`; these streams start anew with this step.
            outputs: As in `with_outputs`.

        Returns:
            `(outputs, state)`: a dict with the logits `[B, K]` of the stream so far,
            the `gmacs` `[B]` of this step and whatever else was asked for; and the
            state for the next step, of the same keys, shapes and dtypes.

        Raises:
            ValueError: Frames or state of another shape, or no frames.
            TypeError: Frames or state that are not floats, or a state that is no dict.
        """
        return streaming.step(self, frames, state, reset, tuple(outputs))

    def dense_gmacs(self, num_frames, height, width):
        """GMACs per clip of the dense twin: all channels kept, no policy networks."""
        policy_parts = {f"{gate}_policy_{part}" for gate in self.gates
                        for part in ("hidden", "output")}  # fmt: skip
        twin = [op for op in self.cost_table if op.name not in policy_parts]
        return num_frames * costs.static_gmacs(twin, height, width)

    def __call__(self, inputs, *args, **kwargs):
        # Checked here rather than in `call`, where Keras would bury the message under
        # the printed values of the clip.
        shape = getattr(inputs, "shape", None)
        if shape is not None and (len(shape) != 5 or shape[-1] not in (3, None)):
            raise ValueError(
                "A classifier takes clips [B, T, H, W, 3]; add the missing axis, for "
                f"example clip[None]. Received: shape={tuple(shape)}"
            )
        return super().__call__(inputs, *args, **kwargs)

    # `fit(clips, labels)` works with plain labels: the cost needs no target.
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        y, sample_weight = _per_output(y, y_pred, sample_weight)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y, sample_weight = _per_output(y, y_pred, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self):
        return {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "num_classes": self.num_classes,
            "consensus": self.consensus,
            "dropout": self.dropout,
            "lstm_units": self.lstm_units,
            "preprocessing": self.preprocessing.to_dict(),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["backbone"] = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**config)


def _per_output(y, y_pred, sample_weight):
    """Gives every output a target and a weight."""
    if y is not None and not isinstance(y, dict):
        y = {"logits": y, "gmacs": ops.zeros_like(y_pred["gmacs"])}
        if sample_weight is not None and not isinstance(sample_weight, dict):
            sample_weight = {"logits": sample_weight, "gmacs": None}
    return y, sample_weight
