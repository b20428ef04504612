"""A bucket and a web server on this machine, for tests of paths with a scheme."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from adafuse_tf.storage import file_systems
from tests.io.web_server import WebServer
from tests.training.conftest import clips_in_memory, tiny_model  # noqa: F401

BUCKET = "s3://videos"
_SECONDS_TO_START = 60


@pytest.fixture(scope="session")
def tensorflow_io():
    """Skips without the file systems of tensorflow-io."""
    try:
        file_systems.require_scheme(BUCKET)
    except file_systems.MissingFileSystemError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def s3_environment(tensorflow_io, tmp_path_factory):
    """An S3 server with an empty bucket, and what processes need to find it."""
    boto3 = pytest.importorskip("boto3", reason="needs moto[s3]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    log = (tmp_path_factory.mktemp("moto") / "log").open("w")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(environment["S3_ENDPOINT"], server)
        # For all of the session: TensorFlow reads them once.
        os.environ.update(environment)
        client = boto3.client("s3", endpoint_url=environment["S3_ENDPOINT"])
        client.create_bucket(Bucket=BUCKET.removeprefix("s3://"))
        yield environment
    finally:
        server.terminate()
        server.wait()
        log.close()


@pytest.fixture
def bucket(s3_environment, request):
    """A folder of its own for each test."""
    return f"{BUCKET}/{request.node.name.translate(str.maketrans('[]', '--'))}"


@pytest.fixture
def read_only(s3_environment):
    """The environment of a user who may read all buckets and write to none."""
    boto3 = pytest.importorskip("boto3")
    requests = pytest.importorskip("requests")  # one of moto's own
    url = s3_environment["S3_ENDPOINT"]
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1")
    actions = ["s3:Get*", "s3:List*", "s3:Head*"]  # S3 itself has no right to Head*
    may = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]

    def requests_before_rights_count(number):
        answer = requests.post(f"{url}/moto-api/reset-auth", data=number)
        answer.raise_for_status()

    requests_before_rights_count(b"0")
    yield {
        **s3_environment,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    requests_before_rights_count(b"inf")


@pytest.fixture
def web_server(tmp_path):
    """Serves `web_server.folder` as `web_server.url`."""
    folder = tmp_path / "www"
    folder.mkdir()
    with WebServer(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _wait_for(url, server):
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"moto does not start, exit code {server.poll()}")
