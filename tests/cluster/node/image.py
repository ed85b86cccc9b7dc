"""Write an image of one static program, as a docker archive: image.py NAME:TAG PROGRAM OUT.tar"""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path


def main(name: str, program: Path, out: Path) -> None:
    """The program stands at the image's root under its own name and is what runs."""
    layer = _tar({program.name: program.read_bytes()}, 0o755)
    digest = hashlib.sha256(layer).hexdigest()
    about = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    config = json.dumps(about).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    files = {f"{digest}/layer.tar": layer, config_name: config, "manifest.json": json.dumps(manifest).encode()}
    out.write_bytes(_tar(files, 0o644))


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))
    return written.getvalue()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
