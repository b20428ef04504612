"""From clips somewhere to batches of clips, whatever they are read from."""

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from adafuse_tf.data.augment.augmentation import Augmentation
from adafuse_tf.data.batching import dataset_steps
from adafuse_tf.data.batching.bad_items import BadItems
from adafuse_tf.data.batching.position import Position
from adafuse_tf.data.batching.views import Views
from adafuse_tf.data.preprocessing import Preprocessing
from adafuse_tf.data.sampling import Sampler

Element = dict[str, tf.Tensor]

# At a time, of each step; TensorFlow takes no more of them than it has threads.
_MOST_CALLS = 256
_NO_CLIP = "it is no clip, or one without frames"
_UNREADABLE = "its frames are not all readable and of one size"


class ClipSource(Protocol):
    """Where clips come from; operations may fail for damaged clips.

    Attributes:
        dataset: One element per clip. It does not fail.
        shuffle_clips: How many clips wait in the shuffle of training.
    """

    dataset: tf.data.Dataset
    shuffle_clips: int

    def begin_pass(self) -> None:
        """Called in Python before the first element of each pass."""

    def name(self, element: Element) -> tf.Tensor:
        """Returns what to call an element that cannot be opened."""

    def open(self, element: Element) -> Element:
        """Returns `count` (frames), `label` (int32), `name` and others."""

    def pick(self, opened: Element, indices: tf.Tensor) -> Element:
        """Returns what is needed of an opened clip to decode these frames `[N]`."""

    def decode(
        self, picked: Element, num_frames: int, window: Callable | None
    ) -> tf.Tensor:
        """Returns uint8 `[N, H, W, 3]`.

        `window`, if any, gives the part `[4]` to decode of frames of a size `[2]`.
        """


