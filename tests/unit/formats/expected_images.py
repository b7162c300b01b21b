"""What is in each sample of what image builders write."""

from tests.unit.formats.expected import Expected

_APP, _WORKER = "4be1" * 16, "90cd" * 16

SAMPLES: dict[str, Expected] = {
    "images/build-metadata.json": Expected(
        "buildx-metadata",
        passed=True,
        evidence={
            "images": 1,
            "sha256": _APP,
            "size": 856,
            "builder": "https://github.com/acme/app/actions/runs/4711",
            "name": "registry.example.com/acme/app:1.4.0, registry.example.com/acme/app:latest",
        },
    ),
    "images/bake-metadata.json": Expected(
        "buildx-metadata", passed=True, evidence={"images": 2, "sha256": None, "builder": None}
    ),
    "images/digest": Expected("image-digest", passed=True, evidence={"images": 1, "sha256": _APP, "name": None}),
    "images/image-name-with-digest": Expected(
        "image-digest",
        passed=True,
        evidence={
            "images": 1,
            "sha256": _APP,
            "name": "registry.example.com/acme/app, registry.example.com:5000/acme/app:1.4.0",
        },
    ),
    "images/index.json": Expected("oci-index", passed=True, evidence={"images": 2, "sha256": None, "name": "1.4.0"}),
}
