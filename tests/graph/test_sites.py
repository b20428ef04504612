"""Where gates can sit, in networks that everybody knows and in those nobody does."""

import keras
import numpy as np
import pytest

import adafuse_tf
from adafuse_tf.costs.operation import positions
from adafuse_tf.graph import operations
from adafuse_tf.graph.network import Network
from adafuse_tf.graph.sizes import extents_of

layers = keras.layers


def names(model, **options):
    return [site.name for site in adafuse_tf.find_sites(model, **options)]


def chain(*steps, inputs=(32, 32, 3)):
    image = keras.Input(inputs)
    x = image
    for step in steps:
        x = step(x)
    return keras.Model(image, x)


def test_inverted_residuals_have_theirs_behind_the_depthwise_convolution():
    model = keras.applications.MobileNetV2(include_top=False, weights=None)
    sites = adafuse_tf.find_sites(model)
    assert len(sites) == 17 and round(sites.governed, 2) == 0.93
    assert sites.size == (224, 224) and 0.29 < sites.gmacs < 0.31
    site = sites[1]
    assert site.name == "block_1" and site.channels == 96
    assert site.producer == ("block_1_expand",)
    assert site.consumers == ("block_1_project",)
    assert site.between[-1] == "block_1_depthwise_relu"
    before = site.before_depthwise
    assert before.consumers == ("block_1_depthwise",)
    assert before.between[-1] == "block_1_expand_relu"
    assert before.gmacs < site.gmacs
    table = str(sites)
    assert "block_16_project" in table and "17 sites, which govern 93%" in table
    assert table == repr(sites)


@pytest.mark.parametrize(
    "name, count, governed",
    [("MobileNetV3Large", 22, 0.92), ("EfficientNetB0", 32, 0.95), ("VGG16", 12, 1.0),
     ("ResNet50", 33, 0.92), ("DenseNet121", 61, 0.96), ("InceptionV3", 61, 1.0)],
)  # fmt: skip
def test_known_networks(name, count, governed):
    model = getattr(keras.applications, name)(include_top=False, weights=None)
    sites = adafuse_tf.find_sites(model)
    assert len(sites) == count and round(sites.governed, 2) == governed
    assert not sites.unknown
    assert len({site.name for site in sites}) == count


def test_concatenations_have_slices():
    model = keras.applications.InceptionV3(include_top=False, weights=None)
    site = next(s for s in adafuse_tf.find_sites(model) if s.name == "mixed3_gate")
    # The pool of the module before has no convolution of its own.
    assert len(site.producer) == 2 and site.channels == 768
    assert [(start, stop) for _, start, stop in site.place.producers] == [
        (0, 384),
        (384, 480),
    ]


def test_a_sequential_network():
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Activation("gelu"),
            layers.ZeroPadding2D(),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(6),
        ]
    )
    sites = adafuse_tf.find_sites(model)
    assert [site.channels for site in sites] == [8, 12, 16]
    # Pooled rather than before it, and before the border rather than behind it.
    ends = [site.place.value.shape[1] for site in sites]
    assert ends[:2] == [15, 15]
    macs = (
        30 * 30 * 8 * (27 + 1) + 15 * 15 * 12 * (72 + 1) + 8 * 8 * 16 * (108 + 1) + 96
    )
    assert sites.gmacs * 1e9 == pytest.approx(macs)
    last = sites[2].gmacs * 1e9
    assert last == pytest.approx(8 * 8 * 16 * 109 + 96)


def test_where_no_gate_may_be():
    def place(after):
        conv = layers.Conv2D(8, 3, activation="relu")
        model = chain(conv, after, layers.Conv2D(4, 1))
        return [site.between for site in adafuse_tf.find_sites(model)]

    # These read all channels, or some.
    for after in (
        layers.LayerNormalization(),
        layers.Softmax(),
        layers.Conv2D(8, 3, groups=2),
        layers.Permute((2, 1, 3)),
    ):
        assert place(after) == [], after
    # And these need all of their own channels.
    for activation in ("softmax", lambda x: x - keras.ops.mean(x, -1, keepdims=True)):
        conv = layers.Conv2D(8, 3, activation=activation)
        assert names(chain(conv, layers.Conv2D(4, 1))) == [], activation
    # These make something of nothing: only behind them zeros stay zero.
    for after in (
        layers.Activation("sigmoid"),
        layers.BatchNormalization(),
        lambda x: x + 1.0,
    ):
        assert len(place(after)[0]) == 1, after
    for after in (layers.Dropout(0.3), layers.AveragePooling2D(2), lambda x: x / 6.0):
        assert len(place(after)) == 1, after
    # A linear layer, a residual sum, and a tensor that is an output, too.
    assert names(chain(layers.Conv2D(8, 3), layers.Conv2D(4, 1))) == []
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    y = layers.Conv2D(8, 3, padding="same")(x)
    assert names(keras.Model(image, layers.Add()([x, y]))) == []


def test_a_layer_that_is_used_twice():
    conv = layers.Conv2D(8, 3, padding="same", activation="relu", name="same")
    model = chain(
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        conv,
        conv,
        layers.Conv2D(4, 1),
    )
    sites = adafuse_tf.find_sites(model)
    assert [site.producer for site in sites[1:]] == [("same",), ("same_use2",)]
    assert sites[1].consumers == ("same_use2",)