def batches(
    source: ClipSource,
    preprocessing: Preprocessing,
    batch_size: int,
    *,
    training: bool,
    augmentation: Augmentation | None = None,
    sampler: Sampler | None = None,
    views: Views | None = None,
    seed: int | None = None,
    position: Position | None = None,
    drop_remainder: bool = False,
    repeat: bool = False,
    names_only: bool = False,
    bad_items: BadItems,
) -> tf.data.Dataset:
    """Returns batches of clips; see `clips` for the arguments and the result."""
    sampler, views = sampler or Sampler(), views or Views()
    _check(batch_size, training, augmentation, views)
    num_frames = preprocessing.num_frames * views.num_clips
    draws = random_pairs(seed, position)

    def choose_frames(element):
        clip, draw = source.open(element["source"]), element["draw"]
        count = tf.maximum(clip["count"], 1)  # there is no frame 0 to pick then
        if training:
            indices = sampler.random_clip(count, num_frames, draw)
        else:
            indices = sampler.clips(count, preprocessing.num_frames, views.num_clips)
            indices = tf.reshape(indices, [num_frames])
        return {
            "name": clip["name"],
            "label": clip["label"],
            "picked": source.pick(clip, indices),
            # A further draw, so that the crop does not depend on the choice of frames.
            "draw": tf.random.fold_in(draw, 1),
        }

    def decode(clip):
        window = None
        if augmentation is not None:

            def window(size):
                return augmentation.window(size, clip["draw"])

        frames = source.decode(clip["picked"], num_frames, window)
        return {"frames": frames, "label": clip["label"], "draw": clip["draw"]}

    def prepare(clip):
        frames, label = clip["frames"], clip["label"]
        if augmentation is not None:
            draw = clip["draw"]
            return augmentation.apply_in_window(frames, label, preprocessing, draw)
        crops = views.crops(frames, preprocessing)
        if views.num_crops == 1:
            return crops[0], label
        return crops, tf.repeat(label, views.num_crops)

    def careful_map(dataset, function, name, cause, at_end=None):
        return dataset_steps.careful_map(
            dataset,
            function,
            name,
            report=lambda name: bad_items.add(name, cause),
            remember=bad_items.max_bad + 1,
            at_end=at_end,
        )

    def begin_pass():
        bad_items.begin_pass()
        source.begin_pass()

    # In the order of the keys: `begin_pass` comes before the first clip.
    draws = dataset_steps.before_each_pass(draws, begin_pass)
    dataset = tf.data.Dataset.zip({"draw": draws, "source": source.dataset})
    dataset = careful_map(
        dataset, choose_frames, lambda e: source.name(e["source"]), _NO_CLIP
    )
    if training:
        # After the choice of frames: unused frames would fill the memory.
        dataset = _shuffle(dataset, source.shuffle_clips, seed, position)
    options = _options(not training or seed is not None or position is not None)
    if names_only:
        return dataset.map(lambda clip: clip["name"]).with_options(options)
    if repeat:
        dataset = dataset.repeat()
    # Bad clips go before batching: batches stay full.
    dataset = careful_map(
        dataset, decode, lambda clip: clip["name"], _UNREADABLE, bad_items.check
    )
    if views.num_clips > 1:
        dataset = dataset.map(lambda clip: _split(clip, views.num_clips)).unbatch()
    dataset = dataset.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    if views.num_crops > 1:
        dataset = dataset.unbatch()
    dataset = dataset.batch(batch_size, drop_remainder)
    # Later than any step that skips errors.
    dataset = dataset.filter(lambda *_: ~dataset_steps.call(bad_items.check, []))
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def random_pairs(
    seed: int | None, position: Position | None, clips_per_pair: int | None = None
) -> tf.data.Dataset:
    """Random integers `[2]` without end, to seed random operations with.

    Args:
        seed, position: As in `clips`.
        clips_per_pair: How many of a worker's clips share a pair: the pairs of those
            before the position are left out. `None` begins with the pass's first.
    """

    def draw(seed):
        return tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)

    if position is None:
        return draw(seed)
    if clips_per_pair is None:
        return dataset_steps.anew_each_pass(draw, position.seed_of_pass)
    return dataset_steps.anew_each_pass(
        lambda seed, clips: draw(seed).skip(clips // clips_per_pair),
        position.seed_of_pass,
        lambda: position.clips_behind() // position.num_workers,
    )


def _shuffle(dataset, size, seed, position) -> tf.data.Dataset:
    """Shuffles, and leaves out what comes before the position and what others have.

    With a position it shuffles within blocks, because the order of `tf.data`'s own
    shuffle depends on how many passes there were.
    """
    if position is None:
        return dataset.shuffle(size, seed)

    def shuffle_block(place, numbered):
        number, block = numbered
        count = tf.shape(tf.nest.flatten(block)[0])[0]
        shuffled = tf.random.experimental.stateless_shuffle(
            tf.range(count), tf.stack([place["seed"], number])
        )
        behind = tf.clip_by_value(place["clips"] - number * size, 0, size)
        return tf.nest.map_structure(lambda x: tf.gather(x, shuffled[behind:]), block)

    places = dataset_steps.anew_each_pass(
        lambda seed, clips: tf.data.Dataset.from_tensors(
            {"seed": seed, "clips": clips}
        ).repeat(),
        position.seed_of_pass,
        position.clips_behind,
    )
    blocks = dataset.batch(size).enumerate()
    dataset = tf.data.Dataset.zip(places, blocks).map(shuffle_block).prefetch(1)
    dataset = dataset.unbatch()
    if position.num_workers == 1:
        return dataset
    shares = dataset.batch(position.share)
    return shares.shard(position.num_workers, position.worker).unbatch()


def _check(batch_size, training, augmentation, views) -> None:
    if batch_size < 1:
        raise ValueError(
            f"`batch_size` must be >= 1. Received: batch_size={batch_size}"
        )
    if augmentation is not None and not training:
        raise ValueError(
            "`augmentation` is for training; leave it out for evaluation. "
            f"Received: augmentation={augmentation}, training={training}"
        )
    if len(views) > 1 and training:
        raise ValueError(
            "`views` are for evaluation; leave them out for training. "
            f"Received: views={views}, training={training}"
        )


def _split(clip: Element, num_clips: int) -> Element:
    """One element of frames `[V * T, H, W, 3]` as one of V elements, for `unbatch`."""
    shape = tf.shape(clip["frames"])
    frames = tf.reshape(clip["frames"], tf.concat([[num_clips, -1], shape[1:]], 0))
    length = clip["frames"].shape[0] // num_clips
    frames = tf.ensure_shape(frames, [num_clips, length, None, None, 3])
    return {"frames": frames, "label": tf.repeat(clip["label"], num_clips)}


def _options(deterministic: bool) -> tf.data.Options:
    options = tf.data.Options()
    # Without a seed nobody can tell the order, so a slow clip need not hold up others.
    options.deterministic = deterministic
    # TensorFlow tunes in a thread of its own, which may miss the signal to end: it is
    # given before `IsCancelled` is true. Whoever lets go of an iterator, as `fit` does
    # after an epoch, then waits until that thread wakes up by itself, up to a minute.
    # Without tuning there are as many calls at a time as this, or as processors.
    options.autotune.enabled = False
    options.autotune.initial_parallelism = _MOST_CALLS
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return options
