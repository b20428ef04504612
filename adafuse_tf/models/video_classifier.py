"""A network of frames with a head that agrees on one label per clip."""

import inspect
import types

import keras

from adafuse_tf import costs
from adafuse_tf.graph import keras_graph
from adafuse_tf.layers import (
    AdaptiveTemporalFusion,
    AverageConsensus,
    FrameLSTM,
    LearnedPolicy,
)
from adafuse_tf.models import outputs, streaming
from adafuse_tf.models.factory import (
    GATES,
    LIFTING,
    lifted_backbone,
    options_of,
    preprocessing_of,
    preset_parts,
)
from adafuse_tf.models.head import classifier_graph
from adafuse_tf.models.presets import PRESETS, unknown_preset
from adafuse_tf.models.video_model import VideoModel

VIEWS = ("logits", "gmacs", "policies", "frame_logits")


@keras.saving.register_keras_serializable(package="adafuse_tf")
class VideoClassifier(VideoModel):
    """Classifies clips and says what each one cost.

    Frame logits are averaged over the clip (the consensus G of paper Eq. 1); with
    `consensus="lstm"` an LSTM runs over the frame features first.

    `VideoClassifier(backbone, num_classes, ...)` builds the head on a backbone; Keras
    itself constructs it from a graph, `VideoClassifier(inputs, outputs, name)`, as any
    functional model.

    Args:
        backbone: A functional model of clips `[B, T, H, W, 3]` with the outputs
            `{"features": [B, T, C], "policies": {gate: [B, T, C', 3]}}`. Image networks
            become one in `from_image_model` and `from_preset`.
        num_classes: Number of labels K.
        consensus: `"average"` or `"lstm"`.
        dropout: Rate before the classifier.
        lstm_units: Width of the LSTM, for `consensus="lstm"` only; 512 by default.
        preprocessing: What turns decoded frames into the input of this model, a
            `Preprocessing` or its `to_dict()`; saved with the model.
        dtype: Precision of the LSTM, a `keras.DTypePolicy` or its name; by default that
            of the backbone. Policies, costs and logits are always float32.
        trainable: Whether the whole model is.
        name: Name of the model.

    Input shape:
        `frames`: `[B, T, H, W, 3]` float, what `model.preprocessing` makes (RGB / 255,
        ImageNet mean and standard deviation by default), any T, H and W; or uint8
        frames, which go through `model.preprocessing` here.

    Output shape:
        `{"logits": [B, K], "gmacs": [B]}`, float32. More on request, see
        `with_outputs`.

    Raises:
        ValueError: An option out of its range; a clip that is not of rank 5.
        TypeError: A backbone that is none; a clip that is neither floats nor uint8.

    Example:

    ```python
    model = VideoClassifier.from_preset("adafuse_tsn_resnet18", num_classes=27)
    model.compile()  # or with losses and metrics of your own, see `compile`
    model.fit(clips, labels)
    ```
    """

    def __init__(self, *args, **kwargs):
        if not keras_graph.is_graph(args, kwargs):
            try:
                inspect.signature(classifier_graph).bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(
                    "VideoClassifier(backbone, num_classes, ...) or "
                    f"VideoClassifier(inputs, outputs): {error}"
                ) from None
            args, kwargs = (), classifier_graph(*args, **kwargs)
        super().__init__(*args, **kwargs)
        self._cost = _only(self, costs.ClipCost)
        # Not tracked as a part of this model.
        self._views = types.SimpleNamespace(backbone=None)

    @classmethod
    def from_preset(cls, preset, num_classes, **overrides):
        """Builds a named network; with random weights unless it is told otherwise.

        Args:
            preset: A key of `adafuse_tf.models.PRESETS`.
            num_classes: Number of labels K.
            **overrides: Any option of the classifier or of its backbone, `name`,
                `dtype` and `trainable` among them.

        Raises:
            ValueError: Unknown preset or option, with those that there are.
        """
        if preset not in PRESETS:
            raise unknown_preset(preset)
        head = options_of(classifier_graph)
        image_model, options = preset_parts(preset, overrides, head)
        return cls._on_image_model(image_model, num_classes, options)

    @classmethod
    def from_image_model(cls, image_model, num_classes, **options):
        """Makes a video classifier of an image network, with its layers and weights.

        Time is folded into the batch at the input; gates and shifts are put into the
        graph of the image network, whose own layers are used, not copied. With gates
        that keep everything its features are the image network's on every frame.

        Args:
            image_model: A functional `keras.Model` of RGB images with one output: a map
                `[B, H, W, C]`, which is averaged over its positions, or features
                `[B, C]`.
            num_classes: Number of labels K.
            **options: `gates` (`"worthwhile"`), `shift` (`"none"`), `shift_divisor` and
                `shift_projection` as in `graph.lift.lift`; `policy`, `history`,
                `actions`, `hidden_units`, `group_size` and other options of the gates
                as in `models.gating.GateFactory`; `consensus`, `dropout`,
                `lstm_units`, `dtype`, `trainable` and `name` as here; `seed` of
                sampling and of the policies' initial weights; `preprocessing`, by
                default frames of the image model's input size with ImageNet's mean and
                standard deviation, or 0..255 where the model itself begins with
                scaling them.

        Returns:
            A `VideoClassifier`. Policies whose `hidden_units` are not given cost at
            most 3 % of the image network's MACs and 15 % of its parameters, unless four
            units are more.

        Raises:
            TypeError: `image_model` is no Keras model.
            ValueError: A model that cannot be read as a network of images, with the way
                out; an option that there is not, or out of its range.

        Example:

        ```python
        cnn = keras.applications.MobileNetV2(include_top=False, weights=None)
        model = VideoClassifier.from_image_model(cnn, num_classes=27, shift="causal")
        ```
        """
        if options.get("preprocessing") is None:
            options["preprocessing"] = preprocessing_of(image_model)
        known = options_of(classifier_graph) | GATES | LIFTING | {"dtype", "seed"}
        unknown = sorted(set(options) - known)
        if unknown:
            raise ValueError(
                f"Unknown options: {unknown}. Known: {sorted(known)}. Those of the "
                "image model belong into its own constructor"
            )
        return cls._on_image_model(image_model, num_classes, options)

    @classmethod
    def _on_image_model(cls, image_model, num_classes, options):
        backbone = lifted_backbone(image_model, options)
        head = options_of(classifier_graph) | {"dtype"}
        return cls(
            backbone, num_classes, **{k: v for k, v in options.items() if k in head}
        )

    @property
    def cost_table(self):
        """The static cost table, a tuple of `costs.Operation`."""
        return self._cost.operations

    @property
    def num_classes(self):
        """Number of labels K."""
        return self.get_layer("classifier").units

    @property
    def gates(self):
        """`dict[str, AdaptiveTemporalFusion]` in network order; empty without gates."""
        return {
            layer.name: layer
            for layer in self.layers
            if isinstance(layer, AdaptiveTemporalFusion)
        }

    @property
    def backbone(self):
        """A view without the head, on the same layers, always the same one.

        Freeze all of it with `model.backbone.trainable = False` before `compile`, or
        give it another head: `VideoClassifier(model.backbone, num_classes)`.
        """
        if self._views.backbone is None:
            recurrent = [x for x in self.layers if isinstance(x, FrameLSTM)]
            dropout = keras_graph.source_of(self.get_layer("classifier"))
            features = (recurrent[0] if recurrent else dropout).input
            view = {"features": features, "policies": self._tensors["policies"]}
            self._views.backbone = self._view(view, f"{self.name}_backbone")
            # Keras takes what is an attribute for a part, and saves it with the model.
            self._views.backbone._saves_seeds = False
        return self._views.backbone

    def _view(self, outputs, name=None):
        return VideoModel(
            self.input,
            outputs,
            name=name,
            preprocessing=self.preprocessing,
            dtype=self.dtype_policy,
        )

    @property
    def _tensors(self):
        call = self._cost._inbound_nodes[0].arguments
        return {
            "logits": self.output["logits"],
            "gmacs": self.output["gmacs"],
            "policies": dict(call.args[1]),
            "frame_logits": _only(self, AverageConsensus).input,
        }

    def with_outputs(self, *names):
        """A view of this model, on the same weights, with other outputs.

        Args:
            *names: Any of `"logits"` `[B, K]`, `"gmacs"` `[B]`, `"policies"` (dict of
                gate name to one-hot `[B, T, C, 3]`) and `"frame_logits"` `[B, T, K]`.

        Returns:
            A `VideoModel` with a dict of these outputs.
        """
        unknown = [name for name in names if name not in VIEWS]
        if unknown or not names:
            raise ValueError(
                f"Outputs must be among {list(VIEWS)}. Received: {list(names)}"
            )
        available = self._tensors
        return self._view({name: available[name] for name in names})

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
            `dict[str, Tensor]`, all zeros; `inference.state_bytes` tells its size.

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
            frames: `[B, k, H, W, 3]`, the next k frames of each stream: floats or uint8
                as for a call of the model.
            state: `initial_state(...)` or what the step before returned.
            reset: Boolean `[B]`; these streams start anew with this step.
            outputs: As in `with_outputs`.

        Returns:
            `(outputs, state)`: a dict with the logits `[B, K]` of the stream so far,
            the `gmacs` `[B]` of this step and whatever else was asked for; and the
            state for the next step, of the same keys, shapes and dtypes.

        Raises:
            ValueError: Frames or state of another shape, or no frames.
            TypeError: Frames that are neither floats nor uint8, or a state that is no
                dict of floats.
        """
        outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        return streaming.step(self, frames, state, reset, outputs)

    def dense_gmacs(self, num_frames, height, width):
        """GMACs per clip of the dense twin: all channels kept, no policy networks.

        Raises:
            ValueError: One that is no positive integer.
        """
        streaming.check_sizes(num_frames=num_frames, height=height, width=width)
        of_policies = tuple(f"{gate}_policy_" for gate in self.gates)
        twin = [op for op in self.cost_table if not op.name.startswith(of_policies)]
        return num_frames * costs.static_gmacs(twin, height, width)

    def __call__(self, inputs, *args, **kwargs):
        outputs.check_outer(self)
        return super().__call__(inputs, *args, **kwargs)

    def compile(
        self,
        optimizer="auto",
        loss="auto",
        *,
        loss_weights=None,
        metrics="auto",
        weighted_metrics=None,
        **kwargs,
    ):
        """Configures the training; what names no output belongs to the logits.

        Args:
            optimizer: `"auto"` is SGD, rate 0.01, momentum 0.9, gradients clipped to a
                norm of 20. Otherwise as in `keras.Model.compile`.
            loss: `"auto"` is the sparse categorical cross-entropy of the logits and,
                with gates that learn, `FlopsLoss` at the paper's weight: 0.1 times the
                GMACs per frame, little for networks much smaller than a ResNet.
                Otherwise a loss for the logits (the name of a cross-entropy means one
                from logits), or a dict with `"logits"` and `"gmacs"`.
            loss_weights: A number for the logits' loss, or a dict by output.
            metrics: `"auto"` is the accuracy of the logits and the mean GMACs per clip.
                Otherwise one or a list for the logits, or a dict by output.
            weighted_metrics: As `metrics`; none by default.
            **kwargs: Further arguments of `keras.Model.compile`.

        Raises:
            ValueError: An output that there is not; a cross-entropy of probabilities,
                as a loss or a metric.
        """
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = outputs.default_optimizer()
        learns = any(isinstance(g.policy, LearnedPolicy) for g in self.gates.values())
        super().compile(
            optimizer,
            loss=outputs.losses(loss, learns, self.preprocessing.num_frames),
            loss_weights=outputs.by_output("loss_weights", loss_weights),
            metrics=outputs.metrics(metrics),
            weighted_metrics=outputs.metrics(weighted_metrics),
            **kwargs,
        )

    def compile_from_config(self, config):
        """Compiles as the model was that `get_compile_config` is of."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    # `fit(clips, labels)` works with plain labels: the cost needs no target.
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        y, sample_weight = outputs.targets(y, y_pred, sample_weight)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y, sample_weight = outputs.targets(y, y_pred, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)


def _only(model, kind):
    """The one layer of a kind."""
    found = [layer for layer in model.layers if isinstance(layer, kind)]
    if len(found) != 1:
        raise ValueError(
            "The graph of a VideoClassifier has one ClipCost and one AverageConsensus, "
            "as that of `VideoClassifier(backbone, num_classes)`. Received a graph of "
            f"'{model.name}' with {len(found)} {kind.__name__}"
        )
    return found[0]
