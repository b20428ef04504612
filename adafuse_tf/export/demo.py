"""The end of the demo: its model as files, and a video through one of them."""

from pathlib import Path

from adafuse_tf import data
from adafuse_tf.export.export import Export, export_model_dir
from adafuse_tf.inference import VideoStream, stream_videos

NAME = "camera_moves"


def export_demo(output_dir: str | Path) -> Export:
    """Exports the AdaFuse model of a demo and streams a video through the .tflite.

    Args:
        output_dir: Where `training.demo.run_demo` has worked; writes to `exported` in
            it.
    """
    output_dir = Path(output_dir)
    print("\n=== Exporting AdaFuse for servers and phones", flush=True)
    export = export_model_dir(output_dir / "adafuse", output_dir / "exported", NAME)
    print(export)
    manifest = data.read_manifest(output_dir / "camera_moves" / "manifest.csv")
    item = next(item for item in manifest if item.split == "validation")
    print(f"\n=== Streaming a video of '{item.label}' through the .tflite", flush=True)
    stream = VideoStream(export.paths["tflite"], num_threads=1)
    # Frames as far apart as those that the model was trained on.
    step = max(1, len(data.read_video(item.path)) // stream.preprocessing.num_frames)
    for line in stream_videos(stream, [item.path], step):
        print(line, flush=True)
    return export