def test_models_within_models_are_taken_apart():
    inner = chain(
        layers.Conv2D(8, 3, activation="relu", name="inner1"),
        layers.Conv2D(8, 3, activation="relu", name="inner2"),
        inputs=(None, None, 3),
    )
    model = chain(layers.Rescaling(1 / 255), inner, layers.Conv2D(4, 1, name="last"))
    sites = adafuse_tf.find_sites(model)
    assert [s.producer + s.consumers for s in sites] == [
        ("inner1", "inner2"),
        ("inner2", "last"),
    ]


@keras.saving.register_keras_serializable(package="adafuse_tf_tests")
class Doubled(layers.Layer):
    """Twice its input."""

    def call(self, x):
        return 2.0 * x


@keras.saving.register_keras_serializable(package="adafuse_tf_tests")
class Turned(layers.Conv2D):
    """A convolution that computes something else than its class says."""

    def call(self, x):
        return super().call(x)[..., ::-1]


def test_unknown_layers_are_named_and_can_be_registered(monkeypatch):
    monkeypatch.setattr(operations, "_registry", dict(operations._registry))
    model = chain(
        layers.Conv2D(8, 3, activation="relu"), Doubled(), layers.Conv2D(4, 1)
    )
    sites = adafuse_tf.find_sites(model)
    assert not sites and "layer class Doubled is not known" in str(sites)
    assert "adafuse_tf.register_operation(Doubled, ...)" in sites.unknown[0]
    adafuse_tf.register_operation(Doubled, "local", keeps_zero=True)
    sites = adafuse_tf.find_sites(model)
    assert len(sites) == 1 and not sites.unknown
    # A subclass with a call of its own is another layer, and its cost is measured.
    turned = chain(Turned(8, 3, name="turned", activation="relu"), layers.Conv2D(4, 1))
    sites = adafuse_tf.find_sites(turned)
    assert "Turned" in sites.unknown[0] and not sites
    macs = 30 * 30 * (8 * 27 + 4 * (8 + 1))
    assert sites.gmacs * 1e9 == pytest.approx(macs)
    open_size = chain(
        Turned(8, 3, activation="relu"), layers.Conv2D(4, 1), inputs=(None, None, 3)
    )
    sites = adafuse_tf.find_sites(open_size, size=(32, 32))
    assert sites.gmacs * 1e9 == pytest.approx(macs)
    for wrong in ("mix", None):
        with pytest.raises(ValueError, match="`kind` must be"):
            adafuse_tf.register_operation(Doubled, wrong)
    with pytest.raises(TypeError, match="subclass of keras.layers.Layer"):
        adafuse_tf.register_operation(Doubled(), "local")


class Subclassed(keras.Model):
    """No graph to read."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3)

    def call(self, x):
        return self.conv(x)


def image(shape=(32, 32, 3)):
    return keras.Input(shape)


def of_two_inputs():
    inputs = [image(), image()]
    return keras.Model(inputs, layers.Conv2D(4, 3)(layers.Concatenate()(inputs)))


def of_two_outputs():
    inputs = image()
    return keras.Model(inputs, [layers.Conv2D(4, 3)(inputs) for _ in range(2)])


# Models that cannot be read, by what is said of them.
REFUSED = {
    "one input.*Received 2": of_two_inputs,
    "one output.*Received 2": of_two_outputs,
    "`call` of its own.*keras.Model": Subclassed,
    "channels last.*data_format='channels_last'": lambda: chain(
        layers.Flatten(), inputs=(3, 32, 32)
    ),
    "map .B, H, W, C. or features": lambda: chain(
        layers.Conv2D(4, 3), layers.Reshape((-1, 4))
    ),
    "RGB images": lambda: chain(layers.Conv2D(4, 3), inputs=(32, 32, 1)),
    "not built yet": lambda: keras.Sequential([layers.Conv2D(4, 3)]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_read(message):
    with pytest.raises(ValueError, match=message):
        adafuse_tf.find_sites(REFUSED[message]())


def test_no_model_at_all():
    with pytest.raises(TypeError, match="must be a keras.Model.*Received: 'resnet'"):
        adafuse_tf.find_sites("resnet")


@pytest.mark.parametrize("size", [(32, 32), (37, 53), (224, 224), (65, 96)])
def test_positions_are_those_that_layers_have(size):
    model = chain(
        layers.ZeroPadding2D(((0, 1), (2, 0))),
        layers.Conv2D(4, (5, 3), strides=(2, 3), dilation_rate=1),
        layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
        layers.MaxPooling2D(3, 2, padding="same"),
        layers.UpSampling2D((2, 3)),
        layers.Conv2DTranspose(4, 3, strides=2),
        layers.Cropping2D(((1, 0), (0, 2))),
        layers.AveragePooling2D(2),
        inputs=(None, None, 3),
    )
    network = Network(model)
    extents = extents_of(network)
    x = np.zeros((1, *size, 3), "float32")
    for call in network.calls:
        x = call.operation(x)
        assert positions(extents[call.output], *size) == np.prod(x.shape[1:3])
