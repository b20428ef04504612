"""Model Garden's image operations, imported where they are asked for."""


def augment_ops():
    """Returns `official.vision.ops.augment`; the first import takes seconds.

    Raises:
        ImportError: Model Garden is not installed.
    """
    try:
        from official.vision.ops import augment
    except ImportError as error:
        raise ImportError(
            "Colour jitter and RandAugment use Model Garden (tf-models-official); "
            f"pip install 'adafuse_tf[train]'. The import failed with: {error}"
        ) from error
    return augment
