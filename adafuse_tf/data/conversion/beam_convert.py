"""The conversion as an Apache Beam pipeline, for more machines than one."""

from collections.abc import Iterable, Sequence

from adafuse_tf import files
from adafuse_tf.data.conversion import shard_files
from adafuse_tf.data.conversion.conversion_run import Conversion, ConversionRun
from adafuse_tf.data.conversion.convert import serialize
from adafuse_tf.data.conversion.encode_item import encode_item
from adafuse_tf.data.conversion.shards import Encoding, Shard
from adafuse_tf.data.item import Item


def convert_with_beam(
    items: Sequence[Item],
    output_dir: files.PathLike,
    *,
    runner: str,
    runner_options: Iterable[str] = (),
    num_shards: int = 4,
    short_side: int | None = None,
    jpeg_quality: int = 95,
    fps: float | None = None,
    progress: bool = False,
) -> Conversion:
    """Does the same as `convert`, to the byte; finished shards are kept likewise.

    A worker converts a shard from begin to end, so there should be several shards per
    worker. All workers need to see the videos and `output_dir` under the same paths.

    Args:
        items, output_dir, num_shards, short_side, jpeg_quality, fps: As in `convert`.
        runner: Name of the runner, such as `"DirectRunner"`.
        runner_options: Options of the pipeline, each `"name=value"`.
        progress: Say on stderr what is kept.

    Raises:
        ImportError: Apache Beam is not installed.
        ValueError: There is no such runner, or as in `convert`.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners.runner import create_runner
    except ImportError as error:
        raise ImportError(
            "`runner` needs Apache Beam: pip install 'adafuse_tf[beam]'"
        ) from error
    try:
        chosen = create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise ValueError(
            f"Apache Beam has no such runner ({error}). Received: runner={runner!r}"
        ) from error
    encoding = Encoding(short_side, jpeg_quality, fps)
    run = ConversionRun(items, output_dir, num_shards, encoding, progress)
    if run.missing:
        options = PipelineOptions([f"--{option}" for option in runner_options])
        with beam.Pipeline(runner=chosen, options=options) as pipeline:
            (
                pipeline
                | beam.Create(run.missing)
                | beam.Reshuffle()  # else one worker could take them all
                | beam.Map(_write, run.folder, encoding)
            )
    return run.finish()


def _write(shard: Shard, folder: str, encoding: Encoding) -> None:
    videos = (encode_item(item, encoding) for item in shard.items)
    shard_files.write_shard(folder, shard, serialize(shard, videos))
