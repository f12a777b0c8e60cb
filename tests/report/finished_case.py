"""What the finished case of these tests is made with."""

PASSPHRASE = "correct horse battery staple"
FAST = {"iterations": 1, "lanes": 1, "memory_kib": 64}
SIZE = {"width": 64, "height": 48, "preset": "ct-bone"}
RECIPE = {
    "name": "bone",
    "steps": [
        {"id": "bone", "operation": "segment-bone", "inputs": {"volume": "source"}},
        {"id": "only", "operation": "keep-inside", "inputs": {"volume": "source", "labels": "bone"}},
        {"id": "front", "operation": "mip", "inputs": {"volume": "source"}, "parameters": SIZE},
        {"id": "left", "operation": "mip", "inputs": {"volume": "source"}, "parameters": {**SIZE, "view": "left"}},
        {"id": "solid", "operation": "volume", "inputs": {"volume": "only"}, "parameters": SIZE},
        {"id": "size", "operation": "measure-segments", "inputs": {"volume": "source", "labels": "bone"}},
    ],
    "outputs": [
        {"step": "front", "file": "front.dcm"},
        {"step": "front", "file": "front.png"},
        {"step": "left", "file": "left.png"},
        {"step": "solid", "file": "solid.dcm"},
        {"step": "bone", "file": "bone.nii.gz"},
        {"step": "size", "file": "size.json"},
    ],
}

QUICK = {**RECIPE, "name": "front", "steps": RECIPE["steps"][2:3], "outputs": RECIPE["outputs"][1:2]}
"""One picture."""
