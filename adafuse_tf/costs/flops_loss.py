"""The term that makes a policy economical (paper Eq. 6)."""

import keras
from keras import ops

FORMS = ("linear", "budget")


@keras.saving.register_keras_serializable(package="adafuse_tf")
class FlopsLoss(keras.losses.Loss):
    """Penalty on the `gmacs` output, for `compile(loss={"gmacs": FlopsLoss(...)})`.

    With `r = gmacs / reference`:

    - `"linear"`: `weight · r` (paper Eq. 6). The published λ multiply GFLOPs per
      frame: they mean `weight=λ, reference=T` here.
    - `"budget"`: `weight · (r - target)²`, to spend a given share of the reference.

    Args:
        weight: λ ≥ 0. The attribute `weight` is a variable and may be reassigned during
            training; the configuration has its present value.
        form: `"linear"` or `"budget"`.
        reference: GMACs per clip that count as 1, for example those of the dense twin;
            then λ means the same for networks of all sizes.
        target: For `"budget"`, the wanted share of `reference`.

    Call arguments:
        y_true: Ignored.
        y_pred: `[B]` GMACs per clip.

    Raises:
        ValueError: Unknown form, or a number out of its range.
    """

    def __init__(
        self, weight, form="linear", reference=1.0, target=None, name="flops", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        if form not in FORMS:
            raise ValueError(f"`form` must be one of {FORMS}. Received: form={form!r}")
        if weight < 0:
            raise ValueError(f"`weight` must be at least 0. Received: weight={weight}")
        if reference <= 0:
            raise ValueError(
                f"`reference` must be positive GMACs. Received: reference={reference}"
            )
        if (target is not None) != (form == "budget"):
            raise ValueError(
                "`target` goes with form='budget', and only with it. Received: "
                f"form={form!r}, target={target}"
            )
        self.weight = keras.Variable(
            float(weight), trainable=False, dtype="float32", name="flops_weight"
        )
        self.form = form
        self.reference = float(reference)
        self.target = target

    def call(self, y_true, y_pred):
        ratio = y_pred / self.reference
        if self.form == "budget":
            return self.weight * ops.square(ratio - self.target)
        return self.weight * ratio

    def get_config(self):
        config = super().get_config()
        config.update(
            weight=float(ops.convert_to_numpy(self.weight)),
            form=self.form,
            reference=self.reference,
            target=self.target,
        )
        return config
